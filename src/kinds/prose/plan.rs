//! How much of a text to keep, and which sentences that makes.
//!
//! The amount grows with the 0.6th power of the text (a long text has more beside the point) and with
//! what the best passage leaves open of the question. Sentences are taken by rank until it is used up;
//! passages of which nothing is left go with their titles. Cost: sorting, else linear.

use std::ops::Range;

use super::split::{Document, Passage};
use crate::mark::{Omission, Piece, Unit};

/// Tokens kept = AMOUNT · tokens^POWER · (1 + DOUBT · (1 − coverage)).
const AMOUNT: f64 = 5.0;
const POWER: f64 = 0.6;
const DOUBT: f64 = 6.0;
/// The same at level aggressive.
const AMOUNT_AGGRESSIVE: f64 = 3.0;
/// A comparison needs what is said of two things: one passage covers half of it at most, whatever words
/// it has in common with the question.
const MAX_COVERAGE_COMPARISON: f64 = 0.5;
/// Leaving out less than this share is not worth the marks.
const MIN_SHARE_OMITTED: f64 = 0.05;
/// What a mark costs, in tokens ("[… 3 sentences 12-14] ").
const MARK_TOKENS: f64 = 9.0;

/// Tokens of `text`, roughly and without counting: choices must not depend on the vocabulary. Measured
/// on Wikipedia text: 4.4 bytes of English a token, about 0.8 tokens a Chinese or Japanese character.
pub fn estimate(text: &str) -> f64 {
    // Most sentences are ASCII, which is quicker to see than wide characters are to count. A chunk's count
    // fits into a byte, of which a vector holds more than of wider numbers.
    let wide_in = |chunk: &[u8]| chunk.iter().map(|b| u8::from(*b >= 0xe0)).sum::<u8>();
    let count = || text.as_bytes().chunks(128).map(|chunk| usize::from(wide_in(chunk))).sum();
    let wide: usize = if text.is_ascii() { 0 } else { count() };
    let narrow = text.len().saturating_sub(3 * wide);
    narrow as f64 / 4.4 + wide as f64 * 0.8
}

/// Tokens to keep of `tokens`, or `None` if it is nearly all of them.
pub fn amount(tokens: f64, coverage: f64, is_comparison: bool, is_aggressive: bool) -> Option<f64> {
    let factor = if is_aggressive { AMOUNT_AGGRESSIVE } else { AMOUNT };
    let coverage = if is_comparison { coverage.min(MAX_COVERAGE_COMPARISON) } else { coverage };
    let amount = factor * tokens.powf(POWER) * (1.0 + DOUBT * (1.0 - coverage.clamp(0.0, 1.0)));
    (amount <= tokens * (1.0 - MIN_SHARE_OMITTED)).then_some(amount)
}

/// Which units stay, within `budget` tokens: the fixed ones of passages of which something stays, the
/// sentences flagged in `must`, and the best of the others.
pub fn choose(text: &str, document: &Document, scores: &[f64], must: &[bool], budget: f64) -> Vec<bool> {
    let costs: Vec<f64> = document.units.iter().map(|u| estimate(&text[u.range()])).collect();
    let head =
        |p: &Passage| -> f64 { p.units().filter(|i| document.units[*i].is_fixed()).map(|i| costs[i]).sum() };
    let mut keep = vec![false; costs.len()];
    let mut passage_of = vec![0_u32; costs.len()];
    let mut is_open = vec![false; document.passages.len()];
    let mut left = budget;
    for (p, passage) in document.passages.iter().enumerate() {
        passage_of[passage.units()].fill(p as u32);
        let has_must = passage.units().any(|i| must[i]);
        if !passage.may_go || has_must {
            is_open[p] = true;
            left -= head(passage);
        }
        for i in passage.units().filter(|i| must[*i]) {
            keep[i] = true;
            left -= costs[i];
        }
    }
    let open = (0..costs.len()).filter(|i| !document.units[*i].is_fixed() && !keep[*i]);
    for i in super::rank::by_score(open, scores) {
        if left <= 0.0 {
            break;
        }
        let p = passage_of[i] as usize;
        if !std::mem::replace(&mut is_open[p], true) {
            left -= head(&document.passages[p]) + MARK_TOKENS;
        }
        keep[i] = true;
        left -= costs[i];
    }
    for (passage, _) in document.passages.iter().zip(&is_open).filter(|(_, is_open)| **is_open) {
        for i in passage.units().filter(|i| document.units[*i].is_fixed()) {
            keep[i] = true;
        }
        fill(&mut keep[passage.units()], &costs[passage.units()]);
    }
    keep
}

/// Keeps runs that cost no more than the mark in their place.
fn fill(keep: &mut [bool], costs: &[f64]) {
    let mut i = 0;
    while i < keep.len() {
        let mut j = i;
        while j < keep.len() && !keep[j] {
            j += 1;
        }
        if j > i && costs[i..j].iter().sum::<f64>() <= MARK_TOKENS + 3.0 {
            keep[i..j].fill(true);
        }
        i = j.max(i + 1);
    }
}

/// The plan for `keep`: marks within passages count sentences, marks in place of passages count these.
/// Both are numbered within the block; sentences across passages, without the fixed parts.
pub fn pieces(document: &Document, keep: &[bool]) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut sentence = 0;
    // Words before the first marker are no passage.
    let before_first =
        usize::from(document.is_retrieved && document.passages.first().is_some_and(|p| !p.may_go));
    for (p, passage) in document.passages.iter().enumerate() {
        let units = &document.units[passage.units()];
        let (Some(first), Some(last)) = (units.first(), units.last()) else { continue };
        let is_gone = passage.may_go && passage.units().all(|i| !keep[i]);
        if is_gone {
            sentence += units.iter().filter(|u| !u.is_fixed()).count();
            let range = first.range().start..last.range().end;
            omit(&mut out, range, Unit::Passage, p + 1 - before_first);
            continue;
        }
        for i in passage.units() {
            let unit = &document.units[i];
            sentence += usize::from(!unit.is_fixed());
            if keep[i] {
                match out.last_mut() {
                    Some(Piece::Keep(range)) => range.end = unit.range().end,
                    _ => out.push(Piece::Keep(unit.range())),
                }
            } else {
                omit(&mut out, unit.range(), Unit::Sentence, sentence);
            }
        }
    }
    out
}

fn omit(out: &mut Vec<Piece>, range: Range<usize>, unit: Unit, ordinal: usize) {
    if let Some(Piece::Omit { omission, .. }) = out.last_mut()
        && omission.unit == unit
        && omission.first + omission.count == ordinal
    {
        omission.range.end = range.end;
        omission.count += 1;
        return;
    }
    out.push(Piece::Omit { omission: Omission { range, unit, first: ordinal, count: 1 }, label: None });
}
