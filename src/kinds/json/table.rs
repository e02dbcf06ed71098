//! One table: its header, and its rows with the marks of those that are left out.

use std::ops::Range;

use super::columns::{Columns, FieldId, Group, Shape};
use super::digest;
use super::gate::Gate;
use super::links::{self, Piece};
use super::roles::{Default, Role, same, value_tenths};
use super::tape::{Id, Kind, NONE};
use super::text::{self, ABSENT, Place};
use super::variants;
use super::write::{ABSENT_GROUP, NULL_GROUP, PLAIN, PLAIN_ROW, Writer};

use crate::hashed::FastSet;

/// A record that stays and is longer than this may lose records inside it.
const MAX_WHOLE_BYTES: usize = 4000;
/// Records that stay are written with all their keys up to this many tokens, in tenths …
const MAX_PLAIN_TENTHS: u64 = 10 * 800;
/// … or up to one part in this many of all records.
const MIN_PLAIN_SHARE: u64 = 8;

/// An inner array longer than this, in bytes, has each of its rows on a line of its own.
const MAX_INLINE_BYTES: usize = 200;

/// Writes the header and the rows of one table.
pub(super) struct Table<'w, 't, 's> {
    pub columns: &'w Columns<'t, 's>,
    pub writer: &'w mut Writer<'t, 's>,
    /// Present if some records may be left out.
    pub gate: Option<&'t Gate>,
    /// Paths of the columns of the row whose header is being written.
    pub paths: FastSet<String>,
}

/// Some neighbouring rows: of the table, or of one inner array.
#[derive(Clone, Copy)]
struct Rows<'r> {
    nodes: &'r [Id],
    /// Row of the first node within its columns.
    base: usize,
    map: bool,
    place: Place,
}

impl Table<'_, '_, '_> {
    /// Header, colon and rows; every row ends its line.
    pub fn write(&mut self, shape: &Shape, nodes: &[Id], map: bool) {
        self.header(shape);
        self.writer.out.push_str(":\n");
        let rows = Rows { nodes, base: 0, map, place: Place::Line };
        self.rows(shape, rows, false, &mut |table| table.writer.out.push('\n'));
    }

    /// Writes no header but each record that stays by itself, with all its keys, and marks and digests
    /// between them: a few records are read better so. False if that would be too much.
    pub fn write_selected(&mut self, shape: &Shape, nodes: &[Id], map: bool) -> bool {
        let rows = Rows { nodes, base: 0, map, place: Place::Line };
        let Shape::Group(group) = shape else { return false };
        if group.digest.is_empty() {
            return false;
        }
        let Some(kept) = self.kept(shape, rows, false) else { return false };
        let tape = self.writer.tape;
        let stay =
            nodes.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(node, _)| value_tenths(tape, *node));
        let (mut all, mut staying) = (0, 0);
        for tenths in stay {
            staying += tenths;
        }
        for node in nodes {
            all += value_tenths(tape, *node);
        }
        if staying > MAX_PLAIN_TENTHS && staying * MIN_PLAIN_SHARE > all {
            return false;
        }
        self.writer.out.push_str(":\n");
        let mut i = 0;
        let mut end = |table: &mut Self| table.writer.out.push('\n');
        while i < nodes.len() {
            if kept[i] {
                if map {
                    self.map_key(nodes[i]);
                }
                let gate = self.writer.gate;
                if tape.range(nodes[i]).len() <= MAX_WHOLE_BYTES {
                    self.writer.gate = None;
                }
                self.writer.value(nodes[i], Place::Line, true);
                self.writer.gate = gate;
                end(self);
                i += 1;
            } else {
                let count = kept[i..].iter().take_while(|k| !**k).count();
                self.left_out(shape, rows, i..i + count, &mut end);
                i += count;
            }
        }
        true
    }

    /// Writes rows, marks and lines of digests, and calls `end` after each. `whole`: nothing is left out.
    fn rows(&mut self, shape: &Shape, rows: Rows<'_>, whole: bool, end: &mut dyn FnMut(&mut Self)) {
        let kept = if whole { None } else { self.kept(shape, rows, true) };
        let mut i = 0;
        while i < rows.nodes.len() {
            if let Some(kept) = kept.as_ref().filter(|kept| !kept[i]) {
                let count = kept[i..].iter().take_while(|k| !**k).count();
                self.left_out(shape, rows, i..i + count, end);
                i += count;
                continue;
            }
            let node = rows.nodes[i];
            if rows.map {
                self.map_key(node);
            }
            let is_large = self.writer.tape.range(node).len() > MAX_WHOLE_BYTES;
            let whole = whole || (kept.is_some() && !is_large);
            self.row(shape, rows.base + i, node, rows.place, whole);
            end(self);
            i += 1;
        }
    }

    /// Which of these rows stay. `ends`: the first and the last too, which say what is in a list.
    fn kept(&self, shape: &Shape, rows: Rows<'_>, ends: bool) -> Option<Vec<bool>> {
        let gate = self.gate?;
        let ranges: Vec<_> = rows.nodes.iter().map(|node| self.range(*node, rows.map)).collect();
        let mut kept = gate.hit_rows(&ranges)?;
        if let Shape::Group(group) = shape {
            for (kept, telling) in kept.iter_mut().zip(&group.telling[rows.base..]) {
                *kept |= telling;
            }
        }
        let last = kept.len() - 1;
        kept[0] |= ends;
        kept[last] |= ends;
        Some(kept)
    }

    fn range(&self, node: Id, map: bool) -> Range<usize> {
        let range = self.writer.tape.range(node);
        if map { self.writer.tape.range(node - 1).start..range.end } else { range }
    }

    /// A mark for a run of rows, and a line for each of them that shows what names it.
    fn left_out(&mut self, shape: &Shape, rows: Rows<'_>, run: Range<usize>, end: &mut dyn FnMut(&mut Self)) {
        let bytes = self.range(rows.nodes[run.start], rows.map).start
            ..self.range(rows.nodes[run.end - 1], rows.map).end;
        let group = match shape {
            Shape::Group(group) if !group.digest.is_empty() && self.gate.is_some_and(|g| g.digest) => group,
            _ => {
                self.writer.omit(bytes, run.start + 1, run.len(), None);
                return end(self);
            }
        };
        let columns: Vec<&str> =
            group.digest.iter().map(|id| self.columns.fields[*id].path.as_str()).collect();
        let label = format!("{}{}", digest::LABEL, columns.join(","));
        self.writer.omit(bytes, run.start + 1, run.len(), Some(&label));
        end(self);
        for i in run {
            if rows.map {
                self.map_key(rows.nodes[i]);
            }
            for (c, &id) in group.digest.iter().enumerate() {
                if c > 0 {
                    self.writer.out.push(',');
                }
                match self.columns.fields[id].values[rows.base + i] {
                    NONE => self.writer.out.push_str(ABSENT),
                    value => self.writer.value(value, rows.place, false),
                }
            }
            end(self);
        }
    }

    fn header(&mut self, shape: &Shape) {
        match shape {
            Shape::Any => {}
            Shape::List(inner) => {
                self.writer.out.push_str("[]");
                self.header(&inner.item);
            }
            Shape::Map(inner) => {
                self.writer.out.push_str("{}");
                self.header(&inner.item);
            }
            Shape::Variants(variants) => self.kinds(&variants.shapes),
            Shape::Group(group) => {
                let mut leaves = Vec::new();
                self.columns.leaves(group, &mut leaves);
                let paths = leaves.iter().map(|id| self.columns.fields[*id].path.clone()).collect();
                let outer = std::mem::replace(&mut self.paths, paths);
                self.fields(group);
                self.paths = outer;
            }
        }
    }

    /// The columns of each kind of record, on a line of their own.
    fn kinds(&mut self, shapes: &[Shape]) {
        for (i, shape) in shapes.iter().enumerate() {
            if i > 0 {
                self.writer.out.push('\n');
            }
            self.writer.out.push(variants::letter(i));
            self.header(shape);
        }
    }

    fn fields(&mut self, group: &Group) {
        self.writer.out.push('{');
        for (i, &id) in group.fields.iter().enumerate() {
            if i > 0 {
                self.writer.out.push(',');
            }
            self.field(id);
        }
        self.writer.out.push('}');
    }

    /// How `from` refers to another column of its row.
    fn reference(&self, from: FieldId, to: FieldId) -> String {
        let from = &self.columns.fields[from];
        let prefix = &from.path[..from.path.len() - from.key.len()];
        links::reference(prefix, &self.columns.fields[to].path, |path| self.paths.contains(path))
    }

    fn field(&mut self, id: FieldId) {
        let field = &self.columns.fields[id];
        text::write_key(&mut self.writer.out, field.key);
        if let Shape::Group(group) = &field.shape {
            if group.optional {
                self.writer.out.push('?');
            }
            self.fields(group);
            return;
        }
        if let Role::Cell { typed: true, .. } = field.role {
            self.writer.out.push_str(":str");
        }
        if !matches!(field.role, Role::Const(_)) {
            self.header(&field.shape);
        }
        match &field.role {
            Role::Cell { default, .. } => match *default {
                Default::Empty => {}
                Default::Missing => self.writer.out.push_str("()"),
                Default::Value(value) => {
                    self.writer.out.push('(');
                    self.writer.value(value, Place::Header, false);
                    self.writer.out.push(')');
                    self.writer.features.defaults = true;
                }
            },
            Role::Const(value) => {
                self.writer.out.push('=');
                self.writer.value(*value, Place::Header, false);
                self.writer.features.constants = true;
            }
            Role::Sparse => self.writer.out.push('?'),
            Role::Same(other) => {
                self.writer.out.push_str("==");
                let reference = self.reference(id, *other);
                self.writer.out.push_str(&reference);
                self.writer.features.links = true;
            }
            Role::Format(pieces) => {
                self.writer.out.push_str("=f\"");
                for piece in pieces {
                    match piece {
                        // Addresses hold neither quotes nor escapes.
                        Piece::Text(text) => {
                            self.writer.out.push_str(&text.replace('{', "{{").replace('}', "}}"))
                        }
                        Piece::Column(column) => {
                            self.writer.out.push('{');
                            let reference = self.reference(id, *column);
                            self.writer.out.push_str(&reference);
                            self.writer.out.push('}');
                        }
                    }
                }
                self.writer.out.push('"');
                self.writer.features.links = true;
            }
        }
    }

    fn map_key(&mut self, value: Id) {
        // A member's key stands right before its value.
        text::write_key(&mut self.writer.out, self.writer.tape.inner(value - 1));
        self.writer.out.push(':');
    }

    /// One row of a table or of an inner array; never empty.
    fn row(&mut self, shape: &Shape, row: usize, node: Id, place: Place, whole: bool) {
        match shape {
            Shape::Any => self.writer.value(node, place, false),
            Shape::List(_) | Shape::Map(_) => self.inner(shape, row, node, place, whole),
            Shape::Group(group) if !group.fits[row] => self.plain_row(node, place),
            Shape::Group(group) => {
                let start = self.writer.out.len();
                for spell in [false, true] {
                    let omissions = self.writer.omissions.len();
                    self.record(group, Cells { row, place, whole, first: true, spell, named: Vec::new() });
                    if self.writer.out.len() > start {
                        break;
                    }
                    self.writer.omissions.truncate(omissions);
                }
            }
            Shape::Variants(variants) => match variants.of[row] {
                Some((variant, row)) => {
                    self.writer.out.push(variants::letter(variant));
                    if let Shape::Group(group) = &variants.shapes[variant] {
                        let named = Vec::new();
                        self.record(group, Cells { row, place, whole, first: false, spell: false, named });
                    }
                }
                None => self.plain_row(node, place),
            },
        }
    }

    fn plain_row(&mut self, node: Id, place: Place) {
        self.writer.out.push_str(PLAIN_ROW);
        self.writer.value(node, place, false);
    }

    /// The cells of one record, and what its row says by name.
    fn record(&mut self, group: &Group, mut cells: Cells) {
        let start = self.writer.out.len();
        self.cells(group, &mut cells);
        if cells.named.is_empty() {
            let kept = self.writer.out[start..].trim_end_matches(',').len();
            self.writer.out.truncate(start + kept);
        }
        for (id, value) in std::mem::take(&mut cells.named) {
            self.writer.out.push(',');
            self.named(id, value, cells.row, cells.whole);
        }
    }

    /// A value of a column whose shape is a list or a map.
    fn inner(&mut self, shape: &Shape, row: usize, node: Id, place: Place, whole: bool) {
        let tape = self.writer.tape;
        let (inner, kind) = match shape {
            Shape::List(inner) => (inner, Kind::Array),
            Shape::Map(inner) => (inner, Kind::Object),
            _ => return,
        };
        if tape.kind(node) != kind {
            return self.writer.value(node, place, false);
        }
        let start = inner.starts[row] as usize;
        let end = inner.starts.get(row + 1).map_or(inner.nodes.len(), |end| *end as usize);
        let at = self.writer.out.len();
        self.writer.out.push(if kind == Kind::Array { '[' } else { '{' });
        let rows = Rows {
            nodes: &inner.nodes[start..end],
            base: start,
            map: kind == Kind::Object,
            place: Place::Inside,
        };
        let mut seams = Vec::new();
        self.rows(&inner.item, rows, whole, &mut |table| {
            seams.push(table.writer.out.len());
            table.writer.out.push(';');
        });
        if seams.pop().is_some() {
            self.writer.out.pop();
        }
        self.writer.out.push(if kind == Kind::Array { ']' } else { '}' });
        if self.writer.out.len() - at > MAX_INLINE_BYTES {
            for seam in seams {
                self.writer.out.replace_range(seam..=seam, "\n");
            }
        }
    }

    fn cells(&mut self, group: &Group, cells: &mut Cells) {
        for &id in &group.fields {
            let field = &self.columns.fields[id];
            let value = field.values[cells.row];
            match (&field.shape, &field.role) {
                (Shape::Group(inner), _) if inner.fits[cells.row] => self.cells(inner, cells),
                (Shape::Group(_), _) => {
                    cells.separate(&mut self.writer.out);
                    if value == NONE {
                        self.writer.out.push_str(ABSENT_GROUP);
                    } else if self.writer.tape.raw(value) == "null" {
                        self.writer.out.push_str(NULL_GROUP);
                    } else {
                        self.writer.out.push(PLAIN);
                        self.writer.value(value, cells.place, false);
                    }
                }
                (_, Role::Sparse) => {
                    if value != NONE {
                        cells.named.push((id, value));
                    }
                }
                (_, Role::Const(constant)) => {
                    if !same(self.writer.tape, value, *constant) {
                        cells.named.push((id, value));
                    }
                }
                (_, Role::Same(_)) => {}
                (_, Role::Format(pieces)) => {
                    if !self.columns.follows(cells.row, value, pieces) {
                        cells.named.push((id, value));
                    }
                }
                (_, Role::Cell { default, typed }) => {
                    let spell = cells.spell && cells.first;
                    cells.separate(&mut self.writer.out);
                    self.cell(id, value, *default, *typed, cells, spell);
                }
            }
        }
    }

    fn cell(&mut self, id: FieldId, value: Id, default: Default, typed: bool, cells: &Cells, spell: bool) {
        let tape = self.writer.tape;
        let is_default = match default {
            Default::Empty => value != NONE && tape.raw(value) == "\"\"",
            Default::Missing => value == NONE,
            Default::Value(default) => same(tape, value, default),
        };
        if is_default && !spell {
            return;
        }
        if value == NONE {
            self.writer.out.push_str(ABSENT);
        } else if tape.kind(value) == Kind::String {
            self.writer.string(value, cells.place, false, typed);
        } else {
            self.shaped(id, cells.row, value, cells.place, cells.whole);
        }
    }

    fn shaped(&mut self, id: FieldId, row: usize, value: Id, place: Place, whole: bool) {
        match &self.columns.fields[id].shape {
            shape @ (Shape::List(_) | Shape::Map(_)) => self.inner(shape, row, value, place, whole),
            _ => self.writer.value(value, place, false),
        }
    }

    /// `key=value` at the end of a row.
    fn named(&mut self, id: FieldId, value: Id, row: usize, whole: bool) {
        let field = &self.columns.fields[id];
        text::write_key(&mut self.writer.out, &field.path);
        self.writer.out.push('=');
        if value == NONE {
            self.writer.out.push_str(ABSENT);
        } else if matches!(field.role, Role::Const(_) | Role::Format(_)) {
            self.writer.value(value, Place::Inside, false);
        } else {
            self.shaped(id, row, value, Place::Inside, whole);
        }
    }
}

/// The state of one row.
struct Cells {
    row: usize,
    place: Place,
    whole: bool,
    /// Whether no cell has been written yet.
    first: bool,
    /// Whether the first cell must be spelled out (the row would be empty).
    spell: bool,
    named: Vec<(FieldId, Id)>,
}

impl Cells {
    fn separate(&mut self, out: &mut String) {
        if !self.first {
            out.push(',');
        }
        self.first = false;
    }
}
