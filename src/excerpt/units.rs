//! The units of an original, as its compression would count them: records, passages, sentences, lines.

use std::ops::Range;

use crate::blocks;
use crate::kinds::{self, Source, json, prose};
use crate::mark::{Omission, Piece, Unit};
use crate::select;

/// Lines shown on either side of one that matches.
const CONTEXT_LINES: usize = 2;
/// The same where a line alone says little: code, diffs, markup.
const CONTEXT_CODE_LINES: usize = 5;

/// A document of fewer passages is shown by sentences.
const MIN_PASSAGES: usize = 4;

/// A segment of the original and its units.
pub(super) struct Split {
    /// What it was taken for; empty if for nothing.
    pub(super) kind: &'static str,
    /// Its units that may be left out, in order, in bytes of the whole text.
    pub(super) units: Vec<Range<usize>>,
    /// How many neighbours of a unit help to read it.
    pub(super) context: usize,
    segment: Range<usize>,
    shape: Shape,
}

enum Shape {
    Lines,
    /// The document, and which of its units `units` are.
    Prose(prose::split::Document, Vec<usize>),
    Records(Vec<json::Record>),
    /// The number of the first passage: 1, or 0 if words before the first numbered one come first.
    Passages(usize),
}

/// Splits a text.
pub(super) fn split(text: &str) -> Vec<Split> {
    blocks::segment(text, Source::ToolOutput).into_iter().map(|s| segment(text, s.range)).collect()
}

fn segment(text: &str, range: Range<usize>) -> Split {
    let part = &text[range.clone()];
    let kind = kinds::recognise(part).map_or("", |k| k.name());
    let at = |r: &Range<usize>| r.start + range.start..r.end + range.start;
    if kind == "json"
        && let Some(records) = json::records(part)
    {
        let units = records.iter().map(|r| at(&r.range)).collect();
        return Split { kind, units, context: 0, segment: range, shape: Shape::Records(records) };
    }
    if kind == "prose" && part.len() <= prose::split::MAX_TEXT_BYTES {
        let document = prose::split::split(part);
        let preamble = document.is_retrieved && document.passages.first().is_some_and(|p| !p.may_go);
        if document.passages.len() >= MIN_PASSAGES {
            let units = document.passages.iter().filter_map(|p| {
                let units = document.units.get(p.units())?;
                Some(at(&(units.first()?.range().start..units.last()?.range().end)))
            });
            let (units, shape) = (units.collect(), Shape::Passages(usize::from(!preamble)));
            return Split { kind, units, context: 0, segment: range, shape };
        }
        let free: Vec<usize> = (0..document.units.len()).filter(|i| !document.units[*i].is_fixed()).collect();
        let units = free.iter().map(|i| at(&document.units[*i].range())).collect();
        return Split { kind, units, context: 0, segment: range, shape: Shape::Prose(document, free) };
    }
    let context = match kind {
        "code" | "diff" | "markup" | "json" => CONTEXT_CODE_LINES,
        _ => CONTEXT_LINES,
    };
    let units = select::lines(part).iter().map(at).collect();
    Split { kind, units, context, segment: range, shape: Shape::Lines }
}

impl Split {
    /// The plan that shows the units with `keep`; it covers the segment.
    pub(super) fn pieces(&self, text: &str, keep: &[bool]) -> Vec<Piece> {
        match &self.shape {
            Shape::Lines => select::pieces(&self.units, keep, Unit::Line, |_| None),
            Shape::Passages(first) => {
                // What stands before the first passage has no number and stays.
                let fixed = 1 - first;
                let mut out: Vec<Piece> = self.units[..fixed].iter().cloned().map(Piece::Keep).collect();
                out.extend(select::pieces(&self.units[fixed..], &keep[fixed..], Unit::Passage, |_| None));
                out
            }
            Shape::Prose(document, free) => {
                let mut all = vec![false; document.units.len()];
                for (i, keep) in free.iter().zip(keep) {
                    all[*i] = *keep;
                }
                // What heads a passage stays where something of the passage does.
                for passage in &document.passages {
                    let shown = !passage.may_go || passage.units().any(|i| all[i]);
                    for i in passage.units().filter(|i| document.units[*i].is_fixed()) {
                        all[i] = shown;
                    }
                }
                let pieces = prose::pieces(document, &all);
                pieces.into_iter().map(|piece| shift(piece, self.segment.start)).collect()
            }
            Shape::Records(records) => self.records(text, records, keep),
        }
    }

    fn records(&self, text: &str, records: &[json::Record], keep: &[bool]) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::new();
        let mut done = self.segment.start;
        let mut list = 0;
        for ((unit, record), keep) in self.units.iter().zip(records).zip(keep) {
            if unit.start > done {
                show(&mut out, done..unit.start);
            }
            done = unit.end;
            if *keep {
                show(&mut out, unit.clone());
                continue;
            }
            match out.last_mut() {
                Some(Piece::Omit { omission, .. })
                    if list == record.list && omission.range.end == unit.start =>
                {
                    omission.range.end = unit.end;
                    omission.count += 1;
                }
                _ => {
                    let (range, first) = (unit.clone(), record.ordinal);
                    let omission = Omission { range, unit: Unit::Record, first, count: 1 };
                    out.push(Piece::Omit { omission, label: None });
                }
            }
            list = record.list;
        }
        let end = self.segment.end.min(text.len());
        if end > done {
            show(&mut out, done..end);
        }
        out
    }
}

fn show(out: &mut Vec<Piece>, range: Range<usize>) {
    match out.last_mut() {
        Some(Piece::Keep(last)) => last.end = range.end,
        _ => out.push(Piece::Keep(range)),
    }
}

fn shift(piece: Piece, by: usize) -> Piece {
    let moved = |r: Range<usize>| r.start + by..r.end + by;
    match piece {
        Piece::Keep(range) => Piece::Keep(moved(range)),
        Piece::Encode { range, text } => Piece::Encode { range: moved(range), text },
        Piece::Omit { omission, label } => {
            let omission = Omission { range: moved(omission.range), ..omission };
            Piece::Omit { omission, label }
        }
    }
}
