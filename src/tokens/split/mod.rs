//! Cutting text into pieces exactly as the patterns of the tokenizer of record do, without a regex.
//!
//! A token never crosses the border of a piece, so that pieces are counted one by one and their sums
//! are prefix sums. Every pattern is a function from the start of a piece to its end: it looks at
//! what it takes and at most at one run more, so that cutting is linear in the text for every input.
//! This file has what the patterns share; each of them is a file.

mod cl100k;
mod masks;
mod o200k;
mod r50k;
mod window;

use super::classes::{ASCII, HIGH, LOWER, MARK, NEWLINE, NUMBER, OTHER, SPACE, UPPER, class_at, is_letter};

pub(super) use cl100k::Cl100k;
pub(super) use masks::{WINDOW, WINDOW_LOAD};
pub(super) use o200k::O200k;
pub(super) use r50k::R50k;

/// Where a piece ends, and whether it is known to be a single token without looking it up.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// First byte behind the piece.
    pub(super) at: usize,
    /// True only if the piece is one token in the vocabularies of the pattern.
    pub(super) single: bool,
}

impl End {
    #[inline(always)]
    fn at(at: usize) -> Self {
        End { at, single: false }
    }
}

/// Pieces in a window, as bits from its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Starts {
    /// Where pieces start, without gaps up to the highest bit; none beyond it are known. 0 or 1 where
    /// nothing can be told from the window.
    pub(super) starts: u64,
    /// Bytes that a piece of one token starts with, if a piece starts there.
    pub(super) single: u64,
}

/// A pre-tokenizer.
pub(super) trait Pattern {
    /// The end of the piece that starts at `start`, a border of pieces before the end of `text`
    /// (UTF-8). Always behind `start` and at the border of a character.
    fn end(text: &[u8], start: usize) -> End;

    /// The pieces in a window whose first byte starts one.
    fn starts(window: &[u8; WINDOW_LOAD]) -> Starts;
}

#[inline(always)]
fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// Class of the byte at `at`; [`HIGH`] at the end of the text too.
#[inline(always)]
fn ascii_at(text: &[u8], at: usize) -> u8 {
    text.get(at).map_or(HIGH, |&byte| ASCII[byte as usize])
}

/// Length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` in any case at `at`, or 0. A long s (ſ)
/// counts as an s, as case folding has it; the other letters have no such relatives.
#[inline(always)]
fn contraction(text: &[u8], at: usize) -> usize {
    if byte(text, at) == b'\'' { contraction_tail(text, at) } else { 0 }
}

#[inline]
fn contraction_tail(text: &[u8], at: usize) -> usize {
    match (byte(text, at + 1) | 0x20, byte(text, at + 2) | 0x20) {
        (b's' | b'd' | b'm' | b't', _) => 2,
        (b'l', b'l') | (b'v', b'e') | (b'r', b'e') => 3,
        _ if byte(text, at + 1) == 0xC5 && byte(text, at + 2) == 0xBF => 3,
        _ => 0,
    }
}

/// End of a run of one to `MOST` numbers that starts at `at`; `MOST` is at most 3.
#[inline(always)]
fn numbers<const MOST: usize>(text: &[u8], at: usize) -> End {
    let mut end = at;
    while end < at + MOST && ascii_at(text, end) == NUMBER {
        end += 1;
    }
    if end == at + MOST || byte(text, end) < 0x80 {
        return End { at: end, single: true };
    }
    wide_numbers(text, at, MOST)
}

#[inline(never)]
fn wide_numbers(text: &[u8], at: usize, most: usize) -> End {
    let (mut end, mut ascii) = (at, true);
    for _ in 0..most {
        let (class, len) = class_at(text, end);
        if class != NUMBER {
            break;
        }
        ascii &= len == 1;
        end += len;
    }
    End { at: end, single: ascii }
}

/// End of the run of characters that are neither white space, letters nor numbers.
#[inline(always)]
fn symbols(text: &[u8], mut at: usize) -> usize {
    loop {
        match ascii_at(text, at) {
            OTHER => at += 1,
            HIGH => match class_at(text, at) {
                (OTHER | MARK, len) => at += len,
                _ => return at,
            },
            _ => return at,
        }
    }
}

/// End of the run of letters.
#[inline(always)]
fn letters(text: &[u8], mut at: usize) -> usize {
    loop {
        match ascii_at(text, at) {
            LOWER | UPPER => at += 1,
            HIGH => match class_at(text, at) {
                (class, len) if is_letter(class) => at += len,
                _ => return at,
            },
            _ => return at,
        }
    }
}

/// A run of white space.
struct Spaces {
    /// Behind its last character.
    end: usize,
    /// Start of its last character.
    last: usize,
    /// Behind its last line break, if it has one.
    newline: Option<usize>,
}

#[inline(always)]
fn spaces(text: &[u8], start: usize) -> Spaces {
    let mut run = Spaces { end: start, last: start, newline: None };
    loop {
        let (class, len) = match ascii_at(text, run.end) {
            HIGH => class_at(text, run.end),
            class => (class, 1),
        };
        match class {
            SPACE => {}
            NEWLINE => run.newline = Some(run.end + 1),
            _ => return run,
        }
        run.last = run.end;
        run.end += len;
    }
}

impl Spaces {
    /// `\s+(?!\S)|\s`: all of it at the end of the text, else all but the last character, which goes
    /// to what follows; a lone one stands alone.
    #[inline(always)]
    fn leave_last(&self, text: &[u8], start: usize) -> usize {
        if self.end == text.len() || self.last == start { self.end } else { self.last }
    }
}
