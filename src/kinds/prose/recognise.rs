//! Whether a text is written language: sentences of words, not code, logs, listings or tables. Looks at
//! a bounded part of the text.

use std::ops::Range;

use crate::blocks::{lines, passages};
use crate::planes::{self, WINDOW, within};

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

/// What the bytes of a window are.
struct Classes {
    letters_and_digits: u64,
    /// What a word may consist of.
    of_words: u64,
    /// What may stand behind the stop of a sentence.
    closers: u64,
    stops: u64,
}

impl Classes {
    #[inline(always)]
    fn of(window: &[u8; WINDOW]) -> Self {
        let of_words = |b: u8| within(b | 0x20, b'a', 26) | (b == b'\'') | (b == b'-');
        let closers = |b: u8| (b == b'"') | (b == b'\'') | (b == b')') | (b == b']');
        let stops = |b: u8| (b == b'.') | (b == b'!') | (b == b'?');
        Classes {
            letters_and_digits: planes::words(window).0,
            of_words: planes::mask(window, of_words),
            closers: planes::mask(window, closers),
            stops: planes::mask(window, stops),
        }
    }

    /// Whether a token, as the bits of its bytes, is a word between its signs.
    #[inline(always)]
    fn word(&self, token: u64) -> bool {
        let inner = self.letters_and_digits & token;
        let between = if inner == 0 {
            0
        } else {
            (u64::MAX << inner.trailing_zeros()) & (u64::MAX >> inner.leading_zeros())
        };
        inner != 0 && between & !self.of_words == 0
    }

    /// Whether a token ends a sentence.
    #[inline(always)]
    fn stop(&self, token: u64) -> bool {
        let closed = token & !self.closers;
        let last = (1_u64 << 63).checked_shr(closed.leading_zeros()).unwrap_or(0);
        // No sentence has two letters: "1.", "a.".
        last & self.stops & (token << 2) != 0
    }
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
                self.ascii_tokens(body);
            } else {
                body.split_whitespace().for_each(|token| self.token(token));
            }
        }
    }

    /// [`Seen::token`] for the tokens of a line of ASCII: all within 64 bytes at once.
    fn ascii_tokens(&mut self, body: &str) {
        let bytes = body.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let window = planes::window(bytes, at);
            let len = (bytes.len() - at).min(WINDOW);
            let visible = !planes::mask(&window, lines::is_blank) & (u64::MAX >> (WINDOW - len));
            let is = Classes::of(&window);
            let mut rest = visible;
            while rest != 0 {
                let start = rest.trailing_zeros();
                let run = (!(visible >> start)).trailing_zeros();
                if (start + run) as usize == WINDOW && at + WINDOW < bytes.len() {
                    // It may go on behind the window.
                    break;
                }
                let token = (u64::MAX >> (WINDOW as u32 - run)) << start;
                self.tokens += 1;
                self.words += usize::from(is.word(token));
                self.stops += usize::from(is.stop(token));
                rest &= !token;
            }
            let next = rest.trailing_zeros() as usize;
            at += if next > 0 {
                next.min(len)
            } else {
                let end = planes::find(bytes, at, lines::is_blank).unwrap_or(bytes.len());
                self.token(&body[at..end]);
                end - at
            };
        }
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_in_windows_are_tokens(body in "([a-z]{1,9}[.!?]?[\"')\\]]{0,2} |[ -~]{0,3}|[A-Z0-9'-]{1,80}|[\t ]){0,40}") {
            let (mut windows, mut single) = (Seen::default(), Seen::default());
            windows.ascii_tokens(&body);
            body.split_whitespace().for_each(|token| single.token(token));
            prop_assert_eq!(
                (windows.tokens, windows.words, windows.stops),
                (single.tokens, single.words, single.stops)
            );
        }
    }

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
