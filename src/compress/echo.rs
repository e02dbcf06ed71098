//! Back-references: lines of a tool output that stand in an earlier one already.
//!
//! A run of lines is left out if the same lines, in the same order, are *visible* in what an earlier
//! tool output has become; its mark says where. Line numbers in front of the lines (`cat -n`, `nl`) are
//! ignored for the comparison. References look backwards only and the index is built from the
//! compressed outputs, so the result for a message never depends on later ones, and compressing again
//! finds nothing new. Cost: linear in the texts; a line is looked up in at most [`MAX_PLACES`] places.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::mark::{self, MARK_OPEN, Omission, Piece, Rendered, Unit};
use crate::select;

/// Shorter runs are left alone: a reader would rather see them where they are.
const MIN_RUN_LINES: usize = 3;
/// The same in bytes: a mark with its label costs about 20 tokens.
const MIN_RUN_BYTES: usize = 160;
/// A run is found by a line with at least this many bytes besides white space.
const MIN_ANCHOR_BYTES: usize = 8;
/// How many places of one line are remembered.
const MAX_PLACES: usize = 4;
/// Longest run of digits taken for a line number.
const MAX_NUMBER_DIGITS: usize = 7;

/// The visible lines of all earlier tool outputs of a request.
#[derive(Default)]
pub(super) struct Echoes<'t> {
    outputs: Vec<Output<'t>>,
    /// Where lines stand, by hash: (output, line). Equality is checked on the text.
    places: HashMap<u64, Vec<(usize, usize)>>,
    /// Whole outputs, by hash.
    wholes: HashMap<u64, usize>,
}

struct Output<'t> {
    text: Cow<'t, str>,
    lines: Vec<Range<usize>>,
}

impl Output<'_> {
    fn line(&self, i: usize) -> &str {
        without_number(&self.text[self.lines[i].clone()])
    }
}

impl<'t> Echoes<'t> {
    /// Adds what the next tool output has become. Lines of `by_line` outputs may be referred to one by
    /// one, others only as a whole.
    pub(super) fn push(&mut self, text: Cow<'t, str>, by_line: bool) {
        let index = self.outputs.len();
        let lines = if by_line { select::lines(&text) } else { Vec::new() };
        self.wholes.entry(hash(&text)).or_insert(index);
        for (i, range) in lines.iter().enumerate() {
            let line = without_number(&text[range.clone()]);
            if is_anchor(line) {
                let places = self.places.entry(hash(line)).or_default();
                if places.len() < MAX_PLACES {
                    places.push((index, i));
                }
            }
        }
        self.outputs.push(Output { text, lines });
    }

    /// A mark for the whole of a text, if what it has become (`visible`) stands in an earlier output.
    pub(super) fn whole(&self, source: &str, visible: &str) -> Option<Rendered> {
        let earlier = *self.wholes.get(&hash(visible))?;
        if visible.len() < MIN_RUN_BYTES || self.outputs[earlier].text != visible {
            return None;
        }
        let count = select::lines(source).len();
        let omission = Omission { range: 0..source.len(), unit: Unit::Line, first: 1, count };
        let label = Some(format!("same as tool output {}", earlier + 1));
        Some(mark::render(source, vec![Piece::Omit { omission, label }], vec!["echo"]))
    }

    /// `text` with its echoes left out, or `None` if it has none.
    pub(super) fn lines(&self, text: &str) -> Option<Rendered> {
        if self.places.is_empty() {
            return None;
        }
        let units = select::lines(text);
        let lines: Vec<&str> = units.iter().map(|r| without_number(&text[r.clone()])).collect();
        let mut pieces = Vec::new();
        let mut kept_from = 0;
        let mut i = 0;
        while i < lines.len() {
            match self.longest_run(&lines, i, kept_from) {
                Some(run) if is_worth_it(text, &units[run.own.clone()]) => {
                    if kept_from < run.own.start {
                        pieces.push(Piece::Keep(units[kept_from].start..units[run.own.start].start));
                    }
                    let range = units[run.own.start].start..units[run.own.end - 1].end;
                    let count = run.own.len();
                    let omission = Omission { range, unit: Unit::Line, first: run.own.start + 1, count };
                    let there = run.line + 1;
                    let label =
                        format!("as in tool output {}, {there}-{}", run.output + 1, there + count - 1);
                    pieces.push(Piece::Omit { omission, label: Some(label) });
                    i = run.own.end;
                    kept_from = i;
                }
                _ => i += 1,
            }
        }
        if pieces.is_empty() {
            return None;
        }
        if kept_from < units.len() {
            pieces.push(Piece::Keep(units[kept_from].start..text.len()));
        }
        Some(mark::render(text, pieces, vec!["echo"]))
    }

    /// The longest run of lines around line `i` that stands in an earlier output. It starts no earlier
    /// than `from`.
    fn longest_run(&self, lines: &[&str], i: usize, from: usize) -> Option<Run> {
        let mut best: Option<Run> = None;
        for &(output, line) in self.places.get(&hash(lines[i]))? {
            let there = &self.outputs[output];
            let back =
                (1..=(i - from).min(line)).take_while(|n| lines[i - n] == there.line(line - n)).count();
            let most = (lines.len() - i).min(there.lines.len() - line);
            let ahead = (0..most).take_while(|n| lines[i + n] == there.line(line + n)).count();
            if ahead == 0 {
                continue;
            }
            let run = Run { own: i - back..i + ahead, output, line: line - back };
            if best.as_ref().is_none_or(|b| run.own.len() > b.own.len()) {
                best = Some(run);
            }
        }
        best
    }
}

struct Run {
    /// Lines of the text itself.
    own: Range<usize>,
    /// Which earlier output.
    output: usize,
    /// First line of the run there.
    line: usize,
}

/// A hash that is the same in every process; only a filter before texts are compared.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn is_worth_it(text: &str, run: &[Range<usize>]) -> bool {
    let bytes = run.last().map_or(0, |last| text[run[0].start..last.end].trim().len());
    run.len() >= MIN_RUN_LINES && bytes >= MIN_RUN_BYTES
}

fn is_anchor(line: &str) -> bool {
    line.bytes().filter(|b| !b.is_ascii_whitespace()).take(MIN_ANCHOR_BYTES).count() == MIN_ANCHOR_BYTES
        && !line.contains(MARK_OPEN)
}

/// The line without its newline and without a number in front of it (`   12\tcode`, `12: code`).
fn without_number(line: &str) -> &str {
    let line = line.trim_end_matches(['\n', '\r']);
    let rest = line.trim_start_matches(' ');
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest.as_bytes().get(digits) {
        Some(b'\t' | b':') if (1..=MAX_NUMBER_DIGITS).contains(&digits) => &rest[digits + 1..],
        _ => line,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = "def first(request):\n    return handle(request, 1)\n\ndef second(request):\n    \
                        return handle(request, 2)\n\ndef third(request):\n    return handle(request, 3)\n\n\
                        def fourth(request):\n    return handle(request, 4)\n";

    fn numbered(text: &str) -> String {
        text.lines().enumerate().map(|(i, l)| format!("{:6}\t{l}\n", i + 1)).collect()
    }

    #[test]
    fn a_second_reading_becomes_a_reference() {
        let mut echoes = Echoes::default();
        echoes.push(FILE.into(), true);
        assert_eq!(echoes.lines(FILE).unwrap().text, "[… 11 lines 1-11: as in tool output 1, 1-11]\n");
        let rendered = echoes.lines(&format!("$ cat -n x.py\n{}$\n", numbered(FILE))).unwrap();
        assert_eq!(rendered.text, "$ cat -n x.py\n[… 11 lines 2-12: as in tool output 1, 1-11]\n$\n");
        assert_eq!(rendered.omissions[0].count, 11);
    }

    #[test]
    fn the_same_output_again_is_one_mark() {
        let mut echoes = Echoes::default();
        echoes.push("x\n".into(), true);
        echoes.push(FILE.into(), false);
        assert!(echoes.lines(FILE).is_none(), "not indexed by line");
        assert_eq!(echoes.whole(FILE, FILE).unwrap().text, "[… 11 lines 1-11: same as tool output 2]\n");
        assert!(echoes.whole("x\n", "x\n").is_none(), "too short to be worth a mark");
    }

    #[test]
    fn only_what_is_visible_is_referred_to() {
        let mut echoes = Echoes::default();
        echoes.push("[… 11 lines 1-11]\n".into(), true);
        assert!(echoes.lines(FILE).is_none());
    }

    #[test]
    fn short_and_broken_runs_stay() {
        let mut echoes = Echoes::default();
        echoes.push(FILE.into(), true);
        assert!(echoes.lines("def first(request):\n    return handle(request, 1)\nx\n").is_none());
        let shuffled: String = FILE.lines().rev().map(|l| format!("{l}\n")).collect();
        assert!(echoes.lines(&shuffled).is_none());
    }
}
