//! Which matches stay when there are too many, by the question or by their sheer number.
//!
//! Every file stays named as long as the budget allows, with the number of its matches left out; the
//! first and last matches of each file stay longest, and all that the question names. Linear.

use super::matches::{GROUP_SEPARATOR, Line, Parsed};
use crate::options::{Level, Options};
use crate::score::Query;

/// Bytes per token, for choosing only.
const BYTES_PER_TOKEN: usize = 4;
/// Smaller results are read in no time, in tokens.
const MIN_TOKENS: usize = 400;
/// What a mark with its newline costs, in tokens.
const MARK_TOKENS: usize = 14;
/// A run of lines gives way to a mark only if it costs this many times as much.
const MARK_WORTH: usize = 2;
/// What a number and a text that stood before cost, in tokens.
const REPEATED_TOKENS: usize = 4;
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
    /// Everything stays.
    pub fn all(parsed: &Parsed<'_>) -> Self {
        Choice { keep: vec![true; parsed.len()], named: vec![true; parsed.paths.len()] }
    }
}

/// Chooses. `tokens` counts the source, for an explicit ratio.
pub fn choose(
    parsed: &Parsed<'_>,
    text: &str,
    query: &Query,
    options: &Options,
    tokens: impl Fn() -> usize,
) -> Choice {
    let mut choice = Choice::all(parsed);
    let units = Units::new(parsed);
    let (hits, is_gated) = hits(parsed, text, query);
    let is_aggressive = options.level == Level::Aggressive;
    let budget = match options.target_ratio {
        Some(ratio) => (ratio * tokens() as f64) as usize,
        None if units.total < MIN_TOKENS => return choice,
        None if is_gated => {
            gated_budget(units.total, is_aggressive).min(many_budget(units.total, is_aggressive))
        }
        None => many_budget(units.total, is_aggressive),
    };
    for (i, line) in parsed.lines().enumerate() {
        choice.keep[i] = hits[i] || line.hit.is_none() || line.raw.len() <= LONG_BYTES;
    }
    // A file's first match stays, unless the caller set a ratio or nobody would read so many files.
    let is_strict = options.target_ratio.is_some() || units.total > MANY_TOKENS;
    let limits = Limits {
        budget,
        min_ranks: if is_strict { 0 } else { 1 },
        small_run: if is_strict { MARK_TOKENS } else { MARK_TOKENS * MARK_WORTH },
    };
    if units.total > budget {
        cut(&mut choice, parsed, &units, &hits, &limits);
    }
    restore_small_runs(&mut choice, parsed, &units, limits.small_run);
    choice
}

fn gated_budget(total: usize, is_aggressive: bool) -> usize {
    let most = if is_aggressive { 0 } else { total.min(GATED_TOKENS) };
    share(most, GATED_SHARE) + share(total - most, GATED_LOW_SHARE)
}

fn many_budget(total: usize, is_aggressive: bool) -> usize {
    let limit = if is_aggressive { MANY_AGGRESSIVE_TOKENS } else { MANY_TOKENS };
    limit + share(total.saturating_sub(limit), MANY_SHARE)
}

fn share(of: usize, (numerator, denominator): (usize, usize)) -> usize {
    of / denominator * numerator
}

/// What lines cost and how dear each is to its file.
struct Units {
    /// Tokens of each line once it is grouped.
    cost: Vec<u32>,
    /// Place of a line in the order in which its file is kept: first, second, last, third, …
    rank: Vec<u32>,
    total: usize,
}

impl Units {
    fn new(parsed: &Parsed<'_>) -> Self {
        let cost_of = |(i, line): (usize, Line<'_>)| match line.hit {
            // A text that was there before is joined or named, see `group`.
            Some(_) if parsed.first_with_text(i) != i => REPEATED_TOKENS,
            Some(hit) => hit.text.len() / BYTES_PER_TOKEN + REPEATED_TOKENS,
            None => line.raw.len() / BYTES_PER_TOKEN + 1,
        };
        let cost: Vec<u32> = parsed.lines().enumerate().map(|line| small(cost_of(line))).collect();
        let paths: usize = parsed.paths.iter().map(|path| path.len() / BYTES_PER_TOKEN + 1).sum();
        let total = paths + cost.iter().map(|cost| *cost as usize).sum::<usize>();
        Units { rank: ranks(parsed), cost, total }
    }

    fn cost(&self, line: usize) -> usize {
        self.cost.get(line).map_or(0, |cost| *cost as usize)
    }

    fn rank(&self, line: usize) -> usize {
        self.rank.get(line).map_or(0, |rank| *rank as usize)
    }
}

/// Costs and ranks are below the number of a text's bytes, which fits.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Chunks (a match with its context) of each file, numbered from the outside in: two of the front,
/// then one of the back. Lines of a chunk share its rank.
fn ranks(parsed: &Parsed<'_>) -> Vec<u32> {
    // First the chunk of each line, which then gives way to its rank.
    let mut out = vec![0_u32; parsed.len()];
    let mut chunks = vec![0_u32; parsed.paths.len()];
    let mut last_path = None;
    for (i, chunk) in out.iter_mut().enumerate() {
        let path = parsed.path_of(i);
        if let Some(path) = path {
            let continues = parsed.has_context && last_path == Some(path);
            chunks[path] += u32::from(!continues);
            *chunk = chunks[path] - 1;
        }
        last_path = path;
    }
    for (i, rank) in out.iter_mut().enumerate() {
        let Some(path) = parsed.path_of(i) else { continue };
        let (chunk, from_back) = (*rank, chunks[path] - 1 - *rank);
        // Front chunks have ranks 0 1 3 4 6 7 …, back chunks 2 5 8 …
        *rank = chunk.saturating_add(chunk / 2).min(from_back.saturating_mul(3).saturating_add(2));
    }
    out
}

/// Lines that the question names, and whether it names anything in particular.
fn hits(parsed: &Parsed<'_>, text: &str, query: &Query) -> (Vec<bool>, bool) {
    let mut out = vec![false; parsed.len()];
    let mut is_gated = false;
    let text_limit = MAX_HITS.max(parsed.len() / 10);
    let path_limit = parsed.len() / 2;
    for literal in &query.literals {
        let mut in_paths = Vec::new();
        let mut in_texts = Vec::new();
        let mut line = 0;
        for at in memchr::memmem::find_iter(text.as_bytes(), literal.as_bytes()) {
            while line + 1 < parsed.len() && parsed.range(line..line + 1).end <= at {
                line += 1;
            }
            let Some(path) = parsed.path_of(line) else {
                // The heading of a file names every match below it.
                if in_paths.len() <= path_limit {
                    in_paths.extend(below_heading(parsed, line));
                }
                continue;
            };
            let in_path =
                parsed.style.pathed && at < parsed.range(line..line + 1).start + parsed.paths[path].len();
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
    let own =
        parsed.path_of(line + 1).filter(|p| !parsed.style.pathed && parsed.paths[*p] == parsed.raw(line));
    let count = (line + 1..parsed.len()).take_while(|i| own.is_some() && parsed.path_of(*i) == own).count();
    line + 1..line + 1 + count
}

/// What a cut has to keep to.
struct Limits {
    /// Tokens of the result.
    budget: usize,
    /// Ranks kept in any case.
    min_ranks: usize,
    /// A run of no more tokens stays, a mark would not pay.
    small_run: usize,
}

/// Keeps as many ranks as fit; if not even the files' names do, as many whole files as fit.
fn cut(choice: &mut Choice, parsed: &Parsed<'_>, units: &Units, hits: &[bool], limits: &Limits) {
    let mut fixed: usize = parsed.paths.iter().map(|path| path.len() / BYTES_PER_TOKEN + 1).sum();
    let mut costs: Vec<Vec<usize>> = vec![Vec::new(); parsed.paths.len()];
    for (i, hit) in hits.iter().enumerate() {
        match parsed.path_of(i) {
            Some(path) if !hit && choice.keep[i] => {
                let (ranks, rank) = (&mut costs[path], units.rank(i));
                ranks.resize(ranks.len().max(rank + 1), 0);
                ranks[rank] += units.cost(i);
            }
            _ if choice.keep[i] => fixed += units.cost(i),
            _ => {}
        }
    }
    let totals = totals(&costs, limits.small_run);
    let fits = |ranks: &usize| fixed + totals[*ranks] <= limits.budget;
    let ranks = match (limits.min_ranks..totals.len()).rev().find(fits) {
        Some(ranks) => ranks,
        None if limits.min_ranks > 0 => limits.min_ranks,
        None => return cut_files(choice, parsed, units, hits, limits.budget),
    };
    for (i, hit) in hits.iter().enumerate() {
        if parsed.path_of(i).is_some() && !hit && units.rank(i) >= ranks {
            choice.keep[i] = false;
        }
    }
    drop_separators(choice, parsed);
}

/// For each number of ranks kept, what all files cost: the kept ranks of each, and its rest or a mark.
fn totals(costs: &[Vec<usize>], small_run: usize) -> Vec<usize> {
    let most = costs.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = vec![0; most + 1];
    // Files that are whole from so many ranks on.
    let mut whole = vec![0; most + 2];
    for ranks in costs {
        let all: usize = ranks.iter().sum();
        let mut kept = 0;
        for (k, cost) in ranks.iter().enumerate() {
            let rest = all - kept;
            out[k] += kept + if rest <= small_run { rest } else { MARK_TOKENS };
            kept += cost;
        }
        whole[ranks.len()] += all;
    }
    let mut done = 0;
    for (total, whole) in out.iter_mut().zip(whole) {
        done += whole;
        *total += done;
    }
    out
}

/// Names files from the first on until the budget is used up; files with hits are always named.
fn cut_files(choice: &mut Choice, parsed: &Parsed<'_>, units: &Units, hits: &[bool], budget: usize) {
    let mut used = 0;
    choice.named.fill(false);
    for (i, hit) in hits.iter().enumerate() {
        match parsed.path_of(i) {
            Some(path) => {
                choice.keep[i] = *hit;
                if *hit {
                    used += units.cost(i);
                    choice.named[path] = true;
                }
            }
            None => used += units.cost(i),
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
    for i in 0..parsed.len() {
        if gone_before && parsed.raw(i) == GROUP_SEPARATOR {
            choice.keep[i] = choice.keep.get(i + 1).is_some_and(|keep| *keep);
        }
        gone_before = !choice.keep[i];
    }
}

/// A run that costs little more than the mark in its place stays.
fn restore_small_runs(choice: &mut Choice, parsed: &Parsed<'_>, units: &Units, max_tokens: usize) {
    let path_of = |i: usize| parsed.path_of(i);
    let mut i = 0;
    while i < choice.keep.len() {
        if choice.keep[i] {
            i += 1;
            continue;
        }
        let mut end = i;
        let mut cost = 0;
        while end < choice.keep.len() && !choice.keep[end] && (end == i || path_of(end) == path_of(i)) {
            cost += units.cost(end);
            end += 1;
        }
        // Where paths stand on lines of their own, marks never reach over them.
        let is_unnamed = parsed.style.pathed && path_of(i).is_some_and(|path| !choice.named[path]);
        if cost <= max_tokens && !is_unnamed {
            choice.keep[i..end].fill(true);
        }
        i = end;
    }
}
