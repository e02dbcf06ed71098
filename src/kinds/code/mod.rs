//! Source code: bodies that the question does not concern collapse to their signature and a mark.
//!
//! ```text
//! text ─► listing    line numbers off                    listing.rs
//!      ─► sections   files, fences, languages            sections.rs  language.rs
//!      ─► outline    functions and types in bytes        lex.rs  literal.rs  braces.rs  heads*.rs  python.rs  ruby.rs
//!      ─► view       the same in lines, ends trusted     view.rs
//!      ─► keep       gate, neighbours, what goes         choose.rs  choose/*.rs
//!      ─► render     lines and marks, numbers thinned    here, listing.rs
//! ```
//!
//! Units are lines; ordinals count the lines of the block. A line is visible byte for byte, except that
//! line numbers in front of it may be thinned (data-equal, see `listing`). Cost: linear.

mod blame;
mod braces;
mod choose;
mod heads;
mod heads_c;
mod heads_js;
mod heads_jvm;
pub mod language;
mod lex;
mod licence;
mod listing;
mod literal;
pub mod outline;
mod python;
mod ruby;
mod sections;
mod shape;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
mod view;

use super::{Context, Kind};
use crate::mark::{self, Omission, Rendered, Unit};
use crate::request::ToolCall;
use crate::select;
use language::{Evidence, Language};
use listing::Listing;

/// See the module.
#[derive(Debug)]
pub struct Code;

/// Recognition looks at this many bytes from the start, the middle and the end.
const SAMPLE_BYTES: usize = 8_000;
/// A language is sure with this many votes.
const MIN_VOTES: u32 = 6;

impl Kind for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn recognise(&self, text: &str) -> u8 {
        if blame::is_blame(text) { BLAMED } else { recognise(text) }
    }

    fn may_reach(&self, _text: &str, least: u8) -> bool {
        least <= MOST_SURE
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        if blame::is_blame(text) {
            let (text, header) = (blame::encode(text)?, Some(blame::WORDS.to_owned()));
            return Some(Rendered { text, header, transforms: vec!["code:blame"], ..Rendered::default() });
        }
        let lines = select::spans(text);
        let listing = Listing::find(text, &lines);
        let keep = if may_collapse(cx) {
            let sections = sections::split(text, &lines, listing.as_ref(), hint(cx.tool));
            let view = view::View::new(text, &lines, &sections, listing.as_ref());
            choose::keep(text, &lines, listing.as_ref(), &view, cx)
        } else {
            None
        };
        let notices = if may_collapse(cx) && !asks_for_rights(&cx.query.question) {
            licence::find(text, &lines, |i| {
                listing.as_ref().map_or(0, |listing| listing.prefix_len(&text[lines[i].range()]))
            })
        } else {
            Vec::new()
        };
        if keep.is_none() && listing.is_none() && notices.is_empty() {
            return None;
        }
        let mut transforms = Vec::new();
        if keep.is_some() {
            transforms.push("code:outline");
        }
        let mut keep = keep.unwrap_or_else(|| vec![true; lines.len()]);
        for notice in &notices {
            keep[notice.clone()].fill(false);
        }
        if !notices.is_empty() {
            transforms.push("code:licence");
        }
        let label = |first: usize| notices.iter().any(|n| n.start == first).then(|| "licence".to_owned());
        let Some(listing) = listing else {
            let pieces = select::pieces(&lines, &keep, Unit::Line, |run| label(run.start));
            // Of a large text they take as much as what is rendered now.
            drop((lines, keep));
            return Some(mark::render(text, pieces, transforms));
        };
        transforms.push("code:line-numbers");
        let mut omissions = Vec::new();
        let (text, words) = listing.write(text, &lines, &keep, |out, first| {
            let end = first + keep[first..].iter().take_while(|k| !**k).count();
            let range = lines[first].start()..lines[end - 1].end();
            mark::write_mark(out, Unit::Line, first + 1, end - first, label(first).as_deref());
            if text[range.clone()].ends_with('\n') {
                out.push('\n');
            }
            omissions.push(Omission { range, unit: Unit::Line, first: first + 1, count: end - first });
            end
        });
        Some(Rendered { text, header: Some(words), omissions, transforms, copies: Vec::new() })
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        if words == blame::WORDS { blame::decode(body) } else { listing::expand(body, words) }
    }
}

/// Whether bodies may go at all. A file that the conversation has edited stays whole, and what was asked
/// for by lines is wanted as it is.
fn may_collapse(cx: &Context<'_>) -> bool {
    cx.may_omit()
        && !cx.tool.is_some_and(|call| call.edited)
        && (cx.options.target_ratio.is_some() || !cx.tool.is_some_and(asks_for_part))
}

/// Whether notices of copyright are what is asked about.
fn asks_for_rights(question: &str) -> bool {
    ["opyright", "icense", "icence", "SPDX"].iter().any(|word| question.contains(word))
}

/// Whether a call asks for certain lines of a file: those are wanted, all of them.
fn asks_for_part(call: &ToolCall) -> bool {
    const SIGNS: [&str; 12] = [
        "sed -n",
        "head ",
        "tail ",
        "grep ",
        "awk ",
        "rg ",
        "view_range",
        "\"offset\"",
        "\"limit\"",
        "start_line",
        "line_start",
        "line_number",
    ];
    SIGNS.iter().any(|sign| call.arguments.contains(sign))
}

/// The language of the one file that a call names.
fn hint(call: Option<&ToolCall>) -> Option<Language> {
    let arguments = &call?.arguments;
    let mut found = None;
    for word in arguments.split(|c: char| c.is_whitespace() || "\"'`;|&<>(),".contains(c)) {
        if let Some(language) = Language::from_path(word.trim_end_matches('\\')) {
            if found.is_some_and(|f| f != language) {
                return None;
            }
            found = Some(language);
        }
    }
    found
}

/// How sure it is that `text` is code, from samples of its lines.
fn recognise(text: &str) -> u8 {
    let mut parts = vec![language::clip(text, SAMPLE_BYTES)];
    if text.len() > SAMPLE_BYTES * 4 {
        for from in [text.len() / 2, text.len() - SAMPLE_BYTES] {
            let rest = &text[language::clip(text, from).len()..];
            parts.push(language::clip(rest, SAMPLE_BYTES));
        }
    }
    let mut seen = Sample::default();
    let mut numbered_share = 0.0;
    for (i, part) in parts.into_iter().enumerate() {
        let lines = select::spans(part);
        let listing = Listing::find(part, &lines);
        if i == 0
            && let Some(listing) = &listing
        {
            let numbered: usize = listing.runs.iter().map(|r| r.lines.len()).sum();
            numbered_share = numbered as f64 / lines.len() as f64;
        }
        for line in lines {
            let line = &part[line.range()];
            seen.add(&line[listing.as_ref().map_or(0, |l| l.prefix_len(line))..]);
        }
    }
    let confidence = seen.confidence();
    if numbered_share >= NUMBERED_SHARE {
        // Nobody else reads numbered lines, whatever they hold.
        return confidence.max(NUMBERED);
    }
    confidence
}

/// Confidence for `git blame`, whose dates a log has, too.
const BLAMED: u8 = 97;
/// Confidence for a text whose lines are numbered one after the other.
const NUMBERED: u8 = 85;
/// From this share of numbered lines on.
const NUMBERED_SHARE: f64 = 0.8;

/// Evidence from a sample, with docstrings and block comments set apart.
#[derive(Default)]
struct Sample {
    /// As if the sample began in code, and as if it began inside a docstring.
    both: [Evidence; 2],
    in_docstring: bool,
    in_comment: bool,
    in_fence: bool,
    fenced: usize,
    unfenced: usize,
    fences: usize,
}

impl Sample {
    fn add(&mut self, line: &str) {
        let trimmed = line.trim();
        if trimmed.starts_with("```") && !self.in_comment {
            self.fences += 1;
            self.in_fence = !self.in_fence;
            return;
        }
        if trimmed.is_empty() {
            return;
        }
        if self.in_fence {
            self.fenced += 1;
        } else {
            self.unfenced += 1;
        }
        let quotes = match memchr::memchr(b'"', trimmed.as_bytes()) {
            Some(_) => trimmed.matches("\"\"\"").count(),
            None => 0,
        };
        if self.in_comment {
            self.in_comment = !trimmed.contains("*/");
            self.both.iter_mut().for_each(|e| {
                e.lines += 1;
                e.comment += 1;
            });
            return;
        }
        if trimmed.starts_with("/*") && !trimmed.contains("*/") {
            self.in_comment = true;
        }
        let (code, doc) = if self.in_docstring { (1, 0) } else { (0, 1) };
        self.both[code].add(line);
        if quotes == 0 {
            self.both[doc].lines += 1;
            self.both[doc].comment += 1;
        } else {
            self.both[doc].add(line);
        }
        if quotes % 2 == 1 {
            self.in_docstring = !self.in_docstring;
        }
    }

    fn confidence(&self) -> u8 {
        // A few fences in a file are a string's or a comment's; about as many lines as that are a document.
        let is_document = self.unfenced * 4 > self.fenced && self.unfenced < self.fenced * 4;
        if self.fences > 0 && is_document {
            return 0;
        }
        self.both.iter().map(confidence).max().unwrap_or(0)
    }
}

fn confidence(evidence: &Evidence) -> u8 {
    let Some((_, votes)) = evidence.best() else { return 0 };
    let judged = evidence.lines.saturating_sub(evidence.comment);
    // A file may be one long comment above a few lines of code: those few decide.
    let is_commented = evidence.lines >= 10 && evidence.comment * 10 >= evidence.lines * 6;
    let (min_judged, min_votes) = if is_commented { (1, MIN_VOTES_COMMENTED) } else { (3, MIN_VOTES) };
    if judged < min_judged || votes < min_votes {
        return 0;
    }
    // A few may stand in strings of a test's source.
    if evidence.other > 1 && evidence.other * 30 > evidence.lines {
        return 0;
    }
    let share = evidence.code as f64 / judged as f64;
    let against = evidence.against as f64 / judged as f64;
    let votes_share = f64::from(votes) / judged as f64;
    let min_share = if votes_share >= STRONG_VOTES_SHARE { MIN_SHARE_STRONG } else { MIN_SHARE };
    if share < min_share || against > 0.1 || votes_share < MIN_VOTES_SHARE {
        return 0;
    }
    (f64::from(LEAST_SURE) + f64::from(MOST_SURE - LEAST_SURE) * (share - 2.0 * against).clamp(0.0, 1.0))
        as u8
}

/// How sure code is of itself, from the least to the most.
const LEAST_SURE: u8 = 50;
const MOST_SURE: u8 = 92;
/// Votes that are enough where most lines are comments.
const MIN_VOTES_COMMENTED: u32 = 4;
/// Share of lines that must look like code.
const MIN_SHARE: f64 = 0.45;
/// The same where lines that only one language has are frequent.
const MIN_SHARE_STRONG: f64 = 0.25;
/// Votes per line that count as frequent, and the least there must be.
const STRONG_VOTES_SHARE: f64 = 0.35;
const MIN_VOTES_SHARE: f64 = 0.15;
