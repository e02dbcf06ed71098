//! The reader: compact text back to JSON, its values and tables; `rows` reads the rows of those.
//! Inverse of `write`; the grammar is in `docs/json.md`.
//!
//! Strict: a text that is not exactly what the writer could have meant is refused as a whole, so that
//! a forged header over any other text changes nothing. Cost: linear; recursion is bounded.

use super::digest;
use super::nested;
use super::tape::{self, MAX_DEPTH, Tape};
use super::text::{self, ABSENT, Place};
use crate::mark::MARK_OPEN;

/// Reads a whole text.
pub fn read(body: &str) -> Option<String> {
    let body = body.strip_suffix('\n').unwrap_or(body);
    let mut reader = Reader { s: body, at: 0, nesting: 0 };
    let mut out = String::with_capacity(body.len() * 2);
    if reader.eat("lines[") {
        let count = reader.count(']')?;
        reader.table(&mut out, count, false, true, 0)?;
    } else {
        reader.value(&mut out, Place::Inside, true, 0)?;
    }
    (reader.at == body.len()).then_some(out)
}

pub(super) struct Reader<'b> {
    pub s: &'b str,
    pub at: usize,
    /// In how many strings the JSON being read stands.
    nesting: usize,
}

/// A mark in the text.
pub struct Mark<'b> {
    pub text: &'b str,
    pub count: usize,
    /// Columns of the digest that follows.
    columns: Option<Vec<&'b str>>,
}

impl Mark<'_> {
    /// How many lines of a digest follow.
    pub fn shown(&self) -> usize {
        if self.columns.is_some() { self.count } else { 0 }
    }
}

impl<'b> Reader<'b> {
    pub fn peek(&self) -> Option<u8> {
        self.s.as_bytes().get(self.at).copied()
    }

    pub fn eat(&mut self, token: &str) -> bool {
        let found = self.s.get(self.at..).is_some_and(|rest| rest.starts_with(token));
        if found {
            self.at += token.len();
        }
        found
    }

    /// A number followed by `close`.
    fn count(&mut self, close: char) -> Option<usize> {
        let digits = self.s[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        let count = self.s[self.at..self.at + digits].parse().ok()?;
        self.at += digits;
        let mut buffer = [0; 4];
        self.eat(close.encode_utf8(&mut buffer)).then_some(count)
    }

    /// A quoted string, quotes included.
    pub fn quoted(&mut self) -> Option<&'b str> {
        let end = tape::string(self.s.as_bytes(), self.at)?;
        let quoted = &self.s[self.at..end];
        self.at = end;
        Some(quoted)
    }

    /// Text up to what ends a bare string in `place`.
    pub fn bare(&mut self, place: Place) -> &'b str {
        let rest = &self.s[self.at..];
        let n = rest.bytes().position(|b| text::ends_bare(place, b)).unwrap_or(rest.len());
        self.at += n;
        &rest[..n]
    }

    /// A key: quoted, or bare up to a colon. Returns it as the inside of a JSON string.
    pub fn key(&mut self) -> Option<String> {
        if self.peek() == Some(b'"') {
            let quoted = self.quoted()?;
            return Some(quoted[1..quoted.len() - 1].to_owned());
        }
        let rest = &self.s[self.at..];
        let n = rest.bytes().position(|b| b":,;=[]{}()\"?\n".contains(&b)).unwrap_or(rest.len());
        let key = &rest[..n];
        if !text::is_bare_key(key) {
            return None;
        }
        self.at += n;
        let mut inner = String::with_capacity(n);
        text::escape(&mut inner, key);
        Some(inner)
    }

    /// Any value, written plainly; a table too where `tables` allows it.
    pub fn value(&mut self, out: &mut String, place: Place, tables: bool, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek() {
            Some(b'"') => out.push_str(self.quoted()?),
            Some(b'@') => self.nested(out, tables, depth)?,
            Some(open @ (b'{' | b'[')) => {
                let map = open == b'{';
                if tables && let Some(count) = self.table_start(map) {
                    return self.table(out, count, map, false, depth);
                }
                self.at += 1;
                out.push(char::from(open));
                let close = if map { "}" } else { "]" };
                let (between, place) =
                    if map && self.eat(" ") { (" ", Place::Spaced) } else { (",", Place::Inside) };
                let mut first = true;
                while !self.eat(close) {
                    if !first {
                        out.push(',');
                        self.eat(between).then_some(())?;
                    }
                    first = false;
                    if let Some(mark) = self.mark() {
                        out.push_str(mark.text);
                        continue;
                    }
                    if map {
                        self.map_key(out)?;
                    }
                    self.value(out, place, tables, depth + 1)?;
                }
                out.push_str(close);
            }
            _ => {
                let bare = self.bare(place);
                scalar(out, bare, place, false)?;
            }
        }
        Some(())
    }

    /// A string that holds JSON.
    fn nested(&mut self, out: &mut String, tables: bool, depth: usize) -> Option<()> {
        // Escapes double with each level: a forged text must not grow without end.
        if self.nesting == nested::MAX_NESTING {
            return None;
        }
        self.at += nested::OPEN.len_utf8();
        let (layout, sign) =
            nested::LAYOUTS.into_iter().rev().find(|(_, sign)| self.s[self.at..].starts_with(sign))?;
        self.at += sign.len();
        let mut json = String::new();
        self.nesting += 1;
        self.value(&mut json, Place::Inside, tables, depth + 1)?;
        self.nesting -= 1;
        let tape = Tape::parse(&json)?;
        let mut data = String::with_capacity(json.len());
        nested::write(&tape, tape.single()?, layout, 0, &mut data);
        text::quote(out, &data);
        Some(())
    }

    pub fn map_key(&mut self, out: &mut String) -> Option<()> {
        let key = self.key()?;
        out.push('"');
        out.push_str(&key);
        out.push_str("\":");
        self.eat(":").then_some(())
    }

    /// `[12]{`, `[12][`, `[12]A`, `{12}{` or `{12}[`: the count, with the cursor on the shape.
    fn table_start(&mut self, map: bool) -> Option<usize> {
        let start = self.at;
        self.at += 1;
        let count = self.count(if map { '}' } else { ']' });
        if count.is_some() && matches!(self.peek(), Some(b'{' | b'[' | b':' | b'A')) {
            return count;
        }
        self.at = start;
        None
    }

    /// The rest of a table: shape, colon, rows. `lines`: one value per line instead of an array.
    fn table(&mut self, out: &mut String, count: usize, map: bool, lines: bool, depth: usize) -> Option<()> {
        // Without a shape every record is written by itself.
        let form = match self.peek() {
            Some(b':') => None,
            Some(b'A') => Some(self.variants()?),
            _ => Some(self.form(0)?),
        };
        self.eat(":\n").then_some(())?;
        let (open, close, separator) = match (lines, map) {
            (true, _) => ("", "", '\n'),
            (_, true) => ("{", "}", ','),
            _ => ("[", "]", ','),
        };
        out.push_str(open);
        let mut i = 0;
        while i < count {
            if i > 0 {
                out.push(separator);
            }
            if let Some(mark) = self.mark() {
                i = i.checked_add(mark.count)?;
                out.push_str(mark.text);
                for _ in 0..mark.shown() {
                    out.push(separator);
                    self.eat("\n").then_some(())?;
                    self.shown(out, &mark, map, Place::Line)?;
                }
            } else {
                i += 1;
                if map {
                    self.map_key(out)?;
                }
                match &form {
                    Some(form) => self.row(form, out, Place::Line)?,
                    None => self.value(out, Place::Line, true, depth + 1)?,
                }
            }
            if !self.eat("\n") && (self.at < self.s.len() || i < count) {
                return None;
            }
        }
        out.push_str(close);
        (i == count).then_some(())
    }

    /// A mark of records, if one stands here.
    pub fn mark(&mut self) -> Option<Mark<'b>> {
        let rest = self.s.get(self.at..)?.strip_prefix(MARK_OPEN)?;
        let close = memchr::memchr2(b']', b'\n', rest.as_bytes())?;
        let inner = &rest[..close];
        let (head, label) = inner.split_once(": ").map_or((inner, None), |(head, label)| (head, Some(label)));
        let mut words = head.split(' ');
        let count: usize = words.next()?.parse().ok()?;
        let unit = words.next()?;
        if count == 0 || !unit.starts_with("record") || !rest[close..].starts_with(']') {
            return None;
        }
        let columns = label
            .and_then(|label| label.strip_prefix(digest::LABEL))
            .map(|columns| columns.split(',').collect());
        let end = self.at + MARK_OPEN.len() + close + 1;
        let text = &self.s[self.at..end];
        self.at = end;
        Some(Mark { text, count, columns })
    }

    /// One line of a digest.
    pub fn shown(&mut self, out: &mut String, mark: &Mark<'b>, map: bool, place: Place) -> Option<()> {
        if map {
            self.map_key(out)?;
        }
        out.push('{');
        let mut first = true;
        for (i, column) in mark.columns.iter().flatten().enumerate() {
            if i > 0 {
                self.eat(",").then_some(())?;
            }
            let mut json = String::new();
            if self.peek() == Some(b'-')
                && self.s[self.at + 1..].bytes().next().is_none_or(|b| text::ends_bare(place, b))
            {
                self.at += ABSENT.len();
                continue;
            }
            self.value(&mut json, place, false, 0)?;
            if !first {
                out.push(',');
            }
            first = false;
            text::quote(out, column);
            out.push(':');
            out.push_str(&json);
        }
        out.push('}');
        Some(())
    }
}

/// Writes a bare text as JSON; `None` if it may not be bare.
pub fn scalar(out: &mut String, bare: &str, place: Place, typed: bool) -> Option<()> {
    if text::is_bare(bare, place, typed) {
        text::quote(out, bare);
        return Some(());
    }
    (!typed && text::is_other_value(bare)).then(|| out.push_str(bare))
}
