//! Marks: the grammar of what was left out, and the renderer of plans.
//!
//! ```text
//! mark    = "[… " count " " unit (" " first ("-" last)?)? (": " label)? "]"
//! unit    = "line" | "sentence" | "record" | … (plural when count > 1)
//! first, last: 1-based ordinals of the units within their block
//! pointer = "[headroom_retrieve(\"" hash "\") has the rest]"    hash: 24 hexadecimal digits
//! header  = "[headroom " kind ": " n " line" "s"? ("; " words)? "]\n"
//!           the next n lines are one compressed block of that kind
//! ```
//!
//! One mark stands for many places: `[… 214 codes 1-214: terminal colours]` in front of a block says
//! that so many escape sequences were taken out of its lines (a *marked reduction*); the range of its
//! omission is the whole block, whose original is what is kept.
//!
//! A block has a header where the reader (or `expand`) must know its extent: re-encoded blocks, and
//! compressed blocks inside a user's message.
//!
//! A mark in the input is text like any other: it is neither expanded nor redeemed. A text that
//! contains one is taken to be compressed already and is left alone, which makes compression
//! idempotent. Cost: rendering is linear in the text.

use std::ops::Range;

use crate::tokens::Copied;

/// How long a mark is, about; only to make room for all of them at once.
const BYTES_PER_MARK: usize = 48;
/// What every mark starts with.
pub const MARK_OPEN: &str = "[… ";
/// What a header starts with; the kind's name, a colon and a count of lines follow.
pub const HEADER_OPEN: &str = "[headroom ";
/// Longest label carried by a mark, in characters (a mark must stay cheap).
pub const MAX_LABEL_CHARS: usize = 40;

/// The unit that a kind counts and omits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A line, with its newline.
    Line,
    /// A sentence of prose.
    Sentence,
    /// A retrieved passage or a paragraph.
    Passage,
    /// A record: an element of a JSON array, a member of a JSON object, a table row.
    Record,
    /// A hunk of a diff.
    Hunk,
    /// An escape sequence of a terminal, taken out of the lines that stay.
    Code,
    /// A value of a JSON field, taken out of the records that stay.
    Value,
}

impl Unit {
    /// Singular noun, as used in marks and in `omitted`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Line => "line",
            Unit::Sentence => "sentence",
            Unit::Passage => "passage",
            Unit::Record => "record",
            Unit::Hunk => "hunk",
            Unit::Code => "code",
            Unit::Value => "value",
        }
    }

    const ALL: [Unit; 7] =
        [Unit::Line, Unit::Sentence, Unit::Passage, Unit::Record, Unit::Hunk, Unit::Code, Unit::Value];
}

/// A run of units that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    /// Bytes of the source text that are not visible any more.
    pub range: Range<usize>,
    /// The unit counted.
    pub unit: Unit,
    /// 1-based ordinal of the first unit left out, within the block.
    pub first: usize,
    /// How many units were left out.
    pub count: usize,
}

/// One step of a plan. The pieces of a plan cover the source text from start to end, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes stay as they are.
    Keep(Range<usize>),
    /// These bytes are written in another way that decodes to the same data.
    Encode {
        /// Bytes of the source.
        range: Range<usize>,
        /// What stands there instead.
        text: String,
    },
    /// These bytes are left out; a mark stands in their place.
    Omit {
        /// What is left out.
        omission: Omission,
        /// Said in the mark: what kind of units these were.
        label: Option<String>,
    },
}

/// The result of compressing one block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// The new text of the block, without a header. Ends with a newline exactly if the source does.
    pub text: String,
    /// Present if the block was re-encoded and `Kind::expand` is needed to read the data back: words
    /// for the reader ("a,b: columns"), possibly empty.
    pub header: Option<String>,
    /// Everything that is not visible any more, in order of position.
    pub omissions: Vec<Omission>,
    /// What was done, for `transforms_applied` ("json:table", "log:select").
    pub transforms: Vec<&'static str>,
    /// Parts of `text` that stand in the source, in order; none where nobody has kept record of them. Only
    /// so that the same is not counted twice.
    pub copies: Vec<Copied>,
}

/// Writes the mark of a run of omitted units, without a newline.
pub fn write_mark(out: &mut String, unit: Unit, first: usize, count: usize, label: Option<&str>) {
    let short = label.map(|label| label.chars().take(MAX_LABEL_CHARS).collect::<String>());
    write_long_mark(out, unit, first, count, short.as_deref());
}

/// The same for the one mark of many places, whose label may be of any length.
pub fn write_long_mark(out: &mut String, unit: Unit, first: usize, count: usize, label: Option<&str>) {
    use std::fmt::Write;
    let plural = if count == 1 { "" } else { "s" };
    // Writing to a String cannot fail.
    let _ = write!(out, "{MARK_OPEN}{count} {}{plural}", unit.name());
    let _ = match count {
        1 => write!(out, " {first}"),
        _ => write!(out, " {first}-{}", first + count - 1),
    };
    if let Some(label) = label {
        out.push_str(": ");
        out.extend(label.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
    }
    out.push(']');
}

/// Writes the header of a block whose new text is `body`.
pub fn write_header(out: &mut String, kind: &str, body: &str, words: &str) {
    use std::fmt::Write;
    let lines = line_count(body);
    let plural = if lines == 1 { "" } else { "s" };
    let separator = if words.is_empty() { "" } else { "; " };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{HEADER_OPEN}{kind}: {lines} line{plural}{separator}{words}]");
}

const POINTER_OPEN: &str = "[headroom_retrieve(\"";
const POINTER_CLOSE: &str = "\") has the rest]";
/// Hexadecimal digits of a hash: 96 bits, so that collisions stay out of reach for any number of
/// originals that a store can hold, at about 20 tokens.
pub const HASH_DIGITS: usize = 24;

/// The line by which a reader can fetch what is missing in a message; at most one per message.
pub fn pointer(hash: &str) -> String {
    format!("{POINTER_OPEN}{hash}{POINTER_CLOSE}")
}

/// Bytes of the pointer that `text` starts with, its newline included; 0 if it starts with none.
fn pointer_len(text: &str) -> usize {
    let rest = text.strip_prefix(POINTER_OPEN).and_then(|rest| {
        let digits = rest.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
        rest.get(digits..).filter(|_| digits == HASH_DIGITS)?.strip_prefix(POINTER_CLOSE)
    });
    rest.map_or(0, |rest| text.len() - rest.len() + usize::from(rest.starts_with('\n')))
}

/// Lines of `body`; a last line without a newline counts.
fn line_count(body: &str) -> usize {
    let newlines = memchr::memchr_iter(b'\n', body.as_bytes()).count();
    newlines + usize::from(!body.is_empty() && !body.ends_with('\n'))
}

/// A block with a header, found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headed<'t> {
    /// Header, body and the pointer behind it, if any, in bytes of the text.
    pub range: Range<usize>,
    /// Name of the kind.
    pub kind: &'t str,
    /// Words of the header.
    pub words: &'t str,
    /// The lines that belong to the block.
    pub body: &'t str,
    /// The line behind it that points at the rest, or nothing.
    pub pointer: &'t str,
}

/// The first block with a header at or after `from`. Linear.
pub fn find_headed(text: &str, from: usize) -> Option<Headed<'_>> {
    memchr::memmem::find_iter(text.as_bytes().get(from..)?, HEADER_OPEN.as_bytes())
        .find_map(|at| parse_header(text, from + at))
}

fn parse_header(text: &str, start: usize) -> Option<Headed<'_>> {
    let rest = text.get(start + HEADER_OPEN.len()..)?;
    let line = &rest[..memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())];
    let inner = line.strip_suffix(']')?;
    let (kind, inner) = inner.split_once(": ")?;
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return None;
    }
    let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
    let count: usize = inner[..digits].parse().ok()?;
    let inner = inner[digits..].strip_prefix(" line")?;
    let inner = inner.strip_prefix('s').unwrap_or(inner);
    let words = match inner.strip_prefix("; ") {
        Some(words) => words,
        None if inner.is_empty() => "",
        None => return None,
    };
    let body_start = (start + HEADER_OPEN.len() + line.len() + 1).min(text.len());
    let body = &text[body_start..];
    let end = match count {
        0 => 0,
        n => memchr::memchr_iter(b'\n', body.as_bytes()).nth(n - 1).map_or(body.len(), |at| at + 1),
    };
    let pointer = pointer_len(&body[end..]);
    let (body, rest) = body.split_at(end);
    Some(Headed { range: start..body_start + end + pointer, kind, words, body, pointer: &rest[..pointer] })
}

/// Whether `text` holds a mark or a header of ours (or one that looks just like it).
pub fn is_marked(text: &str) -> bool {
    find_headed(text, 0).is_some()
        || memchr::memmem::find_iter(text.as_bytes(), MARK_OPEN.as_bytes())
            .any(|at| starts_with_count(&text[at + MARK_OPEN.len()..]))
}

fn starts_with_count(rest: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0
        && rest[digits..]
            .strip_prefix(' ')
            .is_some_and(|rest| Unit::ALL.iter().any(|unit| rest.starts_with(unit.name())))
}

/// Renders a plan over `source`: kept bytes verbatim, encodings as given, one mark per omission.
///
/// Line-like units (lines, records, hunks, passages) get a mark on a line of its own; sentences get
/// one inline. The separator after an omitted run is kept as the run had it (a final newline or none).
pub fn render(source: &str, pieces: Vec<Piece>, transforms: Vec<&'static str>) -> Rendered {
    let kept = |piece: &Piece| match piece {
        Piece::Keep(range) => range.len(),
        Piece::Encode { text, .. } => text.len(),
        Piece::Omit { .. } => BYTES_PER_MARK,
    };
    let text = String::with_capacity(pieces.iter().map(kept).sum());
    let mut out = Rendered { text, transforms, ..Rendered::default() };
    for piece in pieces {
        match piece {
            Piece::Keep(range) => {
                out.copies.push(Copied { at: out.text.len(), from: range.clone() });
                out.text.push_str(&source[range]);
            }
            Piece::Encode { text, .. } => out.text.push_str(&text),
            Piece::Omit { omission, label } => {
                let gone = &source[omission.range.clone()];
                write_mark(&mut out.text, omission.unit, omission.first, omission.count, label.as_deref());
                let tail = gone.len() - gone.trim_end().len();
                match omission.unit {
                    Unit::Sentence => out.text.push_str(&gone[gone.len() - tail..]),
                    _ if gone.ends_with('\n') => out.text.push('\n'),
                    // A line of a progress bar, overwritten on the screen.
                    Unit::Line if gone.ends_with('\r') => out.text.push('\r'),
                    _ => {}
                }
                out.omissions.push(omission);
            }
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn marks_say_count_unit_and_range() {
        let mut s = String::new();
        write_mark(&mut s, Unit::Line, 13, 12, None);
        assert_eq!(s, "[… 12 lines 13-24]");
        s.clear();
        write_mark(&mut s, Unit::Record, 7, 1, Some("a\nb"));
        assert_eq!(s, "[… 1 record 7: a b]");
        assert!(is_marked(&s));
        assert!(!is_marked("see [… 12] and [...] and [… many lines]"));
        assert!(!is_marked("see the [headroom docs] and [headroom json: the kind]"));
    }

    #[test]
    fn a_header_tells_the_extent_of_its_block() {
        let mut s = "before\n".to_owned();
        write_header(&mut s, "json", "a\nb\n", "x: y");
        s.push_str("a\nb\nafter");
        assert!(is_marked(&s));
        let found = find_headed(&s, 0).unwrap();
        assert_eq!((found.kind, found.words, found.body), ("json", "x: y", "a\nb\n"));
        assert_eq!(&s[found.range.end..], "after");
        assert_eq!(find_headed(&s, found.range.end), None);
        assert_eq!(find_headed("[headroom json: 3 lines]", 0).unwrap().body, "");
    }

    #[test]
    fn a_pointer_belongs_to_its_block() {
        let mut s = String::new();
        write_header(&mut s, "log", "a\n", "");
        s.push_str("a\n");
        let end = s.len();
        s.push_str(&pointer("0123456789abcdef01234567"));
        s.push_str("\nafter");
        let found = find_headed(&s, 0).unwrap();
        assert_eq!((found.body, &s[found.range.end..]), ("a\n", "after"));
        assert_eq!(pointer_len(&s[end..].replace("0123", "012X")), 0);
    }

    #[test]
    fn rendering_keeps_the_newline_of_the_run() {
        let src = "a\nb\nc\nd";
        let omit = |range, first, count| Piece::Omit {
            omission: Omission { range, unit: Unit::Line, first, count },
            label: None,
        };
        let r = render(src, vec![Piece::Keep(0..2), omit(2..6, 2, 2), Piece::Keep(6..7)], vec![]);
        assert_eq!(r.text, "a\n[… 2 lines 2-3]\nd");
        let r = render(src, vec![Piece::Keep(0..2), omit(2..7, 2, 3)], vec![]);
        assert_eq!(r.text, "a\n[… 3 lines 2-4]");
    }
}
