//! The starts of the pieces in a window of 64 bytes, by operations on whole masks.
//!
//! The rules are those of the patterns for ASCII, turned round: not "where does this piece end" but
//! "does a piece start here", which for nearly every byte can be told from its own class and that of
//! its neighbours. The first byte of a window is the start of a piece, so that nothing is carried
//! over from the text before. Where a rule needs more than the window shows (a character outside
//! ASCII, the window's end, white space whose last line break comes later), the answer stops short of
//! it and the caller goes on piece by piece. Tests compare with [`super::Pattern::end`].

use super::masks::{Masks, WINDOW, WINDOW_LOAD};
use super::{Starts, contraction};

/// The bits below `bit`.
#[inline(always)]
fn below(bit: u32) -> u64 {
    if bit >= 64 { u64::MAX } else { (1 << bit) - 1 }
}

/// Rules the patterns of o200k_base and cl100k_base share, before what differs.
struct Found {
    masks: Masks,
    starts: u64,
    /// Other characters that start a piece.
    others: u64,
    /// The first byte that the rules cannot see through. Starts at least two bytes before are sure:
    /// a rule looks one byte ahead.
    blind: u32,
}

impl Found {
    #[inline(always)]
    fn of<const DIGITS: usize>(window: &[u8; WINDOW_LOAD]) -> Self {
        let masks = Masks::of(window);
        let m = &masks;
        let white = m.space | m.newline;
        // A run of other characters starts a piece, unless a blank before it does for both.
        let others = m.other & !(m.other << 1) & !(m.blank << 1);
        // Line breaks right behind other characters belong to their piece.
        let taken = m.newline & (m.other << 1);
        // Letters start a piece, unless the character before does for both: white space, or an other
        // character that starts a piece.
        let words = m.letter & !(m.letter << 1) & !(m.space << 1) & !(others << 1);
        // White space starts a piece where its run does, behind its last line break, and once more
        // with the last character before something else.
        let indent = m.space & (m.newline << 1);
        let last = m.space & !(white >> 1);
        let spaces = (white & !(white << 1) & !taken) | indent | last;
        let numbers = match DIGITS {
            1 => m.number,
            _ => every_third(m.number),
        };
        let mut blind = m.high.trailing_zeros();
        // Whether a line break is the last of its run shows at the end of the spaces behind it; what is
        // not ASCII may be white space.
        let ends = m.space.wrapping_add(indent) & !m.space;
        let more = ends & (m.newline | m.high);
        if more != 0 {
            blind = blind.min(64 - (indent & below(more.trailing_zeros())).leading_zeros());
        }
        let open = 64 - (!m.space).leading_zeros();
        if indent & below(open + 1) & !below(open) != 0 {
            blind = blind.min(open + 1);
        }
        Found { masks, starts: 1 | others | words | spaces | numbers, others, blind }
    }

    /// The sure starts.
    #[inline(always)]
    fn finish(self) -> Starts {
        // One to three digits are a token in both vocabularies.
        Starts { starts: self.starts & below(self.blind.saturating_sub(1)), single: self.masks.number }
    }
}

/// Of each run of ones, the first bit and every third behind it.
#[inline(always)]
fn every_third(runs: u64) -> u64 {
    let mut starts = runs & !(runs << 1);
    // Bits whose three predecessors are in the run too: there a start may follow one three before.
    let mut steps = runs & (runs << 1);
    steps &= (runs << 2) & (runs << 3);
    let mut width = 3;
    while width < WINDOW && steps != 0 {
        starts |= (starts << width) & steps;
        steps &= steps << width;
        width *= 2;
    }
    starts
}

/// Starts of pieces of the pattern of o200k_base.
#[inline(always)]
pub(super) fn o200k<const DIGITS: usize>(window: &[u8; WINDOW_LOAD]) -> Starts {
    let mut found = Found::of::<DIGITS>(window);
    let m = found.masks;
    // A word ends where lower case is followed by upper case.
    found.starts |= m.upper & ((m.letter & !m.upper) << 1);
    // Slashes belong to a piece of other characters even behind its line breaks.
    let tails = m.newline & (m.other << 1);
    if tails != 0 {
        let slashes = m.newline.wrapping_add(tails) & !m.newline & m.slash;
        found.blind = found.blind.min(slashes.trailing_zeros() + 1);
    }
    // A short form belongs to the word before it.
    let mut marks = m.apostrophe & (m.letter << 1) & (m.letter >> 1);
    let mut after = 0;
    while marks != 0 {
        let at = marks.trailing_zeros();
        marks &= marks - 1;
        let len = contraction(window, at as usize) as u32;
        // An apostrophe behind a short form starts a piece like any other character.
        if len > 0 && at != after {
            after = at + len;
            if after >= WINDOW as u32 {
                found.blind = found.blind.min(at + 1);
                break;
            }
            found.starts &= !(below(after) & !below(at));
            found.starts |= m.letter & (1 << after);
        }
    }
    found.finish()
}

/// Starts of pieces of the pattern of cl100k_base.
#[inline(always)]
pub(super) fn cl100k<const DIGITS: usize>(window: &[u8; WINDOW_LOAD]) -> Starts {
    let mut found = Found::of::<DIGITS>(window);
    let m = found.masks;
    // A short form at the start of a piece is one, whatever letters follow.
    let mut marks = m.apostrophe & found.others & (m.letter >> 1);
    while marks != 0 {
        let at = marks.trailing_zeros();
        marks &= marks - 1;
        let len = contraction(window, at as usize) as u32;
        if len > 0 {
            if at + len >= WINDOW as u32 {
                found.blind = found.blind.min(at + 1);
                break;
            }
            found.starts |= m.letter & (1 << (at + len));
        }
    }
    found.finish()
}

#[cfg(test)]
mod tests {
    use super::super::{Cl100k, O200k, Pattern};
    use super::*;
    use proptest::prelude::*;

    /// Windows find the starts that the pattern finds, in order, up to where they stop.
    fn check<P: Pattern>(text: &[u8]) -> Result<usize, TestCaseError> {
        let mut window = [0xFF; WINDOW_LOAD];
        let len = text.len().min(WINDOW_LOAD);
        window[..len].copy_from_slice(&text[..len]);
        let found = P::starts(&window).starts;
        let mut expected = 0u64;
        let mut at = 0;
        while at < text.len().min(WINDOW) {
            expected |= 1 << at;
            at = P::end(text, at).at;
        }
        let sure = if found == 0 { 0 } else { below(64 - found.leading_zeros()) };
        prop_assert_eq!(found, expected & sure, "{:?}", String::from_utf8_lossy(text));
        Ok(found.count_ones() as usize)
    }

    fn atoms() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop_oneof![
                4 => prop::sample::select(vec![
                    " ", "  ", "\n", "\r\n", "\t", "'", "'s", "'ll", "'re", "'RE", "'x", "/", "//", "!", "--", "(", "\"", ",", ".", "a", "B", "ab", "AB", "aB", "Ab", "1", "12", "1234567",
                    "é", "漢", "\u{a0}", "\u{301}", "\0", "\x0b",
                ])
                .prop_map(str::to_owned),
                1 => "[a-zA-Z]{1,12}",
                1 => "[ -~\n]{1,8}",
            ],
            0..60,
        )
        .prop_map(|atoms| atoms.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn windows_agree_with_the_patterns(text in atoms()) {
            check::<O200k<3>>(text.as_bytes())?;
            check::<O200k<1>>(text.as_bytes())?;
            check::<Cl100k<3>>(text.as_bytes())?;
            check::<Cl100k<1>>(text.as_bytes())?;
        }
    }

    #[test]
    fn a_window_of_plain_text_is_seen_nearly_to_its_end() {
        let text = "INFO 2024-05-01 worker-17: can't reach db (id=8f3a9c1e), it's 12345 ms later\n";
        for count in [check::<O200k<3>>(text.as_bytes()), check::<Cl100k<3>>(text.as_bytes())] {
            assert!(count.is_ok_and(|count| count > 20));
        }
    }

    #[test]
    fn every_third_of_a_run() {
        for (runs, starts) in [
            (0b1, 0b1),
            (0b111, 0b1),
            (0b1111, 0b1001),
            (0b0111_1111_0011, 0b0100_1001_0001),
            (u64::MAX, 0x9249_2492_4924_9249),
        ] {
            assert_eq!(every_third(runs), starts, "{runs:b}");
        }
    }
}
