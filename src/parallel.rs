//! A parallel map over items of known size, in order, on scoped threads.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Below this many bytes a second thread costs more than it brings (a thread starts in about 50 µs,
/// in which a core compresses some 10 KB).
const MIN_BYTES_PER_THREAD: usize = 64 << 10;
/// More threads than this do not pay: the largest item dominates.
const MAX_THREADS: usize = 8;

/// `f` of every item, in order. `size` gives an item's bytes; `max_threads` 0 means as many as the
/// machine has.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    max_threads: usize,
    size: impl Fn(&T) -> usize,
    f: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let bytes: usize = items.iter().map(size).sum();
    let cores = || thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let wanted = (bytes / MIN_BYTES_PER_THREAD).min(items.len());
    let threads = match max_threads {
        _ if wanted < 2 => 1,
        0 => wanted.min(cores()),
        n => wanted.min(n),
    };
    if threads < 2 {
        return items.iter().enumerate().map(|(i, item)| f(i, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else { return done };
            done.push((i, f(i, item)));
        }
    };
    let mut all = thread::scope(|scope| {
        // Where the system has no thread left, the others do its work.
        let spawned = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads).filter_map(spawned).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn order_is_kept_whatever_the_number_of_threads() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [0, 1, 2, 5] {
            assert_eq!(
                map(&items, threads, |_| 1 << 20, |i, x| i + x),
                items.iter().map(|x| 2 * x).collect::<Vec<_>>()
            );
        }
    }
}
