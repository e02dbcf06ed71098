//! JSON as this crate's checks see it: an own reader, so that the core is not its own judge.

/// One token: punctuation, a string or a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'t> {
    /// `{`, `}`, `[`, `]`, `:` or `,`.
    Mark(u8),
    /// A string: its bytes between the quotes.
    String(&'t str),
    /// A number or a word in its own spelling.
    Scalar(&'t str),
}

/// The tokens of `text` with where each starts and ends; `None` where a string does not end or a control character
/// stands raw. Whether they nest is not looked at.
pub fn tokens(text: &str) -> Option<Vec<(Token<'_>, std::ops::Range<usize>)>> {
    let b = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(&c) = b.get(at) {
        let start = at;
        match c {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => {
                at += 1;
                out.push((Token::Mark(c), start..at));
            }
            b'"' => {
                at = string_end(b, at)?;
                out.push((Token::String(text.get(start + 1..at - 1)?), start..at));
            }
            _ => {
                while b.get(at).is_some_and(|c| !b" \n\r\t{}[]:,\"".contains(c)) {
                    at += 1;
                }
                out.push((Token::Scalar(&text[start..at]), start..at));
            }
        }
    }
    Some(out)
}

/// Where the string whose first quote stands at `start` ends; `None` if it does not.
fn string_end(b: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while *b.get(at)? != b'"' {
        at += if b[at] == b'\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

/// Where the object or list that `text` begins with ends; `None` if it does not.
pub fn value_end(text: &str) -> Option<usize> {
    let b = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match b.get(at)? {
            b'"' => {
                at = string_end(b, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The text of a string, escapes decoded to UTF-16 (lone surrogates stay apart from what they might meet).
pub fn decode(inner: &str) -> Option<Vec<u16>> {
    let (mut out, mut rest) = (Vec::new(), inner.chars());
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        out.push(match rest.next()? {
            'n' => 10,
            't' => 9,
            'r' => 13,
            'b' => 8,
            'f' => 12,
            c @ ('"' | '\\' | '/') => c as u16,
            'u' => {
                let digits: String = rest.by_ref().take(4).collect();
                (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
                    .then(|| u16::from_str_radix(&digits, 16).ok())??
            }
            _ => return None,
        });
    }
    Some(out)
}

/// Whether two texts are the same data: the same tokens, strings compared by what they mean, numbers by spelling.
pub fn is_same(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (tokens(a), tokens(b)) else { return false };
    a.len() == b.len()
        && a.iter().zip(&b).all(|((a, _), (b, _))| match (a, b) {
            (Token::String(a), Token::String(b)) => a == b || (decode(a).is_some() && decode(a) == decode(b)),
            _ => a == b,
        })
}

/// A JSON string literal.
pub fn quote(s: &str) -> String {
    let mut out = String::from("\"");
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
