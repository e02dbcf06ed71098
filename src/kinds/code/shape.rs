//! What one line looks like, whatever its language: a comment, a statement, an element of a list, or something
//! that source code does not have. Lines are trimmed and not empty.

use crate::planes;

/// Whether a trimmed line starts as comments do in one of the languages.
pub(super) fn is_comment(line: &str) -> bool {
    line.starts_with("//")
        || line.starts_with("/*")
        || line.starts_with("*/")
        || line == "*"
        || line.starts_with("* ")
        || line == "#"
        || line.starts_with("# ")
}

/// Whether a trimmed line has the punctuation of statements.
pub(super) fn has_code_shape(line: &str) -> bool {
    let b = line.as_bytes();
    let last = b[b.len() - 1];
    match last {
        b';' => true,
        b'{' | b'(' => b.len() > 1,
        b'}' | b')' | b']' if b.len() <= 3 => true,
        b')' | b',' | b']' | b'}' => {
            let opens = line.bytes().any(|b| matches!(b, b'(' | b'=' | b'[' | b'.'));
            opens && !line.contains(". ")
        }
        b':' => line.starts_with("case ") || line == "default:" || line.contains('('),
        _ => {
            // An assignment or a call without anything after it: `x = y`, `foo.bar(x)`.
            let word =
                b.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@')).count();
            word > 0 && (line[word..].starts_with(" = ") || line[word..].starts_with(" += "))
        }
    }
}

/// Whether a trimmed line is a match of grep, part of a diff's or a test run's frame, or a traceback's.
/// `has_bracket`: whether it may have a `[`.
pub(super) fn is_other_kind(line: &str, has_bracket: bool) -> bool {
    let starts = [
        "diff --git ",
        "@@ -",
        "+++ b/",
        "--- a/",
        "Traceback (most recent",
        "=====",
        "E   ",
        "FAILED ",
        "PASSED ",
        "test result:",
    ];
    if starts.iter().any(|start| line.starts_with(start))
        || (has_bracket && line.contains(" PASSED ["))
        || line.ends_with("... ok")
    {
        return true;
    }
    // `src/a.rs:12:…`
    let path = line
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'/' | b'.' | b'-' | b'@'))
        .count();
    let rest = &line.as_bytes()[path..];
    let digits = rest.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    line[..path].contains('.')
        && matches!(rest.first(), Some(b':' | b'-'))
        && digits > 0
        && matches!(rest.get(digits + 1), Some(b':' | b'-'))
}

/// Whether a trimmed line is an element of a literal list: it says nothing for or against.
pub(super) fn is_data(line: &str) -> bool {
    let b = line.as_bytes();
    b.last() == Some(&b',')
        && (matches!(b[0], b'"' | b'\'' | b'{' | b'[' | b'(' | b'-') || b[0].is_ascii_digit())
}

/// Whether a trimmed line is of a kind that source code does not have.
pub(super) fn is_foreign(line: &str) -> bool {
    let b = line.as_bytes();
    let digits = b.iter().take_while(|b| b.is_ascii_digit()).count();
    let date = digits == 4 && b.get(4) == Some(&b'-') || digits == 2 && matches!(b.get(2), Some(b':' | b'/'));
    let ends = line.ends_with('.') && b[0].is_ascii_uppercase();
    let sentence = ends && memchr::memchr_iter(b' ', b).nth(4).is_some();
    date || sentence
        || ["File \"", "error:", "warning:", "at "].iter().any(|start| line.starts_with(start))
        || has_outcome(b)
}

/// Whether a line has the outcome of a test, or the level of a log, behind a blank.
fn has_outcome(line: &[u8]) -> bool {
    let mut from = 1;
    let is_initial = |b: u8| (b == b'P') | (b == b'F') | (b == b'E') | (b == b'I');
    while let Some(at) = planes::find(line, from, is_initial) {
        let is_outcome = |word: &&str| line[at..].starts_with(word.as_bytes());
        if line[at - 1] == b' ' && ["PASSED", "FAILED", "ERROR ", "INFO "].iter().any(is_outcome) {
            return true;
        }
        from = at + 1;
    }
    false
}
