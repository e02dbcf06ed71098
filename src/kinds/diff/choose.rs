//! What of a diff stays: every changed line, unless its file is generated or clearly beside the
//! question.
//!
//! A file that the question names keeps its context as well. Files are beside the question if it
//! names others of the same diff and the diff is not small. A file that belongs to a named one
//! (`test_app.py` to `app.py`), or that holds a literal of the question, stays. Linear.

use std::ops::Range;

use super::lines::Source;
use super::parse::Part;
use crate::hashed::FastSet;
use crate::options::{Level, Options};
use crate::score::{Query, scope};

/// What happens to the hunks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// They stay, with all their context.
    Full,
    /// They stay, but for context.
    Whole,
    /// A part of the front stays; one mark stands for the rest.
    Front(Front),
}

/// What stays of a file of which not all stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    /// Hunks that stay.
    pub hunks: usize,
    /// Lines that stay of the hunk behind them.
    pub lines: usize,
    /// Why nobody needs the file, for the mark.
    pub why: Option<&'static str>,
}

/// What stays of a diff.
#[derive(Debug)]
pub struct Choice {
    /// Lines of context around changes; `None`: all.
    pub context_lines: Option<usize>,
    /// Whether the hashes of blobs stay.
    pub with_blobs: bool,
    /// Whether statistics stay although the diff they count follows.
    pub with_statistics: bool,
    /// Per file, counted from 1; 0 is what stands before the first header.
    pub files: Vec<Fate>,
}

impl Choice {
    /// Everything stays.
    pub fn all() -> Self {
        Choice { context_lines: None, with_blobs: true, with_statistics: true, files: Vec::new() }
    }
}

/// Bytes per token, for choosing only.
const BYTES_PER_TOKEN: usize = 4;
/// Fewer tokens of hunks are not worth a mark.
const MIN_COLLAPSED_TOKENS: usize = 30;
/// A diff of fewer tokens is read as a whole, whatever the question names.
const MIN_GATED_TOKENS: usize = 1000;
/// A diff of more tokens than this is more than anyone reads through.
const MANY_TOKENS: usize = 24_000;
/// The same at level aggressive.
const MANY_AGGRESSIVE_TOKENS: usize = 4_000;
/// A few lines of a hunk say nothing without the rest.
const MIN_FRONT_LINES: usize = 10;
/// Changed lines longer than this on average are generated, in bytes.
const GENERATED_LINE_BYTES: usize = 600;

/// A file of the diff.
struct File<'t> {
    path: &'t str,
    /// Tokens of its hunks, changes only.
    tokens: usize,
    /// Tokens and lines of each hunk; a binary patch has no lines.
    hunks: Vec<(usize, Range<usize>)>,
    added: usize,
    removed: usize,
    changed_bytes: usize,
    has_binary: bool,
    lines: Range<usize>,
}

/// Chooses. `tokens` counts the source, for an explicit ratio.
pub fn choose(
    source: &Source<'_>,
    parts: &[Part<'_>],
    text: &str,
    query: &Query,
    options: &Options,
    tokens: impl Fn() -> usize,
) -> Choice {
    let files = files(source, parts);
    let is_aggressive = options.level == Level::Aggressive;
    let mut fates = vec![Fate::Whole; files.len()];
    let (named, touched) = named(&files, source, text, query);
    let has_named = named.contains(&true) && !scope::asks_for_others(&query.question);
    let total: usize = files.iter().map(|f| f.tokens).sum();
    for (i, file) in files.iter().enumerate().skip(1) {
        let why = generated(file);
        let is_beside = has_named && total >= MIN_GATED_TOKENS && !touched[i];
        if !named[i] && file.tokens >= MIN_COLLAPSED_TOKENS && (why.is_some() || is_beside) {
            fates[i] = Fate::Front(Front { why, ..Front::default() });
        }
    }
    let mut context_lines = if is_aggressive { 0 } else { 1 };
    if options.target_ratio.is_none() && !is_aggressive {
        // What is asked about is read with what stands around it.
        let asked = fates.iter_mut().zip(&named).filter(|(fate, named)| **named && **fate == Fate::Whole);
        asked.for_each(|(fate, _)| *fate = Fate::Full);
    }
    let outside = text.len() / BYTES_PER_TOKEN;
    let budget = match options.target_ratio {
        Some(ratio) => {
            let tokens = tokens();
            let budget = (ratio * tokens as f64) as usize;
            let around = outside.saturating_sub(total);
            if budget < tokens / 2 {
                context_lines = 0;
            }
            budget.saturating_sub(around.min(budget / 2))
        }
        None if is_aggressive => MANY_AGGRESSIVE_TOKENS,
        None => MANY_TOKENS,
    };
    cut_largest(&mut fates, &files, source, &named, budget);
    Choice { context_lines: Some(context_lines), with_blobs: false, with_statistics: false, files: fates }
}

/// Cuts deleted files, then the largest, until the rest fits; what is then free goes to the front
/// of the files that were cut.
fn cut_largest(fates: &mut [Fate], files: &[File<'_>], source: &Source<'_>, named: &[bool], budget: usize) {
    let whole = |fates: &[Fate]| (0..files.len()).filter(|i| fates[*i] == Fate::Whole).collect::<Vec<_>>();
    let mut left: usize = whole(fates).iter().map(|i| files[*i].tokens).sum();
    if left <= budget {
        return;
    }
    let mut order = whole(fates);
    order.retain(|i| !named[*i] && files[*i].tokens >= MIN_COLLAPSED_TOKENS);
    order.sort_by_key(|i| (files[*i].added > 0, std::cmp::Reverse(files[*i].tokens), *i));
    let mut cut = Vec::new();
    for i in order {
        if left <= budget {
            break;
        }
        left -= files[i].tokens;
        cut.push(i);
    }
    let each = budget.saturating_sub(left) / cut.len().max(1);
    for i in cut {
        fates[i] = Fate::Front(front(&files[i], source, each));
    }
}

/// As many hunks of a file as fit, and lines of the next one.
fn front(file: &File<'_>, source: &Source<'_>, max_tokens: usize) -> Front {
    let mut used = 0;
    let mut hunks = 0;
    while let Some((tokens, _)) = file.hunks.get(hunks).filter(|(tokens, _)| used + tokens <= max_tokens) {
        used += tokens;
        hunks += 1;
    }
    let body = file.hunks.get(hunks).map_or(0..0, |(_, body)| body.clone());
    let fits = |line: &&&str| {
        used += line.len() / BYTES_PER_TOKEN + 1;
        used <= max_tokens
    };
    let lines = source.lines[body].iter().take_while(fits).count();
    Front { hunks, lines: if lines < MIN_FRONT_LINES { 0 } else { lines }, why: None }
}

fn files<'t>(source: &Source<'_>, parts: &[Part<'t>]) -> Vec<File<'t>> {
    let empty = |path, start| File {
        path,
        tokens: 0,
        hunks: Vec::new(),
        added: 0,
        removed: 0,
        changed_bytes: 0,
        has_binary: false,
        lines: start..start,
    };
    let mut out = vec![empty("", 0)];
    for part in parts {
        if let Part::Head(head) = part {
            out.push(empty(head.path, head.lines.start));
        }
        let Some(file) = out.last_mut() else { continue };
        match part {
            Part::Hunk(hunk) => {
                let before = file.tokens;
                for line in &source.lines[hunk.body.clone()] {
                    let is_change = line.starts_with(['+', '-']);
                    file.added += usize::from(line.starts_with('+'));
                    file.removed += usize::from(line.starts_with('-'));
                    if is_change {
                        file.changed_bytes += line.len();
                        file.tokens += line.len() / BYTES_PER_TOKEN + 1;
                    }
                }
                file.tokens += hunk.at.section.len() / BYTES_PER_TOKEN + 4;
                file.hunks.push((file.tokens - before, hunk.body.clone()));
                file.lines.end = hunk.body.end;
            }
            Part::Binary(lines) => {
                file.has_binary = true;
                // Base 85 has about two bytes to a token.
                let tokens = source.lines[lines.clone()].iter().map(|l| l.len()).sum::<usize>() / 2;
                file.tokens += tokens;
                file.hunks.push((tokens, 0..0));
                file.lines.end = lines.end;
            }
            Part::Head(_) | Part::Raw(_) => {}
        }
    }
    out
}

/// Why a file is nobody's work, if so.
fn generated(file: &File<'_>) -> Option<&'static str> {
    let name = file.path.rsplit('/').next().unwrap_or(file.path);
    let lower = name.to_ascii_lowercase();
    const LOCKS: [&str; 7] = [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "packages.lock.json",
        "go.sum",
        "bun.lockb",
        "gradle.lockfile",
    ];
    const ENDINGS: [&str; 12] = [
        ".min.js",
        ".min.css",
        ".min.mjs",
        ".js.map",
        ".css.map",
        ".snap",
        ".pb.go",
        "_pb2.py",
        "_pb2_grpc.py",
        ".pb.cc",
        ".pb.h",
        ".g.dart",
    ];
    const FOLDERS: [&str; 2] = ["node_modules/", "__snapshots__/"];
    let is_in_folder =
        |folder: &&str| file.path.starts_with(*folder) || file.path.contains(&format!("/{folder}"));
    if file.has_binary {
        Some("data")
    } else if LOCKS.contains(&lower.as_str()) || lower.ends_with(".lock") {
        Some("lock file")
    } else if ENDINGS.iter().any(|e| lower.ends_with(e)) || FOLDERS.iter().any(is_in_folder) {
        Some("generated")
    } else if file.changed_bytes > GENERATED_LINE_BYTES * (file.added + file.removed).max(1) {
        Some("long lines")
    } else {
        None
    }
}

/// For each file: whether the question names it; and whether it is named, belongs to a named one or
/// holds a literal of the question.
fn named(files: &[File<'_>], source: &Source<'_>, text: &str, query: &Query) -> (Vec<bool>, Vec<bool>) {
    let mut named = vec![false; files.len()];
    let mut touched = vec![false; files.len()];
    for literal in &query.literals {
        let matching: Vec<usize> = (1..files.len()).filter(|i| names(literal, files[*i].path)).collect();
        // A literal that names half of the files selects nothing.
        if matching.is_empty() || matching.len() * 2 > files.len().max(3) {
            touch(&mut touched, files, source, text, literal);
        }
        if matching.len() * 2 <= files.len().max(3) {
            for i in matching {
                named[i] = true;
                touched[i] = true;
            }
        }
    }
    let stems: FastSet<String> =
        (0..files.len()).filter(|i| named[*i]).map(|i| stem(files[i].path)).collect();
    for (i, file) in files.iter().enumerate() {
        touched[i] |= !stems.is_empty() && stems.contains(&stem(file.path));
    }
    (named, touched)
}

/// Marks the files in which a literal stands.
fn touch(touched: &mut [bool], files: &[File<'_>], source: &Source<'_>, text: &str, literal: &str) {
    let mut file = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), literal.as_bytes()) {
        let end_of =
            |file: usize| files[file].lines.end.checked_sub(1).map_or(0, |l| source.range(l..l + 1).end);
        while file < files.len() && end_of(file) <= at {
            file += 1;
        }
        let Some(f) = files.get(file) else { break };
        if source.range(f.lines.clone()).start <= at {
            touched[file] = true;
        }
    }
}

/// Whether `literal` is the path, or its end from a slash on.
fn names(literal: &str, path: &str) -> bool {
    let literal = literal.trim_start_matches("./");
    literal.contains(['.', '/'])
        && path.strip_suffix(literal).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// What a file and its tests have in common: the name without extension, case and test words.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let name = name.trim_start_matches("test_").trim_end_matches("_test").trim_end_matches("_spec");
    name.trim_end_matches("tests").trim_end_matches("test").trim_end_matches('-').to_owned()
}
