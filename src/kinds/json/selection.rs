//! What a selection promises: true counts, verbatim records, every omission noted.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::Json;
use super::read::read;
use super::tape::Tape;
use crate::kinds::{Context, Kind, Source};
use crate::mark::Rendered;
use crate::options::{Level, Options};
use crate::score::Query;
use crate::tokens::Counter;

fn compress(json: &str, question: &str, options: &Options, source: Source) -> Option<Rendered> {
    let tokens = Counter::for_model("gpt-4o");
    let query = Query::new(question, "");
    Json.compress(json, &Context { tokens: &tokens, query: &query, options, tool: None, source })
}

fn records(states: &[u8]) -> String {
    let rows: Vec<_> = states
        .iter()
        .enumerate()
        .map(|(i, s)| {
            format!(
                r#"{{"name": "node-{i}", "state": "s{s}", "size": {}, "text": "some words, number {i}"}}"#,
                i * 7
            )
        })
        .collect();
    format!("{{\"total\": {}, \"items\": [{}]}}", rows.len(), rows.join(",\n"))
}

#[test]
fn a_selection_shows_the_record_and_names_the_others() {
    let json = records(&[1, 2, 1, 1, 2, 1, 1, 2]);
    let done = compress(&json, "how large is `node-4`?", &Options::default(), Source::ToolOutput).unwrap();
    assert_eq!(
        done.text,
        "{total:8,items:[8]:\n[… 4 records 1-4: only name,state]\nnode-0,s1\nnode-1,s2\nnode-2,s1\nnode-3,s1\n\
         { name:node-4 state:s2 size:28 text:\"some words, number 4\"}\n\
         [… 3 records 6-8: only name,state]\nnode-5,s1\nnode-6,s1\nnode-7,s2\n}"
    );
    assert_eq!(done.omissions.len(), 2);
    assert!(json[done.omissions[1].range.clone()].starts_with("{\"name\": \"node-5\""));
    assert!(json[done.omissions[1].range.clone()].ends_with("number 7\"}"));
    let back = read(&done.text).unwrap();
    assert!(back.contains(r#"[… 3 records 6-8: only name,state],{"name":"node-5","state":"s1"}"#), "{back}");
}

#[test]
fn nothing_is_left_out_where_nothing_may_be() {
    let json = records(&[1, 2, 1, 1, 2, 1, 1, 2]);
    let lossless = Options { level: Level::Lossless, ..Options::default() };
    for (options, source, question) in [
        (&lossless, Source::ToolOutput, "how large is `node-4`?"),
        (&Options::default(), Source::System, "how large is `node-4`?"),
        (&Options::default(), Source::ToolOutput, "go on"),
        (&Options::default(), Source::ToolOutput, "how many are like `node-4`?"),
    ] {
        let done = compress(&json, question, options, source).unwrap();
        assert!(done.omissions.is_empty());
        assert!(Tape::parse(&read(&done.text).unwrap()).is_some());
    }
}

#[test]
fn failures_and_rarities_stay() {
    let mut states = vec![1; 120];
    states[70] = 9;
    let json = records(&states).replace("\"s9\"", "\"CrashLoopBackOff\"");
    let done = compress(&json, "how large is `node-4`?", &Options::default(), Source::ToolOutput).unwrap();
    assert!(done.text.contains("{ name:node-70 state:CrashLoopBackOff size:490"), "{}", done.text);
}

#[test]
fn members_of_maps_are_records() {
    let members: Vec<_> = (0..40).map(|i| format!("\"key-{i:04}\": \"value-{i}\"")).collect();
    let json = format!("{{{}}}", members.join(", "));
    let done =
        compress(&json, "what is under \"key-0017\"?", &Options::default(), Source::ToolOutput).unwrap();
    assert_eq!(
        done.text,
        "{ key-0000:value-0 [… 15 records 2-16] key-0016:value-16 key-0017:value-17 key-0018:value-18 [… 20 records 20-39] key-0039:value-39}"
    );
    assert!(read(&done.text).is_some());
}

#[test]
fn a_ratio_is_approximated() {
    let json = records(&[1; 300]);
    for ratio in [0.1, 0.3, 0.6] {
        let options = Options { target_ratio: Some(ratio), ..Options::default() };
        let done = compress(&json, "go on", &options, Source::ToolOutput).unwrap();
        let tokens = Counter::for_model("gpt-4o");
        let got = tokens.count(&done.text) as f64 / tokens.count(&json) as f64;
        assert!(got < ratio * 1.3, "{ratio}: {got}");
    }
}

#[test]
fn json_among_lines_becomes_blocks() {
    let json = records(&[1, 2, 1, 1, 2, 1, 1, 2]);
    let text = format!("$ nodes --json\n{json}\n</output>\n");
    assert!(Json.recognise(&text) >= 50 && Json.recognise("no [json] here") == 0);
    let done = compress(&text, "go on", &Options::default(), Source::ToolOutput).unwrap();
    assert!(
        done.text.starts_with("$ nodes --json\n[headroom json: 10 lines; ")
            && done.text.ends_with("}\n</output>\n")
    );
    let back = crate::kinds::expand(&done.text);
    assert!(back.starts_with("$ nodes --json\n{\"total\":8,") && back.ends_with("]}\n</output>\n"), "{back}");
}

#[test]
fn minified_output_stays_as_it_is() {
    let json = r#"{"a": 1, "b": [1, 2, 3]}"#;
    let once = compress(json, "", &Options::default(), Source::ToolOutput).unwrap();
    assert_eq!((once.text.as_str(), once.header), (r#"{"a":1,"b":[1,2,3]}"#, None));
    assert_eq!(compress(&once.text, "", &Options::default(), Source::ToolOutput), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn marks_account_for_every_record(
        states in prop::collection::vec(1..4_u8, 1..80), asked in 0..80_usize, aggressive: bool, ratio in prop::option::of(0.05..0.9),
    ) {
        let json = records(&states);
        let level = if aggressive { Level::Aggressive } else { Level::Balanced };
        let options = Options { level, target_ratio: ratio, ..Options::default() };
        let Some(done) = compress(&json, &format!("where is `node-{asked}`?"), &options, Source::ToolOutput) else { return Ok(()) };
        let out: usize = done.omissions.iter().map(|o| o.count).sum();
        let mut last = 0;
        for omission in &done.omissions {
            prop_assert!(omission.first > last);
            last = omission.first + omission.count - 1;
            // The bytes that are gone are those records.
            let gone = format!("[{}]", &json[omission.range.clone()]);
            let tape = Tape::parse(&gone).unwrap();
            prop_assert_eq!(tape.elements(1).count(), omission.count);
            let first = format!("\"node-{}\"", omission.first - 1);
            prop_assert!(gone.contains(&first));
        }
        let back = read(&done.text).unwrap();
        let whole = back.matches("\"size\":").count();
        prop_assert_eq!(whole + out, states.len());
    }
}
