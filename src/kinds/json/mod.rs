//! JSON: lossless tables first, then gated selection of records.

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Json;

impl Kind for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
