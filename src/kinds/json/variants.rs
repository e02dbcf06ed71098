//! Records of several kinds in one array or map: events of many types, price lists with optional keys
//! in changing order. Each kind has columns of its own, and every row starts with the kind's letter.
//!
//! Records with the same keys in the same order are of one kind; kinds that differ in few keys and agree
//! on the order of the others are joined, the most frequent first. Cost: linear in the members, for
//! distinct sequences of keys, and kinds, are few.

use std::collections::{HashMap, HashSet};

use super::columns::Shape;
use super::tape::{Id, Kind, NONE, Tape};

/// Kinds are named by the letters of the alphabet.
pub const MAX_VARIANTS: usize = 26;
/// Records with more distinct sequences of keys than this have nothing in common.
const MAX_SEQUENCES: usize = 400;
/// Objects with more members than this are no records.
const MAX_MEMBERS: usize = 400;
/// A kind of one record says its keys no less often than the record itself.
const MIN_ROWS: usize = 2;
/// Keys that one of two kinds lacks may be this share of a record's keys, in percent.
const MAX_DIFFERENCE_PERCENT: usize = 40;
/// A new column costs its name, a missing member a cell.
const NEW_COLUMN_COST: usize = 5;

/// Records of several kinds.
#[derive(Debug)]
pub struct Variants {
    /// The columns of each kind; all are groups.
    pub shapes: Vec<Shape>,
    /// Per row: its kind and its row there; `None` for values written plainly.
    pub of: Vec<Option<(usize, usize)>>,
}

/// The name of a kind.
pub fn letter(variant: usize) -> char {
    // Fewer than MAX_VARIANTS.
    char::from(b'A' + variant.min(MAX_VARIANTS - 1) as u8)
}

/// The keys of one kind in order, and the rows that have them.
pub(super) struct Variant<'s> {
    pub order: Vec<&'s str>,
    pub rows: Vec<usize>,
}

/// The keys of each kind, in order of first appearance. Some records may be of none.
pub(super) fn find<'s>(tape: &Tape<'s>, nodes: &[Id]) -> Vec<Variant<'s>> {
    let Some(mut sequences) = sequences(tape, nodes) else { return Vec::new() };
    // Stable: sequences of equal frequency stay in order of appearance.
    sequences.sort_by_key(|sequence| std::cmp::Reverse(sequence.rows.len()));
    let mut out: Vec<Variant<'s>> = Vec::new();
    for sequence in sequences {
        let fitting = out.iter().enumerate().filter_map(|(i, variant)| {
            let order = merged(&variant.order, &sequence.order)?;
            let new = order.len() - variant.order.len();
            let missing = order.len() - sequence.order.len();
            let most = sequence.order.len().min(variant.order.len()) * MAX_DIFFERENCE_PERCENT / 100;
            (new + missing <= most).then_some((new * NEW_COLUMN_COST + missing, i, order))
        });
        match fitting.min_by_key(|(cost, i, _)| (*cost, *i)) {
            Some((_, i, order)) => {
                out[i].order = order;
                out[i].rows.extend(sequence.rows);
            }
            None if out.len() < MAX_SEQUENCES.min(2 * MAX_VARIANTS) => out.push(sequence),
            None => {}
        }
    }
    out.retain(|variant| variant.rows.len() >= MIN_ROWS);
    out.sort_by_key(|variant| std::cmp::Reverse(variant.rows.len()));
    out.truncate(MAX_VARIANTS);
    for variant in &mut out {
        variant.rows.sort_unstable();
    }
    out.sort_by_key(|variant| variant.rows[0]);
    out
}

/// The distinct sequences of keys, in order of appearance; `None` if there are too many.
fn sequences<'s>(tape: &Tape<'s>, nodes: &[Id]) -> Option<Vec<Variant<'s>>> {
    let mut known: HashMap<Vec<&'s str>, usize> = HashMap::new();
    let mut out: Vec<Variant<'s>> = Vec::new();
    for (row, &id) in nodes.iter().enumerate() {
        if id == NONE || tape.kind(id) != Kind::Object || tape.is_empty(id) {
            continue;
        }
        let keys: Vec<&str> =
            tape.members(id).take(MAX_MEMBERS + 1).map(|(key, _)| tape.inner(key)).collect();
        if keys.len() > MAX_MEMBERS {
            continue;
        }
        if let Some(&i) = known.get(&keys) {
            if let Some(sequence) = out.get_mut(i) {
                sequence.rows.push(row);
            }
            continue;
        }
        if known.len() == MAX_SEQUENCES {
            return None;
        }
        let mut seen = HashSet::new();
        if keys.iter().all(|key| !key.contains('\\') && seen.insert(*key)) {
            known.insert(keys.clone(), out.len());
            out.push(Variant { order: keys, rows: vec![row] });
        } else {
            // Written plainly, however often it occurs.
            known.insert(keys, usize::MAX);
        }
    }
    Some(out)
}

/// An order that both follow; `None` if there is none. Neither has a key twice.
fn merged<'s>(a: &[&'s str], b: &[&'s str]) -> Option<Vec<&'s str>> {
    if a == b {
        return Some(a.to_vec());
    }
    let place: HashMap<&str, usize> = a.iter().enumerate().map(|(i, key)| (*key, i)).collect();
    let mut out = Vec::with_capacity(a.len() + b.len());
    let mut at = 0;
    for &key in b {
        if let Some(&known) = place.get(key) {
            if known < at {
                return None;
            }
            out.extend_from_slice(&a[at..known]);
            at = known + 1;
        }
        out.push(key);
    }
    out.extend_from_slice(&a[at..]);
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_merged_where_they_agree() {
        assert_eq!(merged(&["a", "c"], &["b", "c", "d"]).unwrap(), ["b", "a", "c", "d"]);
        assert_eq!(merged(&["a", "b"], &["b", "a"]), None);
        assert_eq!(merged(&[], &["b", "a"]).unwrap(), ["b", "a"]);
    }

    fn rows(json: &str) -> Vec<(String, Vec<usize>)> {
        let tape = Tape::parse(json).unwrap();
        let nodes: Vec<_> = tape.elements(tape.single().unwrap()).collect();
        find(&tape, &nodes).into_iter().map(|v| (v.order.concat(), v.rows)).collect()
    }

    #[test]
    fn records_of_one_kind_share_most_keys_in_order() {
        let a = r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#;
        let longer = r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#;
        let other = r#"{"z":1,"a":2}"#;
        assert_eq!(
            rows(&format!("[{other},{a},{longer},{other},{a}]")),
            [("za".to_owned(), vec![0, 3]), ("abcdef".to_owned(), vec![1, 2, 4])]
        );
        assert!(rows(&format!("[{a},{other},1]")).is_empty(), "each occurs once");
        assert!(rows(r#"[{"a":1,"a":2},{"a":1,"a":2},{"\n":1},{"\n":1}]"#).is_empty());
    }
}
