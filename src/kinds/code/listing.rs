//! Line numbers before the lines: `cat -n`, `nl`, the viewers of coding agents. Thinning them is
//! data-equal: the number stays on every [`STEP`]th line, on the first of a run and behind every mark,
//! the others keep the separator alone, and [`expand`] counts on.
//!
//! ```text
//! words = "line numbers on every 5th line, width " w (", after " separator)? (", in lines " a "-" b (" " a "-" b)*)?
//! ```
//!
//! `w` is the width to which numbers are padded on the left; without a separator it is a tab; `a-b`
//! count lines of the compressed block, without them all of its lines are numbered. Cost: linear.

use std::fmt::Write;
use std::ops::Range;

use crate::mark::MARK_OPEN;
use crate::select::Span;

/// Numbers stay on lines whose number is a multiple of this: a reader never counts further than four
/// lines. Ten would save one token in a hundred more (measured on listings of agents).
pub const STEP: usize = 5;
/// Fewer numbered lines in a row than this are not worth words.
const MIN_RUN: usize = 4;
/// More runs than this are no listing.
const MAX_RUNS: usize = 8;
/// Numbers are padded to at most this width.
const MAX_WIDTH: usize = 12;
/// What stands between number and line, the longest first where one starts with another.
const SEPARATORS: [&str; 8] = ["\t", "→", " | ", "| ", "|", ": ", ":", "  "];

/// A run of consecutively numbered lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its lines.
    pub lines: Range<usize>,
    /// The number of its first line.
    pub first: usize,
}

/// How the lines of a text are numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Width of padded numbers.
    width: usize,
    separator: &'static str,
    /// The numbered lines.
    pub runs: Vec<Run>,
}

/// The padding and the number that `line` starts with, and what follows.
fn number(line: &str) -> Option<(usize, usize, usize, &str)> {
    let pad = line.bytes().take(MAX_WIDTH).take_while(|b| *b == b' ').count();
    let digits = line.as_bytes()[pad..].iter().take(9).take_while(|b| b.is_ascii_digit()).count();
    let text = &line[pad..pad + digits];
    if digits == 0 || digits > 8 || text.starts_with('0') {
        return None;
    }
    Some((pad, digits, text.parse().ok()?, &line[pad + digits..]))
}

impl Listing {
    /// Finds the numbering of `lines`, if most of them are numbered one after the other.
    pub fn find(text: &str, lines: &[Span]) -> Option<Self> {
        let separator = Self::separator(text, lines)?;
        let mut runs: Vec<Run> = Vec::new();
        let mut width = 0;
        let mut widest_open = 0;
        for (i, line) in lines.iter().enumerate() {
            let Some((pad, digits, n, rest)) = number(&text[line.range()]) else { continue };
            if !rest.starts_with(separator) {
                continue;
            }
            if pad > 0 {
                if width != 0 && width != pad + digits {
                    return None;
                }
                width = pad + digits;
            } else {
                widest_open = if widest_open == 0 { digits } else { widest_open.min(digits) };
            }
            match runs.last_mut() {
                Some(run) if run.lines.end == i && run.first + run.lines.len() == n => run.lines.end = i + 1,
                _ => runs.push(Run { lines: i..i + 1, first: n }),
            }
        }
        let numbered: usize = runs.iter().map(|r| r.lines.len()).sum();
        // A number without padding must be as wide as padding would make it.
        let is_padded_well = width == 0 || widest_open == 0 || widest_open >= width;
        runs.retain(|run| run.lines.len() >= MIN_RUN);
        let kept: usize = runs.iter().map(|r| r.lines.len()).sum();
        let is_listing = is_padded_well
            && !runs.is_empty()
            && runs.len() <= MAX_RUNS
            && kept * 10 >= numbered * 9
            && kept * 2 > lines.len();
        is_listing.then_some(Listing { width, separator, runs })
    }

    /// The separator of the first line that goes on where the one before it stopped.
    fn separator(text: &str, lines: &[Span]) -> Option<&'static str> {
        let mut last: Option<(usize, &'static str)> = None;
        for line in lines.iter().take(MAX_LINES_BEFORE) {
            let found = number(&text[line.range()]).and_then(|(_, _, n, rest)| {
                let line = rest.trim_end_matches(['\n', '\r']);
                let separator = SEPARATORS
                    .iter()
                    .find(|s| rest.starts_with(**s) || line == s.trim_end() && !line.is_empty())?;
                Some((n, *separator))
            });
            if let (Some((n, _)), Some((m, before))) = (found, last)
                && m + 1 == n
            {
                return Some(before);
            }
            last = found;
        }
        None
    }

    /// Bytes of the number and separator of a line of a run.
    pub fn prefix_len(&self, line: &str) -> usize {
        number(line).map_or(0, |(pad, digits, _, rest)| {
            pad + digits + if rest.starts_with(self.separator) { self.separator.len() } else { 0 }
        })
    }

    /// Writes the kept `pieces` of lines with thinned numbers into `out`, and the words for `expand`.
    ///
    /// `visible` says for each line of the source whether it is kept; `mark` writes what stands for the
    /// omitted run that starts at a line, and returns where it ends.
    pub fn write(
        &self,
        text: &str,
        lines: &[Span],
        visible: &[bool],
        mut mark: impl FnMut(&mut String, usize) -> usize,
    ) -> (String, String) {
        let mut out = String::with_capacity(text.len());
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let mut written = 0;
        let mut i = 0;
        let mut runs = self.runs.iter().peekable();
        while i < lines.len() {
            while runs.peek().is_some_and(|run| run.lines.end <= i) {
                runs.next();
            }
            let run = runs.peek().filter(|run| run.lines.start <= i);
            let starts_run = run.is_some_and(|run| run.lines.start == i);
            if !visible.get(i).copied().unwrap_or(true) {
                let end = mark(&mut out, i).max(i + 1);
                // The mark belongs to the span that it interrupts.
                if run.is_some_and(|run| run.lines.contains(&(end - 1)))
                    && !starts_run
                    && let Some(span) = spans.last_mut()
                {
                    span.1 = written;
                }
                i = end;
                written += 1;
                continue;
            }
            let line = &text[lines[i].range()];
            match run {
                Some(run) => {
                    let n = run.first + i - run.lines.start;
                    let prefix = self.prefix_len(line);
                    let after_gap = i == 0 || !visible.get(i - 1).copied().unwrap_or(true);
                    if starts_run || after_gap || n.is_multiple_of(STEP) {
                        // Writing to a String cannot fail.
                        let _ = write!(out, "{n}");
                    }
                    out.push_str(&line[prefix - self.separator.len()..]);
                    match spans.last_mut() {
                        Some(span) if span.1 + 1 == written => span.1 = written,
                        _ => spans.push((written, written)),
                    }
                }
                None => out.push_str(line),
            }
            i += 1;
            written += 1;
        }
        let mut words = format!("line numbers on every {STEP}th line, width {}", self.width);
        if self.separator != "\t" {
            // Writing to a String cannot fail.
            let _ = write!(words, ", after {:?}", self.separator);
        }
        if spans != [(0, written.saturating_sub(1))] {
            words.push_str(", in lines");
            for (a, b) in spans {
                let _ = write!(words, " {}-{}", a + 1, b + 1);
            }
        }
        (out, words)
    }
}

/// A listing shows itself within this many lines.
const MAX_LINES_BEFORE: usize = 200;

/// Puts the thinned numbers back. `None` if `words` are not of a listing or the body is damaged.
pub fn expand(body: &str, words: &str) -> Option<String> {
    let rest =
        words.strip_prefix("line numbers on every ")?.strip_prefix(&format!("{STEP}th line, width "))?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let width: usize = rest[..digits].parse().ok().filter(|w| *w <= MAX_WIDTH + 8)?;
    let mut rest = &rest[digits..];
    let mut separator = "\t";
    if let Some(after) = rest.strip_prefix(", after \"") {
        let (quoted, tail) = after.split_once('"')?;
        separator = SEPARATORS.iter().copied().find(|s| *s == quoted)?;
        rest = tail;
    }
    let spans: Option<Vec<(usize, usize)>> = match rest.strip_prefix(", in lines ") {
        Some(list) => {
            let span = |s: &str| -> Option<(usize, usize)> {
                let (a, b) = s.split_once('-')?;
                Some((a.parse().ok()?, b.parse().ok()?))
            };
            Some(list.split(' ').map(span).collect::<Option<_>>()?)
        }
        None if rest.is_empty() => None,
        None => return None,
    };
    let mut out = String::with_capacity(body.len() + body.len() / 4);
    let mut next: Option<usize> = None;
    let mut span = 0;
    for (i, line) in body.split_inclusive('\n').enumerate() {
        let inside = match &spans {
            None => true,
            Some(spans) => {
                while spans.get(span).is_some_and(|s| s.1 < i + 1) {
                    span += 1;
                    next = None;
                }
                spans.get(span).is_some_and(|s| s.0 <= i + 1)
            }
        };
        if !inside || line.starts_with(MARK_OPEN) {
            next = None;
            out.push_str(line);
            continue;
        }
        let shown = line.bytes().take_while(u8::is_ascii_digit).count();
        let n = if shown > 0 { line[..shown].parse().ok()? } else { next? };
        if !line[shown..].starts_with(separator) {
            return None;
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{n:>width$}");
        out.push_str(&line[shown..]);
        next = Some(n.checked_add(1)?);
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::select;

    fn round_trip(text: &str) -> String {
        let lines = select::spans(text);
        let listing = Listing::find(text, &lines).unwrap();
        let (body, words) = listing.write(text, &lines, &vec![true; lines.len()], |_, i| i + 1);
        assert_eq!(expand(&body, &words).as_deref(), Some(text), "{words}\n{body}");
        words
    }

    fn numbered(from: usize, to: usize, format: impl Fn(usize) -> String) -> String {
        (from..=to).map(format).collect()
    }

    #[test]
    fn listings_come_back_exactly() {
        assert_eq!(
            round_trip(&numbered(98, 120, |n| format!("{n:>6}\t  x{n}\n"))),
            "line numbers on every 5th line, width 6"
        );
        round_trip(&numbered(1, 12, |n| format!("{n:>6}\t{}\r\n", n * n)));
        round_trip(&numbered(99_990, 1_000_020, |n| format!("{n:>6}\t\n")).replace("99995\t", "99995\t7\t"));
        round_trip(&numbered(1, 12, |n| format!("{n:>6}→\tx\n")));
        round_trip(&numbered(1, 12, |n| format!("{n}: x: {n}\n")));
        round_trip(&numbered(8, 12, |n| format!("{n:>4} | x\n")));
        let words = round_trip(&format!(
            "Here is the file:\n{}[3 more lines]\n{}done",
            numbered(1, 12, |n| format!("{n:>6}\tx\n")),
            numbered(30, 40, |n| format!("{n:>6}\ty\n"))
        ));
        assert!(words.ends_with("in lines 2-13 15-25"), "{words}");
    }

    #[test]
    fn what_is_not_numbered_in_order_is_no_listing() {
        for text in ["3\ta\n9\tb\n4\tc\n1\td\n2\te\n", "1 a\n2 b\n3 c\n4 d\n", "a\nb\nc\nd\n", ""] {
            assert_eq!(Listing::find(text, &select::spans(text)), None, "{text}");
        }
    }

    #[test]
    fn damaged_bodies_do_not_expand() {
        let words = "line numbers on every 5th line, width 6";
        for (body, words) in [
            ("\ta\n", words),
            ("1\ta\nb\n", words),
            ("1\ta\n", "line numbers on every 5th line, width x"),
            ("1\ta\n", "words"),
        ] {
            assert_eq!(expand(body, words), None);
        }
    }
}
