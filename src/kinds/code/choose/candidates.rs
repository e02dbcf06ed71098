//! What may go: bodies of functions, the bulk of long comments, the middle of long literal lists.
//!
//! Invariants: nothing that stays whole has a part in it, and candidates do not overlap. Cost: linear in
//! the text.

use std::ops::Range;

use super::bytes_of;
use super::identifiers::for_each_identifier;
use super::neighbours::is_whole;
use crate::hashed::FastSet;
use crate::kinds::Context;
use crate::kinds::code::listing::Listing;
use crate::kinds::code::shape::is_data;
use crate::kinds::code::view::{Entry, View};
use crate::score::terms;
use crate::select::Span;

/// A body of fewer bytes costs less than its mark (about 12 tokens) is worth.
const MIN_BODY_BYTES: usize = 80;
/// A comment keeps its first lines; the rest goes if it has at least this many bytes.
const MIN_COMMENT_BYTES: usize = 160;
/// Lines of a long comment that stay: the summary.
const COMMENT_HEAD_LINES: usize = 2;
/// A callback without a name of its own (`describe`, a module's wrapper) whose inner functions hold more
/// than this share of it is a container of them.
const SHELL_SHARE: f64 = 0.7;
/// Lines of a long literal list that stay, to show what it holds.
const TABLE_HEAD_LINES: usize = 3;
/// Fewer lines than this are no long list.
const MIN_TABLE_LINES: usize = 10;

/// What may go, in the order in which it goes.
pub struct Candidate {
    pub lines: Range<usize>,
    /// The more the query shares with it, the later it goes.
    pub value: usize,
    pub bytes: usize,
}

/// Bodies that may go: outermost functions first, but those that only hold others, or that hold one
/// that stays, give up their inner ones. Between two that go, blank lines and comments go along.
pub fn bodies(
    text: &str,
    lines: &[Span],
    view: &View<'_>,
    whole: &FastSet<usize>,
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
    let terms: FastSet<&str> = cx.query.terms.iter().map(String::as_str).collect();
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
                shared(&text[lines[entry.head].range()], &terms)
            } else {
                0
            };
            out.push(Candidate { lines: gone, value, bytes });
        }
    }
    out
}

/// How many terms of the query a line has.
fn shared(line: &str, query: &FastSet<&str>) -> usize {
    terms::terms(line).iter().filter(|t| query.contains(t.as_str())).count()
}

/// The bulk of long comments that do not belong to what stays whole.
pub fn comments(
    text: &str,
    lines: &[Span],
    view: &View<'_>,
    whole: &FastSet<usize>,
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
fn settled(lines: &[Span], view: &View<'_>, whole: &FastSet<usize>, out: &[Candidate]) -> Vec<bool> {
    let stay = whole.iter().map(|i| &view.entries[*i].lines);
    let mut ranges: Vec<&Range<usize>> = out.iter().map(|c| &c.lines).chain(stay).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut is_settled = vec![false; lines.len()];
    let mut done = 0;
    for range in ranges {
        let from = range.start.max(done);
        if from < range.end {
            is_settled[from..range.end].fill(true);
            done = range.end;
        }
    }
    is_settled
}

/// The middle of long literal lists (tables of bytes, strings, cases), unless what stays whole mentions
/// a word of the line that opens them.
pub fn tables(
    text: &str,
    lines: &[Span],
    view: &View<'_>,
    whole: &FastSet<usize>,
    listing: Option<&Listing>,
    out: &mut Vec<Candidate>,
) {
    let is_settled = settled(lines, view, whole, out);
    let code = |i: usize| {
        let line = &text[lines[i].range()];
        line[listing.map_or(0, |l| l.prefix_len(line))..].trim()
    };
    let mut words: Option<FastSet<&str>> = None;
    let mut start = 0;
    for i in 0..=lines.len() {
        if is_settled.get(i) == Some(&false) && !view.blank[i] && is_data(code(i)) {
            continue;
        }
        let rest = start + TABLE_HEAD_LINES..i;
        if start > 0 && rest.len() >= MIN_TABLE_LINES {
            let words = words.get_or_insert_with(|| {
                let mut words = FastSet::default();
                for entry in whole.iter().map(|i| &view.entries[*i].lines) {
                    for_each_identifier(&text[lines[entry.start].start()..lines[entry.end - 1].end()], |w| {
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

/// What may go of a run of comment lines: all but its summary, if that is much.
fn comment_rest(text: &str, lines: &[Span], run: Range<usize>) -> Option<Range<usize>> {
    let says_something = |i: usize| text[lines[i].range()].contains(char::is_alphabetic);
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
