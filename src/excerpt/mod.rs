//! Excerpts: the parts of one original that a query asks for, byte for byte, with marks for the rest.
//!
//! ```text
//! original ─► segments ─► units (records, passages, sentences, lines)            units
//!          ─► BM25 and literal hits ─► best units under a budget, some context   here
//!          ─► marks for the gaps                                                 mark
//! ```
//!
//! Unlike compression there is nothing that must stay: whoever asks has seen the compressed text, and
//! wants what the query names. Invariants: every shown unit is the original's own bytes, in order; every
//! gap has a mark with true counts; a gap that costs fewer bytes than its mark is shown. Nothing
//! matches: one mark per block, no guess. Cost: linear in the text, plus sorting the units that match.

mod units;

use crate::mark::{self, Omission, Piece};
use crate::score::Query;
use crate::score::bm25::Index;
use crate::tokens::Counter;

/// Units that score below this share of the best one are about something else.
const MIN_SHARE: f64 = 0.4;
/// What a literal of the query adds where it stands by itself, more than all words together (BM25 is at most
/// 2.2); half of it inside a longer name.
const LITERAL: f64 = 2.5;
/// An omitted run of fewer bytes costs no more than its mark.
const MIN_GAP_BYTES: usize = 24;

/// The parts of a text that a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The parts, with marks for the gaps.
    pub text: String,
    /// What the marks stand for.
    pub omissions: Vec<Omission>,
    /// How many units match and are shown.
    pub matches: usize,
    /// How many units match.
    pub matching: usize,
    /// What the text was taken for, part by part.
    pub kinds: Vec<&'static str>,
}

/// The parts of `text` that `query` asks for, in about `max_tokens` (the best one is always whole).
pub fn excerpt(text: &str, query: &str, max_tokens: usize, counter: &Counter) -> Excerpt {
    let splits = units::split(text);
    let kinds = splits.iter().map(|s| s.kind).collect();
    let ranges: Vec<_> = splits.iter().flat_map(|s| s.units.iter().cloned()).collect();
    let scores = scores(text, &ranges, query);
    let tokens = counter.count_ranges(text, &ranges);

    let best = scores.iter().copied().fold(0.0, f64::max);
    let mut ranked: Vec<usize> =
        (0..ranges.len()).filter(|i| scores[*i] > 0.0 && scores[*i] >= MIN_SHARE * best).collect();
    let matching = ranked.len();
    ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));

    let mut keep = vec![false; ranges.len()];
    let mut left = max_tokens;
    let mut take = |i: usize, keep: &mut Vec<bool>, first: bool| {
        let cost = tokens[i] as usize;
        let fits = keep[i] || first || cost <= left;
        if fits && !keep[i] {
            keep[i] = true;
            left = left.saturating_sub(cost);
        }
        fits
    };
    let mut shown = Vec::new();
    for (n, i) in ranked.iter().enumerate() {
        if take(*i, &mut keep, n == 0) {
            shown.push(*i);
        }
    }
    let matches = shown.len();
    // Context comes after all matches, best match first, nearest lines first.
    let mut first_unit = 0;
    let mut home = Vec::with_capacity(ranges.len());
    for split in &splits {
        home.extend(std::iter::repeat_n(
            (first_unit, first_unit + split.units.len(), split.context),
            split.units.len(),
        ));
        first_unit += split.units.len();
    }
    for i in shown {
        let (from, to, context) = home[i];
        for distance in 1..=context {
            for near in [i.checked_sub(distance), Some(i + distance)].into_iter().flatten() {
                if (from..to).contains(&near) {
                    take(near, &mut keep, false);
                }
            }
        }
    }
    close_gaps(&ranges, &mut keep);

    let mut pieces: Vec<Piece> = Vec::new();
    let mut done = 0;
    for split in &splits {
        let n = split.units.len();
        pieces.extend(split.pieces(text, &keep[done..done + n]));
        done += n;
    }
    let rendered = mark::render(text, pieces, Vec::new());
    Excerpt { text: rendered.text, omissions: rendered.omissions, matches, matching, kinds }
}

/// BM25 of every unit plus its literal hits.
fn scores(text: &str, ranges: &[std::ops::Range<usize>], query: &str) -> Vec<f64> {
    let asked = Query::new(query, "");
    let index = Index::new(ranges.iter().map(|r| &text[r.clone()]));
    let mut scores = index.units.scores(&index.weigh(&asked.terms));
    // Lower case in ASCII keeps every position.
    let (haystack, whole) = (text.to_ascii_lowercase(), query.trim().to_ascii_lowercase());
    let mut literals: Vec<String> = asked.literals.iter().map(|l| l.to_ascii_lowercase()).collect();
    literals.push(whole);
    literals.sort();
    literals.dedup();
    for literal in literals.iter().filter(|l| !l.is_empty()) {
        let bytes = haystack.as_bytes();
        let is_name =
            |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || b"_-".contains(b));
        let (mut last, mut got) = (usize::MAX, 0.0);
        for at in memchr::memmem::find_iter(bytes, literal.as_bytes()) {
            let i = ranges.partition_point(|r| r.end <= at);
            if ranges.get(i).is_none_or(|r| !r.contains(&at)) {
                continue;
            }
            if i != last {
                (last, got) = (i, 0.0);
            }
            let end = at + literal.len();
            // A full stop goes on with a name only where more follows: "gpt-4.1".
            let is_part = at.checked_sub(1).is_some_and(is_name)
                || is_name(end)
                || (bytes.get(end) == Some(&b'.') && is_name(end + 1));
            let worth = if is_part { LITERAL / 2.0 } else { LITERAL };
            scores[i] += f64::max(worth - got, 0.0);
            got = f64::max(worth, got);
        }
    }
    scores
}

/// Keeps what a mark would not make shorter.
fn close_gaps(ranges: &[std::ops::Range<usize>], keep: &mut [bool]) {
    let mut i = 0;
    while i < keep.len() {
        let end = (i..keep.len()).find(|j| keep[*j] != keep[i]).unwrap_or(keep.len());
        let is_inside = i > 0 && end < keep.len();
        if is_inside && !keep[i] && ranges[end - 1].end - ranges[i].start < MIN_GAP_BYTES {
            keep[i..end].fill(true);
        }
        i = end;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(text: &str, query: &str) -> Excerpt {
        excerpt(text, query, 1000, &Counter::for_model("gpt-4o"))
    }

    /// The original, from an excerpt and what its marks stand for.
    fn restore(text: &str, done: &Excerpt) -> String {
        let mut out = String::new();
        let mut at = 0;
        for o in &done.omissions {
            let mut sign = String::new();
            mark::write_mark(&mut sign, o.unit, o.first, o.count, None);
            let found = at + done.text[at..].find(&sign).unwrap();
            out.push_str(&done.text[at..found]);
            let gone = &text[o.range.clone()];
            out.push_str(gone);
            at = found + sign.len();
            if o.unit == mark::Unit::Sentence {
                at += gone.len() - gone.trim_end().len();
            } else if gone.ends_with(['\n', '\r']) {
                at += 1;
            }
        }
        out + &done.text[at..]
    }

    #[test]
    fn lines_that_match_are_shown_with_their_neighbours() {
        let log: String =
            (0..200).map(|i| format!("2026-01-01 12:00:00 INFO worker {i} is fine\n")).collect();
        let log = log.replace("worker 100 is fine", "worker 100 lost its connection to db-7");
        let done = ask(&log, "lost connection db-7");
        assert!(done.text.contains("worker 100 lost its connection"), "{}", done.text);
        assert!(
            done.text.contains("worker 99 is fine") && !done.text.contains("worker 50 is"),
            "{}",
            done.text
        );
        assert_eq!((done.matches, done.matching, done.omissions.len()), (1, 1, 2));
        assert_eq!(restore(&log, &done), log);
    }

    #[test]
    fn records_are_shown_whole() {
        let rows: Vec<_> = (0..80)
            .map(|i| format!(r#"{{"id": "node-{i}", "state": "ready", "size": {}}}"#, i * 3))
            .collect();
        let json = format!("{{\"total\": 80, \"items\": [{}]}}", rows.join(", "));
        let done = ask(&json, "node-41");
        assert_eq!(
            done.text,
            "{\"total\": 80, \"items\": [[… 41 records 1-41] {\"id\": \"node-41\", \"state\": \"ready\", \"size\": 123},\
             [… 38 records 43-80]]}"
        );
        assert_eq!(restore(&json, &done), json);
    }

    #[test]
    fn a_name_by_itself_comes_before_longer_ones() {
        let rows: Vec<_> =
            (0..30).map(|i| format!(r#""node-1{i}": {{"size": {i}, "state": "ready"}}"#)).collect();
        let json = format!("{{{}, \"node-1\": {{\"size\": 7, \"state\": \"ready\"}}}}", rows.join(", "));
        let done = excerpt(&json, "size of node-1", 1, &Counter::for_model("gpt-4o"));
        assert!(done.text.contains("\"node-1\": ") && done.matches == 1, "{}", done.text);
    }

    #[test]
    fn a_document_is_shown_by_passages() {
        let text: String = (1..=12)
            .map(|i| {
                format!(
                    "Document [{i}](Title: Town {i}) The town number {i} lies by a river. It has a mill.\n"
                )
            })
            .collect();
        let text = text.replace("number 7 lies by a river", "number 7 lies on a high mountain");
        let done = ask(&text, "which town lies on a mountain?");
        assert!(done.text.contains("Document [7](Title: Town 7)") && done.text.contains("high mountain"));
        assert!(done.text.starts_with("[… 6 passages 1-6]\n"), "{}", done.text);
        assert_eq!(restore(&text, &done), text);
    }

    #[test]
    fn nothing_matches_nothing_is_shown() {
        let log: String = (0..100).map(|i| format!("line number {i} of this text\n")).collect();
        let done = ask(&log, "zebra");
        assert_eq!((done.matches, done.text.as_str()), (0, "[… 100 lines 1-100]\n"));
        assert_eq!(ask("", "zebra").text, "");
        assert_eq!(ask("one line", "").matches, 0);
    }

    #[test]
    fn the_budget_holds_but_for_the_best() {
        let log: String = (0..500).map(|i| format!("error {i}: the disk of node {i} is full\n")).collect();
        let done = excerpt(&log, "disk full", 100, &Counter::for_model("gpt-4o"));
        assert!(done.matches < done.matching);
        assert!(Counter::for_model("gpt-4o").count(&done.text) < 130, "{}", done.text);
        let done = excerpt(&log, "`error 77`", 1, &Counter::for_model("gpt-4o"));
        assert!(done.text.contains("error 77:") && done.matches == 1, "{}", done.text);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn every_gap_is_what_its_mark_says(
            lines in prop::collection::vec("[a-c .:{}\"\\[\\]0-9é\r]{0,30}", 0..40),
            query in "[a-c0-9é .]{0,12}",
            json in any::<bool>(),
        ) {
            let text = if json {
                let rows: Vec<_> = lines.iter().map(|l| format!("{{\"k\": {l:?}, \"n\": 1}}")).collect();
                format!("[{}]", rows.join(",\n"))
            } else {
                lines.join("\n")
            };
            prop_assert_eq!(restore(&text, &ask(&text, &query)), text);
        }
    }
}
