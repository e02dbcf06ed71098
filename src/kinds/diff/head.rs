//! The header that git writes for a file, on one line: `diff src/a.rs (new, 0000000..af58dd0)`.
//!
//! ```text
//! diff <path>[ -> <new path>][ (<note>, …)]
//! note = "new"[ mode] | "deleted"[ mode] | similarity "%" | old..new[ mode]
//! ```
//! A mode that is not written is 100644. Only headers that come back byte for byte are shortened.

/// What almost every file has.
const USUAL_MODE: &str = "100644";
/// First word of a short header.
pub const SHORT: &str = "diff ";

/// What a git header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Git<'t> {
    old: &'t str,
    new: &'t str,
    added: Option<&'t str>,
    deleted: Option<&'t str>,
    similarity: Option<&'t str>,
    /// Blob hashes `old..new`.
    blobs: Option<&'t str>,
    /// Mode in the index line.
    mode: Option<&'t str>,
}

impl<'t> Git<'t> {
    fn parse(lines: &[&'t str]) -> Option<Self> {
        let mut out = Git::default();
        let (minus, plus) = match lines {
            [first, .., minus, plus] if first.starts_with("diff --git ") => (minus, plus),
            _ => return None,
        };
        for line in &lines[1..lines.len() - 2] {
            if let Some(mode) = line.strip_prefix("new file mode ") {
                out.added = Some(mode);
            } else if let Some(mode) = line.strip_prefix("deleted file mode ") {
                out.deleted = Some(mode);
            } else if let Some(share) = line.strip_prefix("similarity index ") {
                out.similarity = Some(share);
            } else if let Some(index) = line.strip_prefix("index ") {
                let (blobs, mode) = index.split_once(' ').map_or((index, None), |(b, m)| (b, Some(m)));
                (out.blobs, out.mode) = (Some(blobs), mode);
            }
        }
        out.old = minus.strip_prefix("--- a/").unwrap_or("");
        out.new = plus.strip_prefix("+++ b/").unwrap_or("");
        if out.added.is_some() {
            out.old = out.new;
        }
        if out.deleted.is_some() {
            out.new = out.old;
        }
        Some(out)
    }

    /// The lines that git writes.
    fn long(&self) -> String {
        let Git { old, new, .. } = self;
        let mut out = String::with_capacity(4 * (old.len() + new.len()) + 160);
        let mut write = |parts: &[&str]| parts.iter().for_each(|part| out.push_str(part));
        write(&["diff --git a/", old, " b/", new, "\n"]);
        if let Some(mode) = self.added {
            write(&["new file mode ", mode, "\n"]);
        }
        if let Some(mode) = self.deleted {
            write(&["deleted file mode ", mode, "\n"]);
        }
        if let Some(share) = self.similarity {
            write(&["similarity index ", share, "\nrename from ", old, "\nrename to ", new, "\n"]);
        }
        if let Some(blobs) = self.blobs {
            write(&["index ", blobs]);
            write(&self.mode.map_or(["", ""], |mode| [" ", mode]));
            write(&["\n"]);
        }
        let side = |there: bool, letter: &'t str, name: &'t str| {
            if there { [letter, name] } else { ["/dev/null", ""] }
        };
        write(&["--- "]);
        write(&side(self.added.is_none(), "a/", old));
        write(&["\n+++ "]);
        write(&side(self.deleted.is_none(), "b/", new));
        write(&["\n"]);
        out
    }

    fn short(&self, with_blobs: bool) -> String {
        let mut notes = Vec::new();
        let moded = |word: &str, mode: &str| match mode {
            USUAL_MODE => word.to_owned(),
            _ => format!("{word} {mode}"),
        };
        notes.extend(self.added.map(|mode| moded("new", mode)));
        notes.extend(self.deleted.map(|mode| moded("deleted", mode)));
        notes.extend(self.similarity.map(str::to_owned));
        if let Some(blobs) = self.blobs.filter(|_| with_blobs) {
            notes.push(moded(blobs, self.mode.unwrap_or(USUAL_MODE)));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let renamed = if self.old == self.new { String::new() } else { format!(" -> {}", self.new) };
        format!("{SHORT}{}{renamed}{notes}", self.old)
    }
}

/// The short form of a header, if it decodes to the same lines; without blob hashes, to the same
/// lines without the index.
pub fn shorten(lines: &[&str], with_blobs: bool) -> Option<String> {
    let git = Git::parse(lines)?;
    let same_lines = |long: &str| long.lines().eq(lines.iter().copied());
    if !same_lines(&git.long()) {
        return None;
    }
    let short = git.short(with_blobs);
    let kept = if with_blobs { git } else { Git { blobs: None, mode: None, ..git } };
    (lengthen(&short)? == kept.long()).then_some(short)
}

/// The lines that a short header stands for.
pub fn lengthen(short: &str) -> Option<String> {
    let rest =
        short.strip_prefix(SHORT).filter(|rest| !rest.starts_with('-') && !rest.contains(['\r', '\n']))?;
    let noted = rest.strip_suffix(')').and_then(|r| r.rsplit_once(" ("));
    let (names, git) = match noted.and_then(|(names, notes)| Some((names, read_notes(notes)?))) {
        Some(found) => found,
        None => (rest, Git::default()),
    };
    let (old, new) = match git.similarity {
        Some(_) => names.split_once(" -> ")?,
        None => (names, names),
    };
    Some(Git { old, new, ..git }.long())
}

fn read_notes(notes: &str) -> Option<Git<'_>> {
    let mut out = Git::default();
    for note in notes.split(", ") {
        let (word, mode) = note.split_once(' ').map_or((note, None), |(w, m)| (w, Some(m)));
        if mode.is_some_and(|m| m.is_empty() || !m.bytes().all(|b| b.is_ascii_digit())) {
            return None;
        }
        if word == "new" {
            out.added = Some(mode.unwrap_or(USUAL_MODE));
        } else if word == "deleted" {
            out.deleted = Some(mode.unwrap_or(USUAL_MODE));
        } else if word.ends_with('%') && mode.is_none() {
            out.similarity = Some(word);
        } else if word.contains("..") {
            out.blobs = Some(word);
            // Only a file that stays has its mode here.
            let stays = out.added.is_none() && out.deleted.is_none();
            out.mode = mode.or(stays.then_some(USUAL_MODE));
        } else {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn round_trip(head: &str) -> Option<String> {
        let lines: Vec<&str> = head.lines().collect();
        let short = shorten(&lines, true)?;
        assert_eq!(lengthen(&short).unwrap(), head);
        Some(short)
    }

    #[test]
    fn a_header_is_one_line_and_comes_back() {
        let plain = "diff --git a/x y.rs b/x y.rs\nindex 95eb..3ce9 100644\n--- a/x y.rs\n+++ b/x y.rs\n";
        assert_eq!(round_trip(plain).unwrap(), "diff x y.rs (95eb..3ce9)");
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(shorten(&lines, false).unwrap(), "diff x y.rs");
        let added = "diff --git a/n b/n\nnew file mode 100755\nindex 0000..af58\n--- /dev/null\n+++ b/n\n";
        assert_eq!(round_trip(added).unwrap(), "diff n (new 100755, 0000..af58)");
        let deleted =
            "diff --git a/n b/n\ndeleted file mode 100644\nindex af58..0000\n--- a/n\n+++ /dev/null\n";
        assert_eq!(round_trip(deleted).unwrap(), "diff n (deleted, af58..0000)");
        let renamed = "diff --git a/p b/q\nsimilarity index 89%\nrename from p\nrename to q\nindex 1..2 100644\n--- a/p\n+++ b/q\n";
        assert_eq!(round_trip(renamed).unwrap(), "diff p -> q (89%, 1..2)");
    }

    #[test]
    fn other_headers_stay() {
        for head in [
            "diff --git a/p b/p\nold mode 100644\nnew mode 100755\nindex 1..2\n--- a/p\n+++ b/p\n",
            "diff --git p p\nindex 1..2 100644\n--- p\n+++ p\n",
            "diff --git a/p b/p\nsimilarity index 100%\nrename from p\nrename to p\n",
            "diff --git a/p (new) b/p (new)\n--- a/p (new)\n+++ b/p (new)\n",
            "diff --cc p\nindex 1,2..3\n--- a/p\n+++ b/p\n",
        ] {
            assert_eq!(round_trip(head), None, "{head}");
        }
    }
}
