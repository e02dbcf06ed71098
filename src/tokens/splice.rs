//! The tokens of a text that is mostly made of parts of another one, which was counted.
//!
//! What a piece is depends on the bytes from its start to its end and on one run more (`split/`). Hence,
//! where both texts have a border of pieces at the same byte of a copied part, they have the same pieces
//! from there on, up to the part's last words. Only what is new and what surrounds it is counted.

use std::ops::Range;

use super::TokenIndex;
use super::scan::{Scan, Sum, Work};
use super::split::Pattern;

/// A part of a text that stands in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Where it begins in the text.
    pub at: usize,
    /// Where it stands in the other one.
    pub from: Range<usize>,
}

/// Shorter copied parts are counted like what is new.
const MIN_BYTES: usize = 48;
/// How far from the end of a copied part a blank before a word is looked for.
const MAX_TAIL_BYTES: usize = 128;

/// Counts the base tokens of a text in which `copies` of `source` stand, in order.
pub(super) struct Splice<'s> {
    pub(super) source: &'s [u8],
    pub(super) index: &'s TokenIndex,
    pub(super) copies: &'s [Copied],
}

impl Work for Splice<'_> {
    type Done = u64;

    fn run<P: Pattern>(self, scan: &mut Scan<'_>) -> u64 {
        let Splice { source, index, copies } = self;
        let mut sum = Sum::default();
        let mut at = 0;
        for Copied { at: start, from } in copies {
            let end = start + from.len();
            // What was said to be copied and is not, is new.
            if from.len() < MIN_BYTES || scan.text.get(*start..end) != source.get(from.clone()) {
                continue;
            }
            at = scan.run::<P>(at, *start, &mut sum);
            while at < end && !index.is_start(at - start + from.start) {
                at = scan.piece::<P>(at, &mut sum);
            }
            let Some(from_at) = (at < end).then(|| at - start + from.start) else { continue };
            if let Some(last) = last_word(source, from_at..from.end, index) {
                sum.tokens += index.base_before(last) - index.base_before(from_at);
                at += last - from_at;
            }
        }
        scan.run::<P>(at, scan.text.len(), &mut sum);
        sum.tokens
    }
}

/// The last border in `range` at which a blank and a visible character stand. No piece before it depends on
/// what comes behind these two: none goes on behind a blank but white space, which ends with the blank.
fn last_word(source: &[u8], range: Range<usize>, index: &TokenIndex) -> Option<usize> {
    let from = range.start.max(range.end.saturating_sub(MAX_TAIL_BYTES));
    let is_word =
        |at: &usize| source[*at] == b' ' && source[*at + 1].is_ascii_graphic() && index.is_start(*at);
    (from..range.end.saturating_sub(1)).rev().find(is_word)
}
