//! The classes of the bytes of a window, as one bit per byte (see [`crate::planes`]).

pub(in super::super) use crate::planes::WINDOW;
use crate::planes::{of, planes, within};

/// Bytes to read from: a window and what a look-up of its last piece may load.
pub(in super::super) const WINDOW_LOAD: usize = WINDOW + 16;

/// For each class, a bit per byte of the window; the first byte is the lowest bit. Every byte is in
/// one of `letter`, `number`, `space`, `newline`, `other` and `high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) letter: u64,
    /// Among `letter`.
    pub(super) upper: u64,
    pub(super) number: u64,
    /// White space that is no line break.
    pub(super) space: u64,
    /// U+0020, among `space`.
    pub(super) blank: u64,
    pub(super) newline: u64,
    pub(super) other: u64,
    /// Among `other`.
    pub(super) apostrophe: u64,
    /// Among `other`.
    pub(super) slash: u64,
    /// Outside ASCII.
    pub(super) high: u64,
}

/// Bits of the code of a byte, in the order of the planes.
const LETTER: u8 = 1;
/// A lower-case letter, or a slash.
const LOWER_OR_SLASH: u8 = 2;
const NUMBER: u8 = 4;
const BLANK: u8 = 8;
/// U+0009 to U+000D.
const CONTROL: u8 = 16;
const NEWLINE: u8 = 32;
const APOSTROPHE: u8 = 64;
/// Where a byte has it itself.
const HIGH: u8 = 128;

impl Masks {
    #[inline(always)]
    pub(super) fn of(window: &[u8; WINDOW_LOAD]) -> Self {
        let [letter, lower_or_slash, number, blank, control, newline, apostrophe, high] =
            planes(window, code);
        let space = blank | (control & !newline);
        Masks {
            letter,
            upper: letter & !lower_or_slash,
            number,
            space,
            blank,
            newline,
            other: !(letter | number | space | newline | high),
            apostrophe,
            slash: lower_or_slash & !letter,
            high,
        }
    }
}

/// The code of a byte.
#[inline(always)]
fn code(byte: u8) -> u8 {
    of(within(byte | 0x20, b'a', 26), LETTER)
        | of(within(byte, b'a', 26) | (byte == b'/'), LOWER_OR_SLASH)
        | of(within(byte, b'0', 10), NUMBER)
        | of(byte == b' ', BLANK)
        | of(within(byte, b'\t', 5), CONTROL)
        | of((byte == b'\n') | (byte == b'\r'), NEWLINE)
        | of(byte == b'\'', APOSTROPHE)
        | byte & HIGH
}

#[cfg(test)]
mod tests {
    use super::super::super::classes::{self, ASCII};
    use super::*;

    #[test]
    fn every_byte_in_every_place_has_its_class() {
        for shift in 0..=255u8 {
            let window: [u8; WINDOW_LOAD] =
                std::array::from_fn(|i| (i as u8).wrapping_mul(3).wrapping_add(shift));
            let masks = Masks::of(&window);
            for (i, &byte) in window.iter().take(WINDOW).enumerate() {
                let bit = |mask: u64| mask >> i & 1 == 1;
                let class = ASCII[byte as usize];
                assert_eq!(bit(masks.letter), matches!(class, classes::LOWER | classes::UPPER), "{byte:#x}");
                assert_eq!(bit(masks.upper), class == classes::UPPER, "{byte:#x}");
                assert_eq!(bit(masks.number), class == classes::NUMBER, "{byte:#x}");
                assert_eq!(bit(masks.space), class == classes::SPACE, "{byte:#x}");
                assert_eq!(bit(masks.blank), byte == b' ', "{byte:#x}");
                assert_eq!(bit(masks.newline), class == classes::NEWLINE, "{byte:#x}");
                assert_eq!(bit(masks.other), class == classes::OTHER, "{byte:#x}");
                assert_eq!(bit(masks.apostrophe), byte == b'\'', "{byte:#x}");
                assert_eq!(bit(masks.slash), byte == b'/', "{byte:#x}");
                assert_eq!(bit(masks.high), class == classes::HIGH, "{byte:#x}");
            }
        }
    }
}
