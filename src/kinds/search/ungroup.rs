//! Reads grouped matches back. Linear.

use super::form::{Form, is_like_name, number};
use super::matches::GROUP_SEPARATOR;
use crate::blocks::lines;
use crate::hashed::FastMap;
use crate::kinds::sink::Sink;
use crate::mark::MARK_OPEN;

/// Gives back the lines that `encode` was given, marks in their places.
pub fn decode(body: &str, words: &str) -> Option<String> {
    let mut decoder = Decoder::new(String::with_capacity(body.len() * 2), Form::of(words)?);
    decoder.feed(body)?;
    Some(decoder.out)
}

/// Decodes a body, part by part.
pub struct Decoder<S> {
    /// What was decoded.
    pub out: S,
    form: Form,
    path: String,
    /// Texts with a name, and where by their names.
    texts: Vec<String>,
    names: FastMap<String, usize>,
}

/// A line of a run, before it is put in its place.
struct Decoded<'b> {
    /// Its number, if its text stands in several lines.
    joined: Option<u64>,
    number: &'b str,
    separator: u8,
    text: Text<'b>,
}

#[derive(Clone, Copy)]
enum Text<'b> {
    Plain(&'b str),
    /// An index of [`Decoder::texts`].
    Named(usize),
}

impl<S: Sink> Decoder<S> {
    /// Writes to `out`.
    pub fn new(out: S, form: Form) -> Self {
        Decoder { out, form, path: String::new(), texts: Vec::new(), names: FastMap::default() }
    }

    /// Decodes the next part of a body. Parts end before the name of a file.
    pub fn feed(&mut self, body: &str) -> Option<()> {
        let form = self.form;
        let mut run: Vec<Decoded<'_>> = Vec::new();
        let mut lines =
            lines::lines(body, 0..body.len()).map(|range| body[range].trim_end_matches('\n')).peekable();
        while let Some(line) = lines.next() {
            if let Some((numbers, separator, text)) = form.read(line) {
                let text = if form.has_names { self.resolve(text)? } else { Text::Plain(text) };
                if numbers.contains(',') {
                    for n in numbers.split(',') {
                        run.push(Decoded { joined: Some(number(n)?), number: n, separator, text });
                    }
                } else {
                    run.push(Decoded { joined: None, number: numbers, separator, text });
                }
                continue;
            }
            self.flush(&mut run);
            if is_transparent(line) {
                self.push_line(line);
                continue;
            }
            let plain = line.strip_prefix('\\').unwrap_or(line);
            let next = lines.peek().copied().unwrap_or_default();
            let is_path = form.style.pathed
                && (form.read(next).is_some() || next.starts_with(MARK_OPEN) && !line.starts_with('\\'));
            if is_path {
                self.path.clear();
                self.path.push_str(plain);
            } else {
                self.push_line(plain);
            }
        }
        self.flush(&mut run);
        if !body.is_empty() && !body.ends_with('\n') {
            self.out.pop_newline();
        }
        Some(())
    }

    fn push_line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push_str("\n");
    }

    fn resolve<'b>(&mut self, text: &'b str) -> Option<Text<'b>> {
        if let Some(rest) = text.strip_prefix('\\') {
            return Some(Text::Plain(rest));
        }
        if !is_like_name(text) {
            return Some(Text::Plain(text));
        }
        match text.strip_prefix('*') {
            Some(name) => self.names.get(name).map(|at| Text::Named(*at)),
            None => {
                let (name, words) = text[1..].split_once(' ')?;
                self.names.insert(name.to_owned(), self.texts.len());
                self.texts.push(words.to_owned());
                Some(Text::Plain(words))
            }
        }
    }

    fn flush(&mut self, run: &mut Vec<Decoded<'_>>) {
        // Only runs with joined lines were in ascending order for sure.
        if run.iter().any(|line| line.joined.is_some()) {
            run.sort_by_key(|line| line.joined.or_else(|| number(line.number)));
        }
        let Decoder { out, form, path, texts, .. } = self;
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
            out.push_str(match text {
                Text::Plain(text) => text,
                Text::Named(at) => texts.get(at).map_or("", String::as_str),
            });
            out.push_str("\n");
        }
    }
}

/// What a line of the body is, as far as it can be told by itself.
fn is_transparent(line: &str) -> bool {
    line == GROUP_SEPARATOR || line.starts_with(MARK_OPEN)
}
