//! Requests: from messages in any of three dialects to the texts that may be compressed.
//!
//! Two front ends build the same [`Request`]: Python objects (`python`) and the bytes of an HTTP body
//! ([`body`]). The dialects (OpenAI chat, Anthropic Messages, Responses items) are told apart per
//! message, so mixed lists work too.

pub mod body;
mod edits;
pub mod read;
pub mod value;

pub use read::{Message, Text, ToolCall, Written};
pub use value::{Request, Value};

/// One step from a message down to a string inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A key of an object. All keys on the way to a payload are known names.
    Key(&'static str),
    /// An index of a list.
    Index(usize),
}
