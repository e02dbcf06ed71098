//! Tables in fewer bytes, from which every byte can be made again.
//!
//! ```text
//! words = frame "^"? sep? "~"? " " column ("," column)* ("; " for the reader)?
//! frame = bars | psql | box | heavy | columns | comma | tab | semicolon | bar
//! column = width "r"? ("+" gap)? flag?     padded frames: every column in order
//!        | number flag                     delimited frames: the flagged columns alone
//! flag  = "c"   the same in every row: stated in the head as name=value, no cell
//!       | "d"   an empty cell is the value stated in the head as name(value)
//! line  = "=" any line | "-" the border seen before | cell (sep cell)*
//! ```
//!
//! `^`: the names in the head are centred. `~`: lines end in `\r`. The first line of cells is the head. A
//! line that its cells would not make again stands as it is behind `=`; a result is used only if decoding
//! it gives back the very bytes. Cost: linear.

use std::collections::HashMap;

use super::grid::{self, Grid, Layout};
use crate::select;

/// Frames of rows between bars: name, left edge, between cells, right edge.
const FRAMES: [(&str, &str, &str, &str); 4] = [
    ("bars", "| ", " | ", " |"),
    ("psql", " ", " | ", ""),
    ("box", "│ ", " │ ", " │"),
    ("heavy", "║ ", " ║ ", " ║"),
];
/// Names of delimited frames.
const DELIMITED: [(&str, u8); 4] = [("comma", b','), ("tab", b'\t'), ("semicolon", b';'), ("bar", b'|')];
/// Columns at fixed places.
const COLUMNS: &str = "columns";
/// Stands for a border that has been seen before.
const AGAIN: &str = "-";
/// Stands before a line that is no row of the frame.
const AS_IS: char = '=';
/// Said to the reader, in the notation of JSON tables.
const FOR_READER: &str = "; k=v in every row, k(v) empty cell";
/// A value stated in the head is at most this long, in bytes.
const MAX_VALUE_BYTES: usize = 60;
/// Fewer rows are too few to state what they share.
const MIN_ROWS: usize = 5;
/// A value of fewer rows than one in so many is no default.
const DEFAULT_SHARE: usize = 2;
/// So many in a hundred lines must have a blank where a column ends.
const BLANK_PERCENT: usize = 95;
/// Wider columns are no padding: a forged header must not make a text grow without end.
const MAX_WIDTH: usize = 400;

/// What stands for the cells of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Cells {
    #[default]
    All,
    /// Stated once in the head.
    Constant,
    /// Stated in the head; an empty cell stands for it.
    Default,
}

/// A column. `width` 0: not padded.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    width: usize,
    right: bool,
    /// Blanks behind it.
    gap: usize,
    /// Nothing follows it, so its cells are padded in a centred head alone.
    open: bool,
    cells: Cells,
}

/// How lines of a table are made of cells.
#[derive(Debug, Clone)]
struct Frame {
    /// Edges; none for columns at fixed places and for delimited fields.
    bars: Option<(&'static str, &'static str, &'static str, &'static str)>,
    delimiter: Option<u8>,
    columns: Vec<Column>,
    /// Stands between cells in the body.
    sep: char,
    centred_head: bool,
    returns: bool,
}

/// A smaller text and the words that its decoding needs.
pub fn encode(text: &str, grid: &Grid) -> Option<(String, String)> {
    let returns = text.contains("\r\n");
    let cut = |unit: &std::ops::Range<usize>| {
        let line = &text[unit.clone()];
        let line = line.strip_suffix('\n').unwrap_or(line);
        if returns { line.strip_suffix('\r').unwrap_or(line) } else { line }
    };
    let lines: Vec<&str> = grid.units.iter().map(cut).collect();
    let rows = grid.first..grid.end;
    let mut frame = Frame::find(&lines, grid, returns)?;
    let head = (0..grid.first).rev().find(|i| !grid::is_border(lines[*i]) && !lines[*i].trim().is_empty());
    let mut cells: Vec<Option<Vec<&str>>> = vec![None; lines.len()];
    for i in rows.clone() {
        cells[i] = frame.cells(lines[i]);
    }
    frame.choose_separator(cells[rows.clone()].iter().flatten());
    for row in &mut cells[rows.clone()] {
        *row =
            row.take().filter(|row| frame.delimiter.is_some() || !row.iter().any(|c| c.contains(frame.sep)));
    }
    let mut stated: Vec<&str> = vec![""; frame.columns.len()];
    if let Some(head) = head {
        let fits =
            |names: &Vec<&str>| frame.delimiter.is_some() || !names.iter().any(|n| n.contains(frame.sep));
        cells[head] = frame.cells(lines[head]).or_else(|| frame.centred(lines[head])).filter(fits);
        if let Some(names) = &cells[head] {
            frame.centred_head = frame.write(names, false).as_deref() != Some(lines[head]);
            frame.state(names, &cells[rows], &mut stated);
        }
    }
    if frame.delimiter.is_some() && frame.columns.iter().all(|column| column.cells == Cells::All) {
        return None;
    }
    let mut body = String::with_capacity(text.len());
    let mut border = None;
    for (i, line) in lines.iter().enumerate() {
        let packed = cells[i].as_ref().map(|row| frame.pack(row, &stated, head == Some(i)));
        match packed.filter(|row| !row.starts_with(AS_IS) && row != AGAIN) {
            Some(row) => body.push_str(&row),
            None if border == Some(*line) => body.push_str(AGAIN),
            None => {
                body.push(AS_IS);
                body.push_str(line);
                if grid::is_border(line) {
                    border = Some(*line);
                }
            }
        }
        body.push('\n');
    }
    if !text.ends_with('\n') {
        body.pop();
    }
    let words = frame.words();
    (decode(&body, &words)? == text).then_some((body, words))
}

/// The bytes behind an encoded text.
pub fn decode(body: &str, words: &str) -> Option<String> {
    let frame = Frame::parse(words)?;
    let mut stated: Vec<String> = vec![String::new(); frame.columns.len()];
    let mut is_head = frame.centred_head || frame.columns.iter().any(|c| c.cells != Cells::All);
    let mut out = String::with_capacity(body.len() * 2);
    let mut border: Option<&str> = None;
    let units = if frame.delimiter.is_some() { grid::records(body) } else { select::lines(body) };
    for unit in units {
        let line = &body[unit];
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if let Some(line) = line.strip_prefix(AS_IS) {
            out.push_str(line);
            if grid::is_border(line) {
                border = Some(line);
            }
        } else if line == AGAIN {
            out.push_str(border?);
        } else {
            out.push_str(&frame.unpack(line, &mut stated, std::mem::take(&mut is_head))?);
        }
        if frame.returns && !end.is_empty() {
            out.push('\r');
        }
        out.push_str(end);
    }
    Some(out)
}

impl Frame {
    fn new(
        bars: Option<(&'static str, &'static str, &'static str, &'static str)>,
        delimiter: Option<u8>,
    ) -> Self {
        let sep = delimiter.map_or(',', char::from);
        Frame { bars, delimiter, columns: Vec::new(), sep, centred_head: false, returns: false }
    }

    /// The frame of a table.
    fn find(lines: &[&str], grid: &Grid, returns: bool) -> Option<Self> {
        let rows = &lines[grid.first..grid.end];
        let mut frame = match grid.layout {
            Layout::Delimited(delimiter) => {
                let mut frame = Frame::new(None, Some(delimiter));
                let columns = grid::fields(rows.first()?, delimiter).len();
                frame.columns = vec![Column::default(); columns];
                frame
            }
            Layout::Bars => {
                let fits = |f: &&(&str, &str, &str, &str)| {
                    rows.iter().filter(|l| split(l, **f).is_some_and(|s| s.len() > 1)).count()
                };
                let mut frame = Frame::new(Some(*FRAMES.iter().max_by_key(fits)?), None);
                frame.measure_bars(rows)?;
                frame
            }
            Layout::Columns => {
                let mut frame = Frame::new(None, None);
                frame.measure_columns(&lines[grid.first.saturating_sub(1)..grid.end])?;
                frame
            }
            Layout::Listing => return None,
        };
        frame.returns = returns;
        (frame.columns.len() >= 2).then_some(frame)
    }

    fn measure_bars(&mut self, rows: &[&str]) -> Option<()> {
        let bars = self.bars?;
        let rows: Vec<Vec<&str>> =
            rows.iter().filter(|row| !grid::is_border(row)).filter_map(|row| split(row, bars)).collect();
        let count = rows.iter().map(Vec::len).max()?;
        self.columns = vec![Column::default(); count];
        for (i, column) in self.columns.iter_mut().enumerate() {
            // Without a right edge nothing follows the last cell.
            column.open = bars.3.is_empty() && i + 1 == count;
            let slots = rows.iter().filter(|row| row.len() == count).map(|row| row[i]);
            column.right = is_right(slots.clone());
            column.width = slots.map(|slot| slot.chars().count()).max()?;
        }
        Some(())
    }

    /// Columns end where nearly all lines have a blank and begin where some line goes on.
    fn measure_columns(&mut self, lines: &[&str]) -> Option<()> {
        let lines: Vec<Vec<char>> = lines.iter().map(|line| line.chars().collect()).collect();
        let longest = lines.iter().map(Vec::len).max()?;
        let mut taken = vec![0_usize; longest];
        for (at, c) in lines.iter().flat_map(|line| line.iter().enumerate()) {
            taken[at] += usize::from(*c != ' ');
        }
        let most = lines.len() * (100 - BLANK_PERCENT) / 100;
        let is_blank = |at: usize| taken[at] <= most;
        let mut starts = vec![0];
        starts.extend((1..longest).filter(|at| is_blank(at - 1) && !is_blank(*at)));
        // Every column has a name: where the head goes on or says nothing, words of a cell happen to stand
        // below each other.
        let head = lines.first()?;
        let is_named = |at: usize| head.get(at).is_some_and(|c| *c != ' ');
        starts.retain(|at| *at == 0 || !is_named(at - 1));
        let mut kept = 0;
        for i in 0..starts.len() {
            let end = starts.get(i + 1).copied().unwrap_or(longest);
            if i == 0 || (starts[i]..end).any(is_named) {
                starts[kept] = starts[i];
                kept += 1;
            }
        }
        starts.truncate(kept);
        // Blanks at the start belong to the first column.
        if starts.len() > 1 && (0..starts[1]).all(|at| is_blank(at) && !is_named(at)) {
            starts.remove(1);
        }
        for (i, &start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(longest);
            let slots: Vec<String> = lines
                .iter()
                .filter(|line| line.len() > start)
                .map(|line| line[start..end.min(line.len())].iter().collect())
                .collect();
            let gap = (start..end).rev().take_while(|at| is_blank(*at)).count();
            let slots = slots.iter().map(|slot| slot.get(..slot.len() - gap.min(slot.len())).unwrap_or(slot));
            let right = is_right(slots);
            let is_last = i + 1 == starts.len();
            self.columns.push(match right {
                true => Column { width: end - start - gap, right, gap, ..Column::default() },
                // A last column is padded if its lines all end at the same place.
                false if is_last && !lines.iter().all(|line| line.len() == longest) => Column::default(),
                false => Column { width: end - start, ..Column::default() },
            });
        }
        Some(())
    }

    /// The cells of a line, if they make the line again.
    fn cells<'l>(&self, line: &'l str) -> Option<Vec<&'l str>> {
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
    fn centred<'l>(&self, line: &'l str) -> Option<Vec<&'l str>> {
        let cells: Vec<&str> =
            split(line, self.bars?)?.into_iter().map(|cell| cell.trim_matches(' ')).collect();
        (cells.len() == self.columns.len() && self.write(&cells, true).as_deref() == Some(line))
            .then_some(cells)
    }

    /// A line from its cells.
    fn write(&self, cells: &[&str], centred: bool) -> Option<String> {
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

    /// A comma between cells, unless cells have commas.
    fn choose_separator<'l>(&mut self, rows: impl Iterator<Item = &'l Vec<&'l str>>) {
        if self.delimiter.is_none() && rows.flatten().any(|cell| cell.contains(',')) {
            self.sep = '|';
        }
    }

    /// Finds the columns that the head can state.
    fn state<'l>(&mut self, names: &[&str], rows: &[Option<Vec<&'l str>>], stated: &mut [&'l str]) {
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
            let mut seen: HashMap<&str, usize> = HashMap::new();
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
    fn pack(&self, row: &[&str], stated: &[&str], is_head: bool) -> String {
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
    fn unpack<'l>(&self, line: &'l str, stated: &'l mut [String], is_head: bool) -> Option<String> {
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

    fn words(&self) -> String {
        let name = match (self.bars, self.delimiter) {
            (Some(bars), _) => bars.0,
            (None, Some(delimiter)) => {
                DELIMITED.iter().find(|d| d.1 == delimiter).map_or(DELIMITED[0].0, |d| d.0)
            }
            (None, None) => COLUMNS,
        };
        let mut out = name.to_owned();
        out.push_str(if self.centred_head { "^" } else { "" });
        out.push_str(if self.delimiter.is_none() && self.sep == '|' { "|" } else { "" });
        out.push_str(if self.returns { "~" } else { "" });
        let mut before = ' ';
        for (i, column) in self.columns.iter().enumerate() {
            let flag = match column.cells {
                Cells::All => "",
                Cells::Constant => "c",
                Cells::Default => "d",
            };
            if self.delimiter.is_some() && flag.is_empty() {
                continue;
            }
            let number = if self.delimiter.is_some() { i + 1 } else { column.width };
            out.push(before);
            out.push_str(&number.to_string());
            out.push_str(if column.right { "r" } else { "" });
            if column.gap > 0 {
                out.push_str(&format!("+{}", column.gap));
            }
            out.push_str(flag);
            before = ',';
        }
        if self.columns.iter().any(|column| column.cells != Cells::All) {
            out.push_str(FOR_READER);
        }
        out
    }

    fn parse(words: &str) -> Option<Self> {
        let words = words.strip_suffix(FOR_READER).unwrap_or(words);
        let (name, specs) = words.split_once(' ')?;
        let (name, returns) = name.strip_suffix('~').map_or((name, false), |name| (name, true));
        let (name, barred) = name.strip_suffix('|').map_or((name, false), |name| (name, true));
        let (name, centred_head) = name.strip_suffix('^').map_or((name, false), |name| (name, true));
        let bars = FRAMES.into_iter().find(|frame| frame.0 == name);
        let delimiter = DELIMITED.into_iter().find(|d| d.0 == name).map(|d| d.1);
        if bars.is_none() && delimiter.is_none() && name != COLUMNS {
            return None;
        }
        let mut frame = Frame { centred_head, returns, ..Frame::new(bars, delimiter) };
        if barred {
            frame.sep = '|';
        }
        for spec in specs.split(',') {
            let digits = spec.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = spec[..digits].parse().ok()?;
            let rest = &spec[digits..];
            let (rest, cells) = match rest.strip_suffix(['c', 'd']) {
                Some(before) if rest.ends_with('c') => (before, Cells::Constant),
                Some(before) => (before, Cells::Default),
                None => (rest, Cells::All),
            };
            let (rest, gap) = match rest.split_once('+') {
                Some((rest, gap)) => (rest, gap.parse().ok()?),
                None => (rest, 0),
            };
            if number > MAX_WIDTH || gap > MAX_WIDTH || !matches!(rest, "" | "r") {
                return None;
            }
            let column = Column { width: number, right: rest == "r", gap, open: false, cells };
            if frame.delimiter.is_some() {
                let at = number.checked_sub(1)?;
                // Columns between the flagged ones; those behind the last are added by the head.
                frame.columns.resize(at.max(frame.columns.len()), Column::default());
                frame.columns.push(Column { width: 0, ..column });
            } else {
                frame.columns.push(column);
            }
        }
        if let (Some((.., "")), Some(last)) = (frame.bars, frame.columns.last_mut()) {
            last.open = true;
        }
        Some(frame)
    }
}

/// Whether cells stand at the right of their slots.
fn is_right<'l>(slots: impl Iterator<Item = &'l str>) -> bool {
    let (mut right, mut left) = (0, 0);
    for slot in slots {
        right += usize::from(slot.starts_with(' ') && !slot.ends_with(' '));
        left += usize::from(!slot.starts_with(' ') && slot.ends_with(' '));
    }
    right > left
}

fn split<'t>(line: &'t str, frame: (&str, &str, &str, &str)) -> Option<Vec<&'t str>> {
    let (_, left, between, edge) = frame;
    let inner = line.strip_prefix(left)?;
    let inner = if edge.is_empty() { inner } else { inner.strip_suffix(edge)? };
    Some(inner.split(between).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> Option<(String, String)> {
        let (layout, _) = grid::recognise(text)?;
        encode(text, &Grid::new(text, layout))
    }

    #[test]
    fn padding_and_borders_go() {
        let text = "+----+-------+\n| id | name  |\n+----+-------+\n|  1 | alice |\n|  2 | bo    |\n+----+-------+\n| 30 | x     |\n+----+-------+\n";
        let (body, words) = encoded(text).unwrap();
        assert_eq!(words, "bars 2r,5");
        assert_eq!(body, "=+----+-------+\nid,name\n-\n1,alice\n2,bo\n-\n30,x\n-\n");
        assert_eq!(decode(&body, &words).as_deref(), Some(text));
    }

    #[test]
    fn psql_keeps_its_centred_head_and_foot() {
        let text =
            " id |  name  \n----+--------\n  1 | alice\n  2 | bob\n  3 | carol\n 14 | dave x\n(4 rows)\n";
        let (body, words) = encoded(text).unwrap();
        assert_eq!(words, "psql^ 2r,6");
        assert_eq!(body, "id,name\n=----+--------\n1,alice\n2,bob\n3,carol\n14,dave x\n=(4 rows)\n");
        assert_eq!(decode(&body, &words).as_deref(), Some(text));
    }

    #[test]
    fn what_rows_share_is_stated_in_the_head() {
        let text = "id,env,n,kind\n1,prod,5,a\n2,prod,6,a\n3,prod,\"7,5\",a\n4,prod,8,a\n5,prod,9,b\n";
        let (body, words) = encoded(text).unwrap();
        assert_eq!(words, "comma 2c,4d; k=v in every row, k(v) empty cell");
        assert_eq!(body, "id,env=prod,n,kind(a)\n1,5,\n2,6,\n3,\"7,5\",\n4,8,\n5,9,b\n");
        assert_eq!(decode(&body, &words).as_deref(), Some(text));
    }

    #[test]
    fn columns_at_fixed_places() {
        let mut text = "NAME      STATUS     ROLES    AGE\n".to_owned();
        for i in 0..12 {
            let status = if i == 7 { "NotReady" } else { "Ready" };
            text.push_str(&format!("node-{i:<5}{status:<11}<none>   {}d\n", 100 + i));
        }
        let (body, words) = encoded(&text).unwrap();
        assert_eq!(words, "columns 10,11d,9c,0; k=v in every row, k(v) empty cell");
        assert!(body.starts_with("NAME,STATUS(Ready),ROLES=<none>,AGE\nnode-0,,100d\n"), "{body}");
        assert!(body.contains("\nnode-7,NotReady,107d\n"));
        assert_eq!(decode(&body, &words).as_deref(), Some(&*text));
    }

    #[test]
    fn forged_words_are_refused() {
        for words in [
            "",
            "bars",
            "bars 99999999",
            "bars x",
            "psql 1,",
            "comma 0c",
            "comma a",
            "columns 1+9999",
            "columns 1x",
        ] {
            assert_eq!(decode("a|b\nc|d\n", words), None, "{words}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(
            rows in prop::collection::vec(prop::collection::vec("[a-z|é ,\"=()-]{0,5}", 3), 5..12),
            style in 0..6_usize, newline: bool, shared in 0..3_usize,
        ) {
            let cell = |i: usize, k: usize| if k < shared { &rows[i / 9][k] } else { &rows[i][k] };
            let lines: Vec<String> = (0..rows.len()).map(|i| { let (a, b, c) = (cell(i, 0), cell(i, 1), cell(i, 2)); match style {
                0 => format!("| {a:5} | {b:>5} | {c:5} |"),
                1 => format!(" {a:5} | {b:>5} | {c}"),
                2 => format!("{a},prod,{b},{c}"),
                3 => format!("│ {a:5} │ {b:^5} │ {c:5} │"),
                4 => format!("{a:8}{b:>8}  {c}"),
                _ => format!("{a:8}{b:>8}  {c:9}\r"),
            }}).collect();
            let border = match style { 2 => "a,b,c,d", 4 => "AAA            BB  CC", 5 => "AAA            BB  CC       \r", _ => "|-------|-------|-------|" };
            let mut text = format!("{border}\n{}", lines.join("\n"));
            if newline { text.push('\n'); }
            for layout in [Layout::Bars, Layout::Delimited(b','), Layout::Columns] {
                if let Some((body, words)) = encode(&text, &Grid::new(&text, layout)) {
                    prop_assert_eq!(decode(&body, &words), Some(text.clone()));
                }
            }
        }

        #[test]
        fn decoding_any_text_does_not_panic(body in "[a|,=(\n-]{0,30}", words in "(bars|psql|comma|columns)[~^|]? ?[0-9rcd+,; a-z]{0,12}") {
            let _ = decode(&body, &words);
        }
    }
}
