//! Search results and listings: grep, rg, ag, find, tree, ls.

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Search;

impl Kind for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
