//! Logs, CI logs, build and test output, stack traces.

use super::{Context, Kind};
use crate::mark::Rendered;

/// See the module.
#[derive(Debug)]
pub struct Log;

impl Kind for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn recognise(&self, _text: &str) -> u8 {
        0
    }

    fn compress(&self, _text: &str, _cx: &Context<'_>) -> Option<Rendered> {
        None
    }
}
