//! Numbers for strings: the first different one is 0, the next 1, and so on.
//!
//! A table of numbers alone, open addressing with linear probing; whoever uses it keeps the strings and
//! says whether a number stands for the one that is looked for. Words are short and every one of a text
//! is looked up, so the hash is one multiplication for all up to 16 bytes, keyed at random per
//! table, so that no text can be made to crowd one place. Numbers follow the order of the text, never
//! that of the table: they are the same in every process. Cost: constant per look-up.

use crate::hashed::{Keyed, ends};

/// Places of a table that has not grown yet: enough for a message, and set up in no time.
const MIN_PLACES: usize = 256;

/// Places made room for before anything is known of a text: half a megabyte.
const MAX_RESERVED: usize = 1 << 16;

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u32,
    /// One more than the number; 0 in a place that is free.
    number: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    keys: Keyed,
    /// A power of two of them, at most half in use.
    places: Vec<Place>,
    len: u32,
}

impl Numbers {
    /// How many numbers were given.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The hash of a string in this table.
    #[inline]
    pub(crate) fn hash(&self, string: &str) -> u32 {
        let sum = self.keys.bytes(0, string.as_bytes());
        (sum ^ (sum >> 32)) as u32
    }

    /// Spreads a number over all bits, for hashes that are put together from several.
    #[inline]
    pub(crate) fn mix(&self, number: u64) -> u64 {
        self.keys.number(number)
    }

    /// The number of what has this hash, if it has one. `is` says whether a number is that of it.
    pub(crate) fn get(&self, hash: u32, is: impl Fn(usize) -> bool) -> Option<u32> {
        self.find(hash, is).ok()
    }

    /// The number of what has this hash, and whether it is new: it must be kept under the number then.
    #[inline]
    pub(crate) fn number(&mut self, hash: u32, is: impl Fn(usize) -> bool) -> (u32, bool) {
        match self.find(hash, is) {
            Ok(number) => (number, false),
            Err(place) => (self.add(hash, place), true),
        }
    }

    /// The number, or the free place where it would stand.
    #[inline]
    fn find(&self, hash: u32, is: impl Fn(usize) -> bool) -> Result<u32, usize> {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some(place) = self.places.get(at) {
            if place.number == 0 {
                return Err(at);
            }
            let number = place.number - 1;
            if place.hash == hash && is(number as usize) {
                return Ok(number);
            }
            at = (at + 1) & mask;
        }
        Err(at)
    }

    fn add(&mut self, hash: u32, mut at: usize) -> u32 {
        if 2 * (self.len() + 1) > self.places.len() {
            self.grow();
            at = free(&self.places, hash);
        }
        self.len += 1;
        if let Some(place) = self.places.get_mut(at) {
            *place = Place { hash, number: self.len };
        }
        self.len - 1
    }

    /// Makes room for so many numbers in all.
    pub(crate) fn reserve(&mut self, numbers: usize) {
        let places = (2 * numbers).min(MAX_RESERVED).next_power_of_two();
        if places > self.places.len().max(MIN_PLACES) {
            self.grow_to(places);
        }
    }

    fn grow(&mut self) {
        self.grow_to((2 * self.places.len()).max(MIN_PLACES));
    }

    fn grow_to(&mut self, len: usize) {
        let old = std::mem::replace(&mut self.places, vec![Place::default(); len]);
        for place in old.into_iter().filter(|place| place.number > 0) {
            let at = free(&self.places, place.hash);
            self.places[at] = place;
        }
    }
}

/// The first free place for a hash. There is one: at most half are in use.
fn free(places: &[Place], hash: u32) -> usize {
    let mask = places.len() - 1;
    let mut at = hash as usize & mask;
    while places[at].number > 0 {
        at = (at + 1) & mask;
    }
    at
}

/// Whether two strings are equal: for short ones quicker than a call that compares any number of bytes.
#[inline(always)]
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && ends(a.as_bytes()) == ends(b.as_bytes()) && (a.len() <= 16 || a == b)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_follow_the_order_of_first_sight() {
        let mut numbers = Numbers::default();
        let mut kept: Vec<String> = Vec::new();
        for round in 0..2 {
            for i in 0..10_000usize {
                let word = format!("{}{i}", "x".repeat(i % 40));
                let (number, is_new) = numbers.number(numbers.hash(&word), |n| kept[n] == word);
                assert_eq!((number as usize, is_new), (i, round == 0));
                if is_new {
                    kept.push(word);
                }
            }
        }
        assert_eq!(numbers.len(), 10_000);
        assert_eq!(numbers.get(numbers.hash("x1"), |n| kept[n] == "x1"), Some(1));
        assert_eq!(numbers.get(numbers.hash("y"), |n| kept[n] == "y"), None);
        assert_eq!(Numbers::default().get(0, |_| true), None);
    }

    #[test]
    fn strings_are_the_same_or_not() {
        let words = [
            "",
            "a",
            "b",
            "ab",
            "abc",
            "aaaa",
            "aaaaa",
            "aaaaaa",
            "aaaabaaaa",
            "aaaaaaaaa",
            "0123456789abcdef",
            "0123456789abcdefg",
            "01234567-89abcdefg",
            "01234567+89abcdefg",
        ];
        for a in words {
            for b in words {
                assert_eq!(is_same(a, b), a == b, "{a} {b}");
            }
        }
    }

    #[test]
    fn hashes_of_words_of_every_length_differ() {
        let numbers = Numbers::default();
        let words = (0..40).flat_map(|n| ["a", "b", "ab"].map(|w| w.repeat(n)));
        let distinct: HashSet<String> = words.collect();
        let hashes: HashSet<u32> = distinct.iter().map(|w| numbers.hash(w)).collect();
        assert!(hashes.len() + 1 >= distinct.len(), "{} of {}", hashes.len(), distinct.len());
    }
}
