//! The one error type of the core. Its messages say what was given, what is allowed, what to do.

use std::fmt;

/// Why a request could not be worked on as a whole. A single odd message is never an error: it is
/// left alone and noted in its [`Decision`](crate::compress::Decision).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The input is not a list of messages.
    NotMessages {
        /// What was given instead, in the caller's words ("a dict", "a string").
        given: String,
    },
    /// An option has a value that is not allowed.
    Option {
        /// Name of the option.
        name: &'static str,
        /// The value given.
        given: String,
        /// What would be accepted.
        allowed: &'static str,
    },
    /// A policy document cannot be read.
    Policy {
        /// Where in it.
        place: String,
        /// What stands there.
        given: String,
        /// What would be accepted.
        allowed: &'static str,
    },
    /// A request body is not JSON in UTF-8.
    Body {
        /// What is wrong with it.
        reason: String,
        /// Where, in bytes from the start.
        at_byte: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotMessages { given } => write!(
                f,
                "expected a list of messages (OpenAI chat, Anthropic Messages or Responses items), got {given}; \
                 pass the request's `messages` (or `input`) list"
            ),
            Error::Option { name, given, allowed } => {
                write!(f, "{name}={given} is not allowed; allowed: {allowed}")
            }
            Error::Policy { place, given, allowed } => {
                write!(f, "the policy cannot be used: {place} is {given}; allowed: {allowed}")
            }
            Error::Body { reason, at_byte } => {
                write!(f, "the request body is not usable JSON: {reason} at byte {at_byte}")
            }
        }
    }
}

impl std::error::Error for Error {}
