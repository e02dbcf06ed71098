//! Reads a diff: file headers, hunks with exactly the lines their counts promise, and everything else
//! (commit messages, statistics, wrappers) line by line. Linear; nothing is lost: the parts of a diff
//! cover its lines in order.

use std::ops::Range;

/// A part of the text; ranges count lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'t> {
    /// A line that belongs to no file.
    Raw(usize),
    /// The header of a file, up to its first hunk.
    Head(Head<'t>),
    /// A hunk.
    Hunk(Hunk<'t>),
    /// The data of a binary patch.
    Binary(Range<usize>),
}

impl Part<'_> {
    /// The lines of the part.
    pub fn lines(&self) -> Range<usize> {
        match self {
            Part::Raw(line) => *line..*line + 1,
            Part::Head(head) => head.lines.clone(),
            Part::Hunk(hunk) => hunk.head..hunk.body.end,
            Part::Binary(lines) => lines.clone(),
        }
    }
}

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'t> {
    /// Its lines.
    pub lines: Range<usize>,
    /// The file as it is called after the change (before it, if it was deleted).
    pub path: &'t str,
}

/// A hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk<'t> {
    /// The line of its `@@` header.
    pub head: usize,
    /// Its lines below that.
    pub body: Range<usize>,
    /// What the header says.
    pub at: At<'t>,
    /// Whether all lines that the header promises are there.
    pub is_whole: bool,
}

/// A hunk's header: `@@ -old +new @@ section`. Starts are those of the first line concerned, also
/// where a side is empty (there the printed number is one less).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<'t> {
    /// First line and count before the change.
    pub old: (usize, usize),
    /// First line and count after the change.
    pub new: (usize, usize),
    /// What follows the second `@@`, with its space.
    pub section: &'t str,
}

/// Larger numbers are no line numbers.
const MAX_LINE: usize = 1 << 40;

impl<'t> At<'t> {
    /// Reads a header in its only canonical spelling.
    pub fn parse(line: &'t str) -> Option<Self> {
        let rest = line.strip_prefix("@@ -")?;
        let (old, rest) = side(rest)?;
        let (new, rest) = side(rest.strip_prefix(" +")?)?;
        let section = rest.strip_prefix(" @@")?;
        let at = At { old, new, section };
        (at.to_string() == line).then_some(at)
    }
}

fn side(s: &str) -> Option<((usize, usize), &str)> {
    let (start, rest) = digits(s)?;
    let (count, rest) = match rest.strip_prefix(',') {
        Some(rest) => digits(rest)?,
        None => (1, rest),
    };
    Some(((start + usize::from(count == 0), count), rest))
}

fn digits(s: &str) -> Option<(usize, &str)> {
    let n = s.bytes().take_while(u8::is_ascii_digit).count();
    let value: usize = s[..n].parse().ok().filter(|v| *v < MAX_LINE)?;
    Some((value, &s[n..]))
}

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("@@ -")?;
        write_side(f, self.old)?;
        f.write_str(" +")?;
        write_side(f, self.new)?;
        write!(f, " @@{}", self.section)
    }
}

fn write_side(f: &mut std::fmt::Formatter<'_>, (start, count): (usize, usize)) -> std::fmt::Result {
    let start = if count == 0 { start.saturating_sub(1) } else { start };
    match count {
        1 => write!(f, "{start}"),
        _ => write!(f, "{start},{count}"),
    }
}

/// Reads the lines of a text.
pub fn parse<'t>(lines: &[&'t str]) -> Vec<Part<'t>> {
    parts(lines).collect()
}

/// Reads the lines of a text, part by part.
pub fn parts<'t>(lines: &[&'t str]) -> impl Iterator<Item = Part<'t>> {
    let mut i = 0;
    std::iter::from_fn(move || {
        if i >= lines.len() {
            return None;
        }
        let part =
            head(lines, i).or_else(|| hunk(lines, i)).or_else(|| binary(lines, i)).unwrap_or(Part::Raw(i));
        i = part.lines().end.max(i + 1);
        Some(part)
    })
}

/// Lines between `diff --git` and `---`.
const EXTENDED: [&str; 11] = [
    "old mode ",
    "new mode ",
    "deleted file mode ",
    "new file mode ",
    "copy from ",
    "copy to ",
    "rename from ",
    "rename to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
];

fn head<'t>(lines: &[&'t str], start: usize) -> Option<Part<'t>> {
    let first = lines[start];
    let mut end = start;
    let mut path = None;
    if let Some(names) = first.strip_prefix("diff --git ") {
        path = same_name(names);
        end = start + 1;
    } else if first.starts_with("diff --cc ") || first.starts_with("diff --combined ") {
        path = first.splitn(3, ' ').nth(2);
        end = start + 1;
    }
    while let Some(line) = lines.get(end).filter(|l| end > start && EXTENDED.iter().any(|e| l.starts_with(e)))
    {
        path = line.strip_prefix("rename to ").or(path);
        end += 1;
    }
    if let (Some(old), Some(new)) = (lines.get(end), lines.get(end + 1))
        && old.starts_with("--- ")
        && new.starts_with("+++ ")
        && (end > start || lines.get(end + 2).is_some_and(|l| l.starts_with("@@ -")))
    {
        path = side_path(new, "b/").or_else(|| side_path(old, "a/")).or(path);
        end += 2;
    }
    (end > start).then(|| Part::Head(Head { lines: start..end, path: path.unwrap_or("") }))
}

/// The path of `a/path b/path`.
fn same_name(names: &str) -> Option<&str> {
    let half = names.len() / 2;
    let (a, b) = (names.get(..half)?.strip_prefix("a/")?, names.get(half..)?.strip_prefix(" b/")?);
    (a == b).then_some(a)
}

fn side_path<'t>(line: &'t str, prefix: &str) -> Option<&'t str> {
    let path = line.get(4..)?;
    let path = path.split('\t').next().unwrap_or(path).trim_end();
    (path != "/dev/null").then(|| path.strip_prefix(prefix).unwrap_or(path))
}

fn hunk<'t>(lines: &[&'t str], start: usize) -> Option<Part<'t>> {
    let at = At::parse(lines[start].trim_end_matches('\r'))?;
    let (end, is_whole) = body_end(lines, start + 1, at.old.1, at.new.1);
    Some(Part::Hunk(Hunk { head: start, body: start + 1..end, at, is_whole }))
}

/// Where a hunk that starts at `i` and has so many old and new lines ends, and whether it is whole.
pub fn body_end(lines: &[&str], mut i: usize, mut old: usize, mut new: usize) -> (usize, bool) {
    while let Some(line) = lines.get(i) {
        match line.as_bytes().first() {
            Some(b'\\') if line.starts_with("\\ ") => {}
            Some(b'+') if new > 0 => new -= 1,
            Some(b'-') if old > 0 => old -= 1,
            // Tools that trim the ends of lines leave empty context empty.
            Some(b' ' | b'\r') | None if old > 0 && new > 0 => {
                old -= 1;
                new -= 1;
            }
            _ => break,
        }
        i += 1;
    }
    (i, old == 0 && new == 0)
}

fn binary<'t>(lines: &[&'t str], start: usize) -> Option<Part<'t>> {
    let is_size = |line: &str| line.starts_with("literal ") || line.starts_with("delta ");
    let follows = start > 0 && lines[start - 1] == "GIT binary patch";
    if !follows || !is_size(lines[start]) {
        return None;
    }
    // Two blocks of base 85, an empty line after each.
    let is_data = |line: &&&str| line.is_empty() || is_size(line) || !line.contains(' ');
    let length = lines[start..].iter().take_while(is_data).count();
    let end = (start..start + length).rev().find(|i| !lines[*i].is_empty()).map_or(start, |i| i + 1);
    Some(Part::Binary(start..end))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_spelling() {
        for good in ["@@ -1 +1 @@", "@@ -0,0 +1,3 @@", "@@ -12,7 +12,9 @@ fn a() {", "@@ -1,3 +0,0 @@"] {
            assert_eq!(At::parse(good).unwrap().to_string(), good);
        }
        assert_eq!(At::parse("@@ -0,0 +1,3 @@").unwrap().old, (1, 0));
        for bad in ["@@ -1,1 +1 @@", "@@ -a +1 @@", "@@ -1 +1", "@@@ -1 -1 +1 @@@", "@@ -01 +1 @@"] {
            assert_eq!(At::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn parts_cover_the_lines() {
        let text = "commit 1\n\n    -- message\n\ndiff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n-- \n2.3";
        let lines: Vec<&str> = text.split('\n').collect();
        let parts = parse(&lines);
        let mut at = 0;
        for part in &parts {
            assert_eq!(part.lines().start, at);
            at = part.lines().end;
        }
        assert_eq!(at, lines.len());
        assert!(matches!(&parts[4], Part::Head(head) if head.path == "x" && head.lines == (4..8)));
        assert!(matches!(&parts[5], Part::Hunk(hunk) if hunk.body == (9..13) && hunk.is_whole));
    }

    #[test]
    fn a_cut_hunk_is_known_to_be_cut() {
        let lines = ["@@ -1,9 +1,9 @@", " a", "-b", "</output>"];
        let parts = parse(&lines);
        assert!(matches!(&parts[0], Part::Hunk(hunk) if hunk.body == (1..3) && !hunk.is_whole));
        assert_eq!(parts[1], Part::Raw(3));
    }
}
