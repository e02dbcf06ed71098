//! XML lists without loss: what consecutive records share is written once, as a form with `{}` where they
//! differ, and a row of cells per record.
//!
//! ```text
//! {3 records of 4 lines by ,}:
//!   <dependency>
//!     <artifactId>{}</artifactId>
//!     <scope>test</scope>
//!   </dependency>
//! core
//! api
//! web
//! ```
//!
//! `by` names what stands between the cells. Records that do not take whole lines are `inline`: the line
//! breaks before the form, after it and after the last row are not part of the text. Everything else stands
//! as it is. Byte-exact: an encoding that does not decode to the input is not used. Cost: linear.

use std::ops::Range;

/// What the header says.
pub const WORDS: &str = "records as rows, {} in the form are their cells";
/// Fewer alike are not worth a form.
const MIN_RECORDS: usize = 3;
/// What a hole of a form looks like.
const HOLE: &str = "{}";
/// What may stand between cells; the first that no cell holds is used.
const SEPARATORS: [char; 4] = [',', '|', ';', '\t'];
/// A forged count must not make a text grow without end: decoded texts are at most so many times longer.
const MAX_GROWTH: usize = 200;

/// A record: what stands still, and what stands between.
#[derive(Debug, PartialEq, Eq)]
struct Record<'t> {
    /// One more than there are cells.
    still: Vec<&'t str>,
    cells: Vec<&'t str>,
}

/// Encodes the records at `ranges` of `text`; `None` if nothing is gained.
pub fn encode(text: &str, ranges: &[Range<usize>]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut i = 0;
    while i < ranges.len() {
        let first = record(&text[ranges[i].clone()]);
        let mut run = vec![first];
        while let Some(next) =
            ranges.get(i + run.len()).filter(|next| next.start == ranges[i + run.len() - 1].end)
        {
            let next = record(&text[next.clone()]);
            if next.still != run[0].still {
                break;
            }
            run.push(next);
        }
        let whole = ranges[i].start..ranges[i + run.len() - 1].end;
        i += run.len();
        if let Some(table) = table(&run) {
            out.push_str(&text[done..whole.start]);
            let is_inline = !text[whole.clone()].ends_with('\n')
                || !(whole.start == 0 || text[..whole.start].ends_with('\n'));
            if is_inline && !out.is_empty() {
                out.push('\n');
            }
            table.write(is_inline, &mut out);
            done = whole.end;
        }
    }
    out.push_str(&text[done..]);
    (done > 0 && out.len() < text.len() && decode(&out)? == text).then_some(out)
}

/// The text behind an encoded one.
pub fn decode(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len() * 2);
    let mut lines = body.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let Some(intro) = Intro::parse(line.trim_end_matches('\n')) else {
            out.push_str(line);
            continue;
        };
        if intro.is_inline && out.ends_with('\n') {
            out.pop();
        }
        let mut form = String::new();
        for _ in 0..intro.lines {
            form.push_str(lines.next()?);
        }
        if intro.is_inline {
            form.pop();
        }
        let still: Vec<&str> = form.split(HOLE).collect();
        for _ in 0..intro.records {
            let row = lines.next()?;
            let row = row.strip_suffix('\n').unwrap_or(row);
            let mut cells = row.split(intro.separator);
            for (i, still) in still.iter().enumerate() {
                if i > 0 {
                    out.push_str(cells.next()?);
                }
                out.push_str(still);
            }
            if (still.len() > 1 && cells.next().is_some()) || out.len() > body.len() * MAX_GROWTH {
                return None;
            }
        }
    }
    Some(out)
}

/// A run of records alike.
struct Table<'t> {
    form: String,
    rows: Vec<Vec<&'t str>>,
    separator: char,
}

/// The table of a run, if it can be written as one.
fn table<'t>(run: &[Record<'t>]) -> Option<Table<'t>> {
    if run.len() < MIN_RECORDS || run[0].cells.is_empty() {
        return None;
    }
    let n = run[0].cells.len();
    let varies: Vec<bool> =
        (0..n).map(|k| run.iter().any(|record| record.cells[k] != run[0].cells[k])).collect();
    let mut form = String::new();
    for (k, still) in run[0].still.iter().enumerate() {
        form.push_str(still);
        if k < n {
            form.push_str(if varies[k] { HOLE } else { run[0].cells[k] });
        }
    }
    let holes = varies.iter().filter(|varies| **varies).count();
    if holes == 0 || form.matches(HOLE).count() != holes {
        return None;
    }
    let rows: Vec<Vec<&str>> =
        run.iter().map(|record| (0..n).filter(|k| varies[*k]).map(|k| record.cells[k]).collect()).collect();
    let is_free = |c: &char| rows.iter().flatten().all(|cell| !cell.contains(*c));
    let separator = SEPARATORS.into_iter().find(is_free)?;
    (rows.iter().flatten().all(|cell| !cell.contains('\n'))).then_some(Table { form, rows, separator })
}

impl Table<'_> {
    fn write(&self, is_inline: bool, out: &mut String) {
        let form = if is_inline { format!("{}\n", self.form) } else { self.form.clone() };
        let intro = Intro {
            records: self.rows.len(),
            lines: form.matches('\n').count(),
            separator: self.separator,
            is_inline,
        };
        out.push_str(&intro.words());
        out.push('\n');
        out.push_str(&form);
        for (i, row) in self.rows.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            for (k, cell) in row.iter().enumerate() {
                if k > 0 {
                    out.push(self.separator);
                }
                out.push_str(cell);
            }
        }
        out.push('\n');
    }
}

/// The line above a form.
#[derive(Debug, PartialEq, Eq)]
struct Intro {
    records: usize,
    lines: usize,
    separator: char,
    is_inline: bool,
}

impl Intro {
    fn words(&self) -> String {
        let separator = if self.separator == '\t' { "tab".to_owned() } else { self.separator.to_string() };
        let (inline, plural) =
            (if self.is_inline { "inline " } else { "" }, if self.lines == 1 { "" } else { "s" });
        format!("{{{} {inline}records of {} line{plural} by {separator}}}:", self.records, self.lines)
    }

    fn parse(line: &str) -> Option<Self> {
        let inner = line.strip_prefix('{')?.strip_suffix("}:")?;
        let (records, rest) = inner.split_once(' ')?;
        let (rest, is_inline) = rest.strip_prefix("inline ").map_or((rest, false), |rest| (rest, true));
        let (lines, rest) = rest.strip_prefix("records of ")?.split_once(" line")?;
        let separator = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(" by ")?;
        let separator = if separator == "tab" { '\t' } else { separator.chars().next()? };
        let out = Intro { records: records.parse().ok()?, lines: lines.parse().ok()?, separator, is_inline };
        (out.lines > 0 && out.words() == line).then_some(out)
    }
}

/// Splits a record: texts between tags and values of attributes are cells, the rest stands still.
fn record(text: &str) -> Record<'_> {
    let b = text.as_bytes();
    let mut out = Record { still: Vec::new(), cells: Vec::new() };
    let (mut at, mut still) = (0, 0);
    let mut cell = |range: Range<usize>, still: &mut usize| {
        out.still.push(&text[*still..range.start]);
        out.cells.push(&text[range.clone()]);
        *still = range.end;
    };
    while at < b.len() {
        if b[at] != b'<' {
            let end = memchr::memchr(b'<', &b[at..]).map_or(b.len(), |n| at + n);
            if !text[at..end].trim().is_empty() {
                cell(at..end, &mut still);
            }
            at = end;
            continue;
        }
        let rest = &text[at..];
        if rest.starts_with("<![CDATA[") {
            let end = memchr::memmem::find(rest.as_bytes(), b"]]>").map_or(b.len(), |n| at + n);
            cell(at + 9..end.max(at + 9), &mut still);
            at = end;
            // The brackets that close it stand still.
            at += usize::from(at < b.len()) * 3;
            continue;
        }
        if rest.starts_with("<!--") {
            at += memchr::memmem::find(rest.as_bytes(), b"-->").map_or(rest.len(), |n| n + 3);
            continue;
        }
        // A tag: values in quotes are cells.
        at += 1;
        while at < b.len() && b[at] != b'>' {
            if matches!(b[at], b'"' | b'\'') {
                let end = memchr::memchr(b[at], &b[at + 1..]).map_or(b.len(), |n| at + 1 + n);
                cell(at + 1..end, &mut still);
                at = end;
            }
            at += 1;
        }
        at = (at + 1).min(b.len());
    }
    out.still.push(&text[still..]);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kinds::markup::xml;

    fn encoded(text: &str) -> Option<String> {
        encode(text, &xml::records(text)?)
    }

    #[test]
    fn records_become_rows() {
        let records: String = (0..9)
            .map(|i| {
                format!("  <dep>\n    <name>core-{i}</name>\n    <scope kind=\"x\">test</scope>\n  </dep>\n")
            })
            .collect();
        let text = format!("<deps>\n{records}</deps>\n");
        let body = encoded(&text).unwrap();
        assert!(
            body.starts_with(
                "<deps>\n{9 records of 4 lines by ,}:\n  <dep>\n    <name>{}</name>\n    <scope kind=\"x\">test</scope>\n  </dep>\ncore-0\ncore-1\n"
            ) && body.ends_with("core-8\n</deps>\n"),
            "{body}"
        );
        assert_eq!(decode(&body).unwrap(), text);
    }

    #[test]
    fn records_on_one_line() {
        let records: String =
            (0..9).map(|i| format!("<o id=\"{i}\"><n>a,{i}</n><t><![CDATA[x<{i}]]></t></o>")).collect();
        let text = format!("<r>{records}</r>");
        let body = encoded(&text).unwrap();
        assert!(body.starts_with("<r>\n{9 inline records of 1 line by |}:\n<o id=\"{}\"><n>{}</n><t><![CDATA[{}]]></t></o>\n0|a,0|x<0\n"), "{body}");
        assert_eq!(decode(&body).unwrap(), text);
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(
            cells in prop::collection::vec(("[a-z,|{}\n ]{0,4}", "[a-z;]{0,3}", 0..3_u8), 8..20), lines: bool,
        ) {
            let end = if lines { "\n" } else { "" };
            let records: String = cells.iter().map(|(a, b, kind)| match kind {
                0 => format!("<r a=\"{b}\">{a}</r>{end}"),
                1 => format!("<r a=\"{b}\"><![CDATA[{a}]]></r>{end}"),
                _ => format!("<r a=\"{b}\"/>{end}"),
            }).collect();
            let text = format!("<x>{end}{records}</x>{end}");
            if let Some(body) = encoded(&text) {
                prop_assert_eq!(decode(&body).unwrap(), text);
            }
        }

        #[test]
        fn decoding_any_text_does_not_panic(body in "(\\{[0-9]{1,9} (inline )?records of [0-9]{1,3} lines? by [,|]\\}:\n|[a{},\n]){0,12}") {
            let _ = decode(&body);
        }
    }
}
