//! XML lists as records: feeds, reports, exports. If the question names a few of the records, these, the
//! first, the last and those that tell of errors stay; else all do. One pass with a stack, no recursion.

use std::ops::Range;

use super::Context;
use crate::mark::{self, Rendered, Unit};
use crate::score::bm25::Index;
use crate::{score, select};

/// Fewer records of a name are no list.
const MIN_RECORDS: usize = 8;
/// The records must make up this share of the text.
const MIN_LIST_SHARE: f64 = 0.6;
/// The question must pick out at most so many records, or this share of them.
const MAX_HITS: usize = 3;
const MAX_HIT_SHARE: f64 = 0.1;
/// A record has what is asked for if it covers this share of the question.
const MIN_COVERAGE: f64 = 0.7;
/// If more of the records tell of errors, that does not set them apart.
const MAX_ERROR_SHARE: f64 = 0.3;
/// Deeper nesting is not read.
const MAX_DEPTH: usize = 256;

/// Leaves out the records that the question does not concern.
pub(super) fn select(text: &str, cx: &Context<'_>) -> Option<Rendered> {
    let asked = &cx.query.question;
    if score::scope::asks_about_all(asked) || score::scope::asks_beyond(asked) {
        return None;
    }
    let records = records(text)?;
    let inside: usize = records.iter().map(Range::len).sum();
    if (inside as f64) < MIN_LIST_SHARE * text.len() as f64 {
        return None;
    }
    let hits = hits(text, &records, cx)?;
    let most = MAX_HITS.max((records.len() as f64 * MAX_HIT_SHARE) as usize);
    let count = hits.iter().filter(|hit| **hit).count();
    if count == 0 || count > most {
        return None;
    }
    let errors: Vec<bool> = records.iter().map(|r| tells_of_error(&text[r.clone()])).collect();
    let error_count = errors.iter().filter(|e| **e).count();
    let use_errors = error_count as f64 <= MAX_ERROR_SHARE * records.len() as f64;
    let last = records.len() - 1;
    let keep: Vec<bool> =
        (0..records.len()).map(|i| i == 0 || i == last || hits[i] || (use_errors && errors[i])).collect();
    let mut pieces = Vec::new();
    let mut done = 0;
    // What stands between records (comments, other elements) stays; it parts the runs of records.
    let mut i = 0;
    while i < records.len() {
        let mut j = i + 1;
        while j < records.len() && records[j].start == records[j - 1].end {
            j += 1;
        }
        if records[i].start > done {
            pieces.push(mark::Piece::Keep(done..records[i].start));
        }
        for mut piece in select::pieces(&records[i..j], &keep[i..j], Unit::Record, |_| None) {
            if let mark::Piece::Omit { omission, .. } = &mut piece {
                omission.first += i;
            }
            pieces.push(piece);
        }
        done = records[j - 1].end;
        i = j;
    }
    pieces.push(mark::Piece::Keep(done..text.len()));
    Some(mark::render(text, pieces, vec!["markup:select"]))
}

/// Which records the question names: by a literal, else by its terms.
fn hits(text: &str, records: &[Range<usize>], cx: &Context<'_>) -> Option<Vec<bool>> {
    for literal in &cx.query.literals {
        let finder = memchr::memmem::Finder::new(literal.as_bytes());
        let found: Vec<bool> =
            records.iter().map(|r| finder.find(&text.as_bytes()[r.clone()]).is_some()).collect();
        let count = found.iter().filter(|f| **f).count();
        if count > 0 && count <= MAX_HITS {
            return Some(found);
        }
    }
    let terms = score::question::terms(score::question::question(&cx.query.question)?.text);
    let index = Index::new(records.iter().map(|r| &text[r.clone()]));
    let coverage = index.units.coverage(&index.weigh(&terms));
    Some(coverage.into_iter().map(|c| c >= MIN_COVERAGE).collect())
}

fn tells_of_error(record: &str) -> bool {
    ["error", "fail", "fatal", "exception", "Error", "Fail", "ERROR", "FAIL", "Exception"]
        .iter()
        .any(|word| memchr::memmem::find(record.as_bytes(), word.as_bytes()).is_some())
}

struct Element<'t> {
    name: &'t str,
    start: usize,
    /// Name of its first child, and the children of that name.
    child: &'t str,
    children: Vec<Range<usize>>,
}

/// The longest list of sibling elements of one name, each with the blanks around it that make it a line.
pub(super) fn records(text: &str) -> Option<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let mut stack: Vec<Element<'_>> = Vec::new();
    let mut best: (usize, Vec<Range<usize>>) = (0, Vec::new());
    let mut at = 0;
    while let Some(n) = memchr::memchr(b'<', &bytes[at..]) {
        let start = at + n;
        let rest = &text[start..];
        if let Some(end) = declaration_len(rest) {
            at = start + end;
            continue;
        }
        let end = start + tag_len(rest.as_bytes())?;
        let inner = &text[start + 1..end - 1];
        at = end;
        let closed = if let Some(name) = inner.strip_prefix('/') {
            let element = stack.pop()?;
            if element.name != name.trim() {
                return None;
            }
            Some(element)
        } else {
            let name = &inner[..inner.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inner.len())];
            let element = Element { name, start, child: "", children: Vec::new() };
            if inner.ends_with('/') {
                Some(element)
            } else {
                if stack.len() >= MAX_DEPTH {
                    return None;
                }
                stack.push(element);
                None
            }
        };
        if let Some(element) = closed {
            if element.children.len() >= MIN_RECORDS {
                let size: usize = element.children.iter().map(Range::len).sum();
                if size > best.0 {
                    best = (size, element.children);
                }
            }
            if let Some(parent) = stack.last_mut() {
                if parent.children.is_empty() {
                    parent.child = element.name;
                }
                // Feeds have a few other elements before the list: the list's name is what comes again.
                if parent.child != element.name && parent.children.len() < 3 {
                    parent.children.clear();
                    parent.child = element.name;
                }
                if parent.child == element.name {
                    parent.children.push(as_line(bytes, element.start, end));
                }
            }
        }
    }
    (stack.is_empty() && best.1.len() >= MIN_RECORDS).then_some(best.1)
}

/// An element with the indentation before and the newline after it, if it has lines to itself.
fn as_line(bytes: &[u8], start: usize, end: usize) -> Range<usize> {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let from = start - bytes[..start].iter().rev().take_while(|b| is_blank(b)).count();
    let mut to = end + bytes[end..].iter().take_while(|b| is_blank(b) || **b == b'\r').count();
    let begins = from == 0 || bytes[from - 1] == b'\n';
    if begins && bytes.get(to) == Some(&b'\n') {
        to += 1;
        from..to
    } else {
        start..end
    }
}

/// Bytes of a comment, declaration, CDATA section or processing instruction.
fn declaration_len(rest: &str) -> Option<usize> {
    let close: &[u8] = if rest.starts_with("<!--") {
        b"-->"
    } else if rest.starts_with("<![CDATA[") {
        b"]]>"
    } else if rest.starts_with("<?") {
        b"?>"
    } else if rest.starts_with("<!") {
        b">"
    } else {
        return None;
    };
    Some(memchr::memmem::find(rest.as_bytes(), close).map_or(rest.len(), |n| n + close.len()))
}

/// Bytes of a tag, quotes respected.
fn tag_len(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr3(b'>', b'"', b'\'', rest.get(at..)?)?;
        match rest[at] {
            b'>' => return (at > 1).then_some(at + 1),
            quote => at += 2 + memchr::memchr(quote, rest.get(at + 1..)?)?,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::Source;
    use crate::options::Options;
    use crate::score::Query;
    use crate::tokens::Counter;

    fn compress(text: &str, question: &str) -> Option<Rendered> {
        let (tokens, query, options) =
            (Counter::for_model("gpt-4o"), Query::new(question, ""), Options::default());
        super::select(
            text,
            &Context {
                tokens: &tokens,
                query: &query,
                options: &options,
                tool: None,
                source: Source::ToolOutput,
            },
        )
    }

    fn report() -> String {
        let cases: String = (0..40)
            .map(|i| {
                let body = if i == 20 { "<failure message=\"boom\"/>" } else { "" };
                format!("    <testcase name=\"test_{i}\" time=\"0.{i}\">{body}</testcase>\n")
            })
            .collect();
        format!("<?xml version=\"1.0\"?>\n<suite>\n  <properties/>\n{cases}</suite>\n")
    }

    #[test]
    fn the_named_record_and_the_failure_stay() {
        let out = compress(&report(), "How long did test_7 take?").unwrap();
        assert!(out.text.contains("test_7\"") && out.text.contains("boom") && out.text.contains("test_39"));
        assert!(out.text.contains("\n[… 6 records 2-7]\n"), "{}", out.text);
        assert_eq!(out.omissions.iter().map(|o| o.count).sum::<usize>(), 36);
    }

    #[test]
    fn nothing_goes_without_a_gate() {
        assert_eq!(compress(&report(), ""), None);
        assert_eq!(compress(&report(), "What failed?"), None);
        assert_eq!(compress(&report().replace("</suite>", ""), "How long did test_7 take?"), None);
    }

    #[test]
    fn hostile_input() {
        for unit in ["<a>", "<a", "<a b='", "</a>", "<!--", "<a/>", "<![CDATA["] {
            records(&unit.repeat(200_000 / unit.len()));
        }
    }
}
