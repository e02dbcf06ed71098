//! Diffs: unified, `git diff`, `git show`, `git log -p`.
//!
//! Headers are shortened without loss ([`head`], [`write`], [`decode`]): what is written is decoded again before
//! it is accepted. Beyond that, context is cut to a line on either side with the hunks' places
//! recomputed, blob hashes are left out (both said in the block's header), and the hunks of generated
//! files and of files beside the question become one mark each ([`choose`]). Linear.

mod choose;
mod context;
mod decode;
mod head;
mod lines;
mod parse;
mod statistics;
mod write;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod write_tests;

use super::{Context, Kind};
use crate::mark::Rendered;
use lines::Source;
use parse::Part;

/// See the module.
#[derive(Debug)]
pub struct Diff;

/// Share of the lines that must belong to files and hunks, in percent.
const MIN_SHARE: usize = 45;
/// How sure it is of headers with hunks below them: no search looks like that, so none is asked.
const MOST_SURE: u8 = 98;

impl Kind for Diff {
    fn name(&self) -> &'static str {
        "diff"
    }

    fn recognise(&self, text: &str) -> u8 {
        let has_hunk = text.starts_with("@@ -") || memchr::memmem::find(text.as_bytes(), b"\n@@ -").is_some();
        if !has_hunk {
            return 0;
        }
        let source = Source::new(text);
        let mut covered = 0;
        let (mut heads, mut hunks) = (0, 0);
        for part in parse::parts(&source.lines) {
            match part {
                Part::Raw(_) => continue,
                Part::Head(_) => heads += 1,
                Part::Hunk(_) => hunks += 1,
                Part::Binary(_) => {}
            }
            covered += part.lines().len();
        }
        let share = covered * 100 / source.lines.len().max(1);
        match share {
            _ if hunks == 0 => 0,
            MIN_SHARE.. if heads > 0 => MOST_SURE,
            MIN_SHARE.. => 85,
            _ => 0,
        }
    }

    fn may_reach(&self, _text: &str, least: u8) -> bool {
        least <= MOST_SURE
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        let source = Source::new(text);
        let parts = parse::parse(&source.lines);
        // A text that the encoding cannot carry (none is known) stays as it is.
        if !write::comes_back(&source, &parts) {
            return None;
        }
        let mut transforms = vec!["diff:headers"];
        let choice = if cx.may_omit() {
            choose::choose(&source, &parts, text, cx.query, cx.options, || cx.tokens.count(text))
        } else {
            choose::Choice::all()
        };
        let written = write::write(&source, &parts, &choice);
        let words = written.words(choice.context_lines);
        if written.cuts_context || written.cuts_blobs {
            transforms.push("diff:context");
        }
        if choice.files.iter().any(|f| matches!(f, choose::Fate::Front(..))) {
            transforms.push("diff:select");
        }
        Some(Rendered {
            text: written.text,
            header: Some(words),
            omissions: written.omissions,
            transforms,
            copies: Vec::new(),
        })
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        words.starts_with(write::WORDS).then(|| decode::decode(body)).flatten()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::Source as From;
    use crate::options::{Level, Options};
    use crate::score::Query;
    use crate::tokens::Counter;

    fn compressed(text: &str, question: &str, options: &Options) -> Rendered {
        let tokens = Counter::for_model("gpt-4o");
        let query = Query::new(question, "");
        let cx = Context { tokens: &tokens, query: &query, options, tool: None, source: From::ToolOutput };
        Diff.compress(text, &cx).unwrap()
    }

    fn file(path: &str, hunks: usize) -> String {
        let mut out = format!(
            "diff --git a/{path} b/{path}\nindex 1234567..89abcde 100644\n--- a/{path}\n+++ b/{path}\n"
        );
        for h in 0..hunks {
            let at = 20 + h * 40;
            let new = at + h;
            out.push_str(&format!(
                "@@ -{at},7 +{new},8 @@ fn section_{h}()\n one {h}\n two {h}\n three {h}\n"
            ));
            out.push_str(&format!("-    let removed_{h} = call_of_something({h}, path);\n"));
            out.push_str(&format!(
                "+    let added_{h} = call_of_another({h}, path);\n+    added_{h}.check();\n"
            ));
            out.push_str(&format!(" four {h}\n five {h}\n six {h}\n"));
        }
        out
    }

    #[test]
    fn diffs_are_recognised_by_their_share_of_the_text() {
        assert!(Diff.recognise(&file("src/a.rs", 2)) > 90);
        assert!(Diff.recognise("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n") > 90);
        assert_eq!(Diff.recognise(&format!("{}{}", "a line of a log\n".repeat(40), file("a", 1))), 0);
        assert_eq!(Diff.recognise("--- heading\n+++ other\n- item\n+ item\n"), 0);
        assert_eq!(Diff.recognise(""), 0);
    }

    #[test]
    fn without_a_question_every_change_stays() {
        let text = format!("{}{}", file("src/a.rs", 4), file("src/b.rs", 4));
        let rendered = compressed(&text, "", &Options::default());
        let long = Diff.expand(&rendered.text, rendered.header.as_deref().unwrap()).unwrap();
        for line in text
            .lines()
            .filter(|l| l.starts_with(['+', '-']) && !l.starts_with("+++") && !l.starts_with("---"))
        {
            assert!(rendered.text.contains(line) && long.contains(line), "{line}");
        }
        assert!(!rendered.text.contains(" two 1\n") && rendered.text.contains(" three 1\n"));
        assert!(long.contains("@@ -62,3 +63,4 @@ fn section_1()\n three 1\n"), "{long}");
        assert!(rendered.header.unwrap().contains("context cut to 1 line; hashes left out"));
    }

    #[test]
    fn files_beside_the_question_collapse_and_the_named_one_stays_whole() {
        let named = file("src/session.rs", 5);
        let test = file("tests/test_session.rs", 3);
        let text = format!("{}{named}{test}{}", file("src/other.rs", 30), file("docs/guide.md", 20));
        let rendered =
            compressed(&text, "What did this commit change in src/session.rs?", &Options::default());
        assert!(
            rendered.text.contains("diff src/other.rs\n[… 30 hunks 1-30: +60 -30]\n"),
            "{}",
            rendered.text
        );
        assert!(rendered.text.contains("[… 20 hunks 39-58: +40 -20]"));
        assert!(rendered.text.contains(" one 4\n two 4\n three 4\n-    let removed_4"));
        assert_eq!(rendered.text.matches("added_2.check").count(), 2);
        let small = format!("{named}{}", file("src/other.rs", 3));
        let rendered =
            compressed(&small, "What did this commit change in src/session.rs?", &Options::default());
        assert!(!rendered.text.contains('…'));
    }

    #[test]
    fn lock_files_collapse_unless_they_are_asked_for() {
        let text = format!("{}{}", file("Cargo.lock", 9), file("src/a.rs", 1));
        let rendered = compressed(&text, "", &Options::default());
        assert!(rendered.text.starts_with("diff Cargo.lock\n[… 9 hunks 1-9: lock file, +18 -9]\n"));
        let rendered = compressed(&text, "Why did Cargo.lock change?", &Options::default());
        assert!(!rendered.text.contains("lock file"));
    }

    #[test]
    fn statistics_give_way_to_the_diff_they_count() {
        let stat = " src/a_rather_long_name.rs   | 12 ++++++++----\n src/another_long_name.rs     |  6 ++++--\n src/third.rs   | 1 +\n 3 files changed, 13 insertions(+)\n\n";
        let text = format!("commit 1\n\n    Say why\n---\n{stat}{}", file("src/a.rs", 3));
        let rendered = compressed(&text, "", &Options::default());
        assert!(
            rendered.text.contains("---\n[… 3 lines 5-7: diffstat]\n 3 files changed"),
            "{}",
            rendered.text
        );
        let options = Options { level: Level::Lossless, ..Options::default() };
        let rendered = compressed(&text, "", &options);
        assert!(rendered.omissions.is_empty());
        assert_eq!(Diff.expand(&rendered.text, rendered.header.as_deref().unwrap()).unwrap(), text);
    }

    #[test]
    fn a_ratio_cuts_the_largest_files_from_behind() {
        let tokens = Counter::for_model("gpt-4o");
        let text = format!("{}{}", file("src/a.rs", 60), file("src/b.rs", 4));
        for ratio in [0.5, 0.3, 0.1] {
            let options = Options { target_ratio: Some(ratio), ..Options::default() };
            let rendered = compressed(&text, "", &options);
            let share = tokens.count(&rendered.text) as f64 / tokens.count(&text) as f64;
            assert!(share <= ratio * 1.4, "{ratio} {share}");
            assert!(rendered.text.contains("diff src/a.rs\n@@ 2"), "{}", rendered.text);
        }
    }
}
