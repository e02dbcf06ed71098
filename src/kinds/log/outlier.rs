//! Numbers that stick out: the request that took 30 s among thousands that took 20 ms.
//!
//! Cost: one look at the bytes of lines of frequent templates, and a selection (no sort) per slot.

use std::ops::Range;

use super::template::{NONE, Templates};

/// Fewer lines of a template have no distribution to stick out of.
const MIN_LINES: usize = 24;
/// Numbers looked at per line.
const MAX_SLOTS: usize = 6;
/// How far beyond the quartiles, in interquartile ranges.
const FENCE: f64 = 4.0;
/// Most lines kept per slot: more are a second mode, not outliers.
const MAX_PER_SLOT: usize = 3;
/// Most values of a state.
const MAX_VALUES: usize = 8;
/// Longer digit runs are identifiers.
const MAX_DIGITS: usize = 9;
/// Bytes of a line looked at.
const MAX_BYTES: usize = 1024;

/// Lines of `messages` (ranges of `text`) with a number far outside of what its template's others have.
pub(super) fn find(text: &str, messages: &[Range<usize>], templates: &Templates) -> Vec<usize> {
    let mut values: Vec<Vec<(u32, f32)>> = Vec::new();
    let mut slot_of: Vec<Option<usize>> = vec![None; templates.list.len()];
    for (i, range) in messages.iter().enumerate() {
        let id = templates.of_line[i];
        if id == NONE || templates.list[id as usize].count < MIN_LINES {
            continue;
        }
        let base = *slot_of[id as usize].get_or_insert_with(|| {
            values.resize_with(values.len() + MAX_SLOTS, Vec::new);
            values.len() - MAX_SLOTS
        });
        let end = range.end.min(range.start + MAX_BYTES);
        numbers(&text.as_bytes()[range.start..end], |slot, value| {
            values[base + slot].push((i as u32, value))
        });
    }
    let mut out = Vec::new();
    let mut scratch = Vec::new();
    for slot in &values {
        outliers(slot, &mut scratch, &mut out);
    }
    out.sort_unstable();
    out.dedup();
    out
}

fn outliers(slot: &[(u32, f32)], scratch: &mut Vec<f32>, out: &mut Vec<usize>) {
    if slot.len() < MIN_LINES {
        return;
    }
    scratch.clear();
    scratch.extend(slot.iter().map(|v| v.1));
    let q = scratch.len() / 4;
    let low = *scratch.select_nth_unstable_by(q, f32::total_cmp).1;
    let high = *scratch.select_nth_unstable_by(3 * q, f32::total_cmp).1;
    let range = f64::from(high) - f64::from(low);
    let far = |v: f32| {
        let beyond = (f64::from(low) - f64::from(v)).max(f64::from(v) - f64::from(high));
        beyond > FENCE * range
    };
    if range == 0.0 {
        return rare_values(slot, low, out);
    }
    let found: Vec<usize> = slot.iter().filter(|v| far(v.1)).map(|v| v.0 as usize).collect();
    if found.len() <= MAX_PER_SLOT {
        out.extend(found);
    } else if found.len() * 10 <= slot.len() {
        // Many: the furthest.
        let extreme = |a: &&(u32, f32), b: &&(u32, f32)| a.1.total_cmp(&b.1);
        out.extend(slot.iter().max_by(extreme).map(|v| v.0 as usize));
        out.extend(slot.iter().min_by(extreme).filter(|v| far(v.1)).map(|v| v.0 as usize));
    }
}

/// Nearly all lines have one value (a status of 200): the first line of each other value, if they are
/// few and so name a state, not a measure.
fn rare_values(slot: &[(u32, f32)], usual: f32, out: &mut Vec<usize>) {
    let mut firsts: Vec<(u32, f32)> = Vec::new();
    for (line, value) in slot.iter().filter(|v| v.1 != usual) {
        if firsts.iter().all(|f| f.1 != *value) {
            if firsts.len() == MAX_VALUES {
                return;
            }
            firsts.push((*line, *value));
        }
    }
    out.extend(firsts.iter().map(|f| f.0 as usize));
}

/// Calls `f` with each number that stands alone (`12`, `3.5`, `12ms`, not `a12`, `10.0.0.1`, `12:30`).
fn numbers(line: &[u8], mut f: impl FnMut(usize, f32)) {
    let mut slot = 0;
    let mut i = 0;
    while i < line.len() && slot < MAX_SLOTS {
        if !line[i].is_ascii_digit() {
            i += 1;
            continue;
        }
        let start = i;
        let mut value = 0f64;
        while i < line.len() && line[i].is_ascii_digit() {
            value = value * 10.0 + f64::from(line[i] - b'0');
            i += 1;
        }
        let whole = i - start;
        let mut scale = 0.1;
        if line.get(i) == Some(&b'.') && line.get(i + 1).is_some_and(u8::is_ascii_digit) {
            i += 1;
            while i < line.len() && line[i].is_ascii_digit() {
                value += scale * f64::from(line[i] - b'0');
                scale /= 10.0;
                i += 1;
            }
        }
        let open = start == 0
            || matches!(line[start - 1], b' ' | b'\t' | b'=' | b'(' | b'[' | b'"' | b',' | b'<' | b'>')
            || line[start - 1] == b':' && !line.get(start.wrapping_sub(2)).is_some_and(u8::is_ascii_digit);
        let unit = line[i..].iter().take_while(|c| c.is_ascii_alphabetic() || **c == b'%').count();
        let after = line.get(i + unit).copied().unwrap_or(b' ');
        let closed = unit <= 3
            && (matches!(after, b' ' | b'\t' | b',' | b')' | b']' | b';' | b'"' | b'\r' | b'\n')
                || matches!(after, b'.' | b':')
                    && !line.get(i + unit + 1).is_some_and(u8::is_ascii_alphanumeric));
        if open && closed && whole <= MAX_DIGITS {
            f(slot, value as f32);
            slot += 1;
        } else {
            // The rest of an address, date or identifier.
            while i < line.len() && !matches!(line[i], b' ' | b'\t' | b',' | b';' | b'=') {
                i += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<f32> {
        let mut out = Vec::new();
        numbers(line.as_bytes(), |_, v| out.push(v));
        out
    }

    #[test]
    fn numbers_that_stand_alone() {
        assert_eq!(of("took 12ms, size=3.5 (7) code:200"), [12.0, 3.5, 7.0, 200.0]);
        assert!(of("10.0.0.1:80 a12 blk_3 12:30:01 1234567890123 2024-01-02").is_empty());
    }

    #[test]
    fn the_far_one_is_found() {
        let lines: Vec<String> = (0..50)
            .map(|i| format!("GET /x took {} ms status 200\n", if i == 33 { 9000 } else { 20 + i % 7 }))
            .collect();
        let text = lines.concat();
        let ranges = crate::select::lines(&text);
        let templates = Templates::mine(&text, &ranges, false);
        assert_eq!(find(&text, &ranges, &templates), [33]);
        let text = text.replacen("status 200", "status 500", 1);
        assert_eq!(find(&text, &ranges, &templates), [0, 33]);
    }
}
