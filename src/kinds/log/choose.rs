//! Which lines stay: every rule gives lines a rank, the lowest rank of a line counts, and the level or
//! the target decides up to which rank lines stay.
//!
//! Invariants: ranks depend on the text and the query alone; ties are broken by position. Cost: linear
//! in the lines, plus a sort of the lines that share words with the question.

use std::collections::{HashMap, HashSet};

use super::outlier;
use super::related;
use super::relevance;
use super::severity::Severity;
use super::template::{NONE, standalone_key};
use super::testrun::Role;
use super::trace;
use super::view::View;
use crate::options::Level;
use crate::score::Query;

/// Why a line stays; lower is more important.
pub(super) mod rank {
    /// The question names it.
    pub const NAMED: u8 = 0;
    /// A failure, a distinct error, an exception's message, the counts of a run.
    pub const FAILURE: u8 = 1;
    /// The ends of the text; lines nearest to the question.
    pub const FRAME: u8 = 2;
    /// The frames of a trace that tell most.
    pub const TRACE: u8 = 3;
    /// A further error like one before.
    pub const REPEATED: u8 = 4;
    /// Words of trouble, numbers that stick out.
    pub const WEAK: u8 = 5;
    /// The first line of a template.
    pub const FIRST: u8 = 6;
    /// The first line of a variant, the surroundings of a failure.
    pub const CONTEXT: u8 = 7;
    /// Everything else: only a generous target keeps it.
    pub const REST: u8 = 8;
    /// Stands word for word further up.
    pub const REPEAT: u8 = 9;
}

/// Lines at the start and at the end that always stay.
const HEAD: usize = 3;
const TAIL: usize = 5;
/// A literal of the question that is on more lines than this, and on more than this share of them,
/// selects nothing by itself.
const MAX_LITERAL_LINES: usize = 40;
const MAX_LITERAL_SHARE: f64 = 0.05;
/// A literal on more lines than this does not select lines that only say what is under way.
const MAX_PROGRESS_HITS: usize = 3;
/// Lines kept of a literal that is on too many: from the start and from the end.
const LITERAL_ENDS: usize = 5;
/// Lines kept for sharing words with the question, in all and per template.
const BEST_LINES: usize = 10;
const BEST_PER_TEMPLATE: usize = 3;
/// One of them per this many lines, and only with this share of the best score.
const LINES_PER_BEST: usize = 20;
const MIN_BEST: f64 = 0.4;
/// Lines of one template kept for weak words.
const WEAK_PER_TEMPLATE: usize = 3;
/// All errors stay while they make up at most this share of the text, and all declared warnings.
const MAX_ERROR_SHARE: f64 = 0.35;
const MAX_WARNING_SHARE: f64 = 0.12;
/// Beyond it, near-identical errors (they differ in numbers alone) still all stay in groups up to this
/// size; of larger groups the first ones and the last.
const SMALL_GROUP: usize = 12;
const REPEATED_ERRORS: usize = 3;
/// First lines of variants kept per template.
const VARIANTS: u16 = 3;
/// First lines of templates stay while they make up at most this share of the text.
const MAX_FIRST_SHARE: f64 = 0.35;
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

/// A run keeps about `RUN_BUDGET · bytes^RUN_EXPONENT` bytes in all (1 kB of 2.5 kB, 2.5 kB of 10 kB,
/// 13 kB of 100 kB): short outputs stay nearly whole, long ones shrink most.
const RUN_BUDGET: f64 = 4.0;
const RUN_EXPONENT: f64 = 0.7;
/// A long question is a task, and whoever works on code needs the source around its failures: from the
/// first to the second number of terms (an issue's text has more) the budget grows by `TASK_BUDGET`.
const TASK_TERMS: (f64, f64) = (20.0, 60.0);
const TASK_BUDGET: f64 = 11.0;
/// As `RUN_BUDGET`, for the list that a linter prints: every line of it is something to mend.
const LINT_BUDGET: f64 = 7.0;
/// Distinct warnings kept in a run that failed, and in one that did not.
const WARNINGS_BESIDE_FAILURES: usize = 3;
const WARNINGS: usize = 10;
/// Of a message that a run repeats more often than this, so many stay for being near a failure.
const MAX_ALIKE: usize = 6;
const ALIKE_KEPT: usize = 2;
/// What stands behind a failure tells less than what stands before it.
const AFTER_COSTS: usize = 2;

/// Ranks of all lines of a text.
pub(super) struct Ranks<'v> {
    view: &'v View<'v>,
    is_run: bool,
    /// One per line.
    pub ranks: Vec<u8>,
}

impl<'v> Ranks<'v> {
    /// Ranks the lines by all rules.
    pub fn new(view: &'v View<'v>, query: &Query) -> Self {
        let mut out = Ranks { view, is_run: view.is_run(), ranks: vec![rank::REST; view.len()] };
        out.ends();
        out.question(query);
        out.errors();
        out.weak();
        out.traces();
        if out.is_run {
            out.run(query);
        } else {
            out.related();
            out.firsts();
        }
        if !view.is_located {
            for i in outlier::find(view.text, &view.messages, &view.templates) {
                // Sizes and versions of what is downloaded lie far apart, and say nothing.
                if !out.is_pass(i) {
                    out.put(i, rank::WEAK);
                }
            }
        }
        out
    }

    fn put(&mut self, i: usize, rank: u8) {
        if let Some(mine) = self.ranks.get_mut(i) {
            *mine = (*mine).min(rank);
        }
    }

    fn is_blank(&self, i: usize) -> bool {
        self.view.roles[i] == Role::Blank
    }

    fn ends(&mut self) {
        let n = self.view.len();
        let head: Vec<usize> = (0..n).filter(|i| !self.is_blank(*i)).take(HEAD).collect();
        let tail: Vec<usize> = (0..n).rev().filter(|i| !self.is_blank(*i)).take(TAIL).collect();
        for i in head.into_iter().chain(tail) {
            self.put(i, rank::FRAME);
        }
    }

    fn question(&mut self, query: &Query) {
        let most = MAX_LITERAL_LINES.max((MAX_LITERAL_SHARE * self.view.len() as f64) as usize);
        for mut hits in relevance::literal_hits(self.view.text, &self.view.lines, query) {
            // What is downloaded has versions and names as a question has, and says nothing of it.
            if hits.len() > MAX_PROGRESS_HITS {
                hits.retain(|i| !self.is_progress(*i));
            }
            if hits.len() <= most {
                hits.into_iter().for_each(|i| self.put(i, rank::NAMED));
            } else {
                let last = hits.len() - LITERAL_ENDS;
                hits.iter().take(LITERAL_ENDS).chain(&hits[last..]).for_each(|i| self.put(*i, rank::FRAME));
            }
        }
        let mut scores = relevance::scores(self.view.text, &self.view.messages, query);
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut taken: HashMap<u32, usize> = HashMap::new();
        let mut seen = HashSet::new();
        let mut left = BEST_LINES.min(1 + self.view.len() / LINES_PER_BEST);
        let best = scores.first().map_or(0.0, |s| s.1);
        for (i, score) in scores {
            if score < MIN_BEST * best || left == 0 {
                break;
            }
            if self.is_progress(i) {
                continue;
            }
            let of_template = taken.entry(self.view.templates.of_line[i]).or_default();
            if *of_template < BEST_PER_TEMPLATE && seen.insert(standalone_key(self.view.message(i))) {
                *of_template += 1;
                self.put(i, rank::FRAME);
                // In a run, lines belong together: a test's name and the warning under it.
                if self.is_run && i + 1 < self.view.len() && !self.is_pass(i + 1) {
                    self.put(i + 1, rank::CONTEXT);
                }
                left -= 1;
            }
        }
    }

    /// Errors and declared warnings: each distinct one, and all of them while they are few.
    fn errors(&mut self) {
        for (severity, share, first) in [
            (Severity::Strong, MAX_ERROR_SHARE, rank::FAILURE),
            (Severity::Warning, MAX_WARNING_SHARE, rank::REPEATED),
        ] {
            let view = self.view;
            let is_one = |i: &usize| view.severity[*i] == severity && !self.is_pass(*i) && !self.in_frame(*i);
            let lines: Vec<usize> = (0..view.len()).filter(is_one).collect();
            let bytes: usize = lines.iter().map(|i| view.bytes(*i)).sum();
            let few = bytes as f64 <= share * view.text.len() as f64;
            if !few && severity == Severity::Warning {
                continue;
            }
            let keys: Vec<u64> = lines.iter().map(|i| standalone_key(view.message(*i))).collect();
            let mut total: HashMap<u64, usize> = HashMap::new();
            keys.iter().for_each(|key| *total.entry(*key).or_default() += 1);
            let mut seen: HashMap<u64, usize> = HashMap::new();
            for (i, key) in lines.into_iter().zip(keys) {
                let seen = seen.entry(key).or_default();
                *seen += 1;
                let total = total.get(&key).copied().unwrap_or(0);
                if *seen == 1 {
                    self.put(i, first);
                } else if few || total <= SMALL_GROUP || *seen < REPEATED_ERRORS || *seen == total {
                    self.put(i, rank::REPEATED);
                }
            }
        }
    }

    /// Whether line `i` says that something went well, or is under way without an error.
    fn is_pass(&self, i: usize) -> bool {
        self.view.roles[i] == Role::Pass || self.is_progress(i)
    }

    /// Whether line `i` says that something is under way, and of no error.
    fn is_progress(&self, i: usize) -> bool {
        self.view.roles[i] == Role::Progress && self.view.severity[i] != Severity::Strong
    }

    fn weak(&mut self) {
        let view = self.view;
        let mut taken: HashMap<(u32, u64), ()> = HashMap::new();
        let mut of_template: HashMap<u32, usize> = HashMap::new();
        for i in 0..view.len() {
            // In a run, what is indented is source: words of trouble in it say nothing.
            let is_source = self.is_run && view.message(i).starts_with("    ");
            if !matches!(view.severity[i], Severity::Weak | Severity::Warning)
                || self.is_pass(i)
                || is_source
                || self.is_run && view.roles[i] == Role::Warning
            {
                continue;
            }
            let template = view.templates.of_line[i];
            let count = of_template.entry(template).or_default();
            if *count < WEAK_PER_TEMPLATE
                && taken.insert((template, standalone_key(view.message(i))), ()).is_none()
            {
                *count += 1;
                self.put(i, rank::WEAK);
            }
        }
    }

    /// What else was said of what failed, unless the question names what it is about.
    fn related(&mut self) {
        if self.ranks.contains(&rank::NAMED) {
            return;
        }
        let mut failing: Vec<usize> = Vec::new();
        for wanted in [rank::FAILURE, rank::REPEATED, rank::WEAK] {
            failing.extend((0..self.view.len()).filter(|i| self.ranks[*i] == wanted && !self.in_frame(*i)));
        }
        for i in related::find(self.view, &failing) {
            self.put(i, rank::CONTEXT);
        }
    }

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
    fn traces(&mut self) {
        let mut seen = HashSet::new();
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
        let mut seen = HashSet::new();
        let mut is_new = |frame: &std::ops::Range<usize>| {
            let number = |c: char| c == '#' || c == ' ' || c == '\t' || c.is_ascii_digit();
            let said = (self.view.message(frame.start).trim_start_matches(number), frame.len());
            // Go says below its function where it is.
            seen.insert((said, (frame.len() == 2).then(|| self.view.message(frame.end - 1))))
        };
        all.filter(|k| is_new(&trace.frames[*k])).collect()
    }

    /// The first line of each template, rarest first while they are many; then of its variants.
    fn firsts(&mut self) {
        let view = self.view;
        let mut firsts: Vec<usize> = (0..view.templates.list.len()).collect();
        firsts.sort_by_key(|t| (view.templates.list[*t].count > 1, view.templates.list[*t].first));
        let share = MAX_FIRST_SHARE * view.text.len() as f64;
        let listed = LINT_BUDGET * (view.text.len() as f64).powf(RUN_EXPONENT);
        let mut left = if view.is_located { listed } else { share } as usize;
        for t in firsts {
            let i = view.templates.list[t].first;
            if self.in_frame(i) || self.is_pass(i) {
                continue;
            }
            if view.bytes(i) > left {
                break;
            }
            left -= view.bytes(i);
            self.put(i, rank::FIRST);
        }
        let mut seen = HashSet::new();
        for i in 0..view.len() {
            let (template, variant) = (view.templates.of_line[i], view.templates.variant[i]);
            if template != NONE
                && variant > 0
                && variant < VARIANTS
                && !self.in_frame(i)
                && seen.insert((template, variant))
                && view.bytes(i) <= left
            {
                left -= view.bytes(i);
                self.put(i, rank::CONTEXT);
            }
        }
    }

    /// Whether line `i` belongs to a trace's frames or its exception.
    pub fn in_frame(&self, i: usize) -> bool {
        let at = self.view.traces.partition_point(|t| t.lines().end <= i);
        self.view
            .traces
            .get(at)
            .is_some_and(|t| t.frames.first().is_some_and(|f| f.start <= i) && t.message.end > i)
    }

    /// A run of tests: failures and what stands next to them.
    fn run(&mut self, query: &Query) {
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
        let mut seen = HashSet::new();
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
        let mut nth: HashMap<u32, usize> = HashMap::new();
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

    /// Keep flags for a level.
    pub fn keep_for(&self, level: Level) -> Vec<bool> {
        let most = if level == Level::Aggressive { rank::WEAK } else { rank::CONTEXT };
        self.ranks.iter().map(|r| *r <= most).collect()
    }

    /// Keep flags for a share of the text's bytes: by rank, and within the last rank evenly spread.
    pub fn keep_share(&self, share: f64) -> Vec<bool> {
        let view = self.view;
        let mut left = share * view.text.len() as f64;
        let mut keep = vec![false; view.len()];
        for rank in rank::NAMED..=rank::REPEAT {
            let lines: Vec<usize> = (0..view.len()).filter(|i| self.ranks[*i] == rank).collect();
            let bytes: usize = lines.iter().map(|i| view.bytes(*i)).sum();
            if bytes as f64 <= left {
                lines.iter().for_each(|i| keep[*i] = true);
                left -= bytes as f64;
                continue;
            }
            // As much of this rank as fits, spread over the text.
            let part = left / bytes as f64;
            let mut due = 0.0;
            for i in lines {
                due += part * view.bytes(i) as f64;
                if due >= view.bytes(i) as f64 {
                    keep[i] = true;
                    due -= view.bytes(i) as f64;
                }
            }
            break;
        }
        keep
    }
}

/// Shorter lines repeat by chance.
const MIN_REPEAT_BYTES: usize = 12;

/// Lines that stand, together with a neighbour, word for word further up.
fn repeated_lines(view: &View<'_>) -> Vec<bool> {
    let mut out = vec![false; view.len()];
    let mut seen: HashMap<(&str, &str), ()> = HashMap::new();
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

/// At least this many marks of a run make a text one.
const MIN_RUN_LINES: usize = 2;

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
