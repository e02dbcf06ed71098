//! Search results and listings: grep, rg, ag, `git grep`, find, `git ls-files`, tree, `ls -R`.
//!
//! Matches are grouped by file ([`group`]), paths by directory ([`listing`], [`tree`]), both without
//! loss and byte for byte reversible: what is written is decoded again before it is accepted. Then
//! matches are left out, behind marks, where the question names others or where there are too many
//! ([`choose`]). Linear.

mod choose;
mod group;
mod listing;
mod matches;
mod shape;
mod tree;

use super::{Context, Kind};
use crate::mark::Rendered;
use crate::select;
use shape::Shape;

/// See the module.
#[derive(Debug)]
pub struct Search;

impl Kind for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn recognise(&self, text: &str) -> u8 {
        shape::shape(text).map_or(0, |(_, sure)| sure)
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        match shape::shape(text)?.0 {
            Shape::Matches(style) => compress_matches(text, style, cx),
            Shape::Paths => listing::compress_paths(text, cx),
            Shape::Directories => listing::compress_directories(text),
            Shape::Tree => tree::compress(text),
        }
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        match words {
            listing::PATH_WORDS => Some(listing::decode_paths(body)),
            listing::DIRECTORY_WORDS => Some(listing::decode_directories(body)),
            _ => tree::decode(body, words).or_else(|| group::decode(body, words)),
        }
    }
}

fn compress_matches(text: &str, style: matches::Style, cx: &Context<'_>) -> Option<Rendered> {
    let parsed = matches::parse(text, style);
    let ranges = select::lines(text);
    let all = vec![true; ranges.len()];
    let whole = group::encode(&parsed, &ranges, &all, |_| true);
    // A text that the encoding cannot carry (none is known) stays as it is.
    if group::decode(&whole.text, &whole.words).as_deref() != Some(text) {
        return None;
    }
    let mut grouped = whole;
    let mut transforms = vec!["search:group"];
    if cx.may_omit() {
        let choice = choose::choose(&parsed, &ranges, text, cx.query, cx.options, || cx.tokens.count(text));
        if choice.keep.contains(&false) {
            grouped = group::encode(&parsed, &ranges, &choice.keep, |path| choice.named[path]);
            transforms.push("search:select");
        }
    }
    Some(Rendered {
        text: grouped.text,
        header: Some(grouped.words),
        omissions: grouped.omissions,
        transforms,
    })
}
