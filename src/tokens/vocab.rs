//! The vocabularies: which byte strings are tokens, and their ranks.
//!
//! Tables laid out by `build.rs` and read where they lie in the binary: nothing is loaded, nothing
//! is kept on the heap, and pages nobody asks for are never read from disk. A look-up is exact (the
//! key or the bytes are compared), takes no lock and touches three cache lines at most.

use super::hash::{self, MEDIUM, PAD, SHORT};

/// The rank of what is no token.
pub(super) const NO_RANK: u32 = u32::MAX;

/// A perfect hash table of keys of `N` bytes.
pub(super) struct Table<const N: usize> {
    seeds: &'static [[u8; 2]],
    keys: &'static [[u8; N]],
    ranks: &'static [[u8; 4]],
}

impl<const N: usize> Table<N> {
    #[inline(always)]
    fn slot(&self, hash: u64) -> usize {
        let seed = self.seeds[hash::bucket(hash, self.seeds.len())];
        hash::slot(hash, u16::from_le_bytes(seed), self.keys.len())
    }

    #[inline(always)]
    fn rank(&self, slot: usize) -> u32 {
        u32::from_le_bytes(self.ranks[slot])
    }
}

/// The tokens of one vocabulary by length.
pub(super) struct Tables {
    short: Table<SHORT>,
    medium: Table<MEDIUM>,
    /// Offset and length in the blob.
    long: Table<8>,
    blob: &'static [u8],
    longest: usize,
}

mod o200k {
    use super::{Table, Tables};
    include!(concat!(env!("OUT_DIR"), "/o200k_base.rs"));
}
mod cl100k {
    use super::{Table, Tables};
    include!(concat!(env!("OUT_DIR"), "/cl100k_base.rs"));
}
mod r50k {
    use super::{Table, Tables};
    include!(concat!(env!("OUT_DIR"), "/r50k_base.rs"));
}

/// One vocabulary, with the ranks of additional runs of spaces by length.
pub(super) struct Vocabulary {
    /// Tells vocabularies apart in the cache.
    pub(super) id: u32,
    tables: &'static Tables,
    spaces: &'static [u32],
}

/// GPT-4o and later, gpt-oss.
pub(super) static O200K: Vocabulary = Vocabulary { id: 0, tables: &o200k::O200K_BASE, spaces: &[] };
/// GPT-4, GPT-3.5, embeddings.
pub(super) static CL100K: Vocabulary = Vocabulary { id: 1, tables: &cl100k::CL100K_BASE, spaces: &[] };
/// GPT-3, GPT-2.
pub(super) static R50K: Vocabulary = Vocabulary { id: 2, tables: &r50k::R50K_BASE, spaces: &[] };
/// Codex and the last GPT-3 models: r50k_base and runs of spaces.
pub(super) static P50K: Vocabulary =
    Vocabulary { id: 3, tables: &r50k::R50K_BASE, spaces: r50k::P50K_SPACES };

/// The eight bytes at `at`, padded behind the end of the text.
#[inline(always)]
pub(super) fn word_at(text: &[u8], at: usize) -> u64 {
    match text.get(at..at + 8).and_then(|bytes| bytes.first_chunk()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => word_at_end(text, at),
    }
}

#[cold]
#[inline(never)]
fn word_at_end(text: &[u8], at: usize) -> u64 {
    let mut word = [PAD; 8];
    for (to, from) in word.iter_mut().zip(text.iter().skip(at)) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

/// What to set in a word so that only its first `len` bytes count.
#[inline(always)]
pub(super) fn padding(len: usize) -> u64 {
    const PADDING: [u64; 9] = {
        let mut padding = [0; 9];
        let mut len = 0;
        while len < 8 {
            padding[len] = u64::MAX << (8 * len);
            len += 1;
        }
        padding
    };
    PADDING[if len > 8 { 8 } else { len }]
}

/// The key of `text[start..start + len]`, `len` at most [`MEDIUM`].
#[inline(always)]
pub(super) fn key(text: &[u8], start: usize, len: usize) -> (u64, u64) {
    if len <= SHORT {
        (word_at(text, start) | padding(len), u64::MAX)
    } else {
        (word_at(text, start), word_at(text, start + 8) | padding(len - 8))
    }
}

impl Vocabulary {
    /// Whether a key of at most [`SHORT`] bytes is a token.
    #[inline(always)]
    pub(super) fn has_short(&self, text: &[u8], start: usize, end: usize, word: u64) -> bool {
        let table = &self.tables.short;
        u64::from_le_bytes(table.keys[table.slot(hash::short(word))]) == word
            || self.has_spaces(text, start, end)
    }

    /// Whether a key of more than [`SHORT`] and at most [`MEDIUM`] bytes is a token.
    #[inline(always)]
    pub(super) fn has_medium(&self, text: &[u8], start: usize, end: usize, (low, high): (u64, u64)) -> bool {
        let table = &self.tables.medium;
        let known = u128::from_le_bytes(table.keys[table.slot(hash::medium(low, high))]);
        known == (low as u128 | (high as u128) << 64) || self.has_spaces(text, start, end)
    }

    /// Whether `text[start..end]`, of more than [`MEDIUM`] bytes, is a token.
    #[inline(always)]
    pub(super) fn has_long(&self, text: &[u8], start: usize, end: usize) -> bool {
        self.rank_long(text, start, end) != NO_RANK || self.has_spaces(text, start, end)
    }

    #[inline(always)]
    fn has_spaces(&self, text: &[u8], start: usize, end: usize) -> bool {
        !self.spaces.is_empty() && self.rank_spaces(text, start, end) != NO_RANK
    }

    /// The rank of `text[start..end]` as a token, or [`NO_RANK`].
    pub(super) fn rank(&self, text: &[u8], start: usize, end: usize) -> u32 {
        let len = end - start;
        let rank = if len <= SHORT {
            let word = word_at(text, start) | padding(len);
            let table = &self.tables.short;
            let slot = table.slot(hash::short(word));
            if u64::from_le_bytes(table.keys[slot]) == word { table.rank(slot) } else { NO_RANK }
        } else if len <= MEDIUM {
            let (low, high) = key(text, start, len);
            let table = &self.tables.medium;
            let slot = table.slot(hash::medium(low, high));
            let known = u128::from_le_bytes(table.keys[slot]);
            if known == (low as u128 | (high as u128) << 64) { table.rank(slot) } else { NO_RANK }
        } else {
            self.rank_long(text, start, end)
        };
        if rank == NO_RANK && !self.spaces.is_empty() { self.rank_spaces(text, start, end) } else { rank }
    }

    #[inline(never)]
    fn rank_long(&self, text: &[u8], start: usize, end: usize) -> u32 {
        if end - start > self.tables.longest {
            return NO_RANK;
        }
        let bytes = &text[start..end];
        let table = &self.tables.long;
        let slot = table.slot(hash::long(bytes));
        let place = u64::from_le_bytes(table.keys[slot]);
        let (at, len) = (place as u32 as usize, (place >> 32) as usize);
        if self.tables.blob.get(at..at + len) == Some(bytes) { table.rank(slot) } else { NO_RANK }
    }

    #[cold]
    fn rank_spaces(&self, text: &[u8], start: usize, end: usize) -> u32 {
        match self.spaces.get(end - start) {
            Some(&rank) if text[start..end].iter().all(|&byte| byte == b' ') => rank,
            _ => NO_RANK,
        }
    }
}
