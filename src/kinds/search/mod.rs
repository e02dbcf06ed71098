//! Search results and listings: grep, rg, ag, `git grep`, find, `git ls-files`, tree, `ls -R`.
//!
//! Matches are grouped by file ([`group`]), paths by directory ([`listing`], [`tree`]), both without
//! loss and byte for byte reversible: what is written is decoded again before it is accepted. Then
//! matches are left out, behind marks, where the question names others or where there are too many
//! ([`choose`]). Linear.

mod choose;
mod form;
mod group;
mod listing;
mod matches;
mod shape;
mod tree;
mod ungroup;

use super::{Context, Kind};
use crate::mark::Rendered;
use shape::Shape;

/// See the module.
#[derive(Debug)]
pub struct Search;

impl Kind for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn recognise(&self, text: &str) -> u8 {
        shape::shape(text).map_or(0, |(_, sure)| sure)
    }

    fn may_reach(&self, _text: &str, least: u8) -> bool {
        least <= shape::MOST_SURE
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        match shape::shape(text)?.0 {
            Shape::Matches(style) => compress_matches(text, style, cx),
            Shape::Paths => listing::compress_paths(text, cx),
            Shape::Directories => listing::compress_directories(text, cx),
            Shape::Tree => tree::compress(text),
        }
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        match words {
            listing::PATH_WORDS => Some(listing::decode_paths(body)),
            listing::DIRECTORY_WORDS => Some(listing::decode_directories(body)),
            _ => tree::decode(body, words).or_else(|| ungroup::decode(body, words)),
        }
    }
}

fn compress_matches(text: &str, style: matches::Style, cx: &Context<'_>) -> Option<Rendered> {
    let parsed = matches::parse(text, style);
    let mut transforms = vec!["search:group"];
    let choice = cx
        .may_omit()
        .then(|| choose::choose(&parsed, text, cx.query, cx.options, || cx.tokens.count(text)))
        .filter(|choice| choice.keep.contains(&false));
    // A text that the encoding cannot carry (none is known) stays as it is.
    if !group::comes_back(&parsed, text) {
        return None;
    }
    let grouped = match choice {
        Some(choice) => {
            transforms.push("search:select");
            group::encode(&parsed, &choice.keep, |path| choice.named[path])
        }
        None => group::encode(&parsed, &vec![true; parsed.len()], |_| true),
    };
    Some(Rendered {
        text: grouped.text,
        header: Some(grouped.words),
        omissions: grouped.omissions,
        transforms,
        copies: Vec::new(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::Source;
    use crate::options::{Level, Options};
    use crate::score::Query;
    use crate::tokens::Counter;

    fn compressed(text: &str, question: &str, options: &Options) -> Rendered {
        let tokens = Counter::for_model("gpt-4o");
        let query = Query::new(question, "");
        let cx = Context { tokens: &tokens, query: &query, options, tool: None, source: Source::ToolOutput };
        Search.compress(text, &cx).unwrap()
    }

    fn expanded(rendered: &Rendered) -> String {
        Search.expand(&rendered.text, rendered.header.as_deref().unwrap()).unwrap()
    }

    /// Many matches in few files.
    fn results(files: usize, matches: usize) -> String {
        let mut out = String::new();
        for f in 0..files {
            for m in 1..=matches {
                out.push_str(&format!(
                    "src/part{f}/file{f}.rs:{}:    let value_{f}_{m} = compute(input, {m});\n",
                    m * 7
                ));
            }
        }
        out
    }

    fn recognised(text: &str) -> bool {
        Search.recognise(text) >= crate::kinds::MIN_CONFIDENCE
    }

    #[test]
    fn searches_and_listings_are_recognised() {
        assert!(recognised(&results(3, 4)));
        assert!(recognised(
            "src/a.rs:1:x\nsrc/a.rs:2:y\nMakefile:3:z\n<returncode>0</returncode>\nsrc/b.rs:4:w\nsrc/c.rs:4:w\n"
        ));
        assert!(recognised(
            r"C:\src\a.cs:12:using x;
C:\src\a.cs:14:using y;
C:\src\b.cs:1:using x;
C:\src\b.cs:2:using y;"
        ));
        assert!(recognised(
            "a/b.py-1-import\na/b.py:2:def f():\na/b.py-3-    pass\n--\na/c.py-8-x\na/c.py:9:y\na/c.py-10-z\n"
        ));
        assert!(recognised(
            "12:    def a(self):\n40:    def b(self):\n41:    def c(self):\n99:    def d(self):\n"
        ));
        assert!(recognised(
            "src/a.py:    x = 1\nsrc/a.py:x = 2\nsrc/b.py:        x = 3\nsrc/b.py:def x():\n"
        ));
        assert!(recognised("./a/b.txt\n./a/c.txt\n./d.txt\n./e/f\n"));
        assert!(recognised(".:\na\nsrc\n\n./src:\nlib.rs\n\n./src/kinds:\nmod.rs\n"));
        assert!(recognised(".\n├── a\n│   └── b\n└── c\n\n2 directories, 1 file\n"));
    }

    #[test]
    fn texts_of_other_kinds_are_not() {
        for text in [
            "src/main.rs:10:5: error: expected `;`\nsrc/main.rs:12:5: warning: unused\nsrc/lib.rs:1:1: error: x\nsrc/b.rs:2:2: note: y\n",
            "app/x.py:12: error: Incompatible types\napp/x.py:13: note: see\napp/y.py:1: error: z\napp/y.py:2: error: w\n",
            "nova-api.log.1.2017-05-16_10:23:45.008 25746 INFO a\nnova-api.log.1.2017-05-16_10:23:46.009 2 INFO b\nnova-api.log.1.2017-05-16_10:23:47.100 2 INFO c\nnova-api.log.1.2017-05-16_10:24:48.100 2 INFO d\n",
            "10:23:45 start\n10:23:46 go on\n10:24:47 stop\n10:25:48 end\n10:26:49 x\n",
            "server.port: 8080\nserver.host: localhost\nlogging.level: debug\nspring.name: x\nspring.url: y\n",
            "https://a.example/x: one\nhttps://b.example/y: two\nhttps://c.example/y: two\nhttps://d.example/y: two\n",
            "The first sentence.\nAnother one, with words.\nAnd: a third.\nThe last one here.\n",
            "#include <a/b.h>\nint main() {\n    return a / b;\n}\n// done\n",
            "",
            "\n\n\n\n\n",
        ] {
            assert!(!recognised(text), "{text}");
        }
    }

    #[test]
    fn a_question_that_names_a_file_keeps_its_matches_and_every_file() {
        let text = results(12, 30);
        let whole = compressed(&text, "", &Options::default());
        assert_eq!(expanded(&whole), text);
        let rendered = compressed(&text, "What matched in src/part7/file7.rs?", &Options::default());
        assert!(!rendered.omissions.is_empty());
        for f in 0..12 {
            assert!(rendered.text.contains(&format!("src/part{f}/file{f}.rs\n")), "{}", rendered.text);
        }
        for m in 1..=30 {
            assert!(
                rendered.text.contains(&format!("{} ", m * 7))
                    && rendered.text.contains(&format!("value_7_{m} "))
            );
        }
    }

    #[test]
    fn headings_name_the_matches_below_them() {
        let mut text = String::new();
        for f in 0..8 {
            text.push_str(&format!("src/file{f}.rs\n"));
            (1..40).for_each(|m| {
                text.push_str(&format!("{}:    let value_{f}_{m} = compute(input, {m});\n", m * 3))
            });
            text.push('\n');
        }
        assert!(recognised(&text));
        assert_eq!(expanded(&compressed(&text, "", &Options::default())), text);
        let rendered = compressed(&text, "What matched in src/file5.rs?", &Options::default());
        assert!(!rendered.omissions.is_empty());
        assert!((1..40).all(|m| rendered.text.contains(&format!("value_5_{m} "))), "{}", rendered.text);
        assert!((0..8).all(|f| rendered.text.contains(&format!("src/file{f}.rs\n"))));
    }

    #[test]
    fn a_rare_literal_keeps_its_line() {
        let text = results(4, 1_000);
        let rendered = compressed(&text, "Where is `value_2_101` set?", &Options::default());
        assert!(rendered.text.contains("707     let value_2_101 = compute(input, 101);\n"));
        assert!(rendered.text.len() < text.len() * 55 / 100);
    }

    #[test]
    fn lossless_leaves_nothing_out() {
        let text = results(12, 30);
        let options = Options { level: Level::Lossless, ..Options::default() };
        let rendered = compressed(&text, "What matched in src/part7/file7.rs?", &options);
        assert!(rendered.omissions.is_empty());
        assert_eq!(expanded(&rendered), text);
    }

    #[test]
    fn a_ratio_is_honoured_and_marks_count_truly() {
        let tokens = Counter::for_model("gpt-4o");
        for (files, matches) in [(3, 300), (200, 4), (900, 1)] {
            let text = results(files, matches);
            let before = tokens.count(&text) as f64;
            for ratio in [0.4, 0.2, 0.05] {
                let options = Options { target_ratio: Some(ratio), ..Options::default() };
                let rendered = compressed(&text, "", &options);
                let after = tokens.count(&rendered.text) as f64;
                assert!(
                    after <= before * ratio * 1.35 + 40.0,
                    "{files} {matches} {ratio}: {}",
                    after / before
                );
                let gone: usize = rendered.omissions.iter().map(|o| o.count).sum();
                let shown = expanded(&rendered)
                    .lines()
                    .filter(|l| l.starts_with("src/") && l.contains(":    let"))
                    .count();
                assert_eq!(gone + shown, files * matches);
            }
        }
    }

    #[test]
    fn a_line_of_a_minified_file_gives_way_to_a_mark() {
        let long = format!("dist/app.min.js:1:{}\n", "var a=1;".repeat(2_000));
        let text = format!("{}{long}{}", results(3, 20), results(2, 3));
        let rendered = compressed(&text, "", &Options::default());
        assert_eq!(rendered.omissions.len(), 1);
        assert_eq!(&text[rendered.omissions[0].range.clone()], long);
        assert!(rendered.text.contains("dist/app.min.js\n[… 1 line 61]\n"), "{}", rendered.text);
    }
}
