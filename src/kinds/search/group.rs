//! Groups matches by file, without loss: the path once, then its lines as `12 text`.
//!
//! ```text
//! body  = (group | raw)*
//! group = path (line | "--" | mark)*   the path on a line of its own
//! line  = numbers separator text       numbers: "12", or "12,40" where the same text stands in both
//! text  = "&1 " words                  words that are repeated as
//!       | "*1"                         this, wherever they stand again
//! raw   = a line that is no match, as it was; "\" before it if it could be read as something else
//! ```
//!
//! `separator` is a space; with context it is `:` for a match and a space for context. The words of
//! the header say which form a body has. Encoding and decoding ([`super::ungroup`]) are linear.

use std::collections::HashMap;
use std::ops::Range;

use super::form::{Form, is_like_name, number};
use super::matches::{GROUP_SEPARATOR, Match, Parsed};
use crate::mark::{self, MARK_OPEN, Omission, Unit};

/// A text must be this long, in bytes, to be worth a name …
const MIN_NAMED_BYTES: usize = 14;
/// … and save this much by it, in bytes, naming and every repetition counted.
const MIN_NAMED_GAIN_BYTES: usize = 16;
/// What "&1 " and "*1" cost, in bytes of ordinary text (two tokens).
const NAME_COST_BYTES: usize = 8;
/// A line of the body before it is written.
enum Item<'t> {
    Path(&'t str),
    Match { first: Match<'t>, more: Vec<&'t str> },
    Raw(&'t str),
    Mark { first: usize, count: usize, label: Option<String> },
}

/// A body, the words of its header and what it leaves out.
#[derive(Debug)]
pub struct Grouped {
    /// The body.
    pub text: String,
    /// Words of the header.
    pub words: String,
    /// What was left out.
    pub omissions: Vec<Omission>,
}

/// Writes the kept lines of `parsed`, grouped. `ranges` are the lines' bytes in the source. A file of
/// which nothing is kept is named if `is_named` says so, and is part of a longer mark if not.
pub fn encode(
    parsed: &Parsed<'_>,
    ranges: &[Range<usize>],
    keep: &[bool],
    is_named: impl Fn(usize) -> bool,
) -> Grouped {
    let mut omissions = Vec::new();
    let items = merge(items(parsed, ranges, keep, is_named, &mut omissions), parsed);
    let names = names(&items);
    let form = Form { style: parsed.style, has_context: parsed.has_context, has_names: !names.is_empty() };
    let mut text = write(&items, form, &names);
    if !parsed.ends_with_newline && text.ends_with('\n') {
        text.pop();
    }
    Grouped { text, words: form.words(), omissions }
}

fn items<'t>(
    parsed: &Parsed<'t>,
    ranges: &[Range<usize>],
    keep: &[bool],
    is_named: impl Fn(usize) -> bool,
    omissions: &mut Vec<Omission>,
) -> Vec<Item<'t>> {
    let mut out = Vec::with_capacity(parsed.lines.len() + parsed.paths.len());
    let lines = &parsed.lines;
    let path_of = |i: usize| lines[i].hit.map(|m| m.path);
    let mut current: Option<usize> = None;
    // A file that stands in several places is named for its omitted matches once.
    let mut is_shown = vec![false; parsed.paths.len()];
    let mut i = 0;
    while i < lines.len() {
        let path = path_of(i);
        let is_new = parsed.style.pathed && path.is_some() && path != current;
        if keep[i] {
            match lines[i].hit {
                None => {
                    out.push(Item::Raw(lines[i].raw));
                    if lines[i].raw != GROUP_SEPARATOR {
                        current = None;
                    }
                }
                Some(hit) => {
                    if is_new {
                        out.push(Item::Path(parsed.paths[hit.path]));
                        is_shown[hit.path] = true;
                        current = path;
                    }
                    out.push(Item::Match { first: hit, more: Vec::new() });
                }
            }
            i += 1;
            continue;
        }
        // A run of lines left out: of one file whose name stands above, or of several others.
        let named = path.filter(|p| is_new && is_named(*p) && !is_shown[*p]);
        if let Some(p) = named {
            out.push(Item::Path(parsed.paths[p]));
            is_shown[p] = true;
            current = path;
        }
        // A mark below the name of a file counts lines of that file alone.
        let is_alone = path.is_some() && path == current;
        let mut end = i + 1;
        let mut files = usize::from(path.is_some());
        let mut last = path;
        while end < lines.len() && !keep[end] {
            let next = path_of(end).filter(|_| parsed.style.pathed);
            if next.is_some() && next != last {
                if is_alone || next.is_some_and(|p| is_named(p) && !is_shown[p]) {
                    break;
                }
                files += 1;
                last = next;
            }
            end += 1;
        }
        let label = (parsed.style.pathed && files > 1).then(|| format!("{files} files"));
        omissions.push(Omission {
            range: ranges[i].start..ranges[end - 1].end,
            unit: Unit::Line,
            first: i + 1,
            count: end - i,
        });
        out.push(Item::Mark { first: i + 1, count: end - i, label });
        i = end;
    }
    out
}

/// Joins lines of one file that have the same text: `12,40 text`.
fn merge<'t>(items: Vec<Item<'t>>, parsed: &Parsed<'_>) -> Vec<Item<'t>> {
    // Context reads in its order, and without numbers nothing says where a line stood.
    if parsed.has_context || !parsed.style.numbered {
        return items;
    }
    let runs = ascending_runs(&items);
    let mut out: Vec<Item<'t>> = Vec::with_capacity(items.len());
    let mut seen: HashMap<&'t str, usize> = HashMap::new();
    for (item, run) in items.into_iter().zip(runs) {
        let Item::Match { first, .. } = &item else {
            seen.clear();
            out.push(item);
            continue;
        };
        if run > 1 {
            if let Some(Item::Match { more, .. }) = seen.get(first.text).and_then(|at| out.get_mut(*at)) {
                more.push(first.number);
                continue;
            }
            seen.insert(first.text, out.len());
        }
        out.push(item);
    }
    out
}

/// For each item the length of the run of matches it belongs to, 0 if its numbers do not ascend.
fn ascending_runs(items: &[Item<'_>]) -> Vec<usize> {
    let mut out = vec![0; items.len()];
    let mut start = 0;
    while start < items.len() {
        let length = items[start..].iter().take_while(|item| matches!(item, Item::Match { .. })).count();
        if is_ascending(&items[start..start + length]) {
            out[start..start + length].fill(length);
        }
        start += length.max(1);
    }
    out
}

fn is_ascending(run: &[Item<'_>]) -> bool {
    let mut last = None;
    run.iter().all(|item| {
        let Item::Match { first, .. } = item else { return false };
        let number = number(first.number);
        let ascends = number.is_some() && number > last;
        last = number;
        ascends
    })
}

/// Texts that pay for a name.
fn names<'t>(items: &[Item<'t>]) -> HashMap<&'t str, Option<usize>> {
    let mut counts: HashMap<&'t str, usize> = HashMap::new();
    for item in items {
        if let Item::Match { first, .. } = item
            && first.text.len() >= MIN_NAMED_BYTES
        {
            *counts.entry(first.text).or_default() += 1;
        }
    }
    counts.retain(|text, count| {
        let gain = (*count - 1) * text.len().saturating_sub(NAME_COST_BYTES);
        gain >= NAME_COST_BYTES + MIN_NAMED_GAIN_BYTES
    });
    counts.into_keys().map(|text| (text, None)).collect()
}

fn write(items: &[Item<'_>], form: Form, names: &HashMap<&str, Option<usize>>) -> String {
    use std::fmt::Write;
    let mut given: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Path(path) => write_plain(&mut out, path, form, *path == GROUP_SEPARATOR),
            Item::Raw(raw) => {
                let before_mark = form.style.pathed && matches!(items.get(i + 1), Some(Item::Mark { .. }));
                write_plain(&mut out, raw, form, before_mark && *raw != GROUP_SEPARATOR);
            }
            Item::Mark { first, count, label } => {
                mark::write_mark(&mut out, Unit::Line, *first, *count, label.as_deref());
            }
            Item::Match { first, more } => {
                out.push_str(first.number);
                for number in more {
                    out.push(',');
                    out.push_str(number);
                }
                out.push(form.separator(first.separator));
                if names.contains_key(first.text) {
                    let next = given.len() + 1;
                    // Writing to a String cannot fail.
                    let _ = match given.entry(first.text) {
                        std::collections::hash_map::Entry::Occupied(name) => write!(out, "*{}", name.get()),
                        std::collections::hash_map::Entry::Vacant(slot) => {
                            slot.insert(next);
                            write!(out, "&{next} {}", first.text)
                        }
                    };
                } else {
                    if form.has_names && is_like_name(first.text) {
                        out.push('\\');
                    }
                    out.push_str(first.text);
                }
            }
        }
        out.push('\n');
    }
    out
}

fn write_plain(out: &mut String, line: &str, form: Form, must_escape: bool) {
    if must_escape || line.starts_with('\\') || line.starts_with(MARK_OPEN) || form.read(line).is_some() {
        out.push('\\');
    }
    out.push_str(line);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::form::{FORMS, NAMED_WORDS};
    use super::super::matches::{Style, parse, split_lines};
    use super::super::ungroup::decode;
    use super::*;
    use crate::select;
    use proptest::prelude::*;

    const STYLES: [Style; 3] = [
        Style { pathed: true, numbered: true },
        Style { pathed: false, numbered: true },
        Style { pathed: true, numbered: false },
    ];

    fn whole(text: &str, style: Style) -> Grouped {
        let ranges = select::lines(text);
        encode(&parse(text, style), &ranges, &vec![true; ranges.len()], |_| true)
    }

    fn round_trip(text: &str, style: Style) -> String {
        let grouped = whole(text, style);
        assert_eq!(decode(&grouped.text, &grouped.words).as_deref(), Some(text), "{}", grouped.text);
        grouped.text
    }

    #[test]
    fn a_file_is_named_once_and_equal_lines_are_joined() {
        let text = "a/b.rs:3:use x;\na/b.rs:7:let y = 1:2;\na/b.rs:12:use x;\nc.rs:1:\n";
        assert_eq!(round_trip(text, STYLES[0]), "a/b.rs\n3,12 use x;\n7 let y = 1:2;\nc.rs\n1 \n");
    }

    #[test]
    fn lines_that_do_not_ascend_are_not_joined() {
        let text = "a.rs:3:use x;\na.rs:3:use x;\na.rs:2:use x;";
        assert_eq!(round_trip(text, STYLES[0]), "a.rs\n3 use x;\n3 use x;\n2 use x;");
    }

    #[test]
    fn a_long_text_in_several_files_has_a_name() {
        let line = "import com.example.project.Something;";
        let text = format!("A.java:1:{line}\nB.java:1:{line}\nB.java:2:*1\nC.java:3:{line}\n");
        let expected = format!("A.java\n1 &1 {line}\nB.java\n1 *1\n2 \\*1\nC.java\n3 *1\n");
        assert_eq!(round_trip(&text, STYLES[0]), expected);
    }

    #[test]
    fn context_keeps_its_order_and_its_separators() {
        let text = "a.c-1-}\na.c:2:x\na.c-3-}\n--\na.c=7=f()\na.c:9:x\n";
        assert_eq!(round_trip(text, STYLES[0]), "a.c\n1 }\n2:x\n3 }\n--\n7=f()\n9:x\n");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let text = "<output>\nsrc/a.c:1:x\ngrep: b.o: binary file matches\nsrc/a.c:2:y\n</output>\n";
        assert_eq!(
            round_trip(text, STYLES[0]),
            "<output>\nsrc/a.c\n1 x\ngrep: b.o: binary file matches\nsrc/a.c\n2 y\n</output>\n"
        );
    }

    #[test]
    fn omitted_lines_leave_a_mark_below_their_file() {
        let text = "a.c:1:x\na.c:2:y\na.c:3:z\nb.c:4:v\nb.c:5:w\nc.c:6:u\n";
        let ranges = select::lines(text);
        let parsed = parse(text, STYLES[0]);
        let keep = [true, false, false, false, false, true];
        let grouped = encode(&parsed, &ranges, &keep, |_| true);
        assert_eq!(grouped.text, "a.c\n1 x\n[… 2 lines 2-3]\nb.c\n[… 2 lines 4-5]\nc.c\n6 u\n");
        let grouped = encode(&parsed, &ranges, &[false; 6], |path| path == 1);
        assert_eq!(grouped.text, "[… 3 lines 1-3]\nb.c\n[… 2 lines 4-5]\n[… 1 line 6]\n");
        assert_eq!(grouped.omissions.iter().map(|o| o.count).sum::<usize>(), 6);
    }

    /// Lines as a search prints them, and lines that it does not.
    fn line() -> impl Strategy<Value = String> {
        let path = prop_oneof![
            "[a-c]{1,2}/[a-b]\\.rs",
            "C:\\\\[a-c]\\.c",
            "[a-b]-[0-9]-x\\.md",
            "[0-9]{1,2}[ :,-]?[a-b]\\.txt",
            "HEAD:[a-b]\\.py",
            Just("--".to_owned()),
            Just("\\a/b".to_owned()),
        ];
        let text = prop_oneof![
            "[ ]{0,4}[a-b]{0,3}",
            "[&*][0-9]( x)?",
            "[0-9]{1,2}:[a-b]?",
            Just("    return self.configuration.value".to_owned()),
            Just("\\escaped".to_owned()),
            "\\PC{0,8}\r?",
        ];
        let number = prop_oneof!["[1-9][0-9]{0,2}", "0[0-9]", Just(String::new()), "[1-9]{25}"];
        let matched = (path, prop_oneof![Just(":"), Just("-"), Just("=")], number, text.clone()).prop_map(
            |(p, s, n, t)| {
                if n.is_empty() { format!("{p}{s}{t}") } else { format!("{p}{s}{n}{s}{t}") }
            },
        );
        prop_oneof![6 => matched, 1 => Just("--".to_owned()), 1 => "[1-9][0-9]?[:-][a-b ]{0,3}", 1 => text,
            1 => Just("[… 3 things".to_owned())]
    }

    proptest! {
        #[test]
        fn any_search_comes_back(lines in prop::collection::vec(line(), 0..30), newline: bool, style in 0_usize..3) {
            let text = lines.join("\n") + if newline { "\n" } else { "" };
            let grouped = whole(&text, STYLES[style]);
            prop_assert_eq!(decode(&grouped.text, &grouped.words), Some(text), "{}", grouped.text);
        }

        #[test]
        fn marks_and_what_was_omitted_give_the_text(
            lines in prop::collection::vec(("[a-c]/x\\.rs", 1_u32..50, "[a-b ]{0,4}"), 1..30),
            flags in prop::collection::vec((any::<bool>(), any::<bool>()), 30),
        ) {
            let text: String = lines.iter().map(|(p, n, t)| format!("{p}:{n}:{t}\n")).collect();
            let ranges = select::lines(&text);
            let keep: Vec<bool> = flags.iter().take(ranges.len()).map(|f| f.0).collect();
            let parsed = parse(&text, STYLES[0]);
            let grouped = encode(&parsed, &ranges, &keep, |path| flags[path].1);
            let mut restored = String::new();
            let mut omissions = grouped.omissions.iter();
            for line in split_lines(&decode(&grouped.text, &grouped.words).unwrap()) {
                match line.starts_with(MARK_OPEN) {
                    true => restored.push_str(&text[omissions.next().unwrap().range.clone()]),
                    false => { restored.push_str(line); restored.push('\n'); }
                }
            }
            prop_assert_eq!(restored, text, "{}", grouped.text);
            prop_assert!(omissions.next().is_none());
        }

        #[test]
        fn decoding_never_panics(body in "(\\PC|[\n &*,:0-9\\\\]){0,80}", form in 0_usize..6, names: bool) {
            let words = format!("{}{}", FORMS[form].2, if names { NAMED_WORDS } else { "" });
            let _ = decode(&body, &words);
        }
    }
}
