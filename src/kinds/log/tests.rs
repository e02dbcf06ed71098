//! The kind as a whole, on logs written for these tests.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::Source;
use crate::mark::{self, Omission, Unit};
use crate::options::Options;
use crate::score::Query;
use crate::tokens::Counter;
use proptest::prelude::*;

pub(super) fn compressed(text: &str, question: &str, options: Options) -> Option<Rendered> {
    let counter = Counter::for_model("gpt-4o");
    let query = Query::new(question, "");
    let cx = Context {
        tokens: &counter,
        query: &query,
        options: &options,
        tool: None,
        source: Source::ToolOutput,
    };
    Log.compress(text, &cx)
}

pub(super) fn balanced(text: &str, question: &str) -> String {
    compressed(text, question, Options::default()).unwrap().text
}

/// An application's log of about 100 kB: four services, one line in twenty an error.
fn application() -> String {
    let mut out = String::new();
    for i in 0..1000 {
        let (minute, second) = (i / 60 % 60, i % 60);
        let at = format!("2026-03-01 10:{minute:02}:{second:02},{:03}", i * 7 % 1000);
        let line = match i % 20 {
            7 => format!(
                "{at} ERROR [worker-{}] db.pool: connection {i} timed out after {} ms",
                i % 4,
                30000 + i
            ),
            13 => format!("{at} WARN [http-{}] web.slow: GET /orders/{i} took {} ms", i % 8, 900 + i % 50),
            _ => format!(
                "{at} INFO [http-{}] web.access: GET /orders/{i}/items 200 in {} ms for user u{:05}",
                i % 8,
                10 + i % 9,
                i * 31 % 9999
            ),
        };
        out.push_str(&line);
        out.push('\n');
        if i == 500 {
            out.push_str("java.lang.IllegalStateException: pool is closed\n");
            for f in 0..12 {
                out.push_str(&format!("\tat com.shop.db.Pool.step{f}(Pool.java:{f})\n"));
            }
            out.push_str("Caused by: java.net.SocketException: reset by peer\n\tat java.net.Socket.read(Socket.java:9)\n");
        }
    }
    out
}

#[test]
fn errors_stay_and_more_than_half_goes() {
    let text = application();
    let out = balanced(&text, "Which user had trouble with order 407?");
    assert!(out.len() * 2 < text.len(), "{} of {}", out.len(), text.len());
    for line in text.lines().filter(|l| l.contains(" ERROR ") || l.contains("Exception")) {
        assert!(out.contains(line), "{line}");
    }
    assert!(out.contains("\n\tat com.shop.db.Pool.step0(Pool.java:0)\n"));
    assert!(out.contains(": frames]") || out.contains("step6"), "{out}");
}

#[test]
fn without_a_question_and_without_timestamps_too() {
    let text: String = application().lines().map(|l| format!("{}\n", l.get(24..).unwrap_or(l))).collect();
    let out = balanced(&text, "");
    assert!(out.len() * 2 < text.len());
    assert!(text.lines().filter(|l| l.starts_with("ERROR")).all(|l| out.contains(l)));
}

#[test]
fn what_the_question_names_stays() {
    let out = balanced(&application(), "What happened to u00651?");
    assert!(out.contains("for user u00651\n"));
}

#[test]
fn many_near_identical_errors_become_a_few() {
    let line =
        |i: usize| format!("2026-03-01 10:00:{:02} ERROR link: no route to host, attempt {i}\n", i % 60);
    let text: String = (0..400).map(line).collect();
    let out = balanced(&text, "");
    assert!(out.len() * 10 < text.len(), "{out}");
    assert!(out.contains("attempt 0\n") && out.contains("attempt 399\n"));
}

#[test]
fn a_passing_run_is_its_counts() {
    let mut text =
        String::from("============ test session starts ============\nplatform linux\ncollected 60 items\n\n");
    (0..60).for_each(|i| {
        text.push_str(&format!("tests/test_shop.py::test_order_number_{i} PASSED [{:3}%]\n", i))
    });
    text.push_str("\n============ 60 passed in 1.20s ============\n");
    let out = balanced(&text, "");
    assert!(out.contains("passed]\n") && out.contains("60 passed in 1.20s"), "{out}");
    assert!(out.len() * 3 < text.len());
}

#[test]
fn failures_and_their_names_stay() {
    let mut text = String::from("running 90 tests\n");
    for i in 0..90 {
        let result = if i % 30 == 7 { "FAILED" } else { "ok" };
        text.push_str(&format!("test shop::orders::case_{i} ... {result}\n"));
    }
    text.push_str("\nfailures:\n\n---- shop::orders::case_7 stdout ----\nthread 'shop::orders::case_7' panicked at src/orders.rs:7:5:\nassertion `left == right` failed\n  left: 1\n right: 2\n\nfailures:\n    shop::orders::case_7\n    shop::orders::case_37\n    shop::orders::case_67\n\ntest result: FAILED. 87 passed; 3 failed\n");
    let out = balanced(&text, "Which tests failed?");
    for needed in [
        "case_7 ... FAILED",
        "case_37 ... FAILED",
        "case_67 ... FAILED",
        "orders.rs:7:5",
        "left: 1",
        "87 passed; 3 failed",
    ] {
        assert!(out.contains(needed), "{needed}\n{out}");
    }
    assert!(out.len() * 3 < text.len());
}

#[test]
fn progress_and_colours_go_behind_marks() {
    let mut text: String =
        (0..100).map(|i| format!("\rDownloading layer {i:3}% |{}|", "#".repeat(i / 5))).collect();
    text.push('\n');
    for i in 0..200 {
        text.push_str(&format!(
            "\x1b[2m2026-03-01 10:00:{:02}\x1b[0m \x1b[32mINFO\x1b[0m step {i} done\n",
            i % 60
        ));
    }
    text.push_str("\x1b[31mERROR\x1b[0m it broke\n");
    let r = compressed(&text, "", Options::default()).unwrap();
    assert!(r.text.starts_with("[… ") && !r.text.contains('\x1b'), "{}", r.text);
    assert!(r.text.contains("ERROR it broke\n"));
    assert_eq!(
        r.omissions[0],
        Omission { range: 0..text.len(), unit: Unit::Code, first: 1, count: r.omissions[0].count }
    );
    assert!(r.text.len() * 8 < text.len());
}

#[test]
fn lossless_decodes_to_the_same_bytes() {
    let text = application();
    let r = compressed(&text, "", Options { level: Level::Lossless, ..Options::default() }).unwrap();
    assert!(r.omissions.is_empty() && r.text.len() * 10 < text.len() * 9);
    assert_eq!(Log.expand(&r.text, &r.header.unwrap()).unwrap(), text);
}

#[test]
fn a_target_is_met_and_errors_come_first() {
    let text = application();
    for ratio in [0.05, 0.3, 0.7] {
        let r = compressed(&text, "", Options { target_ratio: Some(ratio), ..Options::default() }).unwrap();
        let share = r.text.len() as f64 / text.len() as f64;
        assert!((share - ratio).abs() < 0.15, "{ratio}: {share}");
    }
}

#[test]
fn logs_are_recognised_and_others_are_not() {
    let log = application();
    assert!(Log.recognise(&log) >= 80);
    for text in [
        "fn main() {\n    let x = 1;\n    println!(\"{x}\");\n}\n".repeat(9),
        "diff --git a/x b/x\n@@ -1,2 +1,2 @@\n-ERROR\n+INFO\n".repeat(9),
        "src/a.rs:12:    return Err(Error::new());\nsrc/b.rs:3:use std::error::Error;\n".repeat(9),
        "drwxr-xr-x 2 root root 4096 Oct 24  2024 bin\n-rw-r--r-- 1 root root 120 Oct 24  2024 a.txt\n"
            .repeat(9),
        "The failure of the bank was an error. Nobody knew why.\nIt was a warning to all of us.\n\n"
            .repeat(9),
        "{\"level\":\"error\",\"msg\":\"x\"}\n".repeat(30),
        "id,name,status\n1,a,failed\n2,b,ok\n".repeat(9),
        "| id | name |\n|----|------|\n| 1 | a |\n".repeat(9),
        String::new(),
    ] {
        assert!(Log.recognise(&text) < 50, "{text}");
    }
}

#[test]
fn hostile_texts_come_back_quickly() {
    for text in [
        "x".repeat(3 << 20),
        "\n".repeat(300_000),
        "\r".repeat(300_000),
        "ERROR: a\n".repeat(100_000),
        "\x1b[".repeat(100_000),
        "\tat a.b(\n".repeat(100_000),
    ] {
        compressed(&text, "why did a.b fail with x?", Options::default());
        Log.recognise(&text);
    }
}

/// Puts the gone lines back in place of their marks.
pub(super) fn restored(r: &Rendered, text: &str) -> String {
    let mut body = match &r.header {
        Some(words) => Log.expand(&r.text, words).unwrap(),
        None => r.text.clone(),
    };
    let mut out = String::new();
    for gone in r.omissions.iter().filter(|o| o.unit == Unit::Line) {
        let mut mark = String::new();
        mark::write_mark(&mut mark, gone.unit, gone.first, gone.count, None);
        let at = body.find(mark.trim_end_matches(']')).unwrap();
        out.push_str(&body[..at]);
        out.push_str(&text[gone.range.clone()]);
        let end = at + body[at..].find(']').unwrap() + 1;
        let tail = if text[gone.range.clone()].ends_with(['\n', '\r']) { 1 } else { 0 };
        body = body[end + tail..].to_owned();
    }
    out + &body
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "2026-01-0[1-3] 0[0-9]:[0-5][0-9]:[0-5][0-9],[0-9]{3} (INFO|WARN|ERROR) [a-c]{1,3} (id|x)=[0-9]{1,4}",
        "test_[a-d] \\.\\.\\. (ok|FAILED)",
        "  File \"a.py\", line [0-9], in f",
        "    (return|raise) x",
        "[A-Z][a-z]{2}Error: [a-z]{1,6}",
        "(=|-){3,9}( [a-z]+ (=|-){3,9})?",
        "\\PC{0,30}",
        Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_stays_and_what_went_make_the_text(
        lines in prop::collection::vec((any_line(), "(\n|\n|\n|\r\n|\r)", 1usize..9), 1..60),
        level in prop::sample::select(vec![Level::Balanced, Level::Aggressive]),
        ratio in prop::option::of(0.01f64..1.0),
        question in "(what is id=[0-9]{2}|why did test_a fail|)",
    ) {
        let text: String = lines.iter().map(|(l, end, n)| format!("{l}{end}").repeat(*n)).collect();
        prop_assume!(!text.contains(MARK_OPEN));
        if let Some(r) = compressed(&text, &question, Options { level, target_ratio: ratio, ..Options::default() }) {
            prop_assert_eq!(restored(&r, &text), text);
        }
    }

    #[test]
    fn any_text_is_survived(text in "[\\PC\\n\\r\\t\\x1b]{0,200}") {
        Log.recognise(&text);
        compressed(&text, &text, Options::default());
    }
}
