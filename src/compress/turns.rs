//! What a message may know: the tokens up to the end of its turn, and the question of its turn.

use std::ops::Range;

use crate::blocks::{self, Segment};
use crate::kinds::Source;
use crate::options::Options;
use crate::request::Message;
use crate::request::read::Text;
use crate::score::terms;

/// A question with fewer terms than this ("yes, go on") is completed by the one before it.
const MIN_QUESTION_TERMS: usize = 3;
/// How many questions are joined at most to complete a short one.
const MAX_QUESTIONS: usize = 3;

/// For each message, the tokens of all messages up to the end of its turn. The model's own item closes
/// a turn and does not count into it.
pub(super) fn tokens_to_turn_end(messages: &[Message<'_>], counts: &[usize]) -> Vec<usize> {
    let mut out = vec![0; messages.len()];
    let mut total = 0;
    for turn in turns(messages) {
        let of = |models: bool| -> usize {
            turn.clone().filter(|i| messages[*i].is_models == models).map(|i| counts[i]).sum()
        };
        let theirs = of(false);
        out[turn.clone()].fill(total + theirs);
        total += theirs + of(true);
    }
    out
}

/// Runs of messages that form a turn; the model's own item closes one.
pub(super) fn turns(messages: &[Message<'_>]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let turn = messages.get(start)?.turn;
        let len = messages[start..].iter().take_while(|m| m.turn == turn).count();
        start += len;
        Some(start - len..start)
    })
}

/// The instructions in every user message: what is asked.
pub(super) struct Questions<'o> {
    said: Vec<Said>,
    fixed: Option<&'o str>,
}

#[derive(Default)]
struct Said {
    /// Instruction text of a user message; empty if there is none.
    instructions: String,
    /// How many terms it has (counted only as far as it matters).
    terms: usize,
    /// Segments of its texts, in the order of the message's texts.
    segments: Vec<Vec<Segment>>,
}

impl<'o> Questions<'o> {
    pub(super) fn new(messages: &[Message<'_>], options: &'o Options) -> Self {
        let said = messages.iter().map(|message| {
            let mut said = Said::default();
            if message.texts.iter().all(|t| t.source != Source::User) {
                return said;
            }
            for text in &message.texts {
                let segments = blocks::segment(text.text, text.source);
                if text.source == Source::User {
                    for segment in segments.iter().filter(|s| !s.is_payload) {
                        said.instructions.push_str(&text.text[segment.range.clone()]);
                        said.instructions.push('\n');
                    }
                }
                said.segments.push(segments);
            }
            said.instructions.truncate(said.instructions.trim_end().len());
            said.terms = terms::count_terms(&said.instructions, MIN_QUESTION_TERMS);
            said
        });
        Questions { said: said.collect(), fixed: options.query.as_deref() }
    }

    /// The segments of text `t` of message `i`.
    pub(super) fn segments(&self, i: usize, t: usize, text: &Text<'_>) -> Vec<Segment> {
        self.said[i].segments.get(t).cloned().unwrap_or_else(|| blocks::segment(text.text, text.source))
    }

    /// What is asked of a text of message `i`. Tool outputs look backwards only; user payload also
    /// sees the user rows of its own turn.
    pub(super) fn question(&self, messages: &[Message<'_>], i: usize, source: Source) -> String {
        if let Some(fixed) = self.fixed {
            return fixed.to_owned();
        }
        let end = match source {
            Source::User => i + messages[i..].iter().take_while(|m| m.turn == messages[i].turn).count(),
            _ => i,
        };
        let mut parts: Vec<&str> = Vec::new();
        let mut terms = 0;
        for said in self.said[..end].iter().rev().filter(|s| !s.instructions.is_empty()) {
            if parts.len() == MAX_QUESTIONS || terms >= MIN_QUESTION_TERMS {
                break;
            }
            terms += said.terms;
            parts.push(&said.instructions);
        }
        parts.reverse();
        parts.join("\n")
    }
}
