//! Retrieved passages: how retrieval pipelines number the texts that they paste together.
//!
//! `Document [3](Title: Rhine) …`, `Passage 2:`, `[4] …`, `Source #1 - …`, `## Result 5`,
//! `<document index="2">`, `--- Chunk 7 ---`. Looks at the first bytes of a line only.

use crate::planes;

/// Nouns that pipelines number and people hardly ever do, in lower case.
#[rustfmt::skip]
const SURE_NOUNS: &[&str] = &[
    "document", "doc", "passage", "search result", "chunk", "snippet", "excerpt", "retrieved document",
    "retrieved passage", "dokument", "documento", "文档", "文書", "문서", "документ",
];

/// Nouns that people number as well.
const OTHER_NOUNS: &[&str] = &[
    "source",
    "result",
    "article",
    "context",
    "reference",
    "evidence",
    "web page",
    "webpage",
    "quelle",
    "资料",
];

/// The letters that the ASCII ones of both begin with, in lower case.
const FIRST_LETTERS: &[u8] = b"acdeprsqw";

/// Whether a byte is one of [`FIRST_LETTERS`], in either case.
static IS_FIRST: [bool; 256] = {
    let mut is_first = [false; 256];
    let mut i = 0;
    while i < FIRST_LETTERS.len() {
        is_first[FIRST_LETTERS[i] as usize] = true;
        is_first[FIRST_LETTERS[i].to_ascii_uppercase() as usize] = true;
        i += 1;
    }
    is_first
};

/// At most this many blanks and ornaments stand before a marker.
const MAX_LEAD_BYTES: usize = 12;

/// Where a numbered passage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Its number.
    pub number: u32,
    /// Bytes of the line up to the end of the number and what closes it.
    pub len: usize,
    /// Whether nobody but a pipeline writes so; if not, it takes more to believe it.
    pub is_sure: bool,
}

/// The marker at the start of a line, if there is one.
pub fn marker(line: &str) -> Option<Marker> {
    // Most lines of most texts begin with another letter, or have no number within a window behind it.
    let first = line.bytes().next()?;
    if first.is_ascii_alphabetic() && !IS_FIRST[usize::from(first)]
        || planes::mask(&planes::window(line.as_bytes(), 0), |b| b.is_ascii_digit()) == 0
    {
        return None;
    }
    let is_lead = |b: &u8| matches!(b, b' ' | b'#' | b'*' | b'-' | b'=' | b'<' | b'_' | b'>');
    let lead = line.bytes().take(MAX_LEAD_BYTES + 1).take_while(is_lead).count();
    if lead > MAX_LEAD_BYTES {
        return None;
    }
    let body = &line[lead..];
    if !may_begin(body) {
        return None;
    }
    let (noun, is_sure) = noun(body);
    let after = &body[noun..];
    let mut rest = after.trim_start_matches([' ', '\t']);
    if noun > 0 && line.trim_start().starts_with('<') {
        // <document index="2">, <doc id='2'>
        let at = rest.find(|c: char| c.is_ascii_digit()).filter(|at| *at <= 20)?;
        let tag_end = rest.find('>')?;
        if at > tag_end {
            return None;
        }
        let number = digits(&rest[at..])?;
        return Some(Marker { number, len: line.len() - rest.len() + tag_end + 1, is_sure });
    }
    let bracketed = rest.starts_with(['[', '(', '#', '【']);
    if noun == 0 && !rest.starts_with(['[', '【']) {
        return None;
    }
    // "no. 3", "ID: 3" and the like are not worth the risk; the number follows at once.
    rest = rest.trim_start_matches(['[', '(', '#', '【', ':']).trim_start_matches(' ');
    let number = digits(rest)?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let closed = match rest.chars().next() {
        None | Some('\n' | '\r') => !bracketed,
        Some(']' | ')' | '】') => bracketed,
        Some(':' | '.' | '-' | '|' | '*' | '：' | '/' | '(') => !bracketed || noun > 0,
        Some(' ') => {
            // "Document 3 (title)", "Source 2 - …", "--- Chunk 7 ---"; not "Source 2 says".
            let next = rest.trim_start_matches(' ').chars().next();
            noun > 0 && (lead > 0 || next.is_none_or(|c| "(-–—|:[=*\n\r".contains(c)))
        }
        Some(_) => false,
    };
    if !closed {
        return None;
    }
    let close = rest.chars().next().filter(|c| !c.is_whitespace()).map_or(0, char::len_utf8);
    let len = line.len() - rest.len() + close;
    Some(Marker { number, len, is_sure })
}

/// Whether `body` begins as a noun or a number in brackets does; most lines of most texts do not.
fn may_begin(body: &str) -> bool {
    body.bytes().next().is_some_and(|b| !b.is_ascii() || b == b'[' || IS_FIRST[usize::from(b)])
}

/// Bytes of a numbered noun at the start of `body` (0 if there is none), and whether it is a sure one.
fn noun(body: &str) -> (usize, bool) {
    let mut best = (0, false);
    for (nouns, is_sure) in [(SURE_NOUNS, true), (OTHER_NOUNS, false)] {
        for noun in nouns {
            // The first byte tells most of them apart; of other scripts the letter case is not known.
            let first = noun.as_bytes()[0];
            if first.is_ascii()
                && body.bytes().next().is_some_and(|b| !b.eq_ignore_ascii_case(&first) && b.is_ascii())
            {
                continue;
            }
            let Some(head) = body.get(..noun.len()) else { continue };
            let fits =
                if head.is_ascii() { head.eq_ignore_ascii_case(noun) } else { head.to_lowercase() == *noun };
            let ends = !body[head.len()..].starts_with(|c: char| c.is_ascii_alphabetic());
            if fits && ends && noun.len() > best.0 {
                best = (noun.len(), is_sure);
            }
        }
    }
    best
}

fn digits(text: &str) -> Option<u32> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=6).contains(&end).then(|| text[..end].parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_letters_are_those_of_the_nouns() {
        for noun in SURE_NOUNS.iter().chain(OTHER_NOUNS) {
            assert!(may_begin(noun) && may_begin(&noun.to_uppercase()), "{noun}");
        }
    }

    #[test]
    fn markers_of_many_pipelines() {
        for (line, number, rest) in [
            ("Document [3](Title: Rhine) The river", 3, "(Title: Rhine) The river"),
            ("Passage 12: The river", 12, " The river"),
            ("[4] The river", 4, " The river"),
            ("Source #1 - example.org", 1, " - example.org"),
            ("## Result 5\n", 5, "\n"),
            ("<document index=\"2\">", 2, ""),
            ("--- Chunk 7 ---", 7, " ---"),
            ("**Document 2:** text", 2, "** text"),
            ("doc 9\n", 9, "\n"),
            ("文档3：河", 3, "河"),
        ] {
            let m = marker(line).unwrap_or(Marker { number: 0, len: 0, is_sure: false });
            assert_eq!((m.number, &line[m.len..]), (number, rest), "{line}");
        }
        for line in [
            "Document the API first.",
            "Source 2 says that",
            "3. Do this",
            "[INFO] x",
            "[2024-01-01] x",
            "Pages 3",
            "",
            "Document 1234567: x",
            "- [x] 3",
        ] {
            assert_eq!(marker(line), None, "{line}");
        }
    }
}
