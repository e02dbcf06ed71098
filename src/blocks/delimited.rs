//! Parts of a user's message with delimiters: fenced code, XML-like tags, quoted texts, complete JSON
//! values, diffs, HTML pages.
//!
//! The scan runs from the start to the end; the outermost delimiter wins. What is inside small fences
//! and inside tags that hold instructions belongs to the instructions and is looked at no further. So
//! do the lines of the delimiters, paired or not: when what they enclose has been replaced by a
//! compressed block, they must read as before.
//! Cost: linear; failed searches for an end are remembered.

use std::ops::Range;

use super::{MIN_PAYLOAD_BYTES, diffs, json, lines};

use crate::hashed::FastMap;

/// A delimited part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its bytes, whole lines (a JSON value may begin within its line).
    pub range: Range<usize>,
    /// Whether it is payload; if not, it is instruction as a whole.
    pub is_payload: bool,
}

/// Tags around retrieved or pasted material; compared without plural, number and case.
#[rustfmt::skip]
const PAYLOAD_TAGS: &[&str] = &[
    "document", "doc", "context", "source", "passage", "search_result", "result", "file", "log", "output",
    "stdout", "stderr", "data", "article", "text", "transcript", "page", "web_page", "webpage", "website",
    "email", "content", "document_content", "file_content", "history", "code", "source_code", "diff", "json", "csv", "snippet", "excerpt", "chunk", "knowledge", "knowledge_base", "reference",
    "retrieved_context", "tool_result", "attachment", "paper", "report", "book", "chapter", "contract", "record",
    "traceback", "stack_trace", "dump", "retrieved_document", "trace", "response",
];

/// Tags around words said to the model.
#[rustfmt::skip]
const INSTRUCTION_TAGS: &[&str] = &[
    "instruction", "rule", "task", "guideline", "pr_description", "issue", "requirement", "example", "format",
    "question", "query", "system", "system_prompt", "prompt", "goal", "objective", "constraint", "policy", "step",
    "output_format", "format_example", "example_response", "user", "user_query", "user_request", "request",
    "note", "important", "persona", "role", "problem", "problem_statement", "hint", "criteria", "rubric",
    "system_reminder", "formatting", "description", "issue_description", "user_info", "tone", "answer_format",
    "spec", "specification",
];

/// The delimited parts of `within`, in order. `opened` is the fence that was open right before it (a
/// compressed block stands in between); in its place remains the fence that is open at the end.
pub(super) fn parts(text: &str, within: Range<usize>, opened: &mut Option<Fence>) -> Vec<Part> {
    let all: Vec<Range<usize>> = lines::lines(text, within.clone()).collect();
    let mut json = json::extents(text, within).into_iter().peekable();
    let mut fences = Fences::new(text, &all);
    let tags = Tags::new(text, &all);
    let mut out: Vec<Part> = Vec::new();
    // A run of documents in tags of their own, one after the other.
    let mut run: Option<TagRun> = None;
    let mut i = 0;
    let mut no_diff = 0;
    if let (Some(open), Some(first)) = (opened.take(), all.first())
        && fence(&text[first.clone()]).is_some_and(|fence| fence.closes(&open))
    {
        out.push(Part { range: first.clone(), is_payload: false });
        i = 1;
    }
    while i < all.len() {
        let line = &all[i];
        if run.is_some() && text[line.clone()].trim().is_empty() {
            i += 1;
            continue;
        }
        let tag = tags.section(text, &all, i);
        let is_document = matches!(&tag, Some(tag) if tag.is_payload);
        if !is_document && let Some(run) = run.take() {
            run.close(&mut out);
        }
        // A scan that finds no diff, or a small one, would find none on the lines it went over.
        let diff = if i >= no_diff { diffs::end(text, &all, i) } else { Err(0) };
        no_diff = no_diff.max(diff.unwrap_or_else(|scanned| scanned));
        let mut next = i + 1;
        *opened = None;
        while json.next_if(|value| value.start < line.start).is_some() {}
        if let Some(value) = json.next_if(|value| value.start < line.end) {
            if value.len() >= MIN_PAYLOAD_BYTES {
                next = all.partition_point(|line| line.start < value.end);
                out.push(Part { range: value, is_payload: true });
            }
        } else if let Some(last) = fences.close(text, &all, i) {
            next = last + 1;
            let inner = line.end..all[last].start;
            if inner.len() >= MIN_PAYLOAD_BYTES {
                out.push(Part { range: line.clone(), is_payload: false });
                out.push(Part { range: inner, is_payload: true });
                out.push(Part { range: all[last].clone(), is_payload: false });
            } else {
                out.push(Part { range: line.start..all[last].end, is_payload: false });
            }
        } else if let Some(tag) = tag {
            next = tag.last + 1;
            let whole = line.start..all[tag.last].end;
            if tag.is_payload {
                let run =
                    run.get_or_insert_with(|| TagRun { whole: whole.clone(), inner: tag.inner, count: 0 });
                run.whole.end = whole.end;
                run.count += 1;
            } else {
                out.push(Part { range: whole, is_payload: false });
            }
        } else if let Some(end) = diff.ok().filter(|end| all[end - 1].end - line.start >= MIN_PAYLOAD_BYTES) {
            next = end;
            out.push(Part { range: line.start..all[end - 1].end, is_payload: true });
        } else if let Some(last) = tags.page_end(text, &all, i) {
            next = last + 1;
            out.push(Part { range: line.start..all[last].end, is_payload: true });
        } else if is_delimiter(&text[line.clone()]) {
            *opened = fence(&text[line.clone()]).filter(|fence| fence.may_open);
            out.push(Part { range: line.clone(), is_payload: false });
        }
        i = next;
    }
    if let Some(run) = run {
        run.close(&mut out);
    }
    out
}

struct TagRun {
    whole: Range<usize>,
    /// What stands between the tags of the first document.
    inner: Range<usize>,
    count: usize,
}

impl TagRun {
    fn close(self, out: &mut Vec<Part>) {
        // The tags of a single document stay outside, so that its kind sees the bare text.
        let range = if self.count == 1 { self.inner } else { self.whole.clone() };
        if range.len() >= MIN_PAYLOAD_BYTES {
            for (range, is_payload) in [
                (self.whole.start..range.start, false),
                (range.clone(), true),
                (range.end..self.whole.end, false),
            ] {
                if !range.is_empty() {
                    out.push(Part { range, is_payload });
                }
            }
        } else {
            out.push(Part { range: self.whole, is_payload: false });
        }
    }
}

/// Fences: ``` and ~~~ (Markdown), and `Text: """` … `"""`.
struct Fences {
    /// Lines that may be a fence, in order.
    lines: Vec<usize>,
    /// Per character: from this length on no closing fence follows any more.
    hopeless: FastMap<char, usize>,
}

impl Fences {
    fn new(text: &str, all: &[Range<usize>]) -> Self {
        let lines = (0..all.len()).filter(|i| fence(&text[all[*i].clone()]).is_some()).collect();
        Fences { lines, hopeless: FastMap::default() }
    }

    /// If line `i` opens a fence: the line that closes it.
    fn close(&mut self, text: &str, all: &[Range<usize>], i: usize) -> Option<usize> {
        let open = fence(&text[all[i].clone()])?;
        if !open.may_open || self.hopeless.get(&open.char).is_some_and(|len| open.len >= *len) {
            return None;
        }
        let from = self.lines.partition_point(|line| *line <= i);
        let found = self.lines[from..].iter().copied().find(|j| {
            fence(&text[all[*j].clone()])
                .is_some_and(|f| f.char == open.char && f.len >= open.len && f.may_close)
        });
        if found.is_none() {
            self.hopeless.insert(open.char, open.len);
        }
        found
    }
}

/// A line that may open or close a fence.
pub(super) struct Fence {
    char: char,
    len: usize,
    may_open: bool,
    may_close: bool,
}

impl Fence {
    fn closes(&self, open: &Fence) -> bool {
        self.char == open.char && self.len >= open.len && self.may_close
    }
}

/// Whether a line is a fence or a known tag and nothing else.
fn is_delimiter(line: &str) -> bool {
    let words = line.trim();
    let name = match opening_tag(words) {
        Some((name, "")) => Some(name),
        _ => closing_tag(words).filter(|name| words.len() == name.len() + 3),
    };
    name.is_some_and(|name| names(PAYLOAD_TAGS, name) || names(INSTRUCTION_TAGS, name))
        || fence(line).is_some()
}

fn fence(line: &str) -> Option<Fence> {
    let line = line.trim();
    if let Some(before) = line.strip_suffix("\"\"\"") {
        let label = before.trim_end();
        let may_open = label.ends_with(':') && label.len() <= 60;
        return (may_open || label.is_empty()).then_some(Fence {
            char: '"',
            len: 3,
            may_open,
            may_close: label.is_empty(),
        });
    }
    let char = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = line.trim_start_matches(char);
    let len = line.len() - rest.len();
    (len >= 3 && !rest.contains(char)).then_some(Fence {
        char,
        len,
        may_open: true,
        may_close: rest.is_empty(),
    })
}

/// Tags on lines of their own, or at the start and end of lines.
struct Tags<'t> {
    /// Per tag: the lines that end with its closing tag, in order.
    closing: FastMap<&'t str, Vec<usize>>,
}

struct Section {
    /// The line with the closing tag.
    last: usize,
    /// What stands between the tags; all of it if the tags share lines with it.
    inner: Range<usize>,
    is_payload: bool,
}

impl<'t> Tags<'t> {
    fn new(text: &'t str, all: &[Range<usize>]) -> Self {
        let mut closing: FastMap<&str, Vec<usize>> = FastMap::default();
        for (i, line) in all.iter().enumerate() {
            if let Some(name) = closing_tag(&text[line.clone()]) {
                closing.entry(name).or_default().push(i);
            }
        }
        Tags { closing }
    }

    /// If an HTML page begins on line `i`: the line with its end.
    fn page_end(&self, text: &str, all: &[Range<usize>], i: usize) -> Option<usize> {
        let head = text[all[i].clone()].trim_start().get(..6)?.to_ascii_lowercase();
        if !(head.starts_with("<!doct") || head == "<html>" || head == "<html ") {
            return None;
        }
        let closing = self.closing.get("html")?;
        let last = *closing.get(closing.partition_point(|j| *j < i))?;
        (all[last].end - all[i].start >= MIN_PAYLOAD_BYTES).then_some(last)
    }

    /// The section that a tag on line `i` opens.
    fn section(&self, text: &str, all: &[Range<usize>], i: usize) -> Option<Section> {
        let line = text[all[i].clone()].trim();
        let (name, rest) = opening_tag(line)?;
        let is_payload = names(PAYLOAD_TAGS, name);
        if !is_payload && !names(INSTRUCTION_TAGS, name) {
            return None;
        }
        let closing = self.closing.get(name)?;
        let last = *closing.get(closing.partition_point(|j| *j < i))?;
        let ends_alone = text[all[last].clone()].trim().starts_with("</");
        let inner = if last > i && rest.is_empty() && ends_alone {
            all[i].end..all[last].start
        } else {
            all[i].start..all[last].end
        };
        Some(Section { last, inner, is_payload })
    }
}

/// Name of the tag that a line begins with, and what follows the tag.
fn opening_tag(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_prefix('<')?;
    let len = name_len(inner);
    let end = inner.find('>').filter(|end| *end <= 300)?;
    let fits = len > 0 && (end == len || inner[len..].starts_with(' ')) && !inner[..end].ends_with('/');
    fits.then(|| (&inner[..len], inner[end + 1..].trim()))
}

/// Name of the closing tag that a line ends with.
fn closing_tag(line: &str) -> Option<&str> {
    let inner = line.trim_end().strip_suffix('>')?;
    let start = inner.rfind("</").filter(|at| inner.len() - at <= 60)?;
    let name = &inner[start + 2..];
    (name_len(name) == name.len() && !name.is_empty()).then_some(name)
}

fn name_len(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-').count()
}

/// Whether `list` has the name, without case, plural, number and with `_` for `-`.
fn names(list: &[&str], name: &str) -> bool {
    if name.len() > 40 {
        return false;
    }
    let name = name.to_ascii_lowercase().replace('-', "_");
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    list.contains(&name) || name.strip_suffix('s').is_some_and(|singular| list.contains(&singular))
}
