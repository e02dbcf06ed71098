//! Parts of a tool output. All of it is payload; it is split where a wrapper, a fence or a JSON value
//! makes up most of it, so that each part is compressed as what it is.

use std::ops::Range;

use super::{MIN_PAYLOAD_BYTES, Segment, json, lines};

/// Tags that harnesses put around what a command printed.
#[rustfmt::skip]
const WRAPPERS: &[&str] = &[
    "output", "stdout", "stderr", "output_head", "output_tail", "result", "tool_output", "tool_result",
    "function_results", "content", "file_content", "file_contents", "document_content", "response",
];
/// Text with more embedded parts than this is of one kind as a whole (a log of JSON lines, a manual).
const MAX_PARTS: usize = 4;

/// The segments of a tool output.
pub(super) fn segment(text: &str) -> Vec<Segment> {
    let whole = || vec![Segment { range: 0..text.len(), is_payload: true }];
    if text.len() < MIN_PAYLOAD_BYTES {
        return whole();
    }
    let mut parts = wrapped(text);
    if parts.is_empty() {
        parts = fenced(text);
    }
    if parts.is_empty() {
        parts = json::extents_of(text, 0..text.len(), text.len().div_ceil(2));
        parts.retain(|part| part.len() >= MIN_PAYLOAD_BYTES);
    }
    let inside: usize = parts.iter().map(Range::len).sum();
    if parts.is_empty() || parts.len() > MAX_PARTS || 2 * inside < text.len() {
        return whole();
    }
    let mut out = super::from_payload(text, parts);
    for segment in &mut out {
        // What stands beside the parts is compressed as well where it is long.
        segment.is_payload |= segment.range.len() >= MIN_PAYLOAD_BYTES;
    }
    out
}

/// What stands between wrapper tags on lines of their own, the outermost ones.
fn wrapped(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    if !text.trim_start().starts_with('<') {
        return out;
    }
    let mut open: Option<(&str, usize)> = None;
    for line in lines::lines(text, 0..text.len()) {
        let words = lines::trim(&text[line.clone()]);
        let Some(name) = words.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else { continue };
        match open {
            None if WRAPPERS.contains(&name) => open = Some((name, line.end)),
            Some((opened, start)) if name.strip_prefix('/') == Some(opened) => {
                if line.start - start >= MIN_PAYLOAD_BYTES {
                    out.push(start..line.start);
                }
                open = None;
            }
            _ => {}
        }
    }
    out
}

/// What stands inside Markdown fences.
fn fenced(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut open = None;
    let mut seen = 0;
    for at in memchr::memmem::find_iter(bytes, b"```") {
        // The first of a line only.
        if at < seen {
            continue;
        }
        let line = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |newline| newline + 1)
            ..memchr::memchr(b'\n', &bytes[at..]).map_or(text.len(), |newline| at + newline + 1);
        seen = line.end;
        let words = lines::trim(&text[line.clone()]);
        match open {
            None if words.starts_with("```") && !words[3..].contains('`') => open = Some(line.end),
            Some(start) if words == "```" => {
                if line.start - start >= MIN_PAYLOAD_BYTES {
                    out.push(start..line.start);
                }
                open = None;
            }
            _ => {}
        }
    }
    out
}
