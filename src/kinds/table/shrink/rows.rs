//! Rows of the body: which columns the head can state for all rows, and a row written without them.
//!
//! Invariant: [`Frame::unpack`] gives the line behind what [`Frame::pack`] wrote of its cells, as long as
//! no cell holds the separator and the head came first. Cost: linear in the cells.

use super::frame::{Cells, Frame};
use crate::hashed::FastMap;
use crate::kinds::table::grid;

/// A value stated in the head is at most this long, in bytes.
const MAX_VALUE_BYTES: usize = 60;
/// Fewer rows are too few to state what they share.
const MIN_ROWS: usize = 5;
/// A value of fewer rows than one in so many is no default.
const DEFAULT_SHARE: usize = 2;

impl Frame {
    /// A comma between cells, unless cells have commas.
    pub fn choose_separator<'l>(&mut self, rows: impl Iterator<Item = &'l Vec<&'l str>>) {
        if self.delimiter.is_none() && rows.flatten().any(|cell| cell.contains(',')) {
            self.sep = '|';
        }
    }

    /// Finds the columns that the head can state.
    pub fn state<'l>(&mut self, names: &[&str], rows: &[Option<Vec<&'l str>>], stated: &mut [&'l str]) {
        let sep = self.sep;
        let is_plain = |s: &str| {
            s.len() <= MAX_VALUE_BYTES
                && !s.contains(['=', '(', ')', '"', '\n', '\r', ']', ';'])
                && !s.contains(sep)
        };
        let count = rows.iter().flatten().count();
        if count < MIN_ROWS || names.iter().any(|name| !is_plain(name)) {
            return;
        }
        for (i, column) in self.columns.iter_mut().enumerate() {
            let mut seen: FastMap<&str, usize> = FastMap::default();
            for row in rows.iter().flatten() {
                *seen.entry(row[i]).or_default() += 1;
            }
            let best = seen.iter().map(|(value, n)| (*n, *value)).max();
            let Some((n, value)) = best.filter(|(_, value)| is_plain(value)) else { continue };
            if n == count {
                column.cells = Cells::Constant;
            } else if n * DEFAULT_SHARE >= count && !value.is_empty() && !seen.contains_key("") {
                column.cells = Cells::Default;
            } else {
                continue;
            }
            stated[i] = value;
        }
        // A row must have a cell.
        if self.columns.iter().all(|column| column.cells == Cells::Constant) {
            self.columns[0].cells = Cells::All;
        }
    }

    /// A line of the body.
    pub fn pack(&self, row: &[&str], stated: &[&str], is_head: bool) -> String {
        let mut out = String::new();
        let mut first = true;
        for (i, (cell, column)) in row.iter().zip(&self.columns).enumerate() {
            if column.cells == Cells::Constant && !is_head {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(self.sep);
            }
            match column.cells {
                Cells::Constant => out.extend([cell, "=", stated[i]]),
                Cells::Default if is_head => out.extend([cell, "(", stated[i], ")"]),
                Cells::Default if *cell == stated[i] => {}
                _ => out.push_str(cell),
            }
        }
        out
    }

    /// The line behind a line of the body. The head says what `stated` holds.
    pub fn unpack<'l>(&self, line: &'l str, stated: &'l mut [String], is_head: bool) -> Option<String> {
        let parts: Vec<&str> = match self.delimiter {
            Some(delimiter) => grid::fields(line, delimiter),
            None => line.split(self.sep).collect(),
        };
        let mut parts = parts.into_iter();
        if is_head {
            let mut names = Vec::with_capacity(self.columns.len());
            for (column, stated) in self.columns.iter().zip(stated.iter_mut()) {
                let part = parts.next()?;
                let (name, value) = match column.cells {
                    Cells::All => (part, ""),
                    Cells::Constant => part.split_once('=')?,
                    Cells::Default => part.strip_suffix(')')?.split_once('(')?,
                };
                names.push(name);
                value.clone_into(stated);
            }
            return self.rest_of(parts, &mut names).then(|| self.write(&names, self.centred_head))?;
        }
        let mut cells: Vec<&str> = Vec::with_capacity(self.columns.len());
        for (column, stated) in self.columns.iter().zip(&*stated) {
            cells.push(match column.cells {
                Cells::Constant => stated,
                Cells::Default => parts.next().filter(|part| !part.is_empty()).unwrap_or(stated),
                Cells::All => parts.next()?,
            });
        }
        self.rest_of(parts, &mut cells).then(|| self.write(&cells, false))?
    }

    /// Adds the fields behind the last flagged column; whether there may be any.
    fn rest_of<'l>(&self, parts: impl Iterator<Item = &'l str>, cells: &mut Vec<&'l str>) -> bool {
        let count = cells.len();
        cells.extend(parts);
        cells.len() == count || self.delimiter.is_some()
    }
}
