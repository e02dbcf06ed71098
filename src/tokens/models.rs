//! Which encoding counts for which model name.

use super::{Counter, Encoding};

pub(super) fn resolve(_model: &str) -> Counter {
    Counter { encoding: Encoding::O200kBase }
}
