//! The core's stages on 100 KB of real text of each kind: counting, recognising, compressing.
//!
//! `make bench-stages`. The inputs are those of `benches/inputs.py`; what it has not written yet is
//! taken from the examples, repeated, which is good enough to see a stage get slower.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headroom::compress::clear_memo;
use headroom::kinds;
use headroom::options::Options;
use headroom::request::value::{Request, Value};
use headroom::tokens::Counter;

const BYTES: usize = 100_000;
const KINDS: [(&str, &str); 6] = [
    ("log", "postgresql.log"),
    ("json", "model-prices.json"),
    ("search", "grep.txt"),
    ("diff", "grep.txt"),
    ("code", "aho-corasick-design.md"),
    ("prose", "aho-corasick-design.md"),
];

/// 100 KB of a kind: as `make bench` measures it, or from the examples.
fn input(kind: &str, example: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prefix = format!("{kind}-{BYTES}-");
    let written = fs::read_dir(root.join(".cache/bench-inputs")).ok().and_then(|files| {
        let mut paths: Vec<_> = files.filter_map(|f| Some(f.ok()?.path())).collect();
        paths.sort();
        paths.into_iter().find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix)))
    });
    if let Some(path) = written {
        return fs::read_to_string(path).unwrap();
    }
    let text = fs::read_to_string(root.join("examples/inputs").join(example)).unwrap();
    let mut text = text.repeat(BYTES / text.len() + 1);
    let end = text[..BYTES].rfind('\n').unwrap_or(0) + 1;
    text.truncate(end);
    text
}

fn stages(c: &mut Criterion) {
    let counter = Counter::for_model("gpt-4o");
    let texts: Vec<(&str, String)> = KINDS.iter().map(|(k, example)| (*k, input(k, example))).collect();
    let mut group = c.benchmark_group("count");
    for (kind, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(kind), text, |b, t| {
            b.iter(|| counter.count(black_box(t)))
        });
    }
    group.finish();
    let mut group = c.benchmark_group("recognise");
    for (kind, text) in &texts {
        group.bench_with_input(BenchmarkId::from_parameter(kind), text, |b, t| {
            b.iter(|| kinds::recognise(black_box(t)).map(|k| k.name()))
        });
    }
    group.finish();
    let mut group = c.benchmark_group("compress");
    for (kind, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let strings = vec!["role", "user", "content", "What went wrong, and where?", "tool", text.as_str()];
        let row = |role, content| Value::Object(vec![(0, Value::Str(role)), (2, Value::Str(content))]);
        let request = Request { messages: vec![row(1, 3), row(4, 5)], strings };
        let options = Options { max_threads: 1, model_limit: usize::MAX, ..Options::default() };
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter_with_setup(clear_memo, |()| {
                headroom::compress_request(&request, "gpt-4o", &options).unwrap()
            })
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages
}
criterion_main!(benches);
