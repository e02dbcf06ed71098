//! The rows of a table, read cell by cell against the form that its header gave. Linear.

use super::form::{Fill, Form, Leaf, Part, Record};
use super::read::{Reader, scalar};
use super::row::{Cell, GroupState, Row};
use super::text::{self, ABSENT, Place};
use super::write::{ABSENT_GROUP, NULL_GROUP, PLAIN, PLAIN_ROW};

impl Reader<'_> {
    /// One row (or inner row) of the given form.
    pub fn row(&mut self, form: &Form, out: &mut String, place: Place) -> Option<()> {
        match form {
            Form::Any => self.value(out, place, false, 0),
            Form::List(item) | Form::Map(item) => self.inner(form, item, out, place),
            Form::Record(record) => {
                if self.eat(PLAIN_ROW) {
                    return self.value(out, place, false, 0);
                }
                self.record_row(record, Row::new(record), out, place)
            }
            Form::Variants(records) => {
                if self.eat(PLAIN_ROW) {
                    return self.value(out, place, false, 0);
                }
                let record = records.get(usize::from(self.peek()?.checked_sub(b'A')?))?;
                self.at += 1;
                // The letter stands before the first cell.
                self.record_row(record, Row { first: false, ..Row::new(record) }, out, place)
            }
        }
    }

    fn record_row(&mut self, record: &Record, mut row: Row, out: &mut String, place: Place) -> Option<()> {
        self.cells(&record.parts, record, &mut row, place)?;
        while self.peek() == Some(b',') {
            self.at += 1;
            self.named(record, &mut row, place)?;
        }
        row.write(record, out)
    }

    /// A list or map of rows, or anything else written plainly.
    fn inner(&mut self, form: &Form, item: &Form, out: &mut String, place: Place) -> Option<()> {
        let map = matches!(form, Form::Map(_));
        let (open, close) = if map { ("{", "}") } else { ("[", "]") };
        if !self.eat(open) {
            return self.value(out, place, false, 0);
        }
        out.push_str(open);
        let mut first = true;
        while !self.eat(close) {
            if !first {
                out.push(',');
                (self.eat(";") || self.eat("\n")).then_some(())?;
            }
            first = false;
            if let Some(mark) = self.mark() {
                out.push_str(mark.text);
                for _ in 0..mark.shown() {
                    out.push(',');
                    (self.eat(";") || self.eat("\n")).then_some(())?;
                    self.shown(out, &mark, map, Place::Inside)?;
                }
                continue;
            }
            if map {
                self.map_key(out)?;
            }
            self.row(item, out, Place::Inside)?;
        }
        out.push_str(close);
        Some(())
    }

    /// Whether the row ends here.
    fn at_row_end(&self, place: Place) -> bool {
        match self.peek() {
            None | Some(b'\n') => true,
            Some(b';' | b']' | b'}') => place == Place::Inside,
            _ => false,
        }
    }

    fn cells(&mut self, parts: &[Part], record: &Record, row: &mut Row, place: Place) -> Option<()> {
        for part in parts {
            match part {
                Part::Leaf(leaf) => {
                    let info = &record.leaves[*leaf];
                    if let Fill::Cell { .. } = info.fill {
                        if !self.next_cell(row, place)? {
                            continue;
                        }
                        row.cells[*leaf] = self.cell(info, place)?;
                    }
                }
                Part::Group { id, optional, parts, .. } => {
                    if *optional {
                        let before = (self.at, row.first);
                        if self.next_cell(row, place)? {
                            if let Some(state) = self.group_mark(place)? {
                                row.groups[*id] = state;
                                continue;
                            }
                            (self.at, row.first) = before;
                        }
                    }
                    self.cells(parts, record, row, place)?;
                }
            }
        }
        Some(())
    }

    /// Moves to the next cell; false if the row has ended, so that the rest is empty.
    fn next_cell(&mut self, row: &mut Row, place: Place) -> Option<bool> {
        if std::mem::take(&mut row.first) {
            return Some(true);
        }
        if self.at_row_end(place) {
            return Some(false);
        }
        self.eat(",").then_some(true)
    }

    fn group_mark(&mut self, place: Place) -> Option<Option<GroupState>> {
        let rest = &self.s.as_bytes()[self.at..];
        let alone = rest.get(1).is_none_or(|b| text::ends_bare(place, *b));
        Some(match rest.first() {
            Some(b'~') if alone => {
                self.at += NULL_GROUP.len();
                Some(GroupState::Other("null".to_owned()))
            }
            Some(b'!') if alone => {
                self.at += ABSENT_GROUP.len();
                Some(GroupState::Absent)
            }
            Some(b'=') => {
                self.at += PLAIN.len_utf8();
                let mut json = String::new();
                self.value(&mut json, place, false, 0)?;
                Some(GroupState::Other(json))
            }
            _ => None,
        })
    }

    fn cell(&mut self, leaf: &Leaf, place: Place) -> Option<Cell> {
        let Fill::Cell { typed, .. } = leaf.fill else { return None };
        let rest = self.s.as_bytes().get(self.at);
        if rest.is_none_or(|b| text::ends_bare(place, *b)) {
            return Some(Cell::Unsaid);
        }
        let mut json = String::new();
        match rest {
            Some(b'"') => json.push_str(self.quoted()?),
            Some(b'@') => self.value(&mut json, place, false, 0)?,
            Some(b'{' | b'[') => match &leaf.form {
                Form::Any => self.value(&mut json, place, false, 0)?,
                form => self.row(form, &mut json, place)?,
            },
            _ => {
                let bare = self.bare(place);
                if bare == ABSENT {
                    return Some(Cell::Absent);
                }
                scalar(&mut json, bare, place, typed)?;
            }
        }
        Some(Cell::Value(json))
    }

    /// `key=value` at the end of a row.
    fn named(&mut self, record: &Record, row: &mut Row, place: Place) -> Option<()> {
        let path = self.key()?;
        self.eat("=").then_some(())?;
        let leaf = *record.names.get(&path)?;
        let info = record.leaves.get(leaf)?;
        if matches!(info.fill, Fill::Cell { .. } | Fill::Same(_)) || !matches!(row.cells[leaf], Cell::Unsaid)
        {
            return None;
        }
        let mut json = String::new();
        match self.peek() {
            Some(b'"') => json.push_str(self.quoted()?),
            Some(b'{' | b'[') if !matches!(info.form, Form::Any) => self.row(&info.form, &mut json, place)?,
            Some(b'{' | b'[' | b'@') => self.value(&mut json, place, false, 0)?,
            _ => {
                let bare = self.bare(place);
                if bare == ABSENT {
                    row.cells[leaf] = Cell::Absent;
                    return Some(());
                }
                scalar(&mut json, bare, place, false)?;
            }
        }
        row.cells[leaf] = Cell::Value(json);
        Some(())
    }
}
