//! The parts of a grouped body, in order: names of files, runs of matches, other lines, marks.
//!
//! Invariants: every line of the search is part of exactly one item, in the order of the text; a mark
//! below the name of a file counts lines of that file alone. Cost: linear in the lines.

use std::num::NonZero;
use std::ops::Range;

use crate::kinds::search::form::number;
use crate::kinds::search::matches::{GROUP_SEPARATOR, Parsed};

/// A part of the body before it is written.
pub enum Item<'i> {
    Path(usize),
    /// Lines with matches of one file, one after the other.
    Matches(&'i Run),
    /// A line that is no match.
    Raw(usize),
    Mark {
        lines: Range<usize>,
        /// How many files it covers, if several.
        files: Option<usize>,
    },
}

/// Gives the parts of the body to `sink`, in order.
pub fn items(
    parsed: &Parsed<'_>,
    keep: &[bool],
    is_named: impl Fn(usize) -> bool,
    mut sink: impl FnMut(Item<'_>),
) {
    let mut run = Run::new(parsed);
    let path_of = |i: usize| parsed.path_of(i);
    let mut current: Option<usize> = None;
    // A file that stands in several places is named for its omitted matches once.
    let mut is_shown = vec![false; parsed.paths.len()];
    let mut i = 0;
    while i < parsed.len() {
        let path = path_of(i);
        let is_new = parsed.style.pathed && path.is_some() && path != current;
        if is_new || path.is_none() || !keep[i] {
            run.end(parsed, &mut sink);
        }
        if keep[i] {
            match path {
                None => {
                    sink(Item::Raw(i));
                    if parsed.raw(i) != GROUP_SEPARATOR {
                        current = None;
                    }
                }
                Some(p) => {
                    if is_new {
                        sink(Item::Path(p));
                        is_shown[p] = true;
                        current = path;
                    }
                    run.lines.push(i);
                }
            }
            i += 1;
            continue;
        }
        // A run of lines left out: of one file whose name stands above, or of several others.
        let named = path.filter(|p| is_new && is_named(*p) && !is_shown[*p]);
        if let Some(p) = named {
            sink(Item::Path(p));
            is_shown[p] = true;
            current = path;
        }
        // A mark below the name of a file counts lines of that file alone.
        let is_alone = path.is_some() && path == current;
        let mut end = i + 1;
        let mut files = usize::from(path.is_some());
        let mut last = path;
        while end < parsed.len() && !keep[end] {
            let next = path_of(end).filter(|_| parsed.style.pathed);
            if next.is_some() && next != last {
                if is_alone || next.is_some_and(|p| is_named(p) && !is_shown[p]) {
                    break;
                }
                files += 1;
                last = next;
            }
            end += 1;
        }
        let files = (parsed.style.pathed && files > 1).then_some(files);
        sink(Item::Mark { lines: i..end, files });
        i = end;
    }
    run.end(parsed, &mut sink);
}

/// Matches that follow each other, those with the same text joined: `12,40 text`.
pub struct Run {
    pub lines: Vec<usize>,
    /// For each line the next one of its text, as a place in `lines`; empty if none are joined.
    pub next: Vec<Option<NonZero<usize>>>,
    /// Whether each line stands behind an earlier one.
    is_joined: Vec<bool>,
    /// By the first line of a text: the place of its last one in `lines`, plus 1.
    last: Vec<u32>,
}

impl Run {
    fn new(parsed: &Parsed<'_>) -> Self {
        // Context reads in its order, and without numbers nothing says where a line stood.
        let may_join = !parsed.has_context && parsed.style.numbered;
        let last = vec![0; if may_join { parsed.len() } else { 0 }];
        Run { lines: Vec::new(), next: Vec::new(), is_joined: Vec::new(), last }
    }

    /// Gives the run to `sink`, if there is one, and begins another.
    fn end(&mut self, parsed: &Parsed<'_>, sink: &mut impl FnMut(Item<'_>)) {
        if self.lines.is_empty() {
            return;
        }
        if !self.last.is_empty() && self.lines.len() > 1 && self.is_ascending(parsed) {
            self.join(parsed);
        }
        sink(Item::Matches(self));
        self.lines.clear();
        self.next.clear();
        self.is_joined.clear();
    }

    fn is_ascending(&self, parsed: &Parsed<'_>) -> bool {
        let mut last = None;
        self.lines.iter().all(|line| {
            let number = parsed.hit(*line).and_then(|hit| number(hit.number));
            let ascends = number.is_some() && number > last;
            last = number;
            ascends
        })
    }

    fn join(&mut self, parsed: &Parsed<'_>) {
        self.next.resize(self.lines.len(), None);
        self.is_joined.resize(self.lines.len(), false);
        for (at, line) in self.lines.iter().enumerate() {
            let last = &mut self.last[parsed.first_with_text(*line)];
            if let Some(before) = (*last as usize).checked_sub(1) {
                self.next[before] = NonZero::new(at);
                self.is_joined[at] = true;
            }
            *last = u32::try_from(at + 1).unwrap_or(0);
        }
        for line in &self.lines {
            self.last[parsed.first_with_text(*line)] = 0;
        }
    }

    /// The lines with a text of their own, as places.
    pub fn heads(&self) -> impl Iterator<Item = usize> {
        (0..self.lines.len()).filter(|at| !self.is_joined.get(*at).is_some_and(|joined| *joined))
    }
}
