//! Where JSON stands inside a text: after a command's prompt line, between tags, below a sentence.
//!
//! Cost: linear. A scan that breaks off is resumed where it broke, keeping the containers that were
//! complete by then; nesting is bounded, so that not even a million `[` are scanned more than
//! [`super::tape::MAX_DEPTH`] times.

use std::ops::Range;

use super::tape::{self, Event};

/// Shorter JSON is not worth a block of its own, in bytes.
const MIN_BYTES: usize = 200;

/// The complete JSON containers in `text`, each at least 200 bytes long and followed by a line break
/// or the end. Containers on consecutive lines (NDJSON) are one extent. In order, never overlapping;
/// the line break after an extent is not part of it.
pub fn extents(text: &str) -> Vec<Range<usize>> {
    let b = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(open) = b.get(at..).and_then(|rest| memchr::memchr2(b'{', b'[', rest)) {
        let start = at + open;
        let mut starts: Vec<usize> = Vec::new();
        let mut complete: Vec<Range<usize>> = Vec::new();
        let scan = tape::value(b, start, &mut |event| match event {
            Event::Open(at) => starts.push(at),
            Event::Close(end) => {
                if let Some(start) = starts.pop() {
                    // What lies inside is part of this one now.
                    while complete.last().is_some_and(|inner| inner.start > start) {
                        complete.pop();
                    }
                    complete.push(start..end);
                }
            }
            Event::Scalar(..) => {}
        });
        found.append(&mut complete);
        at = match scan {
            Ok(end) => end,
            Err(broken) => broken.max(start + 1),
        };
    }
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in found {
        match out.last_mut() {
            Some(last) if only_a_break(b, last.end..range.start) => last.end = range.end,
            _ => out.push(range),
        }
    }
    out.retain(|range| range.len() >= MIN_BYTES && ends_line(b, range.end));
    out
}

/// Whether only white space with a line break lies between two values.
fn only_a_break(b: &[u8], between: Range<usize>) -> bool {
    let between = &b[between];
    between.contains(&b'\n') && between.iter().all(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n'))
}

fn ends_line(b: &[u8], at: usize) -> bool {
    let rest = b[at..].iter().find(|c| !matches!(c, b' ' | b'\t' | b'\r'));
    matches!(rest, None | Some(b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(n: usize) -> String {
        format!("[{}]", vec!["{\"a\": 1}"; n].join(", "))
    }

    fn found(text: &str) -> Vec<&str> {
        extents(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn json_is_found_among_lines() {
        let (long, short) = (json(30), json(3));
        assert_eq!(found(&format!("$ get [x]\n{long}\n</output>\n{short}\n")), [long.as_str()]);
        assert_eq!(found(&format!("Use {{these}}: {long}  \r\nand {long}.")), [long.as_str()]);
        assert_eq!(found(&long), [long.as_str()]);
        let lines = vec!["{\"level\":\"info\"}"; 20].join("\n");
        assert_eq!(found(&format!("log:\n{lines}\n")), [lines.as_str()]);
    }

    #[test]
    fn broken_json_yields_its_complete_parts() {
        let long = json(30);
        let text = format!("{{\"ok\": 1, \"items\": [\n{long}\n, {{\"x\": \"unterminated");
        assert_eq!(found(&text), [long.as_str()]);
    }

    #[test]
    fn hostile_texts_are_scanned_in_linear_time() {
        for text in [
            "[".repeat(1_000_000),
            "{\"".repeat(500_000),
            "[1,".repeat(300_000),
            "[{},".repeat(250_000),
            "[\"[".repeat(300_000),
        ] {
            assert!(extents(&text).is_empty());
        }
    }
}
