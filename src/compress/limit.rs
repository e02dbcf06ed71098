//! What each text becomes within its conversation: back-references to earlier outputs, and further
//! squeezing of older turns where the conversation would not fit the model's window.
//!
//! Squeezing is replayed from the first message on every request, so it is a pure function of the
//! prefix. When the messages up to a turn's end exceed `model_limit`, older texts are squeezed, oldest
//! first, until [`ROOM`] of the limit is free again; history is rewritten no more often than the
//! conversation grows by that much. In between only the newest texts, which no provider has cached
//! yet, are squeezed. Instructions and the model's own words stay. Cost: one linear pass per rewrite.

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};

use super::echo::{self, Echoes};
use super::text::{self, Block, Counted, Done};
use super::{pointer, remains, turns, written};
use crate::hashed::FastMap;
use crate::kinds::Source;
use crate::mark::{self, Unit};
use crate::memo::{self, Memo};
use crate::options::{Level, Options};
use crate::request::Message;
use crate::select;
use crate::tokens::Counter;

/// Share of the limit that a rewrite frees, and by which the conversation must grow before the next
/// (a denominator: 1/4). A rewrite costs the provider's whole cached prefix once.
const ROOM: usize = 4;
/// What references leave out has hardly more tokens per byte than this many times what its text has.
const MAX_DENSITY: f64 = 1.25;
/// References that leave out less than this part of what is saved without them (a denominator: 1/8) are not
/// tried in its place.
const MAX_SHARE_OF_GAIN: usize = 8;
/// Share of an older text that the first stage of squeezing aims at.
const SQUEEZED_RATIO: f64 = 0.25;
/// Share of the limit that the ends of a text may take together (a denominator: 1/8).
const ENDS: usize = 8;
/// Bytes a token has at least, on average, in what programs print (measured: 2.2 for hexadecimal, 4 for
/// prose); used to turn a budget into bytes without counting.
const MIN_BYTES_PER_TOKEN: usize = 2;
/// The label of a text that was left out as a whole.
const LEFT_OUT: &str = "left out to fit the model's limit";

/// How far a text is squeezed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    /// As its own turn left it.
    None,
    /// Compressed at level aggressive to [`SQUEEZED_RATIO`].
    Tight,
    /// Its first and last lines, within [`ENDS`] of the limit.
    Ends,
    /// One mark in its place.
    Gone,
}

/// What the pass works on.
pub(super) struct Ground<'g> {
    pub(super) messages: &'g [Message<'g>],
    pub(super) counts: &'g [usize],
    /// Of every text of every message.
    pub(super) counted: &'g [Vec<Counted>],
    /// (message, text) of every text that may be compressed, in order.
    pub(super) jobs: &'g [(usize, usize)],
    /// What the memo knows each job's result by.
    pub(super) keys: &'g [memo::Key],
    pub(super) options: &'g Options,
    pub(super) counter: &'g Counter,
    /// The most tokens that the pointer of a message takes.
    pub(super) pointer_tokens: usize,
}

/// What texts have become in their places, where that is not what they are by themselves. Only a cache.
fn settled() -> &'static Memo<Option<Arc<Done>>> {
    static SETTLED: OnceLock<Memo<Option<Arc<Done>>>> = OnceLock::new();
    SETTLED.get_or_init(|| Memo::new(memo::MAX_BYTES / 4))
}

/// Forgets all of them, for measurements.
pub(super) fn clear() {
    settled().clear();
}

/// The final results, one per job.
pub(super) struct Settled {
    pub(super) results: Vec<Arc<Done>>,
    pub(super) over_limit: usize,
    pub(super) rewrites: usize,
}

/// Squeezing over the replayed conversation so far.
struct Epochs {
    stages: Vec<Stage>,
    /// Tokens of the conversation right after the last rewrite; `None` before the first.
    rewritten_at: Option<usize>,
    rewrites: usize,
}

impl Ground<'_> {
    /// Replays the conversation. `compress` gives a text's result under other options.
    pub(super) fn settle(
        &self,
        base: Vec<Arc<Done>>,
        compress: impl Fn((usize, usize), &Options) -> Arc<Done>,
    ) -> Settled {
        let tight =
            Options { level: Level::Aggressive, target_ratio: Some(SQUEEZED_RATIO), ..self.options.clone() };
        // Looked for only where it matters: it reads every text.
        let left_out = OnceCell::new();
        let may_squeeze = || {
            self.options.may_omit()
                && !*left_out.get_or_init(|| self.jobs.iter().any(|job| self.text(*job).contains(LEFT_OUT)))
        };
        let mut squeezed: FastMap<(usize, Stage), Arc<Done>> = FastMap::default();
        let mut form = |job: usize, stage: Stage| -> Arc<Done> {
            match stage {
                Stage::None => base[job].clone(),
                _ => squeezed
                    .entry((job, stage))
                    .or_insert_with(|| match stage {
                        Stage::Ends => self.ends(self.jobs[job], &base[job], self.options.model_limit / ENDS),
                        Stage::Gone => self.ends(self.jobs[job], &base[job], 0),
                        _ => smaller(compress(self.jobs[job], &tight), &base[job]),
                    })
                    .clone(),
            }
        };
        let mut epochs =
            Epochs { stages: vec![Stage::None; self.jobs.len()], rewritten_at: None, rewrites: 0 };
        loop {
            let (results, over_limit, again) = self.replay(&mut epochs, &may_squeeze, &mut form);
            if !again {
                return Settled { results, over_limit, rewrites: epochs.rewrites };
            }
        }
    }

    fn text(&self, (i, t): (usize, usize)) -> &str {
        self.messages[i].texts[t].text
    }

    fn counted(&self, (i, t): (usize, usize)) -> &Counted {
        &self.counted[i][t]
    }

    fn tokens(&self, job: (usize, usize)) -> usize {
        self.counted(job).tokens
    }

    /// One pass over the turns. Stops early, asking for another, when stages were raised.
    fn replay(
        &self,
        epochs: &mut Epochs,
        may_squeeze: &impl Fn() -> bool,
        form: &mut impl FnMut(usize, Stage) -> Arc<Done>,
    ) -> (Vec<Arc<Done>>, usize, bool) {
        let limit = self.options.model_limit;
        let mut echoes = Echoes::default();
        let mut results: Vec<Arc<Done>> = Vec::with_capacity(self.jobs.len());
        let (mut total, mut over) = (0, 0);
        for turn in turns::turns(self.messages) {
            let first_job = results.len();
            // The model's own item comes after the request that this turn's end stands for.
            let own = |i: &usize| self.messages[*i].is_models;
            let theirs: usize = turn.clone().filter(|i| !own(i)).map(|i| self.counts[i]).sum();
            let mut after = total + theirs;
            while self.jobs.get(results.len()).is_some_and(|(i, _)| turn.contains(i)) {
                let job = results.len();
                let done = self.echo(job, epochs, &mut echoes, form);
                after -= done.saved.min(after);
                results.push(done);
            }
            if after > limit && may_squeeze() && self.squeeze(epochs, &results, first_job, after, form) {
                return (results, 0, true);
            }
            for i in turn.clone().filter(own) {
                self.messages[i].calls.iter().for_each(|call| echoes.push_call(written::call(call)));
            }
            over = after.saturating_sub(limit);
            total = after + turn.clone().filter(own).map(|i| self.counts[i]).sum::<usize>();
        }
        (results, over, false)
    }

    /// Raises stages so that the conversation, `total` tokens at the end of this turn, fits again.
    /// Returns whether anything was raised.
    fn squeeze(
        &self,
        epochs: &mut Epochs,
        results: &[Arc<Done>],
        first_job: usize,
        total: usize,
        form: &mut impl FnMut(usize, Stage) -> Arc<Done>,
    ) -> bool {
        let limit = self.options.model_limit;
        let room = limit / ROOM;
        let may_rewrite = epochs.rewritten_at.is_none_or(|at| total >= at + room);
        let mut left = total;
        let mut raise = |epochs: &mut Epochs, jobs: std::ops::Range<usize>, stage: Stage, goal: usize| {
            let mut raised = false;
            for job in jobs {
                if left <= goal {
                    break;
                }
                let is_users =
                    self.messages[self.jobs[job].0].texts[self.jobs[job].1].source != Source::ToolOutput;
                if epochs.stages[job] >= stage || (is_users && stage > Stage::Tight) {
                    continue;
                }
                let gain = form(job, stage).saved.saturating_sub(results[job].saved);
                if gain > 0 {
                    epochs.stages[job] = stage;
                    left -= gain.min(left);
                    raised = true;
                }
            }
            raised
        };
        let mut history = false;
        if may_rewrite {
            history |= raise(epochs, 0..first_job, Stage::Tight, limit - room);
            history |= raise(epochs, 0..first_job, Stage::Gone, limit - room);
        }
        let mut raised = history;
        raised |= raise(epochs, first_job..results.len(), Stage::Tight, limit);
        raised |= raise(epochs, first_job..results.len(), Stage::Ends, limit);
        raised |= raise(epochs, first_job..results.len(), Stage::Gone, limit);
        if history {
            epochs.rewrites += 1;
            epochs.rewritten_at = Some(left);
        }
        raised
    }

    /// The result of a job in its place: a back-reference if that saves more. Registers what is visible.
    fn echo<'e>(
        &'e self,
        job: usize,
        epochs: &Epochs,
        echoes: &mut Echoes<'e>,
        form: &mut impl FnMut(usize, Stage) -> Arc<Done>,
    ) -> Arc<Done> {
        let (i, t) = self.jobs[job];
        let text = &self.messages[i].texts[t];
        let stage = epochs.stages[job];
        let mut result = form(job, stage);
        if text.source != Source::ToolOutput || !self.options.may_omit() {
            return self.worth_its_pointer(text.text, result);
        }
        // JSON has no lines of its own: how it is broken into lines is white space, and goes.
        let by_line = !result.blocks.iter().any(|b| b.kind == "json");
        let is_ours = result.why == text::ALREADY;
        let (key, number) = (self.keys[job].bytes(), text.output.to_le_bytes());
        if !is_ours && stage == Stage::None {
            // An agent sends all that stands above again with every turn.
            let parts =
                [&b"settled"[..], &echoes.context(), &key, &number, &self.pointer_tokens.to_le_bytes()];
            let key = memo::key(&parts);
            let other = settled().get(key).unwrap_or_else(|| {
                echoes.index();
                let other = Arc::new(self.refer(self.jobs[job], &result, echoes, by_line));
                let bytes = other.as_deref().map_or(0, |done| done.bytes(text.text));
                settled().insert(key, other.clone(), bytes);
                other
            });
            if let Some(other) = &*other {
                result = other.clone();
            }
        } else {
            result = self.worth_its_pointer(text.text, result);
        }
        // What a squeezed text has become depends on the limit, too.
        let limit = if stage == Stage::None { 0 } else { self.options.model_limit }.to_le_bytes();
        echoes.push(
            text.text,
            result.clone(),
            text.output,
            by_line,
            &[&key, &number, &[stage as u8], &limit],
        );
        result
    }

    /// What becomes of a text in its place instead of `result`, if anything: references where that saves
    /// more, or the text as it was.
    fn refer(
        &self,
        job: (usize, usize),
        result: &Arc<Done>,
        echoes: &Echoes<'_>,
        by_line: bool,
    ) -> Option<Arc<Done>> {
        let text = self.text(job);
        let forms = [
            self.referring(job, result, echoes, by_line),
            by_line.then(|| self.referring_besides(job, result, echoes)).flatten(),
        ];
        let mut best = result.clone();
        for form in forms.into_iter().flatten() {
            if form.saved > best.saved {
                best = Arc::new(form);
            }
        }
        best = self.worth_its_pointer(text, best);
        (!Arc::ptr_eq(&best, result)).then_some(best)
    }

    /// `result`, or the text as it was where leaving something out would save no more than the pointer by
    /// which it could be fetched. Settled here, because later outputs refer to what is visible of this one.
    fn worth_its_pointer(&self, source: &str, result: Arc<Done>) -> Arc<Done> {
        let omits = result.new.as_ref().is_some_and(|(_, omissions)| !omissions.is_empty());
        if !omits || result.saved > self.pointer_tokens {
            return result;
        }
        let block = Block { range: 0..source.len(), why: pointer::TOO_DEAR, ..Block::default() };
        Arc::new(Done { blocks: vec![block], why: pointer::TOO_DEAR, ..Done::default() })
    }

    /// A text with references in it instead of being compressed as `result` has it.
    fn referring(
        &self,
        job: (usize, usize),
        result: &Done,
        echoes: &Echoes<'_>,
        by_line: bool,
    ) -> Option<Done> {
        let (text, before) = (self.text(job), self.tokens(job));
        let mut gain = before;
        let mut echo = match echoes.whole(text, result) {
            Some(whole) => whole,
            None if !by_line => return None,
            None => {
                let found =
                    echoes.lines(text, &result.source_print(text), &[], is_mostly_visible(text, result));
                let left_out: usize = found.iter().map(|(omission, _)| omission.range.len()).sum();
                gain = (MAX_DENSITY * left_out as f64 * before as f64 / text.len().max(1) as f64) as usize;
                if found.is_empty() || gain <= result.saved / MAX_SHARE_OF_GAIN {
                    // Little is won even if all the rest is written as short as it is: see
                    // `referring_besides`.
                    return None;
                }
                echo::render(text, found)
            }
        };
        // What is left of it may still be written shorter (numbered lines, say).
        let shorter = match &*result.blocks {
            [block] => text::encode(block.kind, &echo.text, self.counter, self.options),
            _ => None,
        };
        let after = match shorter {
            Some((shorter, tokens)) => {
                echo.text = shorter;
                tokens
            }
            None if gain <= result.saved => return None,
            None => self.counted(job).remembered(self.counter, &echo, text),
        };
        Some(Done {
            new: Some((echo.text, echo.omissions)),
            kinds: vec!["echo"],
            blocks: vec![whole_block("echo", text, before, after)],
            transforms: echo.transforms,
            saved: before.saturating_sub(after),
            ..Done::default()
        })
    }

    /// A text with references in it besides being compressed as `result` has it.
    fn referring_besides(&self, job: (usize, usize), result: &Done, echoes: &Echoes<'_>) -> Option<Done> {
        let text = self.text(job);
        let (new, gone) = result.new.as_ref()?;
        let gone = remains::omissions(text, new, gone)?;
        let found = echoes.lines(text, &result.source_print(text), &gone, is_mostly_visible(text, result));
        if found.is_empty() {
            return None;
        }
        let echo = echo::render(text, [gone, found].concat());
        let before = match &*result.blocks {
            [block] if block.range == (0..text.len()) => block.tokens_after,
            _ => text::count(self.counter, new),
        };
        let after = self.counted(job).remembered(self.counter, &echo, text);
        let saved = before.saturating_sub(after);
        if saved == 0 {
            return None;
        }
        let mut blocks = result.blocks.clone();
        if let [block] = &mut *blocks {
            block.tokens_after = block.tokens_after.saturating_sub(saved);
        }
        Some(Done {
            new: Some((echo.text, echo.omissions)),
            kinds: result.kinds.iter().copied().chain(["echo"]).collect(),
            blocks,
            transforms: result.transforms.iter().copied().chain(echo.transforms).collect(),
            saved: result.saved + saved,
            ..Done::default()
        })
    }

    /// The first and last lines of a tool output within `tokens`, and one mark for the rest.
    fn ends(&self, job: (usize, usize), base: &Arc<Done>, tokens: usize) -> Arc<Done> {
        let source = self.text(job);
        if mark::is_marked(source) {
            return base.clone();
        }
        let lines = select::lines(source);
        let mut keep = vec![false; lines.len()];
        let budget = tokens * MIN_BYTES_PER_TOKEN / 2;
        let within = |keep: &mut Vec<bool>, order: &mut dyn Iterator<Item = usize>| {
            let mut left = budget;
            for i in order {
                let Some(rest) = left.checked_sub(lines[i].len()) else { break };
                left = rest;
                keep[i] = true;
            }
        };
        within(&mut keep, &mut (0..lines.len()));
        within(&mut keep, &mut (0..lines.len()).rev());
        let pieces = select::pieces(&lines, &keep, Unit::Line, |_| Some(LEFT_OUT.to_owned()));
        let rendered = mark::render(source, pieces, vec!["limit"]);
        let (before, after) = (self.tokens(job), self.counter.count(&rendered.text));
        smaller(
            Arc::new(Done {
                new: Some((rendered.text, rendered.omissions)),
                kinds: vec!["limit"],
                blocks: vec![whole_block("limit", source, before, after)],
                transforms: rendered.transforms,
                saved: before.saturating_sub(after),
                ..Done::default()
            }),
            base,
        )
    }
}

/// Of a text that its kind has brought below this share (a denominator: 1/3), the kind has seen to the
/// repetitions; looking for them again would double what the second sight of a log costs.
const MOSTLY: usize = 3;

/// Whether a good part of a text is still visible.
fn is_mostly_visible(text: &str, result: &Done) -> bool {
    result.visible(text).len() * MOSTLY > text.len()
}

/// What is said of a text that was taken as a whole.
fn whole_block(kind: &'static str, text: &str, tokens_before: usize, tokens_after: usize) -> Block {
    Block { range: 0..text.len(), kind, why: "", tokens_before, tokens_after }
}

/// The result that saves more.
fn smaller(a: Arc<Done>, b: &Arc<Done>) -> Arc<Done> {
    if a.saved > b.saved { a } else { b.clone() }
}
