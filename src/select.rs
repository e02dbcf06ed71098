//! From a yes or no per unit to a plan: the part that all unit-wise kinds share.

use std::ops::Range;

use crate::blocks::lines;
use crate::mark::{Omission, Piece, Unit};

/// Splits `text` into lines, each with its newline. The ranges cover the text; the last line may
/// have no newline. Linear; `\r\n` stays inside its line.
pub fn lines(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::with_capacity(memchr::memchr_iter(b'\n', text.as_bytes()).count() + 1);
    out.extend(lines::lines(text, 0..text.len()));
    out
}

/// A range of a text below 4 GiB, in half the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Its first byte.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// The byte after its last.
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// Both.
    pub fn range(self) -> Range<usize> {
        self.start()..self.end()
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        span.range()
    }
}

/// [`lines`] of a text below 4 GiB; none of a larger one.
pub fn spans(text: &str) -> Vec<Span> {
    let lines = Lines::new(text);
    let mut start = 0;
    lines.ends.iter().map(|&end| Span { start: std::mem::replace(&mut start, end), end }).collect()
}

/// The lines of a text below 4 GiB, each with its newline; four bytes a line.
pub(crate) struct Lines {
    ends: Vec<u32>,
}

impl Lines {
    /// Finds the lines of `text`, or none if it is too large.
    pub(crate) fn new(text: &str) -> Self {
        let mut ends = Vec::new();
        if u32::try_from(text.len()).is_ok() {
            ends.extend(lines::lines(text, 0..text.len()).map(|line| line.end as u32));
        }
        Lines { ends }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where line `i` begins: at the end of the one before.
    pub(crate) fn start(&self, i: usize) -> usize {
        i.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Where line `i` ends.
    pub(crate) fn end(&self, i: usize) -> usize {
        self.ends[i] as usize
    }

    /// How many lines begin before `at`.
    pub(crate) fn before(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends.partition_point(|end| (*end as usize) < at) + 1 }
    }
}

/// Turns keep flags into pieces: neighbouring kept units become one `Keep`, each run of dropped
/// units one `Omit`. `label` may describe a run, given the indices of its units.
///
/// `units` must cover the text in order and be as many as `keep`.
pub fn pieces<U: Clone + Into<Range<usize>>>(
    units: &[U],
    keep: &[bool],
    unit: Unit,
    mut label: impl FnMut(Range<usize>) -> Option<String>,
) -> Vec<Piece> {
    debug_assert_eq!(units.len(), keep.len());
    let mut out = Vec::new();
    let mut i = 0;
    while i < units.len() {
        let mut j = i;
        while j < units.len() && keep[j] == keep[i] {
            j += 1;
        }
        let (first, last): (Range<usize>, Range<usize>) =
            (units[i].clone().into(), units[j - 1].clone().into());
        let range = first.start..last.end;
        out.push(if keep[i] {
            Piece::Keep(range)
        } else {
            Piece::Omit { omission: Omission { range, unit, first: i + 1, count: j - i }, label: label(i..j) }
        });
        i = j;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cover_the_text() {
        for text in ["", "a", "a\n", "a\r\nb", "\n\n", "a\nb\n"] {
            let joined: String = lines(text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(joined, text);
        }
    }
}
