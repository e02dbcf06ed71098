//! Texts in strings: passages lose sentences, outputs are compressed as what they hold, data stays equal.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::Json;
use super::tape::Tape;
use super::text;
use crate::kinds::{Context, Kind, Source};
use crate::mark::{Rendered, Unit};
use crate::options::{Level, Options};
use crate::score::Query;
use crate::tokens::Counter;

fn compress(json: &str, question: &str, level: Level) -> Option<Rendered> {
    let (tokens, query) = (Counter::for_model("gpt-4o"), Query::new(question, ""));
    let options = Options { level, ..Options::default() };
    let source = Source::ToolOutput;
    Json.compress(json, &Context { tokens: &tokens, query: &query, options: &options, tool: None, source })
}

/// Passages about rivers as a vector store returns them; the bridge stands in one of them.
fn passages(n: usize) -> String {
    let record = |i: usize| {
        let town =
            if i == n / 2 { "It was bridged at \\\"Oldenau\\\" by Countess Mathilde in 1304. " } else { "" };
        format!(
            "{{\"id\":\"doc-{i}\",\"score\":0.{},\"metadata\":{{\"title\":\"River {i}\"}},\"text\":\"The river number {i} rises \
             in the h\\u00fcgel of the north.\\n{town}Its water is cold in spring and brown in autumn. Boats carry timber \
             and grain down to the sea. Fishermen complain about the mills, as they did a century ago.\"}}",
            99 - i
        )
    };
    format!("{{\"results\":[{}]}}", (0..n).map(record).collect::<Vec<_>>().join(","))
}

#[test]
fn passages_in_records_are_ranked_like_any_others() {
    let json = passages(20);
    let out = compress(&json, "Who bridged the river at Oldenau?", Level::Balanced).unwrap();
    assert!(out.text.contains("by Countess Mathilde in 1304."), "{}", out.text);
    assert!(out.text.contains("doc-3") && out.text.contains("River 17"), "records stay: {}", out.text);
    assert!(out.text.len() * 2 < json.len(), "{}", out.text);
    assert!(out.omissions.iter().all(|o| o.unit == Unit::Sentence && json.is_char_boundary(o.range.start)));
    // What is visible and what is gone are all the sentences, in order.
    for pair in out.omissions.windows(2) {
        assert!(pair[0].range.end <= pair[1].range.start && pair[0].first + pair[0].count <= pair[1].first);
    }
    let gone: usize = out.omissions.iter().map(|o| o.count).sum();
    let visible = ["rises in", "bridged at", "Its water", "Boats carry", "Fishermen"]
        .iter()
        .map(|start| out.text.matches(start).count())
        .sum::<usize>();
    assert_eq!(gone + visible, 81);
}

#[test]
fn without_a_question_passages_stay() {
    for question in [
        "",
        "Go on.",
        "Summarize the documents.",
        "What is wrong here?",
        "How many documents mention the bridge at Oldenau?",
        "What is the value of \"text\" for the item whose \"id\" is \"7\"?",
    ] {
        let out = compress(&passages(20), question, Level::Balanced).unwrap();
        assert!(out.omissions.is_empty(), "{question}");
    }
    let out = compress(&passages(20), "Who bridged the river at Oldenau?", Level::Lossless).unwrap();
    assert!(out.omissions.is_empty());
}

#[test]
fn a_record_named_by_its_id_stays_whole() {
    let out = compress(&passages(20), "What does `doc-7` say?", Level::Balanced).unwrap();
    assert!(out.text.contains("The river number 7 rises") && out.text.contains("as they did a century ago"));
    assert!(out.omissions.iter().all(|o| o.unit == Unit::Record));
}

fn log() -> String {
    (0..200)
        .map(|i| {
            let what = if i == 120 { "ERROR payment ch_9 declined" } else { "INFO  processed request" };
            format!("2026-03-04 05:{:02}:{:02},123 {what} {i}\n", i / 60, i % 60)
        })
        .collect()
}

#[test]
fn what_a_command_printed_is_compressed_as_what_it_is() {
    let mut json = "{\"output\": ".to_owned();
    text::quote(&mut json, &log());
    json.push_str(", \"metadata\": {\"exit_code\": 0}}");
    let out = compress(&json, "go on", Level::Balanced).unwrap();
    assert!(
        out.text.len() * 4 < json.len()
            && out.text.contains("ch_9 declined")
            && out.text.contains("exit_code")
    );
    for o in &out.omissions {
        let gone = text::decode(&json[o.range.clone()]).unwrap().into_owned();
        assert_eq!(gone.lines().count(), o.count);
    }
}

#[test]
fn a_mark_in_a_string_is_text() {
    let mut json = "{\"output\": ".to_owned();
    text::quote(&mut json, &format!("[headroom log: 2 lines]\n{}", log()));
    json.push('}');
    let out = compress(&json, "go on", Level::Lossless);
    assert!(out.is_none_or(|out| {
        Json.expand(&out.text, &out.header.unwrap_or_default()).is_none_or(|t| t.contains("[headroom log"))
    }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn lossless_blocks_in_strings_decode_to_the_data(words in prop::collection::vec("[a-zé\"\\\\]{1,6}", 1..5), n in 30..90_usize) {
        let lines: String = (0..n).map(|i| {
            format!("2026-03-04 05:{:02}:{:02},123 INFO {} {i}\n", i / 60, i % 60, words[i % words.len()])
        }).collect();
        let mut json = "{\"a\":1,\"out\":".to_owned();
        text::quote(&mut json, &lines);
        json.push_str(",\"b\":[true]}");
        if let Some(out) = compress(&json, "", Level::Lossless) {
            prop_assert!(out.omissions.is_empty());
            let back = match &out.header {
                Some(words) => Json.expand(&out.text, words).unwrap(),
                None => out.text,
            };
            let (a, b) = (Tape::parse(&back).unwrap(), Tape::parse(&json).unwrap());
            prop_assert!(a.next(0) == b.next(0));
            for id in 1..a.next(0) {
                if a.kind(id) == super::tape::Kind::String {
                    prop_assert_eq!(text::decode(a.inner(id)), text::decode(b.inner(id)));
                }
            }
        }
    }
}
