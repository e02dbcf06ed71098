//! What the records of an array have in common: fields, nested groups of fields, inner arrays.
//!
//! A [`Shape`] says how all values that stand in one place are written. Records that do not fit the
//! shape of their fellows (another order of keys, a key twice, an escaped key) are marked as such
//! and written out in full. Cost: linear in the nodes below the array; fields are limited to a
//! multiple of the members per record, so that tables of them stay linear too.

use super::roles::Role;
use super::tape::{Id, Kind, NONE, Tape};
use super::variants::{self, Variants};

use crate::hashed::FastMap;

/// Index into [`Columns::fields`].
pub type FieldId = usize;

/// One field of the records, aligned to the rows of its table.
#[derive(Debug)]
pub struct Field<'s> {
    /// The key; never holds an escape.
    pub key: &'s str,
    /// Keys from the record down to here, joined by dots.
    pub path: String,
    /// Whether another column of the same row has the same path (keys may hold dots).
    pub is_ambiguous: bool,
    /// The value in each row, or [`NONE`].
    pub values: Vec<Id>,
    /// How the values are written.
    pub shape: Shape,
    /// How the column is written; meaningless for groups.
    pub role: Role,
    /// Estimated tokens of the column in that role, in tenths.
    pub tenths: u64,
    /// How many columns this one follows from, one after the other.
    pub links: usize,
}

/// How all values in one place are written.
#[derive(Debug)]
pub enum Shape {
    /// Each for itself.
    Any,
    /// Objects with common fields.
    Group(Group),
    /// Arrays whose elements share a shape.
    List(Inner),
    /// Objects used as maps: keys differ, values share a shape.
    Map(Inner),
    /// Objects of several kinds; only the records of a table itself are.
    Variants(Variants),
}

/// Objects with common fields.
#[derive(Debug)]
pub struct Group {
    /// In the order in which all fitting objects have them.
    pub fields: Vec<FieldId>,
    /// Whether the value in a row is an object that fits.
    pub fits: Vec<bool>,
    /// Whether some rows have something else in place of the object.
    pub optional: bool,
    /// Columns that are shown of rows that are left out.
    pub digest: Vec<FieldId>,
    /// Rows that stay whatever is asked.
    pub telling: Vec<bool>,
}

/// The elements of all arrays (or the values of all maps) in one column.
#[derive(Debug)]
pub struct Inner {
    /// Per row of the column: where its elements begin in `nodes`.
    pub starts: Vec<u32>,
    /// The elements of all rows, in order.
    pub nodes: Vec<Id>,
    /// Their shape.
    pub item: Box<Shape>,
}

/// More fields than this in one object make a map of it.
const MAX_FIELDS: usize = 400;
/// Fields beyond this multiple of the members per record (plus a few) are no common shape.
const MAX_FIELDS_PER_MEMBER: usize = 4;
/// Records share a shape when at least this share of (records x fields) is present, in percent.
const MIN_DENSITY_PERCENT: usize = 30;
/// Objects whose values are all objects are maps unless their keys recur this often, in percent.
const MAP_DENSITY_PERCENT: usize = 80;
/// One in this many values may be of another kind than the rest.
const MAX_ODD_SHARE: usize = 5;
/// If more than one record in this many does not fit the others, several kinds of records may.
const MAX_PLAIN_SHARE: usize = 8;

/// The fields of one table.
#[derive(Debug)]
pub struct Columns<'t, 's> {
    /// The text.
    pub tape: &'t Tape<'s>,
    /// All fields at any depth.
    pub fields: Vec<Field<'s>>,
}

impl<'t, 's> Columns<'t, 's> {
    /// Finds the shape of `nodes`, the elements of one array or the values of one map.
    /// `variants`: they may be of several kinds.
    pub fn infer(tape: &'t Tape<'s>, nodes: &[Id], variants: bool) -> (Self, Shape) {
        let mut columns = Columns { tape, fields: Vec::new() };
        let mut shape = columns.shape(nodes, "");
        let odd = match &shape {
            Shape::Any => nodes.len(),
            Shape::Group(group) => group.fits.iter().filter(|fits| !**fits).count(),
            _ => 0,
        };
        if variants && odd * MAX_PLAIN_SHARE > nodes.len() {
            shape = columns.variants(nodes, odd / 2).unwrap_or(shape);
        }
        (columns, shape)
    }

    /// Records that have no common shape, but several of them; `None` if more than `most` have none.
    fn variants(&mut self, nodes: &[Id], most: usize) -> Option<Shape> {
        let mut of = vec![None; nodes.len()];
        let mut shapes = Vec::new();
        let found = variants::find(self.tape, nodes);
        let rows: usize = found.iter().map(|variant| variant.rows.len()).sum();
        if rows + most < nodes.len() {
            return None;
        }
        for variant in found {
            let mut records = Vec::with_capacity(variant.rows.len());
            for (i, &row) in variant.rows.iter().enumerate() {
                of[row] = Some((shapes.len(), i));
                records.push(nodes[row]);
            }
            let merged = Merged { order: variant.order, fits: vec![true; records.len()] };
            shapes.push(Shape::Group(self.group(&records, "", merged)));
        }
        Some(Shape::Variants(Variants { shapes, of }))
    }

    /// All columns of a row: those of the group and of the groups in it, in order.
    pub fn leaves(&self, group: &Group, out: &mut Vec<FieldId>) {
        for &id in &group.fields {
            match &self.fields[id].shape {
                Shape::Group(inner) => self.leaves(inner, out),
                _ => out.push(id),
            }
        }
    }

    /// Notes which columns of a row cannot be told apart by their path.
    pub fn mark_ambiguous(&mut self, leaves: &[FieldId]) {
        if leaves.iter().all(|id| !self.fields[*id].key.contains('.')) {
            return;
        }
        let mut seen: FastMap<String, FieldId> = FastMap::default();
        for &id in leaves {
            if let Some(other) = seen.insert(self.fields[id].path.clone(), id) {
                self.fields[id].is_ambiguous = true;
                self.fields[other].is_ambiguous = true;
            }
        }
    }

    fn shape(&mut self, nodes: &[Id], prefix: &str) -> Shape {
        let (mut objects, mut arrays, mut others) = (0, 0, 0);
        for &id in nodes.iter().filter(|id| **id != NONE) {
            match self.tape.kind(id) {
                Kind::Object => objects += 1,
                Kind::Array => arrays += 1,
                Kind::Word if self.tape.raw(id) == "null" => {}
                _ => others += 1,
            }
        }
        if objects >= 2 && (arrays + others) * MAX_ODD_SHARE <= objects {
            self.objects(nodes, prefix)
        } else if arrays >= 1 && (objects + others) * MAX_ODD_SHARE <= arrays {
            self.lists(nodes)
        } else {
            Shape::Any
        }
    }

    fn lists(&mut self, nodes: &[Id]) -> Shape {
        let tape = self.tape;
        self.inner(nodes, Kind::Array, |id, out| out.extend(tape.elements(id)))
            .map_or(Shape::Any, Shape::List)
    }

    fn maps(&mut self, nodes: &[Id]) -> Shape {
        let tape = self.tape;
        self.inner(nodes, Kind::Object, |id, out| out.extend(tape.members(id).map(|(_, value)| value)))
            .map_or(Shape::Any, Shape::Map)
    }

    fn inner(&mut self, nodes: &[Id], kind: Kind, children: impl Fn(Id, &mut Vec<Id>)) -> Option<Inner> {
        let mut starts = Vec::with_capacity(nodes.len());
        let mut all = Vec::new();
        for &id in nodes {
            // There are fewer nodes than bytes, and bytes fit.
            starts.push(all.len() as u32);
            if id != NONE && self.tape.kind(id) == kind {
                children(id, &mut all);
            }
        }
        match self.shape(&all, "") {
            Shape::Any => None,
            item => Some(Inner { starts, nodes: all, item: Box::new(item) }),
        }
    }

    /// Objects: a group of fields if they recur, a map if only the shape of the values does.
    fn objects(&mut self, nodes: &[Id], prefix: &str) -> Shape {
        let tape = self.tape;
        let is_object = |id: &&Id| **id != NONE && tape.kind(**id) == Kind::Object;
        let (mut objects, mut members, mut nested) = (0, 0, 0);
        for &id in nodes.iter().filter(is_object) {
            objects += 1;
            for (_, value) in tape.members(id) {
                members += 1;
                nested += usize::from(tape.kind(value) == Kind::Object && !tape.is_empty(value));
            }
        }
        if members == 0 {
            return Shape::Any;
        }
        let most = MAX_FIELDS.min(MAX_FIELDS_PER_MEMBER * (members / objects) + 16);
        let Some(merged) = Merged::new(tape, nodes, most) else { return self.maps(nodes) };
        let d = merged.order.len();
        let density = 100 * members / (objects * d.max(1));
        if nested == members && d >= 3 && density < MAP_DENSITY_PERCENT {
            let map = self.maps(nodes);
            if matches!(map, Shape::Map(_)) {
                return map;
            }
        }
        if density < MIN_DENSITY_PERCENT || merged.fits.iter().filter(|f| **f).count() * 2 < objects {
            return if nested * 2 > members { self.maps(nodes) } else { Shape::Any };
        }
        let group = self.group(nodes, prefix, merged);
        if group.fields.is_empty() { Shape::Any } else { Shape::Group(group) }
    }

    fn group(&mut self, nodes: &[Id], prefix: &str, merged: Merged<'s>) -> Group {
        let mut columns: Vec<Vec<Id>> = vec![vec![NONE; nodes.len()]; merged.order.len()];
        for (row, &id) in nodes.iter().enumerate().filter(|(row, _)| merged.fits[*row]) {
            let mut at = 0;
            for (key, value) in self.tape.members(id) {
                // A fitting row has its keys in the merged order, so the walk ends.
                while at < merged.order.len() && merged.order[at] != self.tape.inner(key) {
                    at += 1;
                }
                if let Some(column) = columns.get_mut(at) {
                    column[row] = value;
                }
            }
        }
        let mut fields = Vec::new();
        for (key, values) in merged.order.into_iter().zip(columns) {
            if values.iter().all(|v| *v == NONE) {
                continue;
            }
            let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
            let mut shape = self.shape(&values, &path);
            if let Shape::Group(inner) = &mut shape {
                inner.optional = (0..nodes.len()).any(|row| merged.fits[row] && !inner.fits[row]);
            }
            fields.push(self.fields.len());
            self.fields.push(Field {
                key,
                path,
                is_ambiguous: false,
                values,
                shape,
                role: Role::default(),
                tenths: 0,
                links: 0,
            });
        }
        Group { fields, fits: merged.fits, optional: true, digest: Vec::new(), telling: Vec::new() }
    }
}

/// One order of keys that most objects follow.
struct Merged<'s> {
    order: Vec<&'s str>,
    fits: Vec<bool>,
}

impl<'s> Merged<'s> {
    /// `None` if there are more than `most` distinct keys.
    fn new(tape: &Tape<'s>, nodes: &[Id], most: usize) -> Option<Self> {
        let mut order: Vec<&'s str> = Vec::new();
        let mut place: FastMap<&'s str, usize> = FastMap::default();
        let mut fits = vec![false; nodes.len()];
        for (row, &id) in nodes.iter().enumerate() {
            if id == NONE || tape.kind(id) != Kind::Object {
                continue;
            }
            let mut at = 0;
            let mut fit = true;
            for (key, _) in tape.members(id) {
                let key = tape.inner(key);
                if order.get(at) == Some(&key) {
                    at += 1;
                    continue;
                }
                if key.contains('\\') {
                    fit = false;
                    break;
                }
                match place.get(key) {
                    Some(&known) if known >= at => at = known + 1,
                    Some(_) => {
                        fit = false;
                        break;
                    }
                    None => {
                        if order.len() == most {
                            return None;
                        }
                        order.insert(at, key);
                        for (i, k) in order.iter().enumerate().skip(at) {
                            place.insert(k, i);
                        }
                        at += 1;
                    }
                }
            }
            fits[row] = fit;
        }
        Some(Merged { order, fits })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn infer(text: &str) -> String {
        let tape = Tape::parse(text).unwrap();
        let nodes: Vec<_> = tape.elements(tape.single().unwrap()).collect();
        let (columns, shape) = Columns::infer(&tape, &nodes, false);
        show(&columns, &shape)
    }

    fn show(columns: &Columns<'_, '_>, shape: &Shape) -> String {
        match shape {
            Shape::Any => "?".to_owned(),
            Shape::List(inner) => format!("[]{}", show(columns, &inner.item)),
            Shape::Map(inner) => format!("{{}}{}", show(columns, &inner.item)),
            Shape::Variants(variants) => variants.shapes.iter().map(|s| show(columns, s)).collect::<String>(),
            Shape::Group(group) => {
                let fields: Vec<_> = group
                    .fields
                    .iter()
                    .map(|id| {
                        format!("{}:{}", columns.fields[*id].key, show(columns, &columns.fields[*id].shape))
                    })
                    .collect();
                let odd = group.fits.iter().filter(|f| !**f).count();
                format!("{{{}}}{}", fields.join(","), if odd > 0 { format!("-{odd}") } else { String::new() })
            }
        }
    }

    #[test]
    fn records_share_their_fields_in_order() {
        assert_eq!(infer(r#"[{"a":1,"c":2},{"a":1,"b":3,"c":2},{"c":1}]"#), "{a:?,b:?,c:?}");
        assert_eq!(infer(r#"[{"a":1,"b":2},{"b":2,"a":1},{"a":1,"b":2},{"a":1,"a":2}]"#), "{a:?,b:?}-2");
        assert_eq!(infer(r#"[{"o":{"x":1,"y":2}},{"o":{"x":3,"y":4}},{"o":null}]"#), "{o:{x:?,y:?}-1}");
        assert_eq!(infer(r#"[{"t":[{"k":1},{"k":2}]},{"t":[]}]"#), "{t:[]{k:?}}");
        assert_eq!(infer(r#"[[{"k":1}],[{"k":2},{"k":3}]]"#), "[]{k:?}");
        assert_eq!(infer("[1,2,3]"), "?");
    }

    #[test]
    fn objects_with_changing_keys_are_maps() {
        let maps =
            r#"[{"p":{"a":{"t":1,"d":2},"b":{"t":1,"d":2}}},{"p":{"c":{"t":1,"d":2},"d":{"t":1,"d":2}}}]"#;
        assert_eq!(infer(maps), "{p:{}{t:?,d:?}}");
    }
}
