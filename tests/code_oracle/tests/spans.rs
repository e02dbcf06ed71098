//! Function spans of the outline scanner against those of tree-sitter, on real files: the crates that
//! cargo has fetched (Rust, C, JavaScript), the standard library of the Python that is installed, and
//! the fixtures beside this test for the other languages. `CODE_ORACLE_DIRS` (separated by colons) adds
//! folders. What tree-sitter itself calls an error is left out on both sides, and counted.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use headroom::kinds::code::Code;
use headroom::kinds::code::language::Language;
use headroom::kinds::code::outline::{ItemKind, outline};
use headroom::kinds::{Context, Kind, Source};
use headroom::options::Options;
use headroom::score::Query;
use headroom::tokens::Counter;
use tree_sitter::{Node, Parser};

/// At least this share of spans must be equal, of those the oracle has and of those the scanner has.
const EQUAL_SHARE: f64 = 0.99;
/// Larger files are generated tables.
const MAX_FILE_BYTES: u64 = 300_000;
/// Files per language and source, spread evenly over all that were found.
const MAX_FILES: usize = 400;

struct Oracle {
    name: &'static str,
    language: Language,
    grammar: tree_sitter::Language,
    /// Nodes that are functions with a block.
    functions: &'static [&'static str],
    extensions: &'static [&'static str],
    /// Nodes in which the grammar reads no functions.
    opaque: &'static [&'static str],
}

fn oracles() -> Vec<Oracle> {
    let js: &[&str] = &[
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "arrow_function",
        "method_definition",
    ];
    let oracle = |name, language, grammar: tree_sitter::Language, functions, extensions| Oracle {
        name,
        language,
        grammar,
        functions,
        extensions,
        opaque: &[],
    };
    vec![
        oracle(
            "python",
            Language::Python,
            tree_sitter_python::LANGUAGE.into(),
            &["function_definition"],
            &["py"],
        ),
        oracle(
            "javascript",
            Language::JavaScript,
            tree_sitter_javascript::LANGUAGE.into(),
            js,
            &["js", "mjs", "cjs", "jsx"],
        ),
        oracle(
            "typescript",
            Language::JavaScript,
            tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            js,
            &["ts"],
        ),
        oracle("tsx", Language::JavaScript, tree_sitter_typescript::LANGUAGE_TSX.into(), js, &["tsx"]),
        oracle(
            "go",
            Language::Go,
            tree_sitter_go::LANGUAGE.into(),
            &["function_declaration", "method_declaration"],
            &["go"],
        ),
        Oracle {
            opaque: &["token_tree"],
            ..oracle("rust", Language::Rust, tree_sitter_rust::LANGUAGE.into(), &["function_item"], &["rs"])
        },
        oracle(
            "java",
            Language::Java,
            tree_sitter_java::LANGUAGE.into(),
            &["method_declaration", "constructor_declaration", "compact_constructor_declaration"],
            &["java"],
        ),
        oracle("c", Language::C, tree_sitter_c::LANGUAGE.into(), &["function_definition"], &["c"]),
        oracle(
            "c++",
            Language::C,
            tree_sitter_cpp::LANGUAGE.into(),
            &["function_definition"],
            &["cpp", "cc", "hpp", "h"],
        ),
        oracle(
            "c#",
            Language::CSharp,
            tree_sitter_c_sharp::LANGUAGE.into(),
            &[
                "method_declaration",
                "constructor_declaration",
                "destructor_declaration",
                "operator_declaration",
                "conversion_operator_declaration",
                "local_function_statement",
            ],
            &["cs"],
        ),
        oracle(
            "ruby",
            Language::Ruby,
            tree_sitter_ruby::LANGUAGE.into(),
            &["method", "singleton_method"],
            &["rb"],
        ),
        oracle(
            "php",
            Language::Php,
            tree_sitter_php::LANGUAGE_PHP.into(),
            &[
                "function_definition",
                "method_declaration",
                "anonymous_function",
                "anonymous_function_creation_expression",
            ],
            &["php"],
        ),
    ]
}

#[derive(Default)]
struct Tally {
    files: usize,
    oracle: usize,
    ours: usize,
    equal: usize,
    /// Spans of either side that overlap an error of the oracle.
    errors: usize,
}

type Span = (usize, usize);

/// What both sides call the span of a function: its body's bytes, or from the name to the end where
/// bodies have no braces.
fn oracle_spans(oracle: &Oracle, root: Node<'_>) -> (Vec<Span>, Vec<Span>) {
    let (mut spans, mut errors) = (Vec::new(), Vec::new());
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() || oracle.opaque.contains(&node.kind()) {
            errors.push((node.start_byte(), node.end_byte()));
        }
        let is_function = oracle.functions.contains(&node.kind());
        if is_function && oracle.language == Language::C && !declares_function(node) {
            // `class EXPORT Name {`: the grammar does not know the macro and reads a function.
            errors.push((node.start_byte(), node.end_byte()));
        } else if is_function {
            match oracle.language {
                Language::Python | Language::Ruby => {
                    // A method of one expression (`def a = b`) has no end of its own.
                    let last = node.child(node.child_count().saturating_sub(1) as _);
                    let has_end =
                        oracle.language == Language::Python || last.is_some_and(|n| n.kind() == "end");
                    if let Some(name) = node.child_by_field_name("name")
                        && has_end
                    {
                        spans.push((name.start_byte(), node.end_byte()));
                    }
                }
                _ => {
                    let blocks = ["block", "statement_block", "compound_statement", "constructor_body"];
                    let body = node.child_by_field_name("body").filter(|b| blocks.contains(&b.kind()));
                    if let Some(body) = body {
                        spans.push((body.start_byte(), body.end_byte()));
                    }
                }
            }
        }
        if cursor.goto_first_child() {
            continue;
        }
        loop {
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                return (spans, errors);
            }
        }
    }
}

fn declares_function(node: Node<'_>) -> bool {
    let mut declarator = node.child_by_field_name("declarator");
    while let Some(inner) = declarator {
        if matches!(inner.kind(), "function_declarator" | "operator_cast") {
            return true;
        }
        declarator = inner.child_by_field_name("declarator").or_else(|| inner.named_child(0));
    }
    false
}

fn compare(oracle: &Oracle, parser: &mut Parser, path: &Path, tally: &mut Tally) {
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let Some(tree) = parser.parse(&text, None) else { return };
    let (theirs, errors) = oracle_spans(oracle, tree.root_node());
    let by_name = matches!(oracle.language, Language::Python | Language::Ruby);
    let ours: Vec<Span> = outline(&text, oracle.language)
        .items
        .iter()
        .filter(|i| i.kind == ItemKind::Function)
        .map(|i| if by_name { (i.name.0, i.end) } else { i.body })
        .collect();
    let is_error =
        |s: &Span| errors.iter().any(|e| e.0 < s.1 && s.0 < e.1 || e.0 == e.1 && s.0 <= e.0 && e.0 <= s.1);
    let inside_opaque = |s: &Span| errors.iter().any(|e| e.0 <= s.0 && s.1 <= e.1);
    // A macro inside a function is no error of the function.
    let excluded = |s: &Span| if oracle.opaque.is_empty() { is_error(s) } else { inside_opaque(s) };
    let theirs_set: HashSet<Span> = theirs.into_iter().collect();
    let ours_set: HashSet<Span> = ours.into_iter().collect();
    tally.files += 1;
    tally.errors += theirs_set.iter().chain(&ours_set).filter(|s| excluded(s)).count();
    let clean = |set: HashSet<Span>| -> HashSet<Span> { set.into_iter().filter(|s| !excluded(s)).collect() };
    let (theirs, ours) = (clean(theirs_set), clean(ours_set));
    tally.oracle += theirs.len();
    tally.ours += ours.len();
    tally.equal += theirs.intersection(&ours).count();
    if std::env::var_os("CODE_ORACLE_SHOW").is_some() {
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        let head = |at: usize| text[..at].lines().last().unwrap_or("").trim().to_owned();
        for (who, span) in theirs
            .difference(&ours)
            .map(|s| ("missed", s))
            .chain(ours.difference(&theirs).map(|s| ("extra", s)))
        {
            println!("{who} {}:{}-{} {}", path.display(), line(span.0), line(span.1), head(span.0));
        }
    }
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                todo.push(entry.path());
            } else if kind.is_file() && entry.metadata().is_ok_and(|m| m.len() <= MAX_FILE_BYTES) {
                out.push(entry.path());
            }
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

/// Folders of every crate that this one depends on.
fn crates() -> Vec<PathBuf> {
    let json = output(
        &std::env::var("CARGO").unwrap_or("cargo".into()),
        &["metadata", "--format-version", "1", "--offline"],
    );
    let json: serde_json::Value = serde_json::from_str(&json).expect("cargo metadata is JSON");
    let packages = json["packages"].as_array().expect("packages");
    let registry = packages.iter().filter(|p| !p["source"].is_null());
    registry.filter_map(|p| Path::new(p["manifest_path"].as_str()?).parent().map(Path::to_owned)).collect()
}

fn standard_library() -> PathBuf {
    PathBuf::from(
        output("python3", &["-c", "import sysconfig; print(sysconfig.get_paths()['stdlib'])"]).trim(),
    )
}

/// Files by where they come from: fixtures, the standard library of Python, crates, extra folders.
fn sources() -> Vec<Vec<PathBuf>> {
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut files);
    let mut library = Vec::new();
    walk(&standard_library(), &mut library);
    // Installed packages differ from machine to machine; some of the library's tests are not Python 3.
    let odd = ["site-packages", "dist-packages", "lib2to3", "/test/", "/tests/"];
    library.retain(|p| !odd.iter().any(|o| p.to_string_lossy().contains(o)));
    let mut sources = vec![files, library];
    let mut from_crates = Vec::new();
    crates().iter().for_each(|dir| walk(dir, &mut from_crates));
    sources.push(from_crates);
    let extra = std::env::var("CODE_ORACLE_DIRS").unwrap_or_default();
    for dir in extra.split(':').filter(|d| !d.is_empty()) {
        let mut found = Vec::new();
        walk(Path::new(dir), &mut found);
        sources.push(found);
    }
    sources
}

/// Those of `files` that are in the oracle's language, at most `most`, spread evenly.
fn pick<'f>(files: &'f [PathBuf], oracle: &Oracle, most: usize) -> Vec<&'f PathBuf> {
    let is_mine = |p: &&PathBuf| p.extension().is_some_and(|e| oracle.extensions.iter().any(|x| *x == e));
    let mut mine: Vec<&PathBuf> = files.iter().filter(is_mine).collect();
    mine.sort();
    let step = mine.len().div_ceil(most).max(1);
    mine.into_iter().step_by(step).collect()
}

#[test]
fn function_spans_equal_those_of_the_oracle() {
    let sources = sources();
    let mut failures = Vec::new();
    let only = std::env::var("CODE_ORACLE_ONLY").unwrap_or_default();
    for oracle in oracles() {
        if !only.is_empty() && only != oracle.name {
            continue;
        }
        let mut parser = Parser::new();
        parser.set_language(&oracle.grammar).expect("grammar fits the parser");
        let mut tally = Tally::default();
        for source in &sources {
            for path in pick(source, &oracle, MAX_FILES) {
                compare(&oracle, &mut parser, path, &mut tally);
            }
        }
        let share = |n: usize| if n == 0 { 0.0 } else { tally.equal as f64 / n as f64 };
        println!(
            "{:<11} {:>4} files {:>6} functions: {:.2} % found, {:.2} % of ours right, {} beside errors",
            oracle.name,
            tally.files,
            tally.oracle,
            100.0 * share(tally.oracle),
            100.0 * share(tally.ours),
            tally.errors
        );
        if share(tally.oracle) < EQUAL_SHARE || share(tally.ours) < EQUAL_SHARE {
            failures.push(oracle.name);
        }
    }
    assert!(failures.is_empty(), "below {EQUAL_SHARE}: {failures:?}");
}

/// A question about one function keeps that function, every line of it, by the oracle's span.
#[test]
fn a_named_function_stays_whole() {
    let sources = sources();
    let counter = Counter::for_model("gpt-4o");
    let options = Options::default();
    for oracle in oracles() {
        let mut parser = Parser::new();
        parser.set_language(&oracle.grammar).expect("grammar fits the parser");
        let (mut asked, mut cut, mut before, mut after) = (0, 0, 0, 0);
        for path in sources.iter().flat_map(|source| pick(source, &oracle, 60)) {
            let Ok(text) = std::fs::read_to_string(path) else { continue };
            let Some(tree) = parser.parse(&text, None) else { continue };
            let named = named_functions(&oracle, tree.root_node(), &text);
            for (name, span) in named.iter().step_by(named.len().div_ceil(3).max(1)) {
                asked += 1;
                let query = Query::new(&format!("What does `{name}` do, and why?"), "");
                let cx = Context {
                    tokens: &counter,
                    query: &query,
                    options: &options,
                    tool: None,
                    source: Source::ToolOutput,
                };
                let Some(rendered) = Code.compress(&text, &cx) else { continue };
                cut += 1;
                before += text.len();
                after += rendered.text.len();
                let lines = text[..span.0].rfind('\n').map_or(0, |n| n + 1)..span.1;
                assert!(
                    rendered.text.contains(&text[lines]),
                    "{name} of {} lost lines:\n{}",
                    path.display(),
                    rendered.text
                );
            }
        }
        println!(
            "{:<11} {asked:>4} questions, {cut:>4} of them cut the text, by {:.0} % of its bytes",
            oracle.name,
            100.0 * (1.0 - after as f64 / (before as f64).max(1.0))
        );
    }
}

/// The node of a function's name; in C it is the innermost declarator.
fn name_of(node: Node<'_>) -> Option<Node<'_>> {
    if let Some(name) = node.child_by_field_name("name") {
        return Some(name);
    }
    let mut at = node.child_by_field_name("declarator")?;
    while let Some(inner) = at.child_by_field_name("declarator") {
        at = inner;
    }
    Some(at)
}

/// Functions whose name is an identifier, without those that hold or overlap an error.
fn named_functions(oracle: &Oracle, root: Node<'_>, text: &str) -> Vec<(String, Span)> {
    let mut out = Vec::new();
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if oracle.functions.contains(&node.kind())
            && !node.has_error()
            && let Some(name) = name_of(node)
        {
            let name = &text[name.byte_range()];
            if name.len() > 3 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                out.push((name.to_owned(), (node.start_byte(), node.end_byte())));
            }
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return out;
            }
        }
    }
}
