//! The lines of a diff, and how each may be read: ours, a hunk's, or neither.

use std::ops::Range;

use super::head;
use crate::blocks::lines;
use crate::mark::{Omission, Unit};

/// How long a line is, about, in bytes; only to make room for all of them at once.
const BYTES_PER_LINE: usize = 32;

/// A diff, split.
pub struct Source<'t> {
    /// The text.
    pub text: &'t str,
    /// Lines without their newlines.
    pub lines: Vec<&'t str>,
    /// Whether the last line ends with a newline.
    pub ends_with_newline: bool,
}

impl<'t> Source<'t> {
    /// Splits a text.
    pub fn new(text: &'t str) -> Self {
        let mut lines = Vec::with_capacity(text.len() / BYTES_PER_LINE + 1);
        lines.extend(lines::lines(text, 0..text.len()).map(|range| {
            let line = &text[range];
            line.strip_suffix('\n').unwrap_or(line)
        }));
        Source { text, lines, ends_with_newline: text.ends_with('\n') }
    }

    /// Bytes of these lines, with newlines.
    pub fn range(&self, lines: Range<usize>) -> Range<usize> {
        let start = |i: usize| {
            let line = self.lines.get(i)?;
            Some((line.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize))
        };
        let of = |i: usize| start(i).unwrap_or(self.text.len());
        of(lines.start)..of(lines.end)
    }

    /// An omission of these lines.
    pub fn omission(&self, lines: Range<usize>, unit: Unit, first: usize, count: usize) -> Omission {
        Omission { range: self.range(lines), unit, first, count }
    }
}

/// Old and new lines among the lines of a hunk.
pub fn counts(lines: &[&str]) -> (usize, usize) {
    let (mut old, mut new) = (0, 0);
    for line in lines {
        match line.as_bytes().first() {
            Some(b'+') => new += 1,
            Some(b'-') => old += 1,
            Some(b'\\') => {}
            _ => {
                old += 1;
                new += 1;
            }
        }
    }
    (old, new)
}

/// Whether a line may stand in a hunk. Neither marks nor escaped lines do.
pub fn is_hunk_line(line: &str) -> bool {
    line.starts_with([' ', '+', '-']) || line.starts_with("\\ ")
}

/// Whether the places of hunks are counted anew below a line.
pub fn begins_file(line: &str) -> bool {
    line.starts_with("diff --") || line.starts_with("--- ")
}

/// Whether a line outside hunks would be read as something of ours.
pub fn needs_escape(line: &str) -> bool {
    line.starts_with('\\') || short_at(line).is_some() || is_short_head(line)
}

pub fn is_short_head(line: &str) -> bool {
    line.starts_with(head::SHORT) && !line.starts_with("diff --")
}

/// Line and section of `@@ 84 section`.
pub fn short_at(line: &str) -> Option<(usize, &str)> {
    let rest = line.strip_prefix("@@ ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest[..digits].parse().ok()?;
    let section = &rest[digits..];
    (section.is_empty() || section.starts_with(' ')).then_some((number, section))
}
