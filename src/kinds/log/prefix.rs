//! The lossless encoding: timestamps that lines share are written once, and equal lines are counted.
//!
//! ```text
//! [headroom log: 6 lines; "@X": the lines below begin with X; "×N": N such lines]
//! @2015-10-18 18:
//! 06:14,013 ERROR [main] gone
//! 06:15,100 INFO [main] back ×3
//! @2015-10-18 19:
//! 00:01,000 INFO [main] late
//! [… 12 lines 6-17]
//! ```
//!
//! A line that starts with the sign sets the beginning of the lines below it; marks stand between the
//! lines and stay where they are. Invariants: [`decode`] gives back exactly the lines; what is factored
//! is the timestamp and the name of the host behind it, never the message. Cost: linear, with a small
//! factor for the places where a timestamp may be cut.

use super::{cost, timestamp};
use crate::mark::MARK_OPEN;

/// Signs that may set a beginning; the first that starts no line is taken.
const SIGNS: [char; 4] = ['@', '^', '~', '§'];
/// Between a line and its count.
const TIMES: &str = " ×";
/// Places where a timestamp may be cut.
const MAX_CUTS: usize = 12;
/// A word behind the timestamp is taken along (a host's name) if at least this share of the lines has
/// the same.
const HOST_SHARE: f64 = 0.9;

/// Encodes `body`, whose lines are lines of a log and, if `has_marks`, marks between them. Returns the
/// new body and the words of its header, or `None` if it would not get shorter (by estimate) or cannot
/// be told apart from data.
pub(super) fn encode(body: &str, has_marks: bool) -> Option<(String, String)> {
    let lines: Vec<&str> = body.split_inclusive('\n').collect();
    let is_mark = |line: &str| has_marks && line.starts_with(MARK_OPEN);
    let cuts = Cuts::new(&lines, is_mark);
    let runs = runs_allowed(&lines);
    let (level, _) = (0..=MAX_CUTS).map(|k| (k, cuts.cost(&lines, k))).min_by_key(|(k, cost)| (*cost, *k))?;
    let sign = SIGNS.into_iter().find(|sign| {
        lines.iter().enumerate().all(|(i, line)| !line[cuts.at(i, level)..].starts_with(*sign))
    })?;
    let mut out = String::with_capacity(body.len());
    let mut beginning = "";
    let mut repeated = false;
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        if is_mark(line) {
            out.push_str(line);
            i += 1;
            continue;
        }
        let cut = cuts.at(i, level);
        if line[..cut] != *beginning {
            beginning = &line[..cut];
            out.push(sign);
            out.push_str(beginning);
            out.push('\n');
        }
        let rest = &line[cut..];
        if rest.starts_with(MARK_OPEN) {
            return None;
        }
        let mut j = i + 1;
        while runs && j < lines.len() && lines[j] == line && line.ends_with('\n') {
            j += 1;
        }
        if j - i > 1 {
            use std::fmt::Write;
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}{TIMES}{}", rest.trim_end_matches('\n'), j - i);
            repeated = true;
        } else {
            out.push_str(rest);
        }
        i = j;
    }
    if out.len() + HEADER_BYTES >= body.len() {
        return None;
    }
    let mut words = format!("\"{sign}X\": the lines below begin with X");
    if repeated {
        words.push_str("; \"×N\": N such lines");
    }
    Some((out, words))
}

/// The header's own length.
const HEADER_BYTES: usize = 80;

/// The inverse of [`encode`]; `None` if `words` are not its own.
pub(super) fn decode(body: &str, words: &str) -> Option<String> {
    let sign = words.strip_prefix('"')?.chars().next()?;
    let rest = words.strip_prefix(&format!("\"{sign}X\": the lines below begin with X"))?;
    let counted = match rest {
        "" => false,
        "; \"×N\": N such lines" => true,
        _ => return None,
    };
    let mut out = String::with_capacity(body.len() * 2);
    let mut beginning = "";
    for line in body.split_inclusive('\n') {
        if line.starts_with(MARK_OPEN) {
            out.push_str(line);
        } else if let Some(new) = line.strip_prefix(sign) {
            beginning = new.strip_suffix('\n').unwrap_or(new);
        } else {
            match counted.then(|| count(line)).flatten() {
                // A count that is not ours could ask for any amount of memory.
                Some((_, n)) if n > MAX_COUNT => return None,
                Some((data, n)) => {
                    for _ in 0..n {
                        out.push_str(beginning);
                        out.push_str(data);
                        out.push('\n');
                    }
                }
                None => {
                    out.push_str(beginning);
                    out.push_str(line);
                }
            }
        }
    }
    Some(out)
}

/// Longest run of equal lines that is written as one.
const MAX_COUNT: usize = 1_000_000;

/// A line and its count.
fn count(line: &str) -> Option<(&str, usize)> {
    let (data, n) = line.strip_suffix('\n')?.rsplit_once(TIMES)?;
    let is_number = !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit());
    Some((data, is_number.then(|| n.parse().ok()).flatten()?))
}

/// Whether counts can be told apart from data: no line ends like one.
fn runs_allowed(lines: &[&str]) -> bool {
    lines.len() <= MAX_COUNT && lines.iter().all(|line| !line.contains(TIMES) && !line.ends_with("\r\n"))
}

/// Where each line's timestamp may be cut.
struct Cuts {
    /// For each line, ends of the parts of its timestamp, from coarse to fine; the last entries repeat.
    ends: Vec<[u16; MAX_CUTS]>,
}

impl Cuts {
    fn new(lines: &[&str], is_mark: impl Fn(&str) -> bool) -> Self {
        let stamps: Vec<usize> =
            lines.iter().map(|l| if is_mark(l) { 0 } else { timestamp::split(l) }).collect();
        let host = common_host(lines, &stamps);
        let ends = lines
            .iter()
            .zip(&stamps)
            .map(|(line, stamp)| {
                let mut ends = [0u16; MAX_CUTS];
                let mut n = 0;
                let stamp = *stamp;
                for (i, c) in line.bytes().enumerate().take(stamp) {
                    if n < MAX_CUTS - 1 && matches!(c, b' ' | b':' | b'T' | b'.' | b',' | b'-' | b'/') {
                        ends[n] = (i + 1) as u16;
                        n += 1;
                    }
                }
                let whole = match host {
                    Some(host) if stamp > 0 && line[stamp..].starts_with(host) => stamp + host.len(),
                    _ => stamp,
                };
                ends[n..].fill(whole.min(line.trim_end_matches(['\n', '\r']).len()) as u16);
                ends
            })
            .collect();
        Cuts { ends }
    }

    /// Where line `i` is cut at level `k`: 0 is not at all.
    fn at(&self, i: usize, k: usize) -> usize {
        k.checked_sub(1).map_or(0, |k| usize::from(self.ends[i][k]))
    }

    /// About how many tokens the timestamps cost at level `k`.
    fn cost(&self, lines: &[&str], k: usize) -> usize {
        let mut beginning = "";
        let mut total = 0;
        for (i, line) in lines.iter().enumerate() {
            let whole = usize::from(self.ends[i][MAX_CUTS - 1]);
            if whole == 0 && line.starts_with(MARK_OPEN) {
                continue;
            }
            let cut = self.at(i, k);
            if line[..cut] != *beginning {
                beginning = &line[..cut];
                total += 2 + cost::tokens(beginning);
            }
            total += cost::tokens(&line[cut..whole.max(cut)]);
        }
        total
    }
}

/// The word behind the timestamp, with its space, if nearly all lines have it.
fn common_host<'t>(lines: &[&'t str], stamps: &[usize]) -> Option<&'t str> {
    let word = |i: usize| {
        let rest = &lines[i][stamps[i]..];
        rest.find(' ').map(|end| &rest[..=end]).filter(|w| w.len() > 3 && w.len() < 60)
    };
    let stamped: Vec<usize> = (0..lines.len()).filter(|i| stamps[*i] > 0).collect();
    let middle = word(*stamped.get(stamped.len() / 2)?)?;
    let same = stamped.iter().filter(|i| word(**i) == Some(middle)).count();
    (same as f64 >= HOST_SHARE * stamped.len() as f64).then_some(middle)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn log() -> String {
        (0..60)
            .map(|i| format!("2015-10-18 18:{:02}:14,{i:03} INFO [main] x.y.Z: step {i}\n", i / 10))
            .collect()
    }

    #[test]
    fn shared_dates_are_written_once() {
        let (body, words) = encode(&log(), false).unwrap();
        assert!(body.starts_with("@2015-10-18 18:"), "{body}");
        assert!(body.len() * 3 < log().len() * 2);
        assert_eq!(decode(&body, &words).unwrap(), log());
    }

    #[test]
    fn marks_stay_in_place() {
        let mut text = log();
        text.insert_str(text.find("2015-10-18 18:03").unwrap(), "[… 12 lines 31-42]\n");
        let (body, words) = encode(&text, true).unwrap();
        assert_eq!(decode(&body, &words).unwrap(), text);
    }

    #[test]
    fn equal_lines_are_counted() {
        let text =
            format!("{}{}end", "Cloning test database for alias 'default'...\n".repeat(9), "x 2\n".repeat(5));
        let (body, words) = encode(&text, false).unwrap();
        assert!(body.contains("... ×9\nx 2 ×5\nend"), "{body}");
        assert_eq!(decode(&body, &words).unwrap(), text);
    }

    #[test]
    fn a_forged_count_is_refused() {
        assert_eq!(
            decode("x ×99999999999\n", "\"@X\": the lines below begin with X; \"×N\": N such lines"),
            None
        );
        assert_eq!(decode("x\n", "a,b: columns"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_decodes(lines in proptest::collection::vec(
            "(2024-01-0[12] 1[0-2]:0[0-9]:[0-5][0-9],[0-9]{3} |@|\\[… |)(host |)[a-c×\\r ]{0,4}(\\n|\\n|\\r\\n|)", 0..60)) {
            let text = lines.concat();
            if let Some((body, words)) = encode(&text, false) {
                proptest::prop_assert_eq!(decode(&body, &words), Some(text));
            }
        }
    }
}
