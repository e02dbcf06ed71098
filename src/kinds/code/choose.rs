//! Which bodies stay: the gate, what the question concerns, and what goes.
//!
//! The gate opens when the question names a function or type that the text defines, and only a few of
//! them. Then the named ones stay whole, with what they call and who calls them as far as a share of
//! the text allows; other bodies go, and so does the bulk of long comments. With the gate closed
//! nothing goes, unless `target_ratio` or level aggressive ask for it. Cost: linear in the text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::language::is_data;
use super::listing::Listing;
use super::outline::ItemKind;
use super::view::{Entry, View};
use crate::kinds::Context;
use crate::options::Level;
use crate::score::{query, scope, terms};

/// A longer question describes a task, not a function: a bug report names many and needs others.
const MAX_QUESTION_BYTES: usize = 600;
/// More named functions than this select nothing.
const MAX_NAMED: usize = 12;
/// Nor do names that together hold more than this share of the text.
const MAX_NAMED_SHARE: f64 = 0.6;
/// What callees and callers may add to the named ones, as a share of the text and in bytes at least.
const NEIGHBOUR_SHARE: f64 = 0.2;
const NEIGHBOUR_MIN_BYTES: usize = 2_000;
/// What level aggressive leaves of that.
const AGGRESSIVE_DIVISOR: usize = 4;
/// A body of fewer bytes costs less than its mark (about 12 tokens) is worth.
const MIN_BODY_BYTES: usize = 80;
/// A comment keeps its first lines; the rest goes if it has at least this many bytes.
const MIN_COMMENT_BYTES: usize = 160;
/// Lines of a long comment that stay: the summary.
const COMMENT_HEAD_LINES: usize = 2;
/// Less than this share of the text is not worth the loss.
const MIN_GAIN_SHARE: f64 = 0.08;

/// What may go, in the order in which it goes.
struct Candidate {
    lines: Range<usize>,
    /// The more the query shares with it, the later it goes.
    value: usize,
    bytes: usize,
}

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
    let whole = if may_drop_bodies { neighbours(text, lines, view, &named, cx) } else { HashSet::new() };
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
    let names: HashSet<&str> =
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

/// Shorter names (`new`, `fmt`) stand everywhere and name nothing in particular.
const MIN_MENTION_BYTES: usize = 4;
/// More mentions than this say that the name is a common word.
const MAX_MENTIONS: usize = 12;

fn bytes_of(lines: &[Range<usize>], range: &Range<usize>) -> usize {
    match (lines.get(range.start), lines.get(range.end.max(1) - 1)) {
        (Some(a), Some(b)) if !range.is_empty() => b.end - a.start,
        _ => 0,
    }
}

/// The entries that the question names, if it is about few enough.
fn gate(view: &View<'_>, cx: &Context<'_>, lines: &[Range<usize>]) -> Vec<usize> {
    if cx.query.question.len() > MAX_QUESTION_BYTES || scope::asks_for_others(&cx.query.question) {
        return Vec::new();
    }
    let names = names(&cx.query.question, &cx.query.literals);
    let mut found: Vec<usize> = Vec::new();
    for (owner, name) in &names {
        let all: Vec<usize> = (0..view.entries.len()).filter(|i| view.entries[*i].name == *name).collect();
        let of_owner: Vec<usize> = all.iter().copied().filter(|i| view.entries[*i].owner == *owner).collect();
        found.extend(if owner.is_empty() || of_owner.is_empty() { all } else { of_owner });
    }
    found.sort_unstable();
    found.dedup();
    // A type beside one of its functions says where that one is, not that all of it matters.
    let functions: Vec<usize> = found
        .iter()
        .copied()
        .filter(|i| view.entries[*i].kind == ItemKind::Function)
        .map(|i| view.entries[i].head)
        .collect();
    if !functions.is_empty() {
        found.retain(|i| {
            let entry = &view.entries[*i];
            entry.kind == ItemKind::Function || !functions.iter().any(|head| entry.lines.contains(head))
        });
    }
    let total = lines.last().map_or(0, |l| l.end);
    let mut named_bytes = 0;
    let mut end = 0;
    for i in &found {
        let range = &view.entries[*i].lines;
        if range.end > end {
            named_bytes += bytes_of(lines, &(range.start.max(end)..range.end));
            end = range.end;
        }
    }
    if found.len() > MAX_NAMED || named_bytes as f64 > total as f64 * MAX_NAMED_SHARE {
        return Vec::new();
    }
    found
}

/// Names of functions that a question may mean, each with its owner or nothing: literals that are
/// identifiers, `Owner.name`, `owner::name`, `name()`, and words beside "function" and its like.
fn names(question: &str, literals: &[String]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut push = |owner: &str, name: &str| {
        let is_name = name.len() >= 2
            && name.bytes().all(|b| super::lex::is_word(b) || b == b'$' || b == b'?' || b == b'!');
        if is_name && !out.iter().any(|(o, n)| o == owner && n == name) {
            out.push((owner.to_owned(), name.to_owned()));
        }
    };
    for literal in literals {
        let literal = literal.split('(').next().unwrap_or("").trim();
        if literal.contains(['/', '\\', ' ']) || super::language::Language::from_path(literal).is_some() {
            continue;
        }
        let mut parts = literal.rsplit(['.', ':', '#']).filter(|p| !p.is_empty());
        if let Some(name) = parts.next() {
            push(parts.next().unwrap_or("").trim_start_matches(['*', '&']), name);
        }
    }
    let words: Vec<&str> = question.split_whitespace().collect();
    for (i, word) in words.iter().enumerate() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        let is_noun = |w: Option<&&str>| {
            w.is_some_and(|w| {
                let w = w.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
                matches!(
                    w.as_str(),
                    "function"
                        | "method"
                        | "class"
                        | "struct"
                        | "trait"
                        | "interface"
                        | "def"
                        | "fn"
                        | "func"
                        | "constructor"
                )
            })
        };
        let named = is_noun(i.checked_sub(1).and_then(|j| words.get(j)))
            || is_noun(words.get(i + 1))
            || word.contains("()");
        if named && !terms::is_stop_word(&bare.to_lowercase()) && bare.len() >= 3 {
            let bare = bare.trim_end_matches("()");
            let mut parts = bare.rsplit(['.', ':', '#']).filter(|p| !p.is_empty());
            if let Some(name) = parts.next() {
                push(parts.next().unwrap_or(""), name);
            }
        }
    }
    out
}

/// Calls `f` with each identifier of `text`.
fn for_each_identifier<'t>(text: &'t str, mut f: impl FnMut(&'t str)) {
    let b = text.as_bytes();
    let mut at = 0;
    while at < b.len() {
        let start = at;
        while at < b.len() && super::lex::is_word(b[at]) {
            at += 1;
        }
        if at > start {
            if let Some(word) = text.get(start..at) {
                f(word);
            }
        } else {
            at += 1;
        }
    }
}

/// Where the identifier `name` stands in `text`; nowhere if it is none.
fn places<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let b = text.as_bytes();
    let is_identifier = !name.is_empty() && name.bytes().all(super::lex::is_word);
    let found = is_identifier.then(|| memchr::memmem::find_iter(b, name.as_bytes()));
    found.into_iter().flatten().filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| b.get(at));
        let after = b.get(at + name.len());
        !before.is_some_and(|b| super::lex::is_word(*b)) && !after.is_some_and(|b| super::lex::is_word(*b))
    })
}

/// Calls `f` with the name of each call in `source` and the word before its dot, if it has one: `""`
/// for anything that is no word.
fn for_each_call<'t>(source: &'t str, mut f: impl FnMut(&'t str, Option<&'t str>)) {
    let b = source.as_bytes();
    let mut last: &str = "";
    for_each_identifier(source, |word| {
        let start = word.as_ptr() as usize - source.as_ptr() as usize;
        let end = start + word.len();
        if b.get(end) == Some(&b'(') || b.get(end) == Some(&b'!') {
            let before = source[..start].trim_end_matches(':');
            let joint = start - before.len() > 0 || before.ends_with('.') || before.ends_with("->");
            let before = before.trim_end_matches(['.', '>', '-', '?']);
            let base = if joint { Some(if before.ends_with(last) { last } else { "" }) } else { None };
            f(word, base);
        }
        last = word;
    });
}

/// What stands before the dot of a call on the same object.
const SELVES: [&str; 6] = ["self", "this", "cls", "Self", "super", "static"];

/// The entries that stay whole: the named, what they call, who mentions them, what the call names.
fn neighbours(
    text: &str,
    lines: &[Range<usize>],
    view: &View<'_>,
    named: &[usize],
    cx: &Context<'_>,
) -> HashSet<usize> {
    let mut whole: HashSet<usize> = named.iter().copied().collect();
    let slice = |range: &Range<usize>| -> &str {
        match (lines.get(range.start), lines.get(range.end.max(1) - 1)) {
            (Some(a), Some(b)) if a.start < b.end => &text[a.start..b.end],
            _ => "",
        }
    };
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
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
    let names: HashSet<&str> = named.iter().map(|i| view.entries[*i].name).filter(|n| n.len() >= 3).collect();
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
fn is_whole(view: &View<'_>, whole: &HashSet<usize>, i: usize) -> bool {
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

/// Deeper nesting is not followed.
const MAX_DEPTH: usize = 64;

/// Bodies that may go: outermost functions first, but those that only hold others, or that hold one
/// that stays, give up their inner ones. Between two that go, blank lines and comments go along.
fn bodies(
    text: &str,
    lines: &[Range<usize>],
    view: &View<'_>,
    whole: &HashSet<usize>,
    cx: &Context<'_>,
) -> Vec<Candidate> {
    let n = view.entries.len();
    let mut holds_whole = vec![false; n];
    let mut inner_bytes = vec![0usize; n];
    for i in (0..n).rev() {
        let entry = &view.entries[i];
        let Some(parent) = entry.parent else { continue };
        holds_whole[parent] |= holds_whole[i] || whole.contains(&i);
        inner_bytes[parent] +=
            if entry.body.is_empty() { inner_bytes[i] } else { bytes_of(lines, &entry.body) };
    }
    let mut gone_until = 0;
    let mut going: Vec<&Entry<'_>> = Vec::new();
    for (i, entry) in view.entries.iter().enumerate() {
        let is_shell =
            !entry.is_named && inner_bytes[i] as f64 > bytes_of(lines, &entry.body) as f64 * SHELL_SHARE;
        if entry.body.is_empty()
            || entry.body.start < gone_until
            || holds_whole[i]
            || is_shell
            || is_whole(view, whole, i)
        {
            continue;
        }
        gone_until = entry.body.end;
        going.push(entry);
    }
    let terms: HashSet<&str> = cx.query.terms.iter().map(String::as_str).collect();
    let mut out = Vec::new();
    for (k, entry) in going.iter().enumerate() {
        let mut gone = entry.body.clone();
        if let Some(next) = going.get(k + 1)
            && next.head >= gone.end
            && (gone.end..next.head).all(|i| view.comment[i] || view.blank[i])
        {
            gone.end = next.head;
        }
        let bytes = bytes_of(lines, &gone);
        if bytes >= MIN_BODY_BYTES {
            let value = if cx.options.target_ratio.is_some() {
                shared(&text[lines[entry.head].clone()], &terms)
            } else {
                0
            };
            out.push(Candidate { lines: gone, value, bytes });
        }
    }
    out
}

/// A callback without a name of its own (`describe`, a module's wrapper) whose inner functions hold more
/// than this share of it is a container of them.
const SHELL_SHARE: f64 = 0.7;

/// How many terms of the query a line has.
fn shared(line: &str, query: &HashSet<&str>) -> usize {
    terms::terms(line).iter().filter(|t| query.contains(t.as_str())).count()
}

/// The bulk of long comments that do not belong to what stays whole.
fn comments(
    text: &str,
    lines: &[Range<usize>],
    view: &View<'_>,
    whole: &HashSet<usize>,
    out: &mut Vec<Candidate>,
) {
    let is_settled = settled(lines, view, whole, out);
    let mut start = 0;
    for i in 0..=lines.len() {
        if is_settled.get(i) == Some(&false) && view.comment[i] {
            continue;
        }
        if i > start
            && let Some(rest) = comment_rest(text, lines, start..i)
        {
            let bytes = bytes_of(lines, &rest);
            out.push(Candidate { lines: rest, value: 0, bytes });
        }
        start = i + 1;
    }
}

/// For each line whether it goes already or belongs to what stays whole.
fn settled(lines: &[Range<usize>], view: &View<'_>, whole: &HashSet<usize>, out: &[Candidate]) -> Vec<bool> {
    // How many ranges cover each line, as differences.
    let mut cover = vec![0i32; lines.len() + 1];
    let stay = whole.iter().map(|i| &view.entries[*i].lines);
    for range in out.iter().map(|c| &c.lines).chain(stay) {
        cover[range.start] += 1;
        cover[range.end] -= 1;
    }
    let mut depth = 0;
    let depths = cover[..lines.len()].iter().map(|change| {
        depth += change;
        depth > 0
    });
    depths.collect()
}

/// The middle of long literal lists (tables of bytes, strings, cases), unless what stays whole mentions
/// a word of the line that opens them.
fn tables(
    text: &str,
    lines: &[Range<usize>],
    view: &View<'_>,
    whole: &HashSet<usize>,
    listing: Option<&Listing>,
    out: &mut Vec<Candidate>,
) {
    let is_settled = settled(lines, view, whole, out);
    let code = |i: usize| {
        let line = &text[lines[i].clone()];
        line[listing.map_or(0, |l| l.prefix_len(line))..].trim()
    };
    let mut words: Option<HashSet<&str>> = None;
    let mut start = 0;
    for i in 0..=lines.len() {
        if is_settled.get(i) == Some(&false) && !view.blank[i] && is_data(code(i)) {
            continue;
        }
        let rest = start + TABLE_HEAD_LINES..i;
        if start > 0 && rest.len() >= MIN_TABLE_LINES {
            let words = words.get_or_insert_with(|| {
                let mut words = HashSet::new();
                for entry in whole.iter().map(|i| &view.entries[*i].lines) {
                    for_each_identifier(&text[lines[entry.start].start..lines[entry.end - 1].end], |w| {
                        words.insert(w);
                    });
                }
                words
            });
            let mut is_used = false;
            for_each_identifier(code(start - 1), |w| is_used |= w.len() > 3 && words.contains(w));
            if !is_used {
                let bytes = bytes_of(lines, &rest);
                out.push(Candidate { lines: rest, value: 0, bytes });
            }
        }
        start = i + 1;
    }
}

/// Lines of a long literal list that stay, to show what it holds.
const TABLE_HEAD_LINES: usize = 3;
/// Fewer lines than this are no long list.
const MIN_TABLE_LINES: usize = 10;

/// What may go of a run of comment lines: all but its summary, if that is much.
fn comment_rest(text: &str, lines: &[Range<usize>], run: Range<usize>) -> Option<Range<usize>> {
    let says_something = |i: usize| text[lines[i].clone()].contains(char::is_alphabetic);
    // `/**` alone says nothing.
    let first = run.clone().find(|i| says_something(*i))?;
    let rest = (first + 1..run.end)
        .take(COMMENT_HEAD_LINES - 1)
        .take_while(|i| says_something(*i))
        .last()
        .unwrap_or(first)
        + 1;
    let rest = rest..run.end;
    (bytes_of(lines, &rest) >= MIN_COMMENT_BYTES).then_some(rest)
}
