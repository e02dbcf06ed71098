//! Prose and retrieved documents: passages, then sentences.

pub mod rank;
mod sentences;
pub mod split;

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Prose;

impl Kind for Prose {
    fn name(&self) -> &'static str {
        "prose"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
