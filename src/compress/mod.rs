//! The flow: a request goes in, edits and decisions come out.
//!
//! Prefix stability: the edit of a message depends on the messages up to the end of its own turn, the
//! model and the options, and on nothing else. Cost: linear in the request.

mod echo;
mod limit;
mod pointer;
mod print;
mod remains;
mod text;
mod turns;
mod written;

use std::sync::Arc;

use crate::error::Error;
use crate::kinds::Source;
use crate::mark::Omission;
use crate::memo;
use crate::options::Options;
use crate::parallel;
use crate::request::read::{self, Message, Text};
use crate::request::value::StringId;
use crate::request::{Request, Step};
use crate::tokens::Counter;

use pointer::Pointed;
use text::{Counted, Job, MIN_TEXT_BYTES};

pub use text::{Block, clear_memo, memo_stats};

/// One changed string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Index of the message.
    pub message: usize,
    /// Where in the message the string stands.
    pub path: Vec<Step>,
    /// Its id in the request's table of strings.
    pub id: StringId,
    /// What stands there from now on.
    pub text: String,
}

/// Units that are not visible any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    /// Index of the message.
    pub message: usize,
    /// Id of the string in the request's table.
    pub id: StringId,
    /// What was left out; its range counts bytes of that string.
    pub omission: Omission,
}

/// What was done to one message and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Index of the message.
    pub message: usize,
    /// "compressed" or "kept".
    pub action: &'static str,
    /// Why it was kept, or which kinds were compressed.
    pub reason: String,
    /// What was done, for example "log:select".
    pub transforms: Vec<&'static str>,
    /// Tokens of the message before.
    pub tokens_before: usize,
    /// Tokens of the message after.
    pub tokens_after: usize,
    /// The parts of its texts that were looked at, in order, each with the place of its text.
    pub blocks: Vec<(Vec<Step>, Block)>,
}

/// The original of a message that carries a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The hash: 24 lower-case hexadecimal digits.
    pub hash: String,
    /// Index of the message.
    pub message: usize,
    /// The message's changed texts as they were, joined by newlines.
    pub text: String,
    /// Name of the tool whose output it is (the last changed text's); empty for a user's text.
    pub tool: String,
    /// What was compressed in it.
    pub kinds: Vec<&'static str>,
}

/// The result for a whole request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Changed strings, in order of position.
    pub edits: Vec<Edit>,
    /// One per message.
    pub decisions: Vec<Decision>,
    /// Everything left out, in order of position.
    pub omitted: Vec<Omitted>,
    /// Tokens of all messages before.
    pub tokens_before: usize,
    /// Tokens of all messages after.
    pub tokens_after: usize,
    /// What a store must hold so that the hashes in the messages can be redeemed.
    pub originals: Vec<Original>,
    /// Tokens by which the messages still exceed `model_limit`; 0 if they fit.
    pub over_limit: usize,
    /// How often older turns were squeezed further to fit `model_limit`, over the whole conversation.
    pub rewrites: usize,
}

/// Compresses a request. Fails only on unusable options; odd messages are left alone and noted.
pub fn compress_request(request: &Request<'_>, model: &str, options: &Options) -> Result<Outcome, Error> {
    options.validate()?;
    let messages = read::read(request);
    let counter = Counter::for_model(model).with_threads(threads_per_text(&messages, options.max_threads));
    let (counts, counted): (Vec<usize>, Vec<Vec<Counted>>) = parallel::map(
        &messages,
        options.max_threads,
        |m| weight(request, m),
        |_, m| count_message(request, m, &counter),
    )
    .into_iter()
    .unzip();
    let seen = turns::tokens_to_turn_end(&messages, &counts);
    let questions = turns::Questions::new(&messages, options);

    let mut jobs = Vec::new();
    for (i, message) in messages.iter().enumerate().filter(|(i, _)| seen[*i] >= options.min_tokens) {
        jobs.extend(
            (0..message.texts.len())
                .filter(|t| message.texts[*t].text.len() >= MIN_TEXT_BYTES)
                .filter(|t| !message.texts[*t].is_retrieved())
                .map(|t| (i, t)),
        );
    }
    let size = |(i, t): &(usize, usize)| messages[*i].texts[*t].text.len();
    let run = |(i, t): (usize, usize), options: &Options| {
        let text = &messages[i].texts[t];
        let question = questions.question(&messages, i, text.source);
        let job = Job {
            text: text.text,
            counted: counted[i][t].clone(),
            source: text.source,
            call: text.call.as_ref(),
            question: &question,
            options,
            counter: &counter,
        };
        job.run(|| questions.segments(i, t, text))
    };
    let (keys, results): (Vec<memo::Key>, Vec<_>) =
        parallel::map(&jobs, options.max_threads, size, |_, job| run(*job, options)).into_iter().unzip();

    let ground = limit::Ground {
        messages: &messages,
        counts: &counts,
        counted: &counted,
        jobs: &jobs,
        keys: &keys,
        options,
        counter: &counter,
        pointer_tokens: pointer::most_tokens(&options.retrieval, &counter),
    };
    let settled = ground.settle(results, |job, options| run(job, options).1);
    let results = settled.results;

    let mut out =
        Outcome { over_limit: settled.over_limit, rewrites: settled.rewrites, ..Outcome::default() };
    let mut done = jobs.iter().zip(results).peekable();
    let pointers = pointer::Pointers { retrieval: &options.retrieval, counter: &counter };
    for (i, message) in messages.iter().enumerate() {
        let before = counts[i];
        let mut decision =
            Decision { message: i, tokens_before: before, tokens_after: before, ..Decision::default() };
        let mut why = match message.odd {
            None if message.is_models => Some("the model's own words"),
            None if seen[i] < options.min_tokens => Some("below min_tokens"),
            None if message.texts.iter().any(Text::is_retrieved) => Some("fetched by the model"),
            odd => odd,
        };
        let mut kinds: Vec<&'static str> = Vec::new();
        let (mut tool, mut source) = ("", Source::User);
        while let Some(((_, t), mut result)) = done.next_if(|((j, _), _)| *j == i) {
            let text = &message.texts[*t];
            decision.blocks.extend(result.blocks.iter().map(|b| (text.path.clone(), b.clone())));
            // What the memo does not hold is moved, not copied.
            let new = match Arc::get_mut(&mut result) {
                Some(own) => own.new.take(),
                None => result.new.clone(),
            };
            let Some((new, omissions)) = new else {
                why.get_or_insert(result.why);
                continue;
            };
            (tool, source) = (text.call.as_ref().map_or("", |call| call.name.as_str()), text.source);
            out.edits.push(Edit { message: i, path: text.path.clone(), id: text.id, text: new });
            let omitted = |omission| Omitted { message: i, id: text.id, omission };
            out.omitted.extend(omissions.into_iter().map(omitted));
            decision.tokens_after -= result.saved.min(decision.tokens_after);
            decision.transforms.extend(&result.transforms);
            kinds.extend(result.kinds.iter().filter(|k| !kinds.contains(k)).copied().collect::<Vec<_>>());
        }
        let saved = before - decision.tokens_after;
        match pointers.add(request, i, source, saved, &mut out) {
            Pointed::Not => {}
            Pointed::At(original, cost) => {
                decision.tokens_after += cost;
                out.originals.push(Original { tool: tool.to_owned(), kinds: kinds.clone(), ..original });
            }
            // What cannot be fetched back is not left out.
            Pointed::TooDear => {
                out.edits.truncate(out.edits.partition_point(|e| e.message < i));
                out.omitted.truncate(out.omitted.partition_point(|o| o.message < i));
                decision.tokens_after = before;
                decision.transforms.clear();
                for (_, block) in decision.blocks.iter_mut().filter(|(_, block)| block.why.is_empty()) {
                    (block.why, block.tokens_before, block.tokens_after) = (pointer::TOO_DEAR, 0, 0);
                }
                kinds.clear();
                why = Some(pointer::TOO_DEAR);
            }
        }
        decision.action = if kinds.is_empty() { "kept" } else { "compressed" };
        decision.reason =
            if kinds.is_empty() { why.unwrap_or("nothing to compress").to_owned() } else { kinds.join(", ") };
        out.tokens_before += before;
        out.tokens_after += decision.tokens_after;
        out.decisions.push(decision);
    }
    Ok(out)
}

/// One text of more than half of all bytes keeps the other threads waiting: it is counted by several of them.
fn threads_per_text(messages: &[Message<'_>], max_threads: usize) -> usize {
    let sizes = || messages.iter().flat_map(|m| &m.texts).map(|t| t.text.len());
    if 2 * sizes().max().unwrap_or(0) > sizes().sum() { max_threads } else { 1 }
}

/// Bytes of a message that are counted.
fn weight(request: &Request<'_>, message: &Message<'_>) -> usize {
    let texts: usize = message.texts.iter().map(|t| t.text.len()).sum();
    let others: usize = message.other.iter().map(|id| request.str(*id).len()).sum();
    texts + others + message.flattened.iter().map(String::len).sum::<usize>()
}

/// Tokens of a message, and its texts' own.
fn count_message(request: &Request<'_>, message: &Message<'_>, counter: &Counter) -> (usize, Vec<Counted>) {
    let texts: Vec<Counted> = message.texts.iter().map(|t| Counted::new(counter, t.text)).collect();
    let others = message.other.iter().map(|id| request.str(*id));
    let flattened = message.flattened.iter().map(String::as_str);
    let rest: usize = others.chain(flattened).map(|s| text::count(counter, s)).sum();
    (texts.iter().map(|t| t.tokens).sum::<usize>() + rest, texts)
}
