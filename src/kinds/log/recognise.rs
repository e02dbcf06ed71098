//! Whether a text is a log. Looks at a bounded sample of lines.

use std::ops::Range;

use super::testrun::{self, Role};
use super::{diagnostic, listed, severity, template, timestamp, trace};

/// Lines looked at: from the start, the middle and the end.
const SAMPLE: usize = 60;
/// Bytes looked at in each of the three places.
const SAMPLE_BYTES: usize = 10 * 1024;

/// From this share of lines that look like matches of a search, for the times in them …
const MISTAKABLE_SHARE: f64 = 0.3;
/// … a log is so sure.
const SURE_OF_MISTAKABLE: u8 = 99;
/// How sure it is of any other text.
const SURE_OF_OTHERS: u8 = 90;

/// Whether [`confidence`] could be `least` or more.
pub(super) fn may_reach(text: &str, least: u8) -> bool {
    if least <= SURE_OF_OTHERS {
        return true;
    }
    let lines = sample(text);
    let filled = lines.iter().filter(|l| !l.trim().is_empty()).count();
    let mistakable = lines.iter().filter(|l| looks_like_match(l)).count();
    least <= SURE_OF_MISTAKABLE && mistakable as f64 >= MISTAKABLE_SHARE * filled as f64
}

/// Confidence that `text` is a log, 0 to 100.
pub(super) fn confidence(text: &str) -> u8 {
    let lines = sample(text);
    let filled: Vec<&str> = lines.iter().copied().filter(|l| !l.trim().is_empty()).collect();
    if filled.len() < 3 {
        return 0;
    }
    let n = filled.len() as f64;
    let share = |count: usize| count as f64 / n;
    if share(filled.iter().filter(|l| diagnostic::split(l) > 0).count()) >= 0.5 {
        return 90;
    }
    if share(filled.iter().filter(|l| is_foreign(l)).count()) > 0.3 {
        return 0;
    }
    let stamped = share(filled.iter().filter(|l| timestamp::split(l) > 0).count());
    let traces = trace::find(lines.len(), |i| lines[i]);
    let framed: usize = traces.iter().map(|t| t.lines().len()).sum();
    let roles: Vec<Role> = filled.iter().map(|l| testrun::role(l)).collect();
    let marks = roles.iter().filter(|r| !matches!(r, Role::Other | Role::Blank | Role::Ruler)).count();
    let summaries = roles.iter().filter(|r| matches!(r, Role::Summary | Role::Fail)).count();
    if stamped >= 0.3 {
        // Surer than a search that takes the hours for a file's name.
        let mistakable = share(filled.iter().filter(|l| looks_like_match(l)).count());
        return if stamped >= 0.8 && mistakable >= MISTAKABLE_SHARE { SURE_OF_MISTAKABLE } else { 85 };
    }
    if share(framed) >= 0.3 || traces.iter().any(|t| t.frames.len() >= 2) && share(framed) >= 0.1 {
        return 80;
    }
    if share(marks) >= 0.25 || summaries >= 1 && share(marks) >= 0.1 {
        return 75;
    }
    // No timestamps and no known tool: lines that are the same message again and again.
    if filled.len() >= 20 && levelled(&filled) >= 0.3 {
        return 70;
    }
    // The same line again and again: what waits, polls or counts dots. Its words may be few.
    if filled.len() >= 20 && equal(&filled) >= 0.7 {
        return 51;
    }
    // A table has such lines too, so every other kind is surer.
    if filled.len() >= 20 && is_repeated(&filled) {
        return 52;
    }
    0
}

/// Whether `text` is a list rather than a log.
pub(super) fn is_list(text: &str) -> bool {
    let lines: Vec<&str> = sample(text).into_iter().filter(|line| !line.trim().is_empty()).collect();
    listed::is_list(&lines)
}

fn sample(text: &str) -> Vec<&str> {
    if text.len() <= 3 * SAMPLE_BYTES {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() <= 4 * SAMPLE {
            return lines;
        }
    }
    let mut out: Vec<&str> = Vec::new();
    for at in [0, text.len() / 2, text.len().saturating_sub(SAMPLE_BYTES)] {
        let Some(start) = (at..text.len()).find(|i| text.is_char_boundary(*i)) else { continue };
        let mut end = (start + SAMPLE_BYTES).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let skip = usize::from(start > 0);
        out.extend(text[start..end].lines().skip(skip).take(SAMPLE));
    }
    out
}

/// Lines of other kinds: diffs, JSON, search results, listings, source code.
fn is_foreign(line: &str) -> bool {
    // A statement in a database's log ends with `;` and is no source code.
    if timestamp::split(line) > 0 {
        return false;
    }
    let trimmed = line.trim_start();
    if line.starts_with("@@ ")
        || line.starts_with("diff --git")
        || line.starts_with("+++ ")
        || line.starts_with("--- a/")
        || line.starts_with("index ")
    {
        return true;
    }
    if trimmed.starts_with(['{', '}', '"'])
        && (trimmed.ends_with(['{', ',', '}', '[']) || trimmed.starts_with("{\""))
    {
        return true;
    }
    if trimmed.ends_with(['{', ';'])
        || trimmed.starts_with("//")
        || trimmed.starts_with("def ")
        || trimmed.starts_with("import ")
    {
        return true;
    }
    is_match(line) || is_listed(line)
}

/// A line of `ls -l`: `-rw-r--r--  1 root …`.
fn is_listed(line: &str) -> bool {
    let b = line.as_bytes();
    b.len() > 12
        && matches!(b[0], b'-' | b'd' | b'l' | b'c' | b'b' | b's' | b'p')
        && b[1..10].iter().all(|c| matches!(c, b'r' | b'w' | b'x' | b's' | b'S' | b't' | b'T' | b'-'))
}

/// `src/a.py:12:text`, `12:text`, `src/a.py-12-text`.
fn is_match(line: &str) -> bool {
    let Some((path, rest)) = line.split_once(':') else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let placed =
        digits > 0 && !is_time(line, path.len()) && matches!(rest.as_bytes().get(digits), Some(b':'));
    placed
        && !path.contains(' ')
        && path.contains(['/', '.'])
        && !rest[digits + 1..].starts_with([' '])
        && !path.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the colon at `colon` is the first of a time: `app.log.2017-05-16_13:53:08` is a file and a
/// time, not a file and a line.
fn is_time(line: &str, colon: usize) -> bool {
    let b = line.as_bytes();
    let two = |at: usize| b.get(at..at + 2).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
    colon >= 2 && two(colon - 2) && two(colon + 1) && b.get(colon + 3) == Some(&b':') && two(colon + 4)
}

/// Whether a line looks like a search result because of the time in it.
fn looks_like_match(line: &str) -> bool {
    line.find(':').is_some_and(|colon| {
        is_time(line, colon) && line[..colon].contains('.') && !line[..colon].contains(' ')
    })
}

fn levelled(lines: &[&str]) -> f64 {
    let count = lines
        .iter()
        .filter(|l| {
            l.split(|c: char| !c.is_ascii_alphanumeric()).take(8).any(|w| {
                matches!(
                    w,
                    "INFO"
                        | "WARN"
                        | "WARNING"
                        | "ERROR"
                        | "DEBUG"
                        | "TRACE"
                        | "FATAL"
                        | "NOTICE"
                        | "info"
                        | "warn"
                        | "debug"
                        | "notice"
                )
            })
        })
        .count();
    count as f64 / lines.len() as f64
}

/// Share of lines that stand directly below an equal one.
fn equal(lines: &[&str]) -> f64 {
    lines.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / lines.len() as f64
}

/// From this share of lines that are not the first of their template on, a text is the same message again and
/// again.
const REPEATED_SHARE: f64 = 0.7;

/// Whether so many lines repeat the message of another, and some of them are grave.
fn is_repeated(lines: &[&str]) -> bool {
    let text = lines.join("\n");
    let ranges = crate::select::lines(&text);
    let worded = ranges.iter().filter(|r| text[(*r).clone()].split_whitespace().nth(3).is_some()).count();
    let most = (1.0 - REPEATED_SHARE) * lines.len() as f64;
    let is_few =
        |ranges: &[Range<usize>]| template::Templates::mine(&text, ranges, false).list.len() as f64 <= most;
    // In other texts nearly every line has a message of its own: a part of them is too many already.
    worded as f64 >= 0.8 * lines.len() as f64
        && is_few(&ranges[..ranges.len().min(most as usize + 4)])
        && severity::severities(&text, &ranges).iter().any(|s| *s != severity::Severity::None)
        && is_few(&ranges)
}
