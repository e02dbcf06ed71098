//! How each column is written: by position, once for all rows, or only where it is present.
//!
//! The choice is the cheapest by an estimate of tokens. Cost: linear in the cells.

use super::columns::{Columns, FieldId, Group, Shape};
use super::cost;
use super::links::{Named, Piece};
use super::tape::{Id, Kind, NONE, Tape};
use super::text;

use crate::hashed::FastMap;

/// What an empty cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// The empty string.
    Empty,
    /// The record has no such member.
    Missing,
    /// This value.
    Value(Id),
}

/// How a column is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// One cell per row.
    Cell {
        /// What an empty cell says.
        default: Default,
        /// Whether all values are strings, so that bare numbers are strings too.
        typed: bool,
    },
    /// Stated once in the header; rows that differ say so at their end.
    Const(Id),
    /// Absent unless a row says otherwise at its end.
    Sparse,
    /// Text with other columns of the row put in; rows that differ say so at their end.
    Format(Vec<Piece>),
    /// What this other column says.
    Same(FieldId),
}

impl std::default::Default for Role {
    fn default() -> Self {
        Role::Cell { default: Default::Empty, typed: false }
    }
}

/// Tokens of a separator, in tenths: a comma between two values, and one of a run of commas.
const SEPARATOR_TENTHS: u64 = 9;
const EMPTY_TENTHS: u64 = 4;
/// Tokens of a `,key=` besides the key, in tenths.
pub const NAMED_TENTHS: u64 = 20;
/// Tokens of the brackets around a default, in tenths; a little dear, for a default must be looked up.
const BRACKETS_TENTHS: u64 = 10;
/// Distinct values that are counted when looking for the most frequent one.
const MAX_COUNTED: usize = 256;

/// Estimated tokens of a value, in tenths, whatever the white space in it.
pub fn value_tenths(tape: &Tape<'_>, id: Id) -> u64 {
    if id == NONE {
        return 10;
    }
    match tape.kind(id) {
        Kind::String => 10 * u64::from(cost::tokens(tape.inner(id))) + 2,
        Kind::Object | Kind::Array => {
            10 + (id + 1..tape.next(id))
                .map(|i| 8 + 10 * u64::from(cost::tokens(scalar(tape, i))))
                .sum::<u64>()
        }
        _ => 10 * u64::from(cost::tokens(tape.raw(id))),
    }
}

fn scalar<'s>(tape: &Tape<'s>, id: Id) -> &'s str {
    match tape.kind(id) {
        Kind::Object | Kind::Array => "",
        _ => tape.raw(id),
    }
}

/// Values that an empty cell brings to mind.
fn is_plain_default(tape: &Tape<'_>, id: Id) -> bool {
    matches!(tape.raw(id), "null" | "\"\"" | "false" | "0")
        || tape.is_empty(id) && tape.kind(id) == Kind::Array
}

/// Whether two cells hold the same value, absence included.
pub fn same(tape: &Tape<'_>, a: Id, b: Id) -> bool {
    a == b || (a != NONE && b != NONE && tape.same(a, b))
}

impl Columns<'_, '_> {
    /// Chooses the roles of all columns below `shape`.
    pub fn assign(&mut self, shape: &mut Shape, named: &Named) {
        match shape {
            Shape::Any => {}
            Shape::Group(group) => {
                self.assign_records(group, named);
                if self.first_cell(group).is_none()
                    && let Some(id) = self.first_leaf(group)
                {
                    self.fields[id].role = Role::default();
                }
            }
            Shape::List(inner) | Shape::Map(inner) => self.assign(&mut inner.item, named),
            Shape::Variants(variants) => {
                for shape in &mut variants.shapes {
                    // Rows start with a letter, so they need no cell.
                    if let Shape::Group(group) = shape {
                        self.assign_records(group, named);
                    }
                }
            }
        }
    }

    fn assign_records(&mut self, group: &Group, named: &Named) {
        let mut leaves = Vec::new();
        self.leaves(group, &mut leaves);
        self.mark_ambiguous(&leaves);
        self.assign_group(group, named);
        // Once to see which objects stay plain (links must not point into those), and once to
        // see that links have left a cell where one is needed.
        self.mark_start(group, false);
        self.link(group, named);
        self.mark_start(group, false);
    }

    fn assign_group(&mut self, group: &Group, named: &Named) {
        for &id in &group.fields {
            let mut shape = std::mem::replace(&mut self.fields[id].shape, Shape::Any);
            match &mut shape {
                Shape::Group(inner) => self.assign_group(inner, named),
                other => {
                    self.assign(other, named);
                    (self.fields[id].tenths, self.fields[id].role) = self.role(id, &group.fits);
                }
            }
            self.fields[id].shape = shape;
        }
    }

    /// The cheapest role of one column.
    fn role(&self, id: FieldId, fits: &[bool]) -> (u64, Role) {
        let tape = self.tape;
        let field = &self.fields[id];
        let cells = || field.values.iter().zip(fits).filter(|(_, fit)| **fit).map(|(value, _)| *value);
        let mut counts: FastMap<u64, (usize, Id)> = FastMap::default();
        let mut best = (0, NONE);
        for value in cells() {
            let hash = if value == NONE { 0 } else { tape.hash(value) | 1 };
            if counts.len() < MAX_COUNTED || counts.contains_key(&hash) {
                let entry = counts.entry(hash).or_insert((0, value));
                entry.0 += 1;
                if entry.0 > best.0 {
                    best = *entry;
                }
            }
        }
        let (best_count, best) = best;
        let named = NAMED_TENTHS + 10 * u64::from(cost::tokens(&field.path));
        // Strings that read as something else unless the column is typed, and others.
        let (mut readable_otherwise, mut not_strings) = (0, 0);
        let (mut rows, mut plain, mut with_default, mut constant, mut sparse) = (0_u64, 0, 0, 0, 0);
        for value in cells() {
            let tenths = value_tenths(tape, value);
            rows += 1;
            plain += SEPARATOR_TENTHS + tenths;
            if same(tape, value, best) {
                with_default += EMPTY_TENTHS;
            } else {
                with_default += SEPARATOR_TENTHS + tenths;
                constant += named + tenths;
            }
            if value == NONE {
                continue;
            }
            sparse += named + tenths;
            match tape.kind(value) {
                Kind::String => readable_otherwise += usize::from(text::is_other_value(tape.inner(value))),
                _ if same(tape, value, best) => {}
                _ => not_strings += 1,
            }
        }
        // The header states the value once.
        let stated = if best == NONE { 5 } else { 5 + value_tenths(tape, best) };
        with_default += stated + BRACKETS_TENTHS;
        if field.is_ambiguous && constant > 0 {
            constant = u64::MAX;
        } else {
            constant += stated;
        }
        if field.is_ambiguous {
            sparse = u64::MAX;
        }
        // A default that few rows share makes the others hard to read.
        if best != NONE && best_count as u64 * 2 <= rows && !is_plain_default(tape, best) {
            with_default = u64::MAX;
        }
        let cheapest = plain.min(with_default).min(constant).min(sparse);
        if best == NONE && sparse == cheapest && rows > 0 {
            return (sparse, Role::Sparse);
        }
        if best != NONE && constant == cheapest {
            return (constant, Role::Const(best));
        }
        if sparse == cheapest {
            return (sparse, Role::Sparse);
        }
        let typed = readable_otherwise >= 2 && not_strings == 0;
        // A default that is no string would be read as one where a row spells it out.
        let not_typed = typed && best != NONE && tape.kind(best) != Kind::String;
        let default = match best {
            _ if with_default != cheapest => Default::Empty,
            NONE => Default::Missing,
            value if tape.raw(value) == "\"\"" => Default::Empty,
            value => Default::Value(value),
        };
        (cheapest, Role::Cell { default, typed: typed && !not_typed })
    }

    /// Sees to it that an optional group has a cell of its own at its start, where a mark can say what
    /// stands in its place, and that no row is without a cell.
    fn mark_start(&mut self, group: &Group, optional: bool) {
        for &id in &group.fields {
            let shape = std::mem::replace(&mut self.fields[id].shape, Shape::Any);
            if let Shape::Group(inner) = &shape {
                self.mark_start(inner, inner.optional);
            }
            self.fields[id].shape = shape;
        }
        if !optional {
            return;
        }
        match self.first_cell(group) {
            Some(id) if !matches!(self.fields[id].shape, Shape::Group(_)) => {}
            inner => match (self.first_leaf(group), inner) {
                (Some(leaf), _) => self.fields[leaf].role = Role::default(),
                (None, Some(inner)) => {
                    // Two marks cannot share a cell: the inner object is written out in full.
                    self.fields[inner].shape = Shape::Any;
                    self.fields[inner].role = Role::default();
                }
                (None, None) => {}
            },
        }
    }

    /// The field that has the first cell of a group: a leaf, or an optional group.
    fn first_cell(&self, group: &Group) -> Option<FieldId> {
        group.fields.iter().find_map(|&id| match &self.fields[id].shape {
            Shape::Group(inner) if inner.optional => Some(id),
            Shape::Group(inner) => self.first_cell(inner),
            _ => matches!(self.fields[id].role, Role::Cell { .. }).then_some(id),
        })
    }

    /// The first column of a group, if no optional group stands before it.
    fn first_leaf(&self, group: &Group) -> Option<FieldId> {
        for &id in &group.fields {
            match &self.fields[id].shape {
                Shape::Group(inner) if inner.optional => return None,
                Shape::Group(inner) => {
                    if let Some(leaf) = self.first_leaf(inner) {
                        return Some(leaf);
                    }
                    if self.first_cell(inner).is_some() {
                        return None;
                    }
                }
                _ => return Some(id),
            }
        }
        None
    }
}
