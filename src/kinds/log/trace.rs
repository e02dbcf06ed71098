//! Stack traces: runs of frames, the line that announces them and the exception they end in.
//!
//! Known are the frames of Python (also as pytest writes them), Java and the JVM, JavaScript, .NET, Go,
//! Rust, Ruby, PHP, the C and C++ sanitizers and gdb. Invariants: runs are in order and do not
//! overlap; every range is within the text's lines. Cost: one look at each line, linear.

use std::ops::Range;

use super::template;

/// Most lines of an exception's message that belong to its trace.
const MAX_MESSAGE_LINES: usize = 4;
/// Most lines of source shown under one frame.
const MAX_SOURCE_LINES: usize = 12;

/// One run of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    /// The line that announces it ("Traceback …", the exception of a JVM), if there is one.
    pub head: Option<usize>,
    /// The frames, each with its lines of source.
    pub frames: Vec<Range<usize>>,
    /// Lines of the exception behind the frames (Python).
    pub message: Range<usize>,
    /// Equal for traces that differ only in line numbers and addresses.
    pub key: u64,
}

impl Trace {
    /// All lines of the trace.
    pub fn lines(&self) -> Range<usize> {
        let start = self.frames.first().map_or(self.message.start, |f| f.start);
        self.head.unwrap_or(start)..self.message.end
    }
}

/// The shape of a frame: what may follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Source lines, indented deeper, and an exception behind the run.
    Python,
    /// As Python, but pytest writes the exception elsewhere.
    Pytest,
    /// One line.
    Single,
    /// The place belongs to the line above it (Go).
    Below,
}

/// Finds the traces. `line` gives the message of a line: without timestamp and newline.
pub(super) fn find<'t>(count: usize, line: impl Fn(usize) -> &'t str) -> Vec<Trace> {
    let mut out: Vec<Trace> = Vec::new();
    let mut taken = 0;
    let mut i = 0;
    while i < count {
        let Some(first) = frame(line(i)) else {
            i += 1;
            continue;
        };
        let start = if first == Frame::Below && i > taken { i - 1 } else { i };
        let mut frames: Vec<Range<usize>> = Vec::new();
        let mut at = i;
        let mut open = start;
        while at < count {
            let Some(shape) = frame(line(at)) else {
                // Go: the function's line stands above its place.
                if first == Frame::Below && at + 1 < count && frame(line(at + 1)) == Some(Frame::Below) {
                    open = at;
                    at += 1;
                    continue;
                }
                break;
            };
            let mut end = at + 1;
            if matches!(shape, Frame::Python | Frame::Pytest) {
                let indent = indentation(line(at));
                while end < count && end - at <= MAX_SOURCE_LINES && is_source(line(end), indent, shape) {
                    end += 1;
                }
            }
            frames.push(open..end);
            open = end;
            at = end;
        }
        let end = frames.last().map_or(at, |f| f.end);
        let head = start.checked_sub(1).filter(|h| *h >= taken && !line(*h).trim().is_empty());
        let message = if first == Frame::Python { message(count, end, &line) } else { end..end };
        let said = if message.is_empty() { head } else { Some(message.start) };
        let mut key = said.map_or(0, |i| template::standalone_key(line(i)));
        for f in frames.iter().take(64) {
            key = key.rotate_left(7) ^ template::standalone_key(line(f.start));
        }
        taken = message.end;
        i = message.end.max(i + 1);
        out.push(Trace { head, frames, message, key });
    }
    out
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether `line` is source shown under a frame that is indented by `indent`.
fn is_source(line: &str, indent: usize, shape: Frame) -> bool {
    let trimmed = line.trim();
    if trimmed.is_empty() || frame(line).is_some() {
        return false;
    }
    match shape {
        Frame::Pytest => indentation(line) >= 4 && !line.starts_with("E "),
        _ => indentation(line) > indent || trimmed.starts_with("[Previous line repeated"),
    }
}

/// The lines of the exception that ends a Python traceback.
fn message<'t>(count: usize, start: usize, line: &impl Fn(usize) -> &'t str) -> Range<usize> {
    let mut end = start;
    while end < count && end - start < MAX_MESSAGE_LINES {
        let text = line(end);
        if text.trim().is_empty() || end > start && !text.starts_with([' ', '\t']) {
            break;
        }
        end += 1;
    }
    start..end
}

/// Whether `line` is a frame of a trace, and of which shape.
fn frame(line: &str) -> Option<Frame> {
    let trimmed = line.trim_start_matches([' ', '\t', '|', '+']);
    let indent = line.len() - trimmed.len();
    match trimmed.as_bytes().first()? {
        b'F' => (trimmed.starts_with("File \"") && trimmed.contains("\", line ")).then_some(Frame::Python),
        b'a' => is_at(trimmed, indent).then_some(Frame::Single),
        b'.' => (indent > 0
            && trimmed.starts_with("... ")
            && (trimmed.ends_with(" more") || trimmed.contains("frames")))
        .then_some(Frame::Single),
        b'f' => {
            (indent > 0 && trimmed.starts_with("from ") && trimmed.contains(":in ")).then_some(Frame::Single)
        }
        b'#' => is_numbered(trimmed.get(1..)?).then_some(Frame::Single),
        b'0'..=b'9' if indent > 0 => {
            let rest = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
            let rest = rest.strip_prefix(": ")?;
            let name = rest.trim_start();
            (name.starts_with("0x") || name.contains("::") || is_bare_name(name)).then_some(Frame::Single)
        }
        _ if line.starts_with('\t') => is_go_place(trimmed).then_some(Frame::Below),
        _ if indent == 0 => is_pytest_place(trimmed).then_some(Frame::Pytest),
        _ => None,
    }
}

/// `at com.foo.Bar.baz(Bar.java:12)`, `at fn (/a/b.js:1:2)`, `at async x`, `at A.B() in C:\x.cs:line 3`,
/// `at /rustc/…/panicking.rs:12:5`.
fn is_at(trimmed: &str, indent: usize) -> bool {
    let Some(rest) = trimmed.strip_prefix("at ") else { return false };
    let call = rest.split_once('(').is_some_and(|(name, inside)| {
        let inside = inside.trim_end().trim_end_matches(')');
        let dotted = name.contains('.') && !name.contains([' ', '=']);
        dotted
            || name.ends_with(' ')
                && (ends_with_place(inside) || inside.starts_with('<') || inside == "native")
    });
    indent > 0 && (call || ends_with_place(rest) || rest.starts_with("async ") || rest.contains(":line "))
}

/// Whether `text` ends with `:12` or `:12:34`.
fn ends_with_place(text: &str) -> bool {
    let text = text.trim_end();
    let cut = text.trim_end_matches(|c: char| c.is_ascii_digit());
    cut.len() < text.len() && cut.ends_with(':')
}

/// `0 0x55d in main a.c:3`, `1  main () at a.c:4`, `0 /srv/a.php(12): f()`.
fn is_numbered(rest: &str) -> bool {
    let name = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if name.len() == rest.len() || !name.starts_with(' ') {
        return false;
    }
    let name = name.trim_start();
    name.starts_with("0x")
        || name.contains(" in ")
        || name.contains("): ")
        || name.contains(" at ")
        || name == "{main}"
}

/// A function's name and nothing else (Rust backtraces have `main`, `_start`).
fn is_bare_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() < 80
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'<' | b'>' | b'.'))
        && name.bytes().any(|c| c.is_ascii_alphabetic())
}

/// `/src/a.go:12 +0x1d`.
fn is_go_place(trimmed: &str) -> bool {
    trimmed.find(".go:").is_some_and(|at| trimmed[at + 4..].starts_with(|c: char| c.is_ascii_digit()))
}

/// `src/a.py:12: in f`, as pytest writes frames.
fn is_pytest_place(trimmed: &str) -> bool {
    let Some(at) = trimmed.find(".py:") else { return false };
    let rest = trimmed[at + 4..].trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < trimmed.len() - at - 4 && rest.starts_with(": in ") && !trimmed[..at].contains(' ')
}

/// Marks of frames that belong to a runtime, a library or a test framework.
const FOREIGN: &[&str] = &[
    "site-packages/",
    "dist-packages/",
    "lib/python",
    "<frozen ",
    "node_modules/",
    "node:",
    "(internal/",
    "java.base/",
    " java.",
    " javax.",
    " jdk.",
    " sun.",
    " org.junit",
    " org.apache.maven",
    " org.springframework",
    " org.gradle",
    " kotlin.",
    "/go/src/",
    "/go/pkg/mod/",
    "/rustc/",
    " core::",
    " std::",
    " rust_",
    " __rust",
    "/.cargo/registry",
    " System.",
    " Microsoft.",
    " Xunit.",
    " NUnit.",
    "/usr/lib/",
    "/gems/",
    "libc.so",
    "sysdeps",
    " testing.",
    " runtime.",
];

/// Whether a frame's line names code of a runtime, a library or a test framework.
pub(super) fn is_foreign(line: &str) -> bool {
    let line = line.get(..MAX_FRAME_BYTES).unwrap_or(line);
    FOREIGN.iter().any(|mark| line.contains(mark))
}

/// Bytes of a frame that are looked at for what it belongs to.
const MAX_FRAME_BYTES: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(text: &str) -> Vec<Trace> {
        let lines: Vec<&str> = text.lines().collect();
        find(lines.len(), |i| lines[i])
    }

    #[test]
    fn python_frames_have_source_and_an_exception() {
        let t = traces(
            "x\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\n    ^^^\n  File \"a.py\", line 2, in f\n    g()\nValueError: no\n  more\nafter\n",
        );
        assert_eq!(t.len(), 1);
        assert_eq!((t[0].head, t[0].frames.clone(), t[0].message.clone()), (Some(1), vec![2..5, 5..7], 7..9));
        assert_eq!(t[0].lines(), 1..9);
    }

    #[test]
    fn frames_of_other_languages_are_known() {
        for text in [
            "java.io.IOException: x\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n\t... 12 more\n",
            "TypeError: x\n    at f (/a/b.js:1:2)\n    at async g\n    at /a/c.js:3:4\n",
            "System.Exception: x\n   at A.B() in C:\\x.cs:line 3\n   at A.C()\n   at A.D(String s)\n",
            "==1==ERROR: x\n    #0 0x55d in main a.c:3\n    #1 0x66e in f a.c:4\n    #2 0x7 in g a.c:5\n",
            "stack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x/a.rs:12:5\n   1: a::b\n",
            "a.rb:1:in 'f': x (RuntimeError)\n\tfrom a.rb:2:in 'g'\n\tfrom a.rb:3:in 'h'\n\tfrom a.rb:4:in 'i'\n",
        ] {
            let t = traces(text);
            assert_eq!(t.len(), 1, "{text}");
            assert_eq!((t[0].head, t[0].frames.len(), t[0].lines()), (Some(0), 3, 0..4), "{text}");
        }
    }

    #[test]
    fn go_frames_are_pairs() {
        let t = traces(
            "goroutine 1 [running]:\nmain.f(0x1)\n\t/a/b.go:12 +0x1d\nmain.main()\n\t/a/b.go:3 +0x2\n\nexit status 2\n",
        );
        assert_eq!(t[0].frames, [1..3, 3..5]);
        assert_eq!(t[0].head, Some(0));
    }

    #[test]
    fn equal_traces_have_equal_keys() {
        let t = traces(
            "E: x\n\tat a.B.c(B.java:1)\nfine\nE: x\n\tat a.B.c(B.java:2)\nE: x\n\tat a.B.z(B.java:2)\nend\n",
        );
        assert_eq!(t[0].key, t[1].key);
        assert_ne!(t[0].key, t[2].key);
    }

    #[test]
    fn prose_and_code_have_no_frames() {
        assert!(
            traces("at noon we met (again)\nfrom os import path\n1: one\n# comment in code\n    at = f(1)\n")
                .is_empty()
        );
    }
}
