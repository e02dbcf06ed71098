//! Literals of Ruby: strings with code in them, regular expressions, `%w[…]` and its like, heredocs.
//!
//! What looks like a literal but has no end on its line is taken for an operator; the end of a heredoc
//! is looked up among the lines that hold nothing but a word, read once. Cost: linear.

use super::Scan;
use crate::kinds::code::lex::is_word;
use crate::kinds::code::literal;

impl Scan<'_> {
    pub(super) fn note_markers(&mut self) {
        if memchr::memmem::find(self.b, b"<<").is_none() {
            return;
        }
        let mut start = 0;
        while start < self.b.len() {
            let end = memchr::memchr(b'\n', &self.b[start..]).map_or(self.b.len(), |n| start + n);
            let word = self.b[start..end].trim_ascii();
            if !word.is_empty() && word.len() < 64 && word.iter().all(|b| is_word(*b)) {
                self.markers.entry(word).or_default().push((start, end));
            }
            start = end + 1;
        }
    }

    /// A string with `#{…}`, in which strings may stand.
    pub(super) fn string(&mut self, quote: u8) {
        self.pos = if quote == b'\'' {
            literal::escaped(self.b, self.pos + 1, quote)
        } else {
            self.interpolated(quote, None)
        };
        self.after_value = true;
        self.after_dot = false;
        // `"key": value`
        if self.b.get(self.pos) == Some(&b':') && self.b.get(self.pos + 1) != Some(&b':') {
            self.pos += 1;
            self.after_value = false;
        }
    }

    /// The end of a literal with interpolation that opens at the position; `open` nests in it.
    fn interpolated(&self, close: u8, open: Option<u8>) -> usize {
        let mut at = self.pos + 1;
        // Closers that are waited for; `}` stands for an interpolation.
        let mut stack: Vec<(u8, Option<u8>)> = vec![(close, open)];
        while let Some(&c) = self.b.get(at) {
            let Some(&(close, open)) = stack.last() else { return at };
            let in_code = close == b'}' && open.is_none();
            if c == b'\\' {
                at += 1;
            } else if c == close {
                stack.pop();
            } else if open == Some(c) || in_code && c == b'{' {
                stack.push((close, open));
            } else if in_code && matches!(c, b'"' | b'`') {
                stack.push((c, None));
            } else if in_code && c == b'\'' {
                at = literal::closed_on_line(self.b, at, c).map_or(at, |end| end - 1);
            } else if !in_code && c == b'#' && self.b.get(at + 1) == Some(&b'{') {
                stack.push((b'}', None));
                at += 1;
            }
            at += 1;
            if stack.is_empty() {
                return at;
            }
        }
        self.b.len()
    }

    pub(super) fn on_line(&mut self, slot: usize, end: impl Fn(&[u8], usize) -> Result<usize, usize>) {
        self.after_dot = false;
        if self.pos >= self.open_quote_until[slot] {
            match end(self.b, self.pos) {
                Ok(end) => {
                    self.pos = end;
                    self.after_value = true;
                    return;
                }
                Err(until) => self.open_quote_until[slot] = until,
            }
        }
        self.pos += 1;
        self.after_value = false;
    }

    /// `puts /x/` is a call with a regular expression, `a / b` is a division.
    pub(super) fn regex_argument(&self) -> bool {
        let space_before = self.pos > 0 && self.b[self.pos - 1] == b' ';
        let space_after = self.b.get(self.pos + 1).is_none_or(|b| matches!(b, b' ' | b'=' | b'\n'));
        let after_word =
            self.pos > 1 && is_word(self.b[self.pos - 2]) && !self.b[self.pos - 2].is_ascii_digit();
        space_before && !space_after && after_word
    }

    pub(super) fn percent_argument(&self) -> bool {
        let next = self.b.get(self.pos + 1).copied().unwrap_or(b' ');
        let delimiter = self.b.get(self.pos + 2).copied().unwrap_or(b' ');
        self.pos > 0
            && self.b[self.pos - 1] == b' '
            && matches!(next, b'w' | b'i' | b'q' | b'Q' | b'W' | b'I' | b'r')
            && delimiter.is_ascii_punctuation()
    }

    pub(super) fn percent(&mut self) {
        let mut at = self.pos + 1;
        let letter = self.b.get(at).copied().unwrap_or(0);
        if matches!(letter, b'w' | b'i' | b'q' | b'Q' | b'W' | b'I' | b'r' | b's' | b'x') {
            at += 1;
        }
        let delimiter = self.b.get(at).copied().unwrap_or(b' ');
        if !delimiter.is_ascii_punctuation()
            || delimiter == b'='
            || at == self.pos + 1 && !matches!(delimiter, b'(' | b'[' | b'{' | b'<' | b'|' | b'!')
        {
            self.pos += 1;
            self.after_value = false;
            return;
        }
        let (close, open) = match delimiter {
            b'(' => (b')', Some(b'(')),
            b'[' => (b']', Some(b'[')),
            b'{' => (b'}', Some(b'{')),
            b'<' => (b'>', Some(b'<')),
            other => (other, None),
        };
        self.pos = at;
        self.pos = self.interpolated(close, open);
        if letter == b'r' {
            self.word_end();
        }
        self.after_value = true;
    }

    pub(super) fn heredoc(&mut self) -> bool {
        let rest = &self.b[self.pos..];
        if !rest.starts_with(b"<<") {
            return false;
        }
        let mut at = 2;
        let squiggly = matches!(rest.get(at), Some(b'~' | b'-'));
        at += usize::from(squiggly);
        let quote = rest.get(at).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
        at += usize::from(quote.is_some());
        let word = rest[at..].iter().take(64).take_while(|b| is_word(**b)).count();
        let name = &rest[at..at + word];
        if word == 0
            || word == 64
            || !(squiggly || quote.is_some() || name[0].is_ascii_uppercase())
            || !self.markers.contains_key(name)
        {
            return false;
        }
        if self.after_value && !squiggly && self.b.get(self.pos.wrapping_sub(1)) != Some(&b' ') {
            return false;
        }
        self.heredocs.push(name);
        self.pos += at + word + usize::from(quote.is_some());
        self.after_value = true;
        true
    }
}
