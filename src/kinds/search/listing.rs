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

use std::ops::Range;

use super::choose::{self, Choice};
use super::matches::{Match, Parsed, Style, split_lines};
use crate::hashed::FastMap;
use crate::kinds::Context;
use crate::mark::{self, Omission, Rendered, Unit};

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

/// A body and what it leaves out.
#[derive(Default)]
struct Listed {
    text: String,
    omissions: Vec<Omission>,
}

impl Listed {
    fn mark(&mut self, lines: Range<usize>, units: &Parsed<'_>) {
        let (first, count) = (lines.start + 1, lines.len());
        mark::write_mark(&mut self.text, Unit::Line, first, count, None);
        self.text.push('\n');
        let range = units.range(lines);
        self.omissions.push(Omission { range, unit: Unit::Line, first, count });
    }
}

/// Encodes without loss, checks that, and then leaves out what the context allows.
fn compress(
    text: &str,
    cx: &Context<'_>,
    units: Parsed<'_>,
    words: &str,
    encode: fn(&str, &Parsed<'_>, &Choice) -> Listed,
    decode: fn(&str) -> String,
) -> Option<Rendered> {
    let mut listed = encode(text, &units, &Choice::all(&units));
    if listed.text.len() >= text.len() || decode(&listed.text) != text {
        return None;
    }
    let mut transforms = vec!["search:list"];
    if cx.may_omit() {
        let choice = choose::choose(&units, text, cx.query, cx.options, || cx.tokens.count(text));
        if choice.keep.contains(&false) {
            listed = encode(text, &units, &choice);
            transforms.push("search:select");
        }
    }
    Some(Rendered {
        text: listed.text,
        header: Some(words.to_owned()),
        omissions: listed.omissions,
        transforms,
        copies: Vec::new(),
    })
}

/// Groups a list of paths.
pub fn compress_paths(text: &str, cx: &Context<'_>) -> Option<Rendered> {
    compress(text, cx, path_units(text), PATH_WORDS, encode_paths, decode_paths)
}

/// Each path is a unit of its directory.
fn path_units(text: &str) -> Parsed<'_> {
    let mut units = Parsed::empty(Style { pathed: true, numbered: false }, text);
    let mut ids: FastMap<&str, usize> = FastMap::default();
    for raw in split_lines(text) {
        let hit = split_path(raw).map(|(directory, name)| {
            let path = *ids.entry(directory).or_insert_with(|| {
                units.paths.push(directory);
                units.paths.len() - 1
            });
            Match { path, number: "", separator: b':', text: name }
        });
        units.push(raw, hit);
    }
    units.finish()
}

fn encode_paths(text: &str, units: &Parsed<'_>, choice: &Choice) -> Listed {
    let mut out = Listed::default();
    let mut above = Above::default();
    let mut current: Option<usize> = None;
    // A directory that stands in several places is named for its omitted names once.
    let mut is_shown = vec![false; units.paths.len()];
    let mut i = 0;
    while i < units.len() {
        let line = units.line(i);
        let Some(hit) = line.hit else {
            push_plain(&mut out.text, line.raw);
            current = None;
            i += 1;
            continue;
        };
        let is_named = choice.keep[i] || choice.named[hit.path] && !is_shown[hit.path];
        let is_alone = is_named || current == Some(hit.path);
        is_shown[hit.path] |= is_named;
        if is_named && current != Some(hit.path) {
            above.write(&mut out.text, units.paths[hit.path]);
            out.text.push('\n');
            current = Some(hit.path);
        }
        if choice.keep[i] {
            // Behind the directory or the name before it.
            out.text.pop();
            out.text.push(' ');
            out.text.push_str(hit.text);
            out.text.push('\n');
            i += 1;
            continue;
        }
        let end = (i..units.len())
            .find(|j| {
                let next = units.path_of(*j);
                let differs = next != Some(hit.path);
                choice.keep[*j]
                    || differs && (is_alone || next.is_none_or(|path| choice.named[path] && !is_shown[path]))
            })
            .unwrap_or(units.len());
        out.mark(i..end, units);
        current = None;
        i = end;
    }
    out.text = finish(out.text, text);
    out
}

/// Decodes a list of paths.
pub fn decode_paths(body: &str) -> String {
    let mut out = String::with_capacity(body.len() * 2);
    let mut above = Above::default();
    for line in split_lines(body) {
        match read_directory(line) {
            Some((indent, rest, names)) => {
                let directory = above.read(indent, rest);
                for name in names.split(' ').filter(|name| !name.is_empty()) {
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
pub fn compress_directories(text: &str, cx: &Context<'_>) -> Option<Rendered> {
    compress(text, cx, directory_units(text), DIRECTORY_WORDS, encode_directories, decode_directories)
}

/// Each name is a unit of its directory; directories stay.
fn directory_units(text: &str) -> Parsed<'_> {
    let mut units = Parsed::empty(Style { pathed: false, numbered: false }, text);
    let mut is_open = false;
    for raw in split_lines(text) {
        if directory_of(raw).is_some() {
            units.paths.push(raw);
            is_open = true;
        } else {
            is_open &= is_name(raw);
        }
        let is_unit = is_open && directory_of(raw).is_none();
        let path = units.paths.len().saturating_sub(1);
        let hit = is_unit.then_some(Match { path, number: "", separator: b':', text: raw });
        units.push(raw, hit);
    }
    units.finish()
}

fn encode_directories(text: &str, units: &Parsed<'_>, choice: &Choice) -> Listed {
    let mut out = Listed::default();
    let mut above = Above::default();
    let mut i = 0;
    let mut after_block = false;
    while i < units.len() {
        if !choice.keep[i] {
            let end = (i..units.len()).find(|j| choice.keep[*j]).unwrap_or(units.len());
            out.mark(i..end, units);
            after_block = false;
            i = end;
            continue;
        }
        // Between two directories stands one empty line; it is not written.
        let at = i + usize::from(after_block && units.raw(i).is_empty());
        let head = directory_of(units.raw(at)).filter(|d| can_encode(d) && (at > i || !after_block));
        let Some(directory) = head else {
            push_plain(&mut out.text, units.raw(i));
            after_block = false;
            i += 1;
            continue;
        };
        above.write(&mut out.text, directory);
        i = at + 1;
        while let Some(name) = units.hit(i).filter(|_| choice.keep[i]) {
            out.text.push(' ');
            out.text.push_str(name.text);
            i += 1;
        }
        out.text.push('\n');
        after_block = true;
    }
    out.text = finish(out.text, text);
    out
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

    fn paths(text: &str) -> String {
        let units = path_units(text);
        encode_paths(text, &units, &Choice::all(&units)).text
    }

    fn directories(text: &str) -> String {
        let units = directory_units(text);
        encode_directories(text, &units, &Choice::all(&units)).text
    }

    #[test]
    fn names_stand_behind_their_directory() {
        let text = "README.md\nsrc/lib.rs\nsrc/mark.rs\nsrc/kinds/mod.rs\nsrc/kinds/code/a.rs\ntests/my file.rs\n/etc/x\n";
        let body = paths(text);
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
        let body = directories(text);
        assert_eq!(body, "<out>\n./ a.txt src\n src/ lib.rs\n  empty/\n  kinds/ mod.rs\n</out>\n");
        assert_eq!(decode_directories(&body), text);
    }

    #[test]
    fn names_left_out_leave_a_mark() {
        let text = "a/b/1\na/b/2\na/b/3\na/c/4\na/d/5\na/d/6\n";
        let units = path_units(text);
        let keep = vec![true, false, false, false, false, true];
        let named = encode_paths(text, &units, &Choice { keep: keep.clone(), named: vec![true; 3] });
        assert_eq!(named.text, "a/b/ 1\n[… 2 lines 2-3]\n c/\n[… 1 line 4]\n d/\n[… 1 line 5]\n d/ 6\n");
        let unnamed = encode_paths(text, &units, &Choice { keep, named: vec![true, false, false] });
        assert_eq!(unnamed.text, "a/b/ 1\n[… 2 lines 2-3]\n[… 2 lines 4-5]\n d/ 6\n");
        let text = ".:\na\nb\nc\nd\n\n./x:\ne\n";
        let units = directory_units(text);
        let keep = vec![true, true, false, false, true, true, true, true];
        let listed = encode_directories(text, &units, &Choice { keep, named: vec![true; 2] });
        assert_eq!(listed.text, "./ a\n[… 2 lines 3-4]\nd\n\n x/ e\n");
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
            prop_assert_eq!(&decode_paths(&paths(&text)), &text, "{}", paths(&text));
            prop_assert_eq!(&decode_directories(&directories(&text)), &text, "{}", directories(&text));
        }

        #[test]
        fn marks_and_what_was_omitted_give_the_text(
            lines in prop::collection::vec(line(), 0..30),
            flags in prop::collection::vec((any::<bool>(), any::<bool>()), 30),
        ) {
            let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
            for kind in 0..2 {
                let units = if kind == 0 { path_units(&text) } else { directory_units(&text) };
                let keep = units.lines().zip(&flags).map(|(l, f)| l.hit.is_none() || f.0).collect();
                let named = (0..units.paths.len()).map(|i| flags[i].1).collect();
                let choice = Choice { keep, named };
                let (listed, long) = match kind {
                    0 => { let l = encode_paths(&text, &units, &choice); let d = decode_paths(&l.text); (l, d) }
                    _ => { let l = encode_directories(&text, &units, &choice); let d = decode_directories(&l.text); (l, d) }
                };
                let mut restored = String::new();
                let mut omissions = listed.omissions.iter();
                for line in split_lines(&long) {
                    match line.starts_with(mark::MARK_OPEN) {
                        true => if let Some(o) = omissions.next() { restored.push_str(&text[o.range.clone()]) },
                        false => { restored.push_str(line); restored.push('\n'); }
                    }
                }
                prop_assert_eq!(&restored, &text, "{}", listed.text);
            }
        }

        #[test]
        fn decoding_never_panics(body in "(\\PC|[\n /\\\\]){0,80}") {
            let _ = (decode_paths(&body), decode_directories(&body));
        }
    }
}
