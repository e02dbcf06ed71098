//! From keep flags to text: gaps that cost less than their mark, labels, terminal codes.

use std::ops::Range;

use super::choose::{Ranks, rank};
use super::cost;
use super::template::NONE;
use super::testrun::Role;
use super::view::View;
use crate::mark::{self, MAX_LABEL_CHARS, Omission, Piece, Rendered, Unit};
use crate::select;

/// Keeps runs that are cheaper than the mark that would stand for them.
pub(super) fn fill_gaps(view: &View<'_>, keep: &mut [bool]) {
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

/// Codes stay in the lines that stay unless they make up at least this share of them: a mark costs
/// something, and so does a difference.
const MIN_CODE_SHARE: f64 = 0.03;

/// Writes the lines that stay and marks for the others. `units` are the lines of `text`, `codes` its
/// escape sequences.
pub(super) fn write(
    text: &str,
    units: &[Range<usize>],
    codes: &[Range<usize>],
    view: &View<'_>,
    ranks: &Ranks<'_>,
    keep: &[bool],
) -> Rendered {
    let pieces = select::pieces(units, keep, Unit::Line, |run| label(view, ranks, run));
    let mut rendered = if codes.is_empty() {
        mark::render(text, pieces, Vec::new())
    } else {
        without_codes(text, codes, pieces)
    };
    if rendered.omissions.iter().any(|o| o.unit == Unit::Line) {
        rendered.transforms.push("log:select");
    }
    rendered
}

/// Renders `pieces` with the codes taken out of what stays, if they are many; one mark says so.
fn without_codes(text: &str, codes: &[Range<usize>], pieces: Vec<Piece>) -> Rendered {
    let (mut kept, mut noise, mut count) = (0, 0, 0);
    let mut next = 0;
    for piece in &pieces {
        let Piece::Keep(range) = piece else { continue };
        kept += range.len();
        next += codes[next..].partition_point(|c| c.end <= range.start);
        for code in codes[next..].iter().take_while(|c| c.start < range.end) {
            noise += code.len();
            count += 1;
        }
    }
    if count == 0 || (noise as f64) < MIN_CODE_SHARE * kept as f64 {
        return mark::render(text, pieces, Vec::new());
    }
    let mut next = 0;
    let pieces = pieces.into_iter().map(|piece| {
        let Piece::Keep(range) = piece else { return piece };
        next += codes[next..].partition_point(|c| c.end <= range.start);
        let mut plain = String::with_capacity(range.len());
        let mut done = range.start;
        for code in codes[next..].iter().take_while(|c| c.start < range.end) {
            plain.push_str(&text[done..code.start]);
            done = code.end;
        }
        plain.push_str(&text[done.min(range.end)..range.end]);
        Piece::Encode { range, text: plain }
    });
    let body = mark::render(text, pieces.collect(), vec!["log:codes"]);
    let mut out = String::with_capacity(body.text.len() + 48);
    mark::write_mark(&mut out, Unit::Code, 1, count, Some("terminal colours"));
    out.push('\n');
    out.push_str(&body.text);
    // The stretch that the codes were taken out of is the block; its original is what is kept of it.
    let mut omissions = vec![Omission { range: 0..text.len(), unit: Unit::Code, first: 1, count }];
    omissions.extend(body.omissions);
    Rendered { text: out, omissions, copies: Vec::new(), ..body }
}

/// Shorter runs need no words: their neighbours tell what they are.
const MIN_LABELLED: usize = 3;
/// A template is named for runs of at least this many lines.
const MIN_NAMED: usize = 8;
/// Share of a run's lines that must be of one sort to give it a label.
const MIN_SHARE: f64 = 0.6;

/// What the lines of a run are, if most of them are of one sort.
fn label(view: &View<'_>, ranks: &Ranks<'_>, run: Range<usize>) -> Option<String> {
    let filled: Vec<usize> = run.filter(|i| view.roles[*i] != Role::Blank).collect();
    if filled.len() < MIN_LABELLED {
        return None;
    }
    let most = |count: usize| count as f64 >= MIN_SHARE * filled.len() as f64;
    let count = |is: &dyn Fn(usize) -> bool| filled.iter().filter(|i| is(**i)).count();
    for (words, sort) in [
        ("passed", &(|i: usize| view.roles[i] == Role::Pass) as &dyn Fn(usize) -> bool),
        ("like above", &|i| ranks.ranks[i] == rank::REPEAT),
        ("frames", &|i| ranks.in_frame(i)),
        ("progress", &|i| view.roles[i] == Role::Progress),
        ("warnings", &|i| view.roles[i] == Role::Warning),
    ] {
        if most(count(sort)) {
            return Some(words.to_owned());
        }
    }
    if filled.len() < MIN_NAMED {
        return None;
    }
    let template = majority(filled.iter().map(|i| view.templates.of_line[*i]))?;
    (template != NONE && most(count(&|i| view.templates.of_line[i] == template)))
        .then(|| named(view.message(view.templates.list[template as usize].first)))
        .filter(|words| words.len() > 3)
}

/// The value that more than half of the items have, if one does (Boyer and Moore's vote).
fn majority(items: impl Iterator<Item = u32>) -> Option<u32> {
    let mut winner = None;
    let mut votes = 0usize;
    for item in items {
        if votes == 0 {
            winner = Some(item);
        }
        if winner == Some(item) {
            votes += 1;
        } else {
            votes -= 1;
        }
    }
    winner
}

/// A message with its values left out, short enough for a mark.
fn named(message: &str) -> String {
    let mut out = String::new();
    for word in message.split_whitespace().take(MAX_LABEL_CHARS) {
        let is_value = word.bytes().any(|b| b.is_ascii_digit());
        let word = if is_value { "*" } else { word };
        if is_value && out.ends_with('*') {
            continue;
        }
        if out.chars().count() + 1 + word.chars().count() > MAX_LABEL_CHARS {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().filter(|c| !matches!(c, '[' | ']') && !c.is_control()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_out_values() {
        assert_eq!(
            named("INFO dfs.Node: Received block blk_12 of size 67 from /10.1.2.3"),
            "INFO dfs.Node: Received block * of size"
        );
        assert_eq!(named("12 13 14 done [x]"), "* done x");
    }

    #[test]
    fn the_majority_wins() {
        assert_eq!(majority([1, 2, 1, 1, 3].into_iter()), Some(1));
        assert_eq!(majority(std::iter::empty()), None);
    }
}
