//! What remains visible of a text in its compressed form, line by line: what back-references may still
//! take out of it.
//!
//! Only forms made of whole lines of the source and marks can be read so; a re-encoded one cannot.
//! Cost: linear.

use super::echo::Labelled;
use crate::mark::{self, MARK_OPEN, Omission, Piece, Unit};

/// The omissions of `new` and their labels, if `new` is `source` with marks in their places and nothing
/// else changed.
pub(super) fn omissions(source: &str, new: &str, gone: &[Omission]) -> Option<Vec<Labelled>> {
    let mut out = Vec::with_capacity(gone.len());
    let mut rest = new;
    let mut done = 0;
    for omission in gone {
        if omission.unit != Unit::Line || omission.range.start < done {
            return None;
        }
        rest = rest.strip_prefix(source.get(done..omission.range.start)?)?;
        let end = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let mark = rest[..end].trim_end_matches(['\n', '\r']);
        let label =
            mark.strip_prefix(MARK_OPEN)?.strip_suffix(']')?.split_once(": ").map(|(_, l)| l.to_owned());
        let again = Piece::Omit { omission: omission.clone(), label: label.clone() };
        rest = rest.strip_prefix(&*mark::render(source, vec![again], Vec::new()).text)?;
        done = omission.range.end;
        out.push((omission.clone(), label));
    }
    (rest == source.get(done..)?).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_marks_are_read_back() {
        let source = "a\nb\nc\nd\n";
        let gone = [Omission { range: 2..6, unit: Unit::Line, first: 2, count: 2 }];
        let found = omissions(source, "a\n[… 2 lines 2-3: like: this]\nd\n", &gone);
        assert_eq!(found, Some(vec![(gone[0].clone(), Some("like: this".to_owned()))]));
        assert!(omissions(source, "a\n[… 2 lines 2-3]\nx\n", &gone).is_none(), "re-encoded");
        assert!(omissions(source, "A\n[… 2 lines 2-3]\nd\n", &gone).is_none());
        assert!(omissions(source, "a\n", &gone).is_none());
    }
}
