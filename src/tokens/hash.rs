//! The perfect hash behind the vocabulary tables.
//!
//! Shared by `build.rs`, which lays the tables out, and `vocab.rs`, which reads them; both compile
//! this very file, so that they cannot disagree. A key has exactly one slot where it may be: a
//! look-up is one displacement, one slot and one comparison, found or not, with no probing loop
//! whose length the branch predictor has to guess. Same tables on every platform.

/// Pads a key to its full width. Text is UTF-8, in which this byte never occurs, so that padded
/// keys of different lengths never meet; the one token that holds it is left out of the tables.
pub const PAD: u8 = 0xFF;

/// Longest token that is stored as a `u64`, and as two of them.
pub const SHORT: usize = 8;
/// See [`SHORT`].
pub const MEDIUM: usize = 16;

const K1: u64 = 0x9E37_79B9_7F4A_7C15;
const K2: u64 = 0xD6E8_FEB8_6659_FD93;

#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Hash of a key of at most [`SHORT`] bytes.
#[inline(always)]
pub fn short(key: u64) -> u64 {
    folded(key, K1)
}

/// Hash of a key of at most [`MEDIUM`] bytes.
#[inline(always)]
pub fn medium(low: u64, high: u64) -> u64 {
    folded(low ^ K2, high ^ K1)
}

/// Hash of any bytes.
pub fn long(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [PAD; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        hash = folded(hash ^ u64::from_le_bytes(word), K2).wrapping_add(K1);
    }
    hash
}

/// The displacement that a hash uses; `buckets` is a power of two.
#[inline(always)]
pub fn bucket(hash: u64, buckets: usize) -> usize {
    hash as usize & (buckets - 1)
}

/// The slot of a hash among `slots`, below 2^32 of them, given its bucket's displacement.
#[inline(always)]
pub fn slot(hash: u64, displacement: u16, slots: usize) -> usize {
    let mixed = hash.wrapping_mul(2 * displacement as u64 + 1) >> 32;
    ((mixed * slots as u64) >> 32) as usize
}
