//! The words of a header that say how the body is read; see the grammar of the parent module.
//!
//! Invariant: parsing gives the frame that was written, but for what decoding never asks of it; forged
//! words are refused, not obeyed: widths have a bound. Cost: linear in the columns.

use super::frame::{Cells, Column, FRAMES, Frame};

/// Names of delimited frames.
const DELIMITED: [(&str, u8); 4] = [("comma", b','), ("tab", b'\t'), ("semicolon", b';'), ("bar", b'|')];
/// Columns at fixed places.
const COLUMNS: &str = "columns";
/// Said to the reader, in the notation of JSON tables.
const FOR_READER: &str = "; k=v in every row, k(v) empty cell";
/// Wider columns are no padding: a forged header must not make a text grow without end.
const MAX_WIDTH: usize = 400;

impl Frame {
    pub fn words(&self) -> String {
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

    pub fn parse(words: &str) -> Option<Self> {
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
