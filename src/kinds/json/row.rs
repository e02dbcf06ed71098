//! One row as far as it has been read, and the record that it stands for.
//!
//! Cost: linear in the record, whose chains of links are bounded.

use std::borrow::Cow;

use super::form::{Fill, Part, Piece, Record};
use super::links::{MAX_ADDRESS_BYTES, MAX_LINKS};

/// A chain of links may end in a column that equals another.
const DEEPEST_LINK: usize = MAX_LINKS + 1;

/// What a row says about one column.
#[derive(Debug, Clone, Default)]
pub enum Cell {
    /// Nothing: what the header says holds.
    #[default]
    Unsaid,
    /// The record has no such member.
    Absent,
    /// This JSON.
    Value(String),
}

/// What a row says about one group of columns.
#[derive(Debug, Clone, Default)]
pub enum GroupState {
    #[default]
    Fits,
    Absent,
    Other(String),
}

/// One row, as far as it has been read.
pub struct Row {
    pub first: bool,
    pub cells: Vec<Cell>,
    pub groups: Vec<GroupState>,
}

impl Row {
    pub fn new(record: &Record) -> Self {
        Row {
            first: true,
            cells: vec![Cell::Unsaid; record.leaves.len()],
            groups: vec![GroupState::Fits; record.groups],
        }
    }

    pub fn write(&self, record: &Record, out: &mut String) -> Option<()> {
        self.write_parts(&record.parts, record, out)
    }

    fn write_parts(&self, parts: &[Part], record: &Record, out: &mut String) -> Option<()> {
        out.push('{');
        let mut first = true;
        for part in parts {
            let key = match part {
                Part::Leaf(leaf) => &record.leaves[*leaf].key,
                Part::Group { key, .. } => key,
            };
            let before = out.len();
            if !first {
                out.push(',');
            }
            out.push('"');
            out.push_str(key);
            out.push_str("\":");
            let present = match part {
                Part::Leaf(leaf) => self.write_leaf(*leaf, record, out)?,
                Part::Group { id, parts, .. } => match &self.groups[*id] {
                    GroupState::Fits => {
                        self.write_parts(parts, record, out)?;
                        true
                    }
                    GroupState::Absent => false,
                    GroupState::Other(json) => {
                        out.push_str(json);
                        true
                    }
                },
            };
            if present {
                first = false;
            } else {
                out.truncate(before);
            }
        }
        out.push('}');
        Some(())
    }

    /// False if the record has no such member.
    fn write_leaf(&self, leaf: usize, record: &Record, out: &mut String) -> Option<bool> {
        let json = self.leaf(leaf, record, 0)?;
        if let Some(json) = &json {
            out.push_str(json);
        }
        Some(json.is_some())
    }

    /// The JSON of a column, `Some(None)` if the record has no such member.
    fn leaf<'r>(&'r self, leaf: usize, record: &'r Record, depth: usize) -> Option<Option<Cow<'r, str>>> {
        let info = record.leaves.get(leaf)?;
        if depth > DEEPEST_LINK || info.groups.iter().any(|g| !matches!(self.groups[*g], GroupState::Fits)) {
            return (depth <= DEEPEST_LINK).then_some(None);
        }
        Some(match &self.cells[leaf] {
            Cell::Value(json) => Some(Cow::Borrowed(json)),
            Cell::Absent => None,
            Cell::Unsaid => match &info.fill {
                Fill::Cell { default: Some(json), .. } | Fill::Const(json) => Some(Cow::Borrowed(json)),
                Fill::Cell { default: None, .. } | Fill::Sparse => None,
                Fill::Same(column) => return self.leaf(column.leaf, record, depth + 1),
                Fill::Format(pieces) => {
                    let mut text = "\"".to_owned();
                    for piece in pieces {
                        match piece {
                            Piece::Text(piece) => text.push_str(piece),
                            Piece::Column(column) => {
                                let json = self.leaf(column.leaf, record, depth + 1)?;
                                let Some(part) = json.as_deref().and_then(part) else { return Some(None) };
                                text.push_str(part);
                            }
                        }
                        // Templates that refer to templates could grow without end.
                        if text.len() > MAX_ADDRESS_BYTES + 2 {
                            return None;
                        }
                    }
                    text.push('"');
                    Some(Cow::Owned(text))
                }
            },
        })
    }
}

/// The text of a value as a template puts it in.
fn part(json: &str) -> Option<&str> {
    match json.as_bytes().first()? {
        b'"' => json.strip_prefix('"')?.strip_suffix('"').filter(|s| !s.contains('\\')),
        b'-' | b'0'..=b'9' => (json != "-Infinity").then_some(json),
        _ => None,
    }
}
