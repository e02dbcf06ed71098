//! Files in one output: separators (`==> a.py <==`, `===== a.py =====`, `# File: a.py`), fences, or the
//! whole text as one file; and the language of each. Cost: linear.

use std::ops::Range;

use super::language::{Evidence, Language};
use super::listing::Listing;
use crate::blocks::lines::trim_start;
use crate::select::Span;

/// The lines of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its lines, separators left out.
    pub lines: Range<usize>,
    /// Its language; `None` if it is not code.
    pub language: Option<Language>,
}

/// At most this many lines of a section are asked for their language.
const SAMPLE_LINES: usize = 400;
/// A language needs this many votes: one definition, or a few weaker signs.
const MIN_VOTES: u32 = 3;

/// What a separator line says of the lines that follow.
enum Separator {
    File(Option<Language>),
    FenceOpen(Option<Language>),
    FenceClose,
}

/// Splits a text into files. `hint` is the language that the tool call's file name shows.
pub fn split(text: &str, lines: &[Span], listing: Option<&Listing>, hint: Option<Language>) -> Vec<Section> {
    let mut out: Vec<Section> = Vec::new();
    let mut start = 0;
    let mut language: Option<Language> = hint;
    let mut in_fence = false;
    // With fences, what stands outside of them is not code.
    let mut has_fences = false;
    let mut is_code = true;
    for i in 0..=lines.len() {
        let separator = match lines.get(i) {
            // Most lines begin as no separator does.
            Some(line) => Some(trim_start(&text[line.range()]))
                .filter(|line| line.bytes().next().is_some_and(|b| SEPARATOR_STARTS.contains(&b)))
                .and_then(|line| separator(line.trim_end(), in_fence)),
            None => Some(Separator::FenceClose),
        };
        let Some(separator) = separator else { continue };
        if is_code && i > start {
            out.push(Section { lines: start..i, language });
        }
        start = i + 1;
        match separator {
            Separator::File(l) => {
                language = l;
                is_code = !has_fences;
            }
            Separator::FenceOpen(l) => {
                if !has_fences {
                    // What came before the first fence is no code.
                    out.clear();
                }
                has_fences = true;
                in_fence = true;
                is_code = true;
                // A path above the fence and the word behind it agree or the word wins.
                language = l.or(language);
            }
            Separator::FenceClose => {
                in_fence = false;
                is_code = false;
            }
        }
    }
    for section in &mut out {
        section.language = judge(text, &lines[section.lines.clone()], listing, section.language);
    }
    out
}

/// The language of some lines; a hint needs no more than the absence of better evidence.
fn judge(text: &str, lines: &[Span], listing: Option<&Listing>, hint: Option<Language>) -> Option<Language> {
    let mut evidence = Evidence::default();
    let step = (lines.len() / SAMPLE_LINES).max(1);
    for line in lines.iter().step_by(step) {
        let line = &text[line.range()];
        evidence.add(&line[listing.map_or(0, |l| l.prefix_len(line))..]);
    }
    let best = evidence.best().filter(|(_, votes)| *votes >= MIN_VOTES);
    match (hint, best) {
        (Some(hint), Some((best, votes))) if evidence.votes_for(hint) * 4 < votes => Some(best),
        (Some(hint), _) => Some(hint),
        (None, best) => best.map(|b| b.0),
    }
}

/// What separators and fences begin with.
const SEPARATOR_STARTS: &[u8] = b"`=-#></*+";

/// What a line that begins with one of [`SEPARATOR_STARTS`] separates.
fn separator(line: &str, in_fence: bool) -> Option<Separator> {
    if let Some(rest) = line.strip_prefix("```") {
        let word = rest.trim_start_matches('`').split([' ', ':', '{', ',']).next().unwrap_or("");
        return if in_fence || rest.contains('`') && rest.trim_start_matches('`').contains('`') {
            in_fence.then_some(Separator::FenceClose)
        } else {
            Some(Separator::FenceOpen(Language::from_extension(&word.to_ascii_lowercase())))
        };
    }
    if in_fence || line.len() > 300 || line.starts_with('`') {
        return None;
    }
    let decoration = |c: char| matches!(c, '=' | '-' | '#' | '>' | '<' | '*' | '+' | ' ' | '/' | '`' | ':');
    let inner = line.trim_matches(decoration);
    let inner = ["File:", "file:", "FILE:", "Path:", "path:", "File", "FILE"]
        .iter()
        .find_map(|word| inner.strip_prefix(word))
        .unwrap_or(inner)
        .trim_matches(decoration);
    // `// a.go` alone may be a comment; three characters of decoration or the word "file" are not.
    let ornament = line.bytes().take_while(|b| matches!(b, b'=' | b'-' | b'#' | b'>' | b'*' | b'+')).count();
    let is_marked = ornament >= 3 || line.to_ascii_lowercase().contains("file:") || line.starts_with("==> ");
    if !is_marked || inner.is_empty() || inner.contains([' ', '(', ';', '=', '"']) {
        return None;
    }
    let language = Language::from_path(inner);
    let has_extension =
        inner.rsplit('/').next().is_some_and(|name| name.trim_start_matches('.').contains('.'));
    (language.is_some() || has_extension).then_some(Separator::File(language))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select;

    #[test]
    fn files_are_found_behind_their_separators() {
        let text = "===== src/a.py =====\ndef f():\n    pass\n==> b.go <==\nfunc f() {\n}\n# File: c.rs\nfn f() {}\n--- README.md ---\nText.\n";
        let lines = select::spans(text);
        let sections = split(text, &lines, None, None);
        let found: Vec<_> = sections.iter().map(|s| (s.lines.clone(), s.language)).collect();
        assert_eq!(
            found,
            [
                (1..3, Some(Language::Python)),
                (4..6, Some(Language::Go)),
                (7..8, Some(Language::Rust)),
                (9..10, None)
            ]
        );
    }

    #[test]
    fn outside_of_fences_is_no_code() {
        let text = "Some words:\n```python\ndef f():\n    pass\n```\nmore words\n```\nfn main() {}\n";
        let lines = select::spans(text);
        let sections = split(text, &lines, None, None);
        let found: Vec<_> = sections.iter().map(|s| (s.lines.clone(), s.language)).collect();
        assert_eq!(found, [(2..4, Some(Language::Python)), (7..8, Some(Language::Rust))]);
    }
}
