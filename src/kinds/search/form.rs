//! How a body of grouped matches is written, and the words of its header that say so.

use super::matches::Style;

/// Numbers of more digits are not sorted by.
const MAX_NUMBER_DIGITS: usize = 12;

/// Says that texts have names.
pub const NAMED_WORDS: &str = "; &1 names a text, *1 repeats it";

/// The words for each style, without and with context.
pub const FORMS: [(Style, bool, &str); 6] = [
    (Style { pathed: true, numbered: true }, false, "path, then line text"),
    (Style { pathed: true, numbered: true }, true, "path, then line:match or line context"),
    (Style { pathed: false, numbered: true }, false, "line text"),
    (Style { pathed: false, numbered: true }, true, "line:match or line context"),
    (Style { pathed: true, numbered: false }, false, "path, then its matches"),
    (Style { pathed: true, numbered: false }, true, "path, then :match or context"),
];

/// How a body is written.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub style: Style,
    pub has_context: bool,
    pub has_names: bool,
}

impl Form {
    pub fn words(self) -> String {
        let base =
            FORMS.iter().find(|(style, context, _)| *style == self.style && *context == self.has_context);
        let names = if self.has_names { NAMED_WORDS } else { "" };
        format!("{}{names}", base.map_or("", |(_, _, words)| words))
    }

    pub fn of(words: &str) -> Option<Form> {
        let (base, has_names) = match words.strip_suffix(NAMED_WORDS) {
            Some(base) => (base, true),
            None => (words, false),
        };
        let (style, has_context, _) = FORMS.iter().find(|(_, _, w)| *w == base)?;
        Some(Form { style: *style, has_context: *has_context, has_names })
    }

    /// What stands in the body for a separator of the source.
    pub fn separator(self, of: u8) -> char {
        match of {
            b':' if self.has_context => ':',
            b'=' => '=',
            _ => ' ',
        }
    }

    /// Reads a line of the body as a match: numbers, separator of the source, text.
    pub fn read(self, line: &str) -> Option<(&str, u8, &str)> {
        let numbers = match self.style.numbered {
            true => line.bytes().take_while(|b| b.is_ascii_digit() || *b == b',').count(),
            false => 0,
        };
        if self.style.numbered && !line.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let separator = match line.as_bytes().get(numbers)? {
            b':' if self.has_context => b':',
            b'=' if self.has_context => b'=',
            b' ' if self.has_context => b'-',
            b' ' => b':',
            _ => return None,
        };
        Some((&line[..numbers], separator, &line[numbers + 1..]))
    }
}

/// A number that can be written in one way only.
pub fn number(digits: &str) -> Option<u64> {
    let is_canonical = digits.len() <= MAX_NUMBER_DIGITS && (digits == "0" || !digits.starts_with('0'));
    is_canonical.then(|| digits.parse().ok()).flatten()
}

/// A text that could be read as a name, or as an escaped one.
pub fn is_like_name(text: &str) -> bool {
    text.starts_with('\\')
        || text.starts_with(['&', '*']) && text[1..].starts_with(|c: char| c.is_ascii_digit())
}
