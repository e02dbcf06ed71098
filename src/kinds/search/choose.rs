//! Which matches stay when there are too many, by the question or by their sheer number.
//!
//! Every file stays named as long as the budget allows, with the number of its matches left out; the
//! first and last matches of each file stay longest, and all that the question names. Linear.

use std::ops::Range;

use super::matches::{GROUP_SEPARATOR, Parsed};
use crate::options::{Level, Options};
use crate::score::Query;

/// Bytes per token, for choosing only.
const BYTES_PER_TOKEN: usize = 4;
/// Smaller results are read in no time, in tokens.
const MIN_TOKENS: usize = 400;
/// What a mark with its newline costs, in tokens.
const MARK_TOKENS: usize = 14;
/// A literal that hits more matches than this, and more than a tenth, selects nothing.
const MAX_HITS: usize = 3;
/// Share kept once the question names something: what it names, and most of the rest.
const GATED_SHARE: (usize, usize) = (4, 5);
/// Beyond so many tokens the share is the lower one …
const GATED_TOKENS: usize = 12_000;
/// … which at level aggressive is the only one.
const GATED_LOW_SHARE: (usize, usize) = (2, 5);
/// A result of more tokens than this is more than anyone reads through …
const MANY_TOKENS: usize = 24_000;
/// … also at level aggressive, where this is the limit.
const MANY_AGGRESSIVE_TOKENS: usize = 3_000;
/// Of what is above the limit this share stays.
const MANY_SHARE: (usize, usize) = (1, 4);
/// A longer match is a line of a minified or generated file, in bytes.
const LONG_BYTES: usize = 4_000;

/// What stays of a search.
#[derive(Debug)]
pub struct Choice {
    /// One flag per line.
    pub keep: Vec<bool>,
    /// One flag per path: whether it stays visible, with matches or without.
    pub named: Vec<bool>,
}

impl Choice {
    fn all(parsed: &Parsed<'_>) -> Self {
        Choice { keep: vec![true; parsed.lines.len()], named: vec![true; parsed.paths.len()] }
    }
}

/// Chooses. `tokens` counts the source, for an explicit ratio.
pub fn choose(
    parsed: &Parsed<'_>,
    ranges: &[Range<usize>],
    text: &str,
    query: &Query,
    options: &Options,
    tokens: impl Fn() -> usize,
) -> Choice {
    let mut choice = Choice::all(parsed);
    let units = Units::new(parsed);
    let (hits, is_gated) = hits(parsed, ranges, text, query);
    let is_aggressive = options.level == Level::Aggressive;
    let budget = match options.target_ratio {
        Some(ratio) => (ratio * tokens() as f64) as usize,
        None if units.total < MIN_TOKENS => return choice,
        None if is_gated => gated_budget(units.total, is_aggressive),
        None => {
            let limit = if is_aggressive { MANY_AGGRESSIVE_TOKENS } else { MANY_TOKENS };
            limit + share(units.total.saturating_sub(limit), MANY_SHARE)
        }
    };
    for (i, line) in parsed.lines.iter().enumerate() {
        choice.keep[i] = hits[i] || line.hit.is_none() || line.raw.len() <= LONG_BYTES;
    }
    if units.total > budget {
        cut(&mut choice, parsed, &units, &hits, budget);
    }
    restore_small_runs(&mut choice, parsed, &units);
    choice
}

fn gated_budget(total: usize, is_aggressive: bool) -> usize {
    let most = if is_aggressive { 0 } else { total.min(GATED_TOKENS) };
    share(most, GATED_SHARE) + share(total - most, GATED_LOW_SHARE)
}

fn share(of: usize, (numerator, denominator): (usize, usize)) -> usize {
    of / denominator * numerator
}

/// What lines cost and how dear each is to its file.
struct Units {
    /// Tokens of each line once it is grouped.
    cost: Vec<usize>,
    /// Place of a line in the order in which its file is kept: first, second, last, third, …
    rank: Vec<usize>,
    total: usize,
}

impl Units {
    fn new(parsed: &Parsed<'_>) -> Self {
        let cost: Vec<usize> = parsed
            .lines
            .iter()
            .map(|line| line.hit.map_or(line.raw.len(), |m| m.text.len()) / BYTES_PER_TOKEN + 3)
            .collect();
        let paths: usize = parsed.paths.iter().map(|path| path.len() / BYTES_PER_TOKEN + 1).sum();
        let total = paths + cost.iter().sum::<usize>();
        Units { rank: ranks(parsed), cost, total }
    }
}

/// Chunks (a match with its context) of each file, numbered from the outside in: two of the front,
/// then one of the back. Lines of a chunk share its rank.
fn ranks(parsed: &Parsed<'_>) -> Vec<usize> {
    let mut chunk_of = vec![0; parsed.lines.len()];
    let mut chunks = vec![0_usize; parsed.paths.len()];
    let mut is_open = false;
    let mut last_path = None;
    for (i, line) in parsed.lines.iter().enumerate() {
        let Some(hit) = line.hit else {
            is_open = false;
            continue;
        };
        let continues = is_open && parsed.has_context && last_path == Some(hit.path);
        if !continues {
            chunks[hit.path] += 1;
        }
        chunk_of[i] = chunks[hit.path] - 1;
        is_open = true;
        last_path = Some(hit.path);
    }
    let rank = |line: usize| {
        let Some(hit) = parsed.lines[line].hit else { return 0 };
        let (chunk, n) = (chunk_of[line], chunks[hit.path]);
        let from_back = n - 1 - chunk;
        // Front chunks have ranks 0 1 3 4 6 7 …, back chunks 2 5 8 …
        (chunk + chunk / 2).min(from_back * 3 + 2)
    };
    (0..parsed.lines.len()).map(rank).collect()
}

/// Lines that the question names, and whether it names anything in particular.
fn hits(parsed: &Parsed<'_>, ranges: &[Range<usize>], text: &str, query: &Query) -> (Vec<bool>, bool) {
    let mut out = vec![false; ranges.len()];
    let mut is_gated = false;
    let text_limit = MAX_HITS.max(ranges.len() / 10);
    let path_limit = ranges.len() / 2;
    for literal in &query.literals {
        let mut in_paths = Vec::new();
        let mut in_texts = Vec::new();
        let mut line = 0;
        for at in memchr::memmem::find_iter(text.as_bytes(), literal.as_bytes()) {
            while ranges[line].end <= at {
                line += 1;
            }
            let Some(hit) = parsed.lines[line].hit else {
                // The heading of a file names every match below it.
                if in_paths.len() <= path_limit {
                    in_paths.extend(below_heading(parsed, line));
                }
                continue;
            };
            let in_path = parsed.style.pathed && at < ranges[line].start + parsed.paths[hit.path].len();
            let (list, limit) =
                if in_path { (&mut in_paths, path_limit) } else { (&mut in_texts, text_limit) };
            if list.last() != Some(&line) && list.len() <= limit {
                list.push(line);
            }
            if in_paths.len() > path_limit && in_texts.len() > text_limit {
                break;
            }
        }
        for (list, limit) in [(in_paths, path_limit), (in_texts, text_limit)] {
            if !list.is_empty() && list.len() <= limit {
                is_gated = true;
                list.into_iter().for_each(|line| out[line] = true);
            }
        }
    }
    (out, is_gated)
}

/// The matches below a path on a line of its own.
fn below_heading(parsed: &Parsed<'_>, line: usize) -> std::ops::Range<usize> {
    let path_of = |i: usize| parsed.lines.get(i).and_then(|l| l.hit).map(|m| m.path);
    let own =
        path_of(line + 1).filter(|p| !parsed.style.pathed && parsed.paths[*p] == parsed.lines[line].raw);
    let count = (line + 1..parsed.lines.len()).take_while(|i| own.is_some() && path_of(*i) == own).count();
    line + 1..line + 1 + count
}

/// Keeps as many ranks as fit; if not even one does, as many whole files as fit.
fn cut(choice: &mut Choice, parsed: &Parsed<'_>, units: &Units, hits: &[bool], budget: usize) {
    let lines = &parsed.lines;
    let max_rank = units.rank.iter().copied().max().unwrap_or(0);
    let mut cost_of_rank = vec![0; max_rank + 2];
    let mut files_until = vec![0; max_rank + 2];
    let mut deepest = vec![0; parsed.paths.len()];
    let mut fixed: usize = parsed.paths.iter().map(|path| path.len() / BYTES_PER_TOKEN + 1).sum();
    for (i, line) in lines.iter().enumerate() {
        match line.hit {
            Some(hit) if !hits[i] && choice.keep[i] => {
                cost_of_rank[units.rank[i]] += units.cost[i];
                deepest[hit.path] = deepest[hit.path].max(units.rank[i]);
            }
            _ if choice.keep[i] => fixed += units.cost[i],
            _ => {}
        }
    }
    for d in deepest {
        files_until[d] += 1;
    }
    // With k ranks kept, every file that goes deeper has a mark.
    let mut marked = parsed.paths.len();
    let mut kept = fixed;
    let mut ranks = 0;
    while ranks <= max_rank {
        marked -= files_until[ranks];
        if kept + cost_of_rank[ranks] + marked * MARK_TOKENS > budget {
            break;
        }
        kept += cost_of_rank[ranks];
        ranks += 1;
    }
    let fits_nothing = ranks == 0 && fixed + parsed.paths.len() * MARK_TOKENS > budget;
    if fits_nothing {
        cut_files(choice, parsed, units, hits, budget);
        return;
    }
    for (i, line) in lines.iter().enumerate() {
        if line.hit.is_some() && !hits[i] && units.rank[i] >= ranks {
            choice.keep[i] = false;
        }
    }
    drop_separators(choice, parsed);
}

/// Names files from the first on until the budget is used up; files with hits are always named.
fn cut_files(choice: &mut Choice, parsed: &Parsed<'_>, units: &Units, hits: &[bool], budget: usize) {
    let mut used = 0;
    choice.named.fill(false);
    for (i, line) in parsed.lines.iter().enumerate() {
        match line.hit {
            Some(hit) => {
                choice.keep[i] = hits[i];
                if hits[i] {
                    used += units.cost[i];
                    choice.named[hit.path] = true;
                }
            }
            None => used += units.cost[i],
        }
    }
    for (named, path) in choice.named.iter_mut().zip(&parsed.paths) {
        let cost = path.len() / BYTES_PER_TOKEN + 1 + MARK_TOKENS;
        if !*named && used + cost <= budget {
            used += cost;
            *named = true;
        }
    }
    drop_separators(choice, parsed);
}

/// A `--` between lines that are gone goes with them.
fn drop_separators(choice: &mut Choice, parsed: &Parsed<'_>) {
    let mut gone_before = false;
    for i in 0..parsed.lines.len() {
        if parsed.lines[i].raw == GROUP_SEPARATOR && gone_before {
            choice.keep[i] = parsed.lines.get(i + 1).is_some() && choice.keep[i + 1];
        }
        gone_before = !choice.keep[i];
    }
}

/// A run that costs less than the mark in its place stays.
fn restore_small_runs(choice: &mut Choice, parsed: &Parsed<'_>, units: &Units) {
    let path_of = |i: usize| parsed.lines[i].hit.map(|m| m.path);
    let mut i = 0;
    while i < choice.keep.len() {
        if choice.keep[i] {
            i += 1;
            continue;
        }
        let mut end = i;
        let mut cost = 0;
        while end < choice.keep.len() && !choice.keep[end] && (end == i || path_of(end) == path_of(i)) {
            cost += units.cost[end];
            end += 1;
        }
        let is_unnamed = path_of(i).is_some_and(|path| !choice.named[path]);
        if cost <= MARK_TOKENS && !is_unnamed {
            choice.keep[i..end].fill(true);
        }
        i = end;
    }
}
