//! The kind as a whole: what stays, what goes, promises on odd and hostile input.

use proptest::prelude::*;

use super::outline::{ItemKind, outline};
use super::*;
use crate::kinds::Source;
use crate::options::{Level, Options};
use crate::score::Query;
use crate::tokens::Counter;

fn run(text: &str, question: &str, options: &Options, call: Option<&ToolCall>) -> Option<Rendered> {
    let counter = Counter::for_model("gpt-4o");
    let beside = call.map(|c| format!("{} {}\n{}", c.name, c.arguments, c.beside)).unwrap_or_default();
    let query = Query::new(question, &beside);
    Code.compress(
        text,
        &Context { tokens: &counter, query: &query, options, tool: call, source: Source::ToolOutput },
    )
}

fn balanced(text: &str, question: &str) -> Option<Rendered> {
    run(text, question, &Options::default(), None)
}

/// Every mark names lines that are missing, and what is kept and what is missing make up the text.
fn check(text: &str, rendered: &Rendered) {
    let lines = select::spans(text);
    let mut missing = vec![false; lines.len()];
    for omission in &rendered.omissions {
        let last = omission.first + omission.count - 1;
        assert_eq!(omission.range, lines[omission.first - 1].start()..lines[last - 1].end());
        missing[omission.first - 1..last].fill(true);
        let mut mark = String::new();
        mark::write_mark(&mut mark, Unit::Line, omission.first, omission.count, None);
        assert!(rendered.text.contains(&mark), "{mark}");
    }
    let body = match &rendered.header {
        Some(words) => listing::expand(&rendered.text, words).expect("decodes"),
        None => rendered.text.clone(),
    };
    let kept: String =
        lines.iter().zip(&missing).filter(|(_, m)| !**m).map(|(l, _)| &text[l.range()]).collect();
    let visible: String = body.split_inclusive('\n').filter(|l| !l.starts_with(mark::MARK_OPEN)).collect();
    assert_eq!(visible, kept);
}

const PYTHON: &str = "\
import os

LIMIT = 10


class Store:
    \"\"\"Keeps things.\"\"\"

    size: int = 0

    @property
    def load(self):
        \"\"\"Load it.

        From the disk, all of it, which takes a while.
        \"\"\"
        with open(self.path) as f:
            return parse_line(f.read(), self.size)

    def save(self, path, *, sync=True):
        with open(path, 'w') as f:
            f.write(self.text)
            if sync:
                os.fsync(f.fileno())

    # Removes the file.
    def remove(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
            self.path = None


def parse_line(text, size):
    if len(text) > LIMIT:
        raise ValueError(text)
    return [int(x) for x in text.split(',')][:size]


def unrelated(a, b):
    total = 0
    for x in range(a, b):
        total += x * x
    return total
";

#[test]
fn the_named_function_and_its_callees_stay_whole() {
    let r = balanced(PYTHON, "What does `load` do with an empty file?").expect("compresses");
    check(PYTHON, &r);
    for kept in [
        "import os\n",
        "LIMIT = 10\n",
        "class Store:\n",
        "    size: int = 0\n",
        "    def save(self, path, *, sync=True):\n",
    ] {
        assert!(r.text.contains(kept), "{kept}\n{}", r.text);
    }
    assert!(r.text.contains("takes a while") && r.text.contains("return parse_line(f.read(), self.size)"));
    assert!(r.text.contains("raise ValueError(text)"), "a callee stays\n{}", r.text);
    assert!(!r.text.contains("os.fsync") && !r.text.contains("total += x * x"), "{}", r.text);
    // One mark for a body, the blank line and the comment up to the next head.
    assert!(r.text.contains("sync=True):\n[… 6 lines 21-26]\n    def remove(self):\n"), "{}", r.text);
    assert_eq!(r.transforms, ["code:outline"]);
}

#[test]
fn callers_stay_whole() {
    let r = balanced(PYTHON, "Can parse_line() fail?").expect("compresses");
    assert!(r.text.contains("return parse_line(f.read()"), "{}", r.text);
    assert!(!r.text.contains("os.unlink"), "{}", r.text);
}

#[test]
fn the_gate_stays_closed() {
    let long = format!(
        "`load` is slow. {}",
        "It should read one line at a time and not the whole file. ".repeat(12)
    );
    for question in [
        "Summarise this file.",
        "Fix the bug.",
        "",
        "What is `nothing_here`?",
        &long,
        "`Store` explained, please",
    ] {
        assert_eq!(balanced(PYTHON, question), None, "{question}");
    }
    let lossless = Options { level: Level::Lossless, ..Options::default() };
    assert_eq!(run(PYTHON, "What does `load` do?", &lossless, None), None);
}

#[test]
fn lines_that_were_asked_for_stay() {
    for arguments in
        ["{\"command\": \"sed -n '1,60p' a.py\"}", "{\"path\": \"a.py\", \"view_range\": [1, 60]}"]
    {
        let call = ToolCall { name: "bash".into(), arguments: arguments.into(), ..ToolCall::default() };
        assert_eq!(run(PYTHON, "What does `load` do?", &Options::default(), Some(&call)), None);
    }
    let call = ToolCall {
        name: "bash".into(),
        arguments: "{\"command\": \"cat a.py\"}".into(),
        ..ToolCall::default()
    };
    assert!(run(PYTHON, "What does `load` do?", &Options::default(), Some(&call)).is_some());
}

#[test]
fn what_the_call_names_stays_whole() {
    let call = ToolCall {
        name: "bash".into(),
        arguments: "{\"command\": \"cat a.py\"}".into(),
        beside: "I also want to see `remove`.".into(),
        ..ToolCall::default()
    };
    let r = run(PYTHON, "What does `save` do?", &Options::default(), Some(&call)).expect("compresses");
    assert!(r.text.contains("os.unlink(self.path)") && r.text.contains("os.fsync"), "{}", r.text);
}

#[test]
fn target_ratio_needs_no_gate_and_stops_at_the_target() {
    let at = |ratio| {
        let options = Options { target_ratio: Some(ratio), ..Options::default() };
        run(PYTHON, "Go on.", &options, None).map_or(PYTHON.len(), |r| {
            check(PYTHON, &r);
            r.text.len()
        })
    };
    assert!(at(0.3) < at(0.7) && at(0.7) < PYTHON.len());
    assert_eq!(at(1.0), PYTHON.len());
}

#[test]
fn numbered_listings_lose_numbers_and_bodies() {
    let numbered: String = PYTHON.lines().enumerate().map(|(i, l)| format!("{:>6}\t{l}\n", i + 1)).collect();
    let r = balanced(&numbered, "What does `load` do?").expect("compresses");
    check(&numbered, &r);
    assert_eq!(r.header.as_deref(), Some("line numbers on every 5th line, width 6"));
    assert!(r.text.contains("[… 6 lines 21-26]\n27\t    def remove(self):\n"), "{}", r.text);
    assert!(r.text.starts_with("1\timport os\n\t\n\tLIMIT = 10\n\t\n5\t\n"), "{}", r.text);
    let whole = balanced(&numbered, "Go on.").expect("thins the numbers");
    assert!(whole.omissions.is_empty());
    check(&numbered, &whole);
}

#[test]
fn the_other_files_of_an_output_become_outlines() {
    let go = "package a\n\nfunc Other(x int) int {\n\tfor i := 0; i < x; i++ {\n\t\tx += i * i * i * i * i\n\t\tprintln(\"value\", x, i)\n\t}\n\treturn x\n}\n";
    let text = format!("===== a.py =====\n{PYTHON}===== a.go =====\n{go}");
    let r = balanced(&text, "What does `load` do?").expect("compresses");
    check(&text, &r);
    assert!(
        r.text.contains("===== a.go =====\npackage a\n\nfunc Other(x int) int {\n[… 6 lines"),
        "{}",
        r.text
    );
    let fenced = format!("Here is a.py:\n```python\n{PYTHON}```\nand `def load(self):` again\n");
    let r = balanced(&fenced, "What does `load` do?").expect("compresses");
    check(&fenced, &r);
    assert!(r.text.ends_with("```\nand `def load(self):` again\n"), "{}", r.text);
}

#[test]
fn a_body_goes_only_if_its_end_can_be_trusted() {
    // A brace is missing: where `a` ends by its braces is not where it ends by its indentation.
    let body = "\tx := compute(1, 2, 3)\n\tprintln(x, x, x, x, x, x, x, x)\n".repeat(4);
    let text = format!(
        "package p\n\nfunc a() {{\n\tif true {{\n{body}}}\n\nfunc b() {{\n{body}}}\n}}\n\nfunc named() {{\n{body}}}\n"
    );
    if let Some(r) = balanced(&text, "What does `named` do? b") {
        check(&text, &r);
        assert!(r.text.contains("func b() {"), "{}", r.text);
    }
}

#[test]
fn code_is_recognised_and_other_texts_are_not() {
    let rust = "use std::fmt;\n\n/// Docs.\npub struct A {\n    b: u8,\n}\n\nimpl A {\n    fn c(&self) -> u8 {\n        self.b\n    }\n}\n";
    let js = "import x from 'x'\n\nexport function f(a) {\n  const b = a.map((c) => c + 1)\n  return b\n}\n";
    let slice = "        if self.x:\n            return self.y(z)\n        for a in b:\n            a.run()\n            c = d[a]\n";
    for text in [PYTHON, rust, js, slice] {
        assert!(recognise(text) >= 60, "{} {text}", recognise(text));
    }
    let numbered = "     1\t# Title\n     2\t\n     3\tSome words here.\n     4\t\n     5\tMore of them.\n";
    assert!(recognise(numbered) >= 60);
    for text in [
        "",
        "{\n  \"a\": 1,\n  \"b\": [1, 2, 3],\n  \"c\": {\"d\": null}\n}\n",
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n def f():\n-    return 1\n+    return 2\n",
        "src/a.py:1:import os\nsrc/a.py:4:def f():\nsrc/b.py:2:    return f()\nsrc/b.py:9:from a import f\n",
        "2024-01-01 10:00:00 INFO started\n2024-01-01 10:00:01 INFO import done\n2024-01-01 10:00:02 ERROR return code 1\n",
        "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    return g(x)\n  File \"a.py\", line 9, in g\n    raise ValueError(x)\nValueError: 3\n",
        "# Title\n\nSome prose about `def f():` here, with words and more words in it.\n\n```python\ndef f():\n    return 1\n```\n\nAnd then a longer paragraph of prose follows, as in any document.\nIt goes on and on.\nAnd ends.\n",
        "name: build\non: push\njobs:\n  test:\n    runs-on: ubuntu\n    steps:\n      - uses: actions/checkout@v4\n",
        "a,b,c\n1,2,3\n4,5,6\n",
    ] {
        assert!(recognise(text) < 50, "{} {text}", recognise(text));
    }
}

/// One source that has everything the lexers treat specially, to be cut at any place.
const ODD: &str = "a = '''x\n\"\"\" b\nfunc (c *D) e() { `f ${g} \\` }\nclass H<I> { /* j */ k() { return /[/]l/ } }\nfn m<'n>() { r#\"o\"# 'p' }\n#if Q\nint r(int s) {\n#else\nint r() {\n#endif\n}\ndef t; <<~U; end\nU\nend\n<?php function v() { <<<W\nx\nW; } ?>\n$\"{y}\" @\"z\"\"\"\n     1\ta\n     2\tb\n     3\tc\n     4\td\n```rs\n==> a.go <==\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn outlines_are_inside_the_text(a in 0..400usize, b in 0..400usize, c in 0..400usize, noise in "[\\PC\n\"'`/*{}()#<=$\\\\]{0,60}") {
        let cut = |n: usize| &ODD[language::clip(ODD, n % ODD.len()).len()..];
        let text = format!("{}{noise}{}{}", cut(a), cut(b), cut(c));
        for language in Language::ALL {
            let out = outline(&text, language);
            for (i, item) in out.items.iter().enumerate() {
                prop_assert!(text.get(item.name.0..item.name.1).is_some());
                prop_assert!(text.get(item.start..item.end).is_some());
                prop_assert!(item.start <= item.body.0 && item.body.0 <= item.body.1 && item.body.1 <= item.end);
                prop_assert!(item.parent.is_none_or(|p| p < i));
            }
        }
        for question in ["What does `e` do?", "Go on."] {
            for level in [Level::Balanced, Level::Aggressive, Level::Lossless] {
                for target_ratio in [None, Some(0.2)] {
                    let options = Options { level, target_ratio, ..Options::default() };
                    if let Some(r) = run(&text, question, &options, None) {
                        check(&text, &r);
                    }
                }
            }
        }
        recognise(&text);
    }

    #[test]
    fn numbers_come_back(lines in prop::collection::vec("[ \\t]{0,4}[a-z0-9:|→\\t]{0,8}", 1..40), first in 1..2000usize, width in 0..8usize,
                         separator in prop::sample::select(vec!["\t", "→", " | ", "|", ": ", ":"]), odd in 0..40usize) {
        let mut text = String::new();
        for (i, line) in lines.iter().enumerate() {
            if i == odd {
                text.push_str("--\n");
            }
            text.push_str(&format!("{:>width$}{separator}{line}\n", first + i));
        }
        let split = select::spans(&text);
        if let Some(listing) = Listing::find(&text, &split) {
            let (body, words) = listing.write(&text, &split, &vec![true; split.len()], |_, i| i + 1);
            prop_assert_eq!(listing::expand(&body, &words), Some(text), "{} {}", words, body);
        }
    }
}

#[test]
fn hostile_texts_take_linear_time() {
    let big = 400_000;
    let patterns: &[&str] = &[
        "{",
        "}",
        "(",
        "<",
        "'",
        "\"",
        "`",
        "/",
        "\\'",
        "/*",
        "*/",
        "`${",
        "fn a<",
        "fn a(",
        "func (",
        "function f(): ",
        "class A {",
        "def a(\n",
        "def a:",
        "\"\"\"\n",
        "'''",
        "#if\n{\n#else\n",
        "#{",
        "\"#{",
        "<<~A\n",
        "<<A\n",
        "if x\n",
        "r#\"",
        "R\"(",
        "$\"{",
        "@\"",
        "<<<A\n",
        "new A<",
        "template<",
        "\n",
        " ",
        "     1\ta\n",
        "1: a\n",
        "# \n",
        "// a\n",
        "@a\n",
        "a,",
        "=> {",
        "x = ",
        "operator",
        "a.b(",
        "-> {",
        "::",
        "%w[",
        "def a\n",
        "fn f() {\n    g();\n}\n",
        "def f():\n  g()\n  h()\n",
        "==> a.go <==\n",
        "```go\n",
        "public void f() {\n",
    ];
    for pattern in patterns {
        let text = pattern.repeat(big / pattern.len());
        let started = std::time::Instant::now();
        recognise(&text);
        for language in Language::ALL {
            let out = outline(&text, language);
            assert!(out.items.iter().all(|i| i.kind == ItemKind::Function || i.end <= text.len()));
        }
        if let Some(r) = balanced(&text, "What does `f` do?") {
            check(&text, &r);
        }
        let options = Options { target_ratio: Some(0.1), ..Options::default() };
        run(&text, "What does `f` do?", &options, None);
        // Ten outlines and two compressions of 0.4 MB; a quadratic step would take minutes.
        assert!(started.elapsed().as_secs() < 20, "{pattern:?} took {:?}", started.elapsed());
    }
}
