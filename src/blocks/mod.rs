//! Blocks: where payload begins and ends inside a text.
//!
//! A tool output is payload as a whole. A user's message mixes instructions and payload, and only the
//! payload may be cut. A system message is all instruction; a large JSON value in it may be
//! re-encoded without loss.

use std::ops::Range;

use crate::kinds::Source;

/// A part of a text. The segments of a text cover it in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Whether it may be compressed; if not, it is instruction and stays byte-identical.
    pub is_payload: bool,
}

/// A user's text below this many bytes is an instruction as a whole.
pub const MIN_PAYLOAD_BYTES: usize = 600;

/// Splits a text by what may be done to its parts.
pub fn segment(text: &str, source: Source) -> Vec<Segment> {
    let is_payload = source == Source::ToolOutput;
    vec![Segment { range: 0..text.len(), is_payload }]
}
