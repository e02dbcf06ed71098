//! Tables in text: which layout a text has, and where its head and its records are.
//!
//! A record is a line, or several where a quoted CSV field holds line breaks. Cost: linear;
//! recognition looks at a bounded sample.

use std::ops::Range;

use crate::select;

/// How a table is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Fields between this byte, quoted as in CSV.
    Delimited(u8),
    /// Cells between bars: Markdown, psql, MySQL, box-drawn.
    Bars,
    /// Columns of fixed places below a head (`kubectl get`, `ps`, `docker ps`).
    Columns,
    /// Lines of `ls -l`.
    Listing,
}

/// A table and what stands around it.
#[derive(Debug)]
pub struct Grid {
    /// The layout.
    pub layout: Layout,
    /// Units that cover the text: lines, or records of several lines.
    pub units: Vec<Range<usize>>,
    /// The units before this one are the head.
    pub first: usize,
    /// The units from this one on are a foot (a closing border, a count of rows).
    pub end: usize,
}

/// Lines that recognition looks at.
const SAMPLE_LINES: usize = 200;
/// Fewer lines than this are no table worth compressing.
const MIN_LINES: usize = 6;
/// At least this share of the lines must have the table's layout, in percent.
const MIN_FITTING_PERCENT: usize = 90;
/// Longer fields are no names of columns.
const MAX_NAME_BYTES: usize = 40;
/// Cells of more words than this on average, below no names, are parts of sentences.
const MAX_WORDS_PER_CELL: usize = 3;
/// A line longer than this is no row of a table.
const MAX_LINE_BYTES: usize = 4000;

/// The layout of a text, and how sure that is (0 to 100).
pub fn recognise(text: &str) -> Option<(Layout, u8)> {
    let sample: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(SAMPLE_LINES).collect();
    if sample.len() < MIN_LINES || sample.iter().any(|line| line.len() > MAX_LINE_BYTES) {
        return None;
    }
    let most = |n: usize| n * 100 >= sample.len() * MIN_FITTING_PERCENT;
    if sample.iter().take(4).any(|line| is_border(line))
        && most(sample.iter().filter(|l| has_bar(l) || is_border(l)).count() + 1)
    {
        return Some((Layout::Bars, 88));
    }
    if most(sample.iter().filter(|line| is_permissions(line)).count() + 1) {
        return Some((Layout::Listing, 85));
    }
    for delimiter in [b'\t', b',', b';', b'|'] {
        if is_delimited(&sample, delimiter) {
            // With a head it is surer than a log whose lines begin with a time.
            let headed = fields(sample[0], delimiter).iter().all(|name| is_name(name));
            return Some((Layout::Delimited(delimiter), if headed { 90 } else { 78 }));
        }
    }
    columns_head(&sample).map(|_| (Layout::Columns, 86))
}

/// Lines that may stand above the head of a table (`Active Internet connections (only servers)`).
const MAX_LEAD_LINES: usize = 2;
/// The same above names in capitals (`top`).
const MAX_LEAD_LINES_CAPITAL: usize = 8;

/// How many lines, blank ones aside, belong to the head of a table whose columns stand at fixed places.
fn columns_head(sample: &[&str]) -> Option<usize> {
    if sample.len() < MIN_LINES {
        return None;
    }
    for lead in 0..=MAX_LEAD_LINES_CAPITAL.min(sample.len() - MIN_LINES) {
        let (head, rows) = (sample[lead], &sample[lead + 1..]);
        if lead > MAX_LEAD_LINES {
            if is_capital_head(head, rows) {
                return Some(lead + 1);
            }
            continue;
        }
        if is_rule(rows[0]) && is_below_rule(head, rows) {
            return Some(lead + 2);
        }
        let is_head = is_capital_head(head, rows) || is_aligned_head(head, rows);
        if is_head || (lead == 0 && is_above_numbers(head, rows)) {
            return Some(lead + 1);
        }
    }
    None
}

/// Groups of dashes below names: `------- -----`.
fn is_rule(line: &str) -> bool {
    let mut groups = 0;
    line.split_whitespace().all(|group| {
        groups += 1;
        group.len() >= 2 && group.bytes().all(|b| b == b'-' || b == b'=')
    }) && groups >= 2
}

/// Whether the columns that a rule marks have blanks between them in the head and in the rows.
fn is_below_rule(head: &str, rows: &[&str]) -> bool {
    let rule = rows[0].as_bytes();
    let between: Vec<usize> = (0..rule.len()).filter(|at| rule[*at] == b' ').collect();
    let fits = |line: &str| between.iter().all(|at| line.as_bytes().get(*at).is_none_or(|b| *b == b' '));
    fits(head) && !head.trim().is_empty() && share(&rows[1..], fits) >= MIN_FITTING_PERCENT
}

/// A head of at least three names, two spaces or more apart, each at the left or right end of what stands
/// below it (`netstat`, `systemctl`, `winget list`).
fn is_aligned_head(head: &str, rows: &[&str]) -> bool {
    if !head.is_ascii() || head.ends_with(['.', ':', ',']) {
        return false;
    }
    let mut names: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for part in head.split("  ") {
        let lead = part.len() - part.trim_start().len();
        if !part.trim().is_empty() {
            names.push(at + lead..at + lead + part.trim().len());
        }
        at += part.len() + 2;
    }
    if names.len() < 3 || !names.iter().all(|name| is_name(&head[name.clone()])) {
        return false;
    }
    let is_blank = |row: &[u8], at: usize| row.get(at).is_none_or(|b| *b == b' ');
    let is_column = |name: &Range<usize>| {
        let starts = |row: &str| {
            let b = row.as_bytes();
            b.len() > name.start && b[name.start] != b' ' && (name.start == 0 || b[name.start - 1] == b' ')
        };
        let ends = |row: &str| {
            let b = row.as_bytes();
            b.len() >= name.end && b[name.end - 1] != b' ' && is_blank(b, name.end)
        };
        // What stands below a name is no second such name.
        let is_name_again =
            |row: &&&str| row.get(name.clone()).is_some_and(|cell| cell == &head[name.clone()]);
        let aligned = share(rows, starts).max(share(rows, ends));
        aligned >= MIN_ALIGNED_PERCENT && !rows.iter().any(|row| is_name_again(&row))
    };
    // Names of numbers to the right of their column hardly stand above them.
    names.iter().filter(|name| is_column(name)).count() * 100 >= names.len() * MIN_ALIGNED_PERCENT
        && share(rows, |row| row.contains("  ")) >= MIN_FITTING_PERCENT
        && share(rows, |row| names.iter().all(|n| n.start == 0 || is_blank(row.as_bytes(), n.start - 1)))
            >= MIN_FITTING_PERCENT
}

/// So many in a hundred rows must have a cell at a name's left or right end, for so many of the names; cells may be
/// empty, and wider than their names.
const MIN_ALIGNED_PERCENT: usize = 60;

impl Grid {
    /// Splits a text of a known layout.
    pub fn new(text: &str, layout: Layout) -> Self {
        let units = match layout {
            Layout::Delimited(_) => records(text),
            _ => select::lines(text),
        };
        let line = |i: usize| text[units[i].clone()].trim();
        let whole = |i: usize| text[units[i].clone()].trim_end_matches(['\n', '\r']);
        let (mut first, mut end) = (0, units.len());
        match layout {
            Layout::Bars => {
                // The head ends with the border below the names.
                let borders: Vec<usize> = (0..units.len().min(5)).filter(|i| is_border(line(*i))).collect();
                let below = if borders.first() == Some(&0) { borders.get(1) } else { borders.first() };
                first = below.map_or(0, |i| i + 1);
                while end > first && (!has_bar(line(end - 1)) || is_border(line(end - 1))) {
                    end -= 1;
                }
            }
            Layout::Listing => {
                while first < end && !is_permissions(line(first)) {
                    first += 1;
                }
            }
            Layout::Columns => {
                let lines: Vec<&str> =
                    (0..end).filter(|i| !line(*i).is_empty()).take(SAMPLE_LINES).map(whole).collect();
                let mut left = columns_head(&lines).unwrap_or(1);
                while first < end && left > 0 {
                    left -= usize::from(!line(first).is_empty());
                    first += 1;
                }
            }
            Layout::Delimited(_) => {
                while first < end && line(first).is_empty() {
                    first += 1;
                }
                first = (first + 1).min(end);
            }
        }
        while end > first && line(end - 1).is_empty() {
            end -= 1;
        }
        Grid { layout, units, first, end }
    }

    /// The head, in bytes of the text.
    pub fn head(&self) -> Range<usize> {
        0..self.units.get(self.first).map_or(0, |unit| unit.start)
    }

    /// The records, in bytes of the text.
    pub fn rows(&self) -> &[Range<usize>] {
        &self.units[self.first..self.end]
    }
}

/// Lines, where a line break inside quotes ends none.
pub fn records(text: &str) -> Vec<Range<usize>> {
    let b = text.as_bytes();
    let mut out = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for at in memchr::memchr2_iter(b'\n', b'"', b) {
        if b[at] == b'"' {
            quoted = !quoted;
        } else if !quoted {
            out.push(start..at + 1);
            start = at + 1;
        }
    }
    if quoted {
        // A quote that is never closed is a character like others.
        return select::lines(text);
    }
    if start < b.len() {
        out.push(start..b.len());
    }
    out
}

/// The fields of a record, as they stand (quotes included, line break excluded).
pub fn fields(record: &str, delimiter: u8) -> Vec<&str> {
    let record = record.strip_suffix('\n').unwrap_or(record);
    let record = record.strip_suffix('\r').unwrap_or(record);
    let mut out = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for at in memchr::memchr2_iter(delimiter, b'"', record.as_bytes()) {
        if record.as_bytes()[at] == b'"' {
            quoted = !quoted;
        } else if !quoted {
            out.push(&record[start..at]);
            start = at + 1;
        }
    }
    out.push(&record[start..]);
    out
}

/// Whether all lines have the same number of fields, and the fields are short like data.
fn is_delimited(lines: &[&str], delimiter: u8) -> bool {
    let wanted = fields(lines[0], delimiter).len();
    // Two columns between commas are also what prose and code have.
    if wanted < if delimiter == b'\t' { 2 } else { 3 } {
        return false;
    }
    let mut fitting = 0;
    let mut worded = 0;
    let (mut cells, mut blanks) = (0, 0);
    for line in lines {
        let fields = fields(line, delimiter);
        // An odd number of quotes: the record goes on in the next line.
        let goes_on = memchr::memchr_iter(b'"', line.as_bytes()).count() % 2 == 1;
        fitting += usize::from(fields.len() == wanted || goes_on);
        // After a comma in prose and code stands a space.
        worded += usize::from(fields.len() > 1 && fields[1..].iter().all(|f| f.starts_with(' ')));
        cells += fields.len();
        blanks += memchr::memchr_iter(b' ', line.as_bytes()).count();
    }
    // Paragraphs may have the same number of commas by chance.
    if blanks > cells * MAX_WORDS_PER_CELL && !fields(lines[0], delimiter).iter().all(|name| is_name(name)) {
        return false;
    }
    fitting * 100 >= lines.len() * MIN_FITTING_PERCENT && worded * 2 < lines.len()
}

fn has_bar(line: &str) -> bool {
    line.contains(['|', '│', '║', '┃'])
}

/// A line of dashes and joints only: `|---|:--:|`, `----+----`, `+----+`, `├──┼──┤`.
pub fn is_border(line: &str) -> bool {
    let line = line.trim();
    let mut dashes = 0;
    let mut joints = 0;
    for c in line.chars() {
        match c {
            '-' | '=' | '─' | '═' | '━' => dashes += 1,
            '|' | '+' | '\u{2500}'..='\u{257f}' => joints += 1,
            ':' | ' ' => {}
            _ => return false,
        }
    }
    dashes >= 3 && (joints >= 1 || is_rule(line))
}

fn is_permissions(line: &str) -> bool {
    let b = line.as_bytes();
    b.len() > 20
        && b"-dlbcpsD".contains(&b[0])
        && b[1..10].iter().all(|c| b"rwxsStT-".contains(c))
        && b[10..].contains(&b' ')
}

/// Whether a field of a first line is a column's name.
fn is_name(field: &str) -> bool {
    let field = field.trim().trim_matches('"');
    field.len() <= MAX_NAME_BYTES
        && field.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '#')
        && !field.contains("://")
}

/// A head of at least three words in capitals (`NAME   READY   STATUS`, `USER  PID %CPU`) above lines
/// that have a word for each.
fn is_capital_head(head: &str, rows: &[&str]) -> bool {
    let allowed = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || b" -_()/%+#:".contains(&c);
    let words = head.split_whitespace().count();
    if words < 3
        || !head.bytes().all(allowed)
        || !head.starts_with(|c: char| c.is_ascii_uppercase() || c == ' ')
    {
        return false;
    }
    // Names of two words have two spaces or more around them (`CONTAINER ID   IMAGE`).
    let columns = head.split("  ").filter(|part| !part.trim().is_empty()).count();
    let wanted = if columns >= 3 { columns - 1 } else { words };
    share(rows, |row| row.split_whitespace().count() >= wanted && row.contains("  ")) >= MIN_FITTING_PERCENT
}

/// A head without numbers above lines of as many words, of which at least two are numbers (`df`, `free`).
fn is_above_numbers(head: &str, rows: &[&str]) -> bool {
    let names: Vec<&str> = head.split_whitespace().collect();
    if names.len() < 4 || names.iter().any(|name| is_number(name)) || !head.contains("  ") {
        return false;
    }
    let fits = |row: &&str| {
        let words = row.split_whitespace();
        // A name of two words (`Mounted on`) has one word below it.
        let (n, numbers) =
            words.fold((0, 0), |(n, numbers), word| (n + 1, numbers + usize::from(is_number(word))));
        (n == names.len() || n + 1 == names.len()) && numbers >= 2
    };
    share(rows, |row| fits(&row)) >= MIN_FITTING_PERCENT
}

fn is_number(word: &str) -> bool {
    let digits = word.trim_end_matches(['%', 'K', 'M', 'G', 'T', 'B', 'i', 'k', 's', 'm', 'h', 'd']);
    !digits.is_empty()
        && digits.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && digits[1..].bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Percent of the lines for which `fits` holds.
fn share(lines: &[&str], fits: impl Fn(&str) -> bool) -> usize {
    100 * lines.iter().filter(|line| fits(line)).count() / lines.len().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Option<Layout> {
        recognise(text).map(|(layout, _)| layout)
    }

    #[test]
    fn layouts_are_recognised() {
        let rows = |line: &str| [line; 8].join("\n");
        assert_eq!(
            layout(&format!("id,name,ok\n{}", rows("1,\"a, b\",true"))),
            Some(Layout::Delimited(b','))
        );
        assert_eq!(layout(&format!("id\tname\n{}", rows("1\tx y"))), Some(Layout::Delimited(b'\t')));
        assert_eq!(layout(&format!("| a | b |\n|---|--:|\n{}", rows("| 1 | 2 |"))), Some(Layout::Bars));
        assert_eq!(layout(&format!(" a | b \n---+---\n{}\n(8 rows)", rows(" 1 | 2"))), Some(Layout::Bars));
        assert_eq!(
            layout(&format!("NAME     READY   STATUS\n{}", rows("api-1    1/1     Running"))),
            Some(Layout::Columns)
        );
        assert_eq!(
            layout(&format!("total 8\n{}", rows("-rw-r--r-- 1 root root 12 Jan  1 10:00 a"))),
            Some(Layout::Listing)
        );
        for (head, row) in [
            (
                "Active connections\nProto Recv-Q  Local Address    State",
                "tcp        0  0.0.0.0:22       LISTEN",
            ),
            ("Package  Version\n-------- -------", "idna     3.7"),
            ("Name      Id         Version", "Git       Git.Git    2.44"),
        ] {
            assert_eq!(layout(&format!("{head}\n{}", rows(row))), Some(Layout::Columns), "{head}");
        }
    }

    #[test]
    fn other_texts_are_no_tables() {
        for line in [
            "Some words, and some more, and that is all.",
            "let (a, b, c) = (1, 2, 3);",
            "src/a.rs:12: fn main()",
            "2024-01-01 10:00:00 INFO started, took 5 ms",
            "plain",
            "WARN  slow  disk",
            "It is long, about 1,200 km from its source to the sea, and it was first mapped by Meyer, in 1700.",
            "12 34  56 78",
            "",
        ] {
            assert_eq!(layout(&vec![line; 20].join("\n")), None, "{line}");
        }
        assert_eq!(layout("a,b,c\n1,2,3\n"), None, "too short");
    }

    #[test]
    fn units_cover_the_text() {
        let text = "id,name,x\n1,\"a\nb\",2\n3,c,4\n\n";
        let grid = Grid::new(text, Layout::Delimited(b','));
        let joined: String = grid.units.iter().map(|r| &text[r.clone()]).collect();
        assert_eq!(joined, text);
        assert_eq!(
            grid.rows().iter().map(|r| &text[r.clone()]).collect::<Vec<_>>(),
            ["1,\"a\nb\",2\n", "3,c,4\n"]
        );
        assert_eq!(&text[grid.head()], "id,name,x\n");
    }
}
