//! `ls -l`: what many entries share (mode, links, owner, group, date) is written once under a letter.
//!
//! ```text
//! words = "ls -l: " class ("; " class)*
//! class = letter "=" what stands before the size " # " what stands after it " * "
//! line  = letter " " size " " name         an entry of that class
//!       | any other line, as it was
//! ```
//!
//! The decoder pads the size to the width that all entries of a class share. Byte-exact: an encoding
//! that does not decode to the input is not used. Cost: linear.

use std::collections::HashMap;

/// An entry costs about 18 tokens, so does its class once.
const MIN_ENTRIES_PER_CLASS: usize = 3;
/// One letter each; entries of rarer classes stay as they are.
const MAX_CLASSES: usize = 20;
/// Fewer entries than this are not worth a header.
const MIN_ENTRIES: usize = 6;
/// What introduces the words.
const INTRO: &str = "ls -l: ";

/// The parts of an entry: before the size (with its padding), the size, after it up to the name, the name.
struct Entry<'t> {
    before: &'t str,
    padded: &'t str,
    date: &'t str,
    name: &'t str,
}

/// Splits `-rw-r--r-- 1 root root   20 Oct 24  2024 name`; `None` if `line` is no such entry.
fn entry(line: &str) -> Option<Entry<'_>> {
    let mode = line.get(..10)?;
    let is_mode = mode.starts_with(['-', 'd', 'l', 'b', 'c', 'p', 's'])
        && mode.bytes().skip(1).all(|b| b"-rwxsStT".contains(&b));
    if !is_mode {
        return None;
    }
    // Ends of the fields links, owner, group, size, and of three fields of the date.
    let mut ends = [0; 8];
    let mut at = line.find(' ')?;
    ends[0] = at;
    for end in &mut ends[1..] {
        at += line[at..].bytes().take_while(|b| *b == b' ').count();
        at += line[at..].find(' ')?;
        *end = at;
    }
    let padded = &line[ends[3]..ends[4]];
    let size = padded.trim_start_matches(' ');
    if size.is_empty() || !size.bytes().all(|b| b.is_ascii_digit()) || size.len() > 1 && size.starts_with('0')
    {
        return None;
    }
    let date = &line[ends[4]..ends[7]];
    Some(Entry { before: &line[..ends[3]], padded, date, name: line.get(ends[7] + 1..)? })
}

/// Whether most lines of `text` are entries.
pub fn recognise(text: &str) -> bool {
    let mut lines = 0;
    let mut entries = 0;
    for line in text.lines().take(200) {
        lines += 1;
        entries += usize::from(entry(line).is_some());
    }
    entries >= MIN_ENTRIES && entries * 10 >= lines * 7
}

/// The body and the words; `None` if it would not pay or would not decode.
pub fn encode(text: &str) -> Option<(String, String)> {
    let mut count: HashMap<(&str, usize, &str), usize> = HashMap::new();
    let mut order = Vec::new();
    for entry in text.split_inclusive('\n').filter_map(|l| entry(l.trim_end_matches('\n'))) {
        let n = count.entry(entry.class()).or_insert_with(|| {
            order.push(entry.class());
            0
        });
        *n += 1;
    }
    order.retain(|class| count[class] >= MIN_ENTRIES_PER_CLASS);
    // The most frequent classes, in the order in which they appear.
    let mut most: Vec<usize> = order.iter().map(|class| count[class]).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let least = most.get(MAX_CLASSES - 1).copied().unwrap_or(0);
    order.retain(|class| count[class] >= least);
    order.truncate(MAX_CLASSES);
    if order.is_empty() {
        return None;
    }
    let letters: HashMap<_, char> =
        order.iter().zip('a'..='z').map(|(class, letter)| (*class, letter)).collect();
    let mut words = INTRO.to_owned();
    for class in &order {
        let (before, width, date) = class;
        if words.len() > INTRO.len() {
            words.push_str("; ");
        }
        words.push_str(&format!(
            "{}={before}{} #{date} *",
            letters[class],
            " ".repeat(width.saturating_sub(1))
        ));
    }
    let mut body = String::with_capacity(text.len() / 2);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        match entry(bare).and_then(|e| Some((*letters.get(&e.class())?, e))) {
            Some((letter, e)) => {
                body.push(letter);
                body.push(' ');
                body.push_str(e.padded.trim_start_matches(' '));
                body.push(' ');
                body.push_str(e.name);
                body.push_str(&line[bare.len()..]);
            }
            None => body.push_str(line),
        }
    }
    (decode(&body, &words).as_deref() == Some(text)).then_some((body, words))
}

impl<'t> Entry<'t> {
    /// What entries of one class share: before the size, the padded size's width, the date.
    fn class(&self) -> (&'t str, usize, &'t str) {
        (self.before, self.padded.len(), self.date)
    }
}

/// The text behind `body`; `None` if `words` are not of this encoding.
pub fn decode(body: &str, words: &str) -> Option<String> {
    let mut classes: Vec<(char, &str, usize, &str)> = Vec::new();
    for class in words.strip_prefix(INTRO)?.split("; ") {
        let (letter, rest) = class.split_once('=')?;
        let (before, date) = rest.split_once(" #")?;
        let bare = before.trim_end_matches(' ');
        let width = before.len() - bare.len() + 1;
        classes.push((letter.chars().next()?, bare, width, date.strip_suffix(" *")?));
    }
    let mut out = String::with_capacity(body.len() * 3);
    for line in body.split_inclusive('\n') {
        let mut chars = line.chars();
        let letter = chars.next();
        let class = classes.iter().find(|c| Some(c.0) == letter);
        let parts = chars.as_str().strip_prefix(' ').and_then(|rest| rest.split_once(' '));
        match (class, parts) {
            (Some((_, before, width, date)), Some((size, name)))
                if !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()) =>
            {
                out.push_str(before);
                out.push_str(&format!("{size:>width$}{date} {name}"));
            }
            _ => out.push_str(line),
        }
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listing() -> String {
        let mut text = "total 164\ndrwxrwxrwx  1 root root  4096 Oct 24  2024 .\n".to_owned();
        for (i, name) in
            ["a.py", "b c.py", "setup.cfg", "x", "y z ", "tox.ini", "README.rst"].iter().enumerate()
        {
            text.push_str(&format!("-rw-r--r--  1 root root {:>5} Oct 24  2024 {name}\n", i * 977));
        }
        text
    }

    #[test]
    fn entries_of_a_class_are_short_and_come_back() {
        let (body, words) = encode(&listing()).unwrap();
        assert!(body.contains("\na 977 b c.py\n") && body.contains("4096 Oct 24  2024 .\n"), "{body}");
        assert_eq!(words, "ls -l: a=-rw-r--r--  1 root root      # Oct 24  2024 *");
        assert_eq!(decode(&body, &words).unwrap(), listing());
        assert!(recognise(&listing()));
    }

    #[test]
    fn what_is_no_entry_stays() {
        for line in ["total 4", "-rw 1 a b 3 c", "-rw-r--r-- 1 a b x Oct 24 2024 n", "a 977 b"] {
            assert!(entry(line).is_none(), "{line}");
        }
        assert!(!recognise("a\nb\nc\n"));
        // A line that would be taken for an entry of the class: the encoding is not used.
        assert!(encode(&format!("{}a 12 x\n", listing())).is_none());
    }

    proptest! {
        #[test]
        fn any_lines_decode_exactly(lines in prop::collection::vec(prop_oneof![
            (0u32..99999, "[a-z #=*;]{0,9}").prop_map(|(n, s)| format!("-rw-r--r--  1 root root {n:>5} Oct 24  2024 {s}")),
            (0u32..99, "\\PC{0,9}").prop_map(|(n, s)| format!("drwxr-xr-x {n:>2} me wheel 4096 Jan  1 10:00 {s}")),
            "\\PC{0,30}"], 0..40))
        {
            let text = lines.join("\n");
            if let Some((body, words)) = encode(&text) {
                prop_assert_eq!(decode(&body, &words), Some(text));
            }
        }
    }
}
