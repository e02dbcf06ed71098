//! The writer: a tape as compact text. The grammar is in `docs/json.md`; `read` is its inverse.
//!
//! Every array and every map of records is written as a table where that is shorter by estimate,
//! else plainly. Cost: linear; a value is written at most once per table that is tried around it,
//! and the work spent on rejected tables is bounded.

use super::columns::{Columns, FieldId, Group, Inner, Shape};
use super::cost;
use super::links::{Named, Piece};
use super::roles::{Default, Role, same};
use super::tape::{Id, Kind, NONE, Tape};
use super::text::{self, ABSENT, Place};

/// The object is null.
pub const NULL_GROUP: &str = "~";
/// The record has no such object.
pub const ABSENT_GROUP: &str = "!";
/// The value follows, written plainly.
pub const PLAIN: char = '=';
/// The whole record follows, written plainly.
pub const PLAIN_ROW: &str = "==";

/// Rejected tables may cost this many times the text's bytes in all; then no more are tried.
const MAX_WASTE: usize = 4;
/// An inner array longer than this, in bytes, has each of its rows on a line of its own.
const MAX_INLINE_BYTES: usize = 200;

/// Writes minified JSON.
pub fn minify(tape: &Tape<'_>, id: Id, out: &mut String) {
    match tape.kind(id) {
        Kind::Object => {
            out.push('{');
            for (i, (key, value)) in tape.members(id).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                text::write_quoted(out, tape.inner(key));
                out.push(':');
                minify(tape, value, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (i, value) in tape.elements(id).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                minify(tape, value, out);
            }
            out.push(']');
        }
        Kind::String => text::write_quoted(out, tape.inner(id)),
        Kind::Number | Kind::Word => out.push_str(tape.raw(id)),
    }
}

/// What the reader must know about a text; becomes words of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// There is a table.
    pub tables: bool,
    /// Some column is stated in the header.
    pub constants: bool,
    /// Some empty cell has a value.
    pub defaults: bool,
    /// Some column follows from others.
    pub links: bool,
}

/// Writes a tape.
pub struct Writer<'t, 's> {
    tape: &'t Tape<'s>,
    named: &'t Named,
    out: String,
    waste: usize,
    /// What was used.
    pub features: Features,
}

impl<'t, 's> Writer<'t, 's> {
    /// A writer for `tape`.
    pub fn new(tape: &'t Tape<'s>, named: &'t Named) -> Self {
        let waste = tape.src().len().saturating_mul(MAX_WASTE);
        Writer {
            tape,
            named,
            out: String::with_capacity(tape.src().len() / 2),
            waste,
            features: Features::default(),
        }
    }

    /// Writes the whole text; `None` if it has several roots that are no table.
    pub fn document(mut self) -> Option<(String, Features)> {
        match self.tape.single() {
            Some(root) => self.value(root, Place::Inside, true),
            None => {
                self.out.push_str("lines");
                if !self.table(0, None) {
                    return None;
                }
            }
        }
        if self.out.ends_with('\n') {
            self.out.pop();
        }
        Some((self.out, self.features))
    }

    /// A value by itself. Tables are possible only where a line may end.
    fn value(&mut self, id: Id, place: Place, tables: bool) {
        match self.tape.kind(id) {
            Kind::Object | Kind::Array => {
                if !(tables && self.tried_table(id)) {
                    self.plain(id, tables);
                }
            }
            Kind::String => text::write_string(&mut self.out, self.tape.inner(id), place, false),
            Kind::Number | Kind::Word => self.out.push_str(self.tape.raw(id)),
        }
    }

    fn plain(&mut self, id: Id, tables: bool) {
        let tape = self.tape;
        if tape.kind(id) == Kind::Object {
            self.out.push('{');
            for (i, (key, value)) in tape.members(id).enumerate() {
                if i > 0 {
                    self.out.push(',');
                }
                text::write_key(&mut self.out, tape.inner(key));
                self.out.push(':');
                self.value(value, Place::Inside, tables);
            }
            self.out.push('}');
        } else {
            self.out.push('[');
            for (i, value) in tape.elements(id).enumerate() {
                if i > 0 {
                    self.out.push(',');
                }
                self.value(value, Place::Inside, tables);
            }
            self.out.push(']');
        }
    }

    /// Writes a container as a table if that is shorter.
    fn tried_table(&mut self, id: Id) -> bool {
        if self.waste == 0 {
            return false;
        }
        let start = self.out.len();
        let features = self.features;
        let is_map = self.tape.kind(id) == Kind::Object;
        if self.table(id, Some(is_map)) {
            let table = cost::tokens(&self.out[start..]);
            let at = self.out.len();
            self.plain(id, false);
            let plain = cost::tokens(&self.out[at..]);
            self.out.truncate(at);
            if table < plain {
                return true;
            }
            self.waste = self.waste.saturating_sub(2 * (at - start));
        }
        self.out.truncate(start);
        self.features = features;
        false
    }

    /// Writes a table; false (and anything written) if the elements share no shape.
    fn table(&mut self, id: Id, is_map: Option<bool>) -> bool {
        let tape = self.tape;
        let map = is_map == Some(true);
        let nodes: Vec<Id> = if map {
            tape.members(id).map(|(_, value)| value).collect()
        } else {
            tape.elements(id).collect()
        };
        if nodes.len() < 2 {
            return false;
        }
        let (mut columns, mut shape) = Columns::infer(tape, &nodes);
        if matches!(shape, Shape::Any) {
            return false;
        }
        columns.assign(&mut shape, self.named);
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ =
            if map { write!(self.out, "{{{}}}", nodes.len()) } else { write!(self.out, "[{}]", nodes.len()) };
        let mut table = Table { columns: &columns, writer: self };
        table.header(&shape);
        table.writer.out.push_str(":\n");
        table.writer.features.tables = true;
        for (row, &node) in nodes.iter().enumerate() {
            if map {
                table.map_key(node);
            }
            table.row(&shape, row, node, Place::Line);
            table.writer.out.push('\n');
        }
        true
    }
}

/// Writes the header and the rows of one table.
struct Table<'w, 't, 's> {
    columns: &'w Columns<'t, 's>,
    writer: &'w mut Writer<'t, 's>,
}

impl Table<'_, '_, '_> {
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
            Shape::Group(group) => {
                self.writer.out.push('{');
                for (i, &id) in group.fields.iter().enumerate() {
                    if i > 0 {
                        self.writer.out.push(',');
                    }
                    self.field(id);
                }
                self.writer.out.push('}');
            }
        }
    }

    fn field(&mut self, id: FieldId) {
        let field = &self.columns.fields[id];
        text::write_key(&mut self.writer.out, field.key);
        if let Shape::Group(group) = &field.shape {
            if group.optional {
                self.writer.out.push('?');
            }
            self.header(&field.shape);
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
                self.writer.out.push_str(&self.columns.fields[*other].path);
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
                            self.writer.out.push_str(&self.columns.fields[*column].path);
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
    fn row(&mut self, shape: &Shape, row: usize, node: Id, place: Place) {
        match shape {
            Shape::Any => self.writer.value(node, place, false),
            Shape::List(_) | Shape::Map(_) => self.inner(shape, row, node, place),
            Shape::Group(group) if !group.fits[row] => {
                self.writer.out.push_str(PLAIN_ROW);
                self.writer.value(node, place, false);
            }
            Shape::Group(group) => {
                let start = self.writer.out.len();
                for spell_first in [false, true] {
                    let mut cells = Cells { row, place, first: true, spell: spell_first, named: Vec::new() };
                    self.cells(group, &mut cells);
                    if cells.named.is_empty() {
                        let kept = self.writer.out[start..].trim_end_matches(',').len();
                        self.writer.out.truncate(start + kept);
                    }
                    for (id, value) in cells.named {
                        self.writer.out.push(',');
                        self.named(id, row, value);
                    }
                    if self.writer.out.len() > start {
                        break;
                    }
                }
            }
        }
    }

    /// A value of a column whose shape is a list or a map.
    fn inner(&mut self, shape: &Shape, row: usize, node: Id, place: Place) {
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
        let mut seams = Vec::new();
        for i in start..end {
            if i > start {
                seams.push(self.writer.out.len());
                self.writer.out.push(';');
            }
            if kind == Kind::Object {
                self.map_key(inner.nodes[i]);
            }
            self.inner_row(inner, i);
        }
        self.writer.out.push(if kind == Kind::Array { ']' } else { '}' });
        if self.writer.out.len() - at > MAX_INLINE_BYTES {
            for seam in seams {
                self.writer.out.replace_range(seam..=seam, "\n");
            }
        }
    }

    fn inner_row(&mut self, inner: &Inner, i: usize) {
        self.row(&inner.item, i, inner.nodes[i], Place::Inside);
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
            text::write_string(&mut self.writer.out, tape.inner(value), cells.place, typed);
        } else {
            self.shaped(id, cells.row, value, cells.place);
        }
    }

    fn shaped(&mut self, id: FieldId, row: usize, value: Id, place: Place) {
        match &self.columns.fields[id].shape {
            shape @ (Shape::List(_) | Shape::Map(_)) => self.inner(shape, row, value, place),
            _ => self.writer.value(value, place, false),
        }
    }

    /// `key=value` at the end of a row.
    fn named(&mut self, id: FieldId, row: usize, value: Id) {
        let field = &self.columns.fields[id];
        text::write_key(&mut self.writer.out, &field.path);
        self.writer.out.push('=');
        if value == NONE {
            self.writer.out.push_str(ABSENT);
        } else if matches!(field.role, Role::Const(_) | Role::Format(_)) {
            self.writer.value(value, Place::Inside, false);
        } else {
            self.shaped(id, row, value, Place::Inside);
        }
    }
}

/// The state of one row.
struct Cells {
    row: usize,
    place: Place,
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
