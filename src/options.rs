//! What a caller may set. Everything here is part of the memo's key: equal options and equal input
//! give equal bytes.

use std::sync::Arc;

use crate::error::Error;
use crate::policy::Policy;

/// How far compression may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// Only re-encodings that decode to the same data without a store.
    Lossless,
    /// Lossless first, then what the question does not concern is left out behind marks.
    #[default]
    Balanced,
    /// As balanced, with smaller budgets.
    Aggressive,
}

impl Level {
    /// Parses the name used in every public API.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "lossless" => Ok(Level::Lossless),
            "balanced" => Ok(Level::Balanced),
            "aggressive" => Ok(Level::Aggressive),
            other => Err(Error::Option {
                name: "level",
                given: format!("{other:?}"),
                allowed: "\"lossless\", \"balanced\", \"aggressive\"",
            }),
        }
    }
}

/// Whether marks carry a hash by which a reader can fetch the original.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Retrieval {
    /// Nobody who reads the messages could redeem a hash, so there is none.
    #[default]
    Off,
    /// One hash per changed message, of its original text alone.
    Plain,
    /// The same, keyed with a secret that all who share a store share.
    Keyed(Vec<u8>),
}

/// Options of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How far compression may go.
    pub level: Level,
    /// Share of a text's tokens to keep (0.0–1.0, exclusive of 0). `None`: each kind decides by itself.
    pub target_ratio: Option<f64>,
    /// Nothing is compressed while the messages up to the turn's end have fewer tokens than this.
    pub min_tokens: usize,
    /// Context window of the model in tokens.
    pub model_limit: usize,
    /// A question to use in place of the one found in the messages.
    pub query: Option<String>,
    /// Threads to use for one request; 0 means as many as the machine has. Changes no byte.
    pub max_threads: usize,
    /// Whether marks carry a hash. Depends on configuration alone, never on a store's health.
    pub retrieval: Retrieval,
    /// Fields of tool outputs that may be left out.
    pub policy: Option<Arc<Policy>>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            level: Level::Balanced,
            target_ratio: None,
            min_tokens: 0,
            model_limit: 200_000,
            query: None,
            max_threads: 0,
            retrieval: Retrieval::Off,
            policy: None,
        }
    }
}

impl Options {
    /// Checks ranges that the type system does not.
    pub fn validate(&self) -> Result<(), Error> {
        if let Some(r) = self.target_ratio
            && !(r > 0.0 && r <= 1.0)
        {
            return Err(Error::Option {
                name: "target_ratio",
                given: format!("{r}"),
                allowed: "a share of tokens to keep, above 0 and at most 1, or None",
            });
        }
        if self.model_limit == 0 {
            return Err(Error::Option {
                name: "model_limit",
                given: "0".into(),
                allowed: "a number of tokens above 0",
            });
        }
        Ok(())
    }

    /// Whether units may be left out at all.
    pub fn may_omit(&self) -> bool {
        self.level != Level::Lossless
    }
}
