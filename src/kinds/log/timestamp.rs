//! Timestamps: where the prefix of a line that only says when (and from which file or node) ends.
//!
//! Invariants: [`split`] looks at the first [`REACH`] bytes of a line and no further, so its cost per
//! line is bounded. It never fails: a line without a timestamp has a prefix of 0 bytes.

/// How far into a line a timestamp may start. The longest prefixes seen in front of one are a file
/// name and a node name (OpenStack, supercomputers): 40 bytes and less.
const REACH: usize = 64;
/// A second timestamp this close behind the first belongs to the same prefix (epoch, then date).
const NEXT_WITHIN: usize = 24;

/// Length of the prefix of `line` that ends with its timestamp and the separators behind it; 0 if
/// there is none. Always at a character boundary (the prefix ends in ASCII).
pub(super) fn split(line: &str) -> usize {
    let b = line.as_bytes();
    let mut end = 0;
    let mut i = 0;
    while i < b.len().min(REACH) && (end == 0 || i <= end + NEXT_WITHIN) {
        if !b[i].is_ascii_digit() || (i > 0 && b[i - 1].is_ascii_digit()) {
            i += 1;
            continue;
        }
        match stamp_at(b, i) {
            Some(next) => {
                end = next;
                i = next;
            }
            None => i += 1,
        }
    }
    if end == 0 { 0 } else { end + separators(&b[end..]) }
}

/// The end of the date, time of day or epoch that starts at `i`.
fn stamp_at(b: &[u8], i: usize) -> Option<usize> {
    let glued = i > 0 && (b[i - 1].is_ascii_alphabetic() && b[i - 1] != b'T' || b[i - 1] == b'_' && i < 2);
    if glued {
        return None;
    }
    compact(b, i)
        .or_else(|| time_of_day(b, i))
        .or_else(|| date(b, i))
        .or_else(|| epoch(b, i))
        .or_else(|| uptime(b, i))
}

fn digits(b: &[u8], at: usize) -> usize {
    b.get(at..).map_or(0, |rest| rest.iter().take_while(|c| c.is_ascii_digit()).count())
}

/// `081109 203615`, `20081109 203615`: date and time in digits alone, at the start of a line.
fn compact(b: &[u8], i: usize) -> Option<usize> {
    let date = digits(b, i);
    let plausible =
        i == 0 && (date == 6 || date == 8) && b.get(date) == Some(&b' ') && digits(b, date + 1) == 6;
    let end = date + 7;
    (plausible && b.get(end).is_none_or(|c| *c == b' ')).then_some(end)
}

/// `15:04:05`, with fraction and zone; also `15.04.05` right behind a date.
fn time_of_day(b: &[u8], i: usize) -> Option<usize> {
    let mut at = i;
    let colon = *b.get(i + digits(b, i))?;
    let dotted = colon == b'.' && i > 2 && b[i - 1] == b'-' && b[i - 2].is_ascii_digit();
    if colon != b':' && !dotted {
        return None;
    }
    for part in 0..3 {
        let n = digits(b, at);
        if n == 0 || n > 2 {
            return None;
        }
        at += n;
        if part < 2 {
            if b.get(at) != Some(&colon) {
                return None;
            }
            at += 1;
        }
    }
    if matches!(b.get(at), Some(b'.' | b',' | b':')) && digits(b, at + 1) > 0 {
        at += 1 + digits(b, at + 1);
    }
    Some(zone(b, at))
}

/// The end of a zone (`Z`, `+02:00`, ` -0700`, ` UTC`) at `at`, or `at`.
fn zone(b: &[u8], at: usize) -> usize {
    if b.get(at) == Some(&b'Z') {
        return at + 1;
    }
    let start = if b.get(at) == Some(&b' ') { at + 1 } else { at };
    if matches!(b.get(start), Some(b'+' | b'-')) {
        let hours = digits(b, start + 1);
        if hours == 4 {
            return start + 5;
        }
        if hours == 2 && b.get(start + 3) == Some(&b':') && digits(b, start + 4) == 2 {
            return start + 6;
        }
    }
    if b[start.min(b.len())..].starts_with(b"UTC") { start + 3 } else { at }
}

/// `2024-01-31`, `2024/01/31`, `2005.06.03`, `31/Jan/2024`, `081109` is not one (too common).
fn date(b: &[u8], i: usize) -> Option<usize> {
    let n = digits(b, i);
    let separator = *b.get(i + n)?;
    if !matches!(separator, b'-' | b'/' | b'.') || !(n == 4 || n == 2) {
        return None;
    }
    let m = digits(b, i + n + 1);
    let second = i + n + 1 + m;
    let d = digits(b, second + 1);
    let is_date =
        m == 2 && b.get(second) == Some(&separator) && (n == 4 && d == 2 || n == 2 && (d == 2 || d == 4));
    (is_date && separator_is_plausible(n, separator)).then_some(second + 1 + d)
}

/// `10.251.12.13` is an address: two digits and dots make no date.
fn separator_is_plausible(first_digits: usize, separator: u8) -> bool {
    first_digits == 4 || separator == b'/'
}

/// Seconds or milliseconds since 1970, between 2001 and 2033, as a word of its own.
fn epoch(b: &[u8], i: usize) -> Option<usize> {
    let n = digits(b, i);
    let plausible = (n == 10 || n == 13) && b[i] == b'1';
    let mut end = i + n;
    if plausible && b.get(end) == Some(&b'.') {
        end += 1 + digits(b, end + 1);
    }
    let bounded = b.get(end).is_none_or(|c| matches!(c, b' ' | b'\t' | b',' | b']' | b':' | b'|'))
        && (i == 0 || matches!(b[i - 1], b' ' | b'\t' | b'[' | b'(' | b','));
    (plausible && bounded).then_some(end)
}

/// The kernel's `[   12.345678]`, at the start of a line only.
fn uptime(b: &[u8], i: usize) -> Option<usize> {
    let n = digits(b, i);
    let front = &b[..i];
    let fits = front.first() == Some(&b'[')
        && front[1..].iter().all(|c| *c == b' ')
        && b.get(i + n) == Some(&b'.')
        && digits(b, i + n + 1) >= 3
        && b.get(i + n + 1 + digits(b, i + n + 1)) == Some(&b']');
    fits.then_some(i + n + 1 + digits(b, i + n + 1))
}

/// Length of the separators at the start of `b`.
fn separators(b: &[u8]) -> usize {
    let mut n = 0;
    while let Some(c) = b.get(n) {
        let skip = match c {
            b' ' | b'\t' | b']' | b')' | b',' | b';' | b'|' | b'"' => true,
            // A dash between spaces; the sign of a number is none.
            b'-' | b':' => b.get(n + 1).is_none_or(|c| *c == b' '),
            _ => false,
        };
        if !skip {
            break;
        }
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::split;

    fn message(line: &str) -> &str {
        &line[split(line)..]
    }

    #[test]
    fn the_usual_formats_are_split_off() {
        for (line, rest) in [
            ("2024-01-31T15:04:05.123456Z stdout F hello", "stdout F hello"),
            ("2015-10-18 18:06:24,092 INFO [main] x", "INFO [main] x"),
            ("Dec 10 09:11:33 LabSZ sshd[24437]: hi", "LabSZ sshd[24437]: hi"),
            ("[Mon Dec 05 10:47:17 2005] [error] x", "2005] [error] x"),
            ("17/06/09 20:11:08 INFO rdd.HadoopRDD: x", "INFO rdd.HadoopRDD: x"),
            ("- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.363779 R02-M1 RAS", "R02-M1 RAS"),
            ("081109 203615 148 INFO dfs.DataNode: x", "148 INFO dfs.DataNode: x"),
            ("20171223-22:15:29:606|Step|300|x", "Step|300|x"),
            ("[   12.345678] usb 1-1: new", "usb 1-1: new"),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200", "GET / HTTP/1.0\" 200"),
            ("[10.30 16:49:06] chrome.exe - x", "chrome.exe - x"),
            ("1700000000.123 level=info", "level=info"),
            ("10.251.12.13 no stamp", "10.251.12.13 no stamp"),
            ("version 2.14.3 of it", "version 2.14.3 of it"),
            ("", ""),
            ("12:", "12:"),
        ] {
            assert_eq!(message(line), rest, "{line}");
        }
    }

    #[test]
    fn only_the_front_of_a_line_is_looked_at() {
        let line = format!("{} 12:13:14 x", "word ".repeat(30));
        assert_eq!(split(&line), 0);
    }
}
