//! What the model wrote into its tool calls: a file that it created is often printed back to it.
//!
//! The text of a call is the strings of its arguments, keys left out, one after the other, each on lines
//! of its own; its lines are counted through all of them. Arguments stay in the request as they are, so
//! whatever a later output repeats of them is visible above it. Cost: linear once per call, then a
//! look-up: the texts are remembered with their prints.

use std::sync::{Arc, OnceLock};

use super::echo::MIN_RUN_BYTES;
use super::print::Print;
use crate::memo::{self, Memo};
use crate::request::Written;
use crate::request::body::unescape;

/// The text of a call and where its lines are found.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) text: String,
    pub(super) print: Print,
}

/// Texts of this process's calls.
fn calls() -> &'static Memo<Call> {
    static CALLS: OnceLock<Memo<Call>> = OnceLock::new();
    CALLS.get_or_init(|| Memo::new(memo::MAX_BYTES / 4))
}

/// Forgets all calls, for measurements.
pub(super) fn clear() {
    calls().clear();
}

/// The text of a call, if there is enough of it to be found again, and the key by which it is known.
pub(super) fn call(written: &Written<'_>) -> Option<(memo::Key, Arc<Call>)> {
    let (key, bytes) = match written {
        Written::Raw(text) if is_worth_it(text) => (memo::key(&[b"raw", text.as_bytes()]), text.len()),
        Written::Strings(strings) if strings.iter().any(|s| is_worth_it(s)) => {
            let strings = strings.iter().map(|s| s.as_bytes());
            let parts: Vec<&[u8]> = std::iter::once(&b"strings"[..]).chain(strings).collect();
            (memo::key(&parts), parts.iter().map(|p| p.len()).sum())
        }
        _ => return None,
    };
    if let Some(known) = calls().get(key) {
        return Some((key, known));
    }
    let text = match written {
        Written::Raw(text) => strings_in(text).unwrap_or_else(|| (*text).to_owned()),
        Written::Strings(strings) => strings.join("\n"),
    };
    let print = Print::new(&text);
    let call = Arc::new(Call { text, print });
    calls().insert(key, call.clone(), 2 * bytes);
    Some((key, call))
}

/// Most calls are a short line.
fn is_worth_it(text: &str) -> bool {
    text.len() >= MIN_RUN_BYTES
}

/// The strings of a JSON text, joined by newlines; `None` if it is not an object or a list, or has a
/// string that cannot be read.
fn strings_in(json: &str) -> Option<String> {
    let b = json.as_bytes();
    if !json.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut out = String::with_capacity(json.len());
    let mut at = 0;
    let mut is_first = true;
    while let Some(open) = memchr::memchr(b'"', &b[at..]).map(|n| at + n + 1) {
        let mut end = open;
        loop {
            end += memchr::memchr2(b'"', b'\\', b.get(end..)?)?;
            if b[end] == b'"' {
                break;
            }
            end += 2;
        }
        at = end + 1;
        // What a colon follows is a key.
        if b[at..].trim_ascii_start().first() == Some(&b':') {
            continue;
        }
        if !is_first {
            out.push('\n');
        }
        is_first = false;
        out.push_str(&unescape(&json[open..end])?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_not_taken_for_the_json_that_they_hold() {
        let json = format!(r#"{{"text":"{}"}}"#, "a line of a file ".repeat(10));
        let text = |written: &Written<'_>| call(written).map(|(_, call)| call.text.clone());
        assert_eq!(text(&Written::Raw(&json)), strings_in(&json));
        assert_eq!(text(&Written::Strings(vec!["raw", &json])), Some(format!("raw\n{json}")));
    }

    #[test]
    fn strings_of_arguments_are_lines() {
        assert_eq!(
            strings_in(r#"{"path":"a.py", "text" : "x = \"1\"\ny\\"}"#).as_deref(),
            Some("a.py\nx = \"1\"\ny\\")
        );
        assert_eq!(strings_in(r#"{"a": ["b", 1, "ü"]}"#).as_deref(), Some("b\nü"));
        assert_eq!(strings_in("*** Begin Patch"), None);
        for broken in [r#"{"a": "x"#, r#"{"a": "\"#, r#"{"a": "\q"}"#] {
            assert_eq!(strings_in(broken), None, "{broken}");
        }
    }
}
