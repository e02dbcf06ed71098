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
/// Places made room for before anything is known of a text: a quarter of a megabyte.
const MAX_RESERVED: usize = 1 << 16;

/// Where numbers stand, by the 32-bit hashes of what they stand for, which somebody else keeps.
#[derive(Debug, Default)]
pub(crate) struct Places {
    keys: Keyed,
    /// A power of two of them, at most three of four in use: one more than a number; 0 in a free place.
    places: Vec<u32>,
    len: usize,
}

impl Places {
    /// Makes room for so many numbers in all.
    pub(crate) fn reserve(&mut self, numbers: usize, hash_of: impl Fn(u32) -> u32) {
        let places = (numbers + numbers / 3).next_power_of_two();
        if places > self.places.len().max(MIN_PLACES) {
            self.grow_to(places, hash_of);
        }
    }

    /// The number that has this hash and of which `is` holds, or the free place where it would stand.
    #[inline]
    pub(crate) fn find(
        &self,
        hash: u32,
        hash_of: impl Fn(u32) -> u32,
        is: impl Fn(u32) -> bool,
    ) -> Result<u32, usize> {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = self.keys.number(u64::from(hash)) as usize & mask;
        while let Some(place) = self.places.get(at) {
            let Some(number) = place.checked_sub(1) else { return Err(at) };
            if hash_of(number) == hash && is(number) {
                return Ok(number);
            }
            at = (at + 1) & mask;
        }
        Err(at)
    }

    /// Puts a number at a free place that [`Places::find`] gave for its hash.
    pub(crate) fn put(&mut self, mut at: usize, number: u32, hash_of: impl Fn(u32) -> u32) {
        if 4 * (self.len + 1) > 3 * self.places.len() {
            self.grow_to((2 * self.places.len()).max(MIN_PLACES), &hash_of);
            at = self.free(hash_of(number));
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = number + 1;
            self.len += 1;
        }
    }

    /// The first free place for a hash. There is one: no table is full.
    fn free(&self, hash: u32) -> usize {
        match self.find(hash, |_| hash, |_| false) {
            Ok(number) => number as usize,
            Err(free) => free,
        }
    }

    fn grow_to(&mut self, len: usize, hash_of: impl Fn(u32) -> u32) {
        let old = std::mem::replace(&mut self.places, vec![0; len]);
        for place in old.into_iter().filter(|place| *place > 0) {
            let at = self.free(hash_of(place - 1));
            self.places[at] = place;
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    places: Places,
    /// By number.
    hashes: Vec<u32>,
}

impl Numbers {
    /// How many numbers were given.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The hash of a string in this table.
    #[inline]
    pub(crate) fn hash(&self, string: &str) -> u32 {
        let sum = self.places.keys.bytes(0, string.as_bytes());
        (sum ^ (sum >> 32)) as u32
    }

    /// Spreads a number over all bits, for hashes that are put together from several.
    #[inline]
    pub(crate) fn mix(&self, number: u64) -> u64 {
        self.places.keys.number(number)
    }

    /// The number of what has this hash, if it has one. `is` says whether a number is that of it.
    pub(crate) fn get(&self, hash: u32, is: impl Fn(usize) -> bool) -> Option<u32> {
        self.places.find(hash, |n| self.hashes[n as usize], |n| is(n as usize)).ok()
    }

    /// The number of what has this hash, and whether it is new: it must be kept under the number then.
    #[inline]
    pub(crate) fn number(&mut self, hash: u32, is: impl Fn(usize) -> bool) -> (u32, bool) {
        let hashes = &mut self.hashes;
        match self.places.find(hash, |n| hashes[n as usize], |n| is(n as usize)) {
            Ok(number) => (number, false),
            Err(place) => {
                let number = hashes.len() as u32;
                hashes.push(hash);
                self.places.put(place, number, |n| hashes[n as usize]);
                (number, true)
            }
        }
    }

    /// Makes room for so many numbers in all, within bounds.
    pub(crate) fn reserve(&mut self, numbers: usize) {
        let hashes = &self.hashes;
        self.places.reserve(numbers.min(MAX_RESERVED / 2), |n| hashes[n as usize]);
    }
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
