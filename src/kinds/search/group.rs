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

use std::num::NonZero;
use std::ops::Range;

use super::form::{Form, is_like_name, number};
use super::matches::{GROUP_SEPARATOR, Parsed};
use super::ungroup::Decoder;
use crate::kinds::sink::Same;
use crate::mark::{self, MARK_OPEN, Omission, Unit};

/// So many bytes at least are decoded at once, to see whether they come back.
const MIN_DECODED_BYTES: usize = 64 << 10;
/// A text must be this long, in bytes, to be worth a name …
const MIN_NAMED_BYTES: usize = 14;
/// … and save this much by it, in bytes, naming and every repetition counted.
const MIN_NAMED_GAIN_BYTES: usize = 16;
/// What "&1 " and "*1" cost, in bytes of ordinary text (two tokens).
const NAME_COST_BYTES: usize = 8;

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

/// Writes the kept lines of `parsed`, grouped. A file of which nothing is kept is named if `is_named`
/// says so, and is part of a longer mark if not.
pub fn encode(parsed: &Parsed<'_>, keep: &[bool], is_named: impl Fn(usize) -> bool) -> Grouped {
    encode_by_file(parsed, keep, is_named, |_, _| ())
}

/// Whether all of a text comes back byte for byte from its groups. What is written is decoded and
/// dropped again, some files at a time: a large text does not stand in memory twice.
pub fn comes_back(parsed: &Parsed<'_>, text: &str) -> bool {
    let mut decoder: Option<Decoder<Same<'_>>> = None;
    let mut is_readable = true;
    let mut read = |form: Form, body: &mut String| {
        let decoder = decoder.get_or_insert_with(|| Decoder::new(Same::new(text), form));
        is_readable = is_readable && decoder.feed(body).is_some();
        body.clear();
    };
    let all = vec![true; parsed.len()];
    let mut rest = encode_by_file(
        parsed,
        &all,
        |_| true,
        |form, body| {
            if body.len() >= MIN_DECODED_BYTES {
                read(form, body);
            }
        },
    );
    let Some(form) = Form::of(&rest.words) else { return false };
    read(form, &mut rest.text);
    is_readable && decoder.is_some_and(|decoder| decoder.out.is_same())
}

/// Encodes; `at_file` may take what was written before the name of a file.
fn encode_by_file(
    parsed: &Parsed<'_>,
    keep: &[bool],
    is_named: impl Fn(usize) -> bool,
    mut at_file: impl FnMut(Form, &mut String),
) -> Grouped {
    let mut names = Names::new(parsed);
    // The lines are gone over twice, which takes less memory than what is to be written would.
    items(parsed, keep, &is_named, |item| names.count(item));
    let has_names = names.choose();
    let form = Form { style: parsed.style, has_context: parsed.has_context, has_names };
    let mut omissions = Vec::new();
    let mut writer = Writer { parsed, form, names, out: String::with_capacity(MIN_DECODED_BYTES), raw: None };
    items(parsed, keep, &is_named, |item| {
        if let Item::Mark { lines, .. } = &item {
            let (range, first, count) = (parsed.range(lines.clone()), lines.start + 1, lines.len());
            omissions.push(Omission { range, unit: Unit::Line, first, count });
        }
        writer.write(item, &mut at_file);
    });
    let mut text = writer.finish();
    if !parsed.ends_with_newline && text.ends_with('\n') {
        text.pop();
    }
    Grouped { text, words: form.words(), omissions }
}

/// A part of the body before it is written.
enum Item<'i> {
    Path(usize),
    /// Lines with matches of one file, one after the other.
    Matches(&'i Run),
    /// A line that is no match.
    Raw(usize),
    Mark {
        lines: Range<usize>,
        /// How many files it covers, if several.
        files: Option<usize>,
    },
}

/// Gives the parts of the body to `sink`, in order.
fn items(
    parsed: &Parsed<'_>,
    keep: &[bool],
    is_named: impl Fn(usize) -> bool,
    mut sink: impl FnMut(Item<'_>),
) {
    let mut run = Run::new(parsed);
    let path_of = |i: usize| parsed.path_of(i);
    let mut current: Option<usize> = None;
    // A file that stands in several places is named for its omitted matches once.
    let mut is_shown = vec![false; parsed.paths.len()];
    let mut i = 0;
    while i < parsed.len() {
        let path = path_of(i);
        let is_new = parsed.style.pathed && path.is_some() && path != current;
        if is_new || path.is_none() || !keep[i] {
            run.end(parsed, &mut sink);
        }
        if keep[i] {
            match path {
                None => {
                    sink(Item::Raw(i));
                    if parsed.raw(i) != GROUP_SEPARATOR {
                        current = None;
                    }
                }
                Some(p) => {
                    if is_new {
                        sink(Item::Path(p));
                        is_shown[p] = true;
                        current = path;
                    }
                    run.lines.push(i);
                }
            }
            i += 1;
            continue;
        }
        // A run of lines left out: of one file whose name stands above, or of several others.
        let named = path.filter(|p| is_new && is_named(*p) && !is_shown[*p]);
        if let Some(p) = named {
            sink(Item::Path(p));
            is_shown[p] = true;
            current = path;
        }
        // A mark below the name of a file counts lines of that file alone.
        let is_alone = path.is_some() && path == current;
        let mut end = i + 1;
        let mut files = usize::from(path.is_some());
        let mut last = path;
        while end < parsed.len() && !keep[end] {
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
        let files = (parsed.style.pathed && files > 1).then_some(files);
        sink(Item::Mark { lines: i..end, files });
        i = end;
    }
    run.end(parsed, &mut sink);
}

/// Matches that follow each other, those with the same text joined: `12,40 text`.
struct Run {
    lines: Vec<usize>,
    /// For each line the next one of its text, as a place in `lines`; empty if none are joined.
    next: Vec<Option<NonZero<usize>>>,
    /// Whether each line stands behind an earlier one.
    is_joined: Vec<bool>,
    /// By the first line of a text: the place of its last one in `lines`, plus 1.
    last: Vec<u32>,
}

impl Run {
    fn new(parsed: &Parsed<'_>) -> Self {
        // Context reads in its order, and without numbers nothing says where a line stood.
        let may_join = !parsed.has_context && parsed.style.numbered;
        let last = vec![0; if may_join { parsed.len() } else { 0 }];
        Run { lines: Vec::new(), next: Vec::new(), is_joined: Vec::new(), last }
    }

    /// Gives the run to `sink`, if there is one, and begins another.
    fn end(&mut self, parsed: &Parsed<'_>, sink: &mut impl FnMut(Item<'_>)) {
        if self.lines.is_empty() {
            return;
        }
        if !self.last.is_empty() && self.lines.len() > 1 && self.is_ascending(parsed) {
            self.join(parsed);
        }
        sink(Item::Matches(self));
        self.lines.clear();
        self.next.clear();
        self.is_joined.clear();
    }

    fn is_ascending(&self, parsed: &Parsed<'_>) -> bool {
        let mut last = None;
        self.lines.iter().all(|line| {
            let number = parsed.hit(*line).and_then(|hit| number(hit.number));
            let ascends = number.is_some() && number > last;
            last = number;
            ascends
        })
    }

    fn join(&mut self, parsed: &Parsed<'_>) {
        self.next.resize(self.lines.len(), None);
        self.is_joined.resize(self.lines.len(), false);
        for (at, line) in self.lines.iter().enumerate() {
            let last = &mut self.last[parsed.first_with_text(*line)];
            if let Some(before) = (*last as usize).checked_sub(1) {
                self.next[before] = NonZero::new(at);
                self.is_joined[at] = true;
            }
            *last = u32::try_from(at + 1).unwrap_or(0);
        }
        for line in &self.lines {
            self.last[parsed.first_with_text(*line)] = 0;
        }
    }

    /// The lines with a text of their own, as places.
    fn heads(&self) -> impl Iterator<Item = usize> {
        (0..self.lines.len()).filter(|at| !self.is_joined.get(*at).is_some_and(|joined| *joined))
    }
}

/// Which texts have a name, by the first line that has the text.
struct Names<'p, 't> {
    parsed: &'p Parsed<'t>,
    /// How often a text is to be written; once that is known: [`NAMED`], [`NAMELESS`], or its name.
    of: Vec<u32>,
    given: u32,
}

/// A text without a name.
const NAMELESS: u32 = 0;
/// A text that gets a name where it is first written.
const NAMED: u32 = u32::MAX;

impl<'p, 't> Names<'p, 't> {
    fn new(parsed: &'p Parsed<'t>) -> Self {
        Names { parsed, of: vec![0; parsed.len()], given: 0 }
    }

    fn count(&mut self, item: Item<'_>) {
        if let Item::Matches(run) = item {
            for at in run.heads() {
                self.of[self.parsed.first_with_text(run.lines[at])] += 1;
            }
        }
    }

    /// Texts that pay for a name; whether there are any.
    fn choose(&mut self) -> bool {
        let mut any = false;
        for (line, of) in self.of.iter_mut().enumerate() {
            let times = std::mem::replace(of, NAMELESS) as usize;
            if times < 2 {
                continue;
            }
            let len = self.parsed.hit(line).map_or(0, |hit| hit.text.len());
            let gain = (times - 1) * len.saturating_sub(NAME_COST_BYTES);
            if len >= MIN_NAMED_BYTES && gain >= NAME_COST_BYTES + MIN_NAMED_GAIN_BYTES {
                *of = NAMED;
                any = true;
            }
        }
        any
    }
}

struct Writer<'p, 't> {
    parsed: &'p Parsed<'t>,
    form: Form,
    names: Names<'p, 't>,
    out: String,
    /// A line that is no match, to be written once it is known what follows.
    raw: Option<usize>,
}

impl Writer<'_, '_> {
    fn write(&mut self, item: Item<'_>, at_file: &mut impl FnMut(Form, &mut String)) {
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

    fn finish(mut self) -> String {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::form::{FORMS, NAMED_WORDS};
    use super::super::matches::{Style, parse, split_lines};
    use super::super::ungroup::decode;
    use super::*;
    use proptest::prelude::*;

    const STYLES: [Style; 3] = [
        Style { pathed: true, numbered: true },
        Style { pathed: false, numbered: true },
        Style { pathed: true, numbered: false },
    ];

    fn whole(text: &str, style: Style) -> Grouped {
        let parsed = parse(text, style);
        encode(&parsed, &vec![true; parsed.len()], |_| true)
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
        let parsed = parse(text, STYLES[0]);
        let keep = [true, false, false, false, false, true];
        let grouped = encode(&parsed, &keep, |_| true);
        assert_eq!(grouped.text, "a.c\n1 x\n[… 2 lines 2-3]\nb.c\n[… 2 lines 4-5]\nc.c\n6 u\n");
        let grouped = encode(&parsed, &[false; 6], |path| path == 1);
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
            let parsed = parse(&text, STYLES[0]);
            let keep: Vec<bool> = flags.iter().take(parsed.len()).map(|f| f.0).collect();
            let grouped = encode(&parsed, &keep, |path| flags[path].1);
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
