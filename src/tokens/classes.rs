//! What a character is to the patterns that cut text into pieces.
//!
//! The classes are those of the regexes of tiktoken-rs, taken from the tables of its own regex crate
//! when the library is built: a test compares every code point.

/// Everything else: punctuation, symbols, controls, unassigned.
pub(super) const OTHER: u8 = 0;
/// `\p{M}`
pub(super) const MARK: u8 = 1;
/// `[\p{Lu}\p{Lt}]`
pub(super) const UPPER: u8 = 2;
/// `\p{Ll}`
pub(super) const LOWER: u8 = 3;
/// `[\p{Lm}\p{Lo}]`
pub(super) const LETTER: u8 = 4;
/// `\p{N}`
pub(super) const NUMBER: u8 = 5;
/// `\s` except the next
pub(super) const SPACE: u8 = 6;
/// `[\r\n]`
pub(super) const NEWLINE: u8 = 7;
/// In [`ASCII`]: the first byte of a longer character. In [`class_at`]: the end of the text.
pub(super) const HIGH: u8 = 8;

static INDEX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.index"));
static BLOCKS: &[[u8; 128]] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.blocks")).as_chunks().0;

/// The classes of bytes; [`HIGH`] outside ASCII.
pub(super) static ASCII: [u8; 256] = {
    let mut classes = [HIGH; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'\r' | b'\n' => NEWLINE,
            b' ' | b'\t' | 0x0B | 0x0C => SPACE,
            b'0'..=b'9' => NUMBER,
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
};

/// Whether `class` is `\p{L}`.
#[inline(always)]
pub(super) fn is_letter(class: u8) -> bool {
    matches!(class, UPPER | LOWER | LETTER)
}

/// Class and length in bytes of the character at `at`; `(HIGH, 0)` at the end of the text.
#[inline(always)]
pub(super) fn class_at(text: &[u8], at: usize) -> (u8, usize) {
    match text.get(at) {
        None => (HIGH, 0),
        Some(&byte) if byte < 0x80 => (ASCII[byte as usize], 1),
        Some(&byte) => wide_class_at(text, at, byte),
    }
}

/// `text` is UTF-8; were it cut within a character, the missing bytes would count as 0.
#[inline]
fn wide_class_at(text: &[u8], at: usize, first: u8) -> (u8, usize) {
    let next = |n: usize| (text.get(at + n).copied().unwrap_or(0) & 0x3F) as usize;
    let (code, len) = match first {
        ..0xE0 => ((first as usize & 0x1F) << 6 | next(1), 2),
        0xE0..0xF0 => ((first as usize & 0x0F) << 12 | next(1) << 6 | next(2), 3),
        0xF0.. => ((first as usize & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3), 4),
    };
    let class = INDEX
        .get(code >> 7)
        .and_then(|&block| BLOCKS.get(block as usize))
        .map_or(OTHER, |block| block[code & 127]);
    (class, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_agrees_with_the_general_table() {
        for byte in 0..128u8 {
            assert_eq!(wide_class(byte as char), ASCII[byte as usize], "{byte:#x}");
        }
    }

    fn wide_class(c: char) -> u8 {
        BLOCKS[INDEX[c as usize >> 7] as usize][c as usize & 127]
    }

    #[test]
    fn characters_of_every_length_are_decoded() {
        for (c, class) in [
            ('é', LOWER),
            ('Ж', UPPER),
            ('漢', LETTER),
            ('𝔄', UPPER),
            ('😀', OTHER),
            ('\u{301}', MARK),
            ('٣', NUMBER),
            ('\u{3000}', SPACE),
        ] {
            let text = format!("{c}x");
            assert_eq!(class_at(text.as_bytes(), 0), (class, c.len_utf8()), "{c}");
        }
        assert_eq!(class_at(b"", 0), (HIGH, 0));
    }
}
