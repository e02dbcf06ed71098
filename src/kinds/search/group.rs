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

mod items;
mod names;
mod write;

use super::form::Form;
use super::matches::Parsed;
use super::ungroup::Decoder;
use crate::kinds::sink::Same;
use crate::mark::{Omission, Unit};
use items::{Item, items};
use names::Names;
use write::Writer;

/// So many bytes at least are decoded at once, to see whether they come back.
const MIN_DECODED_BYTES: usize = 64 << 10;

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::form::{FORMS, NAMED_WORDS};
    use super::super::matches::{Style, parse, split_lines};
    use super::super::ungroup::decode;
    use super::*;
    use crate::mark::MARK_OPEN;
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
