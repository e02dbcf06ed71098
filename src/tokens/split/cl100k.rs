//! The pattern of cl100k_base.
//!
//! ```text
//! '(?i:[sdmt]|ll|ve|re)
//! [^\r\n\p{L}\p{N}]?+\p{L}++
//! \p{N}{1,3}+
//!  ?[^\s\p{L}\p{N}]++[\r\n]*+
//! \s++$
//! \s*[\r\n]
//! \s+(?!\S)
//! \s
//! ```

use super::super::classes::{HIGH, MARK, NEWLINE, NUMBER, OTHER, class_at, is_letter};
use super::{
    End, Pattern, Starts, WINDOW_LOAD, ascii_at, byte, contraction, letters, numbers, spaces, symbols, window,
};

/// See the module. Up to `DIGITS` numbers are a piece: 3, or 1 for estimates of models that count so.
pub(in super::super) struct Cl100k<const DIGITS: usize>;

impl<const DIGITS: usize> Pattern for Cl100k<DIGITS> {
    #[inline(always)]
    fn starts(window: &[u8; WINDOW_LOAD]) -> Starts {
        window::cl100k::<DIGITS>(window)
    }

    #[inline(always)]
    fn end(text: &[u8], start: usize) -> End {
        let (class, len) = match ascii_at(text, start) {
            HIGH => class_at(text, start),
            class => (class, 1),
        };
        if is_letter(class) {
            return End::at(letters(text, start + len));
        }
        match class {
            NUMBER => return numbers::<DIGITS>(text, start),
            NEWLINE => return End::at(white(text, start)),
            _ => {}
        }
        let short_form = contraction(text, start);
        if short_form > 0 {
            return End::at(start + short_form);
        }
        let next = start + len;
        let follows = match ascii_at(text, next) {
            HIGH => class_at(text, next).0,
            class => class,
        };
        if is_letter(follows) {
            End::at(letters(text, next))
        } else if matches!(class, OTHER | MARK)
            || (matches!(follows, OTHER | MARK) && byte(text, start) == b' ')
        {
            let mut at = symbols(text, next);
            while matches!(byte(text, at), b'\r' | b'\n') {
                at += 1;
            }
            End::at(at)
        } else {
            End::at(white(text, start))
        }
    }
}

/// `\s++$|\s*[\r\n]|\s+(?!\S)|\s`
#[inline(always)]
fn white(text: &[u8], start: usize) -> usize {
    let run = spaces(text, start);
    match run.newline {
        Some(newline) if run.end < text.len() => newline,
        _ => run.leave_last(text, start),
    }
}
