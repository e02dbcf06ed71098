//! Counting tokens as the model does.

mod models;

use tiktoken_rs::CoreBPE;

/// Counts the tokens of one model. Cheap to copy; the vocabulary is loaded once per process.
#[derive(Clone, Copy)]
pub struct Counter {
    bpe: &'static CoreBPE,
    name: &'static str,
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counter").field("encoding", &self.name).finish()
    }
}

impl Counter {
    /// The counter for a model name as LiteLLM accepts it.
    pub fn for_model(model: &str) -> Self {
        models::resolve(model)
    }

    /// Tokens of `text`; special tokens count as the text they are written in.
    pub fn count(&self, text: &str) -> usize {
        self.bpe.encode_ordinary(text).len()
    }

    /// Name of the encoding, for example "o200k_base".
    pub fn encoding(&self) -> &'static str {
        self.name
    }

    /// Whether counts are the provider's own (true) or estimates (false).
    pub fn is_exact(&self) -> bool {
        true
    }
}
