//! Logs, CI logs, build and test output, stack traces.
//!
//! ```text
//! text ─► lines ─► timestamp split off, severity, role, trace, template          view and what it names
//!      ─► a rank per line (named by the question, failure, first of its template, …)     choose, relevance
//!      ─► lines up to a rank stay, marks stand for the others                            write
//!      ─► timestamps that lines share are written once                                   prefix
//! ```
//!
//! Unit: the line; a carriage return without a newline ends one too. At level lossless nothing is left
//! out, and only [`prefix`] applies. Cost: linear; see the modules.

mod choose;
mod cost;
mod diagnostic;
mod listed;
mod noise;
mod outlier;
mod prefix;
mod recognise;
pub(in crate::kinds) mod records;
mod related;
mod relevance;
mod severity;
mod template;
mod testrun;
mod timestamp;
mod trace;
mod view;
mod write;

use std::ops::Range;

use super::{Context, Kind};
use crate::mark::{MARK_OPEN, Rendered};
use crate::options::Level;
use choose::Ranks;
use view::View;

/// See the module.
#[derive(Debug)]
pub struct Log;

impl Kind for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn recognise(&self, text: &str) -> u8 {
        recognise::confidence(text)
    }

    fn may_reach(&self, text: &str, least: u8) -> bool {
        recognise::may_reach(text, least)
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        // Every entry of a list counts, unless the caller says how much to keep.
        let may_select = cx.may_omit() && (cx.options.target_ratio.is_some() || !recognise::is_list(text));
        let selected = if may_select { select(text, cx) } else { None };
        let Some(mut rendered) = selected else {
            return lossless(text);
        };
        // Where little could be left out, timestamps are what is left to save. Where much was, each
        // visible line keeps its own: whoever quotes or searches for a line finds all of it.
        let little = rendered.text.len() * LITTLE > text.len();
        if (little || cx.options.level == Level::Aggressive)
            && !text.contains(MARK_OPEN)
            && let Some((body, words)) = prefix::encode(&rendered.text, true)
        {
            rendered.text = body;
            rendered.header = Some(words);
            rendered.transforms.push("log:prefix");
        }
        Some(rendered)
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        prefix::decode(body, words)
    }
}

/// "Little was left out" means less than one in this many bytes.
const LITTLE: usize = 2;

/// The output of a test run or a traceback shorter than this (about 500 tokens) stays as it is: most of
/// it concerns the failure.
const MIN_RUN_BYTES: usize = 2000;

fn lossless(text: &str) -> Option<Rendered> {
    let (body, words) = prefix::encode(text, false)?;
    Some(Rendered { text: body, header: Some(words), transforms: vec!["log:prefix"], ..Rendered::default() })
}

/// Leaves out lines of a log of JSON lines; `None` if it is none, or nothing may or can be left out.
pub(super) fn select_records(text: &str, cx: &Context<'_>) -> Option<Rendered> {
    if !cx.may_omit() || !records::is_log(text) {
        return None;
    }
    let units = crate::select::lines(text);
    let mut view = View::of_records(text, units.clone());
    view.judge_records();
    write_selected(text, &units, &[], &view, cx)
}

/// Leaves out what the question does not concern; `None` if nothing may or can be left out.
fn select(text: &str, cx: &Context<'_>) -> Option<Rendered> {
    let codes = noise::codes(text);
    let units = noise::lines(text);
    let (plain, lines) = noise::without(text, &units, &codes);
    let view = View::new(&plain, lines);
    if view.is_run() && text.len() < MIN_RUN_BYTES {
        return None;
    }
    write_selected(text, &units, &codes, &view, cx)
}

/// Writes what stays of a view.
fn write_selected(
    text: &str,
    units: &[Range<usize>],
    codes: &[Range<usize>],
    view: &View<'_>,
    cx: &Context<'_>,
) -> Option<Rendered> {
    let ranks = Ranks::new(view, cx.query);
    let mut keep = match cx.options.target_ratio {
        Some(share) => ranks.keep_share(share),
        None => ranks.keep_for(cx.options.level),
    };
    write::fill_gaps(view, &mut keep);
    let rendered = write::write(text, units, codes, view, &ranks, &keep);
    (!rendered.omissions.is_empty()).then_some(rendered)
}

#[cfg(test)]
mod formats;
#[cfg(test)]
mod tests;
