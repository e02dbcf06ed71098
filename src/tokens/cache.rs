//! What was counted lately: pieces that are no token by themselves, and their tokens.
//!
//! Few different pieces make up most of the ones that need merging (in logs, code and JSON nine of
//! ten were seen before), and merging costs ten look-ups or more. One small table per thread, so that
//! no lock is taken and nothing is shared; a place holds one piece, and the next one for it takes it
//! over. Longer pieces (rules of dashes and the like) have a table of their own. Counts are the same with
//! and without it.

use std::cell::Cell;

use super::hash;

/// Places per thread, a power of two: 8192 of 24 bytes, which a core's second-level cache holds.
const PLACES: usize = 8192;

#[derive(Clone, Copy, Default)]
struct Place {
    low: u64,
    high: u64,
    /// 0 in a place that is free.
    tokens: u32,
    vocabulary: u32,
}

/// The same for pieces of more than sixteen bytes.
const LONG_PLACES: usize = 256;
/// Longer pieces are counted anew each time.
const MAX_LONG_BYTES: usize = 128;

#[derive(Clone, Default)]
struct LongPlace {
    piece: Vec<u8>,
    tokens: u32,
    vocabulary: u32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Cache {
    /// Empty until the first piece is kept.
    places: Vec<Place>,
    long: Vec<LongPlace>,
}

impl Cache {
    /// The tokens of the piece with this key in this vocabulary, counted by `merge` if need be.
    #[inline]
    pub(super) fn tokens(
        &mut self,
        vocabulary: u32,
        (low, high): (u64, u64),
        merge: impl FnOnce() -> usize,
    ) -> usize {
        let at = hash::medium(low, high) as usize % PLACES;
        if let Some(place) = self.places.get(at)
            && (place.low, place.high, place.vocabulary) == (low, high, vocabulary)
            && place.tokens > 0
        {
            return place.tokens as usize;
        }
        let tokens = merge();
        if self.places.is_empty() {
            self.places.resize(PLACES, Place::default());
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = Place { low, high, tokens: tokens as u32, vocabulary };
        }
        tokens
    }

    /// The same for a piece of more than sixteen bytes.
    pub(super) fn long_tokens(
        &mut self,
        vocabulary: u32,
        piece: &[u8],
        merge: impl FnOnce() -> usize,
    ) -> usize {
        if piece.len() > MAX_LONG_BYTES {
            return merge();
        }
        if self.long.is_empty() {
            self.long.resize(LONG_PLACES, LongPlace::default());
        }
        let place = &mut self.long[hash::long(piece) as usize % LONG_PLACES];
        if place.vocabulary != vocabulary || place.piece != piece {
            place.tokens = merge() as u32;
            place.vocabulary = vocabulary;
            place.piece.clear();
            place.piece.extend_from_slice(piece);
        }
        place.tokens as usize
    }
}

thread_local! {
    static CACHE: Cell<Cache> = const { Cell::new(Cache { places: Vec::new(), long: Vec::new() }) };
}

/// Runs `work` with this thread's cache; with an empty one where that is in use or gone.
#[inline]
pub(super) fn with<T>(work: impl FnOnce(&mut Cache) -> T) -> T {
    let mut cache = CACHE.try_with(Cell::take).unwrap_or_default();
    let done = work(&mut cache);
    // Fails only while the thread ends.
    let _ = CACHE.try_with(|place| place.set(cache));
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_merged_once_per_vocabulary() {
        let mut cache = Cache::default();
        assert_eq!(cache.tokens(1, (5, 6), || 3), 3);
        assert_eq!(cache.tokens(1, (5, 6), || 9), 3);
        assert_eq!(cache.tokens(2, (5, 6), || 4), 4);
        assert_eq!(cache.tokens(1, (5, 7), || 5), 5);
        assert_eq!(cache.tokens(1, (5, 6), || 3), 3);
    }

    #[test]
    fn long_pieces_are_told_apart() {
        let mut cache = Cache::default();
        let rules: Vec<Vec<u8>> = (17..400).map(|len| vec![b'-'; len]).collect();
        for vocabulary in [1, 2] {
            for rule in &rules {
                let tokens = rule.len() + vocabulary as usize;
                assert_eq!(cache.long_tokens(vocabulary, rule, || tokens), tokens);
                let is_kept = rule.len() <= MAX_LONG_BYTES;
                assert_eq!(cache.long_tokens(vocabulary, rule, || 0), if is_kept { tokens } else { 0 });
            }
        }
    }

    #[test]
    fn within_its_use_another_use_has_an_empty_one() {
        let inner = with(|cache| {
            cache.tokens(1, (1, 1), || 2);
            with(|other| other.places.len())
        });
        assert_eq!(inner, 0);
    }
}
