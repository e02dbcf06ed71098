//! Severity: which lines say that something went wrong.
//!
//! One automaton runs once over the whole text; every hit is then judged by what stands around it
//! ("error" in `/var/log/error.log`, in `0 errors` or in `error_count` says nothing). Invariants:
//! deterministic; cost linear in the text whatever it holds (hits do not overlap, and judging one looks
//! at a bounded neighbourhood).

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// How bad a line is, by its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Severity {
    /// Nothing said.
    #[default]
    None,
    /// A word that may mean trouble ("timed out", "refused").
    Weak,
    /// A declared warning.
    Warning,
    /// A declared error, an exception's name, a crash.
    Strong,
}

/// How a word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// A level of a logger where it stands as one (`ERROR`, `[error]`, `level=error`, `error:`), else weak.
    Level,
    /// As [`Word::Level`], for warnings.
    Warning,
    /// The end of an exception's name (`ValueError`, `IOException`), else weak.
    Exception,
    /// Strong wherever it stands as a word.
    Strong,
    /// Strong in capitals (`FAILED`), else weak.
    Shouted,
    /// Weak.
    Weak,
    /// A request's protocol in an access log; the status behind it counts (`HTTP/1.1" 502`).
    Request,
    /// Strong as written, no boundary needed behind it (`MOZ_CRASH(`).
    Exact,
}

/// The words. Lower case; matched without case except [`Word::Exact`], which is checked afterwards.
#[rustfmt::skip]
const WORDS: &[(Word, &[&str])] = &[
    (Word::Level, &[
        "error", "err", "fatal", "critical", "crit", "severe", "emerg", "emergency", "alert", "panic",
    ]),
    (Word::Weak, &[
        "errors", "exceptions", "fails", "failing", "fault", "faulted", "crash", "crashed", "abort",
        "aborted", "aborting", "killed", "corrupt", "corrupted", "corruption", "denied", "forbidden",
        "unauthorized", "refused", "rejected", "reset by peer", "broken pipe", "timeout", "timed out",
        "unable to", "unavailable", "unreachable", "unexpected", "unexpectedly", "unknown",
        "unsupported", "unresolved", "cannot", "can't", "can not", "could not", "couldn't",
        "does not exist", "doesn't exist", "not found", "no such", "not permitted", "not allowed",
        "not responding", "no route to host", "missing", "invalid", "illegal", "malformed", "mismatch",
        "violation", "exceeded", "overflow", "underflow", "exhausted", "expired", "disconnected",
        "lost", "degraded", "unhealthy", "evicted", "backoff", "back-off", "throttled", "deprecated",
        "break-in", "attack", "interrupted", "terminated", "panicking", "stale", "bad",
    ]),
    (Word::Strong, &[
        "panicked", "traceback", "segfault", "segmentation fault", "core dumped", "stack overflow",
        "out of memory", "oom-kill", "oomkilled", "crashloopbackoff", "no space left",
        "addresssanitizer", "undefinedbehaviorsanitizer", "threadsanitizer", "leaksanitizer",
        "assertion failed", "deadlock", "sigsegv", "sigabrt", "sigkill", "sigbus", "uncaught",
        "unhandled", "undefined reference",
    ]),
    (Word::Warning, &[
        "warn", "warning",
    ]),
    (Word::Exception, &[
        "exception",
    ]),
    (Word::Shouted, &[
        "failure", "failures", "failed", "fail",
    ]),
    (Word::Request, &[
        "http/1.1\" ", "http/1.0\" ", "http/2.0\" ", "http/2\" ",
    ]),
    (Word::Exact, &[
        "moz_crash(", "assert(", "bug:",
    ]),
];

/// The automaton, and how the word of each of its patterns counts.
fn automaton() -> Option<&'static (AhoCorasick, Vec<Word>)> {
    static BUILT: OnceLock<Option<(AhoCorasick, Vec<Word>)>> = OnceLock::new();
    let build = || {
        let kinds = WORDS.iter().flat_map(|(kind, words)| words.iter().map(|_| *kind)).collect();
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            // One table look-up per byte; about 300 kB, once per process.
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(WORDS.iter().flat_map(|(_, words)| words.iter()))
            .ok()
            .map(|automaton| (automaton, kinds))
    };
    BUILT.get_or_init(build).as_ref()
}

/// A level counts as one only this close to the start of its line, unless its form says it is one.
const LEVEL_WITHIN: usize = 120;

/// The severity of each line. `lines` are ranges that cover `text` in order.
pub(super) fn severities(text: &str, lines: &[Range<usize>]) -> Vec<Severity> {
    let mut out = vec![Severity::None; lines.len()];
    let Some((automaton, kinds)) = automaton() else { return out };
    let mut i = 0;
    for hit in automaton.find_iter(text) {
        while i + 1 < lines.len() && lines[i].end <= hit.start() {
            i += 1;
        }
        let Some(line) = lines.get(i) else { break };
        // A hit never spans lines: no word holds a newline.
        let judged = judge(
            &text.as_bytes()[line.clone()],
            hit.start() - line.start,
            hit.end() - line.start,
            kinds[hit.pattern().as_usize()],
        );
        out[i] = out[i].max(judged);
    }
    for (i, line) in lines.iter().enumerate() {
        if out[i] != Severity::Strong {
            out[i] = out[i].max(letter_level(&text.as_bytes()[line.clone()]));
        }
    }
    out
}

/// What one word says, by its neighbours. `b` is the line.
fn judge(b: &[u8], start: usize, end: usize, word: Word) -> Severity {
    let before = start.checked_sub(1).map_or(b' ', |i| b[i]);
    let after = b.get(end).copied().unwrap_or(b' ');
    let seen = &b[start..end.min(b.len())];
    if word == Word::Request {
        let status = b.get(end..end + 3).filter(|s| s.iter().all(u8::is_ascii_digit));
        return match status.map(|s| s[0]) {
            Some(b'5') => Severity::Strong,
            Some(b'4') => Severity::Weak,
            _ => Severity::None,
        };
    }
    if word == Word::Exact {
        let upper = seen.iter().filter(|c| c.is_ascii_alphabetic()).all(u8::is_ascii_uppercase);
        return if upper || seen.starts_with(b"assert") && !before.is_ascii_alphanumeric() {
            Severity::Strong
        } else {
            Severity::None
        };
    }
    let shouted = seen.iter().filter(|c| c.is_ascii_alphabetic()).all(u8::is_ascii_uppercase);
    let capital = seen.first().is_some_and(u8::is_ascii_uppercase);
    // `ValueError`, `NullPointerException`, `java.io.IOException`: a name that ends in the word.
    if before.is_ascii_alphabetic() && capital && !shouted && !after.is_ascii_alphanumeric() && after != b'_'
    {
        let name = matches!(word, Word::Exception | Word::Level) && matches!(seen, b"Error" | b"Exception");
        return if !name {
            Severity::None
        } else if matches!(after, b':' | b' ' | b'\n' | b'\r' | b')' | b'\'' | b'(') {
            Severity::Strong
        } else {
            Severity::Weak
        };
    }
    // Not a word of its own: part of an identifier or of a path.
    if before.is_ascii_alphanumeric() || before == b'_' || after.is_ascii_alphanumeric() || after == b'_' {
        return Severity::None;
    }
    if in_compound(b, start, end, before, after) || is_negated(b, start, end) {
        return Severity::None;
    }
    match word {
        Word::Level => {
            let shape = is_level(b, start, end, before, after, shouted);
            if shape { Severity::Strong } else { Severity::Weak }
        }
        Word::Warning if is_level(b, start, end, before, after, shouted) => Severity::Warning,
        Word::Exception if capital && after == b':' => Severity::Strong,
        Word::Strong => Severity::Strong,
        Word::Shouted if shouted => Severity::Strong,
        _ => Severity::Weak,
    }
}

/// Whether a level's word stands as a level: in capitals, in brackets, behind `level=`, or as `error:`.
fn is_level(b: &[u8], start: usize, end: usize, before: u8, after: u8, shouted: bool) -> bool {
    let early = start <= LEVEL_WITHIN;
    let bracketed = matches!((before, after), (b'[', b']') | (b'<', b'>') | (b'(', b')') | (b'|', b'|'));
    let front = &b[..start];
    let keyed = [
        &b"level="[..],
        b"lvl=",
        b"severity=",
        b"level=\"",
        b"severity=\"",
        b"level\":\"",
        b"severity\":\"",
        b"level: ",
    ]
    .iter()
    .any(|key| front.ends_with(key));
    // Compilers and tools: `error: …`, `x.c:3:5: error: …`, `error[E0308]: …`, `npm ERR! …`.
    let announced = matches!(after, b':' | b'[' | b'!')
        && (front.iter().all(|c| *c == b' ') || front.ends_with(b": ") || front.ends_with(b"] "));
    // Windows and some Java loggers write `Error` as a column of its own.
    let column = b[end..].starts_with(b"  ") || after == b',' && front.ends_with(b", ");
    (shouted && (early || after == b':')) || keyed || announced || early && (bracketed || column)
}

/// Whether the word is part of a path, a file name or a dashed or dotted identifier.
fn in_compound(b: &[u8], start: usize, end: usize, before: u8, after: u8) -> bool {
    let joint = |c: u8| matches!(c, b'/' | b'.' | b'-' | b'\\' | b'$' | b'@' | b'#');
    let beyond =
        |i: Option<usize>| i.and_then(|i| b.get(i)).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_');
    (joint(before) && beyond(start.checked_sub(2))) || (joint(after) && beyond(Some(end + 1)))
}

/// `0 errors`, `no error`, `errors: 0`, `failed=0`, `without error`.
fn is_negated(b: &[u8], start: usize, end: usize) -> bool {
    // The longest of the words is "without"; a few bytes more show that nothing is glued to it.
    let front = b[start.saturating_sub(12)..start].trim_ascii_end();
    let from = front.iter().rposition(|c| !c.is_ascii_alphanumeric() && *c != b'.').map_or(0, |i| i + 1);
    let negation = [&b"0"[..], b"no", b"without"].iter().any(|word| front[from..].eq_ignore_ascii_case(word));
    let back = &b[end.min(b.len())..];
    let back =
        back.strip_prefix(b":").or_else(|| back.strip_prefix(b"=")).map(|rest| rest.trim_ascii_start());
    let zero = back.is_some_and(|rest| {
        rest.starts_with(b"0") && !rest.get(1).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'.')
    });
    negation || zero
}

/// Levels written as one letter: Android's ` E Tag:`, glog's `E0131 15:04:05`.
fn letter_level(b: &[u8]) -> Severity {
    let by_letter = |c: u8| match c {
        b'E' | b'F' => Severity::Strong,
        b'W' => Severity::Warning,
        _ => Severity::None,
    };
    if let [letter @ (b'E' | b'F' | b'W'), d0, d1, d2, d3, b' ', ..] = b
        && [d0, d1, d2, d3].iter().all(|d| d.is_ascii_digit())
    {
        return by_letter(*letter);
    }
    // `03-17 16:13:38.811  1702  2395 E WindowManager: …`
    let front = &b[..b.len().min(48)];
    let Some(at) = memchr::memmem::find(front, b":") else { return Severity::None };
    front[at..]
        .windows(4)
        .find(|w| {
            w[0].is_ascii_digit()
                && w[1] == b' '
                && w[3] == b' '
                && matches!(w[2], b'V' | b'D' | b'I' | b'W' | b'E' | b'F')
        })
        .map_or(Severity::None, |w| by_letter(w[2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Severity {
        severities(line, &crate::select::lines(line))[0]
    }

    #[test]
    fn declared_errors_and_crashes_are_strong() {
        for line in [
            "2024-01-01 12:00:00 ERROR db: gone",
            "[Mon Dec 05 10:47:17 2005] [error] mod_jk child",
            "level=error msg=\"gone\"",
            "ValueError: bad value",
            "java.io.IOException: Connection reset",
            "src/a.c:12:5: error: expected ';'",
            "error[E0308]: mismatched types",
            "npm ERR! code ELIFECYCLE",
            "test_x (a.B) ... FAILED",
            "thread 'main' panicked at src/main.rs:2",
            "MOZ_CRASH(Shutdown too long)",
            "E0131 15:04:05.1 12 file.go:3] gone",
            "03-17 16:13:38.811  1702  2395 E WindowManager: gone",
            "RAS KERNEL FATAL data storage interrupt",
            "Traceback (most recent call last):",
            "10.0.0.1 - - [01/May/2024:10:00:00 +0000] \"GET /x HTTP/1.1\" 502 12",
            "==12==ERROR: AddressSanitizer: heap-use-after-free",
        ] {
            assert_eq!(of(line), Severity::Strong, "{line}");
        }
    }

    #[test]
    fn words_of_trouble_are_weak() {
        for line in ["WARN slow", "warning: unused", "W0131 15:04:05.1 12 file.go:3] slow"] {
            assert_eq!(of(line), Severity::Warning, "{line}");
        }
        for line in ["Connection refused", "INFO request failed, retrying", "disk error seen"] {
            assert_eq!(of(line), Severity::Weak, "{line}");
        }
    }

    #[test]
    fn names_paths_and_zeroes_say_nothing() {
        for line in [
            "opened /var/log/error.log",
            "error_count=3 done",
            "handled by error-handler",
            "0 errors, no warnings",
            "errors: 0, failed=0",
            "terror in the night",
            "finished without error",
        ] {
            assert_eq!(of(line), Severity::None, "{line}");
        }
        assert_eq!(of("10 errors"), Severity::Weak);
        assert_eq!(of("failed=01"), Severity::Weak);
    }

    #[test]
    fn every_line_is_judged_by_itself() {
        let text = "ERROR a\nfine\nWARN b\n";
        assert_eq!(
            severities(text, &crate::select::lines(text)),
            [Severity::Strong, Severity::None, Severity::Warning]
        );
    }
}
