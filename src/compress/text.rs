//! One text: split into blocks, each given to its kind, accepted only if it gets shorter.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use super::print::{Held, MEMORY_PER_PRINT, Print};
use crate::blocks::Segment;
use crate::kinds::{self, Context, Source};
use crate::mark::{self, Omission, Rendered};
use crate::memo::{self, Memo};
use crate::options::{Level, Options};
use crate::policy::Tool;
use crate::request::ToolCall;
use crate::score::Query;
use crate::tokens::{Counter, TokenIndex};

/// Why a text with marks of ours in it stays as it is.
pub(super) const ALREADY: &str = "already compressed";
/// Why a text beyond [`MAX_TEXT_BYTES`] does.
const TOO_LARGE: &str = "too large";
/// Longer texts stay as they are: what is known of a text are 32-bit positions in it.
const MAX_TEXT_BYTES: usize = u32::MAX as usize;
/// Shorter texts are not worth a mark, in bytes.
pub(super) const MIN_TEXT_BYTES: usize = 200;

/// The result for one text: a pure function of the fields of [`Job`].
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The new text and what is missing in it; `None` if it stays as it was.
    pub(super) new: Option<(String, Vec<Omission>)>,
    /// What each part of the text was taken for and what became of it.
    pub(super) blocks: Vec<Block>,
    /// Names of the kinds that were compressed.
    pub(super) kinds: Vec<&'static str>,
    /// What was done.
    pub(super) transforms: Vec<&'static str>,
    /// Tokens saved.
    pub(super) saved: usize,
    /// Why it stays as it was, if it does.
    pub(super) why: &'static str,
    /// The print of the text, if it was asked for.
    pub(super) source_print: OnceLock<Print>,
    /// The print of the new text, if it was asked for.
    pub(super) new_print: OnceLock<Print>,
}

impl Done {
    /// What the text has become.
    pub(super) fn visible<'t>(&'t self, source: &'t str) -> &'t str {
        self.new.as_ref().map_or(source, |(new, _)| new)
    }

    /// The print of the text itself.
    pub(super) fn source_print(&self, source: &str) -> Held<'_> {
        Held::new(&self.source_print, source)
    }

    /// The print of what the text has become.
    pub(super) fn visible_print(&self, source: &str) -> Held<'_> {
        match &self.new {
            Some((new, _)) => Held::new(&self.new_print, new),
            None => self.source_print(source),
        }
    }

    /// Bytes of memory that a memo must reckon with, prints included.
    pub(super) fn bytes(&self, source: &str) -> usize {
        let (new, omissions) = self.new.as_ref().map_or((0, 0), |(text, gone)| (text.len(), gone.len()));
        new + omissions * size_of::<Omission>() + (source.len() + new) / MEMORY_PER_PRINT
    }
}

/// One part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// The kind it was taken for; empty if none, or if it is an instruction.
    pub kind: &'static str,
    /// Why it stays as it was; empty if it was compressed.
    pub why: &'static str,
    /// Tokens before, if it was compressed.
    pub tokens_before: usize,
    /// Tokens after, if it was compressed.
    pub tokens_after: usize,
}

/// All that the output of a text depends on.
pub(super) struct Job<'j> {
    pub(super) text: &'j str,
    pub(super) counted: Counted,
    pub(super) source: Source,
    pub(super) call: Option<&'j ToolCall>,
    pub(super) question: &'j str,
    pub(super) options: &'j Options,
    pub(super) counter: &'j Counter,
}

/// Results of this process. Only a cache: every entry can be computed again from its key's parts.
fn memo() -> &'static Memo<Done> {
    static MEMO: OnceLock<Memo<Done>> = OnceLock::new();
    MEMO.get_or_init(|| Memo::new(memo::MAX_BYTES))
}

/// Counters of the memo of texts.
pub fn memo_stats() -> memo::Stats {
    memo().stats()
}

/// Token counts of this process's texts.
fn counts() -> &'static Memo<usize> {
    static COUNTS: OnceLock<Memo<usize>> = OnceLock::new();
    COUNTS.get_or_init(|| Memo::new(memo::MAX_BYTES / 16))
}

/// Texts that [`encode`] was asked for.
fn encoded() -> &'static Memo<Option<(String, usize)>> {
    static ENCODED: OnceLock<Memo<Option<(String, usize)>>> = OnceLock::new();
    ENCODED.get_or_init(|| Memo::new(memo::MAX_BYTES / 4))
}

/// Forgets all texts seen so far and their counts, for measurements.
pub fn clear_memo() {
    memo().clear();
    counts().clear();
    encoded().clear();
    super::limit::clear();
    super::written::clear();
}

/// Texts below this many bytes are counted faster than they are looked up.
const MIN_MEMO_BYTES: usize = 512;

/// Of texts of these sizes it is kept where their tokens are, if they are counted at all: of shorter ones
/// little is saved, and of longer ones it takes memory.
const INDEXED_BYTES: Range<usize> = 4_000..1_000_000;

/// A text's digest and tokens: both are needed several times, and each reads every byte.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) digest: memo::Key,
    pub(super) tokens: usize,
    /// For what the text becomes.
    index: Option<Arc<TokenIndex>>,
}

impl Counted {
    pub(super) fn new(counter: &Counter, text: &str) -> Self {
        let digest = memo::key(&[text.as_bytes()]);
        let mut index = None;
        let tokens = remembered_count(counter, text, digest, || {
            // JSON is written anew.
            if !INDEXED_BYTES.contains(&text.len()) || text.trim_start().starts_with(['{', '[']) {
                return counter.count(text);
            }
            let made = index.insert(Arc::new(counter.index(text)));
            made.total()
        });
        Counted { digest, tokens, index }
    }

    /// Tokens of what `source`, the text that was counted, has become, where only what is new in it need be
    /// counted.
    fn spliced(&self, counter: &Counter, rendered: &Rendered, source: &str) -> Option<usize> {
        let index = self.index.as_ref().filter(|_| !rendered.copies.is_empty())?;
        Some(counter.count_spliced(&rendered.text, source, index, &rendered.copies))
    }

    /// Tokens of what `source`, the text that was counted, has become.
    fn count(&self, counter: &Counter, rendered: &Rendered, source: &str) -> usize {
        self.spliced(counter, rendered, source).unwrap_or_else(|| counter.count(&rendered.text))
    }

    /// The same, remembered where all of it must be counted.
    pub(super) fn remembered(&self, counter: &Counter, rendered: &Rendered, source: &str) -> usize {
        self.spliced(counter, rendered, source).unwrap_or_else(|| count(counter, &rendered.text))
    }
}

/// Tokens of `text`, remembered.
pub(super) fn count(counter: &Counter, text: &str) -> usize {
    if text.len() < MIN_MEMO_BYTES {
        return counter.count(text);
    }
    remembered_count(counter, text, memo::key(&[text.as_bytes()]), || counter.count(text))
}

fn remembered_count(
    counter: &Counter,
    text: &str,
    digest: memo::Key,
    count: impl FnOnce() -> usize,
) -> usize {
    if text.len() < MIN_MEMO_BYTES {
        return count();
    }
    let counts = counts();
    let key = memo::key(&[&digest.bytes(), counter.encoding().as_bytes()]);
    if let Some(count) = counts.get(key) {
        return *count;
    }
    let count = count();
    counts.insert(key, Arc::new(count), size_of::<usize>());
    count
}

impl Job<'_> {
    /// The result, from the memo or anew, and its key there. `segments` is asked for only if it must be
    /// computed.
    pub(super) fn run(&self, segments: impl FnOnce() -> Vec<Segment>) -> (memo::Key, Arc<Done>) {
        let key = self.key();
        let done = memo().get(key).unwrap_or_else(|| {
            let done = Arc::new(self.compute(&segments()));
            memo().insert(key, done.clone(), done.bytes(self.text));
            done
        });
        (key, done)
    }

    fn key(&self) -> memo::Key {
        let Options {
            level,
            target_ratio,
            min_tokens: _,
            model_limit: _,
            query: _,
            max_threads: _,
            retrieval: _,
            policy,
        } = self.options;
        let ratio = target_ratio.unwrap_or(0.0).to_bits().to_le_bytes();
        let (name, arguments, beside) =
            self.call.map_or(("", "", ""), |c| (c.name.as_str(), c.arguments.as_str(), c.beside.as_str()));
        // Of a policy counts what it says of this tool.
        let policy = policy.as_ref().and_then(|policy| policy.tool(name)).map_or(&[][..], Tool::digest);
        memo::key(&[
            &self.counted.digest.bytes(),
            self.question.as_bytes(),
            name.as_bytes(),
            arguments.as_bytes(),
            beside.as_bytes(),
            &ratio,
            policy,
            &[*level as u8, self.source as u8, u8::from(self.call.is_some_and(|c| c.edited))],
            self.counter.encoding().as_bytes(),
        ])
    }

    fn compute(&self, segments: &[Segment]) -> Done {
        let mut done = Done { why: "nothing to compress", ..Done::default() };
        if self.text.len() > MAX_TEXT_BYTES {
            done.why = TOO_LARGE;
            return done;
        }
        if mark::is_marked(self.text) {
            done.why = ALREADY;
            return done;
        }
        let call = self.call.map(|c| format!("{} {}\n{}", c.name, c.arguments, c.beside)).unwrap_or_default();
        let query = Query::new(self.question, &call);
        // Nothing is copied of a text that stays as it is.
        let mut new = String::new();
        let mut copied = 0;
        let mut omissions = Vec::new();
        for segment in segments {
            let part = &self.text[segment.range.clone()];
            let mut block = Block { range: segment.range.clone(), ..Block::default() };
            let compressed =
                if segment.is_payload { self.block(part, &query, &mut block) } else { Err("instruction") };
            match compressed {
                Ok(rendered) => {
                    let before = &self.text[copied..segment.range.start];
                    copied = segment.range.end;
                    if new.is_empty() && before.is_empty() {
                        new = rendered.text;
                    } else {
                        new.push_str(before);
                        new.push_str(&rendered.text);
                    }
                    omissions.extend(rendered.omissions.into_iter().map(|o| shift(o, segment.range.start)));
                    done.transforms.extend(rendered.transforms);
                    done.saved += block.tokens_before - block.tokens_after;
                    if !done.kinds.contains(&block.kind) {
                        done.kinds.push(block.kind);
                    }
                }
                Err(why) => {
                    block.why = why;
                    if segment.is_payload {
                        done.why = why;
                    }
                }
            }
            done.blocks.push(block);
        }
        if !done.kinds.is_empty() {
            new.push_str(&self.text[copied..]);
            done.new = Some((new, omissions));
        }
        done
    }

    fn block(&self, part: &str, query: &Query, block: &mut Block) -> Result<Rendered, &'static str> {
        let cx = Context {
            tokens: self.counter,
            query,
            options: self.options,
            tool: self.call,
            source: self.source,
        };
        // A panic is a bug of ours; it costs this block its compression and nothing else.
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let kind = kinds::recognise(part).ok_or("kind not recognised")?;
            block.kind = kind.name();
            kind.compress(part, &cx).ok_or("nothing to gain")
        }));
        let mut rendered = attempt.unwrap_or(Err("internal error"))?;
        if part.ends_with('\n') && !rendered.text.ends_with('\n') {
            rendered.text.push('\n');
        }
        // Inside a user's message the extent of a compressed block must be known, so that the
        // instructions around it read the same when the message is seen again.
        let words = rendered.header.take().or_else(|| (self.source == Source::User).then(String::new));
        if let Some(words) = words {
            let by = put_header(&mut rendered.text, block.kind, &words);
            rendered.copies.iter_mut().for_each(|copy| copy.at += by);
        }
        // Most texts are one block, and what a text counts is known.
        let is_whole = part.len() == self.text.len();
        let (before, after) = if is_whole {
            (self.counted.tokens, self.counted.count(self.counter, &rendered, part))
        } else {
            (self.counter.count(part), self.counter.count(&rendered.text))
        };
        if after >= before {
            return Err("would not get shorter");
        }
        (block.tokens_before, block.tokens_after) = (before, after);
        Ok(rendered)
    }
}

/// `text` re-encoded without loss by the kind of that name, if that decodes exactly and is shorter; and
/// its tokens. For texts with marks of ours in them, which [`Job::run`] would leave alone.
pub(super) fn encode(
    kind: &str,
    text: &str,
    counter: &Counter,
    options: &Options,
) -> Option<(String, usize)> {
    let ratio = options.target_ratio.unwrap_or(0.0).to_bits().to_le_bytes();
    let key = memo::key(&[text.as_bytes(), kind.as_bytes(), counter.encoding().as_bytes(), &ratio]);
    if let Some(known) = encoded().get(key) {
        return known.as_ref().clone();
    }
    let new = encode_anew(kind, text, counter, options);
    encoded().insert(key, Arc::new(new.clone()), new.as_ref().map_or(0, |(text, _)| text.len()));
    new
}

fn encode_anew(kind: &str, text: &str, counter: &Counter, options: &Options) -> Option<(String, usize)> {
    let kind = kinds::ALL.iter().find(|k| k.name() == kind)?;
    let options = Options { level: Level::Lossless, ..options.clone() };
    let query = Query::default();
    let cx =
        Context { tokens: counter, query: &query, options: &options, tool: None, source: Source::ToolOutput };
    let rendered = catch_unwind(AssertUnwindSafe(|| kind.compress(text, &cx))).ok()??;
    let words = rendered.header?;
    if !rendered.omissions.is_empty() || kind.expand(&rendered.text, &words)? != text {
        return None;
    }
    let mut headed = rendered.text;
    put_header(&mut headed, kind.name(), &words);
    let tokens = counter.count(&headed);
    (tokens < counter.count(text)).then_some((headed, tokens))
}

/// Puts the header of a re-encoded block in front of its body; how long it is.
fn put_header(body: &mut String, kind: &str, words: &str) -> usize {
    let mut header = String::with_capacity(words.len() + 40);
    mark::write_header(&mut header, kind, body, words);
    body.insert_str(0, &header);
    header.len()
}

fn shift(omission: Omission, by: usize) -> Omission {
    let Range { start, end } = omission.range;
    Omission { range: start + by..end + by, ..omission }
}
