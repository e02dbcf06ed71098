//! What stays whole beside what the question names: what it calls, and who mentions it.
//!
//! Invariant: the named entries always stay; neighbours are added in a fixed order as long as a share of
//! the text allows. Cost: linear in the text, plus the places of each name.

use std::ops::Range;

use super::bytes_of;
use super::identifiers::{for_each_call, places};
use crate::hashed::{FastMap, FastSet};
use crate::kinds::Context;
use crate::kinds::code::outline::ItemKind;
use crate::kinds::code::view::View;
use crate::options::Level;
use crate::score::query;

/// What callees and callers may add to the named ones, as a share of the text and in bytes at least.
const NEIGHBOUR_SHARE: f64 = 0.2;
const NEIGHBOUR_MIN_BYTES: usize = 2_000;
/// What level aggressive leaves of that.
const AGGRESSIVE_DIVISOR: usize = 4;
/// What stands before the dot of a call on the same object.
const SELVES: [&str; 6] = ["self", "this", "cls", "Self", "super", "static"];
/// Deeper nesting is not followed.
const MAX_DEPTH: usize = 64;

/// The entries that stay whole: the named, what they call, who mentions them, what the call names.
pub fn neighbours(
    text: &str,
    lines: &[Range<usize>],
    view: &View<'_>,
    named: &[usize],
    cx: &Context<'_>,
) -> FastSet<usize> {
    let mut whole: FastSet<usize> = named.iter().copied().collect();
    let slice = |range: &Range<usize>| -> &str {
        match (lines.get(range.start), lines.get(range.end.max(1) - 1)) {
            (Some(a), Some(b)) if a.start < b.end => &text[a.start..b.end],
            _ => "",
        }
    };
    let mut by_name: FastMap<&str, Vec<usize>> = FastMap::default();
    for (i, entry) in view.entries.iter().enumerate() {
        if entry.kind == ItemKind::Function && !entry.name.is_empty() {
            by_name.entry(entry.name).or_default().push(i);
        }
    }
    let mut budget = NEIGHBOUR_MIN_BYTES.max((text.len() as f64 * NEIGHBOUR_SHARE) as usize);
    if cx.options.level == Level::Aggressive {
        budget /= AGGRESSIVE_DIVISOR;
    }
    let mut order: Vec<usize> = Vec::new();
    // Callees, in the order of the calls.
    for i in named {
        let entry = &view.entries[*i];
        if entry.kind == ItemKind::Function {
            let source = slice(&(entry.head..entry.lines.end));
            for_each_call(source, |name, base| {
                let is_own = base.is_none_or(|base| {
                    SELVES.contains(&base)
                        || base == entry.owner
                        || by_name.contains_key(base)
                        || entry.receiver == base
                });
                // A name that many functions have (`new`, `fmt`) does not say which one is called.
                if let Some(list) = by_name.get(name).filter(|list| is_own && list.len() <= 2) {
                    order.extend(list);
                }
            });
        }
    }
    // What the model itself names beside its call.
    for literal in query::literals(&cx.query.call) {
        let name = literal.rsplit(['.', ':', '(', ')']).find(|p| !p.is_empty()).unwrap_or("");
        order.extend(by_name.get(name).into_iter().flatten());
    }
    // Whoever mentions a named function.
    let names: FastSet<&str> = named.iter().map(|i| view.entries[*i].name).filter(|n| n.len() >= 3).collect();
    let mut mentions: Vec<usize> = names.iter().flat_map(|name| places(text, name)).collect();
    mentions.sort_unstable();
    for (i, entry) in view.entries.iter().enumerate() {
        if entry.kind == ItemKind::Function && !entry.body.is_empty() {
            let (from, to) = (lines[entry.body.start].start, lines[entry.body.end - 1].end);
            let first = mentions.partition_point(|at| *at < from);
            if mentions.get(first).is_some_and(|at| *at < to) {
                order.push(i);
            }
        }
    }
    for i in order {
        if !whole.contains(&i) {
            let cost = bytes_of(lines, &view.entries[i].body);
            if cost <= budget {
                budget -= cost;
                whole.insert(i);
            }
        }
    }
    whole
}

/// Whether entry `i` or one around it stays whole.
pub fn is_whole(view: &View<'_>, whole: &FastSet<usize>, i: usize) -> bool {
    let mut at = Some(i);
    let mut steps = 0;
    while let Some(i) = at {
        if whole.contains(&i) {
            return true;
        }
        steps += 1;
        at = if steps < MAX_DEPTH { view.entries[i].parent } else { None };
    }
    false
}
