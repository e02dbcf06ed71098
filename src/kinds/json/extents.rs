//! Where JSON stands inside a text: after a command's prompt line, between tags, below a sentence.
//!
//! Cost: linear. A scan that breaks off is resumed where it broke, keeping the containers that were
//! complete by then; nesting is bounded, so that not even a million `[` are scanned more than
//! [`super::tape::MAX_DEPTH`] times.

use std::ops::Range;

use super::tape::{self, Event};

/// Shorter JSON is not worth a block of its own, in bytes.
const MIN_BYTES: usize = 200;

/// The complete JSON containers in `text`, each at least 200 bytes long and followed by a line break
/// or the end. Containers on consecutive lines (NDJSON) are one extent. In order, never overlapping;
/// the line break after an extent is not part of it.
pub fn extents(text: &str) -> Vec<Range<usize>> {
    find(text, 0).unwrap_or_default()
}

/// Whether the extents of a text have so many bytes at least. Gives up where they cannot.
pub fn cover(text: &str, least: usize) -> bool {
    find(text, least).is_some_and(|found| found.iter().map(Range::len).sum::<usize>() >= least)
}

/// The extents; `None` as soon as they cannot have `least` bytes any more.
fn find(text: &str, least: usize) -> Option<Vec<Range<usize>>> {
    let b = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let mut starts: Vec<usize> = Vec::new();
    let mut gaps = Gaps::new(b);
    while let Some(open) = b.get(at..).and_then(|rest| memchr::memchr2(b'{', b'[', rest)) {
        let start = at + open;
        let first = found.len();
        starts.clear();
        let scan = tape::value(b, start, &mut |event| match event {
            Event::Open(at) => starts.push(at),
            Event::Close(end) => {
                if let Some(start) = starts.pop() {
                    // What lies inside is part of this one now.
                    while found.len() > first && found.last().is_some_and(|inner| inner.start > start) {
                        found.pop();
                    }
                    found.push(start..end);
                }
            }
            Event::Scalar(..) => {}
        });
        at = match scan {
            Ok(end) => end,
            Err(broken) => broken.max(start + 1),
        };
        found.get(first..).unwrap_or_default().iter().for_each(|range| gaps.pass(range));
        if gaps.up_to(start) + least > b.len() {
            return None;
        }
    }
    if gaps.up_to(b.len()) + least > b.len() {
        return None;
    }
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in found {
        match out.last_mut() {
            Some(last) if only_a_break(b, last.end..range.start) => last.end = range.end,
            _ => out.push(range),
        }
    }
    out.retain(|range| range.len() >= MIN_BYTES && ends_line(b, range.end));
    Some(out)
}

/// Counts the bytes that can be part of no extent: those between values, unless all are white space.
struct Gaps<'b> {
    bytes: &'b [u8],
    /// Where the last value ended.
    seen: usize,
    /// The first byte behind it that is no white space.
    solid: usize,
    /// Bytes in the gaps before it.
    before: usize,
}

impl<'b> Gaps<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let mut out = Gaps { bytes, seen: 0, solid: 0, before: 0 };
        out.solid = out.next_solid();
        out
    }

    fn next_solid(&self) -> usize {
        let rest = self.bytes.get(self.seen..).unwrap_or_default();
        self.seen + rest.iter().take_while(|c| c.is_ascii_whitespace()).count()
    }

    /// Bytes in the gaps before `at`, where a value may begin.
    fn up_to(&self, at: usize) -> usize {
        self.before + if self.solid < at { at - self.seen } else { 0 }
    }

    /// Goes on behind a value.
    fn pass(&mut self, value: &Range<usize>) {
        self.before = self.up_to(value.start);
        self.seen = value.end;
        self.solid = self.next_solid();
    }
}

/// Whether only white space with a line break lies between two values.
fn only_a_break(b: &[u8], between: Range<usize>) -> bool {
    let between = &b[between];
    between.contains(&b'\n') && between.iter().all(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n'))
}

fn ends_line(b: &[u8], at: usize) -> bool {
    let rest = b[at..].iter().find(|c| !matches!(c, b' ' | b'\t' | b'\r'));
    matches!(rest, None | Some(b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(n: usize) -> String {
        format!("[{}]", vec!["{\"a\": 1}"; n].join(", "))
    }

    fn found(text: &str) -> Vec<&str> {
        extents(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn json_is_found_among_lines() {
        let (long, short) = (json(30), json(3));
        assert_eq!(found(&format!("$ get [x]\n{long}\n</output>\n{short}\n")), [long.as_str()]);
        assert_eq!(found(&format!("Use {{these}}: {long}  \r\nand {long}.")), [long.as_str()]);
        assert_eq!(found(&long), [long.as_str()]);
        let lines = vec!["{\"level\":\"info\"}"; 20].join("\n");
        assert_eq!(found(&format!("log:\n{lines}\n")), [lines.as_str()]);
    }

    #[test]
    fn broken_json_yields_its_complete_parts() {
        let long = json(30);
        let text = format!("{{\"ok\": 1, \"items\": [\n{long}\n, {{\"x\": \"unterminated");
        assert_eq!(found(&text), [long.as_str()]);
    }

    #[test]
    fn hostile_texts_are_scanned_in_linear_time() {
        for text in [
            "[".repeat(1_000_000),
            "{\"".repeat(500_000),
            "[1,".repeat(300_000),
            "[{},".repeat(250_000),
            "[\"[".repeat(300_000),
        ] {
            assert!(extents(&text).is_empty());
        }
    }
}
