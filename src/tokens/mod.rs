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

mod cache;
mod classes;
mod families;
mod hash;
mod index;
mod merge;
mod models;
mod scan;
mod split;
mod vocab;

use std::ops::Range;

use families::{Base, EXACT, Tokenizer};
pub use index::TokenIndex;
use scan::{ByRange, Sink, Sum, Till, scan};
use split::{Cl100k, O200k, R50k};

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

    /// The names of all exact encodings.
    pub fn encodings() -> impl Iterator<Item = &'static str> {
        EXACT.iter().map(|tokenizer| tokenizer.name)
    }

    /// Tokens of `text`; special tokens count as the text they are written in.
    pub fn count(&self, text: &str) -> usize {
        let mut sum = Sum::default();
        self.scan(text, &mut sum);
        self.tokenizer.scaled(sum.tokens) as usize
    }

    /// Tokens of `text` if they are at most `limit`; counting stops soon after they are known to be more.
    pub fn count_till_limit(&self, text: &str, limit: usize) -> Option<usize> {
        let mut sum = Till { tokens: 0, limit: limit as u64, tokenizer: self.tokenizer };
        self.scan(text, &mut sum);
        let count = self.tokenizer.scaled(sum.tokens) as usize;
        (count <= limit).then_some(count)
    }

    /// Prefix sums of the tokens of `text`, for the count of any range of it.
    pub fn index(&self, text: &str) -> TokenIndex {
        let mut index = TokenIndex::new(self.tokenizer, text.len());
        self.scan(text, &mut index);
        index.finish()
    }

    /// Tokens of each of `ranges` (ascending, not overlapping) within `text`, in one pass over it. A
    /// piece counts for the range it starts in, for none if it starts between two, so that ranges
    /// which cover the text have counts that add up to its count.
    pub fn count_ranges(&self, text: &str, ranges: &[Range<usize>]) -> Vec<u32> {
        let mut sums = ByRange::new(ranges);
        self.scan(text, &mut sums);
        sums.scaled(self.tokenizer)
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

    #[inline]
    fn scan(&self, text: &str, sink: &mut impl Sink) {
        let text = text.as_bytes();
        match self.tokenizer.base {
            Base::O200k => scan::<O200k<3>>(&vocab::O200K, text, sink),
            Base::O200kDigits => scan::<O200k<1>>(&vocab::O200K, text, sink),
            Base::Cl100k => scan::<Cl100k<3>>(&vocab::CL100K, text, sink),
            Base::Cl100kDigits => scan::<Cl100k<1>>(&vocab::CL100K, text, sink),
            Base::P50k => scan::<R50k>(&vocab::P50K, text, sink),
            Base::R50k => scan::<R50k>(&vocab::R50K, text, sink),
        }
    }
}

#[cfg(test)]
mod tests;
