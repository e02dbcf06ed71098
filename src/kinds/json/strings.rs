//! Strings of JSON that hold texts: passages that a retriever found, or what a command printed.
//!
//! * A list of passages (records whose bulk is one written text each) is ranked like any other retrieved
//!   document: each record is a passage with its other values as title, and of its text the sentences
//!   that the question does not concern become marks inside the string.
//! * Else a few long strings that make up most of the text (`{"stdout": "…", "code": 0}`) are compressed
//!   as what they hold: a log, a diff, a page.
//!
//! Either way the result is JSON again, of which nothing else is missing, and omissions are ranges of the
//! source, escapes included. Cost: linear.

use std::borrow::Cow;
use std::ops::Range;

use super::gate::Gate;
use super::tape::{Id, Kind, NONE, Tape};
use super::text;
use crate::hashed::FastSet;
use crate::kinds::{self, Context, prose};
use crate::mark::{self, Omission, Unit};

/// Fewer texts are no list of passages.
const MIN_PASSAGES: usize = 3;
/// Shorter texts are fields, in bytes.
const MIN_PASSAGE_BYTES: usize = 160;
/// The texts must make up this share of their list, in percent.
const MIN_PASSAGE_SHARE: usize = 55;
/// So many in a hundred records must have one.
const MIN_PASSAGE_RECORDS: usize = 80;
/// Other values of a record that are read as its title: each and together, in bytes.
const MAX_TITLE_BYTES: usize = 120;
const MAX_TITLES_BYTES: usize = 400;
/// Shorter strings are left alone, in bytes.
const MIN_TEXT_BYTES: usize = 600;
/// The long strings must make up this share of the text, in percent.
const MIN_TEXT_SHARE: usize = 50;
/// More long strings than this are data.
const MAX_TEXTS: usize = 32;
/// Longer quotations name no member, in bytes.
const MAX_NAME_BYTES: usize = 80;
/// Words of a header that say that strings hold compressed blocks.
pub const WORDS: &str = "texts in strings compressed";

/// JSON with shorter strings.
#[derive(Debug)]
pub struct Changed {
    /// The JSON.
    pub json: String,
    /// What is not in it, in bytes of the source, in order.
    pub omissions: Vec<Omission>,
    /// What was done.
    pub transforms: Vec<&'static str>,
    /// Whether strings hold blocks with headers.
    pub has_blocks: bool,
}

/// A list of passages.
#[derive(Debug)]
pub struct Passages {
    /// The records.
    records: Vec<Id>,
    /// The text of each; [`NONE`] if it has none.
    texts: Vec<Id>,
}

impl Passages {
    /// The list that holds most of the written text, if that is most of its bytes.
    pub fn find(tape: &Tape<'_>) -> Option<Self> {
        let longest = longest(tape);
        let mut best: Option<(usize, Id)> = None;
        let root = if tape.single().is_some() { 1 } else { 0 };
        for list in (root..tape.next(0)).filter(|id| tape.kind(*id) == Kind::Array) {
            let (mut count, mut with_text, mut bytes) = (0, 0, 0);
            for record in tape.elements(list) {
                count += 1;
                if let Some(len) = passage_len(tape, longest[record as usize]) {
                    with_text += 1;
                    bytes += len;
                }
            }
            let is_list = with_text >= MIN_PASSAGES
                && with_text * 100 >= count * MIN_PASSAGE_RECORDS
                && bytes * 100 >= tape.range(list).len() * MIN_PASSAGE_SHARE;
            if is_list && best.is_none_or(|(most, _)| bytes > most) {
                best = Some((bytes, list));
            }
        }
        let records: Vec<Id> = tape.elements(best?.1).collect();
        let text = |record: &Id| {
            let id = longest[*record as usize];
            if passage_len(tape, id).is_some() { id } else { NONE }
        };
        let texts = records.iter().map(text).collect();
        Some(Passages { records, texts })
    }

    /// Whether the question names records by something else than a word of their texts.
    pub fn are_named(&self, tape: &Tape<'_>, gate: &Gate) -> bool {
        let texts: Vec<Range<usize>> =
            self.texts.iter().filter(|id| **id != NONE).map(|id| tape.range(*id)).collect();
        let records: Vec<Range<usize>> = self.records.iter().map(|id| tape.range(*id)).collect();
        gate.outside(&texts).hit_rows(&records).is_some()
    }

    /// The texts without the sentences that the question does not concern.
    pub fn shorten(&self, tape: &Tape<'_>, cx: &Context<'_>) -> Option<Changed> {
        let mut whole = String::with_capacity(tape.src().len());
        let mut document = prose::split::Document { is_retrieved: true, ..Default::default() };
        // Per record: where its data begins in `whole`, and its units without the title.
        let mut places: Vec<(usize, Range<usize>)> = Vec::with_capacity(self.records.len());
        for (record, &id) in self.records.iter().zip(&self.texts) {
            let first = document.units.len();
            let start = whole.len();
            self.titles(tape, *record, id, &mut whole);
            if whole.len() > start {
                document.units.push(prose::split::Unit::new(start..whole.len(), true));
            }
            let (data_at, unit) = (whole.len(), document.units.len());
            if let Some(data) = (id != NONE).then(|| text::decode(tape.inner(id))).flatten() {
                whole.push_str(&data);
                document.units.extend(prose::split::split(&data).units.into_iter().map(|u| {
                    let range = u.range();
                    prose::split::Unit::new(range.start + data_at..range.end + data_at, u.is_fixed())
                }));
            }
            places.push((data_at, unit..document.units.len()));
            if document.units.len() > first {
                let units = first..document.units.len();
                document.passages.push(prose::split::Passage::new(units, true));
            }
        }
        if whole.len() > prose::split::MAX_TEXT_BYTES
            || prose::recognise::confidence(&whole) < kinds::MIN_CONFIDENCE
        {
            return None;
        }
        let must = vec![false; document.units.len()];
        let keep = prose::select(&whole, &document, cx, &must)?;
        let mut out = Changed {
            json: String::with_capacity(tape.src().len()),
            omissions: Vec::new(),
            transforms: vec!["prose:select"],
            has_blocks: false,
        };
        let mut done = 0;
        let mut sentence = 0;
        for (&id, (data_at, units)) in self.texts.iter().zip(places).filter(|(id, _)| **id != NONE) {
            let source = tape.range(id).start + 1;
            // Runs of sentences that go: in bytes of the data, with their number and the first's.
            let mut runs: Vec<(Range<usize>, usize, usize)> = Vec::new();
            for unit in units {
                let range = document.units[unit].range();
                let range = range.start - data_at..range.end - data_at;
                let count = usize::from(!document.units[unit].is_fixed());
                if !keep[unit] {
                    match runs.last_mut().filter(|(run, ..)| run.end == range.start) {
                        Some((run, n, _)) => (run.end, *n) = (range.end, *n + count),
                        None => runs.push((range, count, sentence + 1)),
                    }
                }
                sentence += count;
            }
            runs.retain(|(_, count, _)| *count > 0);
            let ends: Vec<usize> = runs.iter().flat_map(|(run, ..)| [run.start, run.end]).collect();
            let ends = text::source_offsets(tape.inner(id), &ends);
            for ((run, count, first), at) in runs.into_iter().zip(ends.chunks_exact(2)) {
                let range = source + at[0]..source + at[1];
                out.json.push_str(&tape.src()[done..range.start]);
                mark::write_mark(&mut out.json, Unit::Sentence, first, count, None);
                let gone = &whole[data_at + run.start..data_at + run.end];
                text::escape(&mut out.json, &gone[gone.trim_end().len()..]);
                done = range.end;
                out.omissions.push(Omission { range, unit: Unit::Sentence, first, count });
            }
        }
        out.json.push_str(&tape.src()[done..]);
        (!out.omissions.is_empty()).then_some(out)
    }

    /// The short values of a record beside its text, on one line.
    fn titles(&self, tape: &Tape<'_>, record: Id, text: Id, out: &mut String) {
        let start = out.len();
        let mut push = |id: Id| {
            let raw = if tape.kind(id) == Kind::String { tape.inner(id) } else { tape.raw(id) };
            if id != text && raw.len() <= MAX_TITLE_BYTES && out.len() - start + raw.len() < MAX_TITLES_BYTES
            {
                out.push_str(&text::decode(raw).unwrap_or(Cow::Borrowed("")).replace('\n', " "));
                out.push(' ');
            }
        };
        each_value(tape, record, &mut push);
        if out.len() > start {
            out.push('\n');
        }
    }
}

/// Bytes of a string if they are enough for a passage.
fn passage_len(tape: &Tape<'_>, id: Id) -> Option<usize> {
    (id != NONE).then(|| tape.range(id).len()).filter(|len| *len >= MIN_PASSAGE_BYTES)
}

/// For each node the longest string among its values, itself included.
fn longest(tape: &Tape<'_>) -> Vec<Id> {
    let mut out = vec![NONE; tape.next(0) as usize];
    for id in (0..tape.next(0)).rev() {
        let longer = |a: Id, b: Id| {
            let len = |id: Id| if id == NONE { 0 } else { tape.range(id).len() };
            if len(b) > len(a) { b } else { a }
        };
        out[id as usize] = match tape.kind(id) {
            Kind::String => id,
            Kind::Array => tape.elements(id).fold(NONE, |best, e| longer(best, out[e as usize])),
            Kind::Object => tape.members(id).fold(NONE, |best, (_, v)| longer(best, out[v as usize])),
            Kind::Number | Kind::Word => NONE,
        };
    }
    out
}

/// Calls `f` with each scalar value at or below `id`, keys left out.
fn each_value(tape: &Tape<'_>, id: Id, f: &mut impl FnMut(Id)) {
    // Nesting is bounded by the parser.
    match tape.kind(id) {
        Kind::Object => tape.members(id).for_each(|(_, value)| each_value(tape, value, f)),
        Kind::Array => tape.elements(id).for_each(|value| each_value(tape, value, f)),
        _ => f(id),
    }
}

/// Whether the question quotes the name of a member: it asks for a value, whole, not for what texts say.
pub fn names_member(tape: &Tape<'_>, question: &str) -> bool {
    let mut quoted: FastSet<&str> = FastSet::default();
    for mark in ['"', '`', '\''] {
        for part in question.split(mark).skip(1).step_by(2).filter(|part| part.len() <= MAX_NAME_BYTES) {
            quoted.extend(part.split(['.', '[', ']']));
        }
    }
    !quoted.is_empty()
        && (0..tape.next(0))
            .filter(|id| tape.kind(*id) == Kind::Object)
            .any(|id| tape.members(id).any(|(key, _)| quoted.contains(tape.inner(key))))
}

/// Compresses the long strings as what they hold, if they are most of the text; written language only
/// if `may_select`.
pub fn compress(tape: &Tape<'_>, may_select: bool, cx: &Context<'_>) -> Option<Changed> {
    if tape.src().len() < MIN_TEXT_BYTES {
        return None;
    }
    let mut long: Vec<Id> = Vec::new();
    let mut bytes = 0;
    each_value(tape, 0, &mut |id| {
        if tape.kind(id) == Kind::String && tape.range(id).len() >= MIN_TEXT_BYTES {
            bytes += tape.range(id).len();
            long.push(id);
        }
    });
    if long.is_empty() || long.len() > MAX_TEXTS || bytes * 100 < tape.src().len() * MIN_TEXT_SHARE {
        return None;
    }
    let mut out = Changed {
        json: String::with_capacity(tape.src().len()),
        omissions: Vec::new(),
        transforms: Vec::new(),
        has_blocks: false,
    };
    let mut done = 0;
    for id in long {
        let Some(data) = text::decode(tape.inner(id)) else { continue };
        // A mark or header that came with the input must not be taken for one of ours.
        if data.contains(mark::MARK_OPEN) || data.contains(mark::HEADER_OPEN) {
            return None;
        }
        let is_fit = |name: &str| name != "json" && (may_select || name != "prose");
        let Some(kind) = kinds::recognise(&data).filter(|kind| is_fit(kind.name())) else { continue };
        let Some(mut new) = kind.compress(&data, cx) else { continue };
        if data.ends_with('\n') && !new.text.ends_with('\n') {
            new.text.push('\n');
        }
        if let Some(words) = new.header.take() {
            let mut headed = String::with_capacity(new.text.len() + words.len() + 40);
            mark::write_header(&mut headed, kind.name(), &new.text, &words);
            headed.push_str(&new.text);
            new.text = headed;
            out.has_blocks = true;
        }
        if cx.tokens.count(&new.text) >= cx.tokens.count(&data) {
            continue;
        }
        let source = tape.range(id).start + 1;
        out.json.push_str(&tape.src()[done..source]);
        text::escape(&mut out.json, &new.text);
        done = tape.range(id).end - 1;
        out.transforms
            .extend(new.transforms.into_iter().filter(|t| !out.transforms.contains(t)).collect::<Vec<_>>());
        let offset =
            |at: usize| text::source_offsets(tape.inner(id), &[at]).first().map_or(0, |n| source + n);
        // Omissions are in order, except that one may hold others (a page, terminal colours): few do.
        let mut ends: Vec<usize> = new.omissions.iter().flat_map(|o| [o.range.start, o.range.end]).collect();
        let is_sorted = ends.is_sorted();
        ends = if is_sorted {
            text::source_offsets(tape.inner(id), &ends).into_iter().map(|n| source + n).collect()
        } else {
            ends.into_iter().map(offset).collect()
        };
        let ranges = ends.chunks_exact(2).map(|at| at[0]..at[1]);
        out.omissions.extend(new.omissions.into_iter().zip(ranges).map(|(o, range)| Omission { range, ..o }));
    }
    out.json.push_str(&tape.src()[done..]);
    (done > 0).then_some(out)
}

/// JSON with the blocks in its strings decoded.
pub fn expand(json: &str) -> Option<String> {
    let tape = Tape::parse(json)?;
    let mut out = String::with_capacity(json.len() * 2);
    let mut done = 0;
    each_value(&tape, 0, &mut |id| {
        if tape.kind(id) != Kind::String || !tape.inner(id).contains(mark::HEADER_OPEN) {
            return;
        }
        if let Some(data) = text::decode(tape.inner(id)) {
            let range = tape.range(id);
            out.push_str(&json[done..range.start + 1]);
            text::escape(&mut out, &kinds::expand(&data));
            done = range.end - 1;
        }
    });
    out.push_str(&json[done..]);
    Some(out)
}
