//! Tokens of ranges of a text in constant time.

use std::ops::Range;

use super::families::Tokenizer;
use super::scan::Sink;

/// Prefix sums of a text's tokens: [`TokenIndex::range`] of any range in constant time.
///
/// Exact where pieces begin and end, which lines, records and words mostly do: a range between two
/// borders of pieces has exactly the tokens that its pieces have within the text. Within a piece, its
/// tokens count at its first bytes, one per byte; a border there is off by less than that piece's
/// tokens. Counting a cut-out range by itself may give one or two tokens more or fewer, since a
/// border may cut a piece in two or join white space to it.
///
/// Takes 20 bytes of memory per 64 bytes of text.
#[derive(Debug, Clone)]
pub struct TokenIndex {
    tokenizer: &'static Tokenizer,
    /// One bit per byte of text: a piece of k tokens sets the bits of its first k bytes. It has at
    /// least k of them, as no token is empty.
    bits: Vec<u64>,
    /// Bits set before each word of `bits`.
    before: Vec<u32>,
    /// One bit per byte of text, set where a piece starts.
    starts: Vec<u64>,
    /// Length of the text in bytes.
    len: usize,
}

/// The bits of a chunk of a text, in words as they are in the whole.
pub(super) struct IndexOfChunk {
    /// The word that the chunk begins in, and its first bit there.
    word: usize,
    shift: usize,
    bits: Vec<u64>,
    starts: Vec<u64>,
}

impl IndexOfChunk {
    pub(super) fn new(chunk: Range<usize>) -> Self {
        let (word, shift) = (chunk.start / 64, chunk.start % 64);
        let bits = vec![0; chunk.end / 64 + 1 - word];
        IndexOfChunk { word, shift, starts: bits.clone(), bits }
    }
}

impl Sink for IndexOfChunk {
    #[inline]
    fn starts(&mut self, at: usize, starts: u64) {
        let at = at + self.shift;
        let (word, shift) = (at / 64, at % 64);
        for all in [&mut self.bits, &mut self.starts] {
            if let Some(bits) = all.get_mut(word) {
                *bits |= starts << shift;
            }
            if shift > 0
                && let Some(bits) = all.get_mut(word + 1)
            {
                *bits |= starts >> (64 - shift);
            }
        }
    }

    /// The bits behind the piece's first, which are nobody else's.
    #[inline]
    fn more(&mut self, start: usize, more: usize) {
        let start = start + self.shift;
        for at in start + 1..=start + more {
            if let Some(bits) = self.bits.get_mut(at / 64) {
                *bits |= 1 << (at % 64);
            }
        }
    }
}

impl TokenIndex {
    /// The index of a text of `len` bytes from those of its chunks, in order.
    pub(super) fn of_chunks(tokenizer: &'static Tokenizer, len: usize, chunks: Vec<IndexOfChunk>) -> Self {
        let (mut bits, mut starts) = (Vec::new(), Vec::new());
        for chunk in chunks {
            append(&mut bits, chunk.word, chunk.bits);
            append(&mut starts, chunk.word, chunk.starts);
        }
        let mut sum = 0u32;
        let before = bits
            .iter()
            .map(|bits: &u64| {
                let before = sum;
                sum = sum.saturating_add(bits.count_ones());
                before
            })
            .collect();
        TokenIndex { tokenizer, bits, before, starts, len }
    }

    /// Whether a piece starts at `at`.
    pub(super) fn is_start(&self, at: usize) -> bool {
        self.starts.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }

    /// Tokens of the base vocabulary before `at`.
    pub(super) fn base_before(&self, at: usize) -> u64 {
        let at = at.min(self.len);
        match (self.before.get(at / 64), self.bits.get(at / 64)) {
            (Some(&before), Some(bits)) => {
                u64::from(before) + u64::from((bits & ((1 << (at % 64)) - 1)).count_ones())
            }
            _ => 0,
        }
    }

    /// Tokens of the text's bytes before `at`; of all of it where `at` lies behind its end.
    pub fn before(&self, at: usize) -> usize {
        self.tokenizer.scaled(self.base_before(at)) as usize
    }

    /// Tokens of `range` (bytes of the text); ranges side by side add up to the whole. 0 where the
    /// range ends before it starts.
    pub fn range(&self, range: Range<usize>) -> usize {
        self.before(range.end).saturating_sub(self.before(range.start))
    }

    /// Tokens of the whole text, equal to its count.
    pub fn total(&self) -> usize {
        self.before(self.len)
    }
}

/// Puts `more` behind `all`, from `word` on, which may be the last word of `all`.
fn append(all: &mut Vec<u64>, word: usize, more: Vec<u64>) {
    if all.is_empty() {
        *all = more;
        return;
    }
    let mut more = more.into_iter();
    if word + 1 == all.len()
        && let (Some(last), Some(first)) = (all.last_mut(), more.next())
    {
        *last |= first;
    }
    all.extend(more);
}
