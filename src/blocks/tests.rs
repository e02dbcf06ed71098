#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::mark;

fn payload(text: &str, source: Source) -> Vec<&str> {
    segment(text, source).into_iter().filter(|s| s.is_payload).map(|s| &text[s.range]).collect()
}

fn instructions(text: &str) -> String {
    let mut out = String::new();
    for s in segment(text, Source::User).into_iter().filter(|s| !s.is_payload) {
        out.push_str(&text[s.range]);
    }
    out
}

fn log(lines: usize) -> String {
    (0..lines)
        .map(|i| {
            format!(
                "2024-05-01T10:{:02}:{:02}Z INFO worker[{i}]: request id={:08x} took {i} ms\n",
                i / 60,
                i % 60,
                i * 7919
            )
        })
        .collect()
}

fn prose(sentences: usize) -> String {
    (0..sentences)
        .map(|i| {
            format!("The river passes the old town of Number {i} and then turns to the north of the hills. ")
        })
        .collect::<String>()
        .trim_end()
        .to_owned()
        + "\n"
}

fn passages(n: usize) -> String {
    (1..=n).map(|i| format!("Document [{i}](Title: River {i}) {}\n", prose(3))).collect()
}

const TASK: &str = "<pr_description>\nThe sum of an identity matrix is zero. I think this is a bug.\n\n```\nfrom sympy \
    import *\nn = Symbol('n', integer=True)\n```\n</pr_description>\n\n<instructions>\n# Task\nYou're a software engineer. \
    You'll be helping implement the changes.\n\n1. Analyze the codebase\n2. Create a script to reproduce the issue\n\n```bash\nsed \
    -i 's/old/new/g' a.py\n```\n</instructions>\n";

#[test]
fn short_texts_and_tasks_are_instructions() {
    assert!(payload("Why is the sky blue?", Source::User).is_empty());
    assert!(payload(&TASK.repeat(5), Source::User).is_empty());
    let spec = "You should add a method to the parser that I can call with my own tokens. Please keep the old one.\n\n\
        - Use `a/b.py`, do not touch `c/d.py`\n- Run tests with `pytest -x tests/`\n\n";
    assert!(payload(&spec.repeat(12), Source::User).is_empty());
}

#[test]
fn pasted_data_needs_no_fence() {
    let log = log(40);
    assert_eq!(payload(&log, Source::User), [&log]);
    let with = format!("Here is our log, find the slow request:\n{log}\nWhich one took longest?\n");
    assert_eq!(payload(&with, Source::User), [&log]);
    let with = format!("Which one took longest?\n{log}Answer with the id only.");
    assert_eq!(payload(&with, Source::User), [&log]);
    let json = format!("[{}\n  {{\"id\": 1}}\n]\n", "  {\"id\": 12345, \"name\": \"abc\"},\n".repeat(40));
    assert_eq!(payload(&format!("List the ids.\n\n{json}"), Source::User), [&json]);
    let line = json.replace('\n', "") + "\n";
    assert_eq!(payload(&format!("List the ids of {line}Thanks"), Source::User), [&line]);
}

#[test]
fn pasted_code_and_diffs_are_one_block() {
    let code = code(20).trim_end().to_owned() + "\n";
    assert_eq!(
        payload(&format!("What does part_7 return?\n\n{code}\nPlease be brief."), Source::User),
        [&code]
    );
    let diff = diff(12);
    assert_eq!(payload(&format!("Please review this:\n{diff}Is it right?"), Source::User), [&diff]);
}

#[test]
fn fences_and_tags() {
    let log = log(30);
    let text = format!("Look:\n\n```text\n{log}```\n\nWhat failed?\n\n<logs>\n{log}</logs>\nDone.");
    assert_eq!(payload(&text, Source::User), [&log, &log]);
    let text = format!("<instructions>\n{log}</instructions>\n");
    assert!(payload(&text, Source::User).is_empty());
    let docs =
        format!("<document index=\"1\">\n{0}</document>\n<document index=\"2\">\n{0}</document>\n", prose(5));
    assert_eq!(payload(&format!("{docs}\nWho?"), Source::User), [&docs]);
    let text = format!("Text: \"\"\"\n{}\"\"\"\nSummary:", prose(30));
    assert_eq!(payload(&text, Source::User), [prose(30)]);
}

#[test]
fn passages_end_where_the_question_begins() {
    let docs = passages(5);
    let text = format!("Answer the question from the documents.\n\n{docs}\nQuestion: who wrote it\nAnswer:");
    assert_eq!(payload(&text, Source::User), [docs.trim_end().to_owned() + "\n"]);
    let text = format!("Who wrote it?\n\n{docs}");
    assert_eq!(payload(&text, Source::User).len(), 1);
    assert_eq!(instructions(&text).trim(), "Who wrote it?");
}

#[test]
fn documents_with_a_question() {
    let doc = prose(40) + "\n" + &prose(40);
    for text in [
        format!("Read the text below.\n\n{doc}\nWhere does the river turn?"),
        format!("Where does the river turn?\n{doc}"),
        format!("Context:\n{doc}\nQuestion: where does it turn"),
        doc.clone(),
    ] {
        assert_eq!(payload(&text, Source::User), [&doc], "{}", &text[..60]);
    }
}

#[test]
fn only_json_counts_in_a_system_message() {
    let json = format!("[{{\"name\": \"{}\"}}]\n", "x".repeat(300));
    let text = format!("You may call these.\n{json}\n{}\n```\n{}```\n", log(30), log(30));
    assert_eq!(payload(&text, Source::System), [&json]);
}

#[test]
fn tool_outputs_are_split_at_wrappers_and_json() {
    let log = log(30);
    let text = format!("<returncode>1</returncode>\n<output>\n{log}</output>");
    assert_eq!(payload(&text, Source::ToolOutput), [&log]);
    assert_eq!(payload(&log, Source::ToolOutput), [&log]);
    let json = format!("{{\"a\": \"{}\"}}\n", "x".repeat(900));
    let text = format!("Found 3 results:\n{json}done");
    assert_eq!(payload(&text, Source::ToolOutput), [&json]);
}

#[test]
fn hostile_texts_are_linear() {
    for unit in [
        "```x\n",
        "<document>\n",
        "[\n",
        "{\"a\":\n",
        "\n",
        "a",
        "Document [1] x\n",
        "[headroom json: 9999 lines]\n",
        "a? \n\n",
    ] {
        let text = unit.repeat(1_000_000 / unit.len());
        for source in [Source::User, Source::ToolOutput, Source::System] {
            segment(&text, source);
        }
    }
}

fn code(functions: usize) -> String {
    (0..functions)
        .map(|i| format!("// Returns part {i}, if you ask for it.\nfn part_{i}(x: u32) -> Option<u32> {{\n    let y = x + {i};\n\n    \
            Some(y).filter(|y| *y > 2)\n}}\n\n"))
        .collect()
}

fn diff(lines: usize) -> String {
    let body: String =
        (0..lines).map(|i| format!("-old words of line {i}\n+What is new in line {i}?\n\n")).collect();
    format!("diff --git a/x.md b/x.md\n--- a/x.md\n+++ b/x.md\n@@ -1,{n} +1,{n} @@\n{body}", n = 2 * lines)
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("What failed here?\n".to_owned()),
        Just("\n".to_owned()),
        Just("Please answer in one sentence.\n\n".to_owned()),
        Just("Question: who wrote it\nAnswer:\n".to_owned()),
        Just("A line of plain text without a cue\n".to_owned()),
        Just("Here is the data:\n".to_owned()),
        Just("```\n".to_owned()),
        Just("```json\n".to_owned()),
        Just("<document>\n".to_owned()),
        Just("</document>\n".to_owned()),
        Just("<context>Some text\n".to_owned()),
        Just("more text</context>\n".to_owned()),
        Just("<instructions>\n".to_owned()),
        Just("</instructions>\n".to_owned()),
        Just("Context:\n".to_owned()),
        Just("See: [1, 2,\n".to_owned()),
        Just("[\n".to_owned()),
        Just("{\"a\": [\n".to_owned()),
        Just("]}\n".to_owned()),
        Just("Document [7](Title: x) y\n".to_owned()),
        Just("Source 2: z\n".to_owned()),
        (1..16_usize).prop_map(log),
        (1..4_usize).prop_map(prose),
        (20..30_usize).prop_map(prose),
        (1..4_usize).prop_map(passages),
        (1..12_usize).prop_map(code),
        (1..20_usize).prop_map(diff),
        Just("I then restarted it and saw this instead.\n\n".to_owned()),
        Just("commit 0123456789abcdef\nAuthor: A\n\n    words\n".to_owned()),
        Just("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n".to_owned()),
        (1..60_usize).prop_map(|n| format!("{{\"a\": [{}1]}}\n", "12345678, ".repeat(n))),
        "\\PC{0,30}\n".prop_map(|s| s),
    ]
}

proptest! {
    #[test]
    fn segments_cover_any_text(text in "(\\PC|\n){0,400}", source in 0..3_usize) {
        let source = [Source::User, Source::ToolOutput, Source::System][source];
        let mut at = 0;
        for s in segment(&text, source) {
            prop_assert_eq!(s.range.start, at);
            at = s.range.end;
            prop_assert!(text.is_char_boundary(at));
        }
        prop_assert_eq!(at, text.len());
    }

    /// What compression does to a message must not change what its instructions are.
    #[test]
    fn replacing_payload_changes_nothing_else(pieces in prop::collection::vec(piece(), 1..14), which in any::<u32>()) {
        let text: String = pieces.concat();
        let segments = segment(&text, Source::User);
        let mut replaced = String::new();
        let mut untouched = Vec::new();
        for (i, s) in segments.iter().enumerate() {
            let part = &text[s.range.clone()];
            prop_assert!(!s.is_payload || part.ends_with('\n') || s.range.end == text.len());
            if s.is_payload && which >> (i % 32) & 1 == 1 {
                let body = "[… 12 lines 1-12]\nWhat?\n```\n";
                mark::write_header(&mut replaced, "log", body, "");
                replaced.push_str(body);
            } else {
                if s.is_payload {
                    untouched.push(part);
                }
                replaced.push_str(part);
            }
        }
        prop_assert_eq!(instructions(&text), instructions(&replaced));
        let again = payload(&replaced, Source::User);
        prop_assert!(untouched.iter().all(|part| again.contains(part)));
    }
}
