//! Which lines stay: every rule gives lines a rank, the lowest rank of a line counts, and the level or
//! the target decides up to which rank lines stay.
//!
//! Invariants: ranks depend on the text and the query alone; ties are broken by position. Cost: linear
//! in the lines, plus a sort of the lines that share words with the question.

mod runs;
mod traces;

use super::outlier;
use super::related;
use super::relevance;
use super::severity::Severity;
use super::template::{NONE, standalone_key};
use super::testrun::Role;
use super::view::View;
use crate::hashed::{FastMap, FastSet};
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
/// As `RUN_BUDGET`, for the list that a linter prints: every line of it is something to mend.
const LINT_BUDGET: f64 = 7.0;
/// The share of a text that is worth keeping falls with its size: bytes kept grow with this power.
const RUN_EXPONENT: f64 = 0.7;

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
        let mut taken: FastMap<u32, usize> = FastMap::default();
        let mut seen = FastSet::default();
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
            let mut total: FastMap<u64, usize> = FastMap::default();
            keys.iter().for_each(|key| *total.entry(*key).or_default() += 1);
            let mut seen: FastMap<u64, usize> = FastMap::default();
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
        let mut taken: FastMap<(u32, u64), ()> = FastMap::default();
        let mut of_template: FastMap<u32, usize> = FastMap::default();
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
        let mut seen = FastSet::default();
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
