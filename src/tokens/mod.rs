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
mod chunks;
mod classes;
mod families;
mod hash;
mod index;
mod merge;
mod models;
mod scan;
mod splice;
mod split;
mod vocab;

use std::ops::Range;

use families::{Base, EXACT, Tokenizer};
use index::IndexOfChunk;
pub use index::TokenIndex;
use scan::{ByRange, Scan, Sink, Sum, Till, Whole, Work};
pub use splice::Copied;
use splice::Splice;
use split::{Cl100k, O200k, R50k};

use crate::parallel;

/// Counts the tokens of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    tokenizer: &'static Tokenizer,
    /// How many threads count one text; 0 for as many as the machine has.
    threads: usize,
}

impl Counter {
    /// The counter for a model name as LiteLLM accepts it. Every string is a name: an unknown one
    /// gets an estimate.
    pub fn for_model(model: &str) -> Self {
        Counter { tokenizer: models::resolve(model), threads: 1 }
    }

    /// The exact counter of an encoding by name: o200k_base, o200k_harmony, cl100k_base, p50k_base,
    /// p50k_edit, r50k_base or gpt2.
    pub fn for_encoding(name: &str) -> Option<Self> {
        let tokenizer = EXACT.iter().find(|tokenizer| tokenizer.name == name)?;
        Some(Counter { tokenizer, threads: 1 })
    }

    /// The same counter, which counts a text of hundreds of kilobytes on at most so many threads; 0 for as
    /// many as the machine has. The counts are the same.
    pub fn with_threads(self, threads: usize) -> Self {
        Counter { threads, ..self }
    }

    /// The names of all exact encodings.
    pub fn encodings() -> impl Iterator<Item = &'static str> {
        EXACT.iter().map(|tokenizer| tokenizer.name)
    }

    /// Tokens of `text`; special tokens count as the text they are written in.
    pub fn count(&self, text: &str) -> usize {
        let sums = self.by_chunk(text, |_| Sum::default());
        self.tokenizer.scaled(sums.iter().map(|sum| sum.tokens).sum()) as usize
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
        TokenIndex::of_chunks(self.tokenizer, text.len(), self.by_chunk(text, IndexOfChunk::new))
    }

    /// Tokens of `text`, equal to its count, of which only what is not copied from `source` is counted.
    /// `index` is that of `source` by this counter; `copies` ascend and do not overlap. One that is not what
    /// stands there is counted as if it were new.
    pub fn count_spliced(&self, text: &str, source: &str, index: &TokenIndex, copies: &[Copied]) -> usize {
        let source = source.as_bytes();
        self.tokenizer.scaled(self.work(text, Splice { source, index, copies })) as usize
    }

    /// Tokens of each of `ranges` (ascending, not overlapping) within `text`, in one pass over it. A
    /// piece counts for the range it starts in, for none if it starts between two, so that ranges
    /// which cover the text have counts that add up to its count.
    pub fn count_ranges(&self, text: &str, ranges: &[Range<usize>]) -> Vec<u32> {
        let sums = self.by_chunk(text, |chunk| ByRange::new(ranges, chunk));
        ByRange::scaled(sums, ranges.len(), self.tokenizer)
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

    /// Scans each of the chunks of `text` that may be counted by themselves into the sink that `sink` makes for
    /// it; their positions are those in the chunk.
    fn by_chunk<S: Sink + Send>(&self, text: &str, sink: impl Fn(Range<usize>) -> S + Sync) -> Vec<S> {
        let scan = |chunk: Range<usize>| {
            let mut sink = sink(chunk.clone());
            self.scan(&text[chunk], &mut sink);
            sink
        };
        if self.threads == 1 || text.len() < 2 * chunks::MIN_BYTES {
            return vec![scan(0..text.len())];
        }
        let chunks = chunks::chunks(text, chunks::MIN_BYTES);
        parallel::map(&chunks, self.threads, Range::len, |_, chunk| scan(chunk.clone()))
    }

    #[inline]
    fn scan(&self, text: &str, sink: &mut impl Sink) {
        self.work(text, Whole(sink));
    }

    #[inline]
    fn work<W: Work>(&self, text: &str, work: W) -> W::Done {
        let text = text.as_bytes();
        match self.tokenizer.base {
            Base::O200k => Scan::with::<O200k<3>, W>(&vocab::O200K, text, work),
            Base::O200kDigits => Scan::with::<O200k<1>, W>(&vocab::O200K, text, work),
            Base::Cl100k => Scan::with::<Cl100k<3>, W>(&vocab::CL100K, text, work),
            Base::Cl100kDigits => Scan::with::<Cl100k<1>, W>(&vocab::CL100K, text, work),
            Base::P50k => Scan::with::<R50k, W>(&vocab::P50K, text, work),
            Base::R50k => Scan::with::<R50k, W>(&vocab::R50K, text, work),
        }
    }
}

#[cfg(test)]
mod tests;
