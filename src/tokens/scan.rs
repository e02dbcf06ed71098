//! One pass over a text: its pieces and their tokens, given to whoever sums them up.

use std::ops::Range;

use super::cache::{self, Cache};
use super::families::Tokenizer;
use super::merge;
use super::split::{Pattern, Starts, WINDOW, WINDOW_LOAD};
use super::vocab::{self, Vocabulary};

/// After windows in which nothing could be told, so many pieces at most are cut one by one before the
/// next try: text outside ASCII pays little for the tries.
const MOST_SKIPPED: u32 = 15;

/// Takes the tokens of a text's pieces, roughly in order.
pub(super) trait Sink {
    /// Pieces start at `at` plus each of the bits; one token each.
    fn starts(&mut self, at: usize, starts: u64);
    /// The piece that starts at `start` has so many tokens more. It was among the last `starts`.
    fn more(&mut self, start: usize, more: usize);
    /// Whether the rest of the text does not matter.
    #[inline(always)]
    fn full(&self) -> bool {
        false
    }
}

/// What is done with a scan, whatever its pattern.
pub(super) trait Work {
    type Done;

    fn run<P: Pattern>(self, scan: &mut Scan<'_>) -> Self::Done;
}

/// Scans all of the text into a sink.
pub(super) struct Whole<'s, S>(pub(super) &'s mut S);

impl<S: Sink> Work for Whole<'_, S> {
    type Done = ();

    #[inline(always)]
    fn run<P: Pattern>(self, scan: &mut Scan<'_>) {
        scan.run::<P>(0, scan.text.len(), self.0);
    }
}

/// A text being scanned.
pub(super) struct Scan<'a> {
    vocabulary: &'a Vocabulary,
    pub(super) text: &'a [u8],
    cache: &'a mut Cache,
}

impl Scan<'_> {
    /// Does `work` on a scan of `text` with this thread's cache.
    #[inline(always)]
    pub(super) fn with<P: Pattern, W: Work>(vocabulary: &Vocabulary, text: &[u8], work: W) -> W::Done {
        cache::with(|cache| work.run::<P>(&mut Scan { vocabulary, text, cache }))
    }

    /// Scans from `at`, a border of pieces, to the first border at `until` or behind it.
    #[inline(always)]
    pub(super) fn run<P: Pattern>(&mut self, mut at: usize, until: usize, sink: &mut impl Sink) -> usize {
        let text = self.text;
        let (mut skip, mut skipped) = (0_u32, 0_u32);
        while at < until && !sink.full() {
            if skip == 0 && (until - at >= WINDOW || until == text.len()) {
                let taken = match text[at..].first_chunk::<WINDOW_LOAD>() {
                    Some(window) => self.window::<P>(window, at, sink),
                    None => self.window::<P>(&padded(&text[at..]), at, sink),
                };
                if taken > 0 {
                    at += taken;
                    skipped = 0;
                    continue;
                }
                skipped = (2 * skipped + 1).min(MOST_SKIPPED);
                skip = skipped;
            }
            skip = skip.saturating_sub(1);
            at = self.piece::<P>(at, sink);
        }
        at
    }

    /// Scans the piece at `at`; where it ends.
    #[inline(always)]
    pub(super) fn piece<P: Pattern>(&mut self, at: usize, sink: &mut impl Sink) -> usize {
        let end = P::end(self.text, at);
        sink.starts(at, 1);
        if !end.single && end.at - at > 1 {
            let tokens = self.tokens(at, end.at);
            if tokens > 1 {
                sink.more(at, tokens - 1);
            }
        }
        end.at
    }

    /// Scans the pieces that end within the window at `at`; how many bytes they take.
    #[inline(always)]
    fn window<P: Pattern>(&mut self, window: &[u8; WINDOW_LOAD], at: usize, sink: &mut impl Sink) -> usize {
        let Starts { starts: borders, single } = P::starts(window);
        if borders < 2 {
            return 0;
        }
        let taken = WINDOW - 1 - borders.leading_zeros() as usize;
        let starts = borders & !(1 << taken);
        sink.starts(at, starts);
        // Pieces of a single byte are tokens.
        let mut longer = starts & !(borders >> 1) & !single;
        while longer != 0 {
            let start = longer.trailing_zeros() as usize;
            longer &= longer - 1;
            let len = 1 + (borders >> start >> 1).trailing_zeros() as usize;
            let tokens = self.tokens(at + start, at + start + len);
            if tokens > 1 {
                sink.more(at + start, tokens - 1);
            }
        }
        taken
    }

    /// Tokens of the piece `text[start..end]`.
    #[inline(always)]
    fn tokens(&mut self, start: usize, end: usize) -> usize {
        let Scan { vocabulary, text, .. } = *self;
        let len = end - start;
        let key = if len <= 8 {
            let word = vocab::word_at(text, start) | vocab::padding(len);
            if vocabulary.has_short(text, start, end, word) {
                return 1;
            }
            (word, u64::MAX)
        } else if len <= 16 {
            let key = vocab::key(text, start, len);
            if vocabulary.has_medium(text, start, end, key) {
                return 1;
            }
            key
        } else {
            if vocabulary.has_long(text, start, end) {
                return 1;
            }
            let merge = || merge::count(vocabulary, text, start, end);
            return self.cache.long_tokens(vocabulary.id, &text[start..end], merge);
        };
        self.cache.tokens(vocabulary.id, key, || merge::count(vocabulary, text, start, end))
    }
}

/// A window at the end of the text. The padding is what no text holds, so no rule sees through it.
#[cold]
#[inline(never)]
fn padded(rest: &[u8]) -> [u8; WINDOW_LOAD] {
    let mut window = [0xFF; WINDOW_LOAD];
    for (to, from) in window.iter_mut().zip(rest) {
        *to = *from;
    }
    window
}

/// The sum of the tokens.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) tokens: u64,
}

impl Sink for Sum {
    #[inline(always)]
    fn starts(&mut self, _at: usize, starts: u64) {
        self.tokens += u64::from(starts.count_ones());
    }

    #[inline(always)]
    fn more(&mut self, _start: usize, more: usize) {
        self.tokens += more as u64;
    }
}

/// The sum of the tokens, up to where it is above a limit.
pub(super) struct Till {
    pub(super) tokens: u64,
    pub(super) limit: u64,
    pub(super) tokenizer: &'static Tokenizer,
}

impl Sink for Till {
    #[inline]
    fn starts(&mut self, _at: usize, starts: u64) {
        self.tokens += u64::from(starts.count_ones());
    }

    #[inline]
    fn more(&mut self, _start: usize, more: usize) {
        self.tokens += more as u64;
    }

    #[inline]
    fn full(&self) -> bool {
        self.tokenizer.scaled(self.tokens) > self.limit
    }
}

/// The tokens of the pieces of a chunk that start in each of some ranges.
pub(super) struct ByRange<'a> {
    /// Those that have bytes of the chunk.
    ranges: &'a [Range<usize>],
    /// The number of the first of them among all.
    first: usize,
    /// Where the chunk begins.
    chunk: usize,
    tokens: Vec<u32>,
    /// The first range that does not end before the pieces to come.
    next: usize,
}

impl<'a> ByRange<'a> {
    pub(super) fn new(ranges: &'a [Range<usize>], chunk: Range<usize>) -> Self {
        let first = ranges.partition_point(|range| range.end <= chunk.start);
        let end = ranges.partition_point(|range| range.start < chunk.end).max(first);
        let ranges = &ranges[first..end];
        ByRange { ranges, first, chunk: chunk.start, tokens: vec![0; ranges.len()], next: 0 }
    }

    fn add(&mut self, range: usize, tokens: u32) {
        if let Some(sum) = self.tokens.get_mut(range) {
            *sum = sum.saturating_add(tokens);
        }
    }

    /// The tokens by range of all `chunks`, in order, as the tokenizer has them: such that their sum is its
    /// count of the sum. `count`: how many ranges there are.
    pub(super) fn scaled(chunks: Vec<Self>, count: usize, tokenizer: &Tokenizer) -> Vec<u32> {
        let mut tokens: Vec<u32> = Vec::new();
        for chunk in chunks {
            if tokens.is_empty() && chunk.first == 0 {
                tokens = chunk.tokens;
                continue;
            }
            tokens.resize(tokens.len().max(chunk.first), 0);
            for (range, more) in (chunk.first..).zip(chunk.tokens) {
                // A range may go over from one chunk to the next.
                match tokens.get_mut(range) {
                    Some(sum) => *sum = sum.saturating_add(more),
                    None => tokens.push(more),
                }
            }
        }
        tokens.resize(count, 0);
        let (mut base, mut scaled) = (0, 0);
        for tokens in &mut tokens {
            base += u64::from(*tokens);
            let before = std::mem::replace(&mut scaled, tokenizer.scaled(base));
            *tokens = u32::try_from(scaled - before).unwrap_or(u32::MAX);
        }
        tokens
    }
}

impl Sink for ByRange<'_> {
    fn starts(&mut self, at: usize, mut starts: u64) {
        let at = at + self.chunk;
        while starts != 0 {
            let first = at + starts.trailing_zeros() as usize;
            while self.ranges.get(self.next).is_some_and(|range| range.end <= first) {
                self.next += 1;
            }
            let Some(range) = self.ranges.get(self.next) else { return };
            // All starts before the range's end at once.
            let within = range.end.saturating_sub(at);
            let below = if within >= 64 { u64::MAX } else { (1 << within) - 1 };
            let before = range.start.saturating_sub(at);
            let from = if before >= 64 { 0 } else { u64::MAX << before };
            self.add(self.next, (starts & below & from).count_ones());
            starts &= !below;
        }
    }

    fn more(&mut self, start: usize, more: usize) {
        let start = start + self.chunk;
        let range = self.ranges.partition_point(|range| range.end <= start);
        if self.ranges.get(range).is_some_and(|range| range.start <= start) {
            self.add(range, more as u32);
        }
    }

    fn full(&self) -> bool {
        self.next >= self.ranges.len()
    }
}
