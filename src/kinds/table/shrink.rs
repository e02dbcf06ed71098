//! Tables in fewer bytes, from which every byte can be made again.
//!
//! * Cells between bars lose their padding, and borders that repeat become `-`; the header says the
//!   frame and the widths.
//! * Columns of CSV or TSV that say the same in every row are stated in the header alone.
//!
//! A result is used only if decoding it gives back the very bytes. Cost: linear.

use super::grid::{self, Grid, Layout};

/// Frames of rows between bars: left edge, between cells, right edge.
const FRAMES: [(&str, &str, &str, &str); 4] = [
    ("bars", "| ", " | ", " |"),
    ("psql", " ", " | ", ""),
    ("box", "│ ", " │ ", " │"),
    ("heavy", "║ ", " ║ ", " ║"),
];
/// Stands for a border that has been seen before.
const AGAIN: &str = "-";
/// Stands before a line that is no row of the frame.
const AS_IS: char = '=';
/// Words of the header before the columns that are the same in every row.
const CONSTANT: &str = "each row: ";
/// A value stated in the header is at most this long, in bytes.
const MAX_CONSTANT_BYTES: usize = 60;

/// A smaller text and the words that its decoding needs.
pub fn encode(text: &str, grid: &Grid) -> Option<(String, String)> {
    let (body, words) = match grid.layout {
        Layout::Bars => encode_bars(text)?,
        Layout::Delimited(delimiter) => encode_constants(text, grid, delimiter)?,
        Layout::Columns | Layout::Listing => return None,
    };
    (decode(&body, &words)? == text).then_some((body, words))
}

/// The bytes behind an encoded text.
pub fn decode(body: &str, words: &str) -> Option<String> {
    if words.starts_with(CONSTANT) { decode_constants(body, words) } else { decode_bars(body, words) }
}

/// A column between bars.
#[derive(Clone, Copy, Default)]
struct Slot {
    width: usize,
    right: bool,
}

fn slots<'t>(line: &'t str, frame: (&str, &str, &str, &str)) -> Option<Vec<&'t str>> {
    let (_, left, between, edge) = frame;
    let inner = line.strip_prefix(left)?;
    let inner = if edge.is_empty() { inner } else { inner.strip_suffix(edge)? };
    Some(inner.split(between).collect())
}

fn encode_bars(text: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let frame = *FRAMES.iter().max_by_key(|f| {
        lines.iter().filter(|l| !grid::is_border(l) && slots(l, **f).is_some_and(|s| s.len() > 1)).count()
    })?;
    let rows: Vec<Option<Vec<&str>>> =
        lines.iter().map(|line| if grid::is_border(line) { None } else { slots(line, frame) }).collect();
    let count = rows.iter().flatten().map(Vec::len).max()?;
    if count < 2 {
        return None;
    }
    let mut columns = vec![Slot::default(); count];
    let mut right = vec![(0_usize, 0_usize); count];
    for cells in rows.iter().flatten().filter(|cells| cells.len() == count) {
        for (i, cell) in cells.iter().enumerate() {
            // Without a right edge nothing follows the last cell but, in a centred head, half its padding.
            let text = if frame.3.is_empty() && i + 1 == count { cell.trim_end_matches(' ') } else { cell };
            columns[i].width = columns[i].width.max(text.chars().count());
            right[i].0 += usize::from(cell.starts_with(' ') && !cell.ends_with(' '));
            right[i].1 += usize::from(!cell.starts_with(' ') && cell.ends_with(' '));
        }
    }
    for (column, (right, left)) in columns.iter_mut().zip(right) {
        column.right = right > left;
    }
    let mut body = String::with_capacity(text.len());
    let mut border = None;
    for (line, cells) in lines.iter().zip(&rows) {
        let short = cells.as_ref().filter(|cells| cells.len() == count).and_then(|cells| {
            let row: Vec<&str> = cells.iter().map(|cell| cell.trim_matches(' ')).collect();
            let row = row.join("|");
            let clash = row.starts_with(AS_IS) || row == AGAIN;
            (!clash && unpack(&row, frame, &columns).as_deref() == Some(*line)).then_some(row)
        });
        match short {
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
    let widths: Vec<String> =
        columns.iter().map(|c| format!("{}{}", c.width, if c.right { "r" } else { "" })).collect();
    Some((body, format!("{} {}", frame.0, widths.join(","))))
}

/// A line from its cells between bars.
fn unpack(row: &str, frame: (&str, &str, &str, &str), columns: &[Slot]) -> Option<String> {
    let (_, left, between, edge) = frame;
    let cells: Vec<&str> = row.split('|').collect();
    if cells.len() != columns.len() {
        return None;
    }
    let mut out = left.to_owned();
    for (i, (cell, column)) in cells.iter().zip(columns).enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        let pad = column.width.checked_sub(cell.chars().count())?;
        let last = i + 1 == cells.len() && edge.is_empty();
        if column.right {
            out.extend(std::iter::repeat_n(' ', pad));
        }
        out.push_str(cell);
        // Without a right edge the last cell of a line is not padded.
        if !column.right && !last {
            out.extend(std::iter::repeat_n(' ', pad));
        }
    }
    out.push_str(edge);
    Some(out)
}

/// Wider columns are no padding: a forged header must not make a text grow without end.
const MAX_WIDTH: usize = 400;

fn decode_bars(body: &str, words: &str) -> Option<String> {
    let (name, widths) = words.split_once(' ')?;
    let frame = *FRAMES.iter().find(|f| f.0 == name)?;
    let mut columns = Vec::new();
    for width in widths.split(',') {
        let right = width.ends_with('r');
        let width: usize = width.strip_suffix('r').unwrap_or(width).parse().ok()?;
        if width > MAX_WIDTH {
            return None;
        }
        columns.push(Slot { width, right });
    }
    let mut out = String::with_capacity(body.len() * 2);
    let mut border: Option<&str> = None;
    for line in body.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if let Some(line) = line.strip_prefix(AS_IS) {
            out.push_str(line);
            if grid::is_border(line) {
                border = Some(line);
            }
        } else if line == AGAIN {
            out.push_str(border?);
        } else {
            out.push_str(&unpack(line, frame, &columns)?);
        }
        out.push_str(end);
    }
    Some(out)
}

fn encode_constants(text: &str, grid: &Grid, delimiter: u8) -> Option<(String, String)> {
    let rows = grid.rows();
    let first = grid::fields(&text[rows.first()?.clone()], delimiter);
    let names = grid::fields(&text[grid.units.get(grid.first.checked_sub(1)?)?.clone()], delimiter);
    let mut constant: Vec<bool> = first
        .iter()
        .map(|f| {
            !f.is_empty() && f.len() <= MAX_CONSTANT_BYTES && !f.contains(['\n', '\r', '"', '=', ';', ']'])
        })
        .collect();
    for row in rows {
        let fields = grid::fields(&text[row.clone()], delimiter);
        if fields.len() != first.len() || fields.len() != names.len() {
            return None;
        }
        for (constant, (field, value)) in constant.iter_mut().zip(fields.iter().zip(&first)) {
            *constant &= field == value;
        }
    }
    if !constant.contains(&true) || constant.iter().all(|c| *c) || grid.end != grid.units.len() {
        return None;
    }
    let mut body = text[grid.head()].to_owned();
    let delimiter_char = char::from(delimiter);
    for row in rows {
        let line = &text[row.clone()];
        let mut first = true;
        for (field, _) in
            grid::fields(line, delimiter).iter().zip(&constant).filter(|(_, constant)| !**constant)
        {
            if !std::mem::take(&mut first) {
                body.push(delimiter_char);
            }
            body.push_str(field);
        }
        body.push_str(line_end(line));
    }
    let stated: Vec<String> =
        (0..first.len()).filter(|i| constant[*i]).map(|i| format!("{}={}", i + 1, first[i])).collect();
    let name = match delimiter {
        b'\t' => "tab",
        b',' => "comma",
        b';' => "semicolon",
        _ => "bar",
    };
    Some((body, format!("{CONSTANT}{}; {name} lines {}", stated.join(";"), grid.first)))
}

fn line_end(line: &str) -> &'static str {
    match () {
        () if line.ends_with("\r\n") => "\r\n",
        () if line.ends_with('\n') => "\n",
        () => "",
    }
}

fn decode_constants(body: &str, words: &str) -> Option<String> {
    let (stated, rest) = words.strip_prefix(CONSTANT)?.rsplit_once("; ")?;
    let (name, head) = rest.split_once(" lines ")?;
    let delimiter = match name {
        "tab" => b'\t',
        "comma" => b',',
        "semicolon" => b';',
        "bar" => b'|',
        _ => return None,
    };
    let head: usize = head.parse().ok()?;
    let mut constants: Vec<(usize, &str)> = Vec::new();
    for pair in stated.split(';') {
        let (column, value) = pair.split_once('=')?;
        constants.push((column.parse::<usize>().ok()?.checked_sub(1)?, value));
    }
    let grid = Grid::new(body, Layout::Delimited(delimiter));
    let mut out = String::with_capacity(body.len() * 2);
    for (i, unit) in grid.units.iter().enumerate() {
        let line = &body[unit.clone()];
        if i < head {
            out.push_str(line);
            continue;
        }
        let mut fields = grid::fields(line, delimiter);
        for &(column, value) in &constants {
            if column > fields.len() {
                return None;
            }
            fields.insert(column, value);
        }
        for (i, field) in fields.iter().enumerate() {
            if i > 0 {
                out.push(char::from(delimiter));
            }
            out.push_str(field);
        }
        out.push_str(line_end(line));
    }
    Some(out)
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
        assert_eq!(body, "=+----+-------+\nid|name\n-\n1|alice\n2|bo\n-\n30|x\n-\n");
        assert_eq!(decode(&body, &words).as_deref(), Some(text));
    }

    #[test]
    fn psql_keeps_its_centred_head_and_foot() {
        let text =
            " id |  name  \n----+--------\n  1 | alice\n  2 | bob\n  3 | carol\n 14 | dave x\n(4 rows)\n";
        let (body, words) = encoded(text).unwrap();
        assert_eq!(words, "psql 2r,6");
        assert_eq!(body, "= id |  name  \n=----+--------\n1|alice\n2|bob\n3|carol\n14|dave x\n=(4 rows)\n");
        assert_eq!(decode(&body, &words).as_deref(), Some(text));
    }

    #[test]
    fn columns_that_never_change_are_stated_once() {
        let text = "id,env,n,kind\n1,prod,5,a\n2,prod,6,a\n3,prod,\"7,5\",a\n4,prod,8,a\n5,prod,9,a\n";
        let (body, words) = encoded(text).unwrap();
        assert_eq!(words, "each row: 2=prod;4=a; comma lines 1");
        assert_eq!(body, "id,env,n,kind\n1,5\n2,6\n3,\"7,5\"\n4,8\n5,9\n");
        assert_eq!(decode(&body, &words).as_deref(), Some(text));
    }

    #[test]
    fn forged_words_are_refused() {
        for words in [
            "",
            "bars",
            "bars 99999999",
            "bars x",
            "psql 1,",
            "each row: 0=a; comma lines 1",
            "each row: a; comma lines 1",
        ] {
            assert_eq!(decode("a|b\nc|d\n", words), None, "{words}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(
            rows in prop::collection::vec(prop::collection::vec("[a-z|é ,\"=-]{0,5}", 3), 5..12), style in 0..4_usize, newline: bool,
        ) {
            let lines: Vec<String> = rows.iter().map(|row| match style {
                0 => format!("| {:5} | {:>5} | {:5} |", row[0], row[1], row[2]),
                1 => format!(" {:5} | {:>5} | {}", row[0], row[1], row[2]),
                2 => format!("{},prod,{},{}", row[0], row[1], row[2]),
                _ => format!("│ {:5} │ {:^5} │ {:5} │", row[0], row[1], row[2]),
            }).collect();
            let border = if style == 2 { "a,b,c,d" } else { "|-------|-------|-------|" };
            let mut text = format!("{border}\n{}", lines.join("\n"));
            if newline { text.push('\n'); }
            if let Some((body, words)) = encoded(&text) {
                prop_assert_eq!(decode(&body, &words), Some(text));
            }
        }

        #[test]
        fn decoding_any_text_does_not_panic(body in "[a|,=\n-]{0,30}", words in "(bars|psql|each row: 2=a;) ?[0-9r,; a-z]{0,12}") {
            let _ = decode(&body, &words);
        }
    }
}
