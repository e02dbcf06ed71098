//! Finds the frame that the rows of a table share: its edges, where columns begin, how wide they are and
//! at which side their cells stand.
//!
//! What is found is a proposal: a line that its cells would not make again is written as it is. Cost:
//! linear in the rows.

use super::frame::{Column, FRAMES, Frame, split};
use crate::kinds::table::grid::{self, Grid, Layout};

/// So many in a hundred lines must have a blank where a column ends.
const BLANK_PERCENT: usize = 95;

impl Frame {
    /// The frame of a table.
    pub fn find(lines: &[&str], grid: &Grid, returns: bool) -> Option<Self> {
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
