//! Markup and configuration: HTML, XML, YAML, TOML.

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Markup;

impl Kind for Markup {
    fn name(&self) -> &'static str {
        "markup"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
