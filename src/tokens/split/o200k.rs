//! The pattern of o200k_base and o200k_harmony.
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! \p{N}{1,3}
//!  ?[^\s\p{L}\p{N}]+[\r\n/]*
//! \s*[\r\n]+
//! \s+(?!\S)
//! \s+
//! ```

use super::super::classes::{
    HIGH, LETTER, LOWER, MARK, NEWLINE, NUMBER, OTHER, SPACE, UPPER, class_at, is_letter,
};
use super::{
    End, Pattern, Starts, WINDOW_LOAD, ascii_at, byte, contraction, numbers, spaces, symbols, window,
};

/// See the module. Up to `DIGITS` numbers are a piece: 3, or 1 for estimates of models that count so.
pub(in super::super) struct O200k<const DIGITS: usize>;

impl<const DIGITS: usize> Pattern for O200k<DIGITS> {
    #[inline(always)]
    fn starts(window: &[u8; WINDOW_LOAD]) -> Starts {
        window::o200k::<DIGITS>(window)
    }

    #[inline(always)]
    fn end(text: &[u8], start: usize) -> End {
        let (class, len) = match ascii_at(text, start) {
            HIGH => class_at(text, start),
            class => (class, 1),
        };
        match class {
            // A mark that starts a piece is both prefix and letter to the pattern; as a letter it
            // gives the same piece.
            LOWER | UPPER | LETTER | MARK => End::at(word(text, start)),
            NUMBER => numbers::<DIGITS>(text, start),
            NEWLINE => End::at(white(text, start)),
            class => {
                // One character that is neither letter, number nor line break goes to the word behind it.
                let next = start + len;
                let follows = match ascii_at(text, next) {
                    HIGH => class_at(text, next).0,
                    class => class,
                };
                if is_letter(follows) || follows == MARK {
                    End::at(word(text, next))
                } else if class == OTHER || (follows == OTHER && byte(text, start) == b' ') {
                    End::at(line_breaks(text, symbols(text, next)))
                } else {
                    End::at(white(text, start))
                }
            }
        }
    }
}

/// `[\r\n/]*`
#[inline(always)]
fn line_breaks(text: &[u8], mut at: usize) -> usize {
    while matches!(byte(text, at), b'\r' | b'\n' | b'/') {
        at += 1;
    }
    at
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+`
#[inline(always)]
fn white(text: &[u8], start: usize) -> usize {
    debug_assert!(matches!(class_at(text, start).0, SPACE | NEWLINE));
    let run = spaces(text, start);
    run.newline.unwrap_or_else(|| run.leave_last(text, start))
}

/// End of the word whose letters or marks start at `start`.
#[inline(always)]
fn word(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while ascii_at(text, at) == UPPER {
        at += 1;
    }
    while ascii_at(text, at) == LOWER {
        at += 1;
    }
    if byte(text, at) >= 0x80 {
        at = wide_word(text, start);
    }
    at + contraction(text, at)
}

/// The two alternatives for words are `U*L+` and, failing that, `U+L*`, where other letters and marks
/// are in both U and L. So a word takes all of U and then of L; but where no lower-case letter stands
/// behind U, the first alternative gives back upper-case letters until it ends with an L.
#[inline(never)]
fn wide_word(text: &[u8], start: usize) -> usize {
    let (mut at, mut after_both) = (start, None);
    loop {
        match class_at(text, at) {
            (UPPER, len) => at += len,
            (LETTER | MARK, len) => {
                at += len;
                after_both = Some(at);
            }
            (LOWER, _) => break,
            _ => return after_both.unwrap_or(at),
        }
    }
    loop {
        match class_at(text, at) {
            (LOWER | LETTER | MARK, len) => at += len,
            _ => return at,
        }
    }
}
