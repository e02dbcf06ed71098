//! Where literals end. Every function is linear in what it passes over and returns a byte position;
//! those for literals that may span lines return the end of the text if there is no end.

/// The byte after the next `end`, or the end of the text.
pub fn until(b: &[u8], from: usize, end: &[u8]) -> usize {
    let from = from.min(b.len());
    memchr::memmem::find(&b[from..], end).map_or(b.len(), |n| from + n + end.len())
}

/// The byte after the closing `quote` of a literal with backslash escapes that may span lines.
pub fn escaped(b: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from.min(b.len());
    while let Some(n) = memchr::memchr2(quote, b'\\', &b[at..]) {
        at += n;
        if b[at] == quote {
            return at + 1;
        }
        at = (at + 2).min(b.len());
    }
    b.len()
}

/// The end of a literal that opens at `pos` and closes on its line (a backslash at its end joins
/// lines), or the byte up to which there is no end.
pub fn closed_on_line(b: &[u8], pos: usize, quote: u8) -> Result<usize, usize> {
    let mut at = pos + 1;
    while let Some(n) = memchr::memchr3(quote, b'\\', b'\n', b.get(at..).unwrap_or(&[])) {
        at += n;
        match b[at] {
            b'\\' => at += if b.get(at + 1) == Some(&b'\r') { 3 } else { 2 },
            b'\n' => return Err(at),
            _ => return Ok(at + 1),
        }
    }
    Err(b.len())
}

/// The end of a regular expression that opens at `pos`, flags included, or where the search ended.
pub fn regex(b: &[u8], pos: usize) -> Result<usize, usize> {
    let mut at = pos + 1;
    let mut in_class = false;
    while let Some(&c) = b.get(at) {
        match c {
            b'\\' => at += 1,
            b'\n' => return Err(at),
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => {
                at += 1;
                while b.get(at).is_some_and(u8::is_ascii_alphabetic) {
                    at += 1;
                }
                return Ok(at);
            }
            _ => {}
        }
        at += 1;
    }
    Err(b.len())
}

/// The end of a template literal that opens at `pos`; `${…}` may hold templates.
pub fn template(b: &[u8], pos: usize) -> usize {
    // Braces open in each hole that the position is in.
    let mut holes: Vec<usize> = Vec::new();
    let mut in_text = true;
    let mut at = pos + 1;
    while at < b.len() {
        if in_text {
            match memchr::memchr3(b'`', b'\\', b'$', &b[at..]) {
                None => return b.len(),
                Some(n) => at += n,
            }
            match b[at] {
                b'\\' => at += 1,
                b'$' if b.get(at + 1) == Some(&b'{') => {
                    holes.push(0);
                    in_text = false;
                    at += 1;
                }
                b'`' => {
                    if holes.is_empty() {
                        return at + 1;
                    }
                    in_text = false;
                }
                _ => {}
            }
        } else {
            match b[at] {
                b'`' => in_text = true,
                q @ (b'"' | b'\'') => {
                    if let Ok(end) = closed_on_line(b, at, q) {
                        at = end;
                        continue;
                    }
                }
                b'{' => {
                    if let Some(open) = holes.last_mut() {
                        *open += 1;
                    }
                }
                b'}' => match holes.last_mut() {
                    Some(open) if *open > 0 => *open -= 1,
                    _ => {
                        holes.pop();
                        in_text = true;
                    }
                },
                _ => {}
            }
        }
        at += 1;
    }
    b.len()
}

/// The end of a Rust character that opens at `pos`; `None` for a lifetime.
pub fn rust_char(b: &[u8], pos: usize) -> Option<usize> {
    let first = *b.get(pos + 1)?;
    if first == b'\\' {
        // The longest escape is '\u{10FFFF}'.
        let window = &b[pos + 1..b.len().min(pos + 13)];
        let close = window.iter().skip(2).position(|b| *b == b'\'')?;
        return Some(pos + 1 + 2 + close + 1);
    }
    let len = match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (b.get(pos + 1 + len) == Some(&b'\'') && first != b'\n').then_some(pos + len + 2)
}

/// The end of a Rust raw string whose hashes (or quote) stand at `pos`; `None` for `r#ident`.
pub fn rust_raw(b: &[u8], pos: usize) -> Option<usize> {
    let hashes = b[pos..].iter().take_while(|b| **b == b'#').count();
    if b.get(pos + hashes) != Some(&b'"') {
        return None;
    }
    let mut at = pos + hashes + 1;
    while let Some(n) = memchr::memchr(b'"', &b[at..]) {
        at += n + 1;
        let closing = b[at..].iter().take(hashes).take_while(|b| **b == b'#').count();
        if closing == hashes {
            return Some(at + hashes);
        }
    }
    Some(b.len())
}

/// The end of a C++ raw string whose quote stands at `pos`.
pub fn cpp_raw(b: &[u8], pos: usize) -> Option<usize> {
    // A delimiter has at most 16 characters.
    let open = b[pos + 1..].iter().take(17).position(|b| *b == b'(')?;
    let mut end = Vec::with_capacity(open + 2);
    end.push(b')');
    end.extend_from_slice(&b[pos + 1..pos + 1 + open]);
    end.push(b'"');
    Some(until(b, pos + 1 + open, &end))
}

/// The end of a `"""` literal that opens at `pos`; in C# with as many quotes as opened it.
pub fn triple(b: &[u8], pos: usize, has_escapes: bool) -> usize {
    if has_escapes {
        let mut at = pos + 3;
        while let Some(n) = memchr::memchr2(b'"', b'\\', b.get(at..).unwrap_or(&[])) {
            at += n;
            if b[at] == b'\\' {
                at += 2;
            } else if b[at..].starts_with(b"\"\"\"") {
                return at + 3;
            } else {
                at += 1;
            }
        }
        return b.len();
    }
    let quotes = b[pos..].iter().take_while(|b| **b == b'"').count();
    let mut at = pos + quotes;
    while let Some(n) = memchr::memchr(b'"', &b[at..]) {
        at += n;
        let run = b[at..].iter().take_while(|b| **b == b'"').count();
        at += run;
        if run >= quotes {
            return at;
        }
    }
    b.len()
}

/// The end of a C# literal with a prefix (`@"…"`, `$"…"`, `$@"…"`, `$"""…"""`) that opens at `pos`.
pub fn csharp_prefixed(b: &[u8], pos: usize) -> Option<usize> {
    let prefix = b[pos..].iter().take_while(|b| matches!(b, b'@' | b'$')).count();
    let quote = pos + prefix;
    if b.get(quote) != Some(&b'"') {
        return None;
    }
    if b[quote..].starts_with(b"\"\"\"") && !b[pos..quote].contains(&b'@') {
        return Some(triple(b, quote, false));
    }
    let is_verbatim = b[pos..quote].contains(&b'@');
    let is_interpolated = b[pos..quote].contains(&b'$');
    let mut at = quote + 1;
    let mut depth = 0usize;
    while let Some(&c) = b.get(at) {
        match c {
            b'\n' if !is_verbatim => return None,
            b'\\' if !is_verbatim => at += 1,
            b'{' if is_interpolated && depth == 0 && b.get(at + 1) == Some(&b'{') => at += 1,
            b'{' if is_interpolated => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            // A string inside a hole closes on its line.
            b'"' if depth > 0 => match closed_on_line(b, at, b'"') {
                Ok(end) => at = end - 1,
                Err(_) => return Some(at + 1),
            },
            b'"' if is_verbatim && b.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    is_verbatim.then_some(b.len())
}

/// The end of a PHP string in double quotes that opens at `pos`; `{$…}` may hold strings.
pub fn php_double(b: &[u8], pos: usize) -> usize {
    let mut at = pos + 1;
    let mut depth = 0usize;
    while let Some(&c) = b.get(at) {
        match c {
            b'\\' => at += 1,
            b'{' if depth > 0 || b.get(at + 1) == Some(&b'$') => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'"' | b'\'' if depth > 0 => match closed_on_line(b, at, c) {
                Ok(end) => at = end - 1,
                Err(_) => return at + 1,
            },
            b'"' => return at + 1,
            _ => {}
        }
        at += 1;
    }
    b.len()
}

/// The end of a PHP heredoc or nowdoc whose `<<<` stands at `pos`.
pub fn php_heredoc(b: &[u8], pos: usize) -> Option<usize> {
    let mut at = pos + 3;
    while b.get(at) == Some(&b' ') {
        at += 1;
    }
    let quoted = matches!(b.get(at), Some(b'"' | b'\''));
    at += usize::from(quoted);
    let word = b[at..].iter().take_while(|b| super::lex::is_word(**b)).count();
    if word == 0 {
        return None;
    }
    let name = &b[at..at + word];
    at += word;
    while let Some(n) = memchr::memchr(b'\n', &b[at..]) {
        at += n + 1;
        let line = &b[at..];
        let indent = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let rest = &line[indent..];
        if rest.starts_with(name) && !rest.get(word).is_some_and(|b| super::lex::is_word(*b)) {
            return Some(at + indent + word);
        }
    }
    Some(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_nest() {
        let t = b"`a ${b ? `c ${'}'} d` : {e: 1}} f` + 1";
        assert_eq!(&t[..template(t, 0)], b"`a ${b ? `c ${'}'} d` : {e: 1}} f`");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(rust_char(b"'a'", 0), Some(3));
        assert_eq!(rust_char(b"'\\''", 0), Some(4));
        assert_eq!(rust_char(b"'\\\\'", 0), Some(4));
        assert_eq!(rust_char(b"'\\u{1F600}'", 0), Some(11));
        assert_eq!(rust_char("'ä'".as_bytes(), 0), Some(4));
        assert_eq!(rust_char(b"'a, 'b", 0), None);
        assert_eq!(rust_char(b"'static str", 0), None);
    }

    #[test]
    fn raw_literals_end_with_their_own_delimiter() {
        assert_eq!(rust_raw(b"#\"a\"b\"# x", 0), Some(7));
        assert_eq!(rust_raw(b"#ident", 0), None);
        assert_eq!(cpp_raw(b"\"x(a)\" )x\" y", 0), Some(10));
        assert_eq!(triple(b"\"\"\"a\"b\"\"\" c", 0, false), 9);
        assert_eq!(csharp_prefixed(b"@\"a\"\"\\\" b", 0), Some(7));
        assert_eq!(csharp_prefixed(b"$\"a{d[\"}\"]}{{\" b", 0), Some(14));
        assert_eq!(php_double(b"\"a{$b[\"c\"]}\" d", 0), 12);
        assert_eq!(php_heredoc(b"<<<'X'\n  a\n  X;\n", 0), Some(14));
    }
}
