//! `git blame`: what stands in front of the lines of one commit is written once.
//!
//! ```text
//! 37cd01f8 (Ana 2026-11-23 19:00:36 +0000  1) fn main() {     the first line of a commit, as it was
//! |    run();                                                 the commit of the line above, one line on
//! 37cd01f8|}                                                  a commit that was there before
//! ```
//!
//! Byte-exact: an encoding that does not decode to the input is not used. Cost: linear.

use crate::hashed::FastMap;
use crate::select;

/// What the header says.
pub const WORDS: &str = "git blame, | for the commit of the line above, hash| for one seen before";
/// Fewer lines are not worth a header.
const MIN_LINES: usize = 8;
/// Lines that recognition looks at.
const SAMPLE_LINES: usize = 60;
/// Stands between a commit and its line of code.
const BAR: char = '|';

/// A line of blame.
#[derive(Clone, Copy)]
struct Blamed<'t> {
    hash: &'t str,
    /// From behind the hash to the number's padding.
    who: &'t str,
    /// The number with its padding.
    number: &'t str,
    /// From the parenthesis on.
    code: &'t str,
}

/// `37cd01f8 path (Ana 2026-11-23 19:00:36 +0000 12) code`
fn blamed(line: &str) -> Option<Blamed<'_>> {
    let (hash, _) = line.split_once(' ')?;
    let digits = hash.trim_start_matches('^');
    if !(7..=40).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let open = hash.len() + line[hash.len()..].find('(')?;
    // An author's name may have parentheses: the first that closes behind a padded number is the one.
    let (close, padded) = line[open..].match_indices(')').find_map(|(at, _)| {
        let close = open + at;
        let bare = line[..close].trim_end_matches(|c: char| c.is_ascii_digit());
        let padded = bare.trim_end_matches(' ');
        let is_number = bare.len() < close && padded.len() < bare.len() && bare[open..].contains(':');
        is_number.then_some((close, padded))
    })?;
    let (who, number) = line[..close].split_at(padded.len());
    Some(Blamed { hash, who: &who[hash.len()..], number, code: &line[close..] })
}

/// Whether a text is the output of `git blame`.
pub fn is_blame(text: &str) -> bool {
    let mut lines = 0;
    text.lines().take(SAMPLE_LINES).all(|line| {
        lines += 1;
        blamed(line).is_some()
    }) && lines >= MIN_LINES
}

/// The encoded text; `None` if it would not decode.
pub fn encode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() / 2);
    let mut known: FastMap<&str, &str> = FastMap::default();
    let mut last: Option<Blamed<'_>> = None;
    for range in select::lines(text) {
        let line = &text[range];
        let this = blamed(line);
        if let Some(this) = this
            && let Some(before) = last
            && next_number(before.number).as_deref() == Some(this.number)
            && known.get(this.hash) == Some(&this.who)
        {
            if before.hash != this.hash {
                out.push_str(this.hash);
            }
            out.push(BAR);
            out.push_str(this.code.strip_prefix(") ").unwrap_or(this.code));
        } else {
            out.push_str(line);
        }
        if let Some(this) = this {
            known.insert(this.hash, this.who);
        }
        last = this;
    }
    (decode(&out)? == text).then_some(out)
}

/// The text behind an encoded one.
pub fn decode(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len() * 2);
    let mut known: FastMap<String, String> = FastMap::default();
    let mut last: Option<(String, String)> = None;
    for range in select::lines(body) {
        let line = &body[range];
        let short = line.split_once(BAR).filter(|(hash, _)| hash.is_empty() || known.contains_key(*hash));
        if let (Some((hash, code)), Some((before, number))) = (short, &last) {
            let hash = if hash.is_empty() { before.clone() } else { hash.to_owned() };
            let number = next_number(number)?;
            out.push_str(&hash);
            out.push_str(known.get(&hash)?);
            out.push_str(&number);
            out.push_str(if code.starts_with(')') { "" } else { ") " });
            out.push_str(code);
            last = Some((hash, number));
            continue;
        }
        out.push_str(line);
        last = blamed(line).map(|this| {
            known.insert(this.hash.to_owned(), this.who.to_owned());
            (this.hash.to_owned(), this.number.to_owned())
        });
    }
    Some(out)
}

/// The next number, as wide.
fn next_number(number: &str) -> Option<String> {
    let next = number.trim_start().parse::<u64>().ok()?.checked_add(1)?;
    Some(format!("{next:>width$}", width = number.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blame(commits: &[(u8, String)]) -> String {
        let line = |(i, (commit, code)): (usize, &(u8, String))| {
            let author = ["Ana B", "Bob (x)", "Chen"][usize::from(commit % 3)];
            format!(
                "{}{commit:07x} (src/a.rs {author:<8} 2026-11-2{} 19:00:36 +0000 {:>3}) {code}\n",
                if *commit == 0 { "^" } else { "a" },
                commit % 10,
                i + 8
            )
        };
        commits.iter().enumerate().map(line).collect()
    }

    #[test]
    fn a_commit_is_said_once() {
        let commits: Vec<(u8, String)> =
            [1, 1, 2, 1, 1, 2, 3, 3, 3].into_iter().map(|c| (c, format!("x = {c};"))).collect();
        let text = blame(&commits);
        assert!(is_blame(&text) && !is_blame("a1b2c3d4 fix (#12) things\n"));
        let body = encode(&text).unwrap();
        assert!(
            body.contains("\n|x = 1;\n") && body.contains("\na0000001|x = 1;\n|x = 1;\na0000002|x = 2;\n"),
            "{body}"
        );
        assert_eq!(decode(&body).unwrap(), text);
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(commits in prop::collection::vec((0..4_u8, "[ab|) ]{0,6}"), 8..40), cut in 0..40_usize) {
            let text = blame(&commits);
            let text = &text[..text.len() - cut];
            if let Some(body) = encode(text) {
                prop_assert_eq!(decode(&body).unwrap(), text);
            }
        }

        #[test]
        fn decoding_any_text_does_not_panic(body in "(a0000001 \\(A 1:2 9\\) x\n|a0000001\\||\\||[ab)\n]){0,12}") {
            let _ = decode(&body);
        }
    }
}
