//! What was counted lately: pieces that are no token by themselves, and their tokens.
//!
//! Few different pieces make up most of the ones that need merging (in logs, code and JSON nine of
//! ten were seen before), and merging costs ten look-ups or more. One small table per thread, so that
//! no lock is taken and nothing is shared; a place holds one piece, and the next one for it takes it
//! over. Counts are the same with and without it.

use std::cell::Cell;

use super::hash;

/// Places per thread, a power of two: 4096 of 24 bytes, which a core's second-level cache holds.
const PLACES: usize = 4096;

#[derive(Clone, Copy, Default)]
struct Place {
    low: u64,
    high: u64,
    /// 0 in a place that is free.
    tokens: u32,
    vocabulary: u32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Cache {
    /// Empty until the first piece is kept.
    places: Vec<Place>,
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
}

thread_local! {
    static CACHE: Cell<Cache> = const { Cell::new(Cache { places: Vec::new() }) };
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
    fn within_its_use_another_use_has_an_empty_one() {
        let inner = with(|cache| {
            cache.tokens(1, (1, 1), || 2);
            with(|other| other.places.len())
        });
        assert_eq!(inner, 0);
    }
}
