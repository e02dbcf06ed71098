//! Records of several kinds in one array or map: events of many types, price lists with optional keys
//! in changing order. Each kind has columns of its own, and every row starts with the kind's letter.
//!
//! Records with the same keys in the same order are of one kind; kinds that differ in few keys and agree
//! on the order of the others are joined, the most frequent first. Cost: linear in the members, for
//! distinct sequences of keys, and kinds, are few.

use super::columns::Shape;
use super::tape::{Id, Kind, NONE, Tape};

use crate::hashed::{FastMap, FastSet};

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

/// The same with numbers in place of keys, which are compared often.
struct Numbered {
    order: Vec<Key>,
    rows: Vec<usize>,
}

/// The keys of each kind, in order of first appearance. Some records may be of none.
pub(super) fn find<'s>(tape: &Tape<'s>, nodes: &[Id]) -> Vec<Variant<'s>> {
    let mut keys = Keys::default();
    let Some(mut sequences) = sequences(tape, nodes, &mut keys) else { return Vec::new() };
    // Stable: sequences of equal frequency stay in order of appearance.
    sequences.sort_by_key(|sequence| std::cmp::Reverse(sequence.rows.len()));
    let mut out: Vec<Numbered> = Vec::new();
    let mut places = vec![0; keys.names.len()];
    for sequence in sequences {
        let fitting = out.iter().enumerate().filter_map(|(i, variant)| {
            let (new, missing) = difference(&variant.order, &sequence.order, &mut places)?;
            let most = sequence.order.len().min(variant.order.len()) * MAX_DIFFERENCE_PERCENT / 100;
            (new + missing <= most).then_some((new * NEW_COLUMN_COST + missing, i))
        });
        match fitting.min() {
            Some((_, i)) => {
                out[i].order = merged(&out[i].order, &sequence.order);
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
    let name = |key: Key| keys.names.get(key as usize).copied().unwrap_or_default();
    out.into_iter()
        .map(|variant| Variant { order: variant.order.into_iter().map(name).collect(), rows: variant.rows })
        .collect()
}

/// The number of a key.
type Key = u32;

/// The distinct keys of all records.
#[derive(Default)]
struct Keys<'s> {
    names: Vec<&'s str>,
    numbers: FastMap<&'s str, Key>,
    /// For each key the one that followed it last: mostly the one that follows it again.
    following: Vec<Key>,
}

impl<'s> Keys<'s> {
    /// The number of a key that stands behind `before`.
    fn number(&mut self, name: &'s str, before: Option<Key>) -> Key {
        let guess = before.and_then(|before| self.following.get(before as usize)).copied();
        if let Some(guess) = guess
            && self.names.get(guess as usize) == Some(&name)
        {
            return guess;
        }
        // There are fewer keys than bytes, and bytes fit.
        let next = self.names.len() as Key;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(name);
            self.following.push(next);
        }
        if let Some(following) = before.and_then(|before| self.following.get_mut(before as usize)) {
            *following = number;
        }
        number
    }
}

/// The distinct sequences of keys, in order of appearance; `None` if there are too many.
fn sequences<'s>(tape: &Tape<'s>, nodes: &[Id], numbers: &mut Keys<'s>) -> Option<Vec<Numbered>> {
    let mut known: FastMap<Vec<Key>, usize> = FastMap::default();
    let mut out: Vec<Numbered> = Vec::new();
    let mut keys: Vec<Key> = Vec::new();
    for (row, &id) in nodes.iter().enumerate() {
        if id == NONE || tape.kind(id) != Kind::Object || tape.is_empty(id) {
            continue;
        }
        keys.clear();
        for (key, _) in tape.members(id).take(MAX_MEMBERS + 1) {
            keys.push(numbers.number(tape.inner(key), keys.last().copied()));
        }
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
        let mut seen = FastSet::default();
        let is_plain = |key: &Key| numbers.names.get(*key as usize).is_some_and(|name| !name.contains('\\'));
        if keys.iter().all(|key| is_plain(key) && seen.insert(*key)) {
            known.insert(keys.clone(), out.len());
            out.push(Numbered { order: keys.clone(), rows: vec![row] });
        } else {
            // Written plainly, however often it occurs.
            known.insert(keys.clone(), usize::MAX);
        }
    }
    Some(out)
}

/// How many keys of `b` are not in `a`, and of `a` not in `b`; `None` if there is no order that both
/// follow. Neither has a key twice. `places` has one zero per key, and has them again afterwards.
fn difference(a: &[Key], b: &[Key], places: &mut [u32]) -> Option<(usize, usize)> {
    for (i, key) in a.iter().enumerate() {
        places[*key as usize] = i as u32 + 1;
    }
    let (mut at, mut common) = (0, 0);
    let agree = b.iter().all(|key| match places[*key as usize] {
        0 => true,
        place if place <= at => false,
        place => {
            at = place;
            common += 1;
            true
        }
    });
    for key in a {
        places[*key as usize] = 0;
    }
    agree.then(|| (b.len() - common, a.len() - common))
}

/// The order that both follow, which exists.
fn merged(a: &[Key], b: &[Key]) -> Vec<Key> {
    let place: FastMap<Key, usize> = a.iter().enumerate().map(|(i, key)| (*key, i)).collect();
    let mut out = Vec::with_capacity(a.len() + b.len());
    let mut at = 0;
    for &key in b {
        if let Some(&known) = place.get(&key) {
            out.extend_from_slice(a.get(at..known).unwrap_or_default());
            at = known + 1;
        }
        out.push(key);
    }
    out.extend_from_slice(a.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_merged_where_they_agree() {
        let mut places = [0; 5];
        assert_eq!(difference(&[1, 3], &[2, 3, 4], &mut places), Some((2, 1)));
        assert_eq!(merged(&[1, 3], &[2, 3, 4]), [2, 1, 3, 4]);
        assert_eq!(difference(&[1, 2], &[2, 1], &mut places), None);
        assert_eq!(difference(&[], &[2, 1], &mut places), Some((2, 0)));
        assert_eq!(merged(&[], &[2, 1]), [2, 1]);
        assert_eq!(places, [0; 5]);
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
