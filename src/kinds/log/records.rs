//! JSON lines: logs whose lines are objects, as programs in containers, `go test -json` and most loggers
//! of the last decade write them.
//!
//! As records they would all stay; as a log, what repeats may go while every error stays. A line is a
//! record of a log if it is an object that says when, and how bad it is or what happened. Cost: linear.

use super::severity::Severity;
use super::view::View;

use crate::blocks::lines;
use crate::hashed::FastSet;

/// Fewer lines are few records.
const MIN_LINES: usize = 20;
/// Share of the lines that must be records of a log.
const MIN_SHARE: f64 = 0.8;
/// Lines looked at.
const SAMPLE: usize = 100;
/// Keys stand in the first bytes of a line; messages may be long.
const MAX_BYTES: usize = 2048;

/// Keys that say when.
const WHEN: &[&str] = &[
    "ts",
    "time",
    "timestamp",
    "@timestamp",
    "Time",
    "Timestamp",
    "t",
    "date",
    "datetime",
    "@t",
    "eventTime",
];
/// Keys that say how bad it is or what happened.
const WHAT: &[&str] = &[
    "level",
    "severity",
    "lvl",
    "log.level",
    "levelname",
    "Level",
    "LogLevel",
    "@l",
    "loglevel",
    "priority",
    "Action",
    "stream",
];

/// Whether `text` is a log of JSON lines.
pub(in crate::kinds) fn is_log(text: &str) -> bool {
    let lines = || {
        lines::lines(text, 0..text.len()).map(|line| lines::trim(&text[line])).filter(|line| !line.is_empty())
    };
    if !text.trim_start().starts_with('{') || lines().take(MIN_LINES).count() < MIN_LINES {
        return false;
    }
    let all = lines().count();
    let step = all.div_ceil(SAMPLE);
    let (mut seen, mut records) = (0, 0);
    for line in lines().step_by(step) {
        seen += 1;
        records += usize::from(is_record(line));
    }
    f64::from(records as u32) >= MIN_SHARE * f64::from(seen)
}

/// Whether a line is a record of a log.
fn is_record(line: &str) -> bool {
    let line = lines::trim(line);
    if !line.starts_with('{') || !line.ends_with('}') {
        return false;
    }
    let has = |keys: &[&str]| keys.iter().any(|key| value(line, key).is_some());
    has(WHEN) && has(WHAT)
}

/// What stands behind `"key":` in a line, white space taken off.
fn value<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let mut end = line.len().min(MAX_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let head = &line[..end];
    memchr::memmem::find_iter(head.as_bytes(), key.as_bytes()).find_map(|at| {
        let opens = head[..at].ends_with('"') && !head[..at - 1].ends_with('\\');
        let rest = line[at + key.len()..].strip_prefix('"')?.trim_start().strip_prefix(':')?;
        opens.then(|| rest.trim_start())
    })
}

/// Numbers of levels as bunyan and pino write them, of a warning and of an error.
const WARNING: u32 = 40;
const ERROR: u32 = 50;

/// How bad a record is by its values, where its words do not say so: levels as numbers, failed tests,
/// answers of a server.
pub(super) fn severity(line: &str) -> Severity {
    let number = |key: &str| {
        let value = value(line, key)?;
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        value[..digits].parse::<u32>().ok()
    };
    let begins = |key: &str, words: &[&str]| {
        value(line, key).is_some_and(|value| {
            let value = value.trim_start_matches('"');
            words.iter().any(|word| value.get(..word.len()).is_some_and(|v| v.eq_ignore_ascii_case(word)))
        })
    };
    let level =
        |words: &[&str]| ["level", "severity", "lvl", "levelname"].iter().any(|key| begins(key, words));
    if number("level").is_some_and(|level| (ERROR..100).contains(&level))
        || level(&["err", "fatal", "crit", "panic", "alert", "emerg", "severe"])
        || begins("Action", &["fail"])
        || ["status", "statusCode", "status_code"]
            .iter()
            .any(|key| number(key).is_some_and(|s| (500..600).contains(&s)))
    {
        return Severity::Strong;
    }
    if number("level").is_some_and(|level| (WARNING..ERROR).contains(&level)) || level(&["warn"]) {
        return Severity::Warning;
    }
    Severity::None
}

impl View<'_> {
    /// Judges the lines as records, too. What a failed test printed belongs to its failure.
    pub fn judge_records(&mut self) {
        let text = self.text;
        let name = |i: usize| value(&text[self.lines[i].clone()], "Test")?.split(',').next();
        let is_output = |line: &str| {
            value(line, "Action").is_some_and(|action| action.starts_with("\"output\""))
                && !value(line, "Output").is_some_and(|said| said.starts_with("\"=== "))
        };
        let judged: Vec<Severity> = self.lines.iter().map(|line| severity(&text[line.clone()])).collect();
        let failed: FastSet<&str> =
            (0..judged.len()).filter(|i| judged[*i] == Severity::Strong).filter_map(name).collect();
        let printed: Vec<bool> = (0..judged.len())
            .map(|i| {
                !failed.is_empty()
                    && is_output(&text[self.lines[i].clone()])
                    && name(i).is_some_and(|name| failed.contains(name))
            })
            .collect();
        for (i, (judged, printed)) in judged.into_iter().zip(printed).enumerate() {
            let judged = if printed { Severity::Strong } else { judged };
            self.severity[i] = self.severity[i].max(judged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_logs_are_told_from_other_objects() {
        let line = r#"{"ts":"2026-03-04T09:12:01Z","level":"info","msg":"request"}"#;
        assert!(is_log(&format!("{line}\n").repeat(30)));
        assert!(!is_log(&format!("{line}\n").repeat(5)), "few records");
        let item = r#"{"id":1,"created":"2026-03-04","title":"level: info"}"#;
        assert!(!is_log(&format!("{item}\n").repeat(30)));
        let tests = r#"{"Time":"2026-03-04T09:12:01Z","Action":"run","Package":"a","Test":"TestX"}"#;
        assert!(is_log(&format!("{tests}\n").repeat(30)));
    }

    #[test]
    fn levels_are_words_or_numbers() {
        for (line, expected) in [
            (r#"{"level":50,"msg":"x"}"#, Severity::Strong),
            (r#"{"level": "ERROR", "msg":"x"}"#, Severity::Strong),
            (r#"{"level":40}"#, Severity::Warning),
            (r#"{"severity":"WARNING"}"#, Severity::Warning),
            (r#"{"level":30,"status":503}"#, Severity::Strong),
            (r#"{"level":30,"status":200,"size":50}"#, Severity::None),
            (r#"{"Action":"fail","Test":"TestX"}"#, Severity::Strong),
            (r#"{"Action":"pass","Test":"TestFail"}"#, Severity::None),
            (r#"{"msg":"the level was 50"}"#, Severity::None),
        ] {
            assert_eq!(severity(line), expected, "{line}");
        }
    }
}
