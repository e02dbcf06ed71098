//! What is needed of a text to find its lines in others: hashes of the lines worth looking for.
//!
//! A conversation's texts are compared anew on every request, so prints are kept with the result of
//! their text. Equal lines have equal hashes; the reverse is checked on the text. Hashes are the same
//! in every process. Cost: linear once per text, then a copy of nothing.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::blocks::lines;
use crate::hashed::Keyed;
use crate::mark::MARK_OPEN;
use crate::score::intern::Places;

/// A line is looked for if it has at least this many bytes besides white space.
const MIN_ANCHOR_BYTES: usize = 8;
/// How long a line is, about; only to make room for all of them at once.
const BYTES_PER_LINE: usize = 60;
/// Longest run of digits taken for a line number.
const MAX_NUMBER_DIGITS: usize = 7;
/// A print that takes more than this part of its text's memory (a denominator: 1/4) is not kept; most
/// take an eighth.
pub(super) const MEMORY_PER_PRINT: usize = 4;

/// One line worth looking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// Index of the line.
    pub(super) line: u32,
    /// Hash of the line without its number.
    pub(super) hash: u32,
}

/// The print of a text.
#[derive(Debug, Default)]
pub(super) struct Print {
    /// Hash of the whole text.
    pub(super) whole: u64,
    /// Its lines worth looking for, in order.
    pub(super) anchors: Vec<Anchor>,
    /// Which of them stood in the text before, in order.
    pub(super) repeats: Vec<Repeat>,
}

/// A line that the text had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeat {
    /// Index of the line.
    pub(super) line: u32,
    /// Index of the first line of the same hash.
    pub(super) first: u32,
}

impl Print {
    pub(super) fn new(text: &str) -> Self {
        let mut anchors = Vec::new();
        let mut repeats = Vec::new();
        // The first anchor of each hash.
        let mut firsts = Places::default();
        firsts.reserve(text.len() / BYTES_PER_LINE, |_| 0);
        let mut whole = text.len() as u64;
        let has_mark = |bytes: &[u8]| memchr::memmem::find(bytes, MARK_OPEN.as_bytes()).is_some();
        let is_marked = has_mark(text.as_bytes());
        for (i, line) in lines::lines(text, 0..text.len()).enumerate() {
            let line = without_number(&text.as_bytes()[line]);
            let hash = Keyed::FIXED.bytes(0, line);
            whole = Keyed::FIXED.number(whole.rotate_left(5) ^ hash);
            if let (true, Ok(line)) = (is_anchor(line) && !(is_marked && has_mark(line)), u32::try_from(i)) {
                let (hash, number) = (hash as u32, anchors.len() as u32);
                anchors.push(Anchor { line, hash });
                let hash_of = |n: u32| anchors[n as usize].hash;
                match firsts.find(hash, hash_of, |_| true) {
                    Ok(first) => repeats.push(Repeat { line, first: anchors[first as usize].line }),
                    Err(place) => firsts.put(place, number, hash_of),
                }
            }
        }
        anchors.shrink_to_fit();
        repeats.shrink_to_fit();
        Print { whole, anchors, repeats }
    }

    /// Whether it is small enough, beside its text, to be kept.
    fn is_small(&self, text: &str) -> bool {
        let anchors = self.anchors.len() * size_of::<Anchor>();
        anchors + self.repeats.len() * size_of::<Repeat>() <= text.len() / MEMORY_PER_PRINT
    }
}

/// A print that is kept with its text, or was made for once.
pub(super) enum Held<'k> {
    /// Kept.
    Kept(&'k Print),
    /// Too large to be kept.
    Made(Print),
}

impl<'k> Held<'k> {
    /// The print of `text`, from where it is kept or made and, if it is small enough, kept there.
    pub(super) fn new(place: &'k OnceLock<Print>, text: &str) -> Self {
        if let Some(kept) = place.get() {
            return Held::Kept(kept);
        }
        let print = Print::new(text);
        if print.is_small(text) { Held::Kept(place.get_or_init(|| print)) } else { Held::Made(print) }
    }
}

impl Deref for Held<'_> {
    type Target = Print;

    fn deref(&self) -> &Print {
        match self {
            Held::Kept(print) => print,
            Held::Made(print) => print,
        }
    }
}

fn is_anchor(line: &[u8]) -> bool {
    // A loop of a fixed length without a branch decides of most lines.
    let seen = |bytes: &[u8; 2 * MIN_ANCHOR_BYTES]| bytes.iter().filter(|b| !b.is_ascii_whitespace()).count();
    line.first_chunk().is_some_and(|start| seen(start) >= MIN_ANCHOR_BYTES)
        || line.iter().filter(|b| !b.is_ascii_whitespace()).nth(MIN_ANCHOR_BYTES - 1).is_some()
}

/// The line without its newline and without a number in front of it (`   12\tcode`, `12: code`).
pub(super) fn without_number(mut line: &[u8]) -> &[u8] {
    while let [inner @ .., b'\n' | b'\r'] = line {
        line = inner;
    }
    if !matches!(line.first(), Some(b' ' | b'0'..=b'9')) {
        return line;
    }
    let rest = &line[line.iter().take_while(|b| **b == b' ').count()..];
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    match rest.get(digits) {
        Some(b'\t' | b':') if (1..=MAX_NUMBER_DIGITS).contains(&digits) => &rest[digits + 1..],
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_before_lines_are_not_part_of_them() {
        for (line, rest) in [
            ("   12\tcode()\n", "code()"),
            ("12: code()", " code()"),
            ("12 code()\r\n", "12 code()"),
            ("12345678: x", "12345678: x"),
            ("", ""),
        ] {
            assert_eq!(without_number(line.as_bytes()), rest.as_bytes());
        }
        assert_eq!(Print::new("1: the first line\n2: the second line\n").anchors.len(), 2);
        let plain = Print::new(" a line here\n").anchors[0].hash;
        assert_eq!(Print::new("}\n\n7: a line here\n").anchors, [Anchor { line: 2, hash: plain }]);
    }

    #[test]
    fn repeats_have_the_first_line_like_them() {
        let text: String = (0..3_000).map(|i| format!("this is line {}\n", i * i % 1009)).collect();
        let lines: Vec<&str> = text.lines().collect();
        let print = Print::new(&text);
        let mut repeats = print.repeats.iter();
        for (i, line) in lines.iter().enumerate() {
            let first = lines.iter().position(|l| l == line);
            if first != Some(i) {
                let repeat = repeats.next().map(|r| (r.line as usize, Some(r.first as usize)));
                assert_eq!(repeat, Some((i, first)));
            }
        }
        assert_eq!(repeats.next(), None);
    }

    #[test]
    fn short_lines_and_marks_are_not_looked_for() {
        assert!(Print::new("}\n\n  return\n[… 3 lines 1-3]\n").anchors.is_empty());
    }

    #[test]
    fn a_print_takes_a_bounded_share_of_its_text() {
        let short = "8 bytes.x\n".repeat(10);
        assert!(!Print::new(&short).is_small(&short));
        let long = "a line of a usual length, of some sixty bytes or thereabouts\n".repeat(10);
        assert!(Print::new(&long).is_small(&long));
        let place = OnceLock::new();
        assert_eq!(Held::new(&place, &short).anchors.len(), 10);
        assert!(place.get().is_none());
        assert_eq!(Held::new(&place, &long).anchors.len(), 10);
        assert!(place.get().is_some());
    }
}
