//! What the question names: lines with its literals, and the lines that share most of its words.
//!
//! Cost: one automaton pass for the literals, one pass over the words. Only words that can be a term of
//! the question are stemmed (first letter and length decide), so the cost does not depend on how many
//! different words a log has.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::AhoCorasick;

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
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&query.literals);
    let Ok(automaton) = automaton else { return Vec::new() };
    let b = text.as_bytes();
    let joins = |i: usize, inner: usize| b[inner].is_ascii_alphanumeric() && b[i].is_ascii_alphanumeric();
    let mut whole: Vec<Vec<usize>> = vec![Vec::new(); query.literals.len()];
    let mut part = whole.clone();
    let mut at = 0;
    // Overlapping, since one literal may hold another; at most `literals` hits per byte.
    for hit in automaton.find_overlapping_iter(text) {
        while at + 1 < lines.len() && lines[at].end < hit.end() {
            at += 1;
        }
        let glued = hit.start() > 0 && joins(hit.start() - 1, hit.start())
            || hit.end() < b.len() && joins(hit.end(), hit.end() - 1);
        let list = if glued { &mut part } else { &mut whole };
        let list = &mut list[hit.pattern().as_usize()];
        if list.last() != Some(&at) {
            list.push(at);
        }
    }
    let found = whole.into_iter().zip(part).map(|(whole, part)| if whole.is_empty() { part } else { whole });
    found.filter(|lines| !lines.is_empty()).collect()
}

/// Lines that share words with the question, and how much (BM25 over lines), in order of position.
pub(super) fn scores(text: &str, lines: &[Range<usize>], query: &Query) -> Vec<(usize, f64)> {
    let wanted = Wanted::new(&query.terms);
    if query.terms.is_empty() {
        return Vec::new();
    }
    // (line, term, times), and how many words each such line has.
    let mut postings: Vec<(u32, u32, u32)> = Vec::new();
    let mut in_lines = vec![0u32; query.terms.len()];
    let mut words_of: Vec<u32> = Vec::new();
    let mut all_words = 0usize;
    let mut known: HashMap<&str, Vec<u32>> = HashMap::new();
    for (i, range) in lines.iter().enumerate() {
        let first = postings.len();
        let mut words = 0u32;
        terms::for_each_word(&text[range.clone()], |word| {
            words += 1;
            if !wanted.may_be(word) {
                return;
            }
            let ids = known.entry(word).or_insert_with(|| wanted.of(word));
            for id in ids.iter() {
                match postings[first..].iter_mut().find(|p| p.1 == *id) {
                    Some(posting) => posting.2 += 1,
                    None => {
                        postings.push((i as u32, *id, 1));
                        in_lines[*id as usize] += 1;
                    }
                }
            }
        });
        all_words += words as usize;
        words_of.resize(postings.len(), words);
    }
    let n = lines.len() as f64;
    let average = (all_words as f64 / n.max(1.0)).max(1.0);
    let mut out: Vec<(usize, f64)> = Vec::new();
    for ((line, term, times), words) in postings.iter().zip(&words_of) {
        let df = f64::from(in_lines[*term as usize]);
        let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
        let tf = f64::from(*times);
        let gain = idf * tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * f64::from(*words) / average));
        match out.last_mut() {
            Some((last, score)) if *last == *line as usize => *score += gain,
            _ => out.push((*line as usize, gain)),
        }
    }
    out
}

/// The terms of a question, and a quick test for words that cannot be one.
struct Wanted<'q> {
    ids: HashMap<&'q str, u32>,
    /// By first letter in lower case: the length of the shortest term that starts so.
    shortest: [u8; 128],
    non_ascii: bool,
}

/// A stem may be this much longer than its word ("ies" becomes "y", never longer; kept for safety).
const STEM_SLACK: usize = 1;

impl<'q> Wanted<'q> {
    fn new(terms: &'q [String]) -> Self {
        let mut out = Wanted { ids: HashMap::new(), shortest: [u8::MAX; 128], non_ascii: false };
        for (id, term) in terms.iter().enumerate() {
            out.ids.entry(term).or_insert(id as u32);
            match term.as_bytes().first() {
                Some(c) if c.is_ascii() => {
                    let slot = &mut out.shortest[*c as usize];
                    *slot = (*slot).min(term.len().min(usize::from(u8::MAX)) as u8);
                }
                _ => out.non_ascii = true,
            }
        }
        out
    }

    /// Whether the word, or one of its humps, can be a term.
    fn may_be(&self, word: &str) -> bool {
        let b = word.as_bytes();
        if !word.is_ascii() {
            return true;
        }
        let fits = |i: usize| {
            let shortest = self.shortest[b[i].to_ascii_lowercase() as usize & 127];
            shortest != u8::MAX && b.len() - i + STEM_SLACK >= usize::from(shortest)
        };
        !b.is_empty() && (fits(0) || (1..b.len()).any(|i| b[i].is_ascii_uppercase() && fits(i)))
    }

    fn of(&self, word: &str) -> Vec<u32> {
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
