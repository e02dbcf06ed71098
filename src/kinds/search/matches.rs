//! Reads the lines of a search: `path:12:text`, `path-13-context`, `12:text`, `path:text`.
//!
//! Reading is a factoring, not an interpretation: path, separators, number and text put together
//! again are the line, whatever was taken for a path. Linear; only the first [`MAX_PREFIX_BYTES`] of
//! a line are looked at.

use std::hash::BuildHasher;
use std::ops::Range;

use crate::blocks::lines;
use crate::hashed::{FastMap, Keyed};
use crate::select;

/// No path of a real file system is longer.
const MAX_PREFIX_BYTES: usize = 4_096;
/// How long a line is, about, in bytes; only to make room for all of them at once.
const BYTES_PER_LINE: usize = 48;
/// Places of the table that tells texts that stand once; of two bits each.
const PLACES_PER_LINE: usize = 8;

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

/// A text, read. A line is kept as offsets and made up when it is looked at, so that short lines do
/// not take several times their own size.
#[derive(Debug)]
pub struct Parsed<'t> {
    /// How its lines are written.
    pub style: Style,
    /// Distinct paths in order of first appearance.
    pub paths: Vec<&'t str>,
    /// Whether some lines are context.
    pub has_context: bool,
    /// Whether the last line ends with a newline.
    pub ends_with_newline: bool,
    source: &'t str,
    lines: Vec<Packed>,
    /// For each line the first one whose match has the same text; empty until [`Parsed::finish`].
    firsts: Vec<u32>,
}

/// A line as offsets in the source, which 32 bits hold; it ends where the next one starts.
#[derive(Debug, Clone, Copy)]
struct Packed {
    start: u32,
    /// [`NO_PATH`] for a line that is no match.
    path: u32,
    /// Where the number starts; it ends at the separator before the text. Not before `text`: none.
    number: u32,
    text: u32,
    separator: u8,
}

const NO_PATH: u32 = u32::MAX;

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<'t> Parsed<'t> {
    /// No lines yet.
    pub fn empty(style: Style, text: &'t str) -> Self {
        Parsed {
            style,
            paths: Vec::new(),
            has_context: false,
            ends_with_newline: text.ends_with('\n'),
            source: text,
            lines: Vec::with_capacity(text.len() / BYTES_PER_LINE + 1),
            firsts: Vec::new(),
        }
    }

    /// Adds the next line, which is a part of the source; so are the parts of `hit`.
    pub fn push(&mut self, raw: &'t str, hit: Option<Match<'t>>) {
        let packed = Packed {
            start: self.offset_of(raw),
            path: NO_PATH,
            number: u32::MAX,
            text: u32::MAX,
            separator: b':',
        };
        self.lines.push(packed);
        if let (Some(hit), Some(i)) = (hit, self.lines.len().checked_sub(1)) {
            self.set_hit(i, hit);
        }
    }

    fn set_hit(&mut self, i: usize, hit: Match<'t>) {
        let text = self.offset_of(hit.text);
        let number = if hit.number.is_empty() { text } else { self.offset_of(hit.number) };
        self.has_context |= hit.separator != b':';
        if let Some(line) = self.lines.get_mut(i) {
            *line = Packed { path: offset(hit.path), number, text, separator: hit.separator, ..*line };
        }
    }

    fn offset_of(&self, part: &str) -> u32 {
        offset((part.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize))
    }

    /// To be called when all lines are there.
    pub fn finish(mut self) -> Self {
        self.firsts = firsts(&self);
        self
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Line `i`; an empty one behind the last.
    pub fn line(&self, i: usize) -> Line<'t> {
        Line { raw: self.raw(i), hit: self.hit(i) }
    }

    /// Every line.
    pub fn lines(&self) -> impl Iterator<Item = Line<'t>> {
        (0..self.len()).map(|i| self.line(i))
    }

    /// Line `i` without its newline.
    pub fn raw(&self, i: usize) -> &'t str {
        let raw = self.source.get(self.range(i..i + 1)).unwrap_or_default();
        raw.strip_suffix('\n').unwrap_or(raw)
    }

    /// The match on line `i`.
    pub fn hit(&self, i: usize) -> Option<Match<'t>> {
        let line = self.lines.get(i).filter(|line| line.path != NO_PATH)?;
        let (number, text) = (line.number as usize, line.text as usize);
        let end = self.end_of(i);
        let number = if number < text { self.source.get(number..text - 1)? } else { "" };
        Some(Match {
            path: line.path as usize,
            number,
            separator: line.separator,
            text: self.source.get(text..end)?,
        })
    }

    /// The file of the match on line `i`.
    pub fn path_of(&self, i: usize) -> Option<usize> {
        self.lines.get(i).filter(|line| line.path != NO_PATH).map(|line| line.path as usize)
    }

    /// Bytes of these lines, newlines included.
    pub fn range(&self, lines: Range<usize>) -> Range<usize> {
        let start = |i: usize| self.lines.get(i).map_or(self.source.len(), |line| line.start as usize);
        start(lines.start)..start(lines.end)
    }

    /// Where line `i` ends, without its newline.
    fn end_of(&self, i: usize) -> usize {
        let is_last = i + 1 >= self.lines.len();
        self.range(i..i + 1).end - usize::from(!is_last || self.ends_with_newline)
    }

    /// The first line whose match has the text of that on line `i`.
    pub fn first_with_text(&self, i: usize) -> usize {
        self.firsts.get(i).map_or(i, |first| *first as usize)
    }
}

/// For each match the first one with the same text; other lines stand for themselves.
///
/// Most texts stand once. A table of small counters by hash finds those that surely do, so that only
/// the rest goes into a map.
fn firsts(parsed: &Parsed<'_>) -> Vec<u32> {
    let draw = Keyed::default();
    let places = (parsed.len() * PLACES_PER_LINE).next_power_of_two();
    let hash = |text: &str| draw.hash_one(text) as usize & (places - 1);
    // One bit for a text seen, one for a second.
    let mut seen = vec![0_u8; places / 4 + 1];
    let hits = || (0..parsed.len()).filter_map(|i| Some((i, parsed.hit(i)?.text)));
    let mut at = Vec::with_capacity(parsed.len());
    for (_, text) in hits() {
        let place = hash(text);
        at.push(offset(place));
        let (byte, shift) = (place / 4, place % 4 * 2);
        let once = (seen[byte] >> shift) & 1;
        seen[byte] |= (1 | (once << 1)) << shift;
    }
    let mut out: Vec<u32> = (0..offset(parsed.len())).collect();
    let mut first: FastMap<&str, u32> = FastMap::default();
    for ((i, text), place) in hits().zip(at) {
        let place = place as usize;
        if (seen[place / 4] >> (place % 4 * 2)) & 2 != 0 {
            out[i] = *first.entry(text).or_insert(offset(i));
        }
    }
    out
}

/// What separates groups of matches with context.
pub const GROUP_SEPARATOR: &str = "--";

/// Splits a text into lines without their newlines.
pub fn split_lines(text: &str) -> Vec<&str> {
    select::lines(text).into_iter().map(|range| text[range].trim_end_matches('\n')).collect()
}

/// Reads `text` as written in `style`.
pub fn parse(text: &str, style: Style) -> Parsed<'_> {
    let mut out = Parsed::empty(style, text);
    let raws = lines::lines(text, 0..text.len()).map(|range| text[range].trim_end_matches('\n'));
    if !style.pathed {
        // A path on a line of its own is the file of the matches below it.
        out.paths.push("");
        for raw in raws {
            let hit = numbered_only(raw).map(|hit| Match { path: out.paths.len() - 1, ..hit });
            if hit.is_none() && is_clear_path(raw) {
                out.paths.push(raw);
            }
            out.push(raw, hit);
        }
        return out.finish();
    }
    let mut ids: FastMap<&str, usize> = FastMap::default();
    let mut last: Option<(&str, usize)> = None;
    let mut others = 0;
    for raw in raws {
        let parts = if style.numbered { split_numbered(raw) } else { split_plain(raw) };
        let hit = parts.map(|(path, number, text)| {
            // Most lines are of the file of the line before.
            let id = match last {
                Some((before, id)) if before == path => id,
                _ => *ids.entry(path).or_insert_with(|| {
                    out.paths.push(path);
                    out.paths.len() - 1
                }),
            };
            last = Some((path, id));
            Match { path: id, number, separator: b':', text }
        });
        others += usize::from(hit.is_none());
        out.push(raw, hit);
    }
    if others > 0 {
        read_context(&mut out);
    }
    out.finish()
}

/// Context lines have no colon to go by: they begin with the path of a match near them.
fn read_context(parsed: &mut Parsed<'_>) {
    // Context after a match, then context before one, each run against the nearest match.
    let mut near: Option<usize> = None;
    for i in 0..parsed.len() {
        step(parsed, i, &mut near);
    }
    near = None;
    for i in (0..parsed.len()).rev() {
        step(parsed, i, &mut near);
    }
}

fn step(parsed: &mut Parsed<'_>, i: usize, near: &mut Option<usize>) {
    match parsed.path_of(i) {
        Some(_) if parsed.raw(i) == GROUP_SEPARATOR => {}
        Some(path) => *near = Some(path),
        None => {
            let raw = parsed.raw(i);
            if raw != GROUP_SEPARATOR
                && let Some(path) = *near
                && let Some(hit) = context_of(raw, path, &parsed.paths, parsed.style)
            {
                parsed.set_hit(i, hit);
            }
        }
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
        let got: Vec<_> = parsed.lines().map(|l| l.hit.map(|m| (m.path, m.number, m.separator))).collect();
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
