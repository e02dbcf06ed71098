//! JSON: lossless tables first, then gated selection of records.
//!
//! ```text
//! text ─► tape (nodes that point into the text)                     tape
//!      ─► columns (what the records of an array share) ─► roles      columns  roles  cost
//!      ─► compact text, cheapest per array                          write    text
//! compact text ─► form (the header) ─► JSON                         read     form
//! ```
//!
//! Lossless means: number spelling, key order, duplicate keys and string data survive; white space
//! and the spelling of escapes may not. Plain minified JSON carries no header.

mod columns;
mod cost;
mod digest;
mod extents;
mod form;
pub(super) mod gate;
mod links;
mod nested;
mod policy;
mod read;
mod records;
mod roles;
mod row;
mod rows;
mod strings;
mod structure;
mod table;
pub(crate) mod tape;
pub(crate) mod text;
mod variants;
mod write;

use std::cell::OnceCell;

use super::{Context, Kind, Source};
use crate::mark::{self, Omission, Rendered};
use crate::score::scope;
pub use extents::extents;
use gate::Gate;
use links::Named;
pub use records::{Record, records};
pub use structure::{Fields, canonical as canonical_path, fields};
use tape::Tape;
use write::{Writer, Written};

/// See the module.
#[derive(Debug)]
pub struct Json;

/// How sure this kind is of a text that parses as a whole.
const WHOLE_CONFIDENCE: u8 = 100;
/// How sure it is of a text of which a good part is JSON.
const PART_CONFIDENCE: u8 = 88;
/// That part, in percent of the bytes.
const MIN_SHARE_PERCENT: usize = 60;
/// A text this much above the caller's ratio is near enough.
const RATIO_SLACK: f64 = 1.1;
/// Tokens of a header without words.
const HEADER_TOKENS: u32 = 10;

impl Kind for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn recognise(&self, text: &str) -> u8 {
        if text.trim_start().starts_with(['{', '[']) && tape::is_json(text) {
            return WHOLE_CONFIDENCE;
        }
        // Rounded up.
        let least = (text.trim().len().max(1) * MIN_SHARE_PERCENT).div_ceil(100);
        if extents::cover(text, least) { PART_CONFIDENCE } else { 0 }
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        // What a program wrote line by line is a log, whatever the form of its lines.
        if let Some(selected) = super::log::select_records(text, cx) {
            return Some(selected);
        }
        if let Some(tape) = Tape::parse(text) {
            return encode(&tape, cx);
        }
        // JSON among other lines: each value becomes a block with a header of its own.
        let mut out = Rendered::default();
        let mut done = 0;
        for range in extents(text) {
            let Some(part) = Tape::parse(&text[range.clone()]).and_then(|tape| encode(&tape, cx)) else {
                continue;
            };
            out.text.push_str(&text[done..range.start]);
            if let Some(words) = &part.header {
                mark::write_header(&mut out.text, self.name(), &part.text, words);
            }
            out.text.push_str(&part.text);
            let shift =
                |o: Omission| Omission { range: o.range.start + range.start..o.range.end + range.start, ..o };
            out.omissions.extend(part.omissions.into_iter().map(shift));
            out.transforms.extend(
                part.transforms.into_iter().filter(|t| !out.transforms.contains(t)).collect::<Vec<_>>(),
            );
            done = range.end;
        }
        out.text.push_str(&text[done..]);
        (done > 0).then_some(out)
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        let (mark, body) = policy::split_mark(body);
        let mut json = read::read(body)?;
        if words.contains(strings::WORDS) {
            json = strings::expand(&json)?;
        }
        if body.ends_with('\n') {
            json.push('\n');
        }
        json.insert_str(0, mark);
        Some(json)
    }
}

/// Writes one text that is JSON as a whole; `None` if it would not get shorter.
fn encode(tape: &Tape<'_>, cx: &Context<'_>) -> Option<Rendered> {
    let whole = encode_all(tape, cx);
    let part = policy::reduce(tape, cx).and_then(|reduced| reduced.finish(|tape| encode_all(tape, cx)));
    match part {
        Some(part) if policy::is_worth_it(tape.src(), whole.as_ref(), &part, cx) => Some(part),
        _ => whole,
    }
}

/// The same, whatever a policy says.
fn encode_all(tape: &Tape<'_>, cx: &Context<'_>) -> Option<Rendered> {
    let named = Named::new(cx.query);
    let gate = if cx.may_omit() { Gate::new(tape, cx.query, cx.options) } else { None };
    if let Some(changed) = change(tape, gate.as_ref(), cx) {
        let new = Tape::parse(&changed.json)?;
        let written = Writer::new(&new, &named, None).document();
        let mut out = shorter(&new, written)
            .unwrap_or_else(|| Rendered { text: changed.json.clone(), ..Rendered::default() });
        out.omissions = changed.omissions;
        out.transforms.extend(changed.transforms);
        if changed.has_blocks {
            let words = out.header.get_or_insert_default();
            words.push_str(if words.is_empty() { "" } else { ", " });
            words.push_str(strings::WORDS);
        }
        return Some(out);
    }
    shorter(tape, write(tape, &named, gate, cx))
}

/// The text with shorter strings, if these are what it is about.
fn change(tape: &Tape<'_>, gate: Option<&Gate>, cx: &Context<'_>) -> Option<strings::Changed> {
    // A system message's JSON is data of the caller: descriptions, not outputs.
    if cx.source == Source::System {
        return None;
    }
    let asked = &cx.query.question;
    let may_select =
        cx.may_omit() && !scope::asks_about_records(asked) && !strings::names_member(tape, asked);
    if may_select
        && let Some(passages) = strings::Passages::find(tape)
        && !gate.is_some_and(|gate| passages.are_named(tape, gate))
        && let Some(changed) = passages.shorten(tape, cx)
    {
        return Some(changed);
    }
    strings::compress(tape, may_select, cx)
}

/// What is written, or the minified text where that is shorter; `None` if neither is.
fn shorter(tape: &Tape<'_>, written: Option<Written>) -> Option<Rendered> {
    let minified = OnceCell::new();
    let minified = || minified.get_or_init(|| minify(tape));
    if let Some(Written { text: body, omissions, features }) = written {
        let words = words(features);
        // The choice looks at the data alone, never at the white space of the text, so that minified
        // output is not changed when it is seen again.
        let tokens = cost::tokens(&body) + HEADER_TOKENS + cost::tokens(&words);
        if tokens < cost::least_minified(tape.src()) || tokens < cost::tokens(minified()) {
            let mut transforms = vec![if features.tables { "json:table" } else { "json:bare" }];
            if !omissions.is_empty() {
                transforms.push("json:select");
            }
            return Some(Rendered {
                text: body,
                header: Some(words),
                omissions,
                transforms,
                copies: Vec::new(),
            });
        }
    }
    (minified().len() < tape.src().len()).then(|| Rendered {
        text: minified().clone(),
        transforms: vec!["json:minify"],
        ..Rendered::default()
    })
}

/// Writes a text with as much left out as the question and the caller's ratio ask for.
fn write(tape: &Tape<'_>, named: &Named, gate: Option<Gate>, cx: &Context<'_>) -> Option<Written> {
    let written = Writer::new(tape, named, gate.as_ref()).document()?;
    let Some(ratio) = cx.options.target_ratio.filter(|_| cx.may_omit()) else { return Some(written) };
    let goal = f64::from(cost::tokens(tape.src())) * ratio;
    let mut best = written;
    let mut share = 1.0;
    for digest in [true, true, false, false] {
        let tokens = f64::from(cost::tokens(&best.text));
        if tokens <= goal * RATIO_SLACK {
            break;
        }
        share *= goal / tokens;
        let gate = match &gate {
            // What the question selects stays; only the digest can go.
            Some(gate) => gate.without_digest(),
            None => Gate::by_share(share, digest),
        };
        best = Writer::new(tape, named, Some(&gate)).document()?;
    }
    Some(best)
}

fn minify(tape: &Tape<'_>) -> String {
    let mut out = String::with_capacity(tape.src().len());
    for (i, root) in tape.elements(0).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        write::minify(tape, root, &mut out);
    }
    out
}

/// What the header says to a reader who has never seen this encoding.
fn words(features: write::Features) -> String {
    let mut words = Vec::new();
    if features.tables {
        words.push(if features.variants {
            "rows start with their kind, A{columns}"
        } else {
            "rows under {columns}"
        });
    }
    if features.constants {
        words.push("k=v unless row says");
    }
    if features.defaults {
        words.push("k(v) empty cell");
    }
    if features.nested {
        words.push("@: JSON in a string");
    }
    words.join(", ")
}

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod selection;
#[cfg(test)]
mod strings_tests;
