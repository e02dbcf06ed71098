//! The writer: a tape as compact text. The grammar is in `docs/json.md`; `read` is its inverse.
//!
//! Every array and every map of records is written as a table where that is shorter by estimate,
//! else plainly. Cost: linear; a value is written at most once per table that is tried around it,
//! and the work spent on rejected tables is bounded.

use std::ops::Range;

use super::columns::{Columns, Shape};
use super::cost;
use super::gate::{self, Gate};
use super::links::Named;
use super::nested;
use super::table::Table;
use super::tape::{Id, Kind, Tape};
use super::text::{self, Place};
use crate::hashed::FastSet;
use crate::mark::{self, Omission, Unit};

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
/// A table of one row says its keys no less often than the row itself.
const MIN_ROWS: usize = 2;
/// A text in quotes, or the space that says how members stand apart, costs as much as this many spaces
/// in place of commas gain.
const MEMBERS_PER_QUOTED: usize = 3;
/// Objects with two members are hardly maps.
const MIN_MAP_ROWS: usize = 3;
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
    /// Its records are of several kinds.
    pub variants: bool,
    /// Some column is stated in the header.
    pub constants: bool,
    /// Some empty cell has a value.
    pub defaults: bool,
    /// Some column follows from others.
    pub links: bool,
    /// Some string holds JSON.
    pub nested: bool,
}

/// Writes a tape.
pub struct Writer<'t, 's> {
    pub(super) tape: &'t Tape<'s>,
    named: &'t Named,
    pub(super) gate: Option<&'t Gate>,
    pub(super) out: String,
    waste: usize,
    /// In how many strings this JSON stands.
    nesting: usize,
    /// What was left out so far, in order of position.
    pub(super) omissions: Vec<Omission>,
    /// What was used.
    pub(super) features: Features,
}

/// A written text.
#[derive(Debug)]
pub struct Written {
    /// The text.
    pub text: String,
    /// What is not in it.
    pub omissions: Vec<Omission>,
    /// What its reader must know.
    pub features: Features,
}

impl<'t, 's> Writer<'t, 's> {
    /// A writer for `tape` that leaves out what the gate allows.
    pub fn new(tape: &'t Tape<'s>, named: &'t Named, gate: Option<&'t Gate>) -> Self {
        let waste = tape.src().len().saturating_mul(MAX_WASTE);
        let out = String::with_capacity(tape.src().len() / 2);
        Writer {
            tape,
            named,
            gate,
            out,
            waste,
            nesting: 0,
            omissions: Vec::new(),
            features: Features::default(),
        }
    }

    /// Writes the whole text; `None` if it has several roots that are no table.
    pub fn document(mut self) -> Option<Written> {
        match self.tape.single() {
            Some(root) => self.value(root, Place::Inside, true),
            None => {
                self.out.push_str("lines");
                if !self.table(0, false) {
                    return None;
                }
            }
        }
        if self.out.ends_with('\n') {
            self.out.pop();
        }
        Some(Written { text: self.out, omissions: self.omissions, features: self.features })
    }

    /// A value by itself. Tables are possible only where a line may end.
    pub(super) fn value(&mut self, id: Id, place: Place, tables: bool) {
        match self.tape.kind(id) {
            Kind::Object | Kind::Array => {
                if !(tables && self.tried_table(id)) {
                    self.plain(id, tables);
                }
            }
            Kind::String => self.string(id, place, tables, false),
            Kind::Number | Kind::Word => self.out.push_str(self.tape.raw(id)),
        }
    }

    /// A string; one that holds JSON is written as that JSON.
    pub(super) fn string(&mut self, id: Id, place: Place, tables: bool, typed: bool) {
        let inner = self.tape.inner(id);
        if place != Place::Header
            && self.nesting < nested::MAX_NESTING
            && inner.len() >= nested::MIN_BYTES
            && inner.starts_with(['{', '['])
            && let Some(data) = text::decode(inner)
            && let Some((tape, sign)) = nested::find(&data)
            && let Some(root) = tape.single()
        {
            // Positions in there are none of the text, so nothing is left out of it.
            let mut writer = Writer::new(&tape, self.named, None);
            writer.nesting = self.nesting + 1;
            writer.value(root, Place::Inside, tables);
            self.out.push(nested::OPEN);
            self.out.push_str(sign);
            self.out.push_str(&writer.out);
            self.features.nested = true;
            self.features.tables |= writer.features.tables;
            self.features.variants |= writer.features.variants;
            self.features.constants |= writer.features.constants;
            self.features.defaults |= writer.features.defaults;
            return;
        }
        text::write_string(&mut self.out, inner, place, typed);
    }

    fn plain(&mut self, id: Id, tables: bool) {
        let tape = self.tape;
        let map = tape.kind(id) == Kind::Object;
        let kept = if tables { self.kept_elements(id) } else { None };
        let spaced = map && self.is_spaced(id);
        let place = if spaced { Place::Spaced } else { Place::Inside };
        self.out.push_str(match (map, spaced) {
            (true, true) => "{ ",
            (true, false) => "{",
            _ => "[",
        });
        let mut row = 0;
        let mut next = id + 1;
        while next < tape.next(id) {
            if row > 0 {
                self.out.push(if spaced { ' ' } else { ',' });
            }
            let out = kept.as_ref().map_or(0, |kept| kept[row..].iter().take_while(|k| !**k).count());
            if out > 0 {
                let start = tape.range(next).start;
                let mut end = start;
                for _ in 0..out {
                    let value = next + u32::from(map);
                    end = tape.range(value).end;
                    next = tape.next(value);
                }
                self.omit(start..end, row + 1, out, None);
                row += out;
                continue;
            }
            if map {
                if spaced && tape.inner(next).contains(' ') {
                    text::write_quoted(&mut self.out, tape.inner(next));
                } else {
                    text::write_key(&mut self.out, tape.inner(next));
                }
                self.out.push(':');
                next += 1;
            }
            self.value(next, place, tables);
            next = tape.next(next);
            row += 1;
        }
        self.out.push(if map { '}' } else { ']' });
    }

    /// Whether the members of an object are better set apart by spaces than by commas: a word after a
    /// space is mostly one token, after a comma two, but texts with spaces then need quotes.
    fn is_spaced(&self, id: Id) -> bool {
        let tape = self.tape;
        let (mut members, mut to_quote) = (0_usize, 0);
        for (key, value) in tape.members(id) {
            members += 1;
            to_quote += usize::from(tape.inner(key).contains(' '));
            if tape.kind(value) == Kind::String {
                let inner = tape.inner(value);
                to_quote += usize::from(inner.contains(' ') && !inner.contains(','));
            }
        }
        members >= MEMBERS_PER_QUOTED && to_quote * MEMBERS_PER_QUOTED <= members
    }

    /// Which elements of an array, or members of a map of records, stay.
    fn kept_elements(&self, id: Id) -> Option<Vec<bool>> {
        let gate = self.gate?;
        let tape = self.tape;
        if !gate.touches(tape.range(id)) {
            return None;
        }
        let ranges: Vec<Range<usize>> = match tape.kind(id) {
            Kind::Array => tape.elements(id).map(|e| tape.range(e)).collect(),
            _ if gate::is_map(tape, id) => {
                tape.members(id).map(|(key, value)| tape.range(key).start..tape.range(value).end).collect()
            }
            _ => return None,
        };
        let hits = gate.hit_rows(&ranges)?;
        // What a list begins and ends with says what is in it; and such records are short, so the
        // neighbours of a hit cost little.
        let n = hits.len();
        let near =
            |i: usize| i == 0 || i + 1 == n || hits[i.saturating_sub(1)..(i + 2).min(n)].contains(&true);
        Some((0..n).map(near).collect())
    }

    /// Writes a mark and notes what it stands for.
    pub(super) fn omit(&mut self, range: Range<usize>, first: usize, count: usize, label: Option<&str>) {
        mark::write_mark(&mut self.out, Unit::Record, first, count, label);
        self.omissions.push(Omission { range, unit: Unit::Record, first, count });
    }

    /// Writes a container as a table if that is shorter.
    fn tried_table(&mut self, id: Id) -> bool {
        if self.waste == 0 {
            return false;
        }
        let start = self.out.len();
        let (features, omissions) = (self.features, self.omissions.len());
        if self.table(id, self.tape.kind(id) == Kind::Object) {
            let table = cost::tokens(&self.out[start..]);
            let (at, omitted) = (self.out.len(), self.omissions.len());
            self.plain(id, false);
            let plain = cost::tokens(&self.out[at..]);
            self.out.truncate(at);
            self.omissions.truncate(omitted);
            if table < plain {
                return true;
            }
            self.waste = self.waste.saturating_sub(2 * (at - start));
        }
        self.out.truncate(start);
        self.omissions.truncate(omissions);
        self.features = features;
        false
    }

    /// Writes a table; false (and anything written) if the elements share no shape.
    fn table(&mut self, id: Id, map: bool) -> bool {
        let tape = self.tape;
        let nodes: Vec<Id> = if map {
            tape.members(id).map(|(_, value)| value).collect()
        } else {
            tape.elements(id).collect()
        };
        if nodes.len() < if map { MIN_MAP_ROWS } else { MIN_ROWS } {
            return false;
        }
        let gate = self.gate.filter(|gate| gate.touches(tape.range(id)));
        let (mut columns, mut shape) = Columns::infer(tape, &nodes, gate.is_none());
        if matches!(shape, Shape::Any) {
            return false;
        }
        columns.assign(&mut shape, self.named);
        if gate.is_some() {
            columns.summarise(&mut shape);
        }
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ =
            if map { write!(self.out, "{{{}}}", nodes.len()) } else { write!(self.out, "[{}]", nodes.len()) };
        self.features.tables = true;
        self.features.variants |= matches!(shape, Shape::Variants(_));
        let mut table = Table { columns: &columns, writer: self, gate, paths: FastSet::default() };
        if !table.write_selected(&shape, &nodes, map) {
            table.write(&shape, &nodes, map);
        }
        true
    }
}
