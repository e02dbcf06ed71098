//! Which records a question is about, and which may be reduced to a digest.
//!
//! Records are left out only behind a gate: a literal of the question (an identifier, a quotation)
//! occurs in at most [`MAX_HIT_ROWS`] of them or a tenth. Without such a literal nobody knows what
//! will be needed, and all stay. Cost: one scan of the text for all literals, then linear in the
//! records of each array that holds a hit.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::tape::{Id, Kind, Tape};
use crate::options::{Level, Options};
use crate::score::{Query, scope};

/// Fewer records than this are not worth a mark.
const MIN_RECORDS: usize = 5;
/// A literal that occurs in more records than this, and in more than a tenth, selects nothing.
const MAX_HIT_ROWS: usize = 3;
/// Objects with fewer members than this are never maps of records.
const MIN_MAP_MEMBERS: usize = 12;
/// Arrays below this many bytes are not worth a mark.
const MIN_BYTES: usize = 400;
/// Where the literals of the question occur in the values of a text.
#[derive(Debug)]
pub struct Gate {
    /// First byte and literal of each hit, in order of position.
    hits: Vec<(u32, u16)>,
    literals: usize,
    /// Whether records that are left out leave a line in a digest.
    pub digest: bool,
    /// Share of the records of each array to keep where no literal selects: set only when the caller
    /// names a ratio.
    pub share: Option<f64>,
}

impl Gate {
    /// `None` if the question selects nothing in this text, or nothing may be left out.
    pub fn new(tape: &Tape<'_>, query: &Query, options: &Options) -> Option<Self> {
        let found = found(tape.src(), query)?;
        let digest = options.level != Level::Aggressive;
        let mut gate = Gate { hits: Vec::new(), literals: query.literals.len(), digest, share: None };
        // A literal that is a field of records names no record. Keys of maps are data.
        let mut is_field = vec![false; query.literals.len()];
        gate.sort_hits(tape, found, &mut is_field);
        gate.hits.retain(|(_, literal)| !is_field[usize::from(*literal)]);
        (!gate.hits.is_empty()).then_some(gate)
    }

    /// The gate of a text that is no JSON: hits in `head` name fields, hits after it records.
    pub fn in_text(src: &str, head: Range<usize>, query: &Query, options: &Options) -> Option<Self> {
        let mut found = found(src, query)?;
        found.sort_by_key(|(range, literal)| (range.start, *literal));
        let mut is_field = vec![false; query.literals.len()];
        for (_, literal) in found.iter().filter(|(range, _)| head.contains(&range.start)) {
            is_field[*literal] = true;
        }
        // Longer texts have no positions that fit; their records all stay.
        u32::try_from(src.len()).ok()?;
        let hits: Vec<_> = found
            .into_iter()
            .filter(|(range, literal)| !is_field[*literal] && range.start >= head.end)
            .map(|(range, literal)| (range.start as u32, literal as u16))
            .collect();
        let digest = options.level != Level::Aggressive;
        (!hits.is_empty()).then_some(Gate { hits, literals: query.literals.len(), digest, share: None })
    }

    /// The same selection, and nothing shown of the rest.
    pub fn without_digest(&self) -> Self {
        Gate { hits: self.hits.clone(), literals: self.literals, digest: false, share: None }
    }

    /// A gate that keeps a share of the records of every array, whatever is asked.
    pub fn by_share(share: f64, digest: bool) -> Self {
        Gate { hits: Vec::new(), literals: 0, digest, share: Some(share) }
    }

    /// The same without the hits inside `ranges`, which are in order.
    pub fn outside(&self, ranges: &[Range<usize>]) -> Self {
        let inside = |at: usize| {
            let next = ranges.partition_point(|range| range.end <= at);
            ranges.get(next).is_some_and(|range| range.start <= at)
        };
        let hits = self.hits.iter().copied().filter(|(at, _)| !inside(*at as usize)).collect();
        Gate { hits, share: None, ..*self }
    }

    /// Keeps the hits inside values and keys of maps, in order; notes literals that are fields.
    fn sort_hits(&mut self, tape: &Tape<'_>, mut found: Vec<(Range<usize>, usize)>, is_field: &mut [bool]) {
        found.sort_by_key(|(range, literal)| (range.start, *literal));
        let found = found.into_iter();
        // All fields, in order of position: the keys of objects that are no maps.
        let mut fields: Vec<Range<usize>> = Vec::new();
        let mut id = 1;
        while id < tape.next(0) {
            if tape.kind(id) == Kind::Object && !is_map(tape, id) {
                fields.extend(tape.members(id).map(|(key, _)| tape.range(key)));
            }
            id += 1;
        }
        fields.sort_by_key(|range| range.start);
        let mut at = 0;
        for (hit, literal) in found {
            while fields.get(at).is_some_and(|field| field.end <= hit.start) {
                at += 1;
            }
            match fields.get(at) {
                Some(field) if field.start <= hit.start => {
                    is_field[literal] |= field.start + 1 == hit.start && field.end - 1 == hit.end;
                }
                // Positions fit, for the tape took them; literals are few.
                _ => self.hits.push((hit.start as u32, literal as u16)),
            }
        }
    }

    /// The hits inside a range of the text.
    fn within(&self, range: &Range<usize>) -> &[(u32, u16)] {
        let from = self.hits.partition_point(|(at, _)| (*at as usize) < range.start);
        let to = self.hits.partition_point(|(at, _)| (*at as usize) < range.end);
        &self.hits[from..to.max(from)]
    }

    /// Whether anything in this range of the text is asked about.
    pub fn touches(&self, range: Range<usize>) -> bool {
        self.share.is_some() || !self.within(&range).is_empty()
    }

    /// Which of the records in `ranges` (in order of position) a selective literal hits; `None` if
    /// none does, or if nothing would be left out.
    pub fn hit_rows(&self, ranges: &[Range<usize>]) -> Option<Vec<bool>> {
        let n = ranges.len();
        let (first, last) = (ranges.first()?, ranges.last()?);
        let whole = first.start..last.end;
        if n < MIN_RECORDS || whole.len() < MIN_BYTES {
            return None;
        }
        let hits = self.within(&whole);
        if hits.is_empty() {
            // Evenly spread, so that what is left is a sample of the whole.
            let step = |i: usize, share: f64| (i as f64 * share) as usize;
            return self.share.map(|share| (0..n).map(|i| step(i, share) != step(i + 1, share)).collect());
        }
        let mut rows_of = vec![0_usize; self.literals];
        let mut last_row = vec![usize::MAX; self.literals];
        let mut pairs = Vec::with_capacity(hits.len());
        let mut row = 0;
        for &(at, literal) in hits {
            while row < n && ranges[row].end <= at as usize {
                row += 1;
            }
            let literal = usize::from(literal);
            if row < n && ranges[row].start <= at as usize && last_row[literal] != row {
                last_row[literal] = row;
                rows_of[literal] += 1;
                pairs.push((row, literal));
            }
        }
        let most = MAX_HIT_ROWS.max(n / 10).min(n - 1);
        let mut out = vec![false; n];
        let mut any = false;
        for (row, literal) in pairs {
            if rows_of[literal] <= most {
                out[row] = true;
                any = true;
            }
        }
        any.then_some(out)
    }
}

/// Where the literals of a question occur, in no particular order; `None` if it selects nothing.
fn found(src: &str, query: &Query) -> Option<Vec<(Range<usize>, usize)>> {
    let asked = &query.question;
    if query.literals.is_empty() || scope::asks_about_all(asked) || scope::asks_beyond(asked) {
        return None;
    }
    let finder = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(&query.literals)
        .ok()?;
    let found: Vec<_> = finder
        .find_overlapping_iter(src)
        .filter(|m| is_alone(src, m.start()..m.end()))
        .map(|m| (m.start()..m.end(), m.pattern().as_usize()))
        .collect();
    (!found.is_empty()).then_some(found)
}

/// Whether a literal found here is not part of a longer word or number.
fn is_alone(src: &str, range: Range<usize>) -> bool {
    let b = src.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let before = range.start > 0 && word(b[range.start]) && word(b[range.start - 1]);
    let after = range.end < b.len() && word(b[range.end - 1]) && word(b[range.end]);
    // An escape's letter is no part of the word after it.
    let escape = range.start > 1 && b[range.start - 2] == b'\\';
    (!before || escape) && !after
}

/// Whether an object is a map of records: many members, under keys that look like data.
pub fn is_map(tape: &Tape<'_>, id: Id) -> bool {
    let mut members = 0;
    let mut data = 0;
    for (key, _) in tape.members(id) {
        members += 1;
        let key = tape.inner(key);
        let marked = key.bytes().any(|b| b.is_ascii_digit() || b"/.:@".contains(&b));
        data += usize::from(marked && key.len() >= 4);
    }
    members >= MIN_MAP_MEMBERS && data * 2 > members
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(json: &str, question: &str) -> Option<Vec<bool>> {
        let tape = Tape::parse(json).unwrap();
        let gate = Gate::new(&tape, &Query::new(question, ""), &Options::default())?;
        let ranges: Vec<_> = tape.elements(tape.single().unwrap()).map(|id| tape.range(id)).collect();
        gate.hit_rows(&ranges)
    }

    fn records(n: usize) -> String {
        let rows: Vec<_> = (0..n)
            .map(|i| format!(r#"{{"id":"i-{i}","state":"ok","note":"x{}"}}"#, "y".repeat(40)))
            .collect();
        format!("[{}]", rows.join(","))
    }

    #[test]
    fn a_share_is_an_even_sample() {
        let ranges: Vec<_> = (0..100).map(|i| i * 10..i * 10 + 9).collect();
        for share in [0.0, 0.1, 0.5, 1.0] {
            let kept = Gate::by_share(share, true).hit_rows(&ranges).unwrap();
            assert_eq!(kept.iter().filter(|k| **k).count(), (share * 100.0) as usize);
        }
    }

    #[test]
    fn a_literal_in_few_records_selects_them() {
        let hits = rows(&records(40), "what is the state of i-7?").unwrap();
        assert_eq!(hits.iter().enumerate().filter(|(_, h)| **h).map(|(i, _)| i).collect::<Vec<_>>(), [7]);
        assert_eq!(rows(&records(40), "what is the state of i-99?"), None);
        assert_eq!(rows(&records(40), "what is `ok`?"), None, "in every record");
        assert_eq!(rows(&records(40), "what is the `state` of all?"), None, "about all");
        assert_eq!(rows(&records(40), "which `state`?"), None, "a field");
        assert_eq!(rows(&records(4), "what is the state of i-2?"), None, "too few");
    }
}
