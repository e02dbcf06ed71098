//! Reads back what `write` wrote: full headers again, marks in their places. Linear.

use super::head;
use super::lines::{Source, begins_file, counts, is_hunk_line, is_short_head, short_at};
use super::parse::{At, body_end};
use crate::kinds::sink::Sink;

/// Writes the full headers again; marks stay in their places.
pub fn decode(body: &str) -> Option<String> {
    let mut decoder = Decoder::new(String::with_capacity(body.len() + body.len() / 4));
    decoder.feed(body)?;
    Some(decoder.out)
}

/// Decodes a body, part by part.
pub struct Decoder<S> {
    /// What was decoded.
    pub out: S,
    /// New line number minus old one after the last hunk.
    delta: i64,
}

impl<S: Sink> Decoder<S> {
    /// Writes to `out`.
    pub fn new(out: S) -> Self {
        Decoder { out, delta: 0 }
    }

    /// Decodes the next part of a body. Parts end before a line that can be none of a hunk.
    pub fn feed(&mut self, body: &str) -> Option<()> {
        let Decoder { out, delta } = self;
        if body.is_empty() {
            return Some(());
        }
        let source = Source::new(body);
        let lines = &source.lines;
        let mut push = |line: &str| {
            out.push_str(line);
            out.push_str("\n");
        };
        let mut i = 0;
        while i < lines.len() {
            let line = lines[i];
            i += 1;
            if let Some((start, section)) = short_at(line) {
                let end = i + lines[i..].iter().take_while(|l| is_hunk_line(l)).count();
                let (old_count, new_count) = counts(&lines[i..end]);
                let old = usize::try_from(i64::try_from(start).ok()? - *delta).ok()?;
                push(&At { old: (old, old_count), new: (start, new_count), section }.to_string());
                lines[i..end].iter().for_each(|l| push(l));
                *delta += new_count as i64 - old_count as i64;
                i = end;
            } else if let Some(at) = At::parse(line.trim_end_matches('\r')) {
                push(line);
                let (end, _) = body_end(lines, i, at.old.1, at.new.1);
                lines[i..end].iter().for_each(|l| push(l));
                *delta = (at.new.0 + at.new.1) as i64 - (at.old.0 + at.old.1) as i64;
                i = end;
            } else if is_short_head(line) {
                push(head::lengthen(line)?.trim_end_matches('\n'));
                *delta = 0;
            } else if let Some(rest) = line.strip_prefix('\\') {
                push(rest);
            } else {
                if begins_file(line) {
                    *delta = 0;
                }
                push(line);
            }
        }
        if !source.ends_with_newline {
            out.pop_newline();
        }
        Some(())
    }
}
