//! Lists of paths: names that share a directory stand on one line behind it, and a directory is
//! indented below the directories it shares with the one above.
//!
//! ```text
//! src/ lib.rs mark.rs
//!  kinds/ mod.rs
//!   code/ mod.rs outline.rs
//! ```
//! A line of `k` spaces starts with the first `k` directories of the directory before it. Other lines
//! stand as they were, with `\` before them if they could be read as a directory. Linear in the text
//! and the depth of its paths.

use super::matches::split_lines;
use crate::mark::Rendered;

/// Words of the header of a list of paths.
pub const PATH_WORDS: &str = "paths: directory/ names, indented below what it shares";
/// Words of the header of `ls -R`.
pub const DIRECTORY_WORDS: &str = "ls -R: directory/ names, indented below what it shares";

/// Longer lines are no paths, in bytes.
const MAX_PATH_BYTES: usize = 1_024;
/// Deeper paths stand as they are: indentation would not pay, and its cost is depth times lines.
const MAX_DEPTH: usize = 40;

/// Whether a line is one path with a directory.
pub fn is_path_line(line: &str) -> bool {
    line.contains('/')
        && !line.starts_with("//")
        && !line.contains("://")
        && is_name_like(line)
        && line.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// Whether a line is one name, as in `ls`.
pub fn is_name(line: &str) -> bool {
    !line.is_empty() && is_name_like(line)
}

fn is_name_like(line: &str) -> bool {
    line.len() <= MAX_PATH_BYTES
        && !line
            .bytes()
            .any(|b| b.is_ascii_whitespace() || b.is_ascii_control() || b"<>\"'`|*?;{}\\".contains(&b))
}

/// The directory of a line like `./src/kinds:`.
pub fn directory_of(line: &str) -> Option<&str> {
    let path = line.strip_suffix(':')?;
    let is_directory =
        is_name(path) && (path == "." || path.contains('/')) && !path.ends_with('/') && !path.contains("//");
    is_directory.then_some(path)
}

/// The directories above the next one, as the decoder will know them.
#[derive(Default)]
struct Above<'t> {
    parts: Vec<&'t str>,
}

impl<'t> Above<'t> {
    /// Writes `directory` as indentation and the rest of its path with a slash.
    fn write(&mut self, out: &mut String, directory: &'t str) {
        let mut shared = 0;
        let parts: Vec<&str> = directory.split('/').collect();
        while shared + 1 < parts.len() && self.parts.get(shared) == parts.get(shared) {
            shared += 1;
        }
        // An absolute path begins with an empty part, which cannot be told by indentation.
        out.extend(std::iter::repeat_n(' ', shared));
        for part in &parts[shared..] {
            out.push_str(part);
            out.push('/');
        }
        self.parts = parts;
    }

    /// Reads what `write` wrote; gives the directory back.
    fn read(&mut self, indent: usize, rest: &'t str) -> String {
        self.parts.truncate(indent);
        self.parts.extend(rest.split('/'));
        self.parts.join("/")
    }
}

fn can_encode(directory: &str) -> bool {
    directory.bytes().filter(|b| *b == b'/').count() < MAX_DEPTH
}

/// Splits a path behind its directory; a slash at the end belongs to the name.
fn split_path(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_suffix('/').unwrap_or(line);
    let at = inner.rfind('/')?;
    (is_path_line(line) && can_encode(&line[..at])).then(|| (&line[..at], &line[at + 1..]))
}

/// A directory line of a body: indentation, directory without the last slash, names.
fn read_directory(line: &str) -> Option<(usize, &str, &str)> {
    if line.starts_with('\\') {
        return None;
    }
    let rest = line.trim_start_matches(' ');
    let (directory, names) = rest.split_once(' ').unwrap_or((rest, ""));
    let directory = directory.strip_suffix('/')?;
    Some((line.len() - rest.len(), directory, names))
}

fn push_plain(out: &mut String, line: &str) {
    if line.starts_with(['\\', ' ']) || read_directory(line).is_some() {
        out.push('\\');
    }
    out.push_str(line);
    out.push('\n');
}

fn finish(mut out: String, like: &str) -> String {
    if !like.ends_with('\n') && out.ends_with('\n') {
        out.pop();
    }
    out
}

fn rendered(text: &str, body: String, words: &str, decode: fn(&str) -> String) -> Option<Rendered> {
    (body.len() < text.len() && decode(&body) == text).then(|| Rendered {
        text: body,
        header: Some(words.to_owned()),
        omissions: Vec::new(),
        transforms: vec!["search:list"],
    })
}

/// Groups a list of paths.
pub fn compress_paths(text: &str, _cx: &super::Context<'_>) -> Option<Rendered> {
    rendered(text, encode_paths(text), PATH_WORDS, decode_paths)
}

fn encode_paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut above = Above::default();
    let mut current: Option<&str> = None;
    for line in split_lines(text) {
        match split_path(line) {
            Some((directory, name)) => {
                if current != Some(directory) {
                    above.write(&mut out, directory);
                    current = Some(directory);
                } else {
                    out.pop();
                }
                out.push(' ');
                out.push_str(name);
                out.push('\n');
            }
            None => {
                push_plain(&mut out, line);
                current = None;
            }
        }
    }
    finish(out, text)
}

/// Decodes a list of paths.
pub fn decode_paths(body: &str) -> String {
    let mut out = String::with_capacity(body.len() * 2);
    let mut above = Above::default();
    for line in split_lines(body) {
        match read_directory(line) {
            Some((indent, rest, names)) => {
                let directory = above.read(indent, rest);
                for name in names.split(' ') {
                    out.push_str(&directory);
                    out.push('/');
                    out.push_str(name);
                    out.push('\n');
                }
            }
            None => {
                out.push_str(line.strip_prefix('\\').unwrap_or(line));
                out.push('\n');
            }
        }
    }
    finish(out, body)
}

/// Groups the output of `ls -R`.
pub fn compress_directories(text: &str) -> Option<Rendered> {
    rendered(text, encode_directories(text), DIRECTORY_WORDS, decode_directories)
}

fn encode_directories(text: &str) -> String {
    let lines = split_lines(text);
    let mut out = String::with_capacity(text.len());
    let mut above = Above::default();
    let mut i = 0;
    let mut after_block = false;
    while i < lines.len() {
        // Between two directories stands one empty line; it is not written.
        let at = i + usize::from(after_block && lines[i].is_empty());
        let head =
            lines.get(at).and_then(|l| directory_of(l)).filter(|d| can_encode(d) && (at > i || !after_block));
        let Some(directory) = head else {
            push_plain(&mut out, lines[i]);
            after_block = false;
            i += 1;
            continue;
        };
        above.write(&mut out, directory);
        i = at + 1;
        while let Some(name) = lines.get(i).filter(|l| is_name(l) && directory_of(l).is_none()) {
            out.push(' ');
            out.push_str(name);
            i += 1;
        }
        out.push('\n');
        after_block = true;
    }
    finish(out, text)
}

/// Decodes the output of `ls -R`.
pub fn decode_directories(body: &str) -> String {
    let mut out = String::with_capacity(body.len() * 2);
    let mut above = Above::default();
    let mut after_block = false;
    for line in split_lines(body) {
        match read_directory(line) {
            Some((indent, rest, names)) => {
                if after_block {
                    out.push('\n');
                }
                out.push_str(&above.read(indent, rest));
                out.push_str(":\n");
                for name in names.split(' ').filter(|n| !n.is_empty()) {
                    out.push_str(name);
                    out.push('\n');
                }
                after_block = true;
            }
            None => {
                out.push_str(line.strip_prefix('\\').unwrap_or(line));
                out.push('\n');
                after_block = false;
            }
        }
    }
    finish(out, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_stand_behind_their_directory() {
        let text = "README.md\nsrc/lib.rs\nsrc/mark.rs\nsrc/kinds/mod.rs\nsrc/kinds/code/a.rs\ntests/my file.rs\n/etc/x\n";
        let body = encode_paths(text);
        assert_eq!(
            body,
            "README.md\nsrc/ lib.rs mark.rs\n kinds/ mod.rs\n  code/ a.rs\ntests/my file.rs\n/etc/ x\n"
        );
        assert_eq!(decode_paths(&body), text);
    }

    #[test]
    fn directories_of_ls_are_indented() {
        let text =
            "<out>\n.:\na.txt\nsrc\n\n./src:\nlib.rs\n\n./src/empty:\n\n./src/kinds:\nmod.rs\n</out>\n";
        let body = encode_directories(text);
        assert_eq!(body, "<out>\n./ a.txt src\n src/ lib.rs\n  empty/\n  kinds/ mod.rs\n</out>\n");
        assert_eq!(decode_directories(&body), text);
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "(\\./|/)?[a-b]{1,2}(/[a-c]{1,2}){0,4}/?",
            3 => "[a-b]{1,2}(/[a-c]{1,2}){0,3}:",
            3 => "[a-c.]{1,4}",
            1 => Just(String::new()),
            1 => "[ \\\\/a:]{0,5}\r?",
            1 => "\\PC{0,8}",
        ]
    }

    proptest! {
        #[test]
        fn any_listing_comes_back(lines in prop::collection::vec(line(), 0..30), newline: bool) {
            let text = lines.join("\n") + if newline { "\n" } else { "" };
            prop_assert_eq!(&decode_paths(&encode_paths(&text)), &text, "{}", encode_paths(&text));
            prop_assert_eq!(&decode_directories(&encode_directories(&text)), &text, "{}", encode_directories(&text));
        }

        #[test]
        fn decoding_never_panics(body in "(\\PC|[\n /\\\\]){0,80}") {
            let _ = (decode_paths(&body), decode_directories(&body));
        }
    }
}
