//! From text to terms: words in lower case, identifiers split, lightly stemmed.
//!
//! Linear, ASCII-fast, Unicode-correct for letters; the same function serves the query and the text
//! it is matched against, so that both always agree.

use std::ops::Range;

use crate::planes;

/// Words that say nothing about what is asked.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "before",
    "but", "by", "can", "could", "did", "do", "does", "exactly", "for", "from", "get", "give", "had", "has",
    "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "list", "me",
    "my", "no", "not", "of", "on", "or", "our", "out", "over", "please", "say", "she", "should", "show",
    "so", "such", "tell", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "to", "up", "us", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose",
    "why", "will", "with", "would", "you", "your",
];

/// Where the stop words of each first letter begin, `a` first; they are sorted.
const STOP_WORDS_BY_LETTER: [u8; 27] = {
    let mut starts = [0; 27];
    let mut i = 0;
    while i < STOP_WORDS.len() {
        let mut letter = (STOP_WORDS[i].as_bytes()[0] - b'a') as usize + 1;
        while letter < starts.len() {
            starts[letter] = i as u8 + 1;
            letter += 1;
        }
        i += 1;
    }
    starts
};

/// Whether `word` (lower case) is too common to select anything.
pub fn is_stop_word(word: &str) -> bool {
    let Some(letter @ b'a'..=b'z') = word.bytes().next() else { return false };
    let letter = usize::from(letter - b'a');
    let (from, to) = (STOP_WORDS_BY_LETTER[letter], STOP_WORDS_BY_LETTER[letter + 1]);
    STOP_WORDS[usize::from(from)..usize::from(to)].contains(&word)
}

/// Calls `f` with each word of `text`: maximal runs of letters and digits, as written.
pub fn for_each_word<'t>(text: &'t str, f: impl FnMut(&'t str)) {
    for_each_word_in(text, 0..text.len(), f);
}

/// [`for_each_word`] in a part of `text`, at whose borders words end.
#[inline]
pub fn for_each_word_in<'t>(text: &'t str, range: Range<usize>, mut f: impl FnMut(&'t str)) {
    let bytes = text.as_bytes();
    let mut at = range.start;
    let mut start = None;
    while at < range.end {
        let (words, wide) = planes::words(&planes::window(bytes, at));
        let len = (wide.trailing_zeros() as usize).min(range.end - at);
        // Where a word begins or the one before it ends, in turns.
        let mut borders = words ^ (words << 1 | u64::from(start.is_some()));
        if len < planes::WINDOW {
            borders &= (1 << len) - 1;
        }
        while borders != 0 {
            let border = at + borders.trailing_zeros() as usize;
            borders &= borders - 1;
            match start.take() {
                None => start = Some(border),
                Some(start) => f(&text[start..border]),
            }
        }
        at += len;
        // Characters outside ASCII come in runs in the scripts that are made of them.
        while at < range.end && !bytes[at].is_ascii() {
            let Some(c) = text[at..range.end].chars().next() else { break };
            match start {
                None if c.is_alphanumeric() => start = Some(at),
                Some(from) if !c.is_alphanumeric() => {
                    f(&text[from..at]);
                    start = None;
                }
                _ => {}
            }
            at += c.len_utf8();
        }
    }
    if let Some(start) = start {
        f(&text[start..range.end]);
    }
}

/// Splits a word at camelCase humps: `parseHTTPResponse` gives parse, HTTP, Response.
pub fn for_each_hump<'t>(word: &'t str, mut f: impl FnMut(&'t str)) {
    let b = word.as_bytes();
    let mut start = 0;
    for i in 1..b.len() {
        let lower_to_upper =
            (b[i - 1].is_ascii_lowercase() || b[i - 1].is_ascii_digit()) && b[i].is_ascii_uppercase();
        let acronym_end = b[i - 1].is_ascii_uppercase()
            && b[i].is_ascii_uppercase()
            && b.get(i + 1).is_some_and(u8::is_ascii_lowercase);
        if lower_to_upper || acronym_end {
            f(&word[start..i]);
            start = i;
        }
    }
    f(&word[start..]);
}

/// Lower-cases and lightly stems one word (plural, -ed, -ing, -ly and their doubled consonants).
pub fn stem(word: &str) -> String {
    let mut w = word.to_lowercase();
    stem_lower(&mut w);
    w
}

/// A suffix, the length from which on a word loses it, and what stands there instead.
type Suffix = (&'static str, usize, &'static str);

/// Stems a word in lower case.
fn stem_lower(w: &mut String) {
    if w.len() <= 3 || !w.is_ascii() || w.bytes().any(|b| b.is_ascii_digit()) {
        return;
    }
    let suffixes: &[Suffix] = match w.as_bytes()[w.len() - 1] {
        b's' => &[("ies", 5, "y"), ("sses", 6, "ss"), ("es", 5, "e"), ("s", 4, "")],
        b'y' => &[("ingly", 8, ""), ("edly", 7, ""), ("ly", 5, "")],
        b'g' => &[("ing", 6, "")],
        b'd' => &[("ed", 5, "")],
        _ => &[],
    };
    for (suffix, minimum, instead) in suffixes {
        if w.len() >= *minimum && w.ends_with(suffix) && !(*suffix == "s" && w.ends_with("ss")) {
            w.truncate(w.len() - suffix.len());
            w.push_str(instead);
            break;
        }
    }
    let b = w.as_bytes();
    if b.len() > 3 && b[b.len() - 1] == b[b.len() - 2] && !matches!(b[b.len() - 1], b's' | b'l' | b'e' | b'o')
    {
        w.pop();
    }
    if w.len() > 3 && w.ends_with('e') {
        w.pop();
    }
}

/// How many words of `text` are not stop words, counted up to `limit`.
pub fn count_terms(text: &str, limit: usize) -> usize {
    let mut count = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        if count == limit {
            break;
        }
        count += usize::from(!is_stop_word(&word.to_lowercase()));
    }
    count
}

/// Whether `c` belongs to a script that puts no spaces between words (or, as Hangul, glues particles to
/// them): such runs are taken as overlapping pairs of characters.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' // Myanmar, Khmer
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' // kana, Han
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' // Hangul, Han
        | '\u{20000}'..='\u{3134f}') // Han
}

/// Particles and other function words of one character: a pair with one of them says nothing.
fn is_particle(c: char) -> bool {
    "的了是在和有谁什么哪吗呢就也与及这那はがをにのとでもへやか".contains(c)
}

/// Calls `f` with the terms of one word: its stem and those of its humps, stop words left out; pairs of
/// characters for scripts without spaces. `buffer` is written over: one for all words of a text.
pub fn for_each_term(word: &str, buffer: &mut String, mut f: impl FnMut(&str)) {
    let mut push = |w: &str| {
        buffer.clear();
        if w.is_ascii() {
            buffer.push_str(w);
            buffer.make_ascii_lowercase();
        } else {
            buffer.push_str(&w.to_lowercase());
        }
        if !is_stop_word(buffer) {
            stem_lower(buffer);
            f(buffer);
        }
    };
    if word.is_ascii() {
        push(word);
        // Without a capital behind its first letter a word has no humps.
        if word.bytes().skip(1).any(|b| b.is_ascii_uppercase()) {
            let mut humps = 0;
            for_each_hump(word, |_| humps += 1);
            if humps > 1 {
                for_each_hump(word, push);
            }
        }
        return;
    }
    let mut start = 0;
    let mut pair: Option<usize> = None;
    let mut paired = false;
    for (i, c) in word.char_indices() {
        let end = i + c.len_utf8();
        match (is_unspaced(c), pair) {
            (true, Some(first)) => {
                if !is_particle(c) && !word[first..].starts_with(is_particle) {
                    push(&word[first..end]);
                }
                paired = true;
                pair = Some(i);
            }
            (true, None) => {
                if start < i {
                    push(&word[start..i]);
                }
                paired = false;
                pair = Some(i);
            }
            (false, Some(first)) => {
                if !paired {
                    push(&word[first..i]);
                }
                pair = None;
                start = i;
            }
            (false, None) => {}
        }
    }
    match pair {
        Some(first) if !paired => push(&word[first..]),
        Some(_) => {}
        None => push(&word[start..]),
    }
}

/// The terms of `text` in order: stems of words and of their humps, stop words left out.
pub fn terms(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut buffer = String::new();
    for_each_word(text, |word| for_each_term(word, &mut buffer, |term| out.push(term.to_owned())));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn words_that_mean_the_same_share_a_stem() {
        for (a, b) in
            [("connections", "connection"), ("stopped", "stop"), ("queries", "query"), ("names", "named")]
        {
            assert_eq!(stem(a), stem(b), "{a} {b}");
        }
    }

    #[test]
    fn identifiers_are_split_and_kept_whole() {
        assert_eq!(
            terms("parseHTTPResponse(max_size)"),
            ["parsehttprespons", "pars", "http", "respons", "max", "siz"]
        );
    }

    #[test]
    fn scripts_without_spaces_are_paired() {
        assert_eq!(terms("東京都の人口"), ["東京", "京都", "人口"]);
        assert_eq!(terms("水"), ["水"]);
        assert_eq!(terms("iPhone的价格 v2版"), ["iphon", "价格", "v2", "版"]);
        assert_eq!(terms("Größe"), ["größe"]);
    }
}
