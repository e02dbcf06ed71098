//! Logs, CI logs, build and test output, stack traces.
//!
//! ```text
//! text ─► lines ─► timestamp split off, severity, role, trace, template      view and the modules it names
//!      ─► a rank per line (named by the question, failure, first of its template, …)     choose, relevance
//!      ─► lines up to a rank stay, marks stand for the others                render
//! ```
//!
//! Unit: the line. Cost: linear; see the modules.

mod choose;
mod cost;
mod diagnostic;
mod outlier;
mod recognise;
mod relevance;
mod severity;
mod template;
mod testrun;
mod timestamp;
mod trace;
mod view;

use super::{Context, Kind};
use crate::mark::{self, Rendered, Unit};
use crate::select;
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

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        if !cx.may_omit() {
            return None;
        }
        let view = View::new(text, select::lines(text));
        if view.is_run() && text.len() < MIN_RUN_BYTES {
            return None;
        }
        let ranks = Ranks::new(&view, cx.query);
        let mut keep = match cx.options.target_ratio {
            Some(share) => ranks.keep_share(share),
            None => ranks.keep_for(cx.options.level),
        };
        fill_gaps(&view, &mut keep);
        let pieces = select::pieces(&view.lines, &keep, Unit::Line, |_| None);
        Some(mark::render(text, pieces, vec!["log:select"]))
    }
}

/// The output of a test run or a traceback shorter than this (about 500 tokens) stays as it is: most of
/// it concerns the failure.
const MIN_RUN_BYTES: usize = 2000;

/// Keeps runs that are cheaper than the mark that would stand for them.
fn fill_gaps(view: &View<'_>, keep: &mut [bool]) {
    let mut i = 0;
    while i < keep.len() {
        let mut j = i;
        let mut tokens = 0;
        while j < keep.len() && keep[j] == keep[i] {
            if !keep[i] && tokens <= cost::MARK_TOKENS {
                tokens += cost::tokens(&view.text[view.lines[j].clone()]);
            }
            j += 1;
        }
        if !keep[i] && tokens <= cost::MARK_TOKENS {
            keep[i..j].fill(true);
        }
        i = j;
    }
}
