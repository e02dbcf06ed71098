//! Headroom's core: compresses what an application sends to a language model.
//!
//! ```text
//! request ─► texts (role, tool name and arguments, the turn's question)          request/
//! text    ─► blocks: json table log search diff code listing markup prose        blocks/
//! block   ─► units with token counts ─► re-encode without loss                   kinds/  tokens/
//!         ─► still worth cutting? score units ─► choose under a budget           score/  select
//!         ─► render: kept units + marks                                          kinds/  mark
//! text'   ─► accepted only if it has fewer tokens ─► spliced back                compress, request/
//!
//! hash    ─► original (a store's) ─► the units that a query asks for             excerpt/
//! ```
//!
//! Invariants that hold for every function of this crate: no I/O, no clock, no environment, no
//! randomness; the same input gives the same bytes in every process. Nothing panics on input.
//! The crate needs neither Python nor PyO3 unless the feature `python` is on; `python` is the only
//! module that knows it.

pub mod blocks;
pub mod compress;
pub mod error;
pub mod excerpt;
mod hashed;
pub mod kinds;
pub mod mark;
pub mod memo;
pub mod options;
mod parallel;
mod planes;
pub mod policy;
#[cfg(feature = "python")]
mod python;
pub mod request;
pub mod score;
pub mod select;
pub mod tokens;

pub use compress::{Decision, Edit, Outcome, compress_request};
pub use error::Error;
pub use options::{Level, Options, Retrieval};
