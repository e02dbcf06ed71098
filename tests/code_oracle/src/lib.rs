//! Nothing: the crate exists for its test.
