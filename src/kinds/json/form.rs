//! The header of a table, as the reader understands it.

use super::links;
use super::read::Reader;
use super::tape::MAX_DEPTH;
use super::text::Place;
use super::variants::{self, MAX_VARIANTS};

use crate::hashed::FastMap;

/// How the values in one place are written; the reader's counterpart of a shape.
#[derive(Debug)]
pub(super) enum Form {
    /// Each for itself.
    Any,
    /// Cells of a row.
    Record(Record),
    /// `[row;row]`
    List(Box<Form>),
    /// `{key:row;key:row}`
    Map(Box<Form>),
    /// A letter, and cells of that kind of row.
    Variants(Vec<Record>),
}

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Members in order.
    pub parts: Vec<Part>,
    /// All columns, those of nested groups included.
    pub leaves: Vec<Leaf>,
    /// How many nested groups there are.
    pub groups: usize,
    /// Dotted path to column, for `key=value`.
    pub names: FastMap<String, usize>,
}

/// A member of a record.
#[derive(Debug)]
pub(super) enum Part {
    /// A column.
    Leaf(usize),
    /// A nested object.
    Group {
        /// Ordinal of the group.
        id: usize,
        /// Inside of the key's JSON string.
        key: String,
        /// Whether a mark may stand in its place.
        optional: bool,
        /// Its members.
        parts: Vec<Part>,
    },
}

/// A column.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Inside of the key's JSON string.
    pub key: String,
    /// How its values are written.
    pub form: Form,
    /// Where they come from.
    pub fill: Fill,
    /// The nested groups around it.
    pub groups: Vec<usize>,
    /// The path around it: empty, or ending in a dot.
    prefix: String,
}

/// Where the values of a column come from.
#[derive(Debug)]
pub(super) enum Fill {
    /// A cell per row.
    Cell {
        /// JSON that an empty cell stands for; `None`: the member is absent.
        default: Option<String>,
        /// Whether bare text is always a string.
        typed: bool,
    },
    /// This JSON, unless the row says otherwise.
    Const(String),
    /// Absent, unless the row says otherwise.
    Sparse,
    /// What this column says.
    Same(Column),
    /// Text with columns put in, unless the row says otherwise.
    Format(Vec<Piece>),
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Piece {
    /// These bytes.
    Text(String),
    /// The text of this column.
    Column(Column),
}

/// A reference to another column of the row.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    /// Which one that is, once all columns are known.
    pub leaf: usize,
}

impl Column {
    fn new(name: &str) -> Self {
        Column { name: name.to_owned(), leaf: NO_LEAF }
    }

    fn resolve(&mut self, prefix: &str, names: &FastMap<String, usize>) -> Option<()> {
        let path = links::resolve(prefix, &self.name, |path| names.contains_key(path))?;
        self.leaf = *names.get(&path)?;
        Some(())
    }
}

/// Stands for a path that more than one column has.
pub(super) const NO_LEAF: usize = usize::MAX;

impl Reader<'_> {
    /// The shape in a table's header.
    pub(super) fn form(&mut self, depth: usize) -> Option<Form> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.eat("[]") {
            return Some(Form::List(Box::new(self.form(depth + 1)?)));
        }
        if self.eat("{}") {
            return Some(Form::Map(Box::new(self.form(depth + 1)?)));
        }
        Some(Form::Record(self.record(depth)?))
    }

    /// The columns of each kind of record.
    pub(super) fn variants(&mut self) -> Option<Form> {
        let mut records = Vec::new();
        let mut buffer = [0; 4];
        loop {
            let expected = (records.len() < MAX_VARIANTS).then(|| variants::letter(records.len()))?;
            self.eat(expected.encode_utf8(&mut buffer)).then_some(())?;
            records.push(self.record(0)?);
            if !self.eat("\n") {
                return Some(Form::Variants(records));
            }
        }
    }

    fn record(&mut self, depth: usize) -> Option<Record> {
        let mut record = Record::default();
        let parts = self.parts(&mut record, "", &[], depth + 1)?;
        record.parts = parts;
        let Record { leaves, names, .. } = &mut record;
        for leaf in leaves {
            match &mut leaf.fill {
                Fill::Same(column) => column.resolve(&leaf.prefix, names)?,
                Fill::Format(pieces) => {
                    for piece in pieces {
                        if let Piece::Column(column) = piece {
                            column.resolve(&leaf.prefix, names)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Some(record)
    }

    fn parts(
        &mut self,
        record: &mut Record,
        prefix: &str,
        groups: &[usize],
        depth: usize,
    ) -> Option<Vec<Part>> {
        if depth > MAX_DEPTH || !self.eat("{") {
            return None;
        }
        let mut parts = Vec::new();
        loop {
            let key = self.key()?;
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            parts.push(self.part(record, key, &path, groups, depth)?);
            if self.eat("}") {
                return Some(parts);
            }
            self.eat(",").then_some(())?;
        }
    }

    fn part(
        &mut self,
        record: &mut Record,
        key: String,
        path: &str,
        groups: &[usize],
        depth: usize,
    ) -> Option<Part> {
        let optional = self.eat("?{");
        if optional {
            self.at -= 1;
        }
        let rest = self.s.get(self.at..)?;
        if optional || rest.starts_with('{') && !rest.starts_with("{}") {
            let id = record.groups;
            record.groups += 1;
            let inner: Vec<usize> = groups.iter().copied().chain([id]).collect();
            let parts = self.parts(record, path, &inner, depth + 1)?;
            return Some(Part::Group { id, key, optional, parts });
        }
        let typed = self.eat(":str");
        let form = match self.peek() {
            Some(b'{' | b'[') => self.form(depth + 1)?,
            _ => Form::Any,
        };
        let fill = self.fill(typed)?;
        let leaf = record.leaves.len();
        // Two columns with one path cannot be named.
        record.names.entry(path.to_owned()).and_modify(|l| *l = NO_LEAF).or_insert(leaf);
        record.leaves.push(Leaf {
            prefix: path[..path.len() - key.len()].to_owned(),
            key,
            form,
            fill,
            groups: groups.to_vec(),
        });
        Some(Part::Leaf(leaf))
    }

    fn fill(&mut self, typed: bool) -> Option<Fill> {
        let mut json = String::new();
        if self.eat("()") {
            return Some(Fill::Cell { default: None, typed });
        }
        if self.eat("(") {
            self.value(&mut json, Place::Header, false, 0)?;
            return self.eat(")").then_some(Fill::Cell { default: Some(json), typed });
        }
        if !typed && self.eat("==") {
            return Some(Fill::Same(Column::new(&self.key()?)));
        }
        if !typed && self.eat("=f\"") {
            return Some(Fill::Format(self.pieces()?));
        }
        if !typed && self.eat("=") {
            self.value(&mut json, Place::Header, false, 0)?;
            return Some(Fill::Const(json));
        }
        if !typed && self.eat("?") {
            return Some(Fill::Sparse);
        }
        Some(Fill::Cell { default: Some("\"\"".to_owned()), typed })
    }

    /// A template up to its closing quote.
    fn pieces(&mut self) -> Option<Vec<Piece>> {
        let rest = self.s.get(self.at..)?;
        let end = memchr::memchr3(b'"', b'\\', b'\n', rest.as_bytes())?;
        if !rest[end..].starts_with('"') {
            return None;
        }
        self.at += end + 1;
        let mut rest = &rest[..end];
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(i) = rest.find(['{', '}']) {
            text.push_str(&rest[..i]);
            let brace = &rest[i..=i];
            let after = &rest[i + 1..];
            if let Some(after) = after.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
            } else {
                let (path, after) = after.split_once('}').filter(|_| brace == "{")?;
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Column(Column::new(path)));
                rest = after;
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Some(pieces)
    }
}
