//! How lines of a table are made of cells, and the cells of a line.
//!
//! Invariant: [`Frame::cells`] and [`Frame::centred`] give the cells of a line only if
//! [`Frame::write`] makes the very line of them. Cost: linear in the line.

use crate::kinds::table::grid;

/// Frames of rows between bars: name, left edge, between cells, right edge.
pub const FRAMES: [(&str, &str, &str, &str); 4] = [
    ("bars", "| ", " | ", " |"),
    ("psql", " ", " | ", ""),
    ("box", "│ ", " │ ", " │"),
    ("heavy", "║ ", " ║ ", " ║"),
];

/// What stands for the cells of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cells {
    #[default]
    All,
    /// Stated once in the head.
    Constant,
    /// Stated in the head; an empty cell stands for it.
    Default,
}

/// A column. `width` 0: not padded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Column {
    pub width: usize,
    pub right: bool,
    /// Blanks behind it.
    pub gap: usize,
    /// Nothing follows it, so its cells are padded in a centred head alone.
    pub open: bool,
    pub cells: Cells,
}

/// How lines of a table are made of cells.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Edges; none for columns at fixed places and for delimited fields.
    pub bars: Option<(&'static str, &'static str, &'static str, &'static str)>,
    pub delimiter: Option<u8>,
    pub columns: Vec<Column>,
    /// Stands between cells in the body.
    pub sep: char,
    pub centred_head: bool,
    pub returns: bool,
}

impl Frame {
    pub fn new(
        bars: Option<(&'static str, &'static str, &'static str, &'static str)>,
        delimiter: Option<u8>,
    ) -> Self {
        let sep = delimiter.map_or(',', char::from);
        Frame { bars, delimiter, columns: Vec::new(), sep, centred_head: false, returns: false }
    }

    /// The cells of a line, if they make the line again.
    pub fn cells<'l>(&self, line: &'l str) -> Option<Vec<&'l str>> {
        let cells: Vec<&str> = match (self.bars, self.delimiter) {
            (_, Some(delimiter)) => grid::fields(line, delimiter),
            (Some(bars), _) => split(line, bars)?.into_iter().map(|cell| cell.trim_matches(' ')).collect(),
            (None, None) => self.at_places(line),
        };
        (cells.len() == self.columns.len() && self.write(&cells, false).as_deref() == Some(line))
            .then_some(cells)
    }

    fn at_places<'l>(&self, line: &'l str) -> Vec<&'l str> {
        let mut rest = line;
        let mut out = Vec::with_capacity(self.columns.len());
        for (i, column) in self.columns.iter().enumerate() {
            let width = if i + 1 == self.columns.len() { usize::MAX } else { column.width + column.gap };
            let end = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
            let (slot, after) = rest.split_at(end);
            out.push(slot.trim_matches(' '));
            rest = after;
        }
        out
    }

    /// The names of a head that is centred above its columns, an open one as wide as the head makes it.
    pub fn centred<'l>(&self, line: &'l str) -> Option<Vec<&'l str>> {
        let cells: Vec<&str> =
            split(line, self.bars?)?.into_iter().map(|cell| cell.trim_matches(' ')).collect();
        (cells.len() == self.columns.len() && self.write(&cells, true).as_deref() == Some(line))
            .then_some(cells)
    }

    /// A line from its cells.
    pub fn write(&self, cells: &[&str], centred: bool) -> Option<String> {
        let mut out = String::new();
        if let Some(delimiter) = self.delimiter {
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 {
                    out.push(char::from(delimiter));
                }
                out.push_str(cell);
            }
            return Some(out);
        }
        let (_, left, between, edge) = self.bars.unwrap_or(("", "", "", ""));
        out.push_str(left);
        let blanks = |out: &mut String, n: usize| out.extend(std::iter::repeat_n(' ', n));
        for (i, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
            if i > 0 {
                out.push_str(between);
            }
            let pad = if column.width == 0 { 0 } else { column.width.checked_sub(cell.chars().count())? };
            let pad = if column.open && !column.right && !centred { 0 } else { pad };
            let before = match (centred, column.right) {
                (true, _) => pad / 2,
                (false, right) => usize::from(right) * pad,
            };
            blanks(&mut out, before);
            out.push_str(cell);
            blanks(&mut out, pad - before);
            // `psql` ends a head with a blank.
            blanks(&mut out, column.gap + usize::from(centred && column.open));
        }
        out.push_str(edge);
        if self.bars.is_none() && self.columns.last().is_some_and(|last| last.width == 0) {
            out.truncate(out.trim_end_matches(' ').len());
        }
        Some(out)
    }
}

pub fn split<'t>(line: &'t str, frame: (&str, &str, &str, &str)) -> Option<Vec<&'t str>> {
    let (_, left, between, edge) = frame;
    let inner = line.strip_prefix(left)?;
    let inner = if edge.is_empty() { inner } else { inner.strip_suffix(edge)? };
    Some(inner.split(between).collect())
}
