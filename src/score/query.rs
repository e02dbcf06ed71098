//! The query: what is being asked, as far as a text may know.

use super::terms;

use crate::hashed::FastSet;

/// What is asked of a text: the turn's question, and the call that produced the text.
///
/// Tool outputs look backwards only, so a query never depends on later messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Query {
    /// The human's words (instructions of the turn; payload blocks are left out).
    pub question: String,
    /// The tool call's arguments and the assistant's text beside it. Weaker evidence: arguments match
    /// everything in the output they asked for, so they never select by themselves.
    pub call: String,
    /// Identifiers and quoted strings of the question, as written: see [`literals`].
    pub literals: Vec<String>,
    /// Stemmed terms of the question, stop words left out, each once, in order.
    pub terms: Vec<String>,
    /// Stemmed terms of `call`, likewise.
    pub call_terms: Vec<String>,
}

impl Query {
    /// Builds a query from the question and the words of the call.
    pub fn new(question: &str, call: &str) -> Self {
        Query {
            question: question.to_owned(),
            call: call.to_owned(),
            literals: literals(question),
            terms: unique(terms::terms(question)),
            call_terms: unique(terms::terms(call)),
        }
    }

    /// Whether nothing specific is asked ("go on").
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

fn unique(terms: Vec<String>) -> Vec<String> {
    let mut seen = FastSet::default();
    terms.into_iter().filter(|t| seen.insert(t.clone())).collect()
}

/// Shortest identifier or quotation that counts as a literal, in bytes.
const MIN_LITERAL_BYTES: usize = 3;
/// At most this many literals are looked for; a question that names more is a payload of its own.
const MAX_LITERALS: usize = 64;

/// The literals of a question: quoted strings ("…", '…', `…`, “…”) and identifiers (tokens with a
/// digit, or with one of `_ / . - : @ # $` or an inner capital between letters). Each once, in order.
pub fn literals(question: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut push = |s: &str| {
        let s = s.trim();
        if s.len() >= MIN_LITERAL_BYTES && out.len() < MAX_LITERALS && !out.iter().any(|o| o == s) {
            out.push(s.to_owned());
        }
    };
    for (open, close) in [('"', '"'), ('`', '`'), ('“', '”'), ('\'', '\'')] {
        let mut rest = question;
        let mut before = ' ';
        while let Some(at) = rest.find(open) {
            before = rest[..at].chars().next_back().unwrap_or(before);
            let inner = &rest[at + open.len_utf8()..];
            // An apostrophe inside a word opens nothing.
            if open == '\'' && before.is_alphanumeric() {
                rest = inner;
                continue;
            }
            let Some(end) = inner.find(close) else { break };
            if end <= 200 && !inner[..end].contains('\n') {
                push(&inner[..end]);
                rest = &inner[end + close.len_utf8()..];
            } else {
                rest = inner;
            }
            before = close;
        }
    }
    for token in question.split(|c: char| c.is_whitespace() || "\"'`“”()[]{}<>,;!?=|*".contains(c)) {
        let token = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '/' && c != '$');
        let inner = token.trim_matches(|c: char| !c.is_alphanumeric());
        let has_digit = inner.bytes().any(|b| b.is_ascii_digit());
        let has_joint = inner.bytes().any(|b| b"_/.-:@#$".contains(&b)) || token.starts_with(['_', '/']);
        let b = inner.as_bytes();
        let has_hump = b.windows(2).any(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase());
        if inner.chars().any(char::is_alphanumeric) && (has_digit || has_joint || has_hump) {
            push(token);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_identifiers_and_quotations() {
        assert_eq!(
            literals(
                "What's the value of \"Instances[0].Name\" for `i-05799f38`, in src/a.py? Don't use fooBar. Ok."
            ),
            ["Instances[0].Name", "i-05799f38", "Instances", "src/a.py", "fooBar"]
                .iter()
                .filter(|l| **l != "Instances")
                .map(|l| l.to_string())
                .collect::<Vec<_>>()
        );
    }
}
