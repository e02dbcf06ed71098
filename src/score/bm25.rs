//! BM25 over the units of one text: lines, sentences, records, passages.
//!
//! ```
//! use headroom::score::{Query, bm25::Index};
//! let query = Query::new("who wrote the parser?", "");
//! let index = Index::new(["The parser was written by Ann.", "Nothing else happened."]);
//! let scores = index.units.scores(&index.weigh(&query.terms));
//! assert!(scores[0] > scores[1]);
//! ```
//!
//! The text is read once; every word becomes a number, so that scoring a second query, another
//! weighting, or coarser units ([`Units::grouped`]) reads no text again. Invariants: the same units and
//! query give the same scores in every process (hash maps are only looked up, never iterated). Cost:
//! linear in the text; four bytes per term.

use std::collections::HashMap;

use super::terms;

/// Number of a term within one [`Index`].
pub type TermId = u32;

/// Saturation of repeated terms: the usual value.
const K1: f64 = 1.2;
/// Length normalisation. Units of one text differ in length for no reason that matters, so much less
/// than the usual 0.75 (0.3 was best over logs, prose and records alike).
const B: f64 = 0.3;

/// A term of a query and how much it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    /// The term; `None` if no unit has it (it still counts in the sum that scores are divided by).
    pub id: Option<TermId>,
    /// Factor, 1 for the words of the question itself.
    pub weight: f64,
}

/// The terms of a text, unit by unit, and the numbers given to them.
#[derive(Debug)]
pub struct Index<'t> {
    ids: HashMap<String, TermId>,
    /// What each word as written in the text was turned into: most words repeat.
    seen: HashMap<&'t str, (u32, u32)>,
    /// Terms of the words in `seen`, one after the other.
    parts: Vec<TermId>,
    /// The units.
    pub units: Units,
}

/// Units as sequences of term numbers.
#[derive(Debug, Clone, Default)]
pub struct Units {
    terms: Vec<TermId>,
    /// Where each unit ends in `terms`.
    ends: Vec<usize>,
    /// In how many units each term occurs.
    frequency: Vec<u32>,
}

impl<'t> Index<'t> {
    /// Reads the units of a text. Stop words get no number; see [`terms::terms`].
    pub fn new(units: impl IntoIterator<Item = &'t str>) -> Self {
        let mut index =
            Index { ids: HashMap::new(), seen: HashMap::new(), parts: Vec::new(), units: Units::default() };
        for unit in units {
            terms::for_each_word(unit, |word| index.push(word));
            index.units.ends.push(index.units.terms.len());
        }
        index.units.count(index.ids.len());
        index
    }

    fn push(&mut self, word: &'t str) {
        let (from, to) = match self.seen.get(word) {
            Some(known) => *known,
            None => {
                let from = self.parts.len() as u32;
                let (ids, parts) = (&mut self.ids, &mut self.parts);
                terms::for_each_term(word, |term| {
                    let next = ids.len() as TermId;
                    parts.push(*ids.entry(term).or_insert(next));
                });
                let range = (from, self.parts.len() as u32);
                self.seen.insert(word, range);
                range
            }
        };
        self.units.terms.extend_from_slice(&self.parts[from as usize..to as usize]);
    }

    /// The number of a term (a stem, as in `Query::terms`), if the text has it.
    pub fn id(&self, term: &str) -> Option<TermId> {
        self.ids.get(term).copied()
    }

    /// The terms of a query with equal weights.
    pub fn weigh(&self, terms: &[String]) -> Vec<Weighted> {
        terms.iter().map(|term| Weighted { id: self.id(term), weight: 1.0 }).collect()
    }

    /// How many different terms the text has; their numbers are below this.
    pub fn term_count(&self) -> usize {
        self.ids.len()
    }
}

impl Units {
    /// How many units there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The terms of unit `i`, in the order of the text, repeated as often as they occur.
    pub fn terms(&self, i: usize) -> &[TermId] {
        let end = self.ends.get(i).copied().unwrap_or(self.terms.len());
        let start = i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        &self.terms[start.min(end)..end]
    }

    /// In how many units a term occurs.
    pub fn frequency(&self, id: TermId) -> usize {
        self.frequency.get(id as usize).map_or(0, |n| *n as usize)
    }

    /// How much a term tells these units apart: ln(1 + (N − n + 0.5) / (n + 0.5)), above 0.
    pub fn idf(&self, id: Option<TermId>) -> f64 {
        let n = id.map_or(0.0, |id| self.frequency(id) as f64);
        (1.0 + (self.len() as f64 - n + 0.5) / (n + 0.5)).ln()
    }

    /// The sum of the query's idf values: what a score of 1 is measured by.
    pub fn idf_sum(&self, query: &[Weighted]) -> f64 {
        query.iter().map(|w| w.weight * self.idf(w.id)).sum()
    }

    /// BM25 of every unit, divided by the query's idf sum: 0 for nothing in common, about 1 when every
    /// term occurs once, at most `K1 + 1`. An empty query scores everything 0.
    pub fn scores(&self, query: &[Weighted]) -> Vec<f64> {
        let gains = self.gains(query);
        let average = self.terms.len() as f64 / self.len().max(1) as f64;
        let mut times: Vec<u32> = vec![0; self.frequency.len()];
        (0..self.len())
            .map(|i| {
                let terms = self.terms(i);
                for id in terms {
                    times[*id as usize] += 1;
                }
                let norm = K1 * (1.0 - B + B * terms.len() as f64 / average.max(1.0));
                let mut score = 0.0;
                for id in terms {
                    // Each term once, at its first place; the counter is empty again afterwards.
                    let tf = f64::from(std::mem::take(&mut times[*id as usize]));
                    if tf > 0.0 {
                        score += gains[*id as usize] * tf * (K1 + 1.0) / (tf + norm);
                    }
                }
                score
            })
            .collect()
    }

    /// The share of the query's idf that each unit covers, 0 to 1; repetition and length do not matter.
    pub fn coverage(&self, query: &[Weighted]) -> Vec<f64> {
        self.covered(&self.gains(query))
    }

    /// The same for coarser units ([`Units::grouped`]), by the idf of these: a handful of passages says
    /// little about which terms are rare.
    pub fn coverage_of_groups(&self, groups: &Units, query: &[Weighted]) -> Vec<f64> {
        groups.covered(&self.gains(query))
    }

    fn covered(&self, gains: &[f64]) -> Vec<f64> {
        let mut last: Vec<usize> = vec![usize::MAX; gains.len()];
        (0..self.len())
            .map(|i| {
                let mut sum = 0.0;
                for id in self.terms(i) {
                    if std::mem::replace(&mut last[*id as usize], i) != i {
                        sum += gains[*id as usize];
                    }
                }
                sum
            })
            .collect()
    }

    /// Per term of the text: its share of the query's idf sum.
    fn gains(&self, query: &[Weighted]) -> Vec<f64> {
        let sum = self.idf_sum(query);
        let mut gains = vec![0.0; self.frequency.len()];
        if sum > 0.0 {
            for w in query {
                if let Some(gain) = w.id.and_then(|id| gains.get_mut(id as usize)) {
                    *gain += w.weight * self.idf(w.id) / sum;
                }
            }
        }
        gains
    }

    /// Coarser units: `groups` are ranges of unit numbers that follow one another and cover all units
    /// (passages of sentences, sections of lines). Term numbers stay the same.
    pub fn grouped(&self, groups: &[std::ops::Range<usize>]) -> Units {
        let ends = groups
            .iter()
            .map(|g| g.end.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0))
            .collect();
        let mut out = Units { terms: self.terms.clone(), ends, frequency: Vec::new() };
        out.count(self.frequency.len());
        out
    }

    fn count(&mut self, term_count: usize) {
        self.frequency = vec![0; term_count];
        let mut last: Vec<usize> = vec![usize::MAX; term_count];
        let mut start = 0;
        for (i, end) in self.ends.iter().enumerate() {
            for id in &self.terms[start..*end] {
                if std::mem::replace(&mut last[*id as usize], i) != i {
                    self.frequency[*id as usize] += 1;
                }
            }
            start = *end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Query;

    const UNITS: [&str; 4] = [
        "Jacksonville is the largest city of Florida.",
        "The largest city by population in California is Los Angeles.",
        "Rain fell on the plain.",
        "Florida, Florida, Florida!",
    ];

    fn scores(question: &str) -> Vec<f64> {
        let index = Index::new(UNITS);
        index.units.scores(&index.weigh(&Query::new(question, "").terms))
    }

    #[test]
    fn more_and_rarer_terms_score_higher() {
        let s = scores("What is the largest city of Florida?");
        assert!(s[0] > s[1] && s[0] > s[3] && s[1] > 0.0, "{s:?}");
        assert_eq!(s[2], 0.0);
        assert!(s.iter().all(|s| (0.0..=K1 + 1.0).contains(s)));
    }

    #[test]
    fn an_empty_or_foreign_query_scores_nothing() {
        assert!(scores("").iter().chain(&scores("zebra crossing")).all(|s| *s == 0.0));
        let empty = Index::new([]);
        assert!(empty.units.scores(&empty.weigh(&["a".to_owned()])).is_empty());
    }

    #[test]
    fn coverage_is_the_share_of_idf() {
        let index = Index::new(UNITS);
        let query = index.weigh(&Query::new("rain plain", "").terms);
        assert_eq!(index.units.coverage(&query), [0.0, 0.0, 1.0, 0.0]);
        let query = index.weigh(&Query::new("rain zebra", "").terms);
        let c = index.units.coverage(&query)[2];
        assert!(c > 0.0 && c < 0.5, "the missing term weighs more: {c}");
    }

    #[test]
    fn groups_keep_term_numbers_and_count_anew() {
        let index = Index::new(UNITS);
        let florida = index.id("florida").unwrap_or(u32::MAX);
        assert_eq!(index.units.frequency(florida), 2);
        let grouped = index.units.grouped(&[0..1, 1..4]);
        assert_eq!((grouped.len(), grouped.frequency(florida)), (2, 2));
        assert_eq!(grouped.terms(0), index.units.terms(0));
        assert_eq!(index.units.grouped(std::slice::from_ref(&(0..4))).frequency(florida), 1);
    }
}
