//! Reads back what `write` wrote: full headers again, marks in their places. Linear.

use super::head;
use super::lines::{Source, begins_file, counts, is_hunk_line, is_short_head, short_at};
use super::parse::{At, body_end};

/// Writes the full headers again; marks stay in their places.
pub fn decode(body: &str) -> Option<String> {
    let source = Source::new(body);
    let lines = &source.lines;
    let mut out = String::with_capacity(body.len() + body.len() / 4);
    let mut push = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    let mut delta: i64 = 0;
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        i += 1;
        if let Some((start, section)) = short_at(line) {
            let end = i + lines[i..].iter().take_while(|l| is_hunk_line(l)).count();
            let (old_count, new_count) = counts(&lines[i..end]);
            let old = usize::try_from(i64::try_from(start).ok()? - delta).ok()?;
            push(&At { old: (old, old_count), new: (start, new_count), section }.to_string());
            lines[i..end].iter().for_each(|l| push(l));
            delta += new_count as i64 - old_count as i64;
            i = end;
        } else if let Some(at) = At::parse(line.trim_end_matches('\r')) {
            push(line);
            let (end, _) = body_end(lines, i, at.old.1, at.new.1);
            lines[i..end].iter().for_each(|l| push(l));
            delta = (at.new.0 + at.new.1) as i64 - (at.old.0 + at.old.1) as i64;
            i = end;
        } else if is_short_head(line) {
            push(head::lengthen(line)?.trim_end_matches('\n'));
            delta = 0;
        } else if let Some(rest) = line.strip_prefix('\\') {
            push(rest);
        } else {
            if begins_file(line) {
                delta = 0;
            }
            push(line);
        }
    }
    if !source.ends_with_newline && out.ends_with('\n') {
        out.pop();
    }
    Some(out)
}
