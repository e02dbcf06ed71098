//! Diagnostics of compilers and linters: `path:line:column: message`.

/// Length of the place in front of a diagnostic's message (`src/a.py:12:4: `), or 0.
///
/// A search result has its text right behind the colon; a diagnostic has a space there, and a column
/// or the words of a severity.
pub(super) fn split(line: &str) -> usize {
    let b = line.as_bytes();
    let Some(colon) = memchr::memchr(b':', &b[..b.len().min(MAX_PATH_BYTES)]) else { return 0 };
    // `C:\x\a.cs:1:2: …`
    let drive = colon == 1 && b.get(2).is_some_and(|c| *c == b'\\' || *c == b'/');
    let colon = if drive {
        memchr::memchr(b':', &b[2..b.len().min(MAX_PATH_BYTES)]).map_or(0, |at| at + 2)
    } else {
        colon
    };
    if colon == 0
        || b[..colon].iter().any(|c| *c == b' ' || *c == b'\t')
        || !b[..colon].iter().any(|c| matches!(c, b'.' | b'/'))
    {
        return 0;
    }
    let mut at = colon;
    let mut numbers = 0;
    while b.get(at) == Some(&b':') && numbers < 2 {
        let digits = b[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits == 0 {
            break;
        }
        numbers += 1;
        at += 1 + digits;
    }
    let spaced = b.get(at) == Some(&b':') && b.get(at + 1) == Some(&b' ');
    let rest = b.get(at + 2..).unwrap_or_default();
    let said = [&b"error"[..], b"warning", b"note", b"fatal", b"info", b"Warning", b"Error", b"remark"]
        .iter()
        .any(|w| rest.starts_with(w));
    if spaced && (numbers == 2 || numbers == 1 && said) { at + 2 } else { 0 }
}

/// Longer paths are no paths.
const MAX_PATH_BYTES: usize = 300;

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn places_are_split_off() {
        for (line, rest) in [
            ("src/a.py:12:4: E0401: Unable to import", "E0401: Unable to import"),
            ("a.c:3:5: error: expected ';'", "error: expected ';'"),
            ("a.py:3: error: bad type", "error: bad type"),
            ("C:\\x\\a.cs:1:2: warning X", "warning X"),
            ("src/a.py:12:    return x", "src/a.py:12:    return x"),
            ("src/a.py:12: return x", "src/a.py:12: return x"),
            ("INFO: 12:30: x", "INFO: 12:30: x"),
            ("time is 12:30: late", "time is 12:30: late"),
            ("é", "é"),
        ] {
            assert_eq!(&line[split(line)..], rest, "{line}");
        }
    }
}
