//! The fuzzers' checks on their corpus: what was found once stays found, without a fuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// The files of one target's corpus, in order of name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_input_of_the_corpus_keeps_the_promises() {
    let mut broken = Vec::new();
    for (target, _) in fuzz::TARGETS {
        let files = corpus(target);
        assert!(files.len() >= 3, "{target} has next to no corpus");
        for (name, data) in files {
            if std::panic::catch_unwind(|| fuzz::run(target, &data)).is_err() {
                broken.push(format!("{target}/{name}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn the_checks_notice_what_is_wrong() {
    let omission =
        headroom::mark::Omission { range: 2..6, unit: headroom::mark::Unit::Line, first: 2, count: 2 };
    let original = "a\nb\nc\nd";
    fuzz::restore::check(original, "a\n[… 2 lines 2-3]\nd", std::slice::from_ref(&omission));
    for wrong in [
        "a\n[… 3 lines 2-4]\nd",
        "a\nd",
        "a\n[… 2 lines 2-3]\nD",
        "A\n[… 2 lines 2-3]\nd",
        "a\n[… 2 lines 2-3]\nd\n",
    ] {
        let omitted = std::slice::from_ref(&omission);
        assert!(
            std::panic::catch_unwind(|| fuzz::restore::check(original, wrong, omitted)).is_err(),
            "{wrong}"
        );
    }
    let line = r#"x {"a": [1, 2]} y"#;
    assert!(fuzz::text::is_same_but_for_values(line, r#"x {"a":[1,2]} y"#));
    for other in [r#"x {"a":[1,3]} y"#, r#"x {"a":[1,2]}y"#, r#"z {"a":[1,2]} y"#, r#"x {"a":[1,2]} y."#] {
        assert!(!fuzz::text::is_same_but_for_values(line, other), "{other}");
    }
    assert_eq!(fuzz::json::value_end(r#"{"a": ["}"]} }"#), Some(12));
    assert_eq!(fuzz::json::value_end(r#"["\"]"#), None);
    assert!(fuzz::json::is_same(r#"{"a": 1.0, "b":"\u00e9"}"#, r#"{"a":1.0,"b":"é"}"#));
    for other in [r#"{"a":1,"b":"é"}"#, r#"{"b":"é","a":1.0}"#, r#"{"a":1.0,"b":"e"}"#] {
        assert!(!fuzz::json::is_same(r#"{"a":1.0,"b":"é"}"#, other), "{other}");
    }
}
