//! What must hold for every input, one function per parser. The fuzz targets call these on whatever libFuzzer
//! makes up; `tests/fuzz_corpus.rs` calls them on the corpus, with every test run and without a fuzzer.

pub mod body;
pub mod json;
pub mod marks;
pub mod restore;
pub mod text;
pub mod tokens;

/// What one target does with an input.
type Check = fn(&[u8]);

/// Every target: its name, and the check it runs.
pub const TARGETS: &[(&str, Check)] = &[
    ("body", body::any_bytes),
    ("splice", body::texts),
    ("json", |data| text::of_kind("json", data)),
    ("table", |data| text::of_kind("table", data)),
    ("log", |data| text::of_kind("log", data)),
    ("search", |data| text::of_kind("search", data)),
    ("diff", |data| text::of_kind("diff", data)),
    ("code", text::code),
    ("markup", |data| text::of_kind("markup", data)),
    ("prose", |data| text::of_kind("prose", data)),
    ("user", text::user),
    ("excerpt", text::excerpt),
    ("marks", marks::check),
    ("tokens", tokens::check),
];

/// Runs the check of one target.
///
/// # Panics
/// If the input breaks a promise, or there is no such target.
pub fn run(target: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    found.unwrap_or_else(|| panic!("no target {target}")).1(data);
}
