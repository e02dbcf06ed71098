//! What can collapse: the functions of all files of a text, in lines.
//!
//! An outline speaks in bytes of one file without line numbers; here its items become lines of the
//! text. A function may collapse only if its end can be trusted: the indentation of its last line is
//! that of its first. Cost: linear in the text, plus items × their own lines for comments above them.

use std::borrow::Cow;
use std::ops::Range;

use super::language::Language;
use super::listing::Listing;
use super::outline::{self, ItemKind};
use super::sections::Section;
use crate::blocks::lines::trim_start;
use crate::select::Span;

/// A function or type, in lines of the text.
#[derive(Debug, Clone)]
pub struct Entry<'t> {
    /// What it is.
    pub kind: ItemKind,
    /// Its name; empty if it has none.
    pub name: &'t str,
    /// Whether the name is an identifier that it was defined with, not the title of a callback.
    pub is_named: bool,
    /// What the method calls its object, where its head says (Go).
    pub receiver: &'t str,
    /// The type that a method belongs to, as far as its head or its place says.
    pub owner: &'t str,
    /// Comments, decorators and attributes above the head, then the head and the body.
    pub lines: Range<usize>,
    /// First line of the head.
    pub head: usize,
    /// Lines that go when it collapses; empty if it cannot.
    pub body: Range<usize>,
    /// The entry around it.
    pub parent: Option<usize>,
}

/// The entries of a text, parents before children.
#[derive(Debug, Default)]
pub struct View<'t> {
    /// Functions and types in order.
    pub entries: Vec<Entry<'t>>,
    /// For each line of the text whether it is nothing but a comment in code.
    pub comment: Vec<bool>,
    /// For each line of the text whether it is blank, but for a number in front.
    pub blank: Vec<bool>,
}

/// At most this many lines above a head belong to it.
const MAX_LEAD_LINES: usize = 400;

impl<'t> View<'t> {
    /// Reads all sections that are code.
    pub fn new(text: &'t str, lines: &[Span], sections: &[Section], listing: Option<&Listing>) -> Self {
        let n = lines.len();
        let mut view = View { entries: Vec::new(), comment: vec![false; n], blank: vec![false; n] };
        for section in sections {
            if let Some(language) = section.language {
                view.add(text, lines, section.lines.clone(), language, listing);
            }
        }
        view
    }

    fn add(
        &mut self,
        text: &'t str,
        lines: &[Span],
        at: Range<usize>,
        language: Language,
        listing: Option<&Listing>,
    ) {
        let Some(part) = lines.get(at.clone()).filter(|p| !p.is_empty()) else { return };
        let bytes = part[0].start()..part[part.len() - 1].end();
        if u32::try_from(bytes.len()).is_err() {
            // Such a text has no outline either.
            return;
        }
        // Where each line begins in the source without numbers.
        let mut starts: Vec<u32> = Vec::with_capacity(part.len());
        let source: Cow<'_, str> = match listing {
            None => {
                starts.extend(part.iter().map(|l| (l.start() - bytes.start) as u32));
                Cow::Borrowed(&text[bytes.clone()])
            }
            Some(listing) => {
                let mut source = String::with_capacity(bytes.len());
                for line in part {
                    let line = &text[line.range()];
                    starts.push(source.len() as u32);
                    source.push_str(&line[listing.prefix_len(line)..]);
                }
                Cow::Owned(source)
            }
        };
        let source: &str = &source;
        let starts = Starts { starts: &starts, source };
        let line_of = |byte: usize| starts.line_of(byte);
        let line = |n: usize| starts.line(n).trim_end();
        // The same words in the text itself; none where they go on behind a line's number.
        let in_text = |words: &str| -> &'t str {
            if words.is_empty() {
                return "";
            }
            let from = words.as_ptr() as usize - source.as_ptr() as usize;
            let n = line_of(from);
            let Some(after) = starts.range(n).end.checked_sub(from) else { return "" };
            let start = part.get(n).map_or(0, |line| line.end() - after);
            if listing.is_some() && words.len() > after {
                return "";
            }
            text.get(start..start + words.len()).unwrap_or("")
        };
        let outline = outline::outline(source, language);
        let is_comment = comment_lines(&outline.comments, &starts);
        for n in 0..part.len() {
            self.blank[at.start + n] = trim_start(starts.line(n)).is_empty();
        }
        let base = self.entries.len();
        let mut depth: Vec<usize> = Vec::with_capacity(outline.items.len());
        let mut last_end = 0;
        for item in &outline.items {
            let head = line_of(item.start);
            let end = line_of(item.end.max(1) - 1) + 1;
            let brace = line_of(item.body.0);
            let mut first = head;
            // Not above the end of what came before.
            let floor = last_end.max(head.saturating_sub(MAX_LEAD_LINES));
            while first > floor && leads(line(first - 1), is_comment[first - 1], language) {
                first -= 1;
            }
            if item.kind == ItemKind::Function {
                last_end = last_end.max(brace + 1);
            } else {
                last_end = last_end.max(head + 1);
            }
            let body = match language {
                // The body may start on the line of the head: then there is nothing to collapse.
                Language::Python => brace + 1..end,
                _ => brace + 1..end.max(brace + 1),
            };
            depth.push(item.parent.map_or(0, |p| depth[p] + 1));
            let trusted = item.kind == ItemKind::Function
                && !body.is_empty()
                && depth.last().is_some_and(|d| *d <= MAX_DEPTH)
                && is_trusted(&line, head, brace, end - 1, language);
            let name = source.get(item.name.0..item.name.1).map_or("", in_text);
            let parent = item.parent.map(|p| p + base);
            let is_named = !name.is_empty() && !name.starts_with(['"', '\'', '`']);
            let receiver = receiver(source, item.start, item.name.0, language);
            let owner = match receiver {
                Some((_, owner)) => in_text(owner),
                None => parent
                    .and_then(|p| self.entries.get(p))
                    .map_or("", |p| if p.kind == ItemKind::Type { p.name } else { p.owner }),
            };
            let shift = |r: Range<usize>| r.start + at.start..r.end + at.start;
            self.entries.push(Entry {
                kind: item.kind,
                name: name.trim_matches(['"', '\'', '`']),
                is_named,
                receiver: receiver.map_or("", |r| in_text(r.0)),
                owner,
                lines: shift(first..end),
                head: head + at.start,
                body: if trusted { shift(body) } else { at.start..at.start },
                parent,
            });
        }
        self.comment[at.start..at.start + is_comment.len()].copy_from_slice(&is_comment);
    }
}

/// The lines of a source.
struct Starts<'s> {
    /// Where each begins.
    starts: &'s [u32],
    source: &'s str,
}

impl<'s> Starts<'s> {
    /// The line in which a byte stands.
    fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|s| *s as usize <= byte).saturating_sub(1)
    }

    /// The bytes of a line.
    fn range(&self, n: usize) -> Range<usize> {
        let start = |n: usize| self.starts.get(n).map_or(self.source.len(), |s| *s as usize);
        start(n)..start(n + 1)
    }

    fn line(&self, n: usize) -> &'s str {
        &self.source[self.range(n)]
    }
}

/// For each line whether it holds nothing but a comment.
fn comment_lines(comments: &[(usize, usize)], starts: &Starts<'_>) -> Vec<bool> {
    let mut out = vec![false; starts.starts.len()];
    for &(from, to) in comments {
        let (a, b) = (starts.line_of(from), starts.line_of(to.max(from + 1) - 1));
        let before = starts.source.get(starts.range(a).start..from).unwrap_or("x");
        let after = starts.source.get(to..starts.range(b).end).unwrap_or("");
        if before.trim().is_empty() && after.trim().is_empty() {
            out[a..=b].fill(true);
        }
    }
    out
}

/// Whether a line above a head belongs to it.
fn leads(line: &str, is_comment: bool, language: Language) -> bool {
    let line = line.trim_start();
    if line.is_empty() {
        return false;
    }
    // A header of the file is not the comment of its first function; a blank line parts them.
    is_comment
        || match language {
            Language::Rust => line.starts_with("#["),
            Language::CSharp => line.starts_with('[') && line.ends_with(']'),
            Language::Php => line.starts_with("#["),
            Language::C => line.starts_with("template"),
            Language::Java | Language::JavaScript => line.starts_with('@'),
            _ => false,
        }
}

/// Functions nested deeper than this do not collapse by themselves: their lines are looked at once per
/// level.
const MAX_DEPTH: usize = 24;

/// Whether the end of a function is where its indentation says, and nothing inside of it is indented
/// as if it stood beside it. Cost: the lines of the function.
fn is_trusted<'s>(
    line: &impl Fn(usize) -> &'s str,
    head: usize,
    brace: usize,
    last: usize,
    language: Language,
) -> bool {
    let indent = |l: &str| l.len() - l.trim_start().len();
    let margin = indent(line(head));
    match language {
        Language::Python => true,
        Language::Ruby => margin == indent(line(last)) && line(last).trim_start().starts_with("end"),
        _ => {
            margin == indent(line(last))
                && line(last).trim_start().starts_with('}')
                && !(brace + 1..last)
                    .map(line)
                    .any(|l| l.ends_with('{') && indent(l) <= margin && !l.starts_with('#'))
        }
    }
}

/// The receiver of a Go method and its type, or the class before `::` of a C++ one.
fn receiver(source: &str, start: usize, name: usize, language: Language) -> Option<(&str, &str)> {
    let before = source.get(start..name)?.trim_end();
    let last_word = |s: &'_ str| s.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    match language {
        Language::Go => {
            let inner = before.strip_suffix(')')?.rsplit('(').next()?;
            let inner = inner.split('[').next()?;
            let owner = &inner[last_word(inner)..];
            let object = inner.split([' ', '*']).next()?;
            (!owner.is_empty()).then_some((object, owner))
        }
        Language::C => {
            let inner = before.trim_end_matches('~').strip_suffix("::")?;
            let owner = &inner[last_word(inner)..];
            (!owner.is_empty()).then_some(("", owner))
        }
        _ => None,
    }
}
