//! Whether a text is written language: sentences of words, not code, logs, listings or tables. Looks at
//! a bounded part of the text.

use std::ops::Range;

use crate::blocks::{lines, passages};

/// How much of the text is looked at: its start and its middle, in bytes each.
const SAMPLE_BYTES: usize = 10_000;
/// More than this share of machine-made lines (fenced code aside) and it is no prose.
const MAX_DATA_SHARE: f64 = 0.30;
/// Fewer words than this among the tokens and it is no prose.
const MIN_WORD_SHARE: f64 = 0.75;
/// Written sentences are shorter than this on average, in bytes.
const MAX_SENTENCE_BYTES: f64 = 600.0;

/// How sure it is of sentences, and of passages that a pipeline has numbered …
const SURE_OF_SENTENCES: u8 = 70;
const SURE_OF_PASSAGES: u8 = 90;
/// … so many of them at least.
const MIN_MARKERS: usize = 2;

/// Whether [`confidence`] could be `least` or more.
pub(super) fn may_reach(text: &str, least: u8) -> bool {
    let markers = |part: &str| {
        let is_sure = |line: &Range<usize>| passages::marker(&part[line.clone()]).is_some_and(|m| m.is_sure);
        lines::lines(part, 0..part.len()).filter(is_sure).take(MIN_MARKERS).count()
    };
    least <= SURE_OF_SENTENCES
        || least <= SURE_OF_PASSAGES && samples(text).map(markers).sum::<usize>() >= MIN_MARKERS
}

/// Confidence that `text` is prose, 0 to 100.
pub fn confidence(text: &str) -> u8 {
    let mut seen = Seen::default();
    samples(text).for_each(|part| seen.look(part));
    seen.confidence()
}

fn samples(text: &str) -> impl Iterator<Item = &str> {
    let is_long = text.len() > 3 * SAMPLE_BYTES;
    std::iter::once(sample(text, 0)).chain(is_long.then(|| sample(text, text.len() / 2)))
}

fn sample(text: &str, from: usize) -> &str {
    let at = |mut i: usize| {
        while !text.is_char_boundary(i) {
            i += 1;
        }
        i
    };
    &text[at(from)..at((from + SAMPLE_BYTES).min(text.len()))]
}

#[derive(Default)]
struct Seen {
    bytes: usize,
    data: usize,
    words: usize,
    tokens: usize,
    stops: usize,
    markers: usize,
}

impl Seen {
    fn look(&mut self, text: &str) {
        let mut in_fence = false;
        for line in lines::lines(text, 0..text.len()) {
            let line = &text[line];
            if lines::trim_start(line).starts_with("```") {
                in_fence = !in_fence;
                continue;
            }
            if in_fence {
                continue;
            }
            let body = lines::trim(line);
            self.bytes += body.len();
            self.markers += usize::from(passages::marker(line).is_some_and(|m| m.is_sure));
            if lines::is_data(line) {
                self.data += body.len();
            }
            if body.is_ascii() {
                for token in body.as_bytes().split(|b| matches!(b, b' ' | b'\t'..=b'\r')) {
                    if !token.is_empty() {
                        self.ascii_token(token);
                    }
                }
            } else {
                body.split_whitespace().for_each(|token| self.token(token));
            }
        }
    }

    fn ascii_token(&mut self, token: &[u8]) {
        self.tokens += 1;
        let first = token.iter().position(u8::is_ascii_alphanumeric);
        let last = token.iter().rposition(u8::is_ascii_alphanumeric);
        if let (Some(first), Some(last)) = (first, last) {
            let is_word =
                token[first..=last].iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'\'' | b'-'));
            self.words += usize::from(is_word);
        }
        let closed = token.iter().rposition(|b| !matches!(b, b'"' | b'\'' | b')' | b']'));
        let is_stop = closed.is_some_and(|last| last > 1 && matches!(token[last], b'.' | b'!' | b'?'));
        self.stops += usize::from(is_stop);
    }

    fn token(&mut self, token: &str) {
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        self.tokens += 1;
        self.words +=
            usize::from(!word.is_empty() && word.chars().all(|c| c.is_alphabetic() || "'’-".contains(c)));
        let closed = token.trim_end_matches(['"', '\'', ')', '”', '’', ']', '»']);
        self.stops += usize::from(closed.ends_with(['.', '!', '?', '…', '।', '؟', '۔']) && closed.len() > 2);
        if !token.is_ascii() {
            // Chinese and Japanese: neither blanks between words nor after stops.
            self.stops += token.matches(['。', '！', '？']).count();
            self.words += usize::from(token.contains(['。', '，', '、', '！', '？']));
        }
    }

    fn confidence(&self) -> u8 {
        if self.tokens == 0 || self.bytes == 0 || self.stops == 0 {
            return 0;
        }
        let data = self.data as f64 / self.bytes as f64;
        let words = self.words as f64 / self.tokens as f64;
        let sentence = self.bytes as f64 / self.stops as f64;
        if data > MAX_DATA_SHARE || words < MIN_WORD_SHARE || sentence > MAX_SENTENCE_BYTES {
            return 0;
        }
        if self.markers >= MIN_MARKERS { SURE_OF_PASSAGES } else { SURE_OF_SENTENCES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_language() {
        for text in [
            "The Rhine is 1,230 km long. It rises in the Alps, and it passes Basel.\nThen it turns north.",
            "# Title\n\nUse the tool as follows. It is simple.\n\n```\nx = {a: 1}\n```\n",
            "Die Straße ist lang. Sie führt nach Süden, wo die Berge sind.",
            "東京は日本の首都です。人口はおよそ千四百万人である。",
            "Document [1](Title: A) It is. No.\nDocument [2](Title: B) It was. Yes.",
        ] {
            assert!(confidence(text) >= 50, "{text}");
        }
        for text in [
            "",
            "2024-01-01 10:00:00 INFO started. ok\n2024-01-01 10:00:00 INFO stopped.",
            "fn main() {\n    println!(\"Hello. World.\");\n}\n",
            "a,b,c\n1,2,3\n",
            "src/main.rs\nsrc/lib.rs\nREADME.md\n",
            "{\"text\": \"It is long. It is wide.\"}",
            "one two three four five six",
        ] {
            assert!(confidence(text) < 50, "{text}");
        }
    }
}
