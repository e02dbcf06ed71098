//! The rules for traces: of each distinct one the head, the exception, and the frames that tell most.
//!
//! Invariants: a frame stays or goes as a whole, and is no error of its own, whatever its function is
//! called. Cost: linear in the lines of traces.

use super::{Ranks, rank};
use crate::hashed::FastSet;
use crate::kinds::log::trace;

/// Frames kept at the start and at the end of a long trace.
const FIRST_FRAMES: usize = 2;
const LAST_FRAMES: usize = 3;
/// Frames of the program itself that stay besides, at either end, if at most this share is its own.
const OWN_FRAMES: usize = 2;
const MAX_OWN_SHARE: f64 = 0.5;
/// Lines of a difference that stay.
const MAX_DIFFERENCE: usize = 16;
/// Traces of at most this many frames stay whole.
const SHORT_TRACE: usize = 8;

impl Ranks<'_> {
    /// The difference that unittest prints under an assertion: `- a`, `+ b`, `?  ^`.
    fn difference(&mut self, from: usize) {
        let view = self.view;
        let start = if from < view.len() && self.is_blank(from) { from + 1 } else { from };
        let is_part =
            |i: &usize| ["- ", "+ ", "? ", "  "].iter().any(|sign| view.message(*i).starts_with(sign));
        for i in (start..view.len().min(start + MAX_DIFFERENCE)).take_while(is_part) {
            self.put(i, rank::TRACE);
        }
    }

    /// Distinct traces: the head, the frames at both ends, the exception.
    pub fn traces(&mut self) {
        let mut seen = FastSet::default();
        let view = self.view;
        for trace in &view.traces {
            let is_new = seen.insert(trace.key);
            if let Some(head) = trace.head {
                self.put(head, if is_new { rank::FAILURE } else { rank::REPEATED });
            }
            for i in trace.message.clone() {
                self.put(i, if is_new { rank::FAILURE } else { rank::REPEATED });
            }
            if is_new {
                self.difference(trace.message.end);
            }
            let distinct = self.distinct_frames(trace);
            let n = distinct.len();
            // Where most frames are a library's, those of the program itself say where to look.
            let own: Vec<usize> = if n > SHORT_TRACE && is_new {
                (0..n)
                    .filter(|k| !trace::is_foreign(view.message(trace.frames[distinct[*k]].start)))
                    .collect()
            } else {
                Vec::new()
            };
            let few = own.len() as f64 <= MAX_OWN_SHARE * n as f64;
            let telling = |k: usize| {
                few && (own.iter().take(OWN_FRAMES).chain(own.iter().rev().take(OWN_FRAMES))).any(|o| *o == k)
            };
            let mut at = 0;
            for (nth, frame) in trace.frames.iter().enumerate() {
                let is_distinct = distinct.get(at) == Some(&nth);
                let k = at;
                at += usize::from(is_distinct);
                let ends = k < FIRST_FRAMES || k + LAST_FRAMES >= n || n <= SHORT_TRACE || telling(k);
                let rank = match (is_new && is_distinct, ends) {
                    (true, true) => rank::TRACE,
                    (true, false) => rank::REST,
                    (false, _) => rank::REPEAT,
                };
                // A frame is no error of its own, whatever its function is called, and stays or goes as a
                // whole.
                let named = is_new && frame.clone().any(|i| self.ranks[i] == rank::NAMED);
                self.ranks[frame.clone()].fill(if named { rank::NAMED } else { rank });
            }
        }
    }

    /// The frames of a trace that do not stand in it word for word before: a recursion is seen once.
    /// Short traces are not looked at.
    fn distinct_frames(&self, trace: &trace::Trace) -> Vec<usize> {
        let all = 0..trace.frames.len();
        if all.len() <= SHORT_TRACE {
            return all.collect();
        }
        let mut seen = FastSet::default();
        let mut is_new = |frame: &std::ops::Range<usize>| {
            let number = |c: char| c == '#' || c == ' ' || c == '\t' || c.is_ascii_digit();
            let said = (self.view.message(frame.start).trim_start_matches(number), frame.len());
            // Go says below its function where it is.
            seen.insert((said, (frame.len() == 2).then(|| self.view.message(frame.end - 1))))
        };
        all.filter(|k| is_new(&trace.frames[*k])).collect()
    }

    /// Whether line `i` belongs to a trace's frames or its exception.
    pub fn in_frame(&self, i: usize) -> bool {
        let at = self.view.traces.partition_point(|t| t.lines().end <= i);
        self.view
            .traces
            .get(at)
            .is_some_and(|t| t.frames.first().is_some_and(|f| f.start <= i) && t.message.end > i)
    }
}
