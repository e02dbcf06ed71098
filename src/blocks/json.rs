//! Where complete JSON objects and arrays stand in a text.
//!
//! A value is found if it begins at a line's start (or after a few words on a line) and the line ends
//! where it ends. Whether something is a value depends on its own bytes alone. Cost: linear, without
//! recursion: a scan that fails resumes behind the place where it failed, since everything that was
//! complete before it has been noted on the way.

use std::ops::Range;

/// Deeper nesting is not read as JSON.
const MAX_DEPTH: usize = 512;
/// A value may begin within a line after at most this many bytes ("Here is the data: {…").
const MAX_LEAD_BYTES: usize = 300;

/// The outermost objects and arrays in `within`, in order.
pub(super) fn extents(text: &str, within: Range<usize>) -> Vec<Range<usize>> {
    extents_of(text, within, 0)
}

/// The same, or none as soon as they cannot have `least` bytes together.
pub(super) fn extents_of(text: &str, within: Range<usize>, least: usize) -> Vec<Range<usize>> {
    let bytes = &text.as_bytes()[..within.end];
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut line = within.start;
    let (mut inside, mut summed) = (0, 0);
    while line < bytes.len() {
        inside += out.get(summed..).unwrap_or_default().iter().map(Range::len).sum::<usize>();
        summed = out.len();
        if inside + (bytes.len() - line) < least {
            return Vec::new();
        }
        let line_end = memchr::memchr(b'\n', &bytes[line..]).map_or(bytes.len(), |at| line + at + 1);
        let mut next = line_end;
        if let Some(start) = candidate(bytes, line, line_end) {
            let mut scan = Scan { bytes, at: start, stack: Vec::new(), found: Vec::new(), line };
            let complete = scan.run();
            if let Some(end) = complete
                && let Some(end) = line_rest(bytes, end)
            {
                let start = if is_blank(&bytes[line..start]) { line } else { start };
                out.push(start..end);
                next = end;
            } else {
                // What was complete inside stays a value of its own; the rest of it cannot become one.
                let at = scan.at.min(bytes.len());
                out.append(&mut scan.found);
                // The line on which it failed may itself begin a value.
                let failed_line = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |n| n + 1);
                next = next.max(failed_line).max(out.last().map_or(0, |found| found.end));
            }
        }
        line = next;
    }
    out
}

/// Where a value may begin on this line.
fn candidate(bytes: &[u8], line: usize, line_end: usize) -> Option<usize> {
    let head = &bytes[line..line_end.min(line + MAX_LEAD_BYTES)];
    let first = head.iter().position(|b| !b.is_ascii_whitespace())?;
    if matches!(head[first], b'{' | b'[') {
        return Some(line + first);
    }
    // After words: not inside quotes (that would be a member of something larger).
    let at = memchr::memchr3(b'{', b'[', b'"', head)?;
    (head[at] != b'"' && matches!(head[at - 1], b' ' | b':')).then_some(line + at)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

/// The end of the line, newline included, if nothing but blanks stands between `at` and it.
fn line_rest(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    match rest.get(blanks) {
        None => Some(bytes.len()),
        Some(b'\n') => Some(at + blanks + 1),
        Some(_) => None,
    }
}

/// What may come next.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

struct Open {
    is_object: bool,
    start: usize,
    at_line_start: bool,
}

struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    stack: Vec<Open>,
    /// Complete values inside that stand on lines of their own.
    found: Vec<Range<usize>>,
    /// Start of the current line.
    line: usize,
}

impl Scan<'_> {
    /// Reads one value; its end, or `None` with `at` where it failed.
    fn run(&mut self) -> Option<usize> {
        let mut expect = Expect::Value;
        loop {
            self.blanks();
            let byte = *self.bytes.get(self.at)?;
            match byte {
                b'{' | b'[' if matches!(expect, Expect::Value | Expect::ValueOrEnd) => {
                    if self.stack.len() >= MAX_DEPTH {
                        return None;
                    }
                    let at_line_start = is_blank(&self.bytes[self.line..self.at]);
                    let start = if at_line_start { self.line } else { self.at };
                    self.stack.push(Open { is_object: byte == b'{', start, at_line_start });
                    self.at += 1;
                    expect = if byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
                }
                b'}' | b']'
                    if matches!(expect, Expect::CommaOrEnd | Expect::KeyOrEnd | Expect::ValueOrEnd) =>
                {
                    let open = self.stack.pop()?;
                    if open.is_object != (byte == b'}') {
                        return None;
                    }
                    self.at += 1;
                    if self.stack.is_empty() {
                        return Some(self.at);
                    }
                    self.note(&open);
                    expect = Expect::CommaOrEnd;
                }
                b',' if expect == Expect::CommaOrEnd => {
                    self.at += 1;
                    let in_object = self.stack.last()?.is_object;
                    expect = if in_object { Expect::Key } else { Expect::Value };
                }
                b'"' if expect != Expect::CommaOrEnd => {
                    self.string()?;
                    if matches!(expect, Expect::Key | Expect::KeyOrEnd) {
                        self.blanks();
                        if self.bytes.get(self.at) != Some(&b':') {
                            return None;
                        }
                        self.at += 1;
                        expect = Expect::Value;
                    } else {
                        expect = Expect::CommaOrEnd;
                    }
                }
                _ if matches!(expect, Expect::Value | Expect::ValueOrEnd) => {
                    self.scalar()?;
                    expect = Expect::CommaOrEnd;
                }
                _ => return None,
            }
        }
    }

    /// Remembers a value on lines of its own, in place of those inside it.
    fn note(&mut self, open: &Open) {
        if open.at_line_start
            && let Some(end) = line_rest(self.bytes, self.at)
        {
            while self.found.last().is_some_and(|inner| inner.start >= open.start) {
                self.found.pop();
            }
            self.found.push(open.start..end);
        }
    }

    fn blanks(&mut self) {
        while let Some(b) = self.bytes.get(self.at) {
            match b {
                b'\n' => self.line = self.at + 1,
                b' ' | b'\t' | b'\r' => {}
                _ => break,
            }
            self.at += 1;
        }
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            self.at += memchr::memchr3(b'"', b'\\', b'\n', rest)?;
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at = (self.at + 2).min(self.bytes.len()),
                _ => return None,
            }
        }
    }

    fn scalar(&mut self) -> Option<()> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
        let word = &rest[..len];
        let is_number = word.iter().any(u8::is_ascii_digit)
            && word.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b))
            && (word[0] == b'-' || word[0].is_ascii_digit());
        if !(is_number || matches!(word, b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity"))
        {
            return None;
        }
        self.at += len;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        extents(text, 0..text.len()).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn values_on_lines_of_their_own() {
        assert_eq!(
            found("see\n{\"a\": [1, 2.5e3]}\nand\n  [true,\n null]  \nend"),
            ["{\"a\": [1, 2.5e3]}\n", "  [true,\n null]  \n"]
        );
        assert_eq!(found("[INFO] started\n{not json}\n[1, 2] and more\n[]"), ["[]"]);
        assert_eq!(found("{\"a\": \"x\ny\"}"), Vec::<&str>::new());
    }

    #[test]
    fn a_value_after_words_on_its_line() {
        assert_eq!(found("Look at this: {\"a\": 1}\nplease"), ["{\"a\": 1}\n"]);
        assert_eq!(found("Look at this: {\"a\": 1}, please"), Vec::<&str>::new());
        assert_eq!(found("\"key\": [1]\n"), Vec::<&str>::new());
    }

    #[test]
    fn complete_values_inside_a_broken_one_are_found() {
        assert_eq!(found("[\n[\n{\"a\": 1}\n,\n[2]\n"), ["{\"a\": 1}\n", "[2]\n"]);
        assert_eq!(found("[\n[1]\n{\"b\": 2}\n"), ["[1]\n", "{\"b\": 2}\n"]);
    }

    #[test]
    fn hostile_nesting_is_linear() {
        let deep = "[\n".repeat(200_000);
        assert!(found(&deep).is_empty());
        let deep = "{\"a\":[".repeat(100_000);
        assert!(found(&deep).is_empty());
    }
}
