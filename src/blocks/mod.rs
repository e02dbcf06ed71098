//! Blocks: where payload begins and ends inside a text.
//!
//! A tool output is payload, split where its parts are of different kinds. A user's message mixes
//! instructions and payload, and only the payload may be cut. A system message is all instruction; a
//! large JSON value in it may be re-encoded without loss.
//!
//! Invariants: segments cover the text in order; a payload segment begins at a line's start (a JSON
//! value may begin after a few words on its line) and ends at a line's end; a compressed block of ours
//! (`[headroom …]`) counts as payload, and replacing any payload segment by such a block changes
//! nothing about the rest: the instructions around it read the same when a message is seen again. All
//! decisions are therefore local: a delimiter, a run of lines, never a total. In doubt a user's text is
//! instruction. Cost: linear; every stage reads each line once.

mod delimited;
mod diffs;
mod json;
pub(crate) mod lines;
pub mod passages;
mod tool;
mod user;

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

/// A smaller block inside a user's message is part of the instructions, in bytes.
pub const MIN_PAYLOAD_BYTES: usize = 600;
/// A smaller JSON value in a system message is not worth a header, in bytes.
const MIN_SYSTEM_JSON_BYTES: usize = 200;

/// Splits a text by what may be done to its parts.
pub fn segment(text: &str, source: Source) -> Vec<Segment> {
    let payload = match source {
        Source::ToolOutput => return tool::segment(text),
        Source::User => user::payload(text),
        Source::System => json::extents(text, 0..text.len())
            .into_iter()
            .filter(|json| json.len() >= MIN_SYSTEM_JSON_BYTES)
            .collect(),
    };
    from_payload(text, payload)
}

/// Segments from the payload ranges, which are in order and do not overlap.
fn from_payload(text: &str, payload: Vec<Range<usize>>) -> Vec<Segment> {
    let mut out = Vec::with_capacity(2 * payload.len() + 1);
    let mut done = 0;
    for range in payload {
        if range.start > done {
            out.push(Segment { range: done..range.start, is_payload: false });
        }
        done = range.end;
        out.push(Segment { range, is_payload: true });
    }
    if done < text.len() || out.is_empty() {
        out.push(Segment { range: done..text.len(), is_payload: false });
    }
    out
}

/// What lies in `within` beside the `taken` ranges (in order, not overlapping).
fn between(within: Range<usize>, taken: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut out = Vec::with_capacity(taken.len() + 1);
    let mut done = within.start;
    for range in taken {
        if range.start > done {
            out.push(done..range.start);
        }
        done = range.end;
    }
    if done < within.end {
        out.push(done..within.end);
    }
    out
}

#[cfg(test)]
mod tests;
