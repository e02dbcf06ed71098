//! Scalars as text: when a string may stand without quotes, and how it is quoted otherwise.
//!
//! A bare string is the data itself, nothing in it is escaped. It may stand only where the reader
//! cannot take it for something else; the rules here are the writer's and the reader's alike.

use std::borrow::Cow;

use super::tape::{self, WORDS};

/// Where a bare string stands: what would end it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A cell of a row that is a line of its own: ends at `,` or the end of the line.
    Line,
    /// Inside brackets: ends at `,` `;` `]` `}` or the end of the line.
    Inside,
    /// In an object whose members stand apart by spaces: as inside, and at a space.
    Spaced,
    /// In a table's header: as inside, and no bracket at all.
    Header,
}

/// Whether `b` ends a bare string in `place`.
pub const fn ends_bare(place: Place, b: u8) -> bool {
    match b {
        b',' | b'\n' => true,
        b';' | b']' | b'}' => !matches!(place, Place::Line),
        b')' => matches!(place, Place::Header),
        b' ' => matches!(place, Place::Spaced),
        _ => false,
    }
}

/// For each byte, where it may not stand in a bare text: a bit for each [`Place`], and one for keys.
static BARRED: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        let everywhere = byte < b' ' || byte == 0x7f;
        let places = [Place::Line, Place::Inside, Place::Spaced, Place::Header];
        let mut i = 0;
        while i < places.len() {
            let bracket = matches!(places[i], Place::Header) && matches!(byte, b'[' | b'{' | b'(' | b'"');
            if everywhere || bracket || ends_bare(places[i], byte) {
                table[b] |= 1 << places[i] as u8;
            }
            i += 1;
        }
        let of_keys =
            matches!(byte, b':' | b',' | b';' | b'=' | b'[' | b']' | b'{' | b'}' | b'(' | b')' | b'"' | b'?');
        if everywhere || of_keys {
            table[b] |= IN_KEYS;
        }
        b += 1;
    }
    table
};
const IN_KEYS: u8 = 1 << 7;

/// Whether no byte of `b` is barred by `mask`.
fn is_free(b: &[u8], mask: u8) -> bool {
    b.iter().all(|&c| BARRED[usize::from(c)] & mask == 0)
}

/// Cells that start with one of these say something other than a bare string.
const SPECIAL_START: &[u8] = b"\"[{=~!*&@";
/// A cell that says that the record has no such member.
pub const ABSENT: &str = "-";

/// Whether a string may stand without quotes. `typed`: the column holds strings only, so that
/// numbers and words are no other reading.
pub fn is_bare(s: &str, place: Place, typed: bool) -> bool {
    let b = s.as_bytes();
    let (Some(&first), Some(&last)) = (b.first(), b.last()) else { return false };
    if SPECIAL_START.contains(&first) || s.starts_with('…') || s == ABSENT || first == b' ' || last == b' '
    {
        return false;
    }
    is_free(b, 1 << place as u8)
        && (typed || !is_other_value(s))
        && !s.ends_with(char::is_whitespace)
        && !s.starts_with(char::is_whitespace)
}

/// Whether a bare text reads as a number or a word.
pub fn is_other_value(s: &str) -> bool {
    match s.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => tape::number(s.as_bytes(), 0) == Some(s.len()) || WORDS.contains(&s),
        _ => WORDS.contains(&s),
    }
}

/// Whether a key may stand without quotes, in objects and headers alike.
pub fn is_bare_key(s: &str) -> bool {
    let b = s.as_bytes();
    let (Some(first), Some(last)) = (b.first(), b.last()) else { return false };
    *first != b' '
        && *last != b' '
        && !SPECIAL_START.contains(first)
        && is_free(b, IN_KEYS)
        && !s.starts_with(char::is_whitespace)
        && !s.ends_with(char::is_whitespace)
}

/// Writes a key.
pub fn write_key(out: &mut String, inner: &str) {
    match decode(inner) {
        Some(key) if is_bare_key(&key) => out.push_str(&key),
        Some(key) => quote(out, &key),
        None => quote_raw(out, inner),
    }
}

/// Writes a string whose inner bytes (escapes as in the source) are `inner`, bare if that is unambiguous.
pub fn write_string(out: &mut String, inner: &str, place: Place, typed: bool) {
    match decode(inner) {
        Some(s) if is_bare(&s, place, typed) => out.push_str(&s),
        Some(s) => quote(out, &s),
        None => quote_raw(out, inner),
    }
}

/// Writes a string in quotes, with no more escapes than JSON asks for.
pub fn write_quoted(out: &mut String, inner: &str) {
    match decode(inner) {
        Some(s) => quote(out, &s),
        None => quote_raw(out, inner),
    }
}

fn quote_raw(out: &mut String, inner: &str) {
    out.push('"');
    out.push_str(inner);
    out.push('"');
}

/// Writes data as a JSON string.
pub fn quote(out: &mut String, s: &str) {
    out.push('"');
    escape(out, s);
    out.push('"');
}

/// Writes data as the inside of a JSON string.
pub fn escape(out: &mut String, s: &str) {
    let mut done = 0;
    for (i, c) in s.bytes().enumerate() {
        let short = match c {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f | 0x7f => "",
            _ => continue,
        };
        out.push_str(&s[done..i]);
        if short.is_empty() {
            use std::fmt::Write;
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{c:04x}");
        } else {
            out.push_str(short);
        }
        done = i + 1;
    }
    out.push_str(&s[done..]);
}

/// The data of a JSON string's inner bytes; `None` if it holds a lone surrogate, which no text can hold.
pub fn decode(inner: &str) -> Option<Cow<'_, str>> {
    let Some(first) = memchr::memchr(b'\\', inner.as_bytes()) else { return Some(Cow::Borrowed(inner)) };
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    let mut at = Some(first);
    while let Some(i) = at {
        out.push_str(&rest[..i]);
        let b = rest.as_bytes();
        let mut used = 2;
        match b.get(i + 1)? {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => {
                let unit = |from: usize| u16::from_str_radix(rest.get(from..from + 4)?, 16).ok();
                let high = unit(i + 2)?;
                used = 6;
                let c = match high {
                    0xd800..=0xdbff if b.get(i + 6..i + 8) == Some(b"\\u") => {
                        used = 12;
                        char::decode_utf16([high, unit(i + 8)?]).next()?.ok()?
                    }
                    _ => char::from_u32(u32::from(high))?,
                };
                out.push(c);
            }
            c => out.push(char::from(*c)),
        }
        rest = &rest[i + used..];
        at = memchr::memchr(b'\\', rest.as_bytes());
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// For offsets into the data of a string (in order, at characters' starts), the offsets into its inner
/// bytes, escapes as in the source. `inner` is one that [`decode`] reads.
pub fn source_offsets(inner: &str, offsets: &[usize]) -> Vec<usize> {
    let b = inner.as_bytes();
    let mut out = Vec::with_capacity(offsets.len());
    // Bytes read of the source, and bytes of data that they make.
    let (mut at, mut data) = (0, 0);
    for &wanted in offsets {
        while data < wanted && at < b.len() {
            if b[at] != b'\\' {
                let end = memchr::memchr(b'\\', &b[at..]).map_or(b.len(), |n| at + n);
                let step = (end - at).min(wanted - data);
                (at, data) = (at + step, data + step);
                continue;
            }
            let unit =
                |from: usize| u32::from_str_radix(inner.get(from..from + 4).unwrap_or(""), 16).unwrap_or(0);
            let (used, bytes) = match b.get(at + 1) {
                Some(b'u') => match unit(at + 2) {
                    0xd800..=0xdbff => (12, 4),
                    code => (6, char::from_u32(code).map_or(3, char::len_utf8)),
                },
                _ => (2, 1),
            };
            (at, data) = (at + used, data + bytes);
        }
        out.push(at.min(b.len()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_strings_are_those_with_one_reading() {
        for s in ["a b", "2012-05-26", "007", "a;b]", "https://x/y?a=b", "it's", "1.2.3", "a\"b", "C:\\x"] {
            assert!(is_bare(s, Place::Line, false), "{s}");
        }
        for s in [
            "", " a", "a ", "1", "-1.5e3", "true", "null", "NaN", "-", "a,b", "a\nb", "\"a", "[a", "{a",
            "=a", "*a",
        ] {
            assert!(!is_bare(s, Place::Line, false), "{s}");
        }
        assert!(is_bare("12", Place::Line, true) && is_bare("true", Place::Line, true));
        assert!(!is_bare("a;b", Place::Inside, false) && !is_bare("a(b", Place::Header, false));
        assert!(!is_bare("\u{a0}a", Place::Line, false) && !is_bare("a\u{7f}", Place::Line, false));
    }

    #[test]
    fn offsets_into_data_are_found_in_the_source() {
        let inner = "aé\\n\\u00e9b\\ud83d\\ude00 \\\"c";
        let data = decode(inner).unwrap_or_default();
        assert_eq!(data, "aé\né\u{62}😀 \"c");
        let offsets: Vec<usize> = data.char_indices().map(|(at, _)| at).chain([data.len()]).collect();
        let found = source_offsets(inner, &offsets);
        let parts: Vec<&str> = found.windows(2).map(|w| &inner[w[0]..w[1]]).collect();
        assert_eq!(parts, ["a", "é", "\\n", "\\u00e9", "b", "\\ud83d\\ude00", " ", "\\\"", "c"]);
    }

    #[test]
    fn escapes_are_decoded_and_written_back() {
        assert_eq!(decode("a\\u00e9\\n\\/\\ud83d\\ude00").as_deref(), Some("aé\n/😀"));
        assert_eq!(decode("\\ud83d"), None);
        assert_eq!(decode("\\ud83d\\u0041"), None);
        let mut out = String::new();
        quote(&mut out, "a\"\\\n\u{1}é");
        assert_eq!(out, "\"a\\\"\\\\\\n\\u0001é\"");
        out.clear();
        write_string(&mut out, "\\ud83d", Place::Line, false);
        assert_eq!(out, "\"\\ud83d\"");
    }
}
