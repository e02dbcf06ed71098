//! The reader: compact text back to JSON. Inverse of `write`; the grammar is in `docs/json.md`.
//!
//! Strict: a text that is not exactly what the writer could have meant is refused as a whole, so that
//! a forged header over any other text changes nothing. Cost: linear; recursion is bounded.

use std::borrow::Cow;

use super::digest;
use super::form::{Fill, Form, Leaf, Part, Piece, Record};
use super::links::{MAX_ADDRESS_BYTES, MAX_LINKS};
use super::nested;
use super::tape::{self, MAX_DEPTH, Tape};
use super::text::{self, ABSENT, Place};
use super::write::{ABSENT_GROUP, NULL_GROUP, PLAIN, PLAIN_ROW};
use crate::mark::MARK_OPEN;

/// A chain of links may end in a column that equals another.
const DEEPEST_LINK: usize = MAX_LINKS + 1;

/// Reads a whole text.
pub fn read(body: &str) -> Option<String> {
    let body = body.strip_suffix('\n').unwrap_or(body);
    let mut reader = Reader { s: body, at: 0, nesting: 0 };
    let mut out = String::with_capacity(body.len() * 2);
    if reader.eat("lines[") {
        let count = reader.count(']')?;
        reader.table(&mut out, count, false, true, 0)?;
    } else {
        reader.value(&mut out, Place::Inside, true, 0)?;
    }
    (reader.at == body.len()).then_some(out)
}

pub(super) struct Reader<'b> {
    pub s: &'b str,
    pub at: usize,
    /// In how many strings the JSON being read stands.
    nesting: usize,
}

/// A mark in the text.
struct Mark<'b> {
    text: &'b str,
    count: usize,
    /// Columns of the digest that follows.
    columns: Option<Vec<&'b str>>,
}

impl Mark<'_> {
    /// How many lines of a digest follow.
    fn shown(&self) -> usize {
        if self.columns.is_some() { self.count } else { 0 }
    }
}

/// What a row says about one column.
#[derive(Debug, Clone, Default)]
enum Cell {
    /// Nothing: what the header says holds.
    #[default]
    Unsaid,
    /// The record has no such member.
    Absent,
    /// This JSON.
    Value(String),
}

/// What a row says about one group of columns.
#[derive(Debug, Clone, Default)]
enum GroupState {
    #[default]
    Fits,
    Absent,
    Other(String),
}

impl<'b> Reader<'b> {
    pub fn peek(&self) -> Option<u8> {
        self.s.as_bytes().get(self.at).copied()
    }

    pub fn eat(&mut self, token: &str) -> bool {
        let found = self.s.get(self.at..).is_some_and(|rest| rest.starts_with(token));
        if found {
            self.at += token.len();
        }
        found
    }

    /// A number followed by `close`.
    fn count(&mut self, close: char) -> Option<usize> {
        let digits = self.s[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        let count = self.s[self.at..self.at + digits].parse().ok()?;
        self.at += digits;
        let mut buffer = [0; 4];
        self.eat(close.encode_utf8(&mut buffer)).then_some(count)
    }

    /// A quoted string, quotes included.
    pub fn quoted(&mut self) -> Option<&'b str> {
        let end = tape::string(self.s.as_bytes(), self.at)?;
        let quoted = &self.s[self.at..end];
        self.at = end;
        Some(quoted)
    }

    /// Text up to what ends a bare string in `place`.
    pub fn bare(&mut self, place: Place) -> &'b str {
        let rest = &self.s[self.at..];
        let n = rest.bytes().position(|b| text::ends_bare(place, b)).unwrap_or(rest.len());
        self.at += n;
        &rest[..n]
    }

    /// A key: quoted, or bare up to a colon. Returns it as the inside of a JSON string.
    pub fn key(&mut self) -> Option<String> {
        if self.peek() == Some(b'"') {
            let quoted = self.quoted()?;
            return Some(quoted[1..quoted.len() - 1].to_owned());
        }
        let rest = &self.s[self.at..];
        let n = rest.bytes().position(|b| b":,;=[]{}()\"?\n".contains(&b)).unwrap_or(rest.len());
        let key = &rest[..n];
        if !text::is_bare_key(key) {
            return None;
        }
        self.at += n;
        let mut inner = String::with_capacity(n);
        text::escape(&mut inner, key);
        Some(inner)
    }

    /// Any value, written plainly; a table too where `tables` allows it.
    pub fn value(&mut self, out: &mut String, place: Place, tables: bool, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek() {
            Some(b'"') => out.push_str(self.quoted()?),
            Some(b'@') => self.nested(out, tables, depth)?,
            Some(open @ (b'{' | b'[')) => {
                let map = open == b'{';
                if tables && let Some(count) = self.table_start(map) {
                    return self.table(out, count, map, false, depth);
                }
                self.at += 1;
                out.push(char::from(open));
                let close = if map { "}" } else { "]" };
                let (between, place) =
                    if map && self.eat(" ") { (" ", Place::Spaced) } else { (",", Place::Inside) };
                let mut first = true;
                while !self.eat(close) {
                    if !first {
                        out.push(',');
                        self.eat(between).then_some(())?;
                    }
                    first = false;
                    if let Some(mark) = self.mark() {
                        out.push_str(mark.text);
                        continue;
                    }
                    if map {
                        self.map_key(out)?;
                    }
                    self.value(out, place, tables, depth + 1)?;
                }
                out.push_str(close);
            }
            _ => {
                let bare = self.bare(place);
                scalar(out, bare, place, false)?;
            }
        }
        Some(())
    }

    /// A string that holds JSON.
    fn nested(&mut self, out: &mut String, tables: bool, depth: usize) -> Option<()> {
        // Escapes double with each level: a forged text must not grow without end.
        if self.nesting == nested::MAX_NESTING {
            return None;
        }
        self.at += nested::OPEN.len_utf8();
        let (layout, sign) =
            nested::LAYOUTS.into_iter().rev().find(|(_, sign)| self.s[self.at..].starts_with(sign))?;
        self.at += sign.len();
        let mut json = String::new();
        self.nesting += 1;
        self.value(&mut json, Place::Inside, tables, depth + 1)?;
        self.nesting -= 1;
        let tape = Tape::parse(&json)?;
        let mut data = String::with_capacity(json.len());
        nested::write(&tape, tape.single()?, layout, 0, &mut data);
        text::quote(out, &data);
        Some(())
    }

    fn map_key(&mut self, out: &mut String) -> Option<()> {
        let key = self.key()?;
        out.push('"');
        out.push_str(&key);
        out.push_str("\":");
        self.eat(":").then_some(())
    }

    /// `[12]{`, `[12][`, `{12}{` or `{12}[`: the count, with the cursor on the shape.
    fn table_start(&mut self, map: bool) -> Option<usize> {
        let start = self.at;
        self.at += 1;
        let count = self.count(if map { '}' } else { ']' });
        if count.is_some() && matches!(self.peek(), Some(b'{' | b'[' | b':')) {
            return count;
        }
        self.at = start;
        None
    }

    /// The rest of a table: shape, colon, rows. `lines`: one value per line instead of an array.
    fn table(&mut self, out: &mut String, count: usize, map: bool, lines: bool, depth: usize) -> Option<()> {
        // Without a shape every record is written by itself.
        let form = if self.peek() == Some(b':') { None } else { Some(self.form(0)?) };
        self.eat(":\n").then_some(())?;
        let (open, close, separator) = match (lines, map) {
            (true, _) => ("", "", '\n'),
            (_, true) => ("{", "}", ','),
            _ => ("[", "]", ','),
        };
        out.push_str(open);
        let mut i = 0;
        while i < count {
            if i > 0 {
                out.push(separator);
            }
            if let Some(mark) = self.mark() {
                i = i.checked_add(mark.count)?;
                out.push_str(mark.text);
                for _ in 0..mark.shown() {
                    out.push(separator);
                    self.eat("\n").then_some(())?;
                    self.shown(out, &mark, map, Place::Line)?;
                }
            } else {
                i += 1;
                if map {
                    self.map_key(out)?;
                }
                match &form {
                    Some(form) => self.row(form, out, Place::Line)?,
                    None => self.value(out, Place::Line, true, depth + 1)?,
                }
            }
            if !self.eat("\n") && (self.at < self.s.len() || i < count) {
                return None;
            }
        }
        out.push_str(close);
        (i == count).then_some(())
    }

    /// A mark of records, if one stands here.
    fn mark(&mut self) -> Option<Mark<'b>> {
        let rest = self.s.get(self.at..)?.strip_prefix(MARK_OPEN)?;
        let close = memchr::memchr2(b']', b'\n', rest.as_bytes())?;
        let inner = &rest[..close];
        let (head, label) = inner.split_once(": ").map_or((inner, None), |(head, label)| (head, Some(label)));
        let mut words = head.split(' ');
        let count: usize = words.next()?.parse().ok()?;
        let unit = words.next()?;
        if count == 0 || !unit.starts_with("record") || !rest[close..].starts_with(']') {
            return None;
        }
        let columns = label
            .and_then(|label| label.strip_prefix(digest::LABEL))
            .map(|columns| columns.split(',').collect());
        let end = self.at + MARK_OPEN.len() + close + 1;
        let text = &self.s[self.at..end];
        self.at = end;
        Some(Mark { text, count, columns })
    }

    /// One line of a digest.
    fn shown(&mut self, out: &mut String, mark: &Mark<'b>, map: bool, place: Place) -> Option<()> {
        if map {
            self.map_key(out)?;
        }
        out.push('{');
        let mut first = true;
        for (i, column) in mark.columns.iter().flatten().enumerate() {
            if i > 0 {
                self.eat(",").then_some(())?;
            }
            let mut json = String::new();
            if self.peek() == Some(b'-')
                && self.s[self.at + 1..].bytes().next().is_none_or(|b| text::ends_bare(place, b))
            {
                self.at += ABSENT.len();
                continue;
            }
            self.value(&mut json, place, false, 0)?;
            if !first {
                out.push(',');
            }
            first = false;
            text::quote(out, column);
            out.push(':');
            out.push_str(&json);
        }
        out.push('}');
        Some(())
    }

    /// One row (or inner row) of the given form.
    fn row(&mut self, form: &Form, out: &mut String, place: Place) -> Option<()> {
        match form {
            Form::Any => self.value(out, place, false, 0),
            Form::List(item) | Form::Map(item) => self.inner(form, item, out, place),
            Form::Record(record) => {
                if self.eat(PLAIN_ROW) {
                    return self.value(out, place, false, 0);
                }
                let mut row = Row::new(record);
                self.cells(&record.parts, record, &mut row, place)?;
                while self.peek() == Some(b',') {
                    self.at += 1;
                    self.named(record, &mut row, place)?;
                }
                row.write(record, out)
            }
        }
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

/// Writes a bare text as JSON; `None` if it may not be bare.
fn scalar(out: &mut String, bare: &str, place: Place, typed: bool) -> Option<()> {
    if text::is_bare(bare, place, typed) {
        text::quote(out, bare);
        return Some(());
    }
    (!typed && text::is_other_value(bare)).then(|| out.push_str(bare))
}

/// One row, as far as it has been read.
struct Row {
    first: bool,
    cells: Vec<Cell>,
    groups: Vec<GroupState>,
}

impl Row {
    fn new(record: &Record) -> Self {
        Row {
            first: true,
            cells: vec![Cell::Unsaid; record.leaves.len()],
            groups: vec![GroupState::Fits; record.groups],
        }
    }

    fn write(&self, record: &Record, out: &mut String) -> Option<()> {
        self.write_parts(&record.parts, record, out)
    }

    fn write_parts(&self, parts: &[Part], record: &Record, out: &mut String) -> Option<()> {
        out.push('{');
        let mut first = true;
        for part in parts {
            let key = match part {
                Part::Leaf(leaf) => &record.leaves[*leaf].key,
                Part::Group { key, .. } => key,
            };
            let before = out.len();
            if !first {
                out.push(',');
            }
            out.push('"');
            out.push_str(key);
            out.push_str("\":");
            let present = match part {
                Part::Leaf(leaf) => self.write_leaf(*leaf, record, out)?,
                Part::Group { id, parts, .. } => match &self.groups[*id] {
                    GroupState::Fits => {
                        self.write_parts(parts, record, out)?;
                        true
                    }
                    GroupState::Absent => false,
                    GroupState::Other(json) => {
                        out.push_str(json);
                        true
                    }
                },
            };
            if present {
                first = false;
            } else {
                out.truncate(before);
            }
        }
        out.push('}');
        Some(())
    }

    /// False if the record has no such member.
    fn write_leaf(&self, leaf: usize, record: &Record, out: &mut String) -> Option<bool> {
        let json = self.leaf(leaf, record, 0)?;
        if let Some(json) = &json {
            out.push_str(json);
        }
        Some(json.is_some())
    }

    /// The JSON of a column, `Some(None)` if the record has no such member.
    fn leaf<'r>(&'r self, leaf: usize, record: &'r Record, depth: usize) -> Option<Option<Cow<'r, str>>> {
        let info = record.leaves.get(leaf)?;
        if depth > DEEPEST_LINK || info.groups.iter().any(|g| !matches!(self.groups[*g], GroupState::Fits)) {
            return (depth <= DEEPEST_LINK).then_some(None);
        }
        Some(match &self.cells[leaf] {
            Cell::Value(json) => Some(Cow::Borrowed(json)),
            Cell::Absent => None,
            Cell::Unsaid => match &info.fill {
                Fill::Cell { default: Some(json), .. } | Fill::Const(json) => Some(Cow::Borrowed(json)),
                Fill::Cell { default: None, .. } | Fill::Sparse => None,
                Fill::Same(column) => return self.leaf(column.leaf, record, depth + 1),
                Fill::Format(pieces) => {
                    let mut text = "\"".to_owned();
                    for piece in pieces {
                        match piece {
                            Piece::Text(piece) => text.push_str(piece),
                            Piece::Column(column) => {
                                let json = self.leaf(column.leaf, record, depth + 1)?;
                                let Some(part) = json.as_deref().and_then(part) else { return Some(None) };
                                text.push_str(part);
                            }
                        }
                        // Templates that refer to templates could grow without end.
                        if text.len() > MAX_ADDRESS_BYTES + 2 {
                            return None;
                        }
                    }
                    text.push('"');
                    Some(Cow::Owned(text))
                }
            },
        })
    }
}

/// The text of a value as a template puts it in.
fn part(json: &str) -> Option<&str> {
    match json.as_bytes().first()? {
        b'"' => json.strip_prefix('"')?.strip_suffix('"').filter(|s| !s.contains('\\')),
        b'-' | b'0'..=b'9' => (json != "-Infinity").then_some(json),
        _ => None,
    }
}
