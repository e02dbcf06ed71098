//! Sentences of a paragraph. They keep their bytes: a sentence may run over hard-wrapped lines, and the
//! blanks after it belong to it.
//!
//! In doubt two sentences stay one: abbreviations, initials, decimals, list numbers and addresses end
//! nothing. Works without capitals (Arabic, Hindi) and without blanks (Chinese, Japanese). Cost: linear.

use std::ops::Range;

use crate::planes;

/// What a full stop may follow without ending a sentence, in lower case, without the stop.
#[rustfmt::skip]
const ABBREVIATIONS: &[&str] = &[
    "abs", "approx", "art", "ave", "bd", "bzw", "ca", "cap", "capt", "cf", "ch", "co", "col", "corp", "dept", "dr",
    "e.g", "ed", "eds", "eq", "est", "etc", "ff", "fig", "figs", "ft", "gen", "gov", "hon", "hr", "i.e", "inc", "jr",
    "lt", "ltd", "m.e", "maj", "mr", "mrs", "ms", "mt", "no", "nos", "nr", "op", "p", "pop", "pp", "prof", "pt", "rep", "rev",
    "s", "sec", "sen", "sgt", "sr", "sra", "st", "str", "u.a", "usw", "v", "vgl", "vol", "vs", "z.b",
];
/// No abbreviation is longer.
const MAX_ABBREVIATION_BYTES: usize = 6;
/// A shorter line was not broken for lack of room: the next line begins a unit of its own, in bytes.
const MIN_WRAPPED_BYTES: usize = 45;

/// No abbreviation is looked for in a longer word.
const MAX_WORD_BYTES: usize = 48;

/// Whether a byte may be, or may begin, what ends a sentence or a line. Most bytes of most texts are not.
#[inline(always)]
fn may_end(b: u8) -> bool {
    // Characters of three bytes hold the stops of Asian scripts and the ellipsis; Arabic ones begin with
    // 0xd8 and 0xdb.
    (b == b'.') | (b == b'!') | (b == b'?') | (b == b'\n') | (b == 0xd8) | (b == 0xdb) | (b & 0xf0 == 0xe0)
}

/// Calls `f` with each of the sentences of `range`, a paragraph; they cover it.
pub(super) fn sentences(text: &str, range: Range<usize>, mut f: impl FnMut(Range<usize>)) {
    let mut start = range.start;
    let mut line = range.start;
    let mut next = range.start;
    // Bytes that may end something are read as characters; the others are skipped.
    for at in planes::positions(text.as_bytes(), range.clone(), may_end) {
        if at < next {
            continue;
        }
        let rest = &text[at..range.end];
        let mut chars = rest.chars();
        let Some(c) = chars.next() else { break };
        next = at + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' | '｡' | '।' | '॥' | '؟' | '۔' => true,
            '.' | '!' | '?' | '…' => {
                // "?!", "...": the last of them decides.
                !matches!(chars.next(), Some('.' | '!' | '?' | '…')) && ends_here(text, start, at, c)
            }
            '\n' => {
                let broken = at - line < MIN_WRAPPED_BYTES || begins_unit(&text[at + 1..range.end]);
                line = at + 1;
                broken && !text[start..at].trim().is_empty()
            }
            _ => false,
        };
        if ends {
            let closers = "\"'”’»)]』」）】";
            let mut blanks = c == '\n';
            let mut chars = text[next..range.end].chars().peekable();
            while let Some(c) = chars.next_if(|c| c.is_whitespace() || (!blanks && closers.contains(*c))) {
                blanks |= c.is_whitespace();
                next += c.len_utf8();
                if c == '\n' {
                    line = next;
                }
            }
            // A closing quotation mark goes on in lower case: the sentence does too.
            let goes_on = matches!(c, '.' | '!' | '?' | '…')
                && chars.peek().is_some_and(|c| c.is_lowercase() || !blanks);
            if !goes_on {
                f(start..next);
                start = next;
            }
        }
    }
    if start < range.end {
        f(start..range.end);
    }
}

/// Whether the stop at `at` may end the sentence that began at `start`.
fn ends_here(text: &str, start: usize, at: usize, stop: char) -> bool {
    if stop != '.' {
        return true;
    }
    let mut from = start.max(at.saturating_sub(MAX_WORD_BYTES));
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let said = &text[from..at];
    let word = said.rsplit(|c: char| c.is_whitespace() || "(\"'“[".contains(c)).next().unwrap_or_default();
    if word.is_empty() {
        return !said.trim().is_empty();
    }
    let mut chars = word.chars();
    let first = chars.next().unwrap_or(' ');
    if chars.next().is_none() && first.is_alphabetic() && first.is_uppercase() {
        // An initial: "J. Smith"; "vitamin C." is rarer.
        return false;
    }
    if said.trim().len() == word.len() && word.chars().all(|c| c.is_ascii_digit()) {
        // The number of a list item.
        return false;
    }
    // "U.S", "a.m": letters between stops.
    let dotted = word.contains('.') && word.split('.').all(|part| part.chars().count() == 1);
    !dotted && !is_abbreviation(word)
}

/// Whether a word, in capitals or not, is one of [`ABBREVIATIONS`], which are ASCII.
fn is_abbreviation(word: &str) -> bool {
    let mut lower = [0; MAX_ABBREVIATION_BYTES];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    ABBREVIATIONS.binary_search_by(|known| known.as_bytes().cmp(lower)).is_ok()
}

/// Whether a line begins something that no sentence runs into: a list item, a heading, a table row.
pub(super) fn begins_unit(line: &str) -> bool {
    let body = line.trim_start_matches([' ', '\t']);
    let mut chars = body.chars();
    match chars.next() {
        Some('-' | '*' | '+' | '•' | '·' | '–' | '◦') => chars.next().is_some_and(char::is_whitespace),
        Some('#' | '|' | '>' | '<') => true,
        Some(c) if c.is_ascii_digit() => {
            let rest = body.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.starts_with(['.', ')']) && rest[1..].starts_with(' ')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        sentences(text, 0..text.len(), |r| out.push(&text[r]));
        out
    }

    #[test]
    fn abbreviations_are_sorted_and_short() {
        assert!(ABBREVIATIONS.windows(2).all(|w| w[0] < w[1]));
        assert!(ABBREVIATIONS.iter().all(|a| a.is_ascii() && a.len() <= MAX_ABBREVIATION_BYTES));
    }

    #[test]
    fn stops_that_end_and_stops_that_do_not() {
        for (text, count) in [
            ("One. Two! Three? Four…", 4),
            ("Dr. J. R. Smith of the U.S. Army met Mrs. Jones, e.g. at 3.5 km. Then he left.", 2),
            ("He said \"Stop!\" and left. \"Go.\" She went.", 3),
            ("See example.org/a.b?c=d. Next.", 2),
            ("What?! No... Yes.", 3),
            ("1. First item here.", 1),
            ("(It was late.) They slept.", 2),
            ("東京は首都です。人口は多い！「はい。」終わり", 4),
            ("यह एक वाक्य है। यह दूसरा है।", 2),
            ("no stop at all", 1),
            ("Germany (Berlin), est. 1237, pop. 3.6 million.", 1),
        ] {
            assert_eq!(split(text).len(), count, "{:?}", split(text));
            assert_eq!(split(text).concat(), text);
        }
    }

    #[test]
    fn lines_that_wrap_and_lines_that_end() {
        let wrapped = "The river passes the old town of the hills and turns\nto the north. Then it ends.";
        assert_eq!(split(wrapped).len(), 2);
        assert_eq!(split("- one\n- two\n- three").len(), 3);
        assert_eq!(split("Roses are red\nViolets are blue").len(), 2);
    }
}
