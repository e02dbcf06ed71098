//! Lists that look like logs because their lines are alike or begin with a time: commits, packages,
//! objects in a bucket, rows of data, tables of cron, subtitles, what people said to each other.
//!
//! In a log one line of a template stands for the others. In a list every line is an entry of its own,
//! and nothing of it may be left out because it resembles its neighbours. Looks at the lines it is given.

use super::timestamp;

/// So many in a hundred lines must be entries.
const MIN_ENTRIES_PERCENT: usize = 85;
/// For what people said, whose messages may span lines.
const MIN_SAID_PERCENT: usize = 60;
/// Of those, so many end like sentences.
const MIN_ENDED_PERCENT: usize = 40;
/// One in so many lines of subtitles tells when it is shown.
const SUBTITLE_SHARE: usize = 6;
/// A longer name is no speaker's, in bytes.
const MAX_NAME_BYTES: usize = 40;

/// Whether `lines`, a sample of a text without its blank lines, are entries of a list.
pub(super) fn is_list(lines: &[&str]) -> bool {
    let share =
        |fits: fn(&str) -> bool| lines.iter().filter(|line| fits(line)).count() * 100 / lines.len().max(1);
    [is_commit, is_package, is_object, is_cron, is_row]
        .into_iter()
        .any(|fits| share(fits) >= MIN_ENTRIES_PERCENT)
        || is_delimited(lines)
        || lines.iter().filter(|line| line.contains(" --> ")).count() * SUBTITLE_SHARE >= lines.len().max(1)
        || share(|line| said(line).is_some()) >= MIN_SAID_PERCENT
            && share(|line| said(line).is_some_and(|s| s.ends_with(['.', '?', '!']))) >= MIN_ENDED_PERCENT
}

/// `git log --oneline`, with or without a graph.
fn is_commit(line: &str) -> bool {
    let line = line.trim_start_matches(['*', '|', '/', '\\', '_', ' ']);
    let digits = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    (7..=40).contains(&digits)
        && line[..digits].bytes().all(|b| !b.is_ascii_uppercase())
        && line[digits..].starts_with(' ')
}

/// `ii  name  version …` (dpkg), `name/stable,now 1.2 amd64 [installed]` (apt).
fn is_package(line: &str) -> bool {
    let b = line.as_bytes();
    let is_dpkg = b.len() > 4
        && b"uihrp".contains(&b[0])
        && b[1].is_ascii_alphabetic()
        && b[2..4] == *b"  "
        && b[4] != b' ';
    let is_apt = line.contains(" [installed") || line.contains(" [upgradable");
    is_dpkg || is_apt
}

/// A time, a size and a name: `aws s3 ls`.
fn is_object(line: &str) -> bool {
    let rest = &line[timestamp::split(line)..];
    let mut words = rest.split_whitespace();
    let is_size = words.next().is_some_and(|word| word == "PRE" || word.bytes().all(|b| b.is_ascii_digit()));
    rest.len() < line.len() && is_size && words.count() == 1
}

/// `*/5 * * * * command`
fn is_cron(line: &str) -> bool {
    let is_time = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || b"*/,-".contains(&b));
    let words: Vec<&str> = line.split_whitespace().take(6).collect();
    line.starts_with('#')
        || (words.len() == 6 && words[..5].iter().all(|word| is_time(word)) && words[..5].contains(&"*"))
}

/// A row of an SQL dump.
fn is_row(line: &str) -> bool {
    let head = line.get(..12).unwrap_or("").to_ascii_uppercase();
    head.starts_with("INSERT INTO ") || (line.starts_with('(') && line.trim_end().ends_with([',', ';']))
}

/// Rows of as many short fields between commas, tabs or semicolons.
fn is_delimited(lines: &[&str]) -> bool {
    [',', '\t', ';'].into_iter().any(|delimiter| {
        let count = |line: &str| line.matches(delimiter).count();
        let wanted = lines.first().map_or(0, |line| count(line));
        let fits = |line: &&&str| count(line) == wanted && line.matches(' ').count() * 2 <= wanted;
        wanted >= 2 && lines.iter().filter(fits).count() * 100 >= lines.len() * 95
    })
}

/// What somebody said: `[2026-03-01 10:00] Ana Berg: We should …`.
fn said(line: &str) -> Option<&str> {
    let stamp = match line.find(']').filter(|close| line.starts_with('[') && *close <= MAX_NAME_BYTES) {
        // A time in brackets, with seconds or without.
        Some(close) => close,
        None => timestamp::split(line),
    };
    let rest = line[stamp..].trim_start_matches([' ', ']', '-', ',']);
    let (name, words) = rest.split_once(": ")?;
    let is_name = name.len() <= MAX_NAME_BYTES
        && name.starts_with(char::is_uppercase)
        && name.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '\'' | '.'))
        && name.split(' ').count() <= 3
        // `PowerManagerService` is no person.
        && !name.split(' ').any(|word| word.chars().skip(1).any(char::is_uppercase));
    let is_level = matches!(
        name.to_ascii_lowercase().as_str(),
        "error" | "warning" | "info" | "note" | "debug" | "fatal"
    );
    (is_name && !is_level && words.split_whitespace().count() >= 3).then(|| words.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_logs() {
        for line in [
            "1a2b3c4 Search: the first match stays (#12)",
            "| * 1a2b3c4 Merge branch 'x'",
            "ii  libc6           2.36-9      amd64        GNU C Library",
            "zlib1g/stable,now 1:1.2.13 amd64 [installed,automatic]",
            "2026-03-01 10:00:00     123456 backups/db/dump-1.sql.gz",
            "5 * * * * /usr/bin/run --id 7 >> /var/log/x.log",
            "INSERT INTO orders VALUES (1, 'a', 3.50);",
            "2026-03-01T10:00:01Z,nginx,17,ok",
            "[2026-03-01 10:00] Ana Berg: We should look at it again.",
        ] {
            assert!(is_list(&[line; 30]), "{line}");
        }
        for line in [
            "2026-03-01 10:00:00,123 INFO [main] server started in 3 ms",
            "Mar  1 10:00:00 host sshd[123]: Accepted publickey for ana from 10.0.0.1",
            "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579",
            "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezingDisplayLogs: it is open.",
            "2026-03-01T10:00:01Z ERROR: could not open the file.",
            "Compiling serde v1.0.200",
            "",
        ] {
            assert!(!is_list(&[line; 30]), "{line}");
        }
    }
}
