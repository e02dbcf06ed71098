//! Kinds of content. A kind is one file (or folder) and one line in [`ALL`]: it recognises its
//! texts, splits them into units, re-encodes them without loss and chooses what may be left out.

pub mod code;
pub mod diff;
pub mod json;
pub mod log;
pub mod markup;
pub mod prose;
pub mod search;
mod sink;
pub mod table;

use crate::mark::{self, Rendered};
use crate::options::Options;
use crate::request::ToolCall;
use crate::score::Query;
use crate::tokens::Counter;

/// Where a text stands in the request; decides what may be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// What a tool returned: payload as a whole.
    ToolOutput,
    /// A payload block inside a user's message.
    User,
    /// A block of JSON inside a system message: re-encoded without loss, never cut.
    System,
}

/// All that a kind may look at besides the text itself.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Counts tokens as the model does.
    pub tokens: &'a Counter,
    /// What is being asked.
    pub query: &'a Query,
    /// What the caller allows.
    pub options: &'a Options,
    /// The call that produced this text, for tool outputs.
    pub tool: Option<&'a ToolCall>,
    /// Where the text stands.
    pub source: Source,
}

impl Context<'_> {
    /// Whether units may be left out of this text.
    pub fn may_omit(&self) -> bool {
        self.options.may_omit() && self.source != Source::System
    }
}

/// One kind of content.
pub trait Kind: Sync {
    /// The noun used in decisions and docs, for example "log".
    fn name(&self) -> &'static str;

    /// How sure this kind is that `text` is its own, 0 (not at all) to 100. Must look at a bounded
    /// part of the text, or be linear and cheap.
    fn recognise(&self, text: &str) -> u8;

    /// Whether [`Kind::recognise`] could say `least` or more; much cheaper than asking it, and true where
    /// in doubt. Kinds that could not be surer than the one already found are not asked: looking at
    /// a text of a few kilobytes with every kind's eyes costs more than compressing it.
    fn may_reach(&self, text: &str, least: u8) -> bool {
        let _ = (text, least);
        true
    }

    /// Compresses `text`, or returns `None` if there is nothing to gain. The result is accepted only
    /// if it has fewer tokens; the caller checks that.
    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered>;

    /// Decodes the body of a block that this kind re-encoded (see [`Rendered::header`]); `None` if it
    /// is not one. Exact encodings give back the bytes, JSON gives equal JSON. Marks stay in place.
    fn expand(&self, body: &str, words: &str) -> Option<String> {
        let _ = (body, words);
        None
    }
}

/// Below this confidence a text is of no kind and stays as it is.
pub const MIN_CONFIDENCE: u8 = 50;

/// Every kind, in the order in which ties are broken.
pub const ALL: &[&dyn Kind] = &[
    &json::Json,
    &diff::Diff,
    &search::Search,
    &table::Table,
    &log::Log,
    &markup::Markup,
    &code::Code,
    &prose::Prose,
];

/// The kind that is surest of `text`, if any is sure enough.
pub fn recognise(text: &str) -> Option<&'static dyn Kind> {
    let mut best: Option<(u8, &'static dyn Kind)> = None;
    for kind in ALL {
        let least = best.map_or(MIN_CONFIDENCE, |(confidence, _)| confidence.saturating_add(1));
        if !kind.may_reach(text, least) {
            continue;
        }
        let confidence = kind.recognise(text);
        if confidence >= least {
            best = Some((confidence, *kind));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Decodes every re-encoded block in `text`. Blocks that are not ours, or damaged, stay as they are.
pub fn expand(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(block) = mark::find_headed(text, done) {
        out.push_str(&text[done..block.range.start]);
        let kind = ALL.iter().find(|kind| kind.name() == block.kind);
        // A header without words may only tell the extent of a block that was not re-encoded.
        let data = kind.and_then(|kind| {
            kind.expand(block.body, block.words)
                .or_else(|| block.words.is_empty().then(|| block.body.to_owned()))
        });
        match data {
            Some(data) => {
                out.push_str(&data);
                out.push_str(block.pointer);
            }
            None => out.push_str(&text[block.range.clone()]),
        }
        done = block.range.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of several kinds, and the same behind numbered passages.
    fn texts() -> Vec<String> {
        let code =
            "import os\n\ndef f(x):\n    if x:\n        return os.path.join(x, 'a')\n    return None\n\n";
        let words =
            "The river rises in the hills of the north. Its water is cold in spring and brown later. ";
        let log = "2024-01-01 10:00:00 INFO started worker 7\n2024-01-01 10:00:01 ERROR worker 7 failed\n";
        let csv = "id,name,price\n1,apple,3\n2,pear,4\n3,plum,5\n";
        let mut out: Vec<String> =
            [code, words, log, csv, "<p>a</p>\n", "{\"a\": 1}\n"].iter().map(|t| t.repeat(20)).collect();
        out.push((1..20).map(|i| format!("Document [{i}](Title: River {i}) {words}\n\n")).collect());
        out.push((1..20).map(|i| format!("Document [{i}]\n{code}{words}\n")).collect());
        out
    }

    #[test]
    fn kinds_reach_what_they_say() {
        for text in texts() {
            for kind in ALL {
                let confidence = kind.recognise(&text);
                for least in 0..=confidence {
                    assert!(kind.may_reach(&text, least), "{}: {confidence}, {least}\n{text}", kind.name());
                }
            }
        }
    }
}
