//! Identifiers and calls in source text of any language, found by bytes alone.
//!
//! Invariant: what is found is a whole word, never a part of a longer one; strings and comments count as
//! well, which errs towards keeping. Cost: linear in the text.

use crate::kinds::code::lex::is_word;

/// Calls `f` with each identifier of `text`.
pub fn for_each_identifier<'t>(text: &'t str, mut f: impl FnMut(&'t str)) {
    let b = text.as_bytes();
    let mut at = 0;
    while at < b.len() {
        let start = at;
        while at < b.len() && is_word(b[at]) {
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
pub fn places<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let b = text.as_bytes();
    let is_identifier = !name.is_empty() && name.bytes().all(is_word);
    let found = is_identifier.then(|| memchr::memmem::find_iter(b, name.as_bytes()));
    found.into_iter().flatten().filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| b.get(at));
        let after = b.get(at + name.len());
        !before.is_some_and(|b| is_word(*b)) && !after.is_some_and(|b| is_word(*b))
    })
}

/// Calls `f` with the name of each call in `source` and the word before its dot, if it has one: `""`
/// for anything that is no word.
pub fn for_each_call<'t>(source: &'t str, mut f: impl FnMut(&'t str, Option<&'t str>)) {
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
