//! Counting tokens as the model does.
//!
//! A count equals that of tiktoken-rs, the tokenizer of record, wherever that returns one (some
//! hostile inputs make its regex give up; ours takes time linear in the text for every input):
//!
//! ```text
//! text ─► pieces, which no token crosses (split/, classes)
//!      ─► is the piece a token? (vocab: perfect hash tables in the binary)      most are
//!      ─► else merge its bytes pair by pair (merge)
//! ```
//!
//! Nothing is loaded or locked and no state is shared: counters are free to make, copy and use from
//! several threads. For models whose tokenizer nobody can have, the count is an estimate and says so
//! (`families`). `docs/tokens.md` has the measurements behind the choices.

mod classes;
mod families;
mod hash;
mod index;
mod merge;
mod models;
mod split;
mod vocab;

use std::ops::{ControlFlow, Range};

use families::{Base, EXACT, Tokenizer};
pub use index::TokenIndex;
use split::{Cl100k, O200k, Pattern, R50k};
use vocab::Vocabulary;

/// Counts the tokens of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    tokenizer: &'static Tokenizer,
}

impl Counter {
    /// The counter for a model name as LiteLLM accepts it. Every string is a name: an unknown one
    /// gets an estimate.
    pub fn for_model(model: &str) -> Self {
        Counter { tokenizer: models::resolve(model) }
    }

    /// The exact counter of an encoding by name: o200k_base, o200k_harmony, cl100k_base, p50k_base,
    /// p50k_edit, r50k_base or gpt2.
    pub fn for_encoding(name: &str) -> Option<Self> {
        EXACT.iter().find(|tokenizer| tokenizer.name == name).map(|tokenizer| Counter { tokenizer })
    }

    /// Tokens of `text`; special tokens count as the text they are written in.
    pub fn count(&self, text: &str) -> usize {
        let mut tokens = 0;
        self.pieces(text, |_, piece| {
            tokens += piece;
            ControlFlow::Continue(())
        });
        self.tokenizer.scaled(tokens as u64) as usize
    }

    /// Tokens of `text` if they are at most `limit`; counting stops where they are known to be more.
    pub fn count_till_limit(&self, text: &str, limit: usize) -> Option<usize> {
        let (mut tokens, mut count) = (0, 0);
        self.pieces(text, |_, piece| {
            tokens += piece;
            count = self.tokenizer.scaled(tokens as u64) as usize;
            if count > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (count <= limit).then_some(count)
    }

    /// Prefix sums of the tokens of `text`, for the count of any range of it.
    pub fn index(&self, text: &str) -> TokenIndex {
        let mut index = TokenIndex::new(self.tokenizer, text.len());
        self.pieces(text, |start, tokens| {
            index.push(start, tokens);
            ControlFlow::Continue(())
        });
        index.finish()
    }

    /// Tokens of each of `ranges` (ascending, not overlapping) within `text`, in one pass over it. A
    /// piece counts for the range it starts in, for none if it starts between two, so that ranges
    /// which cover the text have counts that add up to its count.
    pub fn count_ranges(&self, text: &str, ranges: &[Range<usize>]) -> Vec<u32> {
        let mut counts = vec![0u32; ranges.len()];
        let (mut at, mut base, mut scaled) = (0, 0u64, 0u64);
        self.pieces(text, |start, tokens| {
            while ranges.get(at).is_some_and(|range| range.end <= start) {
                at += 1;
            }
            base += tokens as u64;
            let before = std::mem::replace(&mut scaled, self.tokenizer.scaled(base));
            match (ranges.get(at), counts.get_mut(at)) {
                (Some(range), Some(count)) if range.start <= start => {
                    *count = count.saturating_add((scaled - before) as u32)
                }
                (None, _) => return ControlFlow::Break(()),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        counts
    }

    /// What counts: the name of the encoding ("o200k_base"), of an estimate also how it is made
    /// ("o200k_base x 1.21 (estimate)").
    pub fn encoding(&self) -> &'static str {
        self.tokenizer.name
    }

    /// The name of the vocabulary behind the count, estimate or not.
    pub fn vocabulary(&self) -> &'static str {
        self.tokenizer.base.name()
    }

    /// Whether counts are the provider's own (true) or estimates (false).
    pub fn is_exact(&self) -> bool {
        self.tokenizer.exact
    }

    /// Calls `each` with the start of every piece of `text` and its tokens in the base vocabulary.
    #[inline]
    fn pieces(&self, text: &str, each: impl FnMut(usize, usize) -> ControlFlow<()>) {
        let text = text.as_bytes();
        match self.tokenizer.base {
            Base::O200k => pieces::<O200k<3>>(&vocab::O200K, text, each),
            Base::O200kDigits => pieces::<O200k<1>>(&vocab::O200K, text, each),
            Base::Cl100k => pieces::<Cl100k<3>>(&vocab::CL100K, text, each),
            Base::Cl100kDigits => pieces::<Cl100k<1>>(&vocab::CL100K, text, each),
            Base::P50k => pieces::<R50k>(&vocab::P50K, text, each),
            Base::R50k => pieces::<R50k>(&vocab::R50K, text, each),
        }
    }
}

#[inline(always)]
fn pieces<P: Pattern>(
    vocabulary: &Vocabulary,
    text: &[u8],
    mut each: impl FnMut(usize, usize) -> ControlFlow<()>,
) {
    let mut at = 0;
    while at < text.len() {
        let end = P::end(text, at);
        let tokens = if end.single || end.at - at == 1 || vocabulary.contains(text, at, end.at) {
            1
        } else {
            merge::count(vocabulary, text, at, end.at)
        };
        if each(at, tokens).is_break() {
            return;
        }
        at = end.at;
    }
}

#[cfg(test)]
mod tests;
