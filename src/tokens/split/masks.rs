//! The classes of 64 bytes at once, as one bit per byte.
//!
//! Finding the ends of pieces byte by byte costs a mispredicted branch or two per piece, which is
//! most of the time of a count; with masks, the borders of a whole window come out of a few dozen
//! operations on words.

/// Bytes per window.
pub(in super::super) const WINDOW: usize = 64;
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
        let [letter, lower_or_slash, number, blank, control, newline, apostrophe, high] = planes(window);
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

/// One word per bit of the codes. Loops over arrays of fixed length, without a branch: compilers make
/// vector instructions of them.
#[inline(always)]
fn planes(window: &[u8; WINDOW_LOAD]) -> [u64; 8] {
    let mut codes = [0u8; WINDOW];
    for (code, &byte) in codes.iter_mut().zip(window) {
        let of = |is: bool, bit: u8| if is { bit } else { 0 };
        let within = |byte: u8, first: u8, len: u8| byte.wrapping_sub(first) < len;
        *code = of(within(byte | 0x20, b'a', 26), LETTER)
            | of(within(byte, b'a', 26) | (byte == b'/'), LOWER_OR_SLASH)
            | of(within(byte, b'0', 10), NUMBER)
            | of(byte == b' ', BLANK)
            | of(within(byte, b'\t', 5), CONTROL)
            | of((byte == b'\n') | (byte == b'\r'), NEWLINE)
            | of(byte == b'\'', APOSTROPHE)
            | byte & HIGH;
    }
    let mut words = [0u64; 8];
    for (word, bytes) in words.iter_mut().zip(codes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    // Turn each word's 8 by 8 bits, so that its byte k has bit k of all its codes...
    for word in &mut words {
        for (shift, mask) in
            [(7, 0x00AA_00AA_00AA_00AA), (14, 0x0000_CCCC_0000_CCCC), (28, 0x0000_0000_F0F0_F0F0)]
        {
            let moved = (*word ^ (*word >> shift)) & mask;
            *word ^= moved ^ (moved << shift);
        }
    }
    // ...and then the 8 by 8 bytes, so that word k has byte k of all words.
    for (distance, mask) in
        [(4, 0x0000_0000_FFFF_FFFF), (2, 0x0000_FFFF_0000_FFFF), (1, 0x00FF_00FF_00FF_00FFu64)]
    {
        let shift = 8 * distance;
        for low in 0..8usize {
            if low & distance == 0 {
                let moved = ((words[low] >> shift) ^ words[low + distance]) & mask;
                words[low + distance] ^= moved;
                words[low] ^= moved << shift;
            }
        }
    }
    words
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
