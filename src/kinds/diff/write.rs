//! Writes a diff with short headers and reads it back.
//!
//! ```text
//! diff src/a.rs                 the git header of a file, see `head`
//! @@ 84 fn write()              a hunk at line 84 of the new file; its counts are its lines, and where
//! -old                          it stood before follows from the hunks above it
//! +new
//! ```
//! A hunk whose extent or place could be misread keeps its full header; a line outside hunks that
//! could be misread has `\` before it. Linear.

use std::ops::Range;

use super::choose::{Choice, Fate, Front};
use super::head;
use super::parse::{At, Hunk, Part, body_end};
use crate::mark::{self, Omission, Unit};
use crate::select;

/// Words of the header of a diff that lost nothing.
pub const WORDS: &str = "diff path, @@ new line";

/// A diff, split.
pub struct Source<'t> {
    /// Lines without their newlines.
    pub lines: Vec<&'t str>,
    /// Their bytes, with newlines.
    pub ranges: Vec<Range<usize>>,
    /// Whether the last line ends with a newline.
    pub ends_with_newline: bool,
}

impl<'t> Source<'t> {
    /// Splits a text.
    pub fn new(text: &'t str) -> Self {
        let ranges = select::lines(text);
        let lines =
            ranges.iter().map(|r| &text[r.clone()]).map(|l| l.strip_suffix('\n').unwrap_or(l)).collect();
        Source { lines, ranges, ends_with_newline: text.ends_with('\n') }
    }

    fn omission(&self, lines: Range<usize>, unit: Unit, first: usize, count: usize) -> Omission {
        Omission { range: self.ranges[lines.start].start..self.ranges[lines.end - 1].end, unit, first, count }
    }
}

/// What was written.
pub struct Written {
    /// The body.
    pub text: String,
    /// What it leaves out.
    pub omissions: Vec<Omission>,
    /// Whether context was cut, which no mark says.
    pub cuts_context: bool,
    /// Whether blob hashes were left out, which no mark says.
    pub cuts_blobs: bool,
}

impl Written {
    /// What the header of the block says.
    pub fn words(&self, context_lines: Option<usize>) -> String {
        let context = match context_lines.filter(|_| self.cuts_context) {
            None => String::new(),
            Some(0) => "; context cut".to_owned(),
            Some(1) => "; context cut to 1 line".to_owned(),
            Some(n) => format!("; context cut to {n} lines"),
        };
        format!("{WORDS}{context}{}", if self.cuts_blobs { "; hashes left out" } else { "" })
    }
}

struct Writer<'s, 't> {
    source: &'s Source<'t>,
    out: Written,
    /// New line number minus old one after the last hunk, if it can be known from what is visible.
    delta: Option<i64>,
}

/// Writes the parts of a diff as chosen.
pub fn write(source: &Source<'_>, parts: &[Part<'_>], choice: &Choice) -> Written {
    let out = Written { text: String::new(), omissions: Vec::new(), cuts_context: false, cuts_blobs: false };
    let mut w = Writer { source, out, delta: Some(0) };
    let mut file = 0;
    let mut hunk_ordinal = 0;
    let mut i = 0;
    while i < parts.len() {
        match &parts[i] {
            Part::Raw(line) => {
                let statistics = if choice.with_statistics { None } else { statistics(source, *line) };
                if let Some(lines) = statistics {
                    w.statistics(lines.clone());
                    // Raw parts are single lines.
                    i += lines.len();
                    continue;
                }
                w.raw(*line);
            }
            Part::Head(head) => {
                file += 1;
                w.head(head.lines.clone(), choice.with_blobs);
            }
            Part::Hunk(_) | Part::Binary(_) => {
                let end = i + parts[i..]
                    .iter()
                    .take_while(|p| matches!(p, Part::Hunk(_) | Part::Binary(_)))
                    .count();
                let fate = choice.files.get(file).unwrap_or(&Fate::Whole);
                let context_lines = choice.context_lines.filter(|_| *fate != Fate::Full);
                let front = match fate {
                    Fate::Full | Fate::Whole => Front { hunks: end - i, ..Front::default() },
                    Fate::Front(front) => Front { hunks: front.hunks.min(end - i), ..front.clone() },
                };
                for part in &parts[i..i + front.hunks] {
                    match part {
                        Part::Hunk(hunk) => w.hunk(hunk, context_lines),
                        other => other.lines().for_each(|line| w.raw(line)),
                    }
                }
                if i + front.hunks < end {
                    w.collapse(&parts[i + front.hunks..end], hunk_ordinal + front.hunks + 1, &front);
                }
                hunk_ordinal += end - i;
                i = end;
                continue;
            }
        }
        i += 1;
    }
    let mut out = w.out;
    if !source.ends_with_newline && out.text.ends_with('\n') {
        out.text.pop();
    }
    out
}

impl Writer<'_, '_> {
    fn push(&mut self, line: &str) {
        self.out.text.push_str(line);
        self.out.text.push('\n');
    }

    fn raw(&mut self, line: usize) {
        let line = self.source.lines[line];
        if needs_escape(line) {
            self.out.text.push('\\');
        } else if begins_file(line) {
            self.delta = Some(0);
        }
        self.push(line);
    }

    fn head(&mut self, lines: Range<usize>, with_blobs: bool) {
        self.delta = Some(0);
        match head::shorten(&self.source.lines[lines.clone()], with_blobs) {
            Some(short) => {
                self.push(&short);
                let index = lines.clone().find(|l| self.source.lines[*l].starts_with("index "));
                if let Some(line) = index.filter(|_| !with_blobs) {
                    self.out.omissions.push(self.source.omission(line..line + 1, Unit::Line, line + 1, 1));
                    self.out.cuts_blobs = true;
                }
            }
            None => lines.for_each(|line| self.raw(line)),
        }
    }

    fn statistics(&mut self, lines: Range<usize>) {
        mark::write_mark(&mut self.out.text, Unit::Line, lines.start + 1, lines.len(), Some("diffstat"));
        self.out.text.push('\n');
        self.out.omissions.push(self.source.omission(
            lines.clone(),
            Unit::Line,
            lines.start + 1,
            lines.len(),
        ));
    }

    /// One mark for these hunks, or for what stays behind the first lines of the first of them.
    fn collapse(&mut self, parts: &[Part<'_>], first_hunk: usize, front: &Front) {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return };
        let mut lines = first.lines().start..last.lines().end;
        let (mut unit, mut ordinal, mut count) = (Unit::Hunk, first_hunk, parts.len());
        if let Some(kept) = self.front_of_hunk(first, front.lines) {
            lines.start = kept;
            (unit, ordinal, count) = (Unit::Line, kept + 1, lines.len());
        }
        let label = label(parts, &self.source.lines, lines.start, front.why);
        mark::write_mark(&mut self.out.text, unit, ordinal, count, Some(&label));
        self.out.text.push('\n');
        self.out.omissions.push(self.source.omission(lines, unit, ordinal, count));
        self.delta = None;
    }

    /// Writes the first `n` lines of a hunk; gives the line behind them, if some are left.
    fn front_of_hunk(&mut self, part: &Part<'_>, n: usize) -> Option<usize> {
        let Part::Hunk(hunk) = part else { return None };
        let body = &self.source.lines[hunk.body.clone()];
        // What is said of the last line stays with it.
        let n = n + usize::from(n > 0 && body.get(n).is_some_and(|l| l.starts_with('\\')));
        if n == 0 || n >= body.len() {
            return None;
        }
        let (old_count, new_count) = counts(&body[..n]);
        let at = At { old: (hunk.at.old.0, old_count), new: (hunk.at.new.0, new_count), ..hunk.at };
        let end = hunk.body.start + n;
        self.run(&at, hunk, hunk.body.start..end, true);
        Some(end)
    }

    /// Writes a hunk with so many lines of context; where more was left out it becomes several.
    fn hunk(&mut self, hunk: &Hunk<'_>, context_lines: Option<usize>) {
        let lines = &self.source.lines;
        let keep = match context_lines.filter(|_| hunk.is_whole) {
            Some(n) => near_changes(&lines[hunk.body.clone()], n),
            None => vec![true; hunk.body.len()],
        };
        let (mut old, mut new) = (hunk.at.old.0, hunk.at.new.0);
        let mut section = hunk.at.section;
        let is_safe_after = self.source.lines.get(hunk.body.end).is_none_or(|next| !is_hunk_line(next));
        let mut i = 0;
        while i < keep.len() {
            let mut end = i;
            while end < keep.len() && keep[end] == keep[i] {
                end += 1;
            }
            let run = hunk.body.start + i..hunk.body.start + end;
            let (old_count, new_count) = counts(&self.source.lines[run.clone()]);
            if keep[i] {
                let at = At { old: (old, old_count), new: (new, new_count), section };
                let is_last = end == keep.len();
                self.run(&at, hunk, run, !is_last || is_safe_after);
                section = "";
            } else {
                self.out.omissions.push(self.source.omission(
                    run.clone(),
                    Unit::Line,
                    run.start + 1,
                    run.len(),
                ));
                self.out.cuts_context = true;
            }
            old += old_count;
            new += new_count;
            i = end;
        }
        if keep.is_empty() {
            self.push(self.source.lines[hunk.head]);
            self.delta = None;
        }
    }

    fn run(&mut self, at: &At<'_>, hunk: &Hunk<'_>, run: Range<usize>, is_safe_after: bool) {
        let lines = &self.source.lines[run];
        let delta = at.new.0 as i64 - at.old.0 as i64;
        let original = self.source.lines[hunk.head];
        let is_short = hunk.is_whole
            && is_safe_after
            && self.delta == Some(delta)
            && lines.iter().all(|line| is_hunk_line(line))
            && lines.first().is_some_and(|l| !l.starts_with('\\'))
            && !original.ends_with('\r');
        if is_short {
            let header = format!("@@ {}{}", at.new.0, at.section);
            self.push(&header);
        } else if !hunk.is_whole || (at.old, at.new) == (hunk.at.old, hunk.at.new) {
            self.push(original);
        } else {
            let carriage_return = if original.ends_with('\r') { "\r" } else { "" };
            let header = format!("{at}{carriage_return}");
            self.push(&header);
        }
        for line in lines {
            self.out.text.push_str(line);
            self.out.text.push('\n');
        }
        self.delta = hunk.is_whole.then_some(delta + at.new.1 as i64 - at.old.1 as i64);
    }
}

/// What a mark says of the hunks in its place, from line `start` on.
fn label(parts: &[Part<'_>], lines: &[&str], start: usize, why: Option<&str>) -> String {
    let (mut added, mut removed, mut has_binary) = (0, 0, false);
    for part in parts {
        match part {
            Part::Hunk(hunk) => {
                let gone = &lines[hunk.body.start.max(start)..hunk.body.end.max(start)];
                added += gone.iter().filter(|l| l.starts_with('+')).count();
                removed += gone.iter().filter(|l| l.starts_with('-')).count();
            }
            Part::Binary(_) => has_binary = true,
            Part::Raw(_) | Part::Head(_) => {}
        }
    }
    let counts = if has_binary { "binary".to_owned() } else { format!("+{added} -{removed}") };
    why.map_or(counts.clone(), |why| format!("{why}, {counts}"))
}

/// Statistics of fewer bytes cost less than a mark.
const MIN_STATISTICS_BYTES: usize = 100;

/// So many created and renamed files may be listed below statistics; a bound on what is looked at.
const MAX_SUMMARY_LINES: usize = 200;

/// The lines ` path | 12 ++--` from `start` on, if the diff that they count follows their sum.
fn statistics(source: &Source<'_>, start: usize) -> Option<Range<usize>> {
    let lines = &source.lines[start..];
    let is_entry = |line: &&&str| {
        line.starts_with(' ')
            && line.split_once(" | ").is_some_and(|(_, n)| n.trim_start().starts_with(is_entry_start))
    };
    if source.lines[..start].last().is_some_and(|before| is_entry(&before)) {
        return None;
    }
    let n = lines.iter().take_while(is_entry).count();
    let (sum, rest) = lines.get(n..)?.split_first()?;
    let is_sum = sum.starts_with(' ') && (sum.contains(" file changed") || sum.contains(" files changed"));
    // A list of created and renamed files may stand between.
    let after =
        rest.iter().take(MAX_SUMMARY_LINES).find(|line| !line.starts_with(' ') && !line.is_empty())?;
    let bytes: usize = lines[..n].iter().map(|l| l.len()).sum();
    (n > 0 && is_sum && after.starts_with("diff --") && bytes >= MIN_STATISTICS_BYTES)
        .then_some(start..start + n)
}

fn is_entry_start(c: char) -> bool {
    c.is_ascii_digit() || c == 'B'
}

/// Old and new lines among the lines of a hunk.
fn counts(lines: &[&str]) -> (usize, usize) {
    let (mut old, mut new) = (0, 0);
    for line in lines {
        match line.as_bytes().first() {
            Some(b'+') => new += 1,
            Some(b'-') => old += 1,
            Some(b'\\') => {}
            _ => {
                old += 1;
                new += 1;
            }
        }
    }
    (old, new)
}

/// Gaps of fewer bytes cost less than the header of another hunk.
const MIN_GAP_BYTES: usize = 20;

/// Which lines of a hunk are changes or within `n` lines of one.
fn near_changes(lines: &[&str], n: usize) -> Vec<bool> {
    let is_change = |line: &str| line.starts_with(['+', '-']);
    let mut keep = vec![false; lines.len()];
    let mut left = 0;
    for (flag, line) in keep.iter_mut().zip(lines) {
        match line.as_bytes().first() {
            _ if is_change(line) => left = n + 1,
            // Says something of the line above.
            Some(b'\\') => left += usize::from(left > 0),
            _ => {}
        }
        *flag = left > 0;
        left = left.saturating_sub(1);
    }
    left = 0;
    for (i, line) in lines.iter().enumerate().rev() {
        if is_change(line) {
            left = n + 1;
        }
        keep[i] |= left > 0;
        if !line.starts_with('\\') {
            left = left.saturating_sub(1);
        }
    }
    fill_small_gaps(&mut keep, lines);
    keep
}

fn fill_small_gaps(keep: &mut [bool], lines: &[&str]) {
    let mut i = 0;
    while i < keep.len() {
        let end = i + keep[i..].iter().take_while(|k| **k == keep[i]).count();
        let is_inner = i > 0 && end < keep.len();
        if !keep[i] && is_inner && lines[i..end].iter().map(|l| l.len()).sum::<usize>() < MIN_GAP_BYTES {
            keep[i..end].fill(true);
        }
        i = end;
    }
}

/// Whether a line may stand in a hunk. Neither marks nor escaped lines do.
fn is_hunk_line(line: &str) -> bool {
    line.starts_with([' ', '+', '-']) || line.starts_with("\\ ")
}

/// Whether the places of hunks are counted anew below a line.
fn begins_file(line: &str) -> bool {
    line.starts_with("diff --") || line.starts_with("--- ")
}

/// Whether a line outside hunks would be read as something of ours.
fn needs_escape(line: &str) -> bool {
    line.starts_with('\\') || short_at(line).is_some() || is_short_head(line)
}

fn is_short_head(line: &str) -> bool {
    line.starts_with(head::SHORT) && !line.starts_with("diff --")
}

/// Line and section of `@@ 84 section`.
fn short_at(line: &str) -> Option<(usize, &str)> {
    let rest = line.strip_prefix("@@ ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest[..digits].parse().ok()?;
    let section = &rest[digits..];
    (section.is_empty() || section.starts_with(' ')).then_some((number, section))
}

/// Writes the full headers again; marks stay in their places.
pub fn decode(body: &str) -> Option<String> {
    let source = Source::new(body);
    let lines = &source.lines;
    let mut out = String::with_capacity(body.len() + body.len() / 4);
    let mut push = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    let mut delta: i64 = 0;
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        i += 1;
        if let Some((start, section)) = short_at(line) {
            let end = i + lines[i..].iter().take_while(|l| is_hunk_line(l)).count();
            let (old_count, new_count) = counts(&lines[i..end]);
            let old = usize::try_from(i64::try_from(start).ok()? - delta).ok()?;
            push(&At { old: (old, old_count), new: (start, new_count), section }.to_string());
            lines[i..end].iter().for_each(|l| push(l));
            delta += new_count as i64 - old_count as i64;
            i = end;
        } else if let Some(at) = At::parse(line.trim_end_matches('\r')) {
            push(line);
            let (end, _) = body_end(lines, i, at.old.1, at.new.1);
            lines[i..end].iter().for_each(|l| push(l));
            delta = (at.new.0 + at.new.1) as i64 - (at.old.0 + at.old.1) as i64;
            i = end;
        } else if is_short_head(line) {
            push(head::lengthen(line)?.trim_end_matches('\n'));
            delta = 0;
        } else if let Some(rest) = line.strip_prefix('\\') {
            push(rest);
        } else {
            if begins_file(line) {
                delta = 0;
            }
            push(line);
        }
    }
    if !source.ends_with_newline && out.ends_with('\n') {
        out.pop();
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::parse::parse;
    use super::*;
    use proptest::prelude::*;

    fn shortened(text: &str, choice: &Choice) -> Written {
        let source = Source::new(text);
        write(&source, &parse(&source.lines), choice)
    }

    fn cut_to(n: usize) -> Choice {
        Choice { context_lines: Some(n), with_blobs: false, with_statistics: false, files: Vec::new() }
    }

    const TWO_HUNKS: &str = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -10,7 +10,8 @@ fn f()\n a1\n a2\n a3\n-b\n+c\n+d\n e1\n e2\n e3\n@@ -30,3 +31,3 @@\n f\n-g\n+h\n i\n";

    #[test]
    fn headers_are_short_and_come_back() {
        let written = shortened(TWO_HUNKS, &Choice::all());
        assert_eq!(
            written.text,
            "diff x (1..2)\n@@ 10 fn f()\n a1\n a2\n a3\n-b\n+c\n+d\n e1\n e2\n e3\n@@ 31\n f\n-g\n+h\n i\n"
        );
        assert_eq!(decode(&written.text).unwrap(), TWO_HUNKS);
        assert!(written.omissions.is_empty());
    }

    #[test]
    fn cut_context_decodes_to_a_diff_with_recomputed_places() {
        let written = shortened(TWO_HUNKS, &cut_to(1));
        assert_eq!(written.text, "diff x\n@@ 12 fn f()\n a3\n-b\n+c\n+d\n e1\n@@ 31\n f\n-g\n+h\n i\n");
        let long = decode(&written.text).unwrap();
        assert!(long.contains("@@ -12,3 +12,4 @@ fn f()\n a3\n"), "{long}");
        assert!(long.contains("@@ -30,3 +31,3 @@\n"), "{long}");
        let gone: Vec<_> = written.omissions.iter().map(|o| &TWO_HUNKS[o.range.clone()]).collect();
        assert_eq!(gone, ["index 1..2 100644\n", " a1\n a2\n", " e2\n e3\n"]);
    }

    #[test]
    fn a_signature_below_a_hunk_is_not_taken_for_a_line_of_it() {
        let text = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n-- \n2.43\n";
        let written = shortened(text, &Choice::all());
        assert_eq!(written.text, text);
        assert_eq!(decode(&written.text).unwrap(), text);
    }

    #[test]
    fn a_collapsed_file_keeps_its_header_and_says_how_much() {
        let lock = Front { why: Some("lock file"), ..Front::default() };
        let choice = Choice { files: vec![Fate::Whole, Fate::Front(lock)], ..cut_to(1) };
        let written = shortened(TWO_HUNKS, &choice);
        assert_eq!(written.text, "diff x\n[… 2 hunks 1-2: lock file, +3 -2]\n");
        let long = decode(&written.text).unwrap();
        assert!(long.starts_with("diff --git a/x b/x\n--- a/x\n+++ b/x\n[… 2 hunks"));
    }

    #[test]
    fn the_front_of_a_hunk_has_a_header_of_its_own() {
        let front = Front { lines: 5, ..Front::default() };
        let choice = Choice { files: vec![Fate::Whole, Fate::Front(front)], ..cut_to(1) };
        let written = shortened(TWO_HUNKS, &choice);
        assert_eq!(written.text, "diff x\n@@ 10 fn f()\n a1\n a2\n a3\n-b\n+c\n[… 9 lines 11-19: +2 -1]\n");
        assert_eq!(TWO_HUNKS[written.omissions[1].range.clone()].lines().count(), 9);
        assert!(decode(&written.text).unwrap().contains("@@ -10,4 +10,4 @@ fn f()\n a1\n"));
    }

    #[test]
    fn lines_that_look_like_ours_come_back() {
        for line in ["diff x", "@@ 12 f", "\\ x", "diff -ru a b", "@@ -1 +1", "@@"] {
            let text = format!("{line}\n{TWO_HUNKS}{line}\n");
            assert_eq!(decode(&shortened(&text, &Choice::all()).text).unwrap(), text);
        }
    }

    fn hunk() -> impl Strategy<Value = String> {
        (1_usize..40, 0_usize..3, prop::collection::vec((0..8_u8, "[a-b@+ -]{0,3}\r?"), 1..14), any::<bool>())
            .prop_map(|(start, delta, lines, is_stripped)| {
                let body: Vec<String> = lines
                    .iter()
                    .map(|(sign, text)| match sign {
                        0..=2 => format!("+{text}"),
                        3 | 4 => format!("-{text}"),
                        5 if is_stripped => String::new(),
                        _ => format!(" {text}"),
                    })
                    .collect();
                let views: Vec<&str> = body.iter().map(String::as_str).collect();
                let (old, new) = counts(&views);
                let at = At { old: (start, old), new: (start + delta, new), section: " fn" };
                format!("{at}\n{}", body.join("\n"))
            })
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            6 => hunk(),
            3 => Just("diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x".to_owned()),
            1 => Just("diff --git a/x b/x\nnew file mode 100644\nindex 1..2\n--- /dev/null\n+++ b/x".to_owned()),
            1 => Just("diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\nindex 1..2\n--- a/x\n+++ b/y".to_owned()),
            1 => Just("diff --git a/i b/i\nindex 1..2 100644\nGIT binary patch\nliteral 9\nzcmZ\n\nliteral 0\nHcmV\n".to_owned()),
            1 => Just("--- a\n+++ b".to_owned()),
            1 => Just("\\ No newline at end of file".to_owned()),
            2 => "[-+ \\\\@d]{0,3}[a-b0-9 ]{0,4}",
            1 => "\\PC{0,10}",
        ]
    }

    /// Lines of changes, in order.
    fn changes(text: &str) -> Vec<&str> {
        let lines: Vec<&str> = text.split('\n').collect();
        let mut out = Vec::new();
        for part in parse(&lines) {
            if let Part::Hunk(hunk) = part {
                out.extend(lines[hunk.body].iter().filter(|l| l.starts_with(['+', '-'])));
            }
        }
        out
    }

    proptest! {
        #[test]
        fn any_diff_comes_back(parts in prop::collection::vec(part(), 0..12), newline: bool) {
            let text = parts.join("\n") + if newline { "\n" } else { "" };
            let written = shortened(&text, &Choice::all());
            prop_assert_eq!(decode(&written.text), Some(text), "{}", written.text);
            prop_assert!(written.omissions.is_empty());
        }

        #[test]
        fn every_change_survives_a_cut_of_context(
            hunks in prop::collection::vec(hunk(), 1..6), n in 0_usize..3,
        ) {
            let text = format!("diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n{}\n", hunks.join("\n"));
            let written = shortened(&text, &cut_to(n));
            let long = decode(&written.text).unwrap();
            prop_assert_eq!(changes(&long), changes(&text), "{}\n{}", written.text, long);
            let gone: usize = written.omissions.iter().map(|o| o.count).sum();
            let visible = |s: &str| s.lines().filter(|l| !l.starts_with("@@")).count();
            prop_assert_eq!(visible(&long) + gone, visible(&text));
        }

        #[test]
        fn decoding_never_panics(body in "(\\PC|[\n @+,diff0-9-]){0,80}") {
            let _ = decode(&body);
        }
    }
}
