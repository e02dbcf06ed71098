//! The classes of 64 bytes at once, as one bit per byte.
//!
//! Going through text byte by byte costs a mispredicted branch or two per word, which is most of the time
//! of a scan; with planes, the borders of all words in a window come out of a few dozen operations on
//! whole words. Loops over arrays of fixed length, without a branch: compilers make vector instructions
//! of them, but for the last step, from bytes to bits, which is asked for by its name.

use std::ops::Range;

use wide::u8x16;

/// Bytes per window.
pub(crate) const WINDOW: usize = 64;

/// Bit `k` of the code of each of the first 64 bytes, in word `k`; the first byte is the lowest bit. What is
/// not used of the words costs nothing.
#[inline(always)]
pub(crate) fn planes<const N: usize>(window: &[u8; N], code: impl Fn(u8) -> u8) -> [u64; 8] {
    let mut codes = [0u8; WINDOW];
    for (to, &byte) in codes.iter_mut().zip(window) {
        *to = code(byte);
    }
    let mut quarters = quarters(&codes);
    let mut words = [0; 8];
    for word in words.iter_mut().rev() {
        *word = highest(&quarters);
        quarters = quarters.map(|bytes| bytes + bytes);
    }
    words
}

/// `bit` where `is` holds, for codes.
#[inline(always)]
pub(crate) fn of(is: bool, bit: u8) -> u8 {
    if is { bit } else { 0 }
}

/// Whether a byte is one of the `len` from `first` on: one comparison.
#[inline(always)]
pub(crate) fn within(byte: u8, first: u8, len: u8) -> bool {
    byte.wrapping_sub(first) < len
}

/// The window at `at`, which lies in `bytes`; what is behind their end is 0.
#[inline(always)]
pub(crate) fn window(bytes: &[u8], at: usize) -> [u8; WINDOW] {
    match bytes[at..].first_chunk() {
        Some(window) => *window,
        None => padded(&bytes[at..]),
    }
}

/// The last bytes of a text, fewer than a window, and zeros. Two copies of a known length, which may overlap, take
/// less than one of any length.
#[inline(always)]
fn padded(rest: &[u8]) -> [u8; WINDOW] {
    #[inline(always)]
    fn ends<const N: usize>(window: &mut [u8; WINDOW], rest: &[u8]) -> bool {
        let (Some(first), Some(last)) = (rest.first_chunk::<N>(), rest.last_chunk::<N>()) else {
            return false;
        };
        let from = rest.len() - N;
        window[..N].copy_from_slice(first);
        window[from..from + N].copy_from_slice(last);
        true
    }
    let mut window = [0; WINDOW];
    if !(ends::<32>(&mut window, rest) || ends::<16>(&mut window, rest) || ends::<8>(&mut window, rest)) {
        for (to, from) in window.iter_mut().zip(rest) {
            *to = *from;
        }
    }
    window
}

/// A bit for each byte of a window that is an ASCII letter or digit, and for each that is not ASCII. Two
/// classes take fewer operations than eight: see [`planes`].
#[inline(always)]
pub(crate) fn words(window: &[u8; WINDOW]) -> (u64, u64) {
    let letters = |byte: u8| within(byte | 0x20, b'a', 26) | within(byte, b'0', 10);
    (mask(window, letters), mask(window, |byte| byte >= 0x80))
}

/// A bit for each byte of a window of which `is` holds.
#[inline(always)]
pub(crate) fn mask(window: &[u8; WINDOW], is: impl Fn(u8) -> bool) -> u64 {
    let mut all = [0u8; WINDOW];
    for (to, &byte) in all.iter_mut().zip(window) {
        *to = if is(byte) { u8::MAX } else { 0 };
    }
    highest(&quarters(&all))
}

/// The first byte from `from` on of which `is` holds.
#[inline(always)]
pub(crate) fn find(bytes: &[u8], from: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    // In some texts every character is one.
    if bytes.get(from).copied().is_some_and(&is) {
        return Some(from);
    }
    let mut at = from;
    while at < bytes.len() {
        let found = mask(&window(bytes, at), &is);
        if found != 0 {
            // What is behind the end is none of the bytes.
            return Some(at + found.trailing_zeros() as usize).filter(|found| *found < bytes.len());
        }
        at += WINDOW;
    }
    None
}

/// Where the bytes of `range` stand of which `is` holds, in order: each window is looked at once, however
/// many it has of them.
#[inline(always)]
pub(crate) fn positions<F: Fn(u8) -> bool>(bytes: &[u8], range: Range<usize>, is: F) -> Positions<'_, F> {
    Positions { bytes, start: 0, rest: range, found: 0, is }
}

/// See [`positions`].
pub(crate) struct Positions<'b, F> {
    bytes: &'b [u8],
    /// Where the window begins, and what was found in it and not given out.
    start: usize,
    found: u64,
    /// What lies behind the window.
    rest: Range<usize>,
    is: F,
}

impl<F: Fn(u8) -> bool> Iterator for Positions<'_, F> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.found == 0 {
            self.look();
        }
        let at = self.start + self.found.trailing_zeros() as usize;
        let is_found = self.found != 0;
        self.found &= self.found.wrapping_sub(1);
        is_found.then_some(at)
    }
}

impl<F: Fn(u8) -> bool> Positions<'_, F> {
    /// Goes to the next window that has any.
    #[inline(never)]
    fn look(&mut self) {
        while self.found == 0 && !self.rest.is_empty() {
            self.start = self.rest.start;
            self.found = mask(&window(self.bytes, self.start), &self.is);
            if self.rest.len() < WINDOW {
                // What is behind the end is none of the bytes.
                self.found &= (1 << self.rest.len()) - 1;
            }
            self.rest.start += WINDOW;
        }
    }
}

/// The bytes of a window, to work on 16 of them at once.
#[inline(always)]
fn quarters(bytes: &[u8; WINDOW]) -> [u8x16; 4] {
    let mut quarters = [u8x16::default(); 4];
    for (to, quarter) in quarters.iter_mut().zip(bytes.as_chunks().0) {
        *to = u8x16::new(*quarter);
    }
    quarters
}

/// The highest bit of each byte.
#[inline(always)]
fn highest(quarters: &[u8x16; 4]) -> u64 {
    let [a, b, c, d] = quarters.map(|bytes| u64::from(bytes.to_bitmask()));
    a | b << 16 | c << 32 | d << 48
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_place_has_its_bit() {
        for shift in 0..=255u8 {
            let window: [u8; WINDOW] =
                std::array::from_fn(|i| (i as u8).wrapping_mul(37).wrapping_add(shift));
            let planes = planes(&window, |byte| byte);
            let (words, wide) = words(&window);
            for (i, byte) in window.iter().enumerate() {
                for (k, plane) in planes.iter().enumerate() {
                    assert_eq!(plane >> i & 1, u64::from(byte >> k & 1), "{byte:#x}");
                }
                assert_eq!(words >> i & 1 == 1, byte.is_ascii_alphanumeric(), "{byte:#x}");
                assert_eq!(wide >> i & 1 == 1, !byte.is_ascii(), "{byte:#x}");
            }
        }
    }

    #[test]
    fn the_first_byte_is_found() {
        for len in 0..200 {
            let mut bytes = vec![b'.'; len];
            assert_eq!(find(&bytes, 0, |byte| byte == 0 || byte == b'x'), None);
            for at in (0..len).rev() {
                bytes[at] = b'x';
                assert_eq!(find(&bytes, at / 2, |byte| byte == b'x'), Some(at));
            }
        }
    }

    #[test]
    fn all_of_a_range_are_found() {
        let bytes: Vec<u8> = (0..300_u32).map(|i| (i * i % 7) as u8).collect();
        for from in 0..130 {
            for end in (from..=bytes.len()).step_by(3) {
                let expected: Vec<usize> = (from..end).filter(|i| bytes[*i] == 0 || bytes[*i] == 4).collect();
                let is = |byte| byte == 0 || byte == 4;
                assert_eq!(positions(&bytes, from..end, is).collect::<Vec<_>>(), expected, "{from}..{end}");
            }
        }
        assert_eq!(positions(&bytes, 9..9, |_| true).next(), None);
    }

    #[test]
    fn windows_end_with_their_text() {
        let bytes: Vec<u8> = (1..=200).collect();
        for at in 0..=bytes.len() {
            let window = window(&bytes, at);
            let len = WINDOW.min(bytes.len() - at);
            assert_eq!(window[..len], bytes[at..at + len]);
            assert!(window[len..].iter().all(|byte| *byte == 0));
        }
    }
}
