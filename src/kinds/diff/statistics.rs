//! The statistics that `git diff --stat` and patches by mail print above the diff they count.

use std::ops::Range;

use super::lines::Source;

/// Statistics of fewer bytes cost less than a mark.
const MIN_STATISTICS_BYTES: usize = 100;

/// So many created and renamed files may be listed below statistics; a bound on what is looked at.
const MAX_SUMMARY_LINES: usize = 200;

/// The lines ` path | 12 ++--` from `start` on, if the diff that they count follows their sum.
pub fn statistics(source: &Source<'_>, start: usize) -> Option<Range<usize>> {
    let lines = &source.lines[start..];
    let is_entry = |line: &&&str| {
        line.starts_with(' ')
            && line.split_once(" | ").is_some_and(|(_, n)| n.trim_start().starts_with(is_entry_start))
    };
    if source.lines[..start].last().is_some_and(|before| is_entry(&before)) {
        return None;
    }
    let n = lines.iter().take_while(is_entry).count();
    let (sum, rest) = lines.get(n..)?.split_first()?;
    let is_sum = sum.starts_with(' ') && (sum.contains(" file changed") || sum.contains(" files changed"));
    // A list of created and renamed files may stand between.
    let after =
        rest.iter().take(MAX_SUMMARY_LINES).find(|line| !line.starts_with(' ') && !line.is_empty())?;
    let bytes: usize = lines[..n].iter().map(|l| l.len()).sum();
    (n > 0 && is_sum && after.starts_with("diff --") && bytes >= MIN_STATISTICS_BYTES)
        .then_some(start..start + n)
}

fn is_entry_start(c: char) -> bool {
    c.is_ascii_digit() || c == 'B'
}
