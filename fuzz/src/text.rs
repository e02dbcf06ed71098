//! Texts of every kind: as a tool's output, as payload in a user's message, and as an original to take parts of.

use headroom::blocks::segment;
use headroom::compress::{Outcome, clear_memo};
use headroom::kinds::code::language::Language;
use headroom::kinds::code::outline;
use headroom::kinds::{self, Context, Kind, MIN_CONFIDENCE, Source, expand};
use headroom::mark::{Omission, Unit, find_headed, is_marked};
use headroom::request::ToolCall;
use headroom::request::body::compress_body;
use headroom::score::Query;
use headroom::tokens::Counter;
use headroom::{Level, Options};

use super::body::{self, options};
use super::json::{self, quote};
use super::restore;

const QUESTIONS: [&str; 2] = ["", "Which shard failed with 42, and where is `cache` read?"];
const FILES: [&str; 10] = ["", "a.py", "a.js", "a.go", "a.rs", "a.java", "a.cpp", "a.cs", "a.rb", "a.php"];
/// Kinds whose text comes back byte for byte from what is shown and what is missing.
const EXACT: [&str; 4] = ["log", "code", "prose", "search"];

/// One text as the output of a tool: through the kind itself, and through the whole way of a request.
pub fn of_kind(name: &str, data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let kind = *kinds::ALL.iter().find(|kind| kind.name() == name).expect("a kind");
    alone(kind, &text, first, FILES[usize::from(first >> 3 & 7)]);
    as_output(&text, first, FILES[usize::from(first >> 3 & 7)]);
}

/// Source code: also the outline, in every language.
pub fn code(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    for language in Language::ALL {
        outlined(&text, language);
    }
    let file = FILES[usize::from(first >> 3) % FILES.len()];
    alone(&kinds::code::Code, &text, first & 7, file);
    as_output(&text, first & 7, file);
}

fn outlined(text: &str, language: Language) {
    let found = outline::outline(text, language);
    for (i, item) in found.items.iter().enumerate() {
        assert!(item.start <= item.name.0 && item.name.0 <= item.name.1 || item.name.0 == item.name.1);
        assert!(item.start <= item.body.0 && item.body.0 <= item.body.1 && item.body.1 <= item.end);
        assert!(text.get(item.start..item.end).is_some() && text.get(item.body.0..item.body.1).is_some());
        assert!(item.name.0 == item.name.1 || text.get(item.name.0..item.name.1).is_some());
        if let Some(parent) = item.parent {
            let around = &found.items[parent];
            assert!(
                parent < i && around.start <= item.start && item.end <= around.end,
                "{item:?} in {around:?}"
            );
        }
    }
    for (start, end) in found.comments {
        assert!(start <= end && text.get(start..end).is_some());
    }
}

/// What a kind makes of a text that it takes for its own.
fn alone(kind: &dyn Kind, text: &str, first: u8, file: &str) {
    let confidence = kind.recognise(text);
    assert!(confidence <= 100);
    assert!(kind.may_reach(text, confidence));
    if confidence < MIN_CONFIDENCE || is_marked(text) {
        return;
    }
    let options = options(first);
    let query = Query::new(QUESTIONS[usize::from(first >> 2 & 1)], "");
    let tool =
        ToolCall { name: "sh".into(), arguments: format!("{{\"path\":\"{file}\"}}"), ..ToolCall::default() };
    let tokens = Counter::for_model("gpt-4o");
    let cx = Context {
        tokens: &tokens,
        query: &query,
        options: &options,
        tool: Some(&tool),
        source: Source::ToolOutput,
    };
    let Some(done) = kind.compress(text, &cx) else {
        return;
    };
    in_order(text, &done.omissions);
    assert!(options.may_omit() || done.omissions.is_empty(), "{:?}", done.omissions);
    assert_eq!(done.text.ends_with('\n'), text.ends_with('\n'), "the end of the text changed");
    let Some(words) = &done.header else {
        assert_ne!(options.level, Level::Lossless, "without a header nothing is re-encoded");
        return;
    };
    assert!(!words.contains(['\n', '\r']), "{words:?}");
    let back = kind.expand(&done.text, words);
    if done.omissions.is_empty() {
        let back = back.unwrap_or_else(|| panic!("does not decode: {}\n{:?}", words, done.text));
        same_data(kind.name(), text, &back);
    }
}

fn in_order(text: &str, omissions: &[Omission]) {
    let mut at = 0;
    for gone in omissions {
        assert!(gone.range.start >= at || gone.unit == Unit::Code, "{gone:?} overlaps");
        assert!(gone.count > 0 && gone.first > 0 && text.get(gone.range.clone()).is_some(), "{gone:?}");
        at = if gone.unit == Unit::Code { at } else { gone.range.end };
    }
}

fn same_data(kind: &str, text: &str, back: &str) {
    if kind == "json" {
        assert!(json::is_same(text, back), "other data:\n{text:?}\n{back:?}");
    } else {
        assert_eq!(text, back);
    }
}

/// The whole way: request, blocks, kinds, marks; and back.
fn as_output(text: &str, first: u8, file: &str) {
    let options = options(first);
    let body = request(text, QUESTIONS[usize::from(first >> 2 & 1)], file);
    clear_memo();
    let done = compress_body(body.as_bytes(), None, &options).expect("a body of ours is read");
    body::check(&body, &done, &options);
    let Some(edit) = done.outcome.edits.first() else {
        return;
    };
    restored(text, &edit.text, &done.outcome, &options);
}

fn restored(text: &str, new: &str, outcome: &Outcome, options: &Options) {
    let omitted: Vec<Omission> = outcome.omitted.iter().map(|o| o.omission.clone()).collect();
    in_order(text, &omitted);
    if !outcome.originals.is_empty() {
        // With a line at the end that tells where the rest is.
        return;
    }
    let reason = &outcome.decisions.last().expect("a decision per message").reason;
    let is_exact = reason.split(", ").all(|kind| EXACT.contains(&kind));
    if options.level == Level::Lossless && !reason.contains("json") {
        assert_eq!(expand(new), text, "{reason}");
    } else if reason == "json" && omitted.is_empty() {
        assert!(is_same_but_for_values(text, new), "other data:\n{text:?}\n{new:?}");
    } else if is_exact && !omitted.iter().any(|o| o.unit == Unit::Code) {
        restore::check(text, &expand(new), &omitted);
    }
}

/// What stands around the re-encoded values is the original's own text, and each value, with a header or without,
/// holds the same data as what stood in its place. (Without its values a text need not be JSON, so the two cannot be
/// read as a whole.)
pub fn is_same_but_for_values(text: &str, new: &str) -> bool {
    let same = text.char_indices().zip(new.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let same = same.unwrap_or(text.len().min(new.len()));
    if same == text.len() && same == new.len() {
        return true;
    }
    if let Some(block) = find_headed(new, 0).filter(|block| block.range.start <= same) {
        let text = &text[block.range.start..];
        let (data, rest) = (expand(&new[block.range.clone()]), &new[block.range.end..]);
        // White space may belong to the block or to what follows it.
        let mut ends = (1..=text.len()).filter(|end| text.is_char_boundary(*end));
        return ends
            .any(|end| json::is_same(&text[..end], &data) && is_same_but_for_values(&text[end..], rest));
    }
    let starts = new.match_indices(['{', '[']).map(|(at, _)| at).take_while(|at| *at <= same);
    starts.filter(|at| text[*at..].starts_with(['{', '['])).any(|at| {
        let ends = (json::value_end(&text[at..]), json::value_end(&new[at..]));
        let (Some(end), Some(new_end)) = ends else { return false };
        let (end, new_end) = (at + end, at + new_end);
        end > same
            && json::is_same(&text[at..end], &new[at..new_end])
            && is_same_but_for_values(&text[end..], &new[new_end..])
    })
}

fn request(text: &str, question: &str, file: &str) -> String {
    let arguments = quote(&format!("{{\"path\":\"{file}\"}}"));
    format!(
        "{{\"model\":\"gpt-4o\",\"messages\":[{{\"role\":\"user\",\"content\":{}}},{{\"role\":\"assistant\",\"content\":null,\
         \"tool_calls\":[{{\"id\":\"c\",\"type\":\"function\",\"function\":{{\"name\":\"read\",\"arguments\":{arguments}}}}}]}},\
         {{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":{}}}]}}",
        quote(question),
        quote(text)
    )
}

/// A user's message: its parts cover it, and what is not payload keeps its bytes and its order.
pub fn user(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    for source in [Source::User, Source::System, Source::ToolOutput] {
        let mut at = 0;
        for part in segment(&text, source) {
            assert!(part.range.start == at && text.get(part.range.clone()).is_some(), "{part:?} after {at}");
            at = part.range.end;
        }
        assert_eq!(at, text.len());
    }
    let options = options(first);
    let body =
        format!("{{\"model\":\"gpt-4o\",\"messages\":[{{\"role\":\"user\",\"content\":{}}}]}}", quote(&text));
    clear_memo();
    let done = compress_body(body.as_bytes(), None, &options).expect("a body of ours is read");
    body::check(&body, &done, &options);
    let Some(edit) = done.outcome.edits.first() else {
        return;
    };
    let mut rest = edit.text.as_str();
    for part in segment(&text, Source::User).iter().filter(|part| !part.is_payload) {
        let at = rest.find(&text[part.range.clone()]);
        rest = &rest[at.unwrap_or_else(|| panic!("instructions changed: {:?}", &text[part.range.clone()]))..];
        rest = &rest[part.range.len()..];
    }
}

/// Parts of an original: its own bytes, in order, with true marks for the gaps.
pub fn excerpt(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let query = QUESTIONS[usize::from(first & 1)];
    let counter = Counter::for_model("gpt-4o");
    let found = headroom::excerpt::excerpt(&text, query, usize::from(first) * 4, &counter);
    in_order(&text, &found.omissions);
    assert!(found.matches <= found.matching);
    if !is_marked(&text) {
        restore::check(&text, &found.text, &found.omissions);
    }
}
