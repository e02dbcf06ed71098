//! The pattern of r50k_base, p50k_base, p50k_edit and gpt2.
//!
//! ```text
//! '(?:[sdmt]|ll|ve|re)
//!  ?\p{L}++
//!  ?\p{N}++
//!  ?[^\s\p{L}\p{N}]++
//! \s++$
//! \s+(?!\S)
//! \s
//! ```

use super::super::classes::{HIGH, MARK, NEWLINE, NUMBER, OTHER, SPACE, class_at, is_letter};
use super::{End, Pattern, Starts, WINDOW_LOAD, ascii_at, byte, letters, spaces, symbols};

/// See the module.
pub(in super::super) struct R50k;

impl Pattern for R50k {
    /// Models of this age are not worth a second set of rules.
    #[inline(always)]
    fn starts(_window: &[u8; WINDOW_LOAD]) -> Starts {
        Starts { starts: 0, single: 0 }
    }

    #[inline(always)]
    fn end(text: &[u8], start: usize) -> End {
        match (byte(text, start), byte(text, start + 1), byte(text, start + 2)) {
            (b'\'', b's' | b'd' | b'm' | b't', _) => return End::at(start + 2),
            (b'\'', b'l', b'l') | (b'\'', b'v' | b'r', b'e') => return End::at(start + 3),
            _ => {}
        }
        let body = if byte(text, start) == b' ' { start + 1 } else { start };
        let class = match ascii_at(text, body) {
            HIGH => class_at(text, body).0,
            class => class,
        };
        End::at(match class {
            class if is_letter(class) => letters(text, body),
            NUMBER => numbers(text, body),
            OTHER | MARK => symbols(text, body),
            _ => {
                debug_assert!(matches!(class_at(text, start).0, SPACE | NEWLINE));
                spaces(text, start).leave_last(text, start)
            }
        })
    }
}

fn numbers(text: &[u8], mut at: usize) -> usize {
    while let (NUMBER, len) = class_at(text, at) {
        at += len;
    }
    at
}
