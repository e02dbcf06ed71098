//! Counting tokens as the model does.

mod classes;
mod hash;
mod merge;
mod models;
mod split;
mod vocab;

use split::{Cl100k, O200k, Pattern, R50k};
use vocab::Vocabulary;

/// Counts the tokens of one model. Cheap to copy; nothing is loaded, the tables lie in the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    O200kBase,
    O200kHarmony,
    Cl100kBase,
    P50kBase,
    P50kEdit,
    R50kBase,
    Gpt2,
}

impl Counter {
    /// The counter for a model name as LiteLLM accepts it.
    pub fn for_model(model: &str) -> Self {
        models::resolve(model)
    }

    /// The counter of an encoding by name, for example "o200k_base".
    pub fn for_encoding(name: &str) -> Option<Self> {
        let encoding = match name {
            "o200k_base" => Encoding::O200kBase,
            "o200k_harmony" => Encoding::O200kHarmony,
            "cl100k_base" => Encoding::Cl100kBase,
            "p50k_base" => Encoding::P50kBase,
            "p50k_edit" => Encoding::P50kEdit,
            "r50k_base" => Encoding::R50kBase,
            "gpt2" => Encoding::Gpt2,
            _ => return None,
        };
        Some(Counter { encoding })
    }

    /// Tokens of `text`; special tokens count as the text they are written in.
    pub fn count(&self, text: &str) -> usize {
        match self.encoding {
            Encoding::O200kBase | Encoding::O200kHarmony => count::<O200k>(&vocab::O200K, text.as_bytes()),
            Encoding::Cl100kBase => count::<Cl100k>(&vocab::CL100K, text.as_bytes()),
            Encoding::P50kBase | Encoding::P50kEdit => count::<R50k>(&vocab::P50K, text.as_bytes()),
            Encoding::R50kBase | Encoding::Gpt2 => count::<R50k>(&vocab::R50K, text.as_bytes()),
        }
    }

    /// Name of the encoding, for example "o200k_base".
    pub fn encoding(&self) -> &'static str {
        match self.encoding {
            Encoding::O200kBase => "o200k_base",
            Encoding::O200kHarmony => "o200k_harmony",
            Encoding::Cl100kBase => "cl100k_base",
            Encoding::P50kBase => "p50k_base",
            Encoding::P50kEdit => "p50k_edit",
            Encoding::R50kBase => "r50k_base",
            Encoding::Gpt2 => "gpt2",
        }
    }

    /// Whether counts are the provider's own (true) or estimates (false).
    pub fn is_exact(&self) -> bool {
        true
    }
}

fn count<P: Pattern>(vocabulary: &Vocabulary, text: &[u8]) -> usize {
    let (mut tokens, mut at) = (0, 0);
    while at < text.len() {
        let end = P::end(text, at);
        if end.single || end.at - at == 1 || vocabulary.contains(text, at, end.at) {
            tokens += 1;
        } else {
            tokens += merge::count(vocabulary, text, at, end.at);
        }
        at = end.at;
    }
    tokens
}
