//! Terminal noise: colour codes and lines that were overwritten on the screen.
//!
//! A carriage return without a newline ends a line here: each state of a progress bar is a line of its
//! own and can be left out like any other. Escape sequences are not lines; they are taken out of the
//! lines that stay, and one mark for the block says how many. Cost: linear.

use std::borrow::Cow;
use std::ops::Range;

const ESCAPE: u8 = 0x1b;
/// A sequence that does not end within this many bytes is text.
const MAX_SEQUENCE: usize = 256;

/// Splits `text` into lines that end in `\n`, `\r\n` or a lone `\r`. The ranges cover the text.
pub(super) fn lines(text: &str) -> Vec<Range<usize>> {
    let b = text.as_bytes();
    let mut out = Vec::with_capacity(b.len() / 40 + 1);
    let mut start = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', b) {
        if b[at] == b'\r' && (b.get(at + 1) == Some(&b'\n') || at + 1 == b.len()) {
            continue;
        }
        out.push(start..at + 1);
        start = at + 1;
    }
    if start < b.len() {
        out.push(start..b.len());
    }
    out
}

/// The escape sequences of `text`, in order; neighbours are one.
pub(super) fn codes(text: &str) -> Vec<Range<usize>> {
    let b = text.as_bytes();
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut done = 0;
    for at in memchr::memchr_iter(ESCAPE, b) {
        if at < done {
            continue;
        }
        let Some(end) = sequence_end(b, at) else { continue };
        done = end;
        match out.last_mut() {
            Some(last) if last.end == at => last.end = end,
            _ => out.push(at..end),
        }
    }
    out
}

/// The end of the sequence that starts at `at`: `ESC [ … letter`, `ESC ] … BEL`, `ESC ( B`.
fn sequence_end(b: &[u8], at: usize) -> Option<usize> {
    let body = at + 2;
    let window = b.get(body..b.len().min(body + MAX_SEQUENCE)).unwrap_or_default();
    match b.get(at + 1)? {
        b'[' => {
            let n = window.iter().position(|c| !(0x20..=0x3f).contains(c))?;
            (0x40..=0x7e).contains(&window[n]).then_some(body + n + 1)
        }
        b']' => {
            let n = window.iter().position(|c| *c < 0x20)?;
            match window[n] {
                0x07 => Some(body + n + 1),
                ESCAPE if window.get(n + 1) == Some(&b'\\') => Some(body + n + 2),
                _ => None,
            }
        }
        b'(' | b')' => window.first().filter(|c| c.is_ascii_alphanumeric()).map(|_| body + 1),
        b'=' | b'>' | b'7' | b'8' | b'M' | b'c' => Some(body),
        _ => None,
    }
}

/// `text` without `codes`, and where its `lines` are then (a line of codes alone is empty).
pub(super) fn without<'t>(
    text: &'t str,
    lines: &[Range<usize>],
    codes: &[Range<usize>],
) -> (Cow<'t, str>, Vec<Range<usize>>) {
    if codes.is_empty() {
        return (Cow::Borrowed(text), lines.to_vec());
    }
    let mut out = String::with_capacity(text.len());
    let mut ranges = Vec::with_capacity(lines.len());
    let mut codes = codes.iter().peekable();
    for line in lines {
        let start = out.len();
        let mut done = line.start;
        // A sequence holds no end of a line, so it never spans lines.
        while let Some(code) = codes.next_if(|c| c.start < line.end) {
            out.push_str(&text[done..code.start]);
            done = code.end;
        }
        out.push_str(&text[done..line.end]);
        ranges.push(start..out.len());
    }
    (Cow::Owned(out), ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overwritten_states_are_lines() {
        let text = "a\r\nb 1%\rb 2%\rb 3%\nc\r";
        let parts: Vec<&str> = lines(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(parts, ["a\r\n", "b 1%\r", "b 2%\r", "b 3%\n", "c\r"]);
    }

    #[test]
    fn colours_titles_and_charsets_are_codes() {
        let text = "\x1b[1;31mERROR\x1b[0m\x1b[K x \x1b]0;title\x07y\x1b(B \x1b[31 \x1b";
        let found = codes(text);
        assert_eq!(without(text, &lines(text), &found).0, "ERROR x y \x1b[31 \x1b");
        assert_eq!(found.len(), 4);
    }

    proptest::proptest! {
        #[test]
        fn lines_cover_and_stay_as_many(text in "[a\\n\\r\\x1b\\[\\]0-9mé;\\x07]{0,60}") {
            let ranges = lines(&text);
            let joined: String = ranges.iter().map(|r| &text[r.clone()]).collect();
            proptest::prop_assert_eq!(joined, text.clone());
            let (plain, parts) = without(&text, &ranges, &codes(&text));
            proptest::prop_assert_eq!(parts.len(), ranges.len());
            proptest::prop_assert_eq!(parts.iter().map(|r| &plain[r.clone()]).collect::<String>(), plain);
        }
    }
}
