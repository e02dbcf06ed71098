//! Back-references: lines of a tool output that stand in an earlier one already.
//!
//! A run of lines is left out if the same lines, in the same order, are *visible* in what an earlier
//! tool output has become; its mark says where. Line numbers in front of the lines (`cat -n`, `nl`) are
//! ignored for the comparison. References look backwards only and the index is built from the
//! compressed outputs, so the result for a message never depends on later ones, and compressing again
//! finds nothing new. Cost: linear in the texts once, through their prints; then one look-up per line
//! that is worth it, in at most [`MAX_PLACES`] places.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::print::{Anchor, Print, Spread, without_number};
use super::text::Done;
use crate::mark::{self, Omission, Piece, Rendered, Unit};
use crate::select;

/// Shorter runs are left alone: a reader would rather see them where they are.
const MIN_RUN_LINES: usize = 3;
/// The same in bytes: a mark with its label costs about 20 tokens.
const MIN_RUN_BYTES: usize = 160;
/// How many places of one line are remembered.
const MAX_PLACES: usize = 4;

/// The visible lines of all earlier tool outputs of a request.
#[derive(Default)]
pub(super) struct Echoes<'t> {
    outputs: Vec<Output<'t>>,
    /// Where lines stand, by hash. Equality is checked on the text.
    places: HashMap<u32, Places, Spread>,
    /// Whole outputs, by hash.
    wholes: HashMap<u64, usize>,
}

/// (output, line) of the first lines that have one hash.
#[derive(Default)]
struct Places {
    len: usize,
    at: [(u32, u32); MAX_PLACES],
}

impl Places {
    fn push(&mut self, output: usize, line: u32) {
        if let (Some(place), Ok(output)) = (self.at.get_mut(self.len), u32::try_from(output)) {
            *place = (output, line);
            self.len += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.at[..self.len].iter().map(|(output, line)| (*output as usize, *line as usize))
    }
}

/// What a tool output has become.
struct Output<'t> {
    source: &'t str,
    done: Arc<Done>,
    lines: OnceCell<Vec<Range<usize>>>,
}

impl Output<'_> {
    fn text(&self) -> &str {
        self.done.visible(self.source)
    }

    fn lines(&self) -> &[Range<usize>] {
        self.lines.get_or_init(|| select::lines(self.text()))
    }

    fn line(&self, i: usize) -> &str {
        without_number(&self.text()[self.lines()[i].clone()])
    }
}

impl<'t> Echoes<'t> {
    /// Adds what the next tool output has become. Lines of `by_line` outputs may be referred to one by
    /// one, others only as a whole.
    pub(super) fn push(&mut self, source: &'t str, done: Arc<Done>, by_line: bool) {
        let index = self.outputs.len();
        let print = done.visible_print(source);
        self.wholes.entry(print.whole).or_insert(index);
        if by_line {
            self.places.reserve(print.anchors.len());
            for anchor in &print.anchors {
                self.places.entry(anchor.hash).or_default().push(index, anchor.line);
            }
        }
        drop(print);
        self.outputs.push(Output { source, done, lines: OnceCell::new() });
    }

    /// Whether there is nothing to refer to.
    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// A mark for the whole of a text, if what it has become (`visible`) stands in an earlier output.
    pub(super) fn whole(&self, source: &str, done: &Done) -> Option<Rendered> {
        let visible = done.visible(source);
        let earlier = *self.wholes.get(&done.visible_print(source).whole)?;
        if visible.len() < MIN_RUN_BYTES || self.outputs[earlier].text() != visible {
            return None;
        }
        let count = select::lines(source).len();
        let omission = Omission { range: 0..source.len(), unit: Unit::Line, first: 1, count };
        let label = Some(format!("same as tool output {}", earlier + 1));
        Some(mark::render(source, vec![Piece::Omit { omission, label }], vec!["echo"]))
    }

    /// `text` with its echoes left out, or `None` if it has none. `print` is that of the text.
    pub(super) fn lines(&self, text: &str, print: &Print) -> Option<Rendered> {
        let known = |anchor: &&Anchor| self.places.contains_key(&anchor.hash);
        let mut anchors = print.anchors.iter().filter(known).peekable();
        anchors.peek()?;
        let units = select::lines(text);
        let lines: Vec<&str> = units.iter().map(|r| without_number(&text[r.clone()])).collect();
        let mut pieces = Vec::new();
        let mut kept_from = 0;
        for anchor in anchors {
            let i = anchor.line as usize;
            if i < kept_from {
                continue;
            }
            match self.longest_run(&lines, i, anchor.hash, kept_from) {
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
                    kept_from = run.own.end;
                }
                _ => {}
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
    fn longest_run(&self, lines: &[&str], i: usize, hash: u32, from: usize) -> Option<Run> {
        let mut best: Option<Run> = None;
        for (output, line) in self.places.get(&hash)?.iter() {
            let there = &self.outputs[output];
            let back =
                (1..=(i - from).min(line)).take_while(|n| lines[i - n] == there.line(line - n)).count();
            let most = (lines.len() - i).min(there.lines().len() - line);
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

fn is_worth_it(text: &str, run: &[Range<usize>]) -> bool {
    let bytes = run.last().map_or(0, |last| text[run[0].start..last.end].trim().len());
    run.len() >= MIN_RUN_LINES && bytes >= MIN_RUN_BYTES
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = "def first(request):\n    return handle(request, 1)\n\ndef second(request):\n    \
                        return handle(request, 2)\n\ndef third(request):\n    return handle(request, 3)\n\n\
                        def fourth(request):\n    return handle(request, 4)\n";

    impl Echoes<'static> {
        fn push_text(&mut self, text: &'static str, by_line: bool) {
            self.push(text, Arc::default(), by_line);
        }

        fn lines_of(&self, text: &str) -> Option<Rendered> {
            self.lines(text, &Print::new(text))
        }
    }

    fn numbered(text: &str) -> String {
        text.lines().enumerate().map(|(i, l)| format!("{:6}\t{l}\n", i + 1)).collect()
    }

    #[test]
    fn a_second_reading_becomes_a_reference() {
        let mut echoes = Echoes::default();
        echoes.push_text(FILE, true);
        assert_eq!(echoes.lines_of(FILE).unwrap().text, "[… 11 lines 1-11: as in tool output 1, 1-11]\n");
        let rendered = echoes.lines_of(&format!("$ cat -n x.py\n{}$\n", numbered(FILE))).unwrap();
        assert_eq!(rendered.text, "$ cat -n x.py\n[… 11 lines 2-12: as in tool output 1, 1-11]\n$\n");
        assert_eq!(rendered.omissions[0].count, 11);
    }

    #[test]
    fn the_same_output_again_is_one_mark() {
        let mut echoes = Echoes::default();
        echoes.push_text("x\n", true);
        echoes.push_text(FILE, false);
        assert!(echoes.lines_of(FILE).is_none(), "not indexed by line");
        assert_eq!(
            echoes.whole(FILE, &Done::default()).unwrap().text,
            "[… 11 lines 1-11: same as tool output 2]\n"
        );
        assert!(echoes.whole("x\n", &Done::default()).is_none(), "too short to be worth a mark");
    }

    #[test]
    fn only_what_is_visible_is_referred_to() {
        let mut echoes = Echoes::default();
        echoes.push_text("[… 11 lines 1-11]\n", true);
        assert!(echoes.lines_of(FILE).is_none());
    }

    #[test]
    fn short_and_broken_runs_stay() {
        let mut echoes = Echoes::default();
        echoes.push_text(FILE, true);
        assert!(echoes.lines_of("def first(request):\n    return handle(request, 1)\nx\n").is_none());
        let shuffled: String = FILE.lines().rev().map(|l| format!("{l}\n")).collect();
        assert!(echoes.lines_of(&shuffled).is_none());
    }
}
