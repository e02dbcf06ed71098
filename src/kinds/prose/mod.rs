//! Prose and retrieved documents: passages, then sentences, chosen by the question.
//!
//! Sentences stay byte for byte; a run that is left out has a mark in its place. Without a question that
//! part of the text can answer nothing is left out: no sentence of a document is noise by itself.
//! Everything here is linear but for sorting scores. Tokens are estimated, never counted: the choice
//! does not depend on the vocabulary.

mod plan;
pub mod rank;
pub(super) mod recognise;
mod sentences;
pub mod split;
#[cfg(test)]
mod tests;

pub use plan::pieces;

use super::{Context, Kind, Source};
use crate::blocks::lines;
use crate::mark::{self, Rendered};
use crate::options::Level;
use crate::score::question::{self, Question};
use crate::score::terms;

/// See the module.
#[derive(Debug)]
pub struct Prose;

/// A remark that has no look of a question is one if some passage covers this share of its words, and if
/// it has so many terms.
const MIN_COVERAGE_UNSURE: f64 = 0.6;
const MIN_TERMS_UNSURE: usize = 3;
/// A question of which no passage has more than this share is about something else.
const MIN_COVERAGE: f64 = 0.15;

/// A question of so few terms that points at the text or at what to do ("What is wrong here?") asks about
/// all of it.
const MAX_TERMS_ABOUT_ALL: usize = 2;

impl Kind for Prose {
    fn name(&self) -> &'static str {
        "prose"
    }

    fn recognise(&self, text: &str) -> u8 {
        recognise::confidence(text)
    }

    fn may_reach(&self, text: &str, least: u8) -> bool {
        recognise::may_reach(text, least)
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        if !may_select(cx) || text.len() > split::MAX_TEXT_BYTES {
            return None;
        }
        let document = split::split(text);
        let must = must_keep(text, &document, cx.source);
        let keep = select(text, &document, cx, &must)?;
        Some(mark::render(text, plan::pieces(&document, &keep), vec!["prose:select"]))
    }
}

/// Whether sentences may go at all: a question asks for a part of the text, or the caller names a ratio.
fn may_select(cx: &Context<'_>) -> bool {
    cx.may_omit() && (cx.options.target_ratio.is_some() || question::question(&cx.query.question).is_some())
}

/// Which units of `document`, a split of `text`, stay; `None` if all do. Those in `must` do.
pub(super) fn select(
    text: &str,
    document: &split::Document,
    cx: &Context<'_>,
    must: &[bool],
) -> Option<Vec<bool>> {
    if !may_select(cx) {
        return None;
    }
    let asked = question::question(&cx.query.question);
    let words = asked.map_or("", |q| q.text);
    let own = question::terms(words);
    let call: Vec<String> = if asked.is_some() { call_terms(&cx.query.call) } else { Vec::new() };
    let reading = rank::Reading::new(text, document, &own, &call);
    let tokens = plan::estimate(text);
    let budget = match cx.options.target_ratio {
        Some(ratio) => tokens * ratio,
        None => {
            let coverage = reading.coverage();
            if own.len() <= MAX_TERMS_ABOUT_ALL && question::points_at_text(words)
                || !is_answerable(asked?, own.len(), coverage)
            {
                return None;
            }
            let is_aggressive = cx.options.level == Level::Aggressive;
            plan::amount(tokens, coverage, question::is_comparison(words), is_aggressive)?
        }
    };
    let scores = reading.scores(words, &rank::Weights::default());
    drop(reading);
    let keep = plan::choose(text, document, &scores, must, budget);
    keep.contains(&false).then_some(keep)
}

fn is_answerable(question: Question<'_>, term_count: usize, coverage: f64) -> bool {
    if question.is_sure {
        term_count > 0 && coverage >= MIN_COVERAGE
    } else {
        term_count >= MIN_TERMS_UNSURE && coverage >= MIN_COVERAGE_UNSURE
    }
}

/// The terms of what the tool was asked: the values of its arguments, not their names.
fn call_terms(call: &str) -> Vec<String> {
    let arguments = call.split_once(' ').map_or("", |(_, rest)| rest);
    let mut out: Vec<String> = Vec::new();
    for part in arguments.split_inclusive([',', '{', '}', '\n']) {
        let value = part.split_once("\":").map_or(part, |(_, value)| value);
        out.extend(terms::terms(value));
    }
    out.sort();
    out.dedup();
    out
}

/// In a user's message the first and last sentences may be said to the model: "… What is it called?"
fn must_keep(text: &str, document: &split::Document, source: Source) -> Vec<bool> {
    const EDGE: usize = 2;
    let n = document.units.len();
    let is_edge = |i: usize| i < EDGE || i + EDGE >= n;
    (0..n)
        .map(|i| source == Source::User && is_edge(i) && lines::is_remark(&text[document.units[i].range()]))
        .collect()
}
