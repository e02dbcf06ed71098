//! Requests as the bytes of an HTTP body. Every byte outside a changed string stays as it was.
//!
//! The scanner is linear, keeps number spelling, key order and duplicates by never rewriting them,
//! and does not recurse: what is nested deeper than [`MAX_DEPTH`] is skipped by its brackets. A body
//! that is not JSON, or names its messages twice, is refused; the caller then sends it as it came.

use std::borrow::Cow;
use std::ops::Range;

use super::value::{MAX_DEPTH, Request, StringId, Value};
use crate::compress::{Edit, Outcome, compress_request};
use crate::error::Error;
use crate::options::Options;

/// A body after compression.
#[derive(Debug)]
pub struct BodyOutcome {
    /// The new body, or `None` if nothing changed.
    pub body: Option<Vec<u8>>,
    /// What was done. Message 0 is the top-level system text if the body has one.
    pub outcome: Outcome,
    /// The model that counted: the argument, or the one the body names.
    pub model: String,
}

/// Compresses the body of a chat, messages or responses request.
///
/// `model` wins over the body's own `model`. A body without `messages` and `input` comes back
/// unchanged with an empty outcome.
pub fn compress_body(body: &[u8], model: Option<&str>, options: &Options) -> Result<BodyOutcome, Error> {
    let text = std::str::from_utf8(body)
        .map_err(|e| Error::Body { reason: "not UTF-8".into(), at_byte: e.valid_up_to() })?;
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, strings: Vec::new(), spans: Vec::new() };
    let root = scanner.document()?;
    let Scanner { mut strings, spans, .. } = scanner;
    // A text that stands outside the list of messages is read as a message of its own.
    let message = |strings: &mut Vec<Cow<'_, str>>, role: &'static str, content: Value| {
        let mut id = |s: &'static str| {
            strings.push(Cow::Borrowed(s));
            (strings.len() - 1) as StringId
        };
        Value::Object(vec![(id("role"), Value::Str(id(role))), (id("content"), content)])
    };

    let Value::Object(members) = root else {
        return Err(Error::Body { reason: "expected an object".into(), at_byte: 0 });
    };
    let (mut messages, mut system, mut named, mut seen) = (None, None, None, 0);
    for (key, value) in members {
        match &*strings[key as usize] {
            "messages" | "input" => {
                seen += 1;
                messages = Some(value);
            }
            "system" | "instructions" => system = Some(value),
            "model" => named = Some(value),
            _ => {}
        }
    }
    if seen > 1 {
        return Err(Error::Body { reason: "it has its messages twice".into(), at_byte: 0 });
    }
    let mut list = Vec::new();
    if let Some(content) = system {
        list.push(message(&mut strings, "system", content));
    }
    match messages {
        Some(Value::Array(items)) => list.extend(items),
        Some(Value::Str(id)) => list.push(message(&mut strings, "user", Value::Str(id))),
        Some(_) => return Err(Error::Body { reason: "messages are not a list".into(), at_byte: 0 }),
        None => list.clear(),
    }
    let model = match (model, named) {
        (Some(model), _) => model.to_owned(),
        (None, Some(Value::Str(id))) => strings[id as usize].to_string(),
        _ => String::new(),
    };
    let request = Request { messages: list, strings: strings.iter().map(|s| &**s).collect() };
    let outcome = compress_request(&request, &model, options)?;
    let body = (!outcome.edits.is_empty()).then(|| splice(text, &spans, &outcome.edits));
    Ok(BodyOutcome { body, outcome, model })
}

/// Puts the new strings in place of the old ones.
fn splice(text: &str, spans: &[Range<usize>], edits: &[Edit]) -> Vec<u8> {
    let mut edits: Vec<(&Range<usize>, &str)> =
        edits.iter().filter_map(|e| Some((spans.get(e.id as usize)?, e.text.as_str()))).collect();
    edits.sort_by_key(|(span, _)| span.start);
    let mut out = Vec::with_capacity(text.len());
    let mut done = 0;
    for (span, new) in edits {
        out.extend_from_slice(&text.as_bytes()[done..span.start]);
        write_string(&mut out, new);
        done = span.end;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    out
}

/// Writes a JSON string with the fewest escapes.
fn write_string(out: &mut Vec<u8>, s: &str) {
    out.push(b'"');
    let bytes = s.as_bytes();
    let mut done = 0;
    for (i, &b) in bytes.iter().enumerate() {
        let short = match b {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => {
                out.extend_from_slice(&bytes[done..i]);
                out.extend_from_slice(format!("\\u{b:04x}").as_bytes());
                done = i + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[done..i]);
        out.extend_from_slice(short);
        done = i + 1;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    strings: Vec<Cow<'t, str>>,
    spans: Vec<Range<usize>>,
}

impl<'t> Scanner<'t> {
    fn document(&mut self) -> Result<Value, Error> {
        let value = self.value(0)?;
        self.space();
        if self.at < self.bytes.len() { Err(self.error("something after the end")) } else { Ok(value) }
    }

    fn error(&self, reason: &str) -> Error {
        Error::Body { reason: reason.to_owned(), at_byte: self.at }
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, reason: &str) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.error(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// Recursion is bounded by [`MAX_DEPTH`].
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        match self.peek() {
            Some(b'{' | b'[') if depth > MAX_DEPTH => {
                self.skip_nested()?;
                Ok(Value::Opaque("nested too deeply"))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(self.string()?.map_or(Value::Opaque("string with lone surrogates"), Value::Str)),
            Some(_) => self.scalar(),
            None => Err(self.error("it ends too early")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        self.at += 1;
        let mut members = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key"));
            }
            let key = self.string()?;
            self.expect(b':', "expected ':'")?;
            let value = self.value(depth + 1)?;
            if let Some(key) = key {
                members.push((key, value));
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.error("expected ',' or '}'")),
            }
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        self.at += 1;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("expected ',' or ']'")),
            }
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    /// Skips a container by counting brackets outside strings.
    fn skip_nested(&mut self) -> Result<(), Error> {
        let mut open = 0usize;
        while let Some(&b) = self.bytes.get(self.at) {
            match b {
                b'"' => {
                    self.string_end()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
        Err(self.error("it ends too early"))
    }

    fn scalar(&mut self) -> Result<Value, Error> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)) {
            self.at += 1;
        }
        let token = &self.text[start..self.at];
        match token {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ if token.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Ok(Value::Number(token.to_owned()))
            }
            _ => Err(Error::Body { reason: "expected a value".into(), at_byte: start }),
        }
    }

    /// Moves past a string; returns whether it has escapes.
    fn string_end(&mut self) -> Result<bool, Error> {
        let start = self.at;
        let mut at = self.at + 1;
        let mut escaped = false;
        loop {
            match memchr::memchr2(b'"', b'\\', self.bytes.get(at..).unwrap_or_default()) {
                None => return Err(Error::Body { reason: "a string does not end".into(), at_byte: start }),
                Some(n) if self.bytes[at + n] == b'"' => {
                    self.at = at + n + 1;
                    return Ok(escaped);
                }
                Some(n) => {
                    escaped = true;
                    at += n + 2;
                }
            }
        }
    }

    /// Reads a string into the table; `None` if it cannot be text (lone surrogates, bad escapes).
    fn string(&mut self) -> Result<Option<StringId>, Error> {
        let start = self.at;
        let escaped = self.string_end()?;
        let inner = &self.text[start + 1..self.at - 1];
        let text = if escaped {
            match unescape(inner) {
                Some(text) => Cow::Owned(text),
                None => return Ok(None),
            }
        } else {
            Cow::Borrowed(inner)
        };
        self.strings.push(text);
        self.spans.push(start..self.at);
        Ok(StringId::try_from(self.strings.len() - 1).ok())
    }
}

/// Decodes the escapes of a JSON string; `None` for lone surrogates and escapes that do not exist.
pub(crate) fn unescape(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let code = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        out.push(match code {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => code as char,
            b'u' => {
                let (unit, after) = hex4(rest)?;
                rest = after;
                match unit {
                    0xD800..0xDC00 => {
                        let (low, after) = hex4(rest.strip_prefix("\\u")?)?;
                        rest = after;
                        let low = low.checked_sub(0xDC00).filter(|l| *l < 0x400)?;
                        char::from_u32(0x10000 + ((unit - 0xD800) << 10) + low)?
                    }
                    _ => char::from_u32(unit)?,
                }
            }
            _ => return None,
        });
    }
    out.push_str(rest);
    Some(out)
}

fn hex4(rest: &str) -> Option<(u32, &str)> {
    let digits = rest.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u32::from_str_radix(digits, 16).ok()?, &rest[4..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn strings(body: &str) -> Vec<String> {
        let mut s = Scanner { text: body, bytes: body.as_bytes(), at: 0, strings: vec![], spans: vec![] };
        s.document().unwrap();
        s.strings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(strings(r#"["a\n\"\\\/\u00e9\ud83d\ude00","plain"]"#), ["a\n\"\\/é😀", "plain"]);
        assert_eq!(strings(r#"["\ud83d x", "ok"]"#), ["ok"], "a lone surrogate is no text");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in ["", "{", "[1,]", "{\"a\":}", "nul", "{\"a\" 1}", "[] x", "\"abc", "{'a':1}", "[\"a\\"] {
            assert!(compress_body(bad.as_bytes(), None, &Options::default()).is_err(), "{bad}");
        }
        assert!(compress_body(b"{\"messages\":[],\"messages\":[]}", None, &Options::default()).is_err());
        assert!(compress_body(b"\xff", None, &Options::default()).is_err());
    }

    #[test]
    fn deep_nesting_is_skipped_not_followed() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(compress_body(deep.as_bytes(), None, &Options::default()).unwrap().body.is_none());
    }

    #[test]
    fn only_the_changed_string_differs() {
        let body = r#"{ "n": 1.10, "messages": [ "old\n" , "keep" ], "n": 2 }"#;
        let mut s = Scanner { text: body, bytes: body.as_bytes(), at: 0, strings: vec![], spans: vec![] };
        s.document().unwrap();
        let id = s.strings.iter().position(|t| *t == "old\n").unwrap() as StringId;
        let edit = Edit { message: 0, path: vec![], id, text: "a\"\u{1}\té\\".into() };
        let new = String::from_utf8(splice(body, &s.spans, &[edit])).unwrap();
        assert_eq!(new, r#"{ "n": 1.10, "messages": [ "a\"\u0001\té\\" , "keep" ], "n": 2 }"#);
    }
}
