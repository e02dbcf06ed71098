//! Reads grouped matches back. Linear.

use std::collections::HashMap;

use super::form::{Form, is_like_name, number};
use super::matches::{GROUP_SEPARATOR, split_lines};
use crate::mark::MARK_OPEN;

/// What a line of the body is, as far as it can be told by itself.
fn is_transparent(line: &str) -> bool {
    line == GROUP_SEPARATOR || line.starts_with(MARK_OPEN)
}

/// Gives back the lines that `encode` was given, marks in their places.
pub fn decode(body: &str, words: &str) -> Option<String> {
    let form = Form::of(words)?;
    let lines = split_lines(body);
    let mut out = String::with_capacity(body.len() * 2);
    let mut path = "";
    let mut run: Vec<(Option<u64>, &str, u8, &str)> = Vec::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    for (i, line) in lines.iter().enumerate() {
        if let Some((numbers, separator, text)) = form.read(line) {
            let text = if form.has_names { resolve(text, &mut names)? } else { text };
            if numbers.contains(',') {
                for n in numbers.split(',') {
                    run.push((Some(number(n)?), n, separator, text));
                }
            } else {
                run.push((None, numbers, separator, text));
            }
            continue;
        }
        flush(&mut out, &mut run, path, form);
        if is_transparent(line) {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let plain = line.strip_prefix('\\').unwrap_or(line);
        let next = lines.get(i + 1).copied().unwrap_or_default();
        let is_path = form.style.pathed
            && (form.read(next).is_some() || next.starts_with(MARK_OPEN) && !line.starts_with('\\'));
        if is_path {
            path = plain;
        } else {
            out.push_str(plain);
            out.push('\n');
        }
    }
    flush(&mut out, &mut run, path, form);
    if !body.ends_with('\n') && out.ends_with('\n') {
        out.pop();
    }
    Some(out)
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

fn flush(out: &mut String, run: &mut Vec<(Option<u64>, &str, u8, &str)>, path: &str, form: Form) {
    // Only runs with joined lines were in ascending order for sure.
    if run.iter().any(|(n, ..)| n.is_some()) {
        run.sort_by_key(|(n, digits, ..)| n.or_else(|| number(digits)));
    }
    for (_, number, separator, text) in run.drain(..) {
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
