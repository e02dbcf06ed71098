//! Reads grouped matches back. Linear.

use std::collections::HashMap;

use super::form::{Form, is_like_name, number};
use super::matches::GROUP_SEPARATOR;
use crate::blocks::lines;
use crate::kinds::sink::{Same, Sink};
use crate::mark::MARK_OPEN;

/// What a line of the body is, as far as it can be told by itself.
fn is_transparent(line: &str) -> bool {
    line == GROUP_SEPARATOR || line.starts_with(MARK_OPEN)
}

/// Gives back the lines that `encode` was given, marks in their places.
pub fn decode(body: &str, words: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len() * 2);
    decode_into(&mut out, body, words)?;
    Some(out)
}

/// Whether a body decodes to `text`.
pub fn decodes_to(body: &str, words: &str, text: &str) -> bool {
    let mut same = Same::new(text);
    decode_into(&mut same, body, words).is_some() && same.is_same()
}

fn decode_into(out: &mut impl Sink, body: &str, words: &str) -> Option<()> {
    let form = Form::of(words)?;
    let mut path = "";
    let mut run: Vec<Decoded<'_>> = Vec::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut lines =
        lines::lines(body, 0..body.len()).map(|range| body[range].trim_end_matches('\n')).peekable();
    while let Some(line) = lines.next() {
        if let Some((numbers, separator, text)) = form.read(line) {
            let text = if form.has_names { resolve(text, &mut names)? } else { text };
            if numbers.contains(',') {
                for n in numbers.split(',') {
                    run.push(Decoded { joined: Some(number(n)?), number: n, separator, text });
                }
            } else {
                run.push(Decoded { joined: None, number: numbers, separator, text });
            }
            continue;
        }
        flush(out, &mut run, path, form);
        if is_transparent(line) {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let plain = line.strip_prefix('\\').unwrap_or(line);
        let next = lines.peek().copied().unwrap_or_default();
        let is_path = form.style.pathed
            && (form.read(next).is_some() || next.starts_with(MARK_OPEN) && !line.starts_with('\\'));
        if is_path {
            path = plain;
        } else {
            out.push_str(plain);
            out.push('\n');
        }
    }
    flush(out, &mut run, path, form);
    if !body.ends_with('\n') {
        out.pop_newline();
    }
    Some(())
}

fn resolve<'b>(text: &'b str, names: &mut HashMap<&'b str, &'b str>) -> Option<&'b str> {
    if let Some(rest) = text.strip_prefix('\\') {
        return Some(rest);
    }
    if !is_like_name(text) {
        return Some(text);
    }
    match text.strip_prefix('*') {
        Some(name) => names.get(name).copied(),
        None => {
            let (name, words) = text[1..].split_once(' ')?;
            names.insert(name, words);
            Some(words)
        }
    }
}

/// A line of a run, before it is put in its place.
struct Decoded<'b> {
    /// Its number, if its text stands in several lines.
    joined: Option<u64>,
    number: &'b str,
    separator: u8,
    text: &'b str,
}

fn flush(out: &mut impl Sink, run: &mut Vec<Decoded<'_>>, path: &str, form: Form) {
    // Only runs with joined lines were in ascending order for sure.
    if run.iter().any(|line| line.joined.is_some()) {
        run.sort_by_key(|line| line.joined.or_else(|| number(line.number)));
    }
    for Decoded { number, separator, text, .. } in run.drain(..) {
        let separator = char::from(separator);
        if form.style.pathed {
            out.push_str(path);
            out.push(separator);
        }
        if form.style.numbered {
            out.push_str(number);
            out.push(separator);
        }
        out.push_str(text);
        out.push('\n');
    }
}
