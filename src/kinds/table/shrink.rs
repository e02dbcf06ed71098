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

mod frame;
mod measure;
mod rows;
mod words;

use super::grid::{self, Grid};
use crate::select;
use frame::{Cells, Frame};

/// Stands for a border that has been seen before.
const AGAIN: &str = "-";
/// Stands before a line that is no row of the frame.
const AS_IS: char = '=';

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::grid::Layout;
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
