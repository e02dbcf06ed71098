//! A text as passages and sentences.
//!
//! Passages are what a retriever pasted together ([`crate::blocks::passages`]), or the paragraphs of one
//! document. Units cover the text: sentences, which may be left out, and fixed parts (markers with their
//! titles, headings, tags, code fences, tables), which stay as long as anything of their passage does.
//! Cost: linear.

use std::ops::Range;

use super::sentences::{begins_unit, sentences};
use crate::blocks::{lines, passages};

/// A sentence or a fixed part. Half the memory of a pair of positions: a text may have one for every 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    start: u32,
    /// Its length, and [`FIXED`].
    bits: u32,
}

/// Set in what stays while its passage does.
const FIXED: u32 = 1 << 31;
/// No longer text can be split: lengths have 31 bits.
pub const MAX_TEXT_BYTES: usize = FIXED as usize - 1;

impl Unit {
    /// A unit of a text of at most [`MAX_TEXT_BYTES`].
    pub(in crate::kinds) fn new(range: Range<usize>, is_fixed: bool) -> Self {
        let number = |n: usize| n.min(MAX_TEXT_BYTES) as u32;
        Unit { start: number(range.start), bits: number(range.len()) | if is_fixed { FIXED } else { 0 } }
    }

    /// Its bytes, with the blanks after it.
    pub fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + (self.bits & !FIXED) as usize
    }

    /// Whether it stays while its passage does.
    pub fn is_fixed(&self) -> bool {
        self.bits & FIXED != 0
    }
}

/// A retrieved passage, or a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Its first unit, and the one behind its last.
    first: u32,
    end: u32,
    /// Whether it may go as a whole, marker and title included. Headings of a document may not.
    pub may_go: bool,
}

impl Passage {
    /// A passage of these units.
    pub(in crate::kinds) fn new(units: Range<usize>, may_go: bool) -> Self {
        Passage { first: units.start as u32, end: units.end as u32, may_go }
    }

    /// Its units, by number.
    pub fn units(&self) -> Range<usize> {
        self.first as usize..self.end as usize
    }
}

/// A text, split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// All units, in order; they cover the text.
    pub units: Vec<Unit>,
    /// All passages, in order; they cover the units.
    pub passages: Vec<Passage>,
    /// Whether the passages were numbered by a retriever (else they are paragraphs).
    pub is_retrieved: bool,
}

/// Fewer numbered passages are no retrieval result.
const MIN_MARKERS: usize = 2;
/// A line below this many bytes behind a marker may be its title or address.
const MAX_TITLE_BYTES: usize = 200;

/// How long a sentence or a line that stays as it is may be; only to make room for all of them at once.
const BYTES_PER_UNIT: usize = 48;

/// Splits a text of at most [`MAX_TEXT_BYTES`].
pub fn split(text: &str) -> Document {
    let markers = lines::lines(text, 0..text.len())
        .filter(|l| passages::marker(&text[l.clone()]).is_some())
        .take(MIN_MARKERS)
        .count();
    let mut builder = Builder { text, out: Document::default(), is_retrieved: markers >= MIN_MARKERS };
    builder.out.units.reserve(text.len() / BYTES_PER_UNIT);
    builder.out.is_retrieved = builder.is_retrieved;
    builder.run();
    builder.out
}

struct Builder<'t> {
    text: &'t str,
    out: Document,
    is_retrieved: bool,
}

impl Builder<'_> {
    fn run(&mut self) {
        let text = self.text;
        let mut paragraph: Option<Range<usize>> = None;
        let mut fence: Option<&str> = None;
        // Right behind a marker: titles and addresses on lines of their own.
        let mut in_head = false;
        let mut blank = false;
        for line in lines::lines(text, 0..text.len()) {
            let words = &text[line.clone()];
            let body = lines::trim(words);
            if let Some(open) = fence {
                self.fixed(line);
                if body.starts_with(open) && body.trim_start_matches(['`', '~']).is_empty() {
                    fence = None;
                }
                continue;
            }
            if body.is_empty() {
                self.flush(&mut paragraph);
                self.blank(line);
                blank = true;
                continue;
            }
            if let Some(marker) = self.is_retrieved.then(|| passages::marker(words)).flatten() {
                self.flush(&mut paragraph);
                self.open(true);
                let title = title_len(&words[marker.len..]);
                let head = line.start..line.start + marker.len + title;
                let rest = head.end..line.end;
                in_head = text[rest.clone()].trim().is_empty();
                if in_head {
                    self.fixed(line);
                } else {
                    let blanks = text[rest.clone()].len() - text[rest.clone()].trim_start().len();
                    self.fixed(head.start..head.end + blanks);
                    paragraph = Some(rest.start + blanks..rest.end);
                }
                blank = false;
                continue;
            }
            if (blank || self.out.passages.is_empty()) && !self.is_retrieved {
                self.flush(&mut paragraph);
                self.open(true);
            }
            blank = false;
            if body.starts_with("```") || body.starts_with("~~~") {
                self.flush(&mut paragraph);
                fence = Some(&body[..3]);
                self.fixed(line);
            } else if (in_head && is_head_line(body)) || is_heading(body) || lines::is_data(words) {
                self.flush(&mut paragraph);
                self.fixed(line);
            } else {
                in_head = false;
                match &mut paragraph {
                    Some(open) if !begins_unit(words) => open.end = line.end,
                    _ => {
                        self.flush(&mut paragraph);
                        paragraph = Some(line);
                    }
                }
            }
        }
        self.flush(&mut paragraph);
    }

    /// Begins a passage.
    fn open(&mut self, may_go: bool) {
        let at = self.out.units.len();
        self.out.passages.push(Passage::new(at..at, may_go));
    }

    fn push(&mut self, range: Range<usize>, is_fixed: bool) {
        if self.out.passages.is_empty() {
            // Words before the first marker.
            self.open(false);
        }
        self.out.units.push(Unit::new(range, is_fixed));
        let is_retrieved = self.is_retrieved;
        if let Some(last) = self.out.passages.last_mut() {
            last.end += 1;
            last.may_go &= is_retrieved || !is_fixed;
        }
    }

    fn fixed(&mut self, range: Range<usize>) {
        self.push(range, true);
    }

    /// A blank line belongs to what stands before it.
    fn blank(&mut self, line: Range<usize>) {
        match self.out.units.last_mut() {
            Some(last) => *last = Unit::new(last.range().start..line.end, last.is_fixed()),
            None => self.fixed(line),
        }
    }

    fn flush(&mut self, paragraph: &mut Option<Range<usize>>) {
        if let Some(range) = paragraph.take() {
            sentences(self.text, range, |range| self.push(range, false));
        }
    }
}

/// Bytes of a title in parentheses right behind a marker: "(Title: Beauty (film)) …".
fn title_len(rest: &str) -> usize {
    if !rest.starts_with('(') {
        return 0;
    }
    let mut depth = 0_usize;
    for (at, b) in rest.bytes().enumerate().take(MAX_TITLE_BYTES) {
        match b {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b'\n' => break,
            _ => {}
        }
    }
    0
}

/// "Title: …", "URL: …", "Score: 0.83": what retrievers write above a passage.
fn is_head_line(body: &str) -> bool {
    #[rustfmt::skip]
    const LABELS: &[&str] = &[
        "title", "url", "source", "link", "id", "score", "date", "author", "authors", "published", "filename", "file",
        "path", "page", "metadata", "section", "heading", "similarity", "relevance", "index", "type",
    ];
    if body.len() > MAX_TITLE_BYTES {
        return false;
    }
    let Some((label, _)) = body.split_once(':') else { return false };
    let label = label.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    LABELS.contains(&label.as_str())
}

/// Markdown headings, rules and tags on lines of their own.
fn is_heading(body: &str) -> bool {
    let hashes = body.len() - body.trim_start_matches('#').len();
    (1..=6).contains(&hashes) && body[hashes..].starts_with(' ')
        || (body.starts_with('<') && body.ends_with('>'))
        || (body.len() >= 3 && body.chars().all(|c| matches!(c, '=' | '-' | '*' | '_' | '~')))
        || (body.len() <= MAX_TITLE_BYTES && body.starts_with("**") && body.ends_with("**"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<(&str, bool)> {
        split(text).units.iter().map(|u| (&text[u.range()], u.is_fixed())).collect()
    }

    #[test]
    fn retrieved_passages_have_titles() {
        let text =
            "Document [1](Title: Rhine (river)) It is long. It is wide.\n\nDocument [2](Title: B) No.\n";
        assert_eq!(
            shown(text),
            [
                ("Document [1](Title: Rhine (river)) ", true),
                ("It is long. ", false),
                ("It is wide.\n\n", false),
                ("Document [2](Title: B) ", true),
                ("No.\n", false)
            ]
        );
        let text = "[1]\nTitle: Rhine\nURL: http://a.b/c\n\nIt is long.\n\nIt is wide.\n\n[2]\nTitle: B\nNo.";
        let document = split(text);
        assert_eq!(document.passages.len(), 2);
        assert_eq!(document.units.iter().filter(|u| u.is_fixed()).count(), 5);
    }

    #[test]
    fn documents_keep_headings_and_code() {
        let text = "# Rhine\n\nIt is long. It is wide.\n\n```\nx = 1. Y = 2.\n```\n\n## B\nNo.\n";
        let document = split(text);
        assert!(!document.is_retrieved);
        assert_eq!(document.units.iter().filter(|u| !u.is_fixed()).count(), 3);
        assert_eq!(document.passages.iter().filter(|p| p.may_go).count(), 1);
    }

    proptest! {
        #[test]
        fn units_cover_any_text(text in "([a-zA-Z.!?#`|<>()\\[\\]0-9é。 \n]|Document \\[1\\]|```\n){0,200}") {
            let document = split(&text);
            let mut at = 0;
            for unit in &document.units {
                prop_assert_eq!(unit.range().start, at);
                prop_assert!(unit.range().end > at);
                at = unit.range().end;
            }
            prop_assert_eq!(at, text.len());
            let mut unit = 0;
            for passage in &document.passages {
                prop_assert_eq!(passage.units().start, unit);
                unit = passage.units().end;
            }
            prop_assert_eq!(unit, document.units.len());
        }
    }
}
