//! Maps and sets for the hot paths: one multiplication for a key of up to 16 bytes.
//!
//! The hash is keyed at random per map, so that no input can be made to crowd one place of it. Nothing
//! may depend on the order in which such a map is walked through: it differs between processes.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map whose keys are hashed by [`Keyed`].
pub type FastMap<K, V> = HashMap<K, V, Keyed>;
/// A set whose members are hashed by [`Keyed`].
pub type FastSet<K> = HashSet<K, Keyed>;

/// Two words drawn at random.
#[derive(Debug, Clone, Copy)]
pub struct Keyed(u64, u64);

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Keyed(random.hash_one(0), random.hash_one(1))
    }
}

impl Keyed {
    /// The same in every process: for hashes that results depend on.
    pub const FIXED: Keyed = Keyed(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);

    /// The hash of bytes, after what `sum` stands for.
    #[inline]
    pub fn bytes(self, sum: u64, bytes: &[u8]) -> u64 {
        let len = bytes.len();
        let (low, high) = ends(bytes);
        // Both factors hold a part of the key, so that neither is known to be 0.
        let mut sum = folded(low ^ self.0 ^ sum, high ^ self.1 ^ (len as u64) << 56);
        // The first and the last eight bytes are in it already.
        if len > 16 {
            let (words, rest) = bytes[8..len - 8].as_chunks::<8>();
            for word in words {
                sum = folded(sum ^ u64::from_le_bytes(*word), self.1 | 1);
            }
            if !rest.is_empty() {
                // Of the last word, what is not at the end already.
                let word = bytes.get(len - 8 - rest.len()..).and_then(<[u8]>::first_chunk).copied();
                let kept = u64::MAX >> (64 - 8 * rest.len());
                sum = folded(sum ^ u64::from_le_bytes(word.unwrap_or_default()) & kept, self.1 | 1);
            }
        }
        sum
    }

    /// Spreads a number over all bits.
    #[inline]
    pub fn number(self, number: u64) -> u64 {
        folded(number ^ self.0, self.1 | 1)
    }
}

impl BuildHasher for Keyed {
    type Hasher = Hashing;

    #[inline]
    fn build_hasher(&self) -> Hashing {
        Hashing { keys: *self, sum: 0 }
    }
}

/// See [`Keyed`].
pub struct Hashing {
    keys: Keyed,
    sum: u64,
}

impl Hasher for Hashing {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.sum = self.keys.bytes(self.sum, bytes);
    }

    /// What ends a string: its length is in the hash already.
    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.sum = self.sum.rotate_left(5) ^ u64::from(byte);
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.sum = self.keys.number(self.sum.rotate_left(5) ^ number);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    /// Tables look at the low and at the highest bits.
    #[inline]
    fn finish(&self) -> u64 {
        // A factor with long runs of equal bits leaves the low bits of a product alike.
        let mixed = (self.sum ^ (self.sum >> 32)).wrapping_mul(GOLDEN);
        mixed ^ (mixed >> 29)
    }
}

/// 2^64 over the golden ratio, odd: Knuth's factor for multiplicative hashing.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// All of a string of at most 16 bytes but its length, the first and the last eight of a longer one.
#[inline(always)]
pub fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
    } else {
        let byte = |i: usize| u64::from(bytes.get(i).copied().unwrap_or(0));
        (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a thousand hashes meet none before them in the low or in the high bits.
    fn apart(hashes: impl Iterator<Item = u64>) -> usize {
        let (low, high): (Vec<u64>, Vec<u64>) = hashes.map(|h| (h & 0xffff, h >> 48)).unzip();
        [low, high]
            .map(|bits| bits.into_iter().collect::<HashSet<u64>>().len())
            .into_iter()
            .min()
            .unwrap_or(0)
    }

    #[test]
    fn hashes_spread_over_a_table() {
        // The poorest keys: without the last round of mixing all hashes would meet in one place.
        let drawn = (0..64).map(|_| Keyed::default());
        for keys in drawn.chain([Keyed(0, 0), Keyed(1, 2)]) {
            let numbers = (0..1000u32).map(|i| keys.hash_one(i << 16));
            assert!(apart(numbers) > 900, "{keys:?}");
        }
        let keys = Keyed::default();
        assert!(apart((0..1000).map(|i| keys.hash_one(format!("key{i}")))) > 900);
        assert!(
            apart((0..1000).map(|i| keys.hash_one(format!("a longer key, beyond {i}, of two words")))) > 900
        );
        assert!(apart((0..1000usize).map(|i| keys.hash_one((i / 30, i % 30)))) > 900);
        assert!(apart((0..1000usize).map(|i| keys.hash_one(vec![i % 7, i / 7]))) > 900);
    }

    #[test]
    fn parts_are_told_apart() {
        let keys = Keyed::default();
        assert_ne!(keys.hash_one(("ab", "c")), keys.hash_one(("a", "bc")));
        assert_ne!(keys.hash_one("\0"), keys.hash_one(""));
        assert_ne!(Keyed::default().hash_one("a"), Keyed::default().hash_one("a"));
    }
}
