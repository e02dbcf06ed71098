//! What the words of a text, as written, were turned into: most words repeat, and the terms of one that
//! was seen before cost one look at a table.
//!
//! A place holds the whole word, so that the look needs no other memory. Only a cache: words beyond
//! [`MAX_BYTES`], and new ones behind the first [`MAX_WORDS`], are turned into terms each time.
//! Cost: constant per look; 24 bytes for a place, at most 786 KB.

use super::bm25::TermId;
use crate::hashed::{Keyed, ends};

/// Words of more bytes are not kept; most that are longer do not repeat.
const MAX_BYTES: usize = 16;
/// Places of a table that has not grown yet: enough for a message.
const MIN_PLACES: usize = 256;
/// No table grows beyond that.
const MAX_PLACES: usize = 1 << 15;
/// At most so many words are kept (three of four places).
const MAX_WORDS: usize = MAX_PLACES / 4 * 3;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Word {
    low: u64,
    high: u64,
    /// In bytes; 0 in a place that is free.
    len: u8,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    word: Word,
    terms: Terms,
}

/// The terms of a word, most often none or one.
#[derive(Debug, Clone, Copy, Default)]
struct Terms {
    /// The only one, or where in `parts` they begin.
    first: u32,
    count: u8,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Words {
    keys: Keyed,
    /// A power of two of them, at most three of four in use.
    places: Vec<Place>,
    len: usize,
    /// The terms of words with several.
    parts: Vec<TermId>,
}

impl Words {
    /// Makes room for about so many different words.
    pub(super) fn reserve(&mut self, words: usize) {
        let places = (words / 2 * 3).next_power_of_two().clamp(MIN_PLACES, MAX_PLACES);
        if places > self.places.len() {
            self.grow_to(places);
        }
    }

    /// Appends the terms of `word` to `out`; `read` does so for a word that is not known.
    #[inline(always)]
    pub(super) fn read(&mut self, word: &str, out: &mut Vec<TermId>, read: impl FnOnce(&mut Vec<TermId>)) {
        if word.len() > MAX_BYTES {
            return read(out);
        }
        let (low, high) = ends(word.as_bytes());
        let word = Word { low, high, len: word.len() as u8 };
        let mask = self.places.len().wrapping_sub(1);
        let mut at = self.hash(word) & mask;
        while let Some(place) = self.places.get(at) {
            if place.word == word {
                let Terms { first, count } = place.terms;
                match count {
                    0 => {}
                    1 => out.push(first),
                    _ => out.extend_from_slice(&self.parts[first as usize..][..usize::from(count)]),
                }
                return;
            }
            if place.word.len == 0 {
                break;
            }
            at = (at + 1) & mask;
        }
        let from = out.len();
        read(out);
        self.keep(word, &out[from..], at);
    }

    #[inline]
    fn hash(&self, word: Word) -> usize {
        let sum = self.keys.number(word.low ^ u64::from(word.len) << 56 ^ self.keys.number(word.high));
        (sum ^ (sum >> 32)) as usize
    }

    /// Keeps the terms of a word that is not known, at the free place `at` if there is one.
    #[inline(never)]
    fn keep(&mut self, word: Word, terms: &[TermId], mut at: usize) {
        if self.len >= MAX_WORDS {
            return;
        }
        if 4 * (self.len + 1) > 3 * self.places.len() {
            self.grow_to((2 * self.places.len()).max(MIN_PLACES));
            at = self.free(word);
        }
        let first = match terms {
            [only] => *only,
            _ => self.parts.len() as u32,
        };
        if terms.len() > 1 {
            self.parts.extend_from_slice(terms);
        }
        // A word has fewer terms than twice its bytes.
        let terms = Terms { first, count: terms.len() as u8 };
        if let Some(place) = self.places.get_mut(at) {
            *place = Place { word, terms };
            self.len += 1;
        }
    }

    /// The first free place for a word. There is one: no table is full.
    fn free(&self, word: Word) -> usize {
        let mask = self.places.len() - 1;
        let mut at = self.hash(word) & mask;
        while self.places[at].word.len > 0 {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow_to(&mut self, places: usize) {
        let old = std::mem::replace(&mut self.places, vec![Place::default(); places]);
        for place in old.into_iter().filter(|place| place.word.len > 0) {
            let at = self.free(place.word);
            self.places[at] = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The terms of a word for these tests: a number, two for every third word, none for every seventh.
    fn made_up(i: usize) -> Vec<TermId> {
        let i = i as TermId;
        if i.is_multiple_of(7) {
            vec![]
        } else if i.is_multiple_of(3) {
            vec![i, i + 1]
        } else {
            vec![i]
        }
    }

    #[test]
    fn known_words_have_the_terms_they_had() {
        let mut words = Words::default();
        let all: Vec<String> = (0..2 * MAX_WORDS).map(|i| format!("{}{i}", "x".repeat(i % 19))).collect();
        let mut read = 0;
        for round in 0..2 {
            for (i, word) in all.iter().enumerate() {
                let mut out = vec![99];
                words.read(word, &mut out, |out| {
                    read += 1;
                    out.extend(made_up(i));
                });
                assert_eq!(out[1..], made_up(i), "{word}, round {round}");
            }
        }
        assert_eq!((words.len, words.places.len()), (MAX_WORDS, MAX_PLACES));
        assert_eq!(read, 2 * all.len() - MAX_WORDS);
    }

    #[test]
    fn words_of_equal_ends_are_told_apart() {
        let mut words = Words::default();
        for (i, len) in (1..=MAX_BYTES + 1).enumerate() {
            let mut out = Vec::new();
            words.read(&"a".repeat(len), &mut out, |out| out.push(i as TermId));
            assert_eq!(out, [i as TermId]);
        }
    }

    #[test]
    fn room_is_made_within_bounds() {
        let mut words = Words::default();
        words.reserve(3);
        assert_eq!(words.places.len(), MIN_PLACES);
        words.reserve(usize::MAX / 4);
        assert_eq!(words.places.len(), MAX_PLACES);
    }
}
