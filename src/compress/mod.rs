//! The flow: a request goes in, edits and decisions come out.
//!
//! Prefix stability: the edit of a message depends on the messages up to the end of its own turn, the
//! model and the options, and on nothing else. Cost: linear in the request.

mod echo;
mod parallel;
mod text;
mod turns;

use std::sync::Arc;

use crate::error::Error;
use crate::kinds::Source;
use crate::mark::{self, Omission};
use crate::options::Options;
use crate::request::read::{self, Message};
use crate::request::value::StringId;
use crate::request::{Request, Step};
use crate::tokens::Counter;

use echo::Echoes;
use text::{Done, Job, MIN_TEXT_BYTES};

pub use text::{clear_memo, memo_stats};

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
}

/// Compresses a request. Fails only on unusable options; odd messages are left alone and noted.
pub fn compress_request(request: &Request<'_>, model: &str, options: &Options) -> Result<Outcome, Error> {
    options.validate()?;
    let counter = Counter::for_model(model);
    let messages = read::read(request);
    let counts = parallel::map(
        &messages,
        options.max_threads,
        |m| weight(request, m),
        |_, m| count_message(request, m, &counter),
    );
    let seen = turns::tokens_to_turn_end(&messages, &counts);
    let questions = turns::Questions::new(&messages, options);

    let mut jobs = Vec::new();
    for (i, message) in messages.iter().enumerate().filter(|(i, _)| seen[*i] >= options.min_tokens) {
        jobs.extend(
            (0..message.texts.len())
                .filter(|t| message.texts[*t].text.len() >= MIN_TEXT_BYTES)
                .map(|t| (i, t)),
        );
    }
    let size = |(i, t): &(usize, usize)| messages[*i].texts[*t].text.len();
    let results = parallel::map(&jobs, options.max_threads, size, |_, (i, t)| {
        let text = &messages[*i].texts[*t];
        let question = questions.question(&messages, *i, text.source);
        let (call, source) = (text.call.as_ref(), text.source);
        let job = Job { text: text.text, source, call, question: &question, options, counter: &counter };
        job.run(|| questions.segments(*i, *t, text))
    });

    let results = refer_back(&messages, &jobs, results, options, &counter);

    let mut out = Outcome::default();
    let mut done = jobs.iter().zip(&results).peekable();
    for (i, message) in messages.iter().enumerate() {
        let before = counts[i];
        let mut decision =
            Decision { message: i, tokens_before: before, tokens_after: before, ..Decision::default() };
        let mut why = match message.odd {
            None if message.is_models => Some("the model's own words"),
            None if seen[i] < options.min_tokens => Some("below min_tokens"),
            odd => odd,
        };
        let mut kinds: Vec<&str> = Vec::new();
        while let Some(((_, t), result)) = done.next_if(|((j, _), _)| *j == i) {
            let Some((new, omissions)) = &result.new else {
                why.get_or_insert(result.why);
                continue;
            };
            let text = &message.texts[*t];
            out.edits.push(Edit { message: i, path: text.path.clone(), id: text.id, text: new.clone() });
            let omitted = |o: &Omission| Omitted { message: i, id: text.id, omission: o.clone() };
            out.omitted.extend(omissions.iter().map(omitted));
            decision.tokens_after -= result.saved.min(decision.tokens_after);
            decision.transforms.extend(&result.transforms);
            kinds.extend(result.kinds.iter().filter(|k| !kinds.contains(k)).copied().collect::<Vec<_>>());
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

/// Replaces results by back-references to earlier tool outputs where those save more. In order, since
/// a reference points at what an earlier output has become.
fn refer_back(
    messages: &[Message<'_>],
    jobs: &[(usize, usize)],
    mut results: Vec<Arc<Done>>,
    options: &Options,
    counter: &Counter,
) -> Vec<Arc<Done>> {
    let outputs = jobs.iter().filter(|(i, t)| messages[*i].texts[*t].source == Source::ToolOutput).count();
    if outputs < 2 || !options.may_omit() {
        return results;
    }
    let mut echoes = Echoes::default();
    for ((i, t), result) in jobs.iter().zip(&mut results) {
        let text = &messages[*i].texts[*t];
        if text.source != Source::ToolOutput {
            continue;
        }
        let visible = result.new.as_ref().map_or(text.text, |(new, _)| new.as_str());
        // JSON has no lines of its own: how it is broken into lines is whitespace, and goes.
        let by_line = !result.recognised.contains(&"json");
        let is_ours = result.new.is_none() && mark::is_marked(text.text);
        let found = (!is_ours)
            .then(|| echoes.whole(text.text, visible).or_else(|| echoes.lines(text.text).filter(|_| by_line)))
            .flatten();
        if let Some(echo) = found {
            let (before, after) = (text::count(counter, text.text), counter.count(&echo.text));
            if before.saturating_sub(after) > result.saved {
                *result = Arc::new(Done {
                    new: Some((echo.text, echo.omissions)),
                    kinds: vec!["echo"],
                    transforms: echo.transforms,
                    saved: before - after,
                    ..Done::default()
                });
            }
        }
        let visible = match &result.new {
            Some((new, _)) => new.clone().into(),
            None => text.text.into(),
        };
        echoes.push(visible, by_line);
    }
    results
}

/// Bytes of a message that are counted.
fn weight(request: &Request<'_>, message: &Message<'_>) -> usize {
    let texts: usize = message.texts.iter().map(|t| t.text.len()).sum();
    let others: usize = message.other.iter().map(|id| request.str(*id).len()).sum();
    texts + others + message.flattened.iter().map(String::len).sum::<usize>()
}

fn count_message(request: &Request<'_>, message: &Message<'_>, counter: &Counter) -> usize {
    let texts = message.texts.iter().map(|t| t.text);
    let others = message.other.iter().map(|id| request.str(*id));
    let flattened = message.flattened.iter().map(String::as_str);
    texts.chain(others).chain(flattened).map(|s| text::count(counter, s)).sum()
}
