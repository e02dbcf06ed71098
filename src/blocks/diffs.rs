//! Where a unified diff ends. Hunks say how many lines they have, so that nothing after the diff is
//! taken for a part of it, and no line in it for words said to the model. Linear.

use std::ops::Range;

/// If a diff (or `git show`, `git log -p`) begins on line `i`: the line after its last one. If not, the
/// line up to which none can begin.
pub(super) fn end(text: &str, all: &[Range<usize>], i: usize) -> Result<usize, usize> {
    let line = |j: usize| all.get(j).map_or("", |range| text[range.clone()].trim_end_matches(['\n', '\r']));
    let starts = line(i).starts_with("diff --git ")
        || (line(i).starts_with("--- ") && line(i + 1).starts_with("+++ "))
        || is_commit(line(i));
    if !starts {
        return Err(i);
    }
    let mut j = i;
    let mut hunks = 0;
    let mut end = i;
    while j < all.len() {
        let words = line(j);
        if let Some((mut old, mut new)) = hunk(words) {
            hunks += 1;
            j += 1;
            while (old > 0 || new > 0) && j < all.len() {
                match line(j).as_bytes().first() {
                    Some(b' ') | None => (old, new) = (old.saturating_sub(1), new.saturating_sub(1)),
                    Some(b'-') => old = old.saturating_sub(1),
                    Some(b'+') => new = new.saturating_sub(1),
                    Some(b'\\') => {}
                    _ => break,
                }
                j += 1;
            }
            end = j;
        } else if is_head(words) || is_commit(words) {
            j += 1;
            end = j;
        } else if words.is_empty() || words.starts_with("    ") || words.starts_with(' ') {
            // Blank lines, a commit's message, a list of changed files: only if the diff goes on.
            j += 1;
        } else {
            break;
        }
    }
    if hunks > 0 { Ok(end) } else { Err(j) }
}

fn is_commit(line: &str) -> bool {
    line.strip_prefix("commit ")
        .is_some_and(|rest| rest.len() >= 7 && rest.as_bytes()[..7].iter().all(u8::is_ascii_hexdigit))
}

fn is_head(line: &str) -> bool {
    #[rustfmt::skip]
    const HEADS: &[&str] = &[
        "diff --git ", "index ", "old mode ", "new mode ", "deleted file ", "new file ", "similarity ", "rename ",
        "copy ", "dissimilarity ", "Binary files ", "GIT binary patch", "--- ", "+++ ", "\\ No newline", "Author:",
        "AuthorDate:", "Date:", "Merge:", "Commit:", "CommitDate:", "---",
    ];
    HEADS.iter().any(|head| line.starts_with(head))
}

/// Lines of the old and of the new file in a hunk: `@@ -1,5 +1,7 @@`.
fn hunk(line: &str) -> Option<(usize, usize)> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| range.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    Some((count(old)?, count(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_ends_where_its_last_hunk_ends() {
        let diff = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ fn\n a\n+What is this?\n\n";
        let text = format!("{diff}- [ ] Is this right?\n");
        let all: Vec<_> = super::super::lines::lines(&text, 0..text.len()).collect();
        assert_eq!(end(&text, &all, 0), Ok(8));
        let log = format!("commit 0123456789\nAuthor: A\n\n    message?\n\n{diff}");
        let text = format!("{log}{log}\nWhy?\n");
        let all: Vec<_> = super::super::lines::lines(&text, 0..text.len()).collect();
        assert_eq!(end(&text, &all, 0), Ok(26));
        for text in ["--- a\nb\n", "commit 0123456 of yours\nis bad\n", "diff --git a b\n"] {
            let all: Vec<_> = super::super::lines::lines(text, 0..text.len()).collect();
            assert!(end(text, &all, 0).is_err(), "{text}");
        }
    }
}
