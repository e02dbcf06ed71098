//! Source code: bodies that the question does not concern collapse to a marked signature.

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Code;

impl Kind for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
