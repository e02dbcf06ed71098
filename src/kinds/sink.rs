//! Where a decoder writes to: a text, or a comparison with the text that is expected.
//!
//! What is re-encoded without loss is decoded again before it is accepted. The comparison needs no
//! memory for that, and stops looking at the first byte that differs.

/// Takes a decoded text, piece by piece.
pub trait Sink {
    /// Takes a piece.
    fn push_str(&mut self, piece: &str);

    /// Takes one character.
    fn push(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    /// Takes a newline at the end back.
    fn pop_newline(&mut self);
}

impl Sink for String {
    fn push_str(&mut self, piece: &str) {
        String::push_str(self, piece);
    }

    fn push(&mut self, c: char) {
        String::push(self, c);
    }

    fn pop_newline(&mut self) {
        if self.ends_with('\n') {
            self.pop();
        }
    }
}

/// Compares what it takes with a text.
#[derive(Debug)]
pub struct Same<'t> {
    expected: &'t [u8],
    /// Bytes taken so far.
    taken: usize,
    is_same: bool,
    ends_with_newline: bool,
}

impl<'t> Same<'t> {
    /// Nothing was taken yet.
    pub fn new(expected: &'t str) -> Self {
        Same { expected: expected.as_bytes(), taken: 0, is_same: true, ends_with_newline: false }
    }

    /// Whether exactly the text was taken.
    pub fn is_same(&self) -> bool {
        self.is_same && self.taken == self.expected.len()
    }
}

impl Sink for Same<'_> {
    fn push_str(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        // A newline behind the end may be taken back.
        let rest = self.expected.get(self.taken..).unwrap_or_default();
        let (piece, rest) = (piece.as_bytes(), &rest[..piece.len().min(rest.len())]);
        self.is_same &= piece.starts_with(rest);
        self.taken += piece.len();
        self.ends_with_newline = piece.ends_with(b"\n");
    }

    fn pop_newline(&mut self) {
        if std::mem::take(&mut self.ends_with_newline) {
            self.taken -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(expected: &str, pieces: &[&str], pops: bool) -> bool {
        let mut same = Same::new(expected);
        let mut text = String::new();
        for piece in pieces {
            same.push_str(piece);
            Sink::push_str(&mut text, piece);
        }
        if pops {
            same.pop_newline();
            text.pop_newline();
        }
        assert_eq!(same.is_same(), text == expected, "{expected:?} {pieces:?}");
        same.is_same()
    }

    #[test]
    fn a_comparison_says_what_comparing_the_text_would() {
        assert!(is_same("a b\nc", &["a ", "", "b\n", "c"], false));
        assert!(is_same("a b\nc", &["a b\n", "c\n"], true));
        assert!(is_same("a\n", &["a\n", "\n"], true));
        assert!(is_same("a", &["a"], true));
        assert!(is_same("", &[], true));
        for pieces in [&["a b\n"][..], &["a b\nc", "d"], &["a x\nc"], &["a b\nc\n", "\n"]] {
            assert!(!is_same("a b\nc", pieces, true), "{pieces:?}");
        }
        assert!(!is_same("a", &["a\n"], false));
    }
}
