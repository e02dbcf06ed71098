//! What the question names: lines with its literals, and the lines that share most of its words.
//!
//! Cost: one automaton pass for the literals, one for the beginnings of the question's terms. Only words
//! that begin as a term does are stemmed, so the cost does not depend on how many different words a log
//! has.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::hashed::FastMap;
use crate::score::{Query, terms};

/// The usual BM25 saturation, and little length normalisation: log lines are long or short for reasons
/// that do not matter (measured for lines, sentences and records alike).
const K1: f64 = 1.2;
const B: f64 = 0.3;

/// For each literal that occurs in the text, the lines it occurs in, in order.
///
/// A literal counts where it stands for itself: `10.0.0.4` is not found in `10.0.0.42`. A literal that
/// never does (a stem, a fragment) counts wherever it occurs.
pub(super) fn literal_hits(text: &str, lines: &[Range<usize>], query: &Query) -> Vec<Vec<usize>> {
    if query.literals.is_empty() {
        return Vec::new();
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .prefilter(false)
        .build(&query.literals);
    let Ok(automaton) = automaton else { return Vec::new() };
    // Where a literal is found, so are those that it holds.
    let holds = |outer: &String| {
        let held = |inner: &String| memchr::memmem::find(outer.as_bytes(), inner.as_bytes()).is_some();
        (0..query.literals.len()).filter(|i| held(&query.literals[*i])).collect::<Vec<usize>>()
    };
    let held: Vec<Vec<usize>> = query.literals.iter().map(holds).collect();
    let b = text.as_bytes();
    let joins = |i: usize, inner: usize| b[inner].is_ascii_alphanumeric() && b[i].is_ascii_alphanumeric();
    let mut whole: Vec<Vec<usize>> = vec![Vec::new(); query.literals.len()];
    let mut part = whole.clone();
    let mut at = 0;
    for hit in automaton.find_iter(text) {
        while at + 1 < lines.len() && lines[at].end < hit.end() {
            at += 1;
        }
        let glued = hit.start() > 0 && joins(hit.start() - 1, hit.start())
            || hit.end() < b.len() && joins(hit.end(), hit.end() - 1);
        let lists = if glued { &mut part } else { &mut whole };
        for literal in &held[hit.pattern().as_usize()] {
            let list = &mut lists[*literal];
            if list.last() != Some(&at) {
                list.push(at);
            }
        }
    }
    let found = whole.into_iter().zip(part).map(|(whole, part)| if whole.is_empty() { part } else { whole });
    found.filter(|lines| !lines.is_empty()).collect()
}

/// Lines that share words with the question, and how much (BM25 over lines), in order of position.
///
/// The text is searched for the beginnings of the question's terms; only words that have one are looked
/// at. A line's length is counted in bytes, which for this small a normalisation is as good as words.
pub(super) fn scores(text: &str, lines: &[Range<usize>], query: &Query) -> Vec<(usize, f64)> {
    let Some(beginnings) = Beginnings::new(&query.terms) else { return Vec::new() };
    // (line, term, times), grouped by line.
    let mut postings: Vec<(u32, u32, u32)> = Vec::new();
    let mut in_lines = vec![0u32; query.terms.len()];
    let mut known: FastMap<&str, Vec<u32>> = FastMap::default();
    let (mut at, mut first, mut done) = (0, 0, 0);
    for hit in beginnings.automaton.find_iter(text) {
        if hit.start() < done || !opens_word(text.as_bytes(), hit.start()) {
            continue;
        }
        while at < lines.len() && lines[at].end <= hit.start() {
            at += 1;
            first = postings.len();
        }
        let Some(line) = lines.get(at) else { break };
        // Between two lines: in a timestamp.
        if hit.start() < line.start {
            continue;
        }
        let word = word_around(text, line, hit.start());
        done = word.end;
        let word = &text[word];
        let ids = known.entry(word).or_insert_with(|| beginnings.terms_of(word));
        for id in ids.iter() {
            match postings[first..].iter_mut().find(|p| p.1 == *id) {
                Some(posting) => posting.2 += 1,
                None => {
                    postings.push((at as u32, *id, 1));
                    in_lines[*id as usize] += 1;
                }
            }
        }
    }
    let n = lines.len() as f64;
    let average = (text.len() as f64 / n.max(1.0)).max(1.0);
    let mut out: Vec<(usize, f64)> = Vec::new();
    for (line, term, times) in &postings {
        let line = *line as usize;
        let df = f64::from(in_lines[*term as usize]);
        let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
        let tf = f64::from(*times);
        let norm = K1 * (1.0 - B + B * lines[line].len() as f64 / average);
        let gain = idf * tf * (K1 + 1.0) / (tf + norm);
        match out.last_mut() {
            Some((last, score)) if *last == line => *score += gain,
            _ => out.push((line, gain)),
        }
    }
    out
}

/// Whether a word or a hump of one can start at `at`.
fn opens_word(b: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|i| b[i]) else { return true };
    match b[at] {
        b'a'..=b'z' => !before.is_ascii_alphanumeric(),
        b'0'..=b'9' => !before.is_ascii_alphanumeric(),
        _ => true,
    }
}

/// Longest word looked at, in bytes on either side of a hit; longer ones are data.
const MAX_WORD_BYTES: usize = 80;

/// The letters and digits around `at`, within `line`.
fn word_around(text: &str, line: &Range<usize>, at: usize) -> Range<usize> {
    let belongs = |c: &char| c.is_alphanumeric();
    let before = text[line.start..at].chars().rev().take_while(belongs).take(MAX_WORD_BYTES);
    let after = text[at..line.end].chars().take_while(belongs).take(MAX_WORD_BYTES);
    at - before.map(char::len_utf8).sum::<usize>()..at + after.map(char::len_utf8).sum::<usize>().max(1)
}

/// Finds words that may be a term of the question: those that begin as one does.
struct Beginnings<'q> {
    automaton: AhoCorasick,
    ids: FastMap<&'q str, u32>,
}

/// Bytes of a term that its words share whatever their ending (`queri|es`, `quer|y`).
const SHARED_BYTES: usize = 4;
/// Shorter terms are the numbers of an address and single letters.
const MIN_TERM_BYTES: usize = 2;
/// A question with more terms than this is a text of its own; its first ones are looked for.
const MAX_TERMS: usize = 256;

impl<'q> Beginnings<'q> {
    /// `None` if the question has no terms.
    fn new(terms: &'q [String]) -> Option<Self> {
        let terms = &terms[..terms.len().min(MAX_TERMS)];
        let mut ids = FastMap::default();
        let mut patterns: Vec<String> = Vec::new();
        for (id, term) in terms.iter().enumerate() {
            if term.len() < MIN_TERM_BYTES {
                continue;
            }
            ids.entry(term.as_str()).or_insert(id as u32);
            // A stem may differ from its words in its last letter; a number is its own.
            let is_number = term.bytes().all(|b| b.is_ascii_digit());
            let length =
                if is_number { term.len() } else { term.len().saturating_sub(1).clamp(2, SHARED_BYTES) };
            let end = (length.min(term.len())..=term.len()).find(|i| term.is_char_boundary(*i));
            let beginning = &term[..end.unwrap_or(term.len())];
            patterns.push(beginning.to_owned());
            if !beginning.is_ascii() {
                // The automaton folds the case of ASCII alone.
                let mut chars = beginning.chars();
                patterns.extend(chars.next().map(|c| c.to_uppercase().chain(chars).collect()));
            }
        }
        patterns.retain(|p| !p.is_empty());
        if patterns.is_empty() {
            return None;
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(&patterns)
            .ok()?;
        Some(Beginnings { automaton, ids })
    }

    /// The numbers of the terms that `word` and its humps are.
    fn terms_of(&self, word: &str) -> Vec<u32> {
        let mut out: Vec<u32> =
            terms::terms(word).iter().filter_map(|t| self.ids.get(t.as_str()).copied()).collect();
        out.dedup();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::lines;

    #[test]
    fn literals_stand_for_themselves() {
        let text = "a 10.0.0.4:80\nb 10.0.0.42\nc 10.0.0.4\n";
        let query = Query::new("what about 10.0.0.4 and fooBar?", "");
        assert_eq!(literal_hits(text, &lines(text), &query), [vec![0, 2]]);
    }

    #[test]
    fn fragments_count_where_nothing_else_does() {
        let text = "xblk_12y\nz\n";
        let query = Query::new("find blk_12", "");
        assert_eq!(literal_hits(text, &lines(text), &query), [vec![0]]);
    }

    #[test]
    fn rare_shared_words_score_highest() {
        let text = "session opened\nsession opened\nsession closed\nDataNode started\n";
        let query = Query::new("why was the session closing on the node", "");
        let s = scores(text, &lines(text), &query);
        let best = s.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|s| s.0);
        assert_eq!(best, Some(2));
        assert!(s.iter().any(|s| s.0 == 3), "humps count: {s:?}");
        assert!(scores(text, &lines(text), &Query::default()).is_empty());
    }
}
