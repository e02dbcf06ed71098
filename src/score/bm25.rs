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
//! query give the same scores in every process (numbers follow the order of the text). Cost: linear in
//! the text; four bytes per term. A score adds up the terms that the query has, so that most terms of a
//! text cost one look at a table.

use std::ops::Range;
use std::sync::Arc;

use super::intern::{Numbers, is_same};
use super::terms;
use super::words::Words;

/// Number of a term within one [`Index`].
pub type TermId = u32;

/// Saturation of repeated terms: the usual value.
const K1: f64 = 1.2;
/// Length normalisation. Units of one text differ in length for no reason that matters, so much less
/// than the usual 0.75 (0.3 was best over logs, prose and records alike).
const B: f64 = 0.3;

/// New words in a unit, about; only to make room for all of them at once.
const WORDS_PER_UNIT: usize = 2;
/// Bytes of text for each of its terms, stop words among them, at least in most texts.
const BYTES_PER_TERM: usize = 6;

/// A term of a query and how much it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    /// The term; `None` if no unit has it (it still counts in the sum that scores are divided by).
    pub id: Option<TermId>,
    /// Factor, 1 for the words of the question itself.
    pub weight: f64,
}

/// The terms of a text, unit by unit, and the numbers given to them.
#[derive(Debug, Default)]
pub struct Index {
    ids: Numbers,
    /// All terms, one after the other, and where each ends.
    spelt: String,
    spelt_ends: Vec<usize>,
    /// The units.
    pub units: Units,
}

/// Units as sequences of term numbers.
#[derive(Debug, Clone, Default)]
pub struct Units {
    /// Shared with the coarser units made of these.
    terms: Arc<Vec<TermId>>,
    /// Where each unit ends in `terms`.
    ends: Vec<u32>,
    /// In how many units each term occurs.
    frequency: Vec<u32>,
}

/// What becomes the units of an [`Index`].
#[derive(Default)]
struct Reader {
    words: Words,
    terms: Vec<TermId>,
    ends: Vec<u32>,
    buffer: String,
}

impl Reader {
    /// Reads one unit.
    fn read(&mut self, index: &mut Index, text: &str, unit: Range<usize>) {
        let Reader { words, terms, ends, buffer } = self;
        terms::for_each_word_in(text, unit, |word| {
            words.read(word, terms, |terms| {
                terms::for_each_term(word, buffer, |term| terms.push(index.number(term)));
            });
        });
        ends.push(terms.len() as u32);
    }

    fn finish(self, mut index: Index) -> Index {
        index.units = Units { terms: Arc::new(self.terms), ends: self.ends, frequency: Vec::new() };
        index.units.count(index.ids.len());
        index
    }
}

impl Index {
    /// Reads the units of a text, each by itself. Stop words get no number; see [`terms::terms`].
    pub fn new<'t>(units: impl IntoIterator<Item = &'t str>) -> Self {
        let mut index = Index::default();
        let mut reader = Reader::default();
        for unit in units {
            reader.read(&mut index, unit, 0..unit.len());
        }
        reader.finish(index)
    }

    /// [`Index::new`] for units that are ranges of one text: room is made at once, so that the terms of a
    /// large one are never held twice.
    pub fn of(text: &str, units: impl ExactSizeIterator<Item = Range<usize>>) -> Self {
        let mut index = Index::default();
        let mut reader = Reader {
            terms: Vec::with_capacity(text.len() / BYTES_PER_TERM),
            ends: Vec::with_capacity(units.len()),
            ..Reader::default()
        };
        reader.words.reserve(units.len() * WORDS_PER_UNIT);
        index.ids.reserve(units.len() * WORDS_PER_UNIT);
        for unit in units {
            reader.read(&mut index, text, unit);
        }
        reader.finish(index)
    }

    fn number(&mut self, term: &str) -> TermId {
        let (spelt, ends) = (&self.spelt, &self.spelt_ends);
        let (number, is_new) =
            self.ids.number(self.ids.hash(term), |n| is_same(spelling(spelt, ends, n), term));
        if is_new {
            self.spelt.push_str(term);
            self.spelt_ends.push(self.spelt.len());
        }
        number
    }

    /// The number of a term (a stem, as in `Query::terms`), if the text has it.
    pub fn id(&self, term: &str) -> Option<TermId> {
        self.ids.get(self.ids.hash(term), |n| spelling(&self.spelt, &self.spelt_ends, n) == term)
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

/// Term `n` of those that stand in `spelt` one after the other.
fn spelling<'s>(spelt: &'s str, ends: &[usize], n: usize) -> &'s str {
    let start = n.checked_sub(1).and_then(|n| ends.get(n)).copied().unwrap_or(0);
    ends.get(n).and_then(|end| spelt.get(start..*end)).unwrap_or("")
}

/// The terms of a query that a text has, and by which number of the text each is found.
struct Gains {
    /// Per term of the text: 0, or one more than its place in `gains`. Of a query of more terms than
    /// can be told apart so, the first ones count.
    place: Vec<u16>,
    /// Shares of the query's idf sum.
    gains: Vec<f64>,
}

impl Gains {
    /// Calls `f` with the place and the gain of each of `terms` that the query has.
    #[inline]
    fn for_each(&self, terms: &[TermId], mut f: impl FnMut(usize, f64)) {
        for id in terms {
            if let Some(place) = usize::from(self.place[*id as usize]).checked_sub(1) {
                f(place, self.gains[place]);
            }
        }
    }
}

/// See [`Units::scorer`].
pub struct Scorer<'u> {
    units: &'u Units,
    gains: Gains,
    /// Terms per unit, at least 1.
    average: f64,
    /// How often each term of the query occurs in the unit; zeros between two units.
    times: Vec<u32>,
    /// Terms of the query in the unit, in the order in which they occur first.
    found: Vec<(usize, f64)>,
}

impl Scorer<'_> {
    /// BM25 of unit `i`, as in [`Units::scores`].
    pub fn score(&mut self, i: usize) -> f64 {
        let Scorer { units, gains, average, times, found } = self;
        let terms = units.terms(i);
        gains.for_each(terms, |place, gain| {
            if times[place] == 0 {
                found.push((place, gain));
            }
            times[place] += 1;
        });
        if found.is_empty() {
            return 0.0;
        }
        let norm = K1 * (1.0 - B + B * terms.len() as f64 / *average);
        let mut score = 0.0;
        for (place, gain) in found.drain(..) {
            let tf = f64::from(std::mem::take(&mut times[place]));
            score += gain * tf * (K1 + 1.0) / (tf + norm);
        }
        score
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
        let end = self.ends.get(i).map_or(self.terms.len(), |end| *end as usize);
        let start = i.checked_sub(1).and_then(|i| self.ends.get(i)).map_or(0, |start| *start as usize);
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
        let mut scorer = self.scorer(query);
        (0..self.len()).map(|i| scorer.score(i)).collect()
    }

    /// The same unit by unit, for scores that need not be kept.
    pub fn scorer(&self, query: &[Weighted]) -> Scorer<'_> {
        let gains = self.gains(query);
        let average = self.terms.len() as f64 / self.len().max(1) as f64;
        let times = vec![0; gains.gains.len()];
        Scorer { units: self, gains, average: average.max(1.0), times, found: Vec::new() }
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

    fn covered(&self, gains: &Gains) -> Vec<f64> {
        let mut last: Vec<usize> = vec![usize::MAX; gains.gains.len()];
        (0..self.len())
            .map(|i| {
                let mut sum = 0.0;
                gains.for_each(self.terms(i), |place, gain| {
                    if std::mem::replace(&mut last[place], i) != i {
                        sum += gain;
                    }
                });
                sum
            })
            .collect()
    }

    /// Each term of the query that the text has, with its share of the query's idf sum.
    fn gains(&self, query: &[Weighted]) -> Gains {
        let sum = self.idf_sum(query);
        let mut out = Gains { place: vec![0; self.frequency.len()], gains: Vec::new() };
        if sum > 0.0 {
            for w in query {
                if let Some(place) = w.id.and_then(|id| out.place.get_mut(id as usize)) {
                    if *place == 0 && out.gains.len() < usize::from(u16::MAX) {
                        out.gains.push(0.0);
                        *place = out.gains.len() as u16;
                    }
                    if let Some(gain) =
                        usize::from(*place).checked_sub(1).and_then(|at| out.gains.get_mut(at))
                    {
                        *gain += w.weight * self.idf(w.id) / sum;
                    }
                }
            }
        }
        out
    }

    /// Coarser units: `groups` are ranges of unit numbers that follow one another and cover all units
    /// (passages of sentences, sections of lines). Term numbers stay the same.
    pub fn grouped(&self, groups: impl Iterator<Item = Range<usize>>) -> Units {
        let ends = groups
            .map(|g| g.end.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0))
            .collect();
        let mut out = Units { terms: Arc::clone(&self.terms), ends, frequency: Vec::new() };
        out.count(self.frequency.len());
        out
    }

    fn count(&mut self, term_count: usize) {
        self.frequency = vec![0; term_count];
        // One more than the unit in which each term was seen last.
        let mut last: Vec<u32> = vec![0; term_count];
        let mut start = 0;
        for (i, end) in self.ends.iter().enumerate() {
            let unit = i as u32 + 1;
            for id in &self.terms[start as usize..*end as usize] {
                if std::mem::replace(&mut last[*id as usize], unit) != unit {
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
        let grouped = index.units.grouped([0..1, 1..4].into_iter());
        assert_eq!((grouped.len(), grouped.frequency(florida)), (2, 2));
        assert_eq!(grouped.terms(0), index.units.terms(0));
        assert_eq!(index.units.grouped(std::iter::once(0..4)).frequency(florida), 1);
    }
}
