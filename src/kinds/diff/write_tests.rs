//! Diffs written short and read back.

use super::choose::{Choice, Fate, Front};
use super::decode::decode;
use super::lines::{Source, counts};
use super::parse::{At, Part, parse};
use super::write::{Written, write};
use proptest::prelude::*;

fn shortened(text: &str, choice: &Choice) -> Written {
    let source = Source::new(text);
    write(&source, &parse(&source.lines), choice)
}

fn cut_to(n: usize) -> Choice {
    Choice { context_lines: Some(n), with_blobs: false, with_statistics: false, files: Vec::new() }
}

const TWO_HUNKS: &str = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -10,7 +10,8 @@ fn f()\n a1\n a2\n a3\n-b\n+c\n+d\n e1\n e2\n e3\n@@ -30,3 +31,3 @@\n f\n-g\n+h\n i\n";

#[test]
fn headers_are_short_and_come_back() {
    let written = shortened(TWO_HUNKS, &Choice::all());
    assert_eq!(
        written.text,
        "diff x (1..2)\n@@ 10 fn f()\n a1\n a2\n a3\n-b\n+c\n+d\n e1\n e2\n e3\n@@ 31\n f\n-g\n+h\n i\n"
    );
    assert_eq!(decode(&written.text).unwrap(), TWO_HUNKS);
    assert!(written.omissions.is_empty());
}

#[test]
fn cut_context_decodes_to_a_diff_with_recomputed_places() {
    let written = shortened(TWO_HUNKS, &cut_to(1));
    assert_eq!(written.text, "diff x\n@@ 12 fn f()\n a3\n-b\n+c\n+d\n e1\n@@ 31\n f\n-g\n+h\n i\n");
    let long = decode(&written.text).unwrap();
    assert!(long.contains("@@ -12,3 +12,4 @@ fn f()\n a3\n"), "{long}");
    assert!(long.contains("@@ -30,3 +31,3 @@\n"), "{long}");
    let gone: Vec<_> = written.omissions.iter().map(|o| &TWO_HUNKS[o.range.clone()]).collect();
    assert_eq!(gone, ["index 1..2 100644\n", " a1\n a2\n", " e2\n e3\n"]);
}

#[test]
fn a_signature_below_a_hunk_is_not_taken_for_a_line_of_it() {
    let text = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n-- \n2.43\n";
    let written = shortened(text, &Choice::all());
    assert_eq!(written.text, text);
    assert_eq!(decode(&written.text).unwrap(), text);
}

#[test]
fn a_collapsed_file_keeps_its_header_and_says_how_much() {
    let lock = Front { why: Some("lock file"), ..Front::default() };
    let choice = Choice { files: vec![Fate::Whole, Fate::Front(lock)], ..cut_to(1) };
    let written = shortened(TWO_HUNKS, &choice);
    assert_eq!(written.text, "diff x\n[… 2 hunks 1-2: lock file, +3 -2]\n");
    let long = decode(&written.text).unwrap();
    assert!(long.starts_with("diff --git a/x b/x\n--- a/x\n+++ b/x\n[… 2 hunks"));
}

#[test]
fn the_front_of_a_hunk_has_a_header_of_its_own() {
    let front = Front { lines: 5, ..Front::default() };
    let choice = Choice { files: vec![Fate::Whole, Fate::Front(front)], ..cut_to(1) };
    let written = shortened(TWO_HUNKS, &choice);
    assert_eq!(written.text, "diff x\n@@ 10 fn f()\n a1\n a2\n a3\n-b\n+c\n[… 9 lines 11-19: +2 -1]\n");
    assert_eq!(TWO_HUNKS[written.omissions[1].range.clone()].lines().count(), 9);
    assert!(decode(&written.text).unwrap().contains("@@ -10,4 +10,4 @@ fn f()\n a1\n"));
}

#[test]
fn lines_that_look_like_ours_come_back() {
    for line in ["diff x", "@@ 12 f", "\\ x", "diff -ru a b", "@@ -1 +1", "@@"] {
        let text = format!("{line}\n{TWO_HUNKS}{line}\n");
        assert_eq!(decode(&shortened(&text, &Choice::all()).text).unwrap(), text);
    }
}

fn hunk() -> impl Strategy<Value = String> {
    (1_usize..40, 0_usize..3, prop::collection::vec((0..8_u8, "[a-b@+ -]{0,3}\r?"), 1..14), any::<bool>())
        .prop_map(|(start, delta, lines, is_stripped)| {
            let body: Vec<String> = lines
                .iter()
                .map(|(sign, text)| match sign {
                    0..=2 => format!("+{text}"),
                    3 | 4 => format!("-{text}"),
                    5 if is_stripped => String::new(),
                    _ => format!(" {text}"),
                })
                .collect();
            let views: Vec<&str> = body.iter().map(String::as_str).collect();
            let (old, new) = counts(&views);
            let at = At { old: (start, old), new: (start + delta, new), section: " fn" };
            format!("{at}\n{}", body.join("\n"))
        })
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => hunk(),
        3 => Just("diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x".to_owned()),
        1 => Just("diff --git a/x b/x\nnew file mode 100644\nindex 1..2\n--- /dev/null\n+++ b/x".to_owned()),
        1 => Just("diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\nindex 1..2\n--- a/x\n+++ b/y".to_owned()),
        1 => Just("diff --git a/i b/i\nindex 1..2 100644\nGIT binary patch\nliteral 9\nzcmZ\n\nliteral 0\nHcmV\n".to_owned()),
        1 => Just("--- a\n+++ b".to_owned()),
        1 => Just("\\ No newline at end of file".to_owned()),
        2 => "[-+ \\\\@d]{0,3}[a-b0-9 ]{0,4}",
        1 => "\\PC{0,10}",
    ]
}

/// Lines of changes, in order.
fn changes(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut out = Vec::new();
    for part in parse(&lines) {
        if let Part::Hunk(hunk) = part {
            out.extend(lines[hunk.body].iter().filter(|l| l.starts_with(['+', '-'])));
        }
    }
    out
}

proptest! {
    #[test]
    fn any_diff_comes_back(parts in prop::collection::vec(part(), 0..12), newline: bool) {
        let text = parts.join("\n") + if newline { "\n" } else { "" };
        let written = shortened(&text, &Choice::all());
        prop_assert_eq!(decode(&written.text), Some(text), "{}", written.text);
        prop_assert!(written.omissions.is_empty());
    }

    #[test]
    fn every_change_survives_a_cut_of_context(
        hunks in prop::collection::vec(hunk(), 1..6), n in 0_usize..3,
    ) {
        let text = format!("diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n{}\n", hunks.join("\n"));
        let written = shortened(&text, &cut_to(n));
        let long = decode(&written.text).unwrap();
        prop_assert_eq!(changes(&long), changes(&text), "{}\n{}", written.text, long);
        let gone: usize = written.omissions.iter().map(|o| o.count).sum();
        let visible = |s: &str| s.lines().filter(|l| !l.starts_with("@@")).count();
        prop_assert_eq!(visible(&long) + gone, visible(&text));
    }

    #[test]
    fn decoding_never_panics(body in "(\\PC|[\n @+,diff0-9-]){0,80}") {
        let _ = decode(&body);
    }
}
