//! Requests as bytes: what is not a changed string keeps its bytes, and what comes out is a request again.

use headroom::compress::{Outcome, clear_memo};
use headroom::options::Retrieval;
use headroom::request::body::{BodyOutcome, compress_body};
use headroom::{Level, Options};

use super::json::{self, Token, quote};

/// Options from one byte: level, a ratio, hashes.
pub fn options(byte: u8) -> Options {
    let level = [Level::Balanced, Level::Lossless, Level::Aggressive, Level::Balanced][usize::from(byte & 3)];
    Options {
        level,
        target_ratio: (byte & 3 == 3).then_some(0.25),
        max_threads: 1,
        retrieval: if byte & 0x40 != 0 { Retrieval::Plain } else { Retrieval::Off },
        ..Options::default()
    }
}

/// Any bytes as a body: refused, or compressed as the promises say.
pub fn any_bytes(data: &[u8]) {
    let Some((&first, body)) = data.split_first() else { return };
    let options = options(first);
    clear_memo();
    let Ok(done) = compress_body(body, Some("gpt-4o"), &options) else { return };
    let text = std::str::from_utf8(body).expect("what is not UTF-8 is refused");
    check(text, &done, &options);
}

/// A request around made-up texts, which the parts of the input are separated by.
pub fn texts(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let options = options(first);
    let parts: Vec<String> =
        rest.split(|b| *b == 0xff).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let body = chat(&parts);
    clear_memo();
    let done = compress_body(body.as_bytes(), None, &options).expect("a body of ours is read");
    check(&body, &done, &options);
}

/// A chat with one tool output per part, spelled with white space and members that must survive.
fn chat(parts: &[String]) -> String {
    let mut rows = vec![r#"{ "role":"user","content":"Which shard failed with 42?", "n": 1.10 }"#.to_owned()];
    for (i, part) in parts.iter().enumerate() {
        rows.push(format!(
            r#"{{"role":"assistant","content":null,"tool_calls":[{{"id":"c{i}","type":"function","function":{{"name":"sh","arguments":"{{}}"}}}}]}}"#
        ));
        rows.push(format!("{{\"role\":\"tool\",\t\"tool_call_id\":\"c{i}\",\"content\":{} }}", quote(part)));
    }
    format!("{{\"model\":\"gpt-4o\", \"top_p\":1.0,\r\n\"messages\":[{}],\"n\":1e0}}", rows.join(" , "))
}

/// The promises for one body.
///
/// # Panics
/// If one is broken.
pub fn check(body: &str, done: &BodyOutcome, options: &Options) {
    promises(&done.outcome, options);
    let Some(new) = &done.body else {
        assert!(done.outcome.edits.is_empty());
        return;
    };
    let new = std::str::from_utf8(new).expect("a body is UTF-8");
    only_strings_changed(body, new, &done.outcome);
    clear_memo();
    let again =
        compress_body(new.as_bytes(), Some(&done.model), options).expect("a compressed body is a body");
    let again = again.body.map(|b| String::from_utf8(b).expect("a body is UTF-8"));
    assert_eq!(again, None, "compressing twice changed something");
}

/// Never worse, no bug that was caught, nothing lost without loss being allowed.
///
/// # Panics
/// If not.
pub fn promises(outcome: &Outcome, options: &Options) {
    assert!(outcome.tokens_after <= outcome.tokens_before);
    for decision in &outcome.decisions {
        assert!(decision.tokens_after <= decision.tokens_before, "{decision:?}");
        assert_ne!(decision.reason, "internal error");
        for (_, block) in &decision.blocks {
            assert_ne!(block.why, "internal error");
        }
    }
    assert!(options.may_omit() || outcome.omitted.is_empty());
}

/// Byte for byte: between two strings nothing changes, and as many strings change as were edited.
fn only_strings_changed(before: &str, after: &str, outcome: &Outcome) {
    let (old, new) = (json::tokens(before).expect("was read"), json::tokens(after).expect("is JSON again"));
    assert_eq!(old.len(), new.len());
    let mut edits: Vec<Vec<u16>> =
        outcome.edits.iter().map(|edit| edit.text.encode_utf16().collect()).collect();
    let (mut old_end, mut new_end) = (0, 0);
    for ((a, a_range), (b, b_range)) in old.iter().zip(&new) {
        assert_eq!(
            before[old_end..a_range.start],
            after[new_end..b_range.start],
            "bytes between two tokens changed"
        );
        (old_end, new_end) = (a_range.end, b_range.end);
        if a != b {
            let (Token::String(_), Token::String(inner)) = (a, b) else { panic!("{a:?} became {b:?}") };
            // A system text is message 0, wherever it stands in the body.
            let decoded = json::decode(inner).expect("escapes of ours exist");
            let edit =
                edits.iter().position(|edit| *edit == decoded).expect("a string is not what was decided");
            edits.swap_remove(edit);
        }
    }
    assert_eq!(before[old_end..], after[new_end..]);
    assert!(edits.is_empty(), "edits that changed no string");
}
