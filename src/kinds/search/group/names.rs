//! Which texts of matches get a name, so that where they stand again the name is enough.
//!
//! Invariant: a text is named only if that saves bytes, its name and every repetition counted. Cost: four
//! bytes for each line.

use super::items::Item;
use crate::kinds::search::matches::Parsed;

/// A text must be this long, in bytes, to be worth a name …
const MIN_NAMED_BYTES: usize = 14;
/// … and save this much by it, in bytes, naming and every repetition counted.
const MIN_NAMED_GAIN_BYTES: usize = 16;
/// What "&1 " and "*1" cost, in bytes of ordinary text (two tokens).
const NAME_COST_BYTES: usize = 8;
/// A text without a name.
pub const NAMELESS: u32 = 0;
/// A text that gets a name where it is first written.
pub const NAMED: u32 = u32::MAX;

/// Which texts have a name, by the first line that has the text.
pub struct Names<'p, 't> {
    parsed: &'p Parsed<'t>,
    /// How often a text is to be written; once that is known: [`NAMED`], [`NAMELESS`], or its name.
    pub of: Vec<u32>,
    pub given: u32,
}

impl<'p, 't> Names<'p, 't> {
    pub fn new(parsed: &'p Parsed<'t>) -> Self {
        Names { parsed, of: vec![0; parsed.len()], given: 0 }
    }

    pub fn count(&mut self, item: Item<'_>) {
        if let Item::Matches(run) = item {
            for at in run.heads() {
                self.of[self.parsed.first_with_text(run.lines[at])] += 1;
            }
        }
    }

    /// Texts that pay for a name; whether there are any.
    pub fn choose(&mut self) -> bool {
        let mut any = false;
        for (line, of) in self.of.iter_mut().enumerate() {
            let times = std::mem::replace(of, NAMELESS) as usize;
            if times < 2 {
                continue;
            }
            let len = self.parsed.hit(line).map_or(0, |hit| hit.text.len());
            let gain = (times - 1) * len.saturating_sub(NAME_COST_BYTES);
            if len >= MIN_NAMED_BYTES && gain >= NAME_COST_BYTES + MIN_NAMED_GAIN_BYTES {
                *of = NAMED;
                any = true;
            }
        }
        any
    }
}
