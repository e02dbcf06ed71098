//! The rules for the output of a test run, a failed build or a crash: failures, what stands next to
//! them, and distinct warnings, up to what a text of this size may keep.
//!
//! Invariant: they follow the rules for all logs and, lines that repeat apart, only make ranks better.
//! Cost: linear in the lines, plus a sort of those that are near a failure.

use super::{RUN_EXPONENT, Ranks, rank};
use crate::hashed::{FastMap, FastSet};
use crate::kinds::log::template::standalone_key;
use crate::kinds::log::testrun::Role;
use crate::kinds::log::view::View;
use crate::score::Query;

/// A run keeps about `RUN_BUDGET · bytes^RUN_EXPONENT` bytes in all (1 kB of 2.5 kB, 2.5 kB of 10 kB,
/// 13 kB of 100 kB): short outputs stay nearly whole, long ones shrink most.
const RUN_BUDGET: f64 = 4.0;
/// A long question is a task, and whoever works on code needs the source around its failures: from the
/// first to the second number of terms (an issue's text has more) the budget grows by `TASK_BUDGET`.
const TASK_TERMS: (f64, f64) = (20.0, 60.0);
const TASK_BUDGET: f64 = 11.0;
/// Distinct warnings kept in a run that failed, and in one that did not.
const WARNINGS_BESIDE_FAILURES: usize = 3;
const WARNINGS: usize = 10;
/// Of a message that a run repeats more often than this, so many stay for being near a failure.
const MAX_ALIKE: usize = 6;
const ALIKE_KEPT: usize = 2;
/// What stands behind a failure tells less than what stands before it.
const AFTER_COSTS: usize = 2;
/// Shorter lines repeat by chance.
const MIN_REPEAT_BYTES: usize = 12;
/// At least this many marks of a run make a text one.
const MIN_RUN_LINES: usize = 2;

impl Ranks<'_> {
    /// A run of tests: failures and what stands next to them.
    pub fn run(&mut self, query: &Query) {
        let view = self.view;
        let repeats = repeated_lines(view);
        for (i, repeats) in repeats.iter().enumerate() {
            let named = self.ranks[i] == rank::NAMED;
            match view.roles[i] {
                Role::Fail | Role::Summary => self.put(i, rank::FAILURE),
                Role::Section => self.put(i, rank::TRACE),
                Role::Detail if !repeats => self.put(i, rank::TRACE),
                _ if *repeats && !named && self.ranks[i] > rank::FRAME => self.ranks[i] = rank::REPEAT,
                _ => {}
            }
        }
        self.warnings();
        self.surroundings(query);
    }

    /// Distinct warnings of tools: many of them say the same of other places.
    fn warnings(&mut self) {
        let view = self.view;
        let failed = self.ranks.contains(&rank::FAILURE);
        let mut left = if failed { WARNINGS_BESIDE_FAILURES } else { WARNINGS };
        let mut seen = FastSet::default();
        for i in (0..view.len()).filter(|i| view.roles[*i] == Role::Warning) {
            let message = view.message(i);
            let said = memchr::memmem::find(message.as_bytes(), b"arning").map_or("", |at| &message[at..]);
            if left > 0 && seen.insert(standalone_key(said)) {
                left -= 1;
                self.put(i, rank::WEAK);
            }
        }
    }

    /// Lines nearest to failures, up to what a text of this size may keep.
    fn surroundings(&mut self, query: &Query) {
        let view = self.view;
        let n = view.len();
        let mut distance = vec![usize::MAX; n];
        let mut last: Option<usize> = None;
        for (i, distance) in distance.iter_mut().enumerate() {
            if self.ranks[i] == rank::FAILURE {
                last = Some(i);
            }
            *distance = last.map_or(usize::MAX, |l| AFTER_COSTS * (i - l));
        }
        last = None;
        for (i, distance) in distance.iter_mut().enumerate().rev() {
            if self.ranks[i] == rank::FAILURE {
                last = Some(i);
            }
            *distance = (*distance).min(last.map_or(usize::MAX, |l| l - i));
        }
        let task =
            ((query.terms.len() as f64 - TASK_TERMS.0) / (TASK_TERMS.1 - TASK_TERMS.0)).clamp(0.0, 1.0);
        let budget = (RUN_BUDGET + task * TASK_BUDGET) * (view.text.len() as f64).powf(RUN_EXPONENT);
        let kept: usize = (0..n).filter(|i| self.ranks[*i] < rank::REST).map(|i| view.bytes(i)).sum();
        let mut left = budget - kept as f64;
        // The same message again and again surrounds nothing.
        let mut nth: FastMap<u32, usize> = FastMap::default();
        let is_repetitive: Vec<bool> = (0..n)
            .map(|i| {
                let template = view.templates.of_line[i];
                let nth = nth.entry(template).or_default();
                *nth += 1;
                let count = view.templates.list.get(template as usize).map_or(0, |t| t.count);
                count > MAX_ALIKE && *nth > ALIKE_KEPT
            })
            .collect();
        let fits = |i: &usize| {
            self.ranks[*i] == rank::REST
                && !self.is_blank(*i)
                && !self.is_pass(*i)
                && view.roles[*i] != Role::Ruler
                && !is_repetitive[*i]
                && !self.in_frame(*i)
        };
        let mut near: Vec<usize> = (0..n).filter(fits).collect();
        near.sort_by_key(|i| (distance[*i], *i));
        for i in near {
            left -= view.bytes(i) as f64;
            if left < 0.0 {
                break;
            }
            self.put(i, rank::CONTEXT);
        }
    }
}

/// Lines that stand, together with a neighbour, word for word further up.
fn repeated_lines(view: &View<'_>) -> Vec<bool> {
    let mut out = vec![false; view.len()];
    let mut seen: FastMap<(&str, &str), ()> = FastMap::default();
    let filled: Vec<usize> = (0..view.len()).filter(|i| !view.message(*i).trim().is_empty()).collect();
    for pair in filled.windows(2) {
        let (a, b) = (view.message(pair[0]), view.message(pair[1]));
        if a.len() + b.len() >= 2 * MIN_REPEAT_BYTES && seen.insert((a, b), ()).is_some() {
            out[pair[0]] = true;
            out[pair[1]] = true;
        }
    }
    out
}

impl View<'_> {
    /// Whether this is the output of a test run, a failed build or a crash, not a log over time.
    pub fn is_run(&self) -> bool {
        let marks = self
            .roles
            .iter()
            .filter(|r| matches!(r, Role::Fail | Role::Summary | Role::Pass | Role::Section | Role::Detail))
            .count();
        !self.is_stamped && !self.is_located && (marks >= MIN_RUN_LINES || !self.traces.is_empty())
    }
}
