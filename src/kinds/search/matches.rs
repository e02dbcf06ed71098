//! Reads the lines of a search: `path:12:text`, `path-13-context`, `12:text`, `path:text`.
//!
//! Reading is a factoring, not an interpretation: path, separators, number and text put together
//! again are the line, whatever was taken for a path. Linear; only the first [`MAX_PREFIX_BYTES`] of
//! a line are looked at.

use std::collections::HashMap;

use crate::select;

/// No path of a real file system is longer.
const MAX_PREFIX_BYTES: usize = 4_096;

/// How the matches of a text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Each line names its file.
    pub pathed: bool,
    /// Each line has its number.
    pub numbered: bool,
}

/// One line of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// The line without its newline.
    pub raw: &'t str,
    /// `None` for a line that is no match: a separator, a message, a wrapper.
    pub hit: Option<Match<'t>>,
}

/// A matching line or a line of context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'t> {
    /// Index into [`Parsed::paths`]; 0 if nothing names the file.
    pub path: usize,
    /// Digits as written; empty if lines have no number.
    pub number: &'t str,
    /// `:` for a match, `-` for context, `=` for the enclosing function.
    pub separator: u8,
    /// The rest of the line.
    pub text: &'t str,
}

/// A text, read.
#[derive(Debug)]
pub struct Parsed<'t> {
    /// How its lines are written.
    pub style: Style,
    /// Every line.
    pub lines: Vec<Line<'t>>,
    /// Distinct paths in order of first appearance.
    pub paths: Vec<&'t str>,
    /// Whether some lines are context.
    pub has_context: bool,
    /// Whether the last line ends with a newline.
    pub ends_with_newline: bool,
}

impl Parsed<'_> {
    /// No lines yet.
    pub fn empty(style: Style, text: &str) -> Self {
        Parsed {
            style,
            lines: Vec::new(),
            paths: Vec::new(),
            has_context: false,
            ends_with_newline: text.ends_with('\n'),
        }
    }
}

/// What separates groups of matches with context.
pub const GROUP_SEPARATOR: &str = "--";

/// Splits a text into lines without their newlines.
pub fn split_lines(text: &str) -> Vec<&str> {
    select::lines(text).into_iter().map(|range| text[range].trim_end_matches('\n')).collect()
}

/// Reads `text` as written in `style`.
pub fn parse(text: &str, style: Style) -> Parsed<'_> {
    let raws = split_lines(text);
    let mut out = Parsed::empty(style, text);
    let mut ids: HashMap<&str, usize> = HashMap::new();
    if !style.pathed {
        // A path on a line of its own is the file of the matches below it.
        out.paths.push("");
        for raw in &raws {
            let hit = numbered_only(raw).map(|hit| Match { path: out.paths.len() - 1, ..hit });
            if hit.is_none() && is_clear_path(raw) {
                out.paths.push(raw);
            }
            out.lines.push(Line { raw, hit });
        }
    } else {
        for raw in &raws {
            let parts = if style.numbered { split_numbered(raw) } else { split_plain(raw) };
            let hit = parts.map(|(path, number, text)| {
                let id = *ids.entry(path).or_insert_with(|| {
                    out.paths.push(path);
                    out.paths.len() - 1
                });
                Match { path: id, number, separator: b':', text }
            });
            out.lines.push(Line { raw, hit });
        }
        let paths = std::mem::take(&mut out.paths);
        read_context(&mut out.lines, &paths, style);
        out.paths = paths;
    }
    out.has_context = out.lines.iter().any(|l| l.hit.is_some_and(|m| m.separator != b':'));
    out
}

/// Context lines have no colon to go by: they begin with the path of a match near them.
fn read_context(lines: &mut [Line<'_>], paths: &[&str], style: Style) {
    // Context after a match, then context before one, each run against the nearest match.
    let mut near: Option<usize> = None;
    for line in lines.iter_mut() {
        step(line, &mut near, paths, style);
    }
    near = None;
    for line in lines.iter_mut().rev() {
        step(line, &mut near, paths, style);
    }
}

fn step<'t>(line: &mut Line<'t>, near: &mut Option<usize>, paths: &[&str], style: Style) {
    if line.raw == GROUP_SEPARATOR {
        return;
    }
    match line.hit {
        Some(m) => *near = Some(m.path),
        None => line.hit = near.and_then(|path| context_of(line.raw, path, paths, style)),
    }
}

fn context_of<'t>(raw: &'t str, path: usize, paths: &[&str], style: Style) -> Option<Match<'t>> {
    let rest = raw.strip_prefix(*paths.get(path)?)?;
    let separator = *rest.as_bytes().first().filter(|b| matches!(b, b'-' | b'='))?;
    let rest = &rest[1..];
    if !style.numbered {
        return Some(Match { path, number: "", separator, text: rest });
    }
    let digits = count_digits(rest);
    let text = rest[digits..].strip_prefix(char::from(separator)).filter(|_| digits > 0)?;
    Some(Match { path, number: &rest[..digits], separator, text })
}

fn count_digits(s: &str) -> usize {
    s.bytes().take_while(u8::is_ascii_digit).count()
}

/// `12:text`, `13-context`, `14=function`.
pub fn numbered_only(raw: &str) -> Option<Match<'_>> {
    let digits = count_digits(raw);
    let separator = *raw.as_bytes().get(digits).filter(|b| digits > 0 && matches!(b, b':' | b'-' | b'='))?;
    Some(Match { path: 0, number: &raw[..digits], separator, text: &raw[digits + 1..] })
}

/// `path:12:text`, for the first number between colons.
pub fn split_numbered(raw: &str) -> Option<(&str, &str, &str)> {
    let bytes = raw.as_bytes();
    let window = &bytes[..bytes.len().min(MAX_PREFIX_BYTES)];
    for colon in memchr::memchr_iter(b':', window) {
        let digits = bytes[colon + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        let end = colon + 1 + digits;
        // No search prints a leading zero, but every clock does.
        if digits > 0 && bytes[colon + 1] != b'0' && bytes.get(end) == Some(&b':') {
            let path = &raw[..colon];
            return is_path(path).then(|| (path, &raw[colon + 1..end], &raw[end + 1..]));
        }
    }
    None
}

/// `path:text`. A drive letter's colon does not end the path.
pub fn split_plain(raw: &str) -> Option<(&str, &str, &str)> {
    let bytes = raw.as_bytes();
    let drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    let from = if drive { 2 } else { 0 };
    let window = &bytes[from..bytes.len().min(MAX_PREFIX_BYTES)];
    let colon = from + memchr::memchr(b':', window)?;
    let path = &raw[..colon];
    (is_clear_path(path)).then(|| (path, "", &raw[colon + 1..]))
}

/// Whether a prefix can be a path at all.
fn is_path(path: &str) -> bool {
    let first = path.bytes().next();
    first.is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b'[' | b'<' | b'"' | b'\'' | b'('))
        && !path.ends_with([' ', '\t'])
        && !path.bytes().any(|b| b.is_ascii_control() || matches!(b, b'<' | b'>' | b'"' | b'|' | b'*' | b'?'))
        && path.bytes().filter(|b| *b == b' ').count() <= 4
}

/// Whether a prefix is clearly a path: no spaces, and a directory or an extension.
pub fn is_clear_path(path: &str) -> bool {
    let letters = path.bytes().filter(|b| b.is_ascii_alphabetic() || !b.is_ascii()).count();
    letters >= 2
        && !path.contains(' ')
        && is_path(path)
        && !path.starts_with("//")
        && !path.contains("://")
        && (path.contains(['/', '\\']) || has_extension(path))
}

/// `name.ext` with an extension of one to six letters or digits, not all digits.
fn has_extension(path: &str) -> bool {
    let Some((stem, extension)) = path.rsplit_once('.') else { return false };
    !stem.is_empty()
        && (1..=6).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric())
        && extension.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BOTH: Style = Style { pathed: true, numbered: true };

    #[test]
    fn the_first_number_between_colons_ends_the_path() {
        assert_eq!(
            split_numbered("a/b.rs:12:let x: u8 = 1:2:3;"),
            Some(("a/b.rs", "12", "let x: u8 = 1:2:3;"))
        );
        assert_eq!(split_numbered(r"C:\x\y.c:7:int"), Some((r"C:\x\y.c", "7", "int")));
        assert_eq!(split_numbered("HEAD:src/a.c:7:"), Some(("HEAD:src/a.c", "7", "")));
        assert_eq!(split_numbered("[2024-01-01T10:22:33] x"), None);
        assert_eq!(split_numbered("no number: here"), None);
    }

    #[test]
    fn a_plain_match_needs_a_clear_path() {
        assert_eq!(split_plain("src/a.py:    x = 1"), Some(("src/a.py", "", "    x = 1")));
        assert_eq!(split_plain(r"D:\a.txt:x"), Some((r"D:\a.txt", "", "x")));
        assert_eq!(split_plain("name: value"), None);
        assert_eq!(split_plain("https://x.org/a: b"), None);
    }

    #[test]
    fn context_belongs_to_the_match_beside_it() {
        let text = "a-1-b.c-11-before\na-1-b.c:12:hit\na-1-b.c-13-after\n--\nb.c-4-x\nb.c:5:y\nb.c=1=f()\n";
        let parsed = parse(text, BOTH);
        let got: Vec<_> =
            parsed.lines.iter().map(|l| l.hit.map(|m| (m.path, m.number, m.separator))).collect();
        assert_eq!(
            got,
            [
                Some((0, "11", b'-')),
                Some((0, "12", b':')),
                Some((0, "13", b'-')),
                None,
                Some((1, "4", b'-')),
                Some((1, "5", b':')),
                Some((1, "1", b'='))
            ]
        );
        assert!(parsed.has_context);
    }
}
