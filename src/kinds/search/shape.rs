//! What a text of a search tool looks like, and how sure that is. Looks at a bounded sample.

use super::listing;
use super::matches::{self, Style, split_numbered, split_plain};
use super::tree;

/// What a search printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Matching lines.
    Matches(Style),
    /// One path on each line.
    Paths,
    /// `ls -R`: a directory with a colon, then its names.
    Directories,
    /// `tree`.
    Tree,
}

/// How many lines are looked at, in [`SAMPLES`] places.
const SAMPLE_LINES: usize = 240;
const SAMPLES: usize = 4;
/// Fewer lines are no listing worth a header.
const MIN_LINES: usize = 4;
/// Share of the lines that must be of the shape, in percent.
const MIN_SHARE: usize = 60;
/// Above this share of diagnostics a text is a compiler's output, in percent.
const MAX_DIAGNOSTIC_SHARE: usize = 20;

/// How sure a search is of a text of which every line is a match.
pub const MOST_SURE: u8 = 98;
/// Lines without a path or without a number are less sure, but surer than what the matches hold: code.
const ALONE_DOUBT: u8 = 4;

/// The shape of a text and how sure it is, 0 to 100.
pub fn shape(text: &str) -> Option<(Shape, u8)> {
    let sample = sample(text);
    let lines: Vec<&str> =
        sample.iter().copied().filter(|l| !l.is_empty() && *l != matches::GROUP_SEPARATOR).collect();
    if lines.len() < MIN_LINES {
        return None;
    }
    let share = |n: usize| n * 100 / lines.len();
    let sure = |n: usize| (60 + share(n) * 38 / 100).min(usize::from(MOST_SURE)) as u8;
    if let Some(n) = tree::count(&lines).filter(|n| share(*n) >= MIN_SHARE) {
        return Some((Shape::Tree, sure(n)));
    }
    if let Some(found) = directories(&sample, &lines) {
        return Some(found);
    }
    let mut numbered = count_numbered(&lines);
    if numbered.clocks * 2 > numbered.matches {
        numbered = Numbered::default();
    }
    if share(numbered.matches) >= MIN_SHARE {
        let is_compiler = numbered.diagnostics * 100 > numbered.matches * MAX_DIAGNOSTIC_SHARE;
        return (!is_compiler)
            .then(|| (Shape::Matches(Style { pathed: true, numbered: true }), sure(numbered.matches)));
    }
    // Numbered context has few colons: a third of matches and the rest in their files.
    if numbered.matches >= 2
        && share(numbered.matches + numbered.context) >= MIN_SHARE
        && numbered.diagnostics == 0
    {
        return Some((
            Shape::Matches(Style { pathed: true, numbered: true }),
            sure(numbered.matches + numbered.context),
        ));
    }
    let paths = lines.iter().filter(|l| listing::is_path_line(l)).count();
    if share(paths) >= 80 {
        return Some((Shape::Paths, sure(paths)));
    }
    let alone = count_alone(&lines);
    if share(alone) >= MIN_SHARE {
        return Some((Shape::Matches(Style { pathed: false, numbered: true }), sure(alone) - ALONE_DOUBT));
    }
    let plain = count_plain(&lines);
    if share(plain) >= MIN_SHARE {
        return Some((Shape::Matches(Style { pathed: true, numbered: false }), sure(plain) - ALONE_DOUBT));
    }
    None
}

/// Lines from [`SAMPLES`] places, evenly spread; each place starts at a line.
fn sample(text: &str) -> Vec<&str> {
    let mut out = Vec::with_capacity(SAMPLE_LINES);
    let mut done = 0;
    for place in 0..SAMPLES {
        let mut at = text.len() / SAMPLES * place;
        while !text.is_char_boundary(at) {
            at += 1;
        }
        if place > 0 {
            // From the middle of a line to its end.
            match memchr::memchr(b'\n', &text.as_bytes()[at..]) {
                Some(newline) => at += newline + 1,
                None => break,
            }
        }
        at = at.max(done);
        for _ in 0..SAMPLE_LINES / SAMPLES {
            if at >= text.len() {
                break;
            }
            let end = memchr::memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |n| at + n);
            out.push(text[at..end].trim_end_matches('\r'));
            at = end + 1;
        }
        done = at.min(text.len());
        while !text.is_char_boundary(done) {
            done += 1;
        }
    }
    out
}

fn directories(sample: &[&str], lines: &[&str]) -> Option<(Shape, u8)> {
    let heads = sample.iter().filter(|l| listing::directory_of(l).is_some()).count();
    let names = lines.iter().filter(|l| listing::is_name(l) || listing::directory_of(l).is_some()).count();
    let is_listing = heads >= 2 && names * 100 >= lines.len() * 85;
    is_listing.then_some((Shape::Directories, 88))
}

#[derive(Default)]
struct Numbered {
    matches: usize,
    context: usize,
    diagnostics: usize,
    clocks: usize,
}

fn count_numbered(lines: &[&str]) -> Numbered {
    let mut out = Numbered::default();
    let mut path = "";
    for line in lines {
        if let Some((p, _, text)) = split_numbered(line).filter(|(p, ..)| is_file(p)) {
            out.matches += 1;
            out.diagnostics += usize::from(is_diagnostic(text));
            out.clocks += usize::from(is_seconds(text));
            path = p;
        } else if is_context(line)
            || (!path.is_empty() && line.strip_prefix(path).is_some_and(|rest| rest.starts_with(['-', '='])))
        {
            out.context += 1;
        }
    }
    out
}

/// `45.008 …`: what was taken for a line number are the minutes of a time.
fn is_seconds(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 2 && matches!(text.as_bytes().get(2), Some(b'.' | b',' | b' ' | b']' | b'Z' | b'+'))
}

/// `path-12-text`, before any match of the path was seen.
fn is_context(line: &str) -> bool {
    line.match_indices('-').take(20).any(|(at, _)| {
        let rest = &line[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with('-') && matches::is_clear_path(&line[..at])
    })
}

/// A path, with a directory or an extension or the name of a file that has neither.
fn is_file(path: &str) -> bool {
    matches::is_clear_path(path)
        || (path.len() <= 40
            && path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.')
            && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            && path.bytes().filter(u8::is_ascii_alphabetic).count() >= 3)
}

/// ` error: …`, `5: warning …`, ` E501 …`: what a compiler or linter says of a line.
fn is_diagnostic(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match text[digits..].strip_prefix(':') {
        Some(rest) if digits > 0 => rest,
        _ => text,
    };
    let Some(said) = rest.strip_prefix(' ').filter(|said| !said.starts_with(' ')) else { return false };
    if digits > 0 {
        return true;
    }
    let word: String = said.chars().take_while(|c| c.is_alphanumeric()).take(12).collect();
    let is_code = word.len() >= 3
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word[1..].bytes().all(|b| b.is_ascii_digit());
    is_code
        || ["error", "warning", "note", "fatal", "info", "hint", "failed", "undefined", "assertionerror"]
            .contains(&word.to_lowercase().as_str())
        || word.ends_with("Error")
}

/// Lines `12:text`, if they can be the matches of files and are no times, ratios or lists.
fn count_alone(lines: &[&str]) -> usize {
    let mut last = 0_u64;
    let (mut total, mut colons, mut ascending, mut times, mut headings) = (0, 0, 0, 0, 0);
    let mut is_below_heading = false;
    for line in lines {
        let Some(hit) = matches::numbered_only(line).filter(|m| m.separator != b'=') else {
            is_below_heading = matches::is_clear_path(line);
            continue;
        };
        if is_below_heading {
            // The path above counts as part of the search, and numbers start again below it.
            headings += 1;
            last = 0;
            is_below_heading = false;
        }
        let Ok(number) = hit.number.parse::<u64>() else { continue };
        total += 1;
        colons += usize::from(hit.separator == b':');
        ascending += usize::from(number > last);
        times += usize::from(hit.text.starts_with(|c: char| c.is_ascii_digit()));
        last = number;
    }
    // Files without a heading between them may follow each other, so a few numbers may fall.
    let is_search = colons >= 2 && ascending * 10 >= total * 7 && times * 4 <= total;
    if is_search { total + headings } else { 0 }
}

/// Lines `path:text`, if paths repeat or have directories and what follows is no value of a key.
fn count_plain(lines: &[&str]) -> usize {
    let (mut total, mut values, mut repeats, mut deep, mut diagnostics) = (0, 0, 0, 0, 0);
    let mut last = "";
    for line in lines {
        let Some((path, _, text)) = split_plain(line) else {
            // Context of the file before.
            total +=
                usize::from(!last.is_empty() && line.strip_prefix(last).is_some_and(|r| r.starts_with('-')));
            continue;
        };
        total += 1;
        values += usize::from(text.starts_with(' ') && !text.starts_with("  "));
        diagnostics += usize::from(is_diagnostic(text));
        repeats += usize::from(path == last);
        deep += usize::from(path.contains(['/', '\\']));
        last = path;
    }
    let is_search =
        values * 3 <= total && diagnostics * 5 <= total && (repeats * 3 >= total || deep * 10 >= total * 8);
    if is_search { total } else { 0 }
}
