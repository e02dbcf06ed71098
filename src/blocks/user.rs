//! Payload inside a user's message.
//!
//! In four steps, each on what the step before left over: delimited parts; runs of numbered passages;
//! runs of machine-made lines; long written texts beside which somebody asks something. The steps look
//! at lines and paragraphs by themselves, so that what was replaced elsewhere changes nothing.

use std::ops::Range;

use super::lines::{self, address, is_data, is_program, is_remark, paragraphs};
use super::{MIN_PAYLOAD_BYTES, between, delimited, passages};
use crate::mark;

/// An undelimited written text below this many bytes may as well be somebody's own words.
const MIN_DOCUMENT_BYTES: usize = 2_000;
/// A text in which more than one word of so many addresses somebody is taken to be instructions.
const WORDS_PER_ADDRESS: usize = 100;
/// The same for data and numbered passages, where it takes more to disbelieve.
const WORDS_PER_ADDRESS_IN_DATA: usize = 25;
/// Up to so many paragraphs of other text, each below [`MAX_BRIDGE_BYTES`], lie within a run of data.
const MAX_BRIDGE_PARAGRAPHS: usize = 2;
const MAX_BRIDGE_BYTES: usize = 300;

/// The payload of a user's text, in order.
pub(super) fn payload(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut opened = None;
    while let Some(block) = mark::find_headed(text, at) {
        free_of_ours(text, at..block.range.start, &mut opened, &mut out);
        at = block.range.end;
        out.push(block.range);
    }
    free_of_ours(text, at..text.len(), &mut opened, &mut out);
    out
}

/// `range` holds no compressed block of ours.
fn free_of_ours(
    text: &str,
    range: Range<usize>,
    opened: &mut Option<delimited::Fence>,
    out: &mut Vec<Range<usize>>,
) {
    let first = out.len();
    let parts = delimited::parts(text, range.clone(), opened);
    let taken: Vec<Range<usize>> = parts.iter().map(|part| part.range.clone()).collect();
    out.extend(parts.into_iter().filter(|part| part.is_payload).map(|part| part.range));
    for free in between(range, &taken) {
        let runs = passage_runs(text, free.clone());
        for free in between(free, &runs) {
            let data = data_runs(text, free.clone());
            for free in between(free, &data) {
                documents(text, free, out);
            }
            out.extend(data);
        }
        out.extend(runs);
    }
    out[first..].sort_by_key(|range| range.start);
}

fn is_addressed(text: &str, words_per_address: usize) -> bool {
    let (cues, words) = address(text);
    cues * words_per_address > words
}

/// Runs of numbered passages: from the first marker to the end of the last passage.
fn passage_runs(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    if range.len() < MIN_PAYLOAD_BYTES {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut run: Option<Run> = None;
    for line in lines::lines(text, range.clone()) {
        let words = &text[line.clone()];
        if let Some(marker) = passages::marker(words) {
            let is_next = run.as_ref().is_none_or(|run| marker.is_sure || marker.number == run.number + 1);
            if is_next || run.is_none() {
                let open = run.get_or_insert_with(|| Run::new(line.start, marker.is_sure));
                open.marker(&line, &words[marker.len..], marker.number);
                continue;
            }
        }
        if let Some(open) = &mut run {
            if lines::has_instruction_label(words) {
                out.extend(run.take().and_then(|run| run.close(text, line.start)));
            } else {
                open.line(&line, words.trim().is_empty());
            }
        }
    }
    out.extend(run.and_then(|run| run.close(text, range.end)));
    out
}

struct Run {
    start: usize,
    is_sure: bool,
    count: usize,
    number: u32,
    /// Start of the last marker's line.
    last: usize,
    /// Whether a blank line was seen since the last marker, and whether text followed one.
    blank: bool,
    parted: bool,
    /// Whether passages of this run have several paragraphs.
    has_paragraphs: bool,
}

impl Run {
    fn new(start: usize, is_sure: bool) -> Self {
        Run {
            start,
            is_sure,
            count: 0,
            number: 0,
            last: start,
            blank: false,
            parted: false,
            has_paragraphs: false,
        }
    }

    fn marker(&mut self, line: &Range<usize>, rest: &str, number: u32) {
        self.has_paragraphs |= self.parted;
        self.count += 1;
        self.number = number;
        self.last = line.start;
        (self.blank, self.parted) = (false, false);
        // A marker alone on its line: a blank line may follow it.
        self.has_paragraphs |= rest.trim().len() < 3;
    }

    fn line(&mut self, line: &Range<usize>, is_blank: bool) {
        let _ = line;
        self.parted |= self.blank && !is_blank;
        self.blank |= is_blank;
    }

    /// The run up to the end of its last passage, which ends before `limit`.
    fn close(self, text: &str, limit: usize) -> Option<Range<usize>> {
        let mut end = self.last;
        for (i, paragraph) in paragraphs(text, self.last..limit).into_iter().enumerate() {
            if i > 0 && (!self.has_paragraphs || is_remark(&text[paragraph.clone()])) {
                break;
            }
            end = paragraph.end;
        }
        end = before_remarks(text, self.last, end);
        let range = self.start..end;
        let is_believed = self.count >= 2
            && range.len() >= MIN_PAYLOAD_BYTES
            && (self.is_sure || !is_addressed(&text[range.clone()], WORDS_PER_ADDRESS_IN_DATA));
        is_believed.then_some(range)
    }
}

/// `end`, or the start of the remarks on the last lines before it; never before the end of line `first`.
fn before_remarks(text: &str, first: usize, end: usize) -> usize {
    let mut out = end;
    let starts: Vec<usize> = lines::lines(text, first..end).map(|line| line.start).collect();
    for start in starts.into_iter().skip(1).rev() {
        let line = &text[start..out];
        if line.trim().is_empty() || !is_remark(line) || is_data(line) {
            break;
        }
        out = start;
    }
    out
}

/// The end of the remarks on the first lines of `start..end`, else `start`.
fn after_remarks(text: &str, start: usize, end: usize) -> usize {
    let mut out = start;
    for line in lines::lines(text, start..end) {
        let words = &text[line.clone()];
        if is_data(words) || !is_remark(words) {
            break;
        }
        out = line.end;
    }
    out
}

/// Runs of paragraphs that look machine-made.
fn data_runs(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    if range.len() < MIN_PAYLOAD_BYTES {
        return out;
    }
    let mut run: Option<Range<usize>> = None;
    // Bytes of data lines in the run, and paragraphs since the last of data.
    let (mut sum, mut bridge) = (0, 0);
    let mut close = |run: Range<usize>, sum: usize| {
        let start = after_remarks(text, run.start, run.end);
        let run = start..before_remarks(text, start, run.end);
        if run.len() >= MIN_PAYLOAD_BYTES
            && 2 * sum >= run.len()
            && !is_addressed(&text[run.clone()], WORDS_PER_ADDRESS_IN_DATA)
        {
            out.push(run);
        }
    };
    for paragraph in paragraphs(text, range) {
        let data: usize = lines::lines(text, paragraph.clone())
            .filter(|line| is_program(&text[line.clone()]))
            .map(|line| line.len())
            .sum();
        if 2 * data >= paragraph.len() {
            sum = if run.is_some() { sum + data } else { data };
            run = Some(run.map_or(paragraph.start, |run| run.start)..paragraph.end);
            bridge = 0;
        } else if run.is_some() {
            bridge += 1;
            let may_bridge = bridge <= MAX_BRIDGE_PARAGRAPHS
                && paragraph.len() <= MAX_BRIDGE_BYTES
                && !is_remark(&text[paragraph.clone()]);
            if !may_bridge && let Some(run) = run.take() {
                close(run, sum);
            }
        }
    }
    if let Some(run) = run {
        close(run, sum);
    }
    out
}

/// Long written texts, between the remarks before and after them.
fn documents(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    if range.len() < MIN_PAYLOAD_BYTES {
        return;
    }
    let all = paragraphs(text, range);
    // What a label says to be instructions parts one document from the next.
    for part in all.split(|p| {
        lines::lines(text, p.clone()).next().is_some_and(|l| lines::has_instruction_label(&text[l]))
    }) {
        let is_said = |p: &Range<usize>| is_remark(&text[p.clone()]);
        let Some(first) = part.iter().position(|p| !is_said(p)) else { continue };
        let Some(last) = part.iter().rposition(|p| !is_said(p)) else { continue };
        let label = part[..first].last().map_or(part[first].start, |p| p.start);
        let start = after_remarks(text, part[first].start, part[last].end);
        let range = start..before_remarks(text, start, part[last].end);
        let is_labelled =
            lines::lines(text, label..range.end).next().is_some_and(|l| lines::is_document_label(&text[l]));
        let minimum = if is_labelled { MIN_PAYLOAD_BYTES } else { MIN_DOCUMENT_BYTES };
        if range.len() >= minimum && (is_labelled || !is_addressed(&text[range.clone()], WORDS_PER_ADDRESS)) {
            out.push(range);
        }
    }
}
