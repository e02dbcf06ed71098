//! The gate: which functions and types of a text a question names, if it is about few enough of them.
//!
//! Invariant: a question about many of them, or about a large part of the text, names nothing; the gate
//! is then closed. Cost: linear in the question, and in the entries for each name.

use super::bytes_of;
use crate::kinds::Context;
use crate::kinds::code::language::Language;
use crate::kinds::code::lex;
use crate::kinds::code::outline::ItemKind;
use crate::kinds::code::view::View;
use crate::score::{scope, terms};
use crate::select::Span;

/// A longer question describes a task, not a function: a bug report names many and needs others.
const MAX_QUESTION_BYTES: usize = 600;
/// More named functions than this select nothing.
const MAX_NAMED: usize = 12;
/// Nor do names that together hold more than this share of the text.
const MAX_NAMED_SHARE: f64 = 0.6;

/// The entries that the question names, if it is about few enough.
pub fn gate(view: &View<'_>, cx: &Context<'_>, lines: &[Span]) -> Vec<usize> {
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
    let total = lines.last().map_or(0, |l| l.end());
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
        let is_name =
            name.len() >= 2 && name.bytes().all(|b| lex::is_word(b) || b == b'$' || b == b'?' || b == b'!');
        if is_name && !out.iter().any(|(o, n)| o == owner && n == name) {
            out.push((owner.to_owned(), name.to_owned()));
        }
    };
    for literal in literals {
        let literal = literal.split('(').next().unwrap_or("").trim();
        if literal.contains(['/', '\\', ' ']) || Language::from_path(literal).is_some() {
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
