//! The promises that need no Python: over request bodies made of lines that look like every kind.

#![allow(clippy::unwrap_used)]

use headroom::compress::{Outcome, clear_memo};
use headroom::request::body::compress_body;
use headroom::{Level, Options};
use proptest::prelude::*;

/// A JSON string literal.
fn quote(s: &str) -> String {
    let mut out = String::from("\"");
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One turn of an agent: a question (or none) and a tool output.
#[derive(Debug, Clone)]
struct Turn {
    question: String,
    output: String,
}

/// The body of a chat request with the first `turns` turns, and half of the next one if `open`: its
/// question without the model's answer.
fn body(turns: &[Turn]) -> String {
    let mut rows = vec![r#"{"role":"system","content":"Be careful."}"#.to_owned()];
    for (i, turn) in turns.iter().enumerate() {
        if !turn.question.is_empty() {
            rows.push(format!(r#"{{"role":"user","content":{}}}"#, quote(&turn.question)));
        }
        rows.push(format!(
            r#"{{"role":"assistant","content":null,"tool_calls":[{{"id":"c{i}","type":"function","function":{{"name":"sh","arguments":"{{}}"}}}}]}}"#
        ));
        rows.push(format!(r#"{{"role":"tool","tool_call_id":"c{i}","content":{}}}"#, quote(&turn.output)));
    }
    format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, rows.join(","))
}

fn run(body: &str, level: Level) -> (String, Outcome) {
    let options = Options { level, ..Options::default() };
    let done = compress_body(body.as_bytes(), None, &options).unwrap();
    (done.body.map_or_else(|| body.to_owned(), |b| String::from_utf8(b).unwrap()), done.outcome)
}

fn line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "user",
        "cache",
        "retry",
        "timeout",
        "error",
        "login",
        "shard",
        "naïve",
        "日本語",
    ]);
    let n = 0u32..5000;
    prop_oneof![
        (word.clone(), n.clone())
            .prop_map(|(w, n)| format!("2026-01-02 03:04:05,678 INFO [{w}] {w} {n} done")),
        (word.clone(), n.clone())
            .prop_map(|(w, n)| format!("2026-01-02 03:04:05,678 ERROR {w} failed with {n}")),
        (word.clone(), n.clone()).prop_map(|(w, n)| format!("src/{w}.rs:{n}:    let {w} = {n};")),
        (word.clone(), n.clone()).prop_map(|(w, n)| format!("{{\"id\":{n},\"name\":\"{w}\",\"ok\":true}}")),
        (word.clone(), n.clone()).prop_map(|(w, n)| format!("+    {w}({n})")),
        (word.clone(), n.clone()).prop_map(|(w, n)| format!("@@ -{n},3 +{n},4 @@ fn {w}()")),
        (word.clone(), n.clone())
            .prop_map(|(w, n)| format!("The {w} of the {w} was seen {n} times. It is a {w}.")),
        (word.clone(), n.clone()).prop_map(|(w, n)| format!("def {w}_{n}(self):\n    return {n}")),
        (word.clone(), n.clone()).prop_map(|(w, n)| format!("| {w} | {n} |")),
        (word, n).prop_map(|(w, n)| format!("<li class=\"{w}\">{n}</li>")),
        Just("Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nValueError: bad".to_owned()),
        Just(String::new()),
        any::<String>(),
    ]
}

fn output() -> impl Strategy<Value = String> {
    let runs = prop::collection::vec((line(), 1usize..40), 1..8);
    let mixed = prop::collection::vec(line(), 1..60).prop_map(|l| l.join("\n"));
    // Runs of one shape with the numbers counted up, as real outputs have them.
    let shaped = runs.prop_map(|runs| {
        let mut out = String::new();
        for (line, times) in runs {
            for i in 0..times {
                out.push_str(&line.replace("done", &format!("done {i}")));
                out.push('\n');
            }
        }
        out
    });
    prop_oneof![shaped, mixed, "\\PC{0,400}"]
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let question = prop_oneof![
        Just(String::new()),
        Just("Which shard failed with 42, and what is `cache`?".to_owned()),
        "\\PC{0,40}"
    ];
    prop::collection::vec((question, output()).prop_map(|(question, output)| Turn { question, output }), 1..4)
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![Level::Lossless, Level::Balanced, Level::Aggressive])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_worse_and_never_an_internal_error(turns in turns(), level in level()) {
        let (_, outcome) = run(&body(&turns), level);
        prop_assert!(outcome.tokens_after <= outcome.tokens_before);
        for decision in &outcome.decisions {
            prop_assert!(decision.tokens_after <= decision.tokens_before);
            prop_assert_ne!(&decision.reason, "internal error");
        }
        prop_assert!(level != Level::Lossless || outcome.omitted.is_empty());
    }

    #[test]
    fn compressing_twice_changes_nothing(turns in turns(), level in level()) {
        let (once, _) = run(&body(&turns), level);
        clear_memo();
        prop_assert_eq!(&run(&once, level).0, &once);
    }

    #[test]
    fn a_prefix_stays_a_prefix(turns in turns(), level in level()) {
        let (whole, _) = run(&body(&turns), level);
        for n in 1..turns.len() {
            clear_memo();
            let (part, _) = run(&body(&turns[..n]), level);
            prop_assert!(whole.starts_with(part.trim_end_matches("]}")), "{part}\n---\n{whole}");
        }
    }

    #[test]
    fn any_bytes_are_refused_or_kept(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(done) = compress_body(&bytes, None, &Options::default()) {
            prop_assert!(done.body.is_none());
        }
    }
}
