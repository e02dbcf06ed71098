//! Keys of the memo: 128 bits of everything a value depends on, at several bytes per cycle.
//!
//! An agent resends its whole history every turn, so every byte sent is hashed once per turn, and what
//! hashes it decides what the second sight of a text costs. SipHash (1 byte per nanosecond, twice for
//! 128 bits) took more time than everything else together. Here blocks of [`BLOCK_BYTES`] are first
//! folded by NH, the universal hash of UMAC and VMAC (Black et al., "UMAC: Fast and Secure Message
//! Authentication", 1999): sums of products of message words and key words. Two different blocks of one
//! length agree in 64-bit NH with a probability of at most 2^-64 over the keys; a second lane with keys
//! shifted by a pair of words (the Toeplitz construction of the same paper) makes that 2^-128. Folded
//! blocks, 32 bytes for 1024, and lengths go through two SipHashes with keys of their own.
//!
//! Invariants: keys are drawn at random per process and never leave it, so nobody can look for input
//! that collides; keys mean nothing in another process.

use std::array;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// Bytes folded at once.
const BLOCK_BYTES: usize = 1024;
/// Bytes that a product is made of.
const PAIR_BYTES: usize = 16;
/// Products in a block.
const BLOCK_PAIRS: usize = BLOCK_BYTES / PAIR_BYTES;
/// Shorter parts go to SipHash as they are: folding would not make them shorter.
const MIN_FOLDED_BYTES: usize = 64;

/// A 128-bit key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64, u64);

impl Key {
    /// Half of the key.
    pub(super) fn low(self) -> u64 {
        self.0
    }

    /// The key as a part of another key.
    pub fn bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.0.to_le_bytes());
        out[8..].copy_from_slice(&self.1.to_le_bytes());
        out
    }
}

struct Secret {
    /// The key words of each pair: two for the first lane, and those of the next pair for the second.
    words: [[u64; 4]; BLOCK_PAIRS],
    low: RandomState,
    high: RandomState,
}

/// Drawn once per process.
fn secret() -> &'static Secret {
    static SECRET: OnceLock<Secret> = OnceLock::new();
    SECRET.get_or_init(|| {
        // SipHash under a random key is a pseudorandom function: its values are the words.
        let draw = RandomState::new();
        let words = array::from_fn(|i| array::from_fn(|k| draw.hash_one(2 * i + k)));
        Secret { words, low: RandomState::new(), high: RandomState::new() }
    })
}

/// Hashes `parts` into a key. Parts are told apart: ("ab", "c") is not ("a", "bc").
pub fn key(parts: &[&[u8]]) -> Key {
    let secret = secret();
    let (mut low, mut high) = (secret.low.build_hasher(), secret.high.build_hasher());
    for part in parts {
        low.write_usize(part.len());
        high.write_usize(part.len());
        if part.len() < MIN_FOLDED_BYTES {
            low.write(part);
            high.write(part);
            continue;
        }
        for block in part.chunks(BLOCK_BYTES) {
            for lane in fold(block, &secret.words) {
                low.write_u128(lane);
                high.write_u128(lane);
            }
        }
    }
    Key(low.finish(), high.finish())
}

/// NH of a block of at most [`BLOCK_BYTES`], in two lanes. The last words are filled with zeros; that
/// the length counts is up to the caller.
fn fold(block: &[u8], words: &[[u64; 4]; BLOCK_PAIRS]) -> [u128; 2] {
    let mut lanes = [0u128; 2];
    let mut add = |pair: &[u8; PAIR_BYTES], [k0, k1, k2, k3]: &[u64; 4]| {
        let both = u128::from_le_bytes(*pair);
        let (first, second) = (both as u64, (both >> 64) as u64);
        let product = |k: u64, l: u64| u128::from(first.wrapping_add(k)) * u128::from(second.wrapping_add(l));
        lanes[0] = lanes[0].wrapping_add(product(*k0, *k1));
        lanes[1] = lanes[1].wrapping_add(product(*k2, *k3));
    };
    let (pairs, rest) = block.as_chunks();
    for (pair, keys) in pairs.iter().zip(words) {
        add(pair, keys);
    }
    if let (Some(keys), false) = (words.get(pairs.len()), rest.is_empty()) {
        let mut last = [0u8; PAIR_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        add(&last, keys);
    }
    lanes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
        let long = [b'x'; 3000];
        assert_ne!(key(&[&long, b""]), key(&[&long[..2999], b"x"]));
        assert_eq!(key(&[&long]), key(&[&long.clone()]));
    }

    #[test]
    fn every_bit_and_the_length_count() {
        for len in [1, 15, 63, 64, 65, 80, 1023, 1024, 1025, 2100] {
            let mut bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut seen = HashSet::from([key(&[&bytes])]);
            for i in 0..len {
                bytes[i] ^= 1 << (i % 8);
                assert!(seen.insert(key(&[&bytes])), "byte {i} of {len}");
                bytes[i] ^= 1 << (i % 8);
            }
            bytes.push(0);
            assert!(seen.insert(key(&[&bytes])), "a zero after {len}");
            assert!(seen.insert(key(&[&bytes[..len - 1]])), "shorter than {len}");
        }
    }

    #[test]
    fn blocks_that_change_places_count() {
        let (a, b) = ([b'a'; BLOCK_BYTES], [b'b'; BLOCK_BYTES]);
        assert_ne!(key(&[&[a, b].concat()]), key(&[&[b, a].concat()]));
        assert_ne!(key(&[&a]), key(&[&[a, a].concat()]));
        // Words may change places within a block, and pairs may.
        let words: Vec<u8> = (0..32).collect();
        let (mut words_moved, mut pairs_moved) = (words.clone(), words.clone());
        words_moved.rotate_left(8);
        pairs_moved.rotate_left(16);
        let padded = |w: Vec<u8>| key(&[&[w, vec![0; 64]].concat()]);
        assert_ne!(padded(words.clone()), padded(words_moved));
        assert_ne!(padded(words), padded(pairs_moved));
    }
}
