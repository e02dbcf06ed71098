//! Puts what was left out back in the place of its marks: the strongest check of "verbatim or marked".

use std::ops::Range;

use headroom::mark::{MARK_OPEN, Omission, Unit};

/// A mark, read from a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark<'t> {
    /// Bytes of the text; with a label the end is that of the first `]` that may close it.
    pub range: Range<usize>,
    /// The unit's noun.
    pub unit: &'t str,
    /// 1-based ordinal of the first unit.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// Whether it has a label, so that it may end at a later `]`.
    pub has_label: bool,
}

/// The first mark at or after `from`.
pub fn find_mark(text: &str, from: usize) -> Option<Mark<'_>> {
    let starts = text[from..].match_indices(MARK_OPEN).map(|(at, _)| from + at);
    starts.filter_map(|start| read_mark(text, start)).next()
}

fn read_mark(text: &str, start: usize) -> Option<Mark<'_>> {
    fn number(rest: &mut &str) -> Option<usize> {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        *rest = after;
        number.parse().ok()
    }
    let mut rest = &text[start + MARK_OPEN.len()..];
    let count = number(&mut rest)?;
    rest = rest.strip_prefix(' ')?;
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let (noun, after) = rest.split_at(letters);
    let unit = if count == 1 { noun } else { noun.strip_suffix('s')? };
    rest = after.strip_prefix(' ')?;
    let first = number(&mut rest)?;
    let last = match rest.strip_prefix('-') {
        Some(after) => {
            rest = after;
            number(&mut rest)?
        }
        None => first,
    };
    if last + 1 != first + count {
        return None;
    }
    let has_label = rest.starts_with(": ");
    let end = if has_label { rest.find(']')? } else { rest.starts_with(']').then_some(0)? };
    Some(Mark { range: start..text.len() - rest.len() + end + 1, unit, first, count, has_label })
}

/// Checks that `text` is `original` with a mark in the place of each omission and nothing else changed.
///
/// # Panics
/// If not.
pub fn check(original: &str, text: &str, omitted: &[Omission]) {
    let (mut at, mut source) = (0, 0);
    for (i, gone) in omitted.iter().enumerate() {
        assert!(gone.range.start >= source && gone.range.end <= original.len(), "{gone:?} is out of order");
        let kept = &original[source..gone.range.start];
        assert!(
            text[at..].starts_with(kept),
            "not the original's own text before {gone:?}:\n{:?}\nwas\n{kept:?}",
            &text[at..]
        );
        at += kept.len();
        let mark = read_mark(text, at).unwrap_or_else(|| panic!("no mark for {gone:?} at {:?}", &text[at..]));
        assert_eq!((mark.unit, mark.first, mark.count), (gone.unit.name(), gone.first, gone.count));
        let missing = &original[gone.range.clone()];
        count_units(gone, missing);
        source = gone.range.end;
        let next = omitted.get(i + 1).map_or(original.len(), |next| next.range.start);
        let follows = format!("{}{}", separator(gone, missing), &original[source..next]);
        // A label may hold brackets of its own: it ends where what must follow follows.
        let ends = text[mark.range.end - 1..].match_indices(']').map(|(n, _)| mark.range.end + n);
        let end = ends
            .take(if mark.has_label { usize::MAX } else { 1 })
            .find(|end| text[*end..].starts_with(&follows));
        let end =
            end.unwrap_or_else(|| panic!("after the mark of {gone:?} stands {:?}", &text[mark.range.end..]));
        at = end + separator(gone, missing).len();
    }
    assert_eq!(&text[at..], &original[source..]);
}

/// What stands behind a mark on behalf of what it stands for.
fn separator<'t>(gone: &Omission, missing: &'t str) -> &'t str {
    match gone.unit {
        Unit::Sentence => &missing[missing.trim_end().len()..],
        _ if missing.ends_with('\n') => "\n",
        Unit::Line if missing.ends_with('\r') => "\r",
        _ => "",
    }
}

/// Counts stay true, where the unit can be counted without the kind.
fn count_units(gone: &Omission, missing: &str) {
    if gone.unit == Unit::Line {
        let lines = missing.matches('\n').count();
        let bars = missing.replace("\r\n", "\n").matches(['\n', '\r']).count();
        let open = usize::from(!missing.ends_with(['\n', '\r']));
        assert!(
            gone.count == lines + usize::from(!missing.ends_with('\n')) || gone.count == bars + open,
            "{gone:?} has {lines} line ends: {missing:?}"
        );
    }
}
