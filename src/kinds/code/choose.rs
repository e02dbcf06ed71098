//! Which bodies stay: the gate, what the question concerns, and what goes.
//!
//! The gate opens when the question names a function or type that the text defines, and only a few of
//! them. Then the named ones stay whole, with what they call and who calls them as far as a share of
//! the text allows; other bodies go, and so does the bulk of long comments. With the gate closed
//! nothing goes, unless `target_ratio` or level aggressive ask for it. Cost: linear in the text.

mod candidates;
mod identifiers;
mod named;
mod neighbours;

use std::ops::Range;

use super::listing::Listing;
use super::view::View;
use crate::hashed::FastSet;
use crate::kinds::Context;
use crate::options::Level;
use candidates::{bodies, comments, tables};
use identifiers::for_each_identifier;
use named::gate;
use neighbours::neighbours;

/// Less than this share of the text is not worth the loss.
const MIN_GAIN_SHARE: f64 = 0.08;
/// Shorter names (`new`, `fmt`) stand everywhere and name nothing in particular.
const MIN_MENTION_BYTES: usize = 4;
/// More mentions than this say that the name is a common word.
const MAX_MENTIONS: usize = 12;

/// For each line whether it stays. `None` if all do.
pub fn keep(
    text: &str,
    lines: &[Range<usize>],
    listing: Option<&Listing>,
    view: &View<'_>,
    cx: &Context<'_>,
) -> Option<Vec<bool>> {
    let named = gate(view, cx, lines);
    let aggressive = cx.options.level == Level::Aggressive;
    let ratio = cx.options.target_ratio;
    if named.is_empty() && !aggressive && ratio.is_none() {
        return None;
    }
    let may_drop_bodies = !named.is_empty() || ratio.is_some();
    let whole = if may_drop_bodies { neighbours(text, lines, view, &named, cx) } else { FastSet::default() };
    let mut candidates = if may_drop_bodies { bodies(text, lines, view, &whole, cx) } else { Vec::new() };
    comments(text, lines, view, &whole, &mut candidates);
    if may_drop_bodies {
        tables(text, lines, view, &whole, listing, &mut candidates);
    }
    if let Some(ratio) = ratio {
        // Lowest value first, the longest of equals; what is not needed to reach the target stays.
        candidates.sort_by_key(|c| (c.value, usize::MAX - c.bytes));
        let mut over = (text.len() as f64 * (1.0 - ratio)) as usize;
        candidates.retain(|c| {
            let goes = over > 0;
            over = over.saturating_sub(c.bytes);
            goes
        });
    }
    let gain: usize = candidates.iter().map(|c| c.bytes).sum();
    if (gain as f64) < text.len() as f64 * MIN_GAIN_SHARE {
        return None;
    }
    let mut keep = vec![true; lines.len()];
    for candidate in candidates {
        keep[candidate.lines].fill(false);
    }
    if ratio.is_none() {
        keep_mentions(text, lines, view, &named, &mut keep);
    }
    Some(keep)
}

/// Lines that mention what the question names stay wherever they are, if they are few: "who calls it?"
fn keep_mentions(text: &str, lines: &[Range<usize>], view: &View, named: &[usize], keep: &mut [bool]) {
    let names: FastSet<&str> =
        named.iter().map(|i| view.entries[*i].name).filter(|name| name.len() >= MIN_MENTION_BYTES).collect();
    if names.is_empty() {
        return;
    }
    let mut mentions = Vec::new();
    for i in (0..lines.len()).filter(|i| !keep[*i]) {
        let mut is_mention = false;
        for_each_identifier(&text[lines[i].clone()], |word| is_mention |= names.contains(word));
        if is_mention {
            mentions.push(i);
        }
    }
    if mentions.len() <= MAX_MENTIONS {
        mentions.into_iter().for_each(|i| keep[i] = true);
    }
}

/// How many bytes a range of lines has.
fn bytes_of(lines: &[Range<usize>], range: &Range<usize>) -> usize {
    match (lines.get(range.start), lines.get(range.end.max(1) - 1)) {
        (Some(a), Some(b)) if !range.is_empty() => b.end - a.start,
        _ => 0,
    }
}
