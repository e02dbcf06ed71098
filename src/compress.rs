//! The flow: a request goes in, edits and decisions come out.
//!
//! Prefix stability: the edit of a message depends on the messages up to the end of its own turn, the
//! model and the options, and on nothing else. Cost: linear in the request.

use std::ops::Range;

use crate::blocks;
use crate::error::Error;
use crate::kinds::{self, Context, Source};
use crate::mark::{self, Omission};
use crate::options::Options;
use crate::request::read::{self, Message, Text};
use crate::request::value::StringId;
use crate::request::{Request, Step};
use crate::score::Query;
use crate::tokens::Counter;

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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Shorter texts are not worth a mark, in bytes.
const MIN_TEXT_BYTES: usize = 200;
/// A question with fewer terms than this ("yes, go on") is completed by the one before it.
const MIN_QUESTION_TERMS: usize = 3;
/// How many earlier questions are looked at to complete a short one.
const MAX_QUESTIONS: usize = 3;

/// Compresses a request. Fails only on unusable options; odd messages are left alone and noted.
pub fn compress_request(request: &Request<'_>, model: &str, options: &Options) -> Result<Outcome, Error> {
    options.validate()?;
    let counter = Counter::for_model(model);
    let messages = read::read(request);
    let questions = Questions::new(&messages, options);
    let counts: Vec<usize> = messages.iter().map(|m| count_message(request, m, &counter)).collect();
    let seen = tokens_to_turn_end(&messages, &counts);

    let mut out = Outcome::default();
    for (i, message) in messages.iter().enumerate() {
        let before = counts[i];
        let mut work =
            Work { counter: &counter, options, saved: 0, transforms: Vec::new(), kinds: Vec::new() };
        let mut reason = message.odd;
        if seen[i] < options.min_tokens {
            reason = Some("below min_tokens");
        } else {
            for (t, text) in message.texts.iter().enumerate() {
                if text.text.len() < MIN_TEXT_BYTES {
                    reason.get_or_insert("short");
                    continue;
                }
                let query = questions.query(&messages, i, t);
                match work.text(text, &query) {
                    Ok((new, omissions)) => {
                        out.edits.push(Edit { message: i, path: text.path.clone(), id: text.id, text: new });
                        out.omitted.extend(omissions.into_iter().map(|omission| Omitted {
                            message: i,
                            id: text.id,
                            omission,
                        }));
                    }
                    Err(why) => {
                        reason.get_or_insert(why);
                    }
                }
            }
        }
        let compressed = work.saved > 0;
        let why_not = if message.is_models { "the model's own words" } else { "nothing to compress" };
        out.decisions.push(Decision {
            message: i,
            action: if compressed { "compressed" } else { "kept" },
            reason: if compressed { work.kinds.join(", ") } else { reason.unwrap_or(why_not).to_owned() },
            transforms: work.transforms,
            tokens_before: before,
            tokens_after: before - work.saved,
        });
        out.tokens_before += before;
        out.tokens_after += before - work.saved;
    }
    Ok(out)
}

fn count_message(request: &Request<'_>, message: &Message<'_>, counter: &Counter) -> usize {
    let texts = message.texts.iter().map(|t| counter.count(t.text));
    let others = message.other.iter().map(|id| counter.count(request.str(*id)));
    let flattened = message.flattened.iter().map(|t| counter.count(t));
    texts.chain(others).chain(flattened).sum()
}

/// For each message, the tokens of all messages up to the end of its turn.
fn tokens_to_turn_end(messages: &[Message<'_>], counts: &[usize]) -> Vec<usize> {
    let mut out = vec![0; messages.len()];
    let mut total = 0;
    let mut start = 0;
    while start < messages.len() {
        let turn = messages[start].turn;
        // The model's own item closes the turn and is not part of what came before it.
        let mut end = start;
        let mut sum = total;
        while end < messages.len() && messages[end].turn == turn {
            if !messages[end].is_models {
                sum += counts[end];
            }
            end += 1;
        }
        out[start..end].fill(sum);
        total += counts[start..end].iter().sum::<usize>();
        start = end;
    }
    out
}

/// The human instructions of every user message, found once.
struct Questions<'o> {
    /// Per message: its instruction text, empty if none.
    instructions: Vec<String>,
    fixed: Option<&'o str>,
}

impl<'o> Questions<'o> {
    fn new(messages: &[Message<'_>], options: &'o Options) -> Self {
        let instructions = messages
            .iter()
            .map(|message| {
                let mut out = String::new();
                for text in message.texts.iter().filter(|t| t.source == Source::User) {
                    for segment in blocks::segment(text.text, text.source) {
                        if !segment.is_payload {
                            out.push_str(&text.text[segment.range]);
                            out.push('\n');
                        }
                    }
                }
                out
            })
            .collect();
        Questions { instructions, fixed: options.query.as_deref() }
    }

    /// The query of text `t` of message `i`.
    fn query(&self, messages: &[Message<'_>], i: usize, t: usize) -> Query {
        let text = &messages[i].texts[t];
        let call = text
            .call
            .as_ref()
            .map(|c| format!("{} {}\n{}", c.name, c.arguments, c.beside))
            .unwrap_or_default();
        if let Some(fixed) = self.fixed {
            return Query::new(fixed, &call);
        }
        // Tool outputs look backwards only; user payload also sees the user rows of its own turn.
        let end = match text.source {
            Source::User => {
                (i..messages.len()).take_while(|j| messages[*j].turn == messages[i].turn).count() + i
            }
            _ => i,
        };
        let mut parts: Vec<&str> = Vec::new();
        let mut terms = 0;
        let mut j = end;
        while j > 0 && parts.len() < MAX_QUESTIONS && terms < MIN_QUESTION_TERMS {
            j -= 1;
            let said = self.instructions[j].trim();
            if !said.is_empty() {
                terms += crate::score::terms::terms(said).len();
                parts.push(said);
            }
        }
        parts.reverse();
        Query::new(&parts.join("\n"), &call)
    }
}

/// Compresses the texts of one message.
struct Work<'w> {
    counter: &'w Counter,
    options: &'w Options,
    saved: usize,
    transforms: Vec<&'static str>,
    kinds: Vec<&'static str>,
}

impl Work<'_> {
    /// The new text and what was left out of it, or why it stays as it is.
    fn text(&mut self, text: &Text<'_>, query: &Query) -> Result<(String, Vec<Omission>), &'static str> {
        if mark::is_marked(text.text) {
            return Err("already compressed");
        }
        let mut new = String::with_capacity(text.text.len() / 2);
        let mut omissions = Vec::new();
        let mut changed = false;
        let mut why = "nothing to compress";
        for segment in blocks::segment(text.text, text.source) {
            let part = &text.text[segment.range.clone()];
            let done = if segment.is_payload { self.block(part, text, query) } else { Err(why) };
            match done {
                Ok(rendered) => {
                    changed = true;
                    new.push_str(&rendered.text);
                    omissions.extend(rendered.omissions.into_iter().map(|o| shift(o, segment.range.start)));
                }
                Err(reason) => {
                    why = reason;
                    new.push_str(part);
                }
            }
        }
        if !changed {
            return Err(why);
        }
        Ok((new, omissions))
    }

    fn block(&mut self, part: &str, text: &Text<'_>, query: &Query) -> Result<mark::Rendered, &'static str> {
        let kind = kinds::recognise(part).ok_or("kind not recognised")?;
        let cx = Context {
            tokens: self.counter,
            query,
            options: self.options,
            tool: text.call.as_ref(),
            source: text.source,
        };
        let mut rendered = kind.compress(part, &cx).ok_or("nothing to gain")?;
        if part.ends_with('\n') && !rendered.text.ends_with('\n') {
            rendered.text.push('\n');
        }
        // Inside a user's message the extent of a compressed block must be known, so that the
        // instructions around it read the same when the message is seen again.
        let words = rendered.header.take().or_else(|| (text.source == Source::User).then(String::new));
        if let Some(words) = words.filter(|_| text.source == Source::User || !rendered.text.is_empty()) {
            let mut headed = String::with_capacity(rendered.text.len() + words.len() + 40);
            mark::write_header(&mut headed, kind.name(), &rendered.text, &words);
            headed.push_str(&rendered.text);
            rendered.text = headed;
        }
        let (before, after) = (self.counter.count(part), self.counter.count(&rendered.text));
        if after >= before {
            return Err("would not get shorter");
        }
        self.saved += before - after;
        self.transforms.extend(&rendered.transforms);
        if !self.kinds.contains(&kind.name()) {
            self.kinds.push(kind.name());
        }
        Ok(rendered)
    }
}

fn shift(omission: Omission, by: usize) -> Omission {
    let Range { start, end } = omission.range;
    Omission { range: start + by..end + by, ..omission }
}
