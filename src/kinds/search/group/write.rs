//! Writes the parts of a grouped body.
//!
//! Invariant: a line that is no match never reads as one, nor as the name of a file or a mark: it is
//! escaped where it would. Cost: linear; every part is written once.

use super::items::{Item, Run};
use super::names::{NAMED, NAMELESS, Names};
use crate::kinds::search::form::{Form, is_like_name};
use crate::kinds::search::matches::{GROUP_SEPARATOR, Parsed};
use crate::mark::{self, MARK_OPEN, Unit};

/// A body as far as it is written.
pub struct Writer<'p, 't> {
    pub parsed: &'p Parsed<'t>,
    pub form: Form,
    pub names: Names<'p, 't>,
    pub out: String,
    /// A line that is no match, to be written once it is known what follows.
    pub raw: Option<usize>,
}

impl Writer<'_, '_> {
    pub fn write(&mut self, item: Item<'_>, at_file: &mut impl FnMut(Form, &mut String)) {
        self.write_raw(matches!(item, Item::Mark { .. }));
        match item {
            Item::Path(path) => {
                at_file(self.form, &mut self.out);
                let path = self.parsed.paths[path];
                write_plain(&mut self.out, path, self.form, path == GROUP_SEPARATOR);
                self.out.push('\n');
            }
            Item::Raw(line) => self.raw = Some(line),
            Item::Mark { lines, files } => {
                let label = files.map(|files| format!("{files} files"));
                mark::write_mark(&mut self.out, Unit::Line, lines.start + 1, lines.len(), label.as_deref());
                self.out.push('\n');
            }
            Item::Matches(run) => run.heads().for_each(|at| self.write_match(run, at)),
        }
    }

    fn write_raw(&mut self, is_before_mark: bool) {
        if let Some(line) = self.raw.take() {
            let raw = self.parsed.raw(line);
            let could_be_path = self.form.style.pathed && is_before_mark && raw != GROUP_SEPARATOR;
            write_plain(&mut self.out, raw, self.form, could_be_path);
            self.out.push('\n');
        }
    }

    fn write_match(&mut self, run: &Run, at: usize) {
        use std::fmt::Write;
        let Some(hit) = self.parsed.hit(run.lines[at]) else { return };
        self.out.push_str(hit.number);
        let mut next = run.next.get(at).copied().flatten();
        while let Some(at) = next {
            self.out.push(',');
            self.out.push_str(self.parsed.hit(run.lines[at.get()]).map_or("", |hit| hit.number));
            next = run.next.get(at.get()).copied().flatten();
        }
        self.out.push(self.form.separator(hit.separator));
        let name = &mut self.names.of[self.parsed.first_with_text(run.lines[at])];
        // Writing to a String cannot fail.
        let _ = match *name {
            NAMELESS => {
                if self.form.has_names && is_like_name(hit.text) {
                    self.out.push('\\');
                }
                self.out.push_str(hit.text);
                Ok(())
            }
            NAMED => {
                self.names.given += 1;
                *name = self.names.given;
                write!(self.out, "&{name} {}", hit.text)
            }
            name => write!(self.out, "*{name}"),
        };
        self.out.push('\n');
    }

    pub fn finish(mut self) -> String {
        self.write_raw(false);
        self.out
    }
}

fn write_plain(out: &mut String, line: &str, form: Form, must_escape: bool) {
    if must_escape || line.starts_with('\\') || line.starts_with(MARK_OPEN) || form.read(line).is_some() {
        out.push('\\');
    }
    out.push_str(line);
}
