//! Lines that speak of what failed: an error names an address, a block or a request, and whoever reads
//! it looks next for what else was said of it.
//!
//! Cost: one pass over the bytes of the messages and a look-up per identifier in them, only where there
//! are failures that name any.

use super::view::View;

use crate::hashed::FastMap;

/// Identifiers looked for, those of the worst lines first.
const MAX_IDENTIFIERS: usize = 256;
/// One that is on more lines than this is a part of the system, not of the failure.
const MAX_LINES: usize = 8;
/// Bytes of an identifier.
const MIN_BYTES: usize = 6;
const MAX_BYTES: usize = 80;
/// Digits that make one without any letter or joint.
const MIN_DIGITS: usize = 6;
/// Share of the text that such lines may take.
const MAX_SHARE: f64 = 0.06;

/// Lines that name what one of the `failing` lines (the worst first) names, rarest identifiers first,
/// as many as fit.
pub(super) fn find(view: &View<'_>, failing: &[usize]) -> Vec<usize> {
    let mut ids: FastMap<&str, usize> = FastMap::default();
    for i in failing {
        identifiers(view.message(*i), |id| {
            let next = ids.len();
            if next < MAX_IDENTIFIERS {
                ids.entry(id).or_insert(next);
            }
        });
    }
    if ids.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
    for i in 0..view.len() {
        identifiers(view.message(i), |id| {
            if let Some(id) = ids.get(id)
                && lines[*id].len() <= MAX_LINES
                && lines[*id].last() != Some(&i)
            {
                lines[*id].push(i);
            }
        });
    }
    lines.retain(|lines| (2..=MAX_LINES).contains(&lines.len()));
    lines.sort_by_key(Vec::len);
    let mut left = (MAX_SHARE * view.text.len() as f64) as usize;
    let mut out = Vec::new();
    for lines in lines {
        let bytes: usize = lines.iter().map(|i| view.bytes(*i)).sum();
        if let Some(rest) = left.checked_sub(bytes) {
            left = rest;
            out.extend(lines);
        }
    }
    out
}

/// Calls `f` with each identifier of a line: `10.0.0.7`, `blk_-12`, `req-7f3a`, `81234567`; not `0.25`.
fn identifiers<'t>(line: &'t str, mut f: impl FnMut(&'t str)) {
    let b = line.as_bytes();
    let mut at = 0;
    while let Some(digit) = b[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) {
        let belongs = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.');
        let start = digit - b[at..digit].iter().rev().take_while(|c| belongs(c)).count();
        let end = digit + b[digit..].iter().take_while(|c| belongs(c)).count();
        at = end;
        let word = line[start..end].trim_matches(['.', '-']);
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let joints = word.bytes().filter(|c| matches!(c, b'_' | b'-' | b'.')).count();
        let is_number = digits + joints == word.len() && joints <= 1;
        if (MIN_BYTES..=MAX_BYTES).contains(&word.len())
            && (!is_number || joints == 0 && digits >= MIN_DIGITS)
        {
            f(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<&str> {
        let mut out = Vec::new();
        identifiers(line, |id| out.push(id));
        out
    }

    #[test]
    fn names_with_digits_are_identifiers() {
        assert_eq!(
            of("serving blk_-62 to /10.0.0.7:50010, request req-7f3a (81234567)."),
            ["blk_-62", "10.0.0.7", "req-7f3a", "81234567"]
        );
        assert!(of("took 0.25123 s, 12 of 400; v1.2, é7").is_empty());
    }
}
