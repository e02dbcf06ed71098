//! Templates: which lines are the same message with other values.
//!
//! A message is cut at white space; numbers, hexadecimal runs and digits inside words are masked. Lines
//! that are equal then are of one *variant*. Variants that agree in at least [`MIN_SIMILARITY`] of their
//! worded tokens, and in number of tokens and in the first two worded ones, are of one *template* (the
//! idea of Drain: He et al., ICWS 2017).
//!
//! Cost: one pass over the bytes and one look-up per line; a new variant is compared with at most
//! [`MAX_CANDIDATES`] templates of at most [`MAX_TOKENS`] tokens. Lines are compared by 64-bit hashes.

use std::ops::Range;

use crate::hashed::FastMap;

/// Share of worded tokens that must agree.
const MIN_SIMILARITY: f64 = 0.5;
/// Templates compared with a new variant: those found first in its bucket.
const MAX_CANDIDATES: usize = 16;
/// How many worded tokens must agree at the front.
const BUCKET_NAMES: usize = 2;
/// Tokens beyond this are folded into one.
const MAX_TOKENS: usize = 48;
/// Bytes of a message beyond this do not tell templates apart.
const MAX_MESSAGE_BYTES: usize = 2048;

/// Hash of one byte more (FNV-1a; tokens are short, and nothing but speed is asked of it).
fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;
/// What stands for a masked run in a hash.
const MASK: u8 = 0x01;

/// A masked token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    hash: u64,
    /// Has letters left after masking.
    is_worded: bool,
    /// Has digits: a value, not a name, so it opens no bucket.
    has_digit: bool,
}

/// A message that differs only in values.
#[derive(Debug)]
pub(super) struct Template {
    /// Its first line.
    pub first: usize,
    /// How many lines it has.
    pub count: usize,
    /// How many variants were seen.
    pub variants: usize,
    tokens: Vec<u64>,
    worded: usize,
}

/// The templates of a text.
#[derive(Debug, Default)]
pub(super) struct Templates {
    /// Template of each line; `NONE` for blank ones.
    pub of_line: Vec<u32>,
    /// Ordinal of each line's variant within its template.
    pub variant: Vec<u16>,
    /// The templates, in order of their first lines.
    pub list: Vec<Template>,
}

/// Of no template.
pub(super) const NONE: u32 = u32::MAX;

impl Templates {
    /// Mines the templates of `messages`: ranges of `text`, one per line. Tokens end at white space, with
    /// `commas` at commas, too.
    pub fn mine(text: &str, messages: &[Range<usize>], commas: bool) -> Self {
        let mut out = Templates {
            of_line: vec![NONE; messages.len()],
            variant: vec![0; messages.len()],
            list: Vec::new(),
        };
        let mut known: FastMap<u64, (u32, u16)> = FastMap::default();
        let mut buckets: FastMap<u64, Vec<u32>> = FastMap::default();
        let mut tokens = Vec::with_capacity(MAX_TOKENS);
        for (i, range) in messages.iter().enumerate() {
            let end = range.end.min(range.start + MAX_MESSAGE_BYTES);
            let key = tokenise(&text.as_bytes()[range.start..end], commas, &mut tokens);
            if tokens.is_empty() {
                continue;
            }
            let (template, variant) = match known.get(&key) {
                Some(found) => *found,
                None => {
                    let found = out.place(i, &tokens, &mut buckets);
                    known.insert(key, found);
                    found
                }
            };
            out.list[template as usize].count += 1;
            out.of_line[i] = template;
            out.variant[i] = variant;
        }
        out
    }

    /// The template of a variant not seen before: the most similar one of its bucket, or a new one.
    fn place(&mut self, line: usize, tokens: &[Token], buckets: &mut FastMap<u64, Vec<u32>>) -> (u32, u16) {
        let bucket = buckets.entry(bucket_key(tokens)).or_default();
        let mut best: Option<(u32, f64)> = None;
        for id in bucket.iter() {
            let similarity = self.list[*id as usize].similarity(tokens);
            if similarity >= MIN_SIMILARITY && best.is_none_or(|(_, s)| similarity > s) {
                best = Some((*id, similarity));
            }
        }
        if let Some((id, _)) = best {
            let template = &mut self.list[id as usize];
            template.generalise(tokens);
            template.variants += 1;
            return (id, u16::try_from(template.variants - 1).unwrap_or(u16::MAX));
        }
        let id = self.list.len() as u32;
        self.list.push(Template {
            first: line,
            count: 0,
            variants: 1,
            tokens: tokens.iter().map(|t| t.hash).collect(),
            worded: tokens.iter().filter(|t| t.is_worded).count(),
        });
        if bucket.len() < MAX_CANDIDATES {
            bucket.push(id);
        }
        (id, 0)
    }
}

impl Template {
    /// Share of the worded tokens that agree; the two that opened the bucket are left out, since a
    /// common host and program would make everything alike.
    fn similarity(&self, tokens: &[Token]) -> f64 {
        let mut names = BUCKET_NAMES;
        let (mut same, mut worded) = (0usize, 0usize);
        for (mine, other) in self.tokens.iter().zip(tokens) {
            if !other.is_worded {
                continue;
            }
            if names > 0 {
                names -= 1;
                continue;
            }
            worded += 1;
            same += usize::from(*mine == other.hash);
        }
        match worded.max(self.worded.saturating_sub(BUCKET_NAMES)) {
            0 => 1.0,
            worded => same as f64 / worded as f64,
        }
    }

    /// Tokens that differ become wild.
    fn generalise(&mut self, tokens: &[Token]) {
        for (mine, other) in self.tokens.iter_mut().zip(tokens) {
            if *mine != other.hash {
                *mine = 0;
            }
        }
    }
}

/// Which templates a variant is compared with: as many tokens, and the same first two names.
fn bucket_key(tokens: &[Token]) -> u64 {
    let names = tokens.iter().filter(|t| t.is_worded).take(BUCKET_NAMES);
    names.fold(tokens.len() as u64, |key, t| {
        let hash = if t.has_digit { u64::from(MASK) } else { t.hash };
        (key ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
    })
}

/// Cuts a message into masked tokens; returns the hash of them all.
fn tokenise(message: &[u8], commas: bool, tokens: &mut Vec<Token>) -> u64 {
    let parts = |c: u8| c.is_ascii_whitespace() || commas && c == b',';
    tokens.clear();
    let mut all = SEED;
    let mut i = 0;
    while i < message.len() {
        if parts(message[i]) {
            i += 1;
            continue;
        }
        let mut token = Token { hash: SEED, is_worded: false, has_digit: false };
        while i < message.len() && !parts(message[i]) {
            if message[i].is_ascii_alphanumeric() {
                i = mask_run(message, i, &mut token);
            } else {
                token.is_worded |= message[i] >= 0x80;
                token.hash = step(token.hash, message[i]);
                i += 1;
            }
        }
        all = (all ^ token.hash).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        if tokens.len() == MAX_TOKENS {
            tokens[MAX_TOKENS - 1].hash = all;
        } else {
            tokens.push(token);
        }
    }
    all
}

/// Hashes one run of letters and digits that starts at `i`; returns its end.
///
/// Digits are masked as one; a run of hexadecimal digits of four and more that has a number in it is
/// masked as a whole, so that `7f3a` and `9b21` agree.
fn mask_run(message: &[u8], start: usize, token: &mut Token) -> usize {
    let mut hash = token.hash;
    let (mut digits, mut letters, mut hex) = (0usize, 0usize, true);
    let mut in_digits = false;
    let mut i = start;
    while let Some(c) = message.get(i).filter(|c| c.is_ascii_alphanumeric()) {
        if c.is_ascii_digit() {
            digits += 1;
            if !in_digits {
                hash = step(hash, MASK);
            }
            in_digits = true;
        } else {
            letters += 1;
            hex &= c.is_ascii_hexdigit() || (letters == 1 && digits == 1 && *c == b'x');
            in_digits = false;
            hash = step(hash, *c);
        }
        i += 1;
    }
    let is_value = digits > 0 && hex && digits + letters >= 4;
    token.hash = if is_value { step(token.hash, MASK) } else { hash };
    token.has_digit |= digits > 0;
    token.is_worded |= letters > 0 && !is_value;
    i
}

/// Hash of a message in which only numbers that stand alone are masked: `try 3` is `try 4`, but
/// `ToInt16` is not `ToInt32`. What tells errors apart.
pub(super) fn standalone_key(message: &str) -> u64 {
    let b = message.trim_end().as_bytes();
    let mut hash = SEED;
    let mut i = 0;
    while i < b.len() {
        let is_open = i == 0 || !(b[i - 1].is_ascii_alphanumeric() || b[i - 1] == b'_');
        if is_open && b[i].is_ascii_digit() {
            let end = i + b[i..].iter().take_while(|c| c.is_ascii_digit()).count();
            if b.get(end).is_none_or(|c| !c.is_ascii_alphanumeric() && *c != b'_') {
                hash = step(hash, MASK);
                i = end;
                continue;
            }
        }
        hash = step(hash, b[i]);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine(lines: &[&str]) -> Templates {
        let text: String = lines.concat();
        let mut at = 0;
        let ranges: Vec<_> = lines.iter().map(|l| (at..at + l.len(), at += l.len()).0).collect();
        Templates::mine(&text, &ranges, false)
    }

    #[test]
    fn values_do_not_make_templates() {
        let t = mine(&[
            "INFO dfs: Received block blk_-123 of size 91178 from /10.250.10.6",
            "INFO dfs: Received block blk_456 of size 3 from /10.250.10.7",
            "",
            "INFO dfs: Deleting block blk_9",
        ]);
        assert_eq!(t.of_line, [0, 0, NONE, 1]);
        assert_eq!((t.list[0].count, t.list[0].variants, t.list[1].first), (2, 2, 3));
    }

    #[test]
    fn words_in_the_place_of_values_make_variants() {
        let t = mine(&[
            "the job alpha is in state OK now",
            "the job alpha is in state BAD now",
            "the job beta4 is in state BAD now",
        ]);
        assert_eq!((t.of_line, t.variant), (vec![0, 0, 0], vec![0, 1, 2]));
        let t = mine(&["session opened for root", "link is down again"]);
        assert_eq!(t.list.len(), 2);
    }

    #[test]
    fn errors_differ_by_digits_inside_names() {
        assert_eq!(standalone_key("try 3 of 10"), standalone_key("try 4 of 9"));
        assert_ne!(standalone_key("no ToInt16"), standalone_key("no ToInt32"));
        assert_ne!(standalone_key("test_1 failed"), standalone_key("test_2 failed"));
    }
}
