//! Writes a diff with short headers; `decode` reads it back.
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
use super::context::near_changes;
use super::decode::Decoder;
use super::head;
use super::lines::{Source, begins_file, counts, is_hunk_line, needs_escape};
use super::parse::{At, Hunk, Part};
use super::statistics::statistics;
use crate::kinds::sink::Same;
use crate::mark::{self, Omission, Unit};

/// So many bytes at least are decoded at once, to see whether they come back.
const MIN_DECODED_BYTES: usize = 64 << 10;
/// Words of the header of a diff that lost nothing.
pub const WORDS: &str = "diff path, @@ new line";

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
    write_by_file(source, parts, choice, |_| ())
}

/// Whether a diff comes back byte for byte once it is written with short headers. What is written is
/// decoded and dropped again file by file: a large diff does not stand in memory twice.
pub fn comes_back(source: &Source<'_>, parts: &[Part<'_>]) -> bool {
    let mut decoder = Decoder::new(Same::new(source.text));
    let mut is_readable = true;
    let mut read = |body: &mut String| {
        is_readable = is_readable && decoder.feed(body).is_some();
        body.clear();
    };
    let mut rest = write_by_file(source, parts, &Choice::all(), |body| {
        if body.len() >= MIN_DECODED_BYTES {
            read(body);
        }
    });
    read(&mut rest.text);
    is_readable && decoder.out.is_same()
}

/// Writes; `at_file` may take what was written before the header of a file.
fn write_by_file(
    source: &Source<'_>,
    parts: &[Part<'_>],
    choice: &Choice,
    mut at_file: impl FnMut(&mut String),
) -> Written {
    let text = String::with_capacity(source.text.len());
    let out = Written { text, omissions: Vec::new(), cuts_context: false, cuts_blobs: false };
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
                // Such a line is none of a hunk, in its short form neither.
                if source.lines[head.lines.start].starts_with(head::SHORT) {
                    at_file(&mut w.out.text);
                }
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
