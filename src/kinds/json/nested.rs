//! JSON inside the strings of JSON: `"{\"a\":1}"` is written as `@{a:1}`.
//!
//! Only where the string is exactly what one of the common writers makes of that JSON, so that it can
//! be made again. Cost: linear in the string, per level of nesting; levels are few, for escapes double.

use super::tape::{Id, Kind, MAX_DEPTH, Tape};
use super::text;

/// What stands before the JSON of a string.
pub const OPEN: char = '@';
/// JSON in strings in strings is followed this deep.
pub const MAX_NESTING: usize = 3;
/// Shorter strings are not worth it, in bytes.
pub const MIN_BYTES: usize = 24;

/// How a writer lays out JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// No white space.
    Compact,
    /// A space after `,` and `:` (Python's default).
    Spaced,
    /// Each element on a line, indented by this many spaces.
    Indented(usize),
}

/// Layouts that strings are compared with, and what stands for each after [`OPEN`].
pub const LAYOUTS: [(Layout, &str); 4] =
    [(Layout::Compact, ""), (Layout::Spaced, "@"), (Layout::Indented(2), "2"), (Layout::Indented(4), "4")];

/// The JSON in a string's data, and the layout in which it stands there.
pub fn find(data: &str) -> Option<(Tape<'_>, &'static str)> {
    if data.len() < MIN_BYTES || !data.starts_with(['{', '[']) || !data.ends_with(['}', ']']) {
        return None;
    }
    let tape = Tape::parse(data)?;
    let root = tape.single()?;
    let mut out = String::with_capacity(data.len());
    let sign = LAYOUTS.into_iter().find_map(|(layout, sign)| {
        // The layouts that indent begin with a line break, the others do not.
        if matches!(layout, Layout::Indented(_)) != data[1..].starts_with('\n') {
            return None;
        }
        out.clear();
        write(&tape, root, layout, 0, &mut out);
        (out == data).then_some(sign)
    })?;
    Some((tape, sign))
}

/// Writes JSON in a layout.
pub fn write(tape: &Tape<'_>, id: Id, layout: Layout, depth: usize, out: &mut String) {
    let kind = tape.kind(id);
    let map = match kind {
        Kind::Object => true,
        Kind::Array => false,
        Kind::String => return text::write_quoted(out, tape.inner(id)),
        Kind::Number | Kind::Word => return out.push_str(tape.raw(id)),
    };
    out.push(if map { '{' } else { '[' });
    let mut at = id + 1;
    while at < tape.next(id) {
        if at > id + 1 {
            out.push(',');
            if layout == Layout::Spaced {
                out.push(' ');
            }
        }
        break_line(layout, depth + 1, out);
        if map {
            text::write_quoted(out, tape.inner(at));
            out.push_str(if layout == Layout::Compact { ":" } else { ": " });
            at += 1;
        }
        write(tape, at, layout, depth + 1, out);
        at = tape.next(at);
    }
    if !tape.is_empty(id) {
        break_line(layout, depth, out);
    }
    out.push(if map { '}' } else { ']' });
}

fn break_line(layout: Layout, depth: usize, out: &mut String) {
    if let Layout::Indented(n) = layout {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', n * depth.min(MAX_DEPTH)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_told_apart() {
        for (data, sign) in [
            (r#"{"alpha":1,"beta":[1,2],"c":{}}"#, Some("")),
            (r#"{"alpha": 1, "beta": [1, 2], "c": {}}"#, Some("@")),
            (r#"[10000, 20000, 30000, 40000]"#, Some("@")),
            (r#"["a: b","c, d","something else"]"#, Some("")),
            ("{\n  \"alpha\": 1,\n  \"beta\": [\n    1\n  ],\n  \"c\": {}\n}", Some("2")),
            ("{\n    \"alpha\": 1,\n    \"beta\": [],\n    \"c\": {}\n}", Some("4")),
            (r#"{"alpha" :1,"beta":[1,2],"c":{}}"#, None),
            (r#"{"alpha":1,"beta":"\u0061bc","c":{}}"#, None),
        ] {
            assert_eq!(find(data).map(|(_, sign)| sign), sign, "{data}");
        }
    }
}
