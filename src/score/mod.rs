//! What a text is scored against and how.

pub mod bm25;
pub(crate) mod intern;
pub mod query;
pub mod question;
pub mod scope;
pub mod terms;
mod words;

pub use query::Query;
