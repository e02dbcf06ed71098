//! A large text in chunks whose tokens add up to its own, so that several threads may count it.

use std::ops::Range;

use crate::planes;

/// A shorter chunk is not worth a thread.
pub(super) const MIN_BYTES: usize = 128 << 10;
/// How far behind that a border is looked for. Texts without one (nothing but Chinese, say) are not cut there.
const REACH: usize = 4 << 10;

/// The chunks of `text`, in order; all but the last have at least `min_bytes`, which is above 0.
pub(super) fn chunks(text: &str, min_bytes: usize) -> Vec<Range<usize>> {
    let mut chunks = Vec::with_capacity(text.len() / min_bytes + 1);
    let (mut start, mut at) = (0, min_bytes);
    while at < text.len() {
        if let Some(border) = border(text.as_bytes(), at) {
            chunks.push(start..border);
            start = border;
            at = border;
        }
        at += min_bytes;
    }
    chunks.push(start..text.len());
    chunks
}

/// Where a piece ends and the next one begins, whatever stands before and behind them: between an ASCII
/// letter or digit and another ASCII character that is no apostrophe (`n't`). In every pattern such a letter
/// or digit stands at the end of a run of them, which nothing but an apostrophe continues.
fn border(text: &[u8], at: usize) -> Option<usize> {
    let range = at..text.len().min(at + REACH);
    planes::positions(text, range, |b| b.is_ascii() && !b.is_ascii_alphanumeric() && b != b'\'')
        .find(|at| text[at - 1].is_ascii_alphanumeric())
}
