//! Token counters side by side: `cargo run --release --manifest-path benches/tokens/Cargo.toml -- FILE...`
//!
//! Counts every file with every counter in turn, again and again, so that a busy machine slows all of
//! them alike, and prints the median throughput of each and its ratio to the Python package tiktoken
//! (`--python PATH` names an interpreter that has it; without one, the ratio is to tiktoken-rs).
//! Times are of the thread that counts, not of the clock on the wall. A counter whose count differs
//! from that of tiktoken-rs is marked with `!`. The first column of ours is the first count of that text in a
//! fresh thread, with an empty cache.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Rounds over all counters. Odd, so that there is a median.
const ROUNDS: usize = 9;

/// Answers "n seconds" to a path on a line: tokens and time of one count.
const PYTHON: &str = "
import sys, time, tiktoken
encoding = tiktoken.get_encoding('o200k_base')
for line in sys.stdin:
    text = open(line.strip(), encoding='utf-8', newline='').read()
    start = time.thread_time()
    tokens = len(encoding.encode_ordinary(text))
    print(tokens, time.thread_time() - start, flush=True)
";

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

struct Python(Child, BufReader<std::process::ChildStdout>);

impl Python {
    fn start(interpreter: &str) -> Self {
        let mut child = Command::new(interpreter)
            .args(["-c", PYTHON])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter runs");
        let out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Python(child, out)
    }

    fn count(&mut self, path: &str) -> (usize, f64) {
        writeln!(self.0.stdin.as_mut().expect("stdin is piped"), "{path}").expect("Python listens");
        let mut line = String::new();
        self.1.read_line(&mut line).expect("Python answers");
        let (tokens, seconds) = line.trim().split_once(' ').expect("two numbers");
        (tokens.parse().expect("a count"), seconds.parse().expect("a time"))
    }
}

type Count = Box<dyn FnMut(&str, &str) -> (usize, f64)>;

fn timed(mut count: impl FnMut(&str) -> usize + 'static) -> Count {
    Box::new(move |_, text| {
        let start = cpu_seconds();
        let tokens = count(text);
        (tokens, cpu_seconds() - start)
    })
}

fn main() {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let interpreter = (files.first().map(String::as_str) == Some("--python")).then(|| {
        files.remove(0);
        files.remove(0)
    });
    let ours = headroom::tokens::Counter::for_encoding("o200k_base").expect("a known encoding");
    let mut counters: Vec<(&str, Count)> = Vec::new();
    if let Some(interpreter) = &interpreter {
        let mut python = Python::start(interpreter);
        counters.push(("tiktoken (Python)", Box::new(move |path, _| python.count(path))));
    }
    counters
        .push(("tiktoken-rs", timed(|text| tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len())));
    counters.push(("bpe-openai", timed(|text| bpe_openai::o200k_base().count(text))));
    counters.push((
        "tiktoken (goliajp)",
        timed(|text| tiktoken::get_encoding("o200k_base").expect("known").count(text)),
    ));
    counters.push(("ours, first count", {
        Box::new(move |_, text| {
            std::thread::scope(|scope| {
                let count = scope.spawn(|| {
                    let start = cpu_seconds();
                    (ours.count(text), cpu_seconds() - start)
                });
                count.join().expect("counting does not panic")
            })
        })
    }));
    counters.push(("ours", timed(move |text| ours.count(text))));
    counters.push(("ours, index", timed(move |text| ours.index(text).total())));

    println!("{:24}{:>9}  MB/s (times the first counter)", "file", "bytes");
    for path in &files {
        let text = std::fs::read_to_string(path).expect("the file is UTF-8");
        let expected = tiktoken_rs::o200k_base_singleton().encode_ordinary(&text).len();
        let mut seconds = vec![Vec::new(); counters.len()];
        let mut equal = vec![true; counters.len()];
        for _ in 0..ROUNDS {
            for (i, (_, count)) in counters.iter_mut().enumerate() {
                let (tokens, time) = count(path, &text);
                seconds[i].push(time);
                equal[i] &= tokens == expected;
            }
        }
        let medians: Vec<f64> = seconds
            .iter_mut()
            .map(|times| {
                times.sort_by(f64::total_cmp);
                times[ROUNDS / 2]
            })
            .collect();
        println!("{:24}{:>9}", path.rsplit('/').next().unwrap_or(path), text.len());
        for (i, (name, _)) in counters.iter().enumerate() {
            let mark = if equal[i] { ' ' } else { '!' };
            println!(
                "  {name:20}{mark}{:8.1}  ({:.1}x)",
                text.len() as f64 / medians[i] / 1e6,
                medians[0] / medians[i]
            );
        }
    }
}
