//! A bounded memory of texts already compressed: an agent resends its history every turn, and the
//! second sight of a text costs a hash and a copy.
//!
//! Invariants: a hit gives exactly what computing again would give, since the key covers everything
//! that the value depends on; keys are 128 bits, keyed at random per process, so input cannot be made
//! to collide (`digest`); no lock is held while anything is computed. Memory is bounded by
//! [`MAX_BYTES`]: each shard has a young and an old generation, a hit moves to the young one, and when
//! the young one is full the old one goes. All operations are O(1).

mod digest;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Upper bound on what a memo holds, in bytes of values (about 64 long conversations).
pub const MAX_BYTES: usize = 64 << 20;
/// Shards, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// What an entry costs besides its value, in bytes.
const ENTRY_BYTES: usize = 96;

pub use digest::{Key, key};

/// Counters of a memo since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Bytes held now.
    pub bytes: u64,
}

/// A bounded map from [`Key`] to shared values.
#[derive(Debug)]
pub struct Memo<V> {
    shards: Vec<Mutex<Shard<V>>>,
    max_shard_bytes: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug)]
struct Shard<V> {
    young: HashMap<Key, (Arc<V>, usize)>,
    old: HashMap<Key, (Arc<V>, usize)>,
    young_bytes: usize,
    old_bytes: usize,
}

impl<V> Memo<V> {
    /// An empty memo that holds at most `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        let shard = || Shard { young: HashMap::new(), old: HashMap::new(), young_bytes: 0, old_bytes: 0 };
        Memo {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            max_shard_bytes: max_bytes / SHARDS,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The value under `key`, if it is still there.
    pub fn get(&self, key: Key) -> Option<Arc<V>> {
        let found = self.with(key, |shard, half| {
            if let Some((value, _)) = shard.young.get(&key) {
                return Some(value.clone());
            }
            let (value, bytes) = shard.old.remove(&key)?;
            shard.old_bytes -= bytes;
            shard.put(key, value.clone(), bytes, half);
            Some(value)
        });
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Remembers `value`, which holds about `bytes` of memory. Values that would fill a shard are not
    /// remembered.
    pub fn insert(&self, key: Key, value: Arc<V>, bytes: usize) {
        let bytes = bytes + ENTRY_BYTES;
        self.with(key, |shard, half| {
            if bytes <= half {
                shard.put(key, value, bytes, half);
            }
        });
    }

    /// Forgets everything; the counters go on.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.clear();
            shard.old.clear();
            shard.young_bytes = 0;
            shard.old_bytes = 0;
        }
    }

    /// Counters and size.
    pub fn stats(&self) -> Stats {
        let bytes = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            (shard.young_bytes + shard.old_bytes) as u64
        });
        Stats {
            bytes: bytes.sum(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    fn with<R>(&self, key: Key, f: impl FnOnce(&mut Shard<V>, usize) -> R) -> R {
        let shard = &self.shards[key.low() as usize % SHARDS];
        f(&mut shard.lock().unwrap_or_else(PoisonError::into_inner), self.max_shard_bytes / 2)
    }
}

impl<V> Shard<V> {
    fn put(&mut self, key: Key, value: Arc<V>, bytes: usize, half: usize) {
        if self.young_bytes + bytes > half {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
        if let Some((_, was)) = self.young.insert(key, (value, bytes)) {
            self.young_bytes -= was;
        }
        self.young_bytes += bytes;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn memory_stays_bounded_and_recent_values_stay() {
        let memo = Memo::new(SHARDS * 4000);
        let favourite = key(&[b"favourite"]);
        memo.insert(favourite, Arc::new(0usize), 100);
        for i in 0..10_000usize {
            memo.insert(key(&[&i.to_le_bytes()]), Arc::new(i), 100);
            assert!(memo.get(favourite).is_some(), "lost after {i}");
        }
        let stats = memo.stats();
        assert!(stats.bytes <= (SHARDS * 4000) as u64, "{stats:?}");
        assert_eq!(stats.hits, 10_000);
        memo.clear();
        assert_eq!(memo.stats().bytes, 0);
        assert!(memo.get(favourite).is_none());
    }

    #[test]
    fn a_value_that_would_fill_a_shard_is_not_kept() {
        let memo = Memo::new(SHARDS * 1000);
        memo.insert(key(&[b"big"]), Arc::new(()), 5000);
        assert!(memo.get(key(&[b"big"])).is_none());
        assert_eq!(memo.stats().misses, 1);
    }
}
