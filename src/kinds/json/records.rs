//! Where the records of a JSON text stand, for readers that want some of them byte for byte.
//!
//! The elements of an array and the members of a map are records; what wraps them (brackets, keys and
//! small members of outer objects) stays. Cost: one parse, then linear in what is looked at.

use std::ops::Range;

use super::gate::is_map;
use super::tape::{Id, Kind, Tape};

/// A container or text below this many bytes inside a wrapping object stays with it.
const MIN_BYTES: usize = 400;
/// Objects with more members than this are lists of records, whatever their keys look like.
const MAX_WRAPPER_MEMBERS: usize = 12;

/// A record, with the white space before it and the comma behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// The list it belongs to: records of one list follow one another.
    pub list: usize,
    /// Its 1-based place in that list.
    pub ordinal: usize,
}

/// All records of a JSON text, in order; `None` if it is none, or holds no list.
pub fn records(text: &str) -> Option<Vec<Record>> {
    let tape = Tape::parse(text)?;
    let mut walk = Walk { tape: &tape, out: Vec::new(), lists: 0 };
    match tape.single() {
        Some(root) => walk.value(root),
        None => walk.list(0, tape.elements(0).map(|id| tape.range(id)).collect()),
    }
    (!walk.out.is_empty()).then_some(walk.out)
}

struct Walk<'t, 's> {
    tape: &'t Tape<'s>,
    out: Vec<Record>,
    lists: usize,
}

impl Walk<'_, '_> {
    /// Recursion is bounded by the depth that the tape reads.
    fn value(&mut self, id: Id) {
        let tape = self.tape;
        match tape.kind(id) {
            Kind::Array => {
                let elements: Vec<Id> = tape.elements(id).collect();
                match elements.as_slice() {
                    [] => {}
                    [only] => self.value(*only),
                    _ => {
                        self.list(tape.range(id).start + 1, elements.iter().map(|e| tape.range(*e)).collect())
                    }
                }
            }
            Kind::Object => {
                let members: Vec<(Id, Id)> = tape.members(id).collect();
                let range = |(key, value): &(Id, Id)| tape.range(*key).start..tape.range(*value).end;
                if members.len() > MAX_WRAPPER_MEMBERS || is_map(tape, id) {
                    return self.list(tape.range(id).start + 1, members.iter().map(range).collect());
                }
                for (i, member) in members.iter().enumerate() {
                    if tape.range(member.1).len() < MIN_BYTES {
                        continue;
                    }
                    match tape.kind(member.1) {
                        Kind::Array | Kind::Object => self.value(member.1),
                        _ => {
                            self.lists += 1;
                            self.out.push(Record { range: range(member), list: self.lists, ordinal: i + 1 });
                        }
                    }
                }
            }
            Kind::String | Kind::Number | Kind::Word => {}
        }
    }

    /// The records at `places`, the first of which may take the bytes from `start` on.
    fn list(&mut self, start: usize, places: Vec<Range<usize>>) {
        self.lists += 1;
        let bytes = self.tape.src().as_bytes();
        let mut from = start;
        for (i, place) in places.iter().enumerate() {
            let mut end = place.end;
            if let Some(next) = places.get(i + 1) {
                // Up to the comma, or to the line's end where values follow one another on lines.
                let gap = &bytes[place.end..next.start];
                let stop = memchr::memchr2(b',', b'\n', gap).filter(|at| gap[*at] == b',');
                let stop = stop.or_else(|| memchr::memchr(b',', gap)).or_else(|| memchr::memchr(b'\n', gap));
                end += stop.map_or(gap.len(), |at| at + 1);
            }
            self.out.push(Record { range: from..end, list: self.lists, ordinal: i + 1 });
            from = end;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Vec<&str> {
        records(json).unwrap().into_iter().map(|r| &json[r.range]).collect()
    }

    #[test]
    fn records_are_elements_members_of_maps_and_lines() {
        assert_eq!(texts("[{\"a\": 1},\n {\"a\": 2}]"), ["{\"a\": 1},", "\n {\"a\": 2}"]);
        assert_eq!(texts("{\"a\": 1}\n{\"a\": 2}\n"), ["{\"a\": 1}\n", "{\"a\": 2}"]);
        let map: Vec<_> = (0..20).map(|i| format!("\"node-{i}\": {i}")).collect();
        assert_eq!(texts(&format!("{{{}}}", map.join(", "))).len(), 20);
        assert_eq!(records("{\"a\": 1}"), None);
        assert_eq!(records("no json"), None);
    }

    #[test]
    fn what_wraps_a_list_is_no_record() {
        let rows: Vec<_> = (0..30).map(|i| format!("{{\"id\": {i}, \"name\": \"x\"}}")).collect();
        let json = format!("{{\"total\": 30, \"page\": {{\"items\": [{}]}}}}", rows.join(", "));
        let found = records(&json).unwrap();
        assert_eq!(found.len(), 30);
        assert!(found.iter().zip(1..).all(|(r, n)| r.ordinal == n && r.list == found[0].list));
    }
}
