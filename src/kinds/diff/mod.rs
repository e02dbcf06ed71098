//! Diffs: unified, `git show`, `git log -p`, `--stat`.

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Diff;

impl Kind for Diff {
    fn name(&self) -> &'static str {
        "diff"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
