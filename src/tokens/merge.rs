//! Byte pair encoding of one piece that is no token by itself: how many tokens it becomes.
//!
//! The rule of the tokenizer of record: of all neighbours that together are a token, merge those of
//! the lowest rank, the leftmost first, until there are none. Short pieces keep the candidates in an
//! array and look for the smallest; longer ones use a heap (n log n). A piece may be the whole text
//! (a million spaces), so that the heap runs over windows of bounded size.
//!
//! Why windows may be joined: neighbouring tokens `a b` are *settled* if encoding the bytes of `ab`
//! alone gives `a b` again. A sequence of tokens is the encoding of its bytes if and only if every two
//! neighbours are settled: up to the first merge across a border, the merges left and right of it
//! are those that encoding the two alone makes, in the same order, so the same merge would come
//! there. Hence: encode a window, keep its tokens up to some border, encode a window from there on,
//! and the two are one encoding if the tokens at the joint are settled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocab::{NO_RANK, Vocabulary};

/// Longest piece merged in an array. Looking for the smallest candidate is quadratic, but up to
/// about here quicker than a heap.
const ARRAY: usize = 128;
/// The same in a smaller one, which most pieces fit: setting it up is a good part of their time.
const SMALL_ARRAY: usize = 24;
/// Bytes per window of a long piece: 32 times the longest token, small enough for the cache.
const WINDOW: usize = 4096;
/// Bytes at a window's end whose tokens are encoded again with the next window, since what follows
/// may change them.
const OVERLAP: usize = 512;

/// Tokens of `text[start..end]`, a piece of at least two bytes that is no token.
pub(super) fn count(vocabulary: &Vocabulary, text: &[u8], start: usize, end: usize) -> usize {
    if end - start <= SMALL_ARRAY {
        in_array::<SMALL_ARRAY>(vocabulary, text, start, end)
    } else if end - start <= ARRAY {
        in_array::<ARRAY>(vocabulary, text, start, end)
    } else if end - start <= WINDOW {
        in_heap(vocabulary, text, start, end).len()
    } else {
        in_windows(vocabulary, text, start, end)
    }
}

/// For pieces of at most `N` bytes, `N` at most 128.
fn in_array<const N: usize>(vocabulary: &Vocabulary, text: &[u8], start: usize, end: usize) -> usize {
    // By the byte that a part starts with: the starts of the next part and of the one before, and the
    // rank of the part together with the next, above its start, so that the smallest is the leftmost
    // of the lowest rank.
    const PLACE: u32 = 7;
    const NONE: u32 = u32::MAX;
    let candidate = |from: usize, to: usize| {
        let rank = vocabulary.rank(text, start + from, start + to);
        if rank == NO_RANK { NONE } else { rank << PLACE | from as u32 }
    };
    let len = end - start;
    let mut next: [u8; N] = std::array::from_fn(|i| i as u8 + 1);
    let mut previous: [u8; N] = std::array::from_fn(|i| (i as u8).saturating_sub(1));
    let mut pairs = [NONE; N];
    for (i, pair) in pairs.iter_mut().enumerate().take(len - 1) {
        *pair = candidate(i, i + 2);
    }
    let mut parts = len;
    loop {
        let best = pairs[..len].iter().copied().fold(NONE, u32::min);
        if best == NONE {
            return parts;
        }
        parts -= 1;
        let left = (best & ((1 << PLACE) - 1)) as usize;
        let right = next[left] as usize;
        let after = next[right] as usize;
        next[left] = after as u8;
        pairs[right] = NONE;
        pairs[left] = NONE;
        if after < len {
            previous[after] = left as u8;
            pairs[left] = candidate(left, next[after] as usize);
        }
        if left > 0 {
            let before = previous[left] as usize;
            pairs[before] = candidate(before, after);
        }
    }
}

/// Ends of the tokens of `text[start..end]`, relative to `start`.
fn in_heap(vocabulary: &Vocabulary, text: &[u8], start: usize, end: usize) -> Vec<usize> {
    struct Part {
        previous: u32,
        /// Start of the next part; 0 once this one was merged into the one before.
        end: u32,
        /// Rank of this part together with the next.
        rank: u32,
    }
    let len = end - start;
    let rank = |from: u32, to: u32| vocabulary.rank(text, start + from as usize, start + to as usize);
    let mut parts: Vec<Part> = (0..len as u32)
        .map(|i| Part {
            previous: i.wrapping_sub(1),
            end: i + 1,
            rank: if (i as usize) < len - 1 { rank(i, i + 2) } else { NO_RANK },
        })
        .collect();
    let mut heap: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::from(
        parts
            .iter()
            .zip(0..)
            .filter(|(part, _)| part.rank != NO_RANK)
            .map(|(part, i)| Reverse((part.rank, i)))
            .collect::<Vec<_>>(),
    );
    while let Some(Reverse((lowest, left))) = heap.pop() {
        let right = parts[left as usize].end;
        if parts[left as usize].rank != lowest || right == 0 {
            continue; // Merged otherwise in the meantime.
        }
        let right_end = parts[right as usize].end;
        parts[right as usize].end = 0;
        parts[right as usize].rank = NO_RANK;
        let mut update = |parts: &mut [Part], at: u32, to: u32| {
            let rank = if (to as usize) <= len { rank(at, to) } else { NO_RANK };
            parts[at as usize].rank = rank;
            if rank != NO_RANK {
                heap.push(Reverse((rank, at)));
            }
        };
        parts[left as usize].end = right_end;
        let next_end = match parts.get_mut(right_end as usize) {
            Some(next) => {
                next.previous = left;
                next.end
            }
            None => u32::MAX,
        };
        update(&mut parts, left, next_end);
        let previous = parts[left as usize].previous;
        if previous != u32::MAX {
            update(&mut parts, previous, right_end);
        }
    }
    let mut ends = Vec::with_capacity(len / 2);
    let mut at = 0;
    while at < len {
        at = parts[at].end as usize;
        ends.push(at);
    }
    ends
}

/// A window and what was kept of it.
struct Kept {
    window: usize,
    tokens: usize,
    /// Bytes of the kept tokens, of the last of them, and of the window's first token.
    bytes: usize,
    last: usize,
    first: usize,
    /// Whether the last and the first token, one behind the other, are known to be settled.
    repeats: bool,
}

/// Windows of [`WINDOW`] bytes, or of more where their joints are not settled. See the module.
fn in_windows(vocabulary: &Vocabulary, text: &[u8], start: usize, end: usize) -> usize {
    let mut width = WINDOW;
    loop {
        match with_width(vocabulary, text, start, end, width) {
            Some(tokens) => return tokens,
            None => width *= 4,
        }
    }
}

fn with_width(vocabulary: &Vocabulary, text: &[u8], start: usize, end: usize, width: usize) -> Option<usize> {
    let (mut total, mut at) = (0, start);
    let mut before: Option<Kept> = None;
    while at + width < end {
        if let Some(kept) = before.as_mut().filter(|kept| kept.repeats) {
            // A run of one pattern gives window after window the same tokens: compare, don't encode.
            if text[kept.window..kept.window + width] == text[at..at + width] {
                total += kept.tokens;
                kept.window = at;
                at += kept.bytes;
                continue;
            }
        }
        let ends = in_heap(vocabulary, text, at, at + width);
        let (first, tokens) = (ends[0], ends.partition_point(|&end| end <= width - OVERLAP));
        let bytes = ends[tokens - 1];
        let last = if tokens > 1 { bytes - ends[tokens - 2] } else { bytes };
        let settles =
            before.as_ref().is_none_or(|kept| settled(vocabulary, text, at - kept.last, at, at + first));
        if !settles {
            return None;
        }
        let repeats = before.is_some_and(|kept| (kept.first, kept.last, kept.bytes) == (first, last, bytes))
            && text[at - bytes..at] == text[at..at + bytes];
        before = Some(Kept { window: at, tokens, bytes, last, first, repeats });
        total += tokens;
        at += bytes;
    }
    let ends = in_heap(vocabulary, text, at, end);
    let settles = before.is_none_or(|kept| settled(vocabulary, text, at - kept.last, at, at + ends[0]));
    settles.then_some(total + ends.len())
}

/// Whether the tokens `text[start..border]` and `text[border..end]` encode to themselves side by side.
fn settled(vocabulary: &Vocabulary, text: &[u8], start: usize, border: usize, end: usize) -> bool {
    in_heap(vocabulary, text, start, end) == [border - start, end - start]
}
