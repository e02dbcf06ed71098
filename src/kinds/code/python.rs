//! The outline of Python: `def` and `class` by indentation, with strings and brackets skipped.
//!
//! A slice may start inside a docstring: then every quote pair is inverted. The text is read under
//! each of the three assumptions (code, `"""`, `'''`) and the one that hides the fewest statements in
//! strings wins. Cost: linear.

use super::outline::{self, Item, ItemKind, Outline};

/// Reads the outline of `text`.
pub fn outline(text: &str) -> Outline {
    let b = text.as_bytes();
    let mut best = Scan::new(b);
    best.run();
    for quotes in [b"\"\"\"", b"'''"] {
        if best.hidden > 0 && memchr::memmem::find(b, quotes).is_some() {
            let mut other = Scan { max_hidden: best.hidden, ..Scan::new(b) };
            other.triple_to_end(quotes[0], 0);
            other.rest_of_line();
            other.run();
            if other.hidden < best.hidden {
                best = other;
            }
        }
    }
    outline::drop_open(&mut best.out.items);
    best.out
}

struct Scan<'t> {
    b: &'t [u8],
    pos: usize,
    out: Outline,
    /// Open items: index, indentation, and the end of the last comment line in them.
    open: Vec<(usize, usize, usize)>,
    /// First decorator of the item to come.
    decorated: Option<usize>,
    /// End of the last statement.
    last_end: usize,
    /// Lines inside strings that look like statements.
    hidden: usize,
    /// With so many of them another assumption is better: the rest need not be read.
    max_hidden: usize,
    /// Up to which byte a search for each triple quote has failed.
    no_end: [bool; 2],
}

impl<'t> Scan<'t> {
    fn new(b: &'t [u8]) -> Self {
        Scan {
            b,
            pos: 0,
            out: Outline::default(),
            open: Vec::new(),
            decorated: None,
            last_end: 0,
            hidden: 0,
            max_hidden: usize::MAX,
            no_end: [false; 2],
        }
    }

    fn run(&mut self) {
        while self.pos < self.b.len() && self.hidden < self.max_hidden {
            self.line();
        }
        self.close_to(0);
    }

    /// One logical line, blank line or comment.
    fn line(&mut self) {
        let start = self.pos;
        let mut indent = 0;
        while let Some(&c) = self.b.get(self.pos) {
            match c {
                b' ' => indent += 1,
                b'\t' => indent = (indent / 8 + 1) * 8,
                0x0c => indent = 0,
                _ => break,
            }
            self.pos += 1;
        }
        match self.b.get(self.pos) {
            None => return,
            Some(b'\n') => {
                self.pos += 1;
                return;
            }
            Some(b'\r') if self.b.get(self.pos + 1) == Some(&b'\n') => {
                self.pos += 2;
                return;
            }
            Some(b'#') => {
                let end = self.line_end();
                self.out.comments.push((self.pos, end));
                // Indented under a definition, it belongs to its body.
                if let Some(open) = self.open.iter_mut().rev().find(|open| open.1 < indent) {
                    open.2 = end;
                }
                self.pos = (end + 1).min(self.b.len());
                return;
            }
            _ => {}
        }
        let first = self.pos;
        debug_assert!(start <= first);
        self.close_to(indent);
        match self.b[first] {
            b'@' => {
                self.decorated.get_or_insert(first);
                self.statement(indent);
            }
            _ => {
                let head = head(&self.b[first..]);
                let from = self.decorated.take().unwrap_or(first);
                match head {
                    Some((kind, name)) => {
                        self.pos = first + name.1;
                        let colon = self.skip_to_colon(indent);
                        let index = self.out.items.len();
                        let parent = self.open.last().map(|o| o.0);
                        self.out.items.push(Item {
                            kind,
                            name: (first + name.0, first + name.1),
                            start: from,
                            body: (colon.unwrap_or(self.pos), 0),
                            end: 0,
                            parent,
                        });
                        if colon.is_some() {
                            self.open.push((index, indent, 0));
                            self.statement(indent);
                        } else {
                            self.rest_of_line();
                        }
                    }
                    None => self.statement(indent),
                }
            }
        }
    }

    fn close_to(&mut self, indent: usize) {
        while let Some(&(index, at, comment_end)) = self.open.last() {
            if at < indent {
                break;
            }
            self.open.pop();
            let item = &mut self.out.items[index];
            self.last_end = self.last_end.max(comment_end);
            item.end = self.last_end.max(item.body.0);
            item.body.1 = item.end;
        }
    }

    fn line_end(&self) -> usize {
        memchr::memchr(b'\n', &self.b[self.pos..]).map_or(self.b.len(), |n| self.pos + n)
    }

    fn rest_of_line(&mut self) {
        self.pos = (self.line_end() + 1).min(self.b.len());
    }

    /// Skips to the colon that ends a head; returns the byte after it. Stops at the line's end.
    fn skip_to_colon(&mut self, indent: usize) -> Option<usize> {
        let mut depth = 0usize;
        while let Some(&c) = self.b.get(self.pos) {
            match c {
                b':' if depth == 0 => {
                    self.pos += 1;
                    return Some(self.pos);
                }
                b'\n' if depth == 0 => return None,
                _ => self.step(&mut depth, indent)?,
            }
        }
        None
    }

    /// Skips to the end of the logical line and past its newline.
    fn statement(&mut self, indent: usize) {
        let mut depth = 0usize;
        let from = self.pos;
        let mut end = self.pos;
        loop {
            let plain = &self.b[self.pos..];
            let plain = &plain[..plain.iter().position(|b| !PLAIN[usize::from(*b)]).unwrap_or(plain.len())];
            if let Some(last) = plain.iter().rposition(|b| !b.is_ascii_whitespace()) {
                end = self.pos + last + 1;
            }
            self.pos += plain.len();
            let Some(&c) = self.b.get(self.pos) else { break };
            if c == b'\n' && depth == 0 {
                self.pos += 1;
                break;
            }
            let at = self.pos;
            if self.step(&mut depth, indent).is_none() {
                break;
            }
            match c {
                b'\n' => {}
                b'\\' => end = end.max(at),
                _ => end = self.pos,
            }
        }
        if end > from {
            self.last_end = end;
        }
    }

    /// One character, string, comment or line break of a logical line. `None` if an open bracket
    /// turns out to be a slip: a definition starts on the next line.
    fn step(&mut self, depth: &mut usize, indent: usize) -> Option<()> {
        let c = self.b[self.pos];
        match c {
            b'"' | b'\'' => self.string(c),
            b'#' => {
                let end = self.line_end();
                self.out.comments.push((self.pos, end));
                self.pos = end;
            }
            b'\\' => self.pos += if self.b.get(self.pos + 1) == Some(&b'\r') { 3 } else { 2 },
            b'(' | b'[' | b'{' => {
                *depth += 1;
                self.pos += 1;
            }
            b')' | b']' | b'}' => {
                *depth = depth.saturating_sub(1);
                self.pos += 1;
            }
            b'\n' => {
                self.pos += 1;
                let line = &self.b[self.pos..];
                let margin = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                if margin <= indent && (line[margin..].starts_with(b"@") || head(&line[margin..]).is_some()) {
                    return None;
                }
            }
            _ => self.pos += 1,
        }
        self.pos = self.pos.min(self.b.len());
        Some(())
    }

    fn string(&mut self, quote: u8) {
        if self.b[self.pos..].starts_with(&[quote; 3]) {
            self.triple_to_end(quote, self.pos + 3);
            return;
        }
        let mut at = self.pos + 1;
        while let Some(n) = memchr::memchr3(quote, b'\\', b'\n', self.b.get(at..).unwrap_or(&[])) {
            at += n;
            match self.b[at] {
                b'\\' => at += if self.b.get(at + 1) == Some(&b'\r') { 3 } else { 2 },
                // No end on this line: the rest of the line is lost, not the rest of the text.
                b'\n' => {
                    self.pos = at;
                    return;
                }
                _ => {
                    self.pos = at + 1;
                    return;
                }
            }
        }
        self.pos = self.b.len();
    }

    /// Skips a triple-quoted string whose text starts at `from`.
    fn triple_to_end(&mut self, quote: u8, from: usize) {
        let slot = usize::from(quote == b'"');
        if self.no_end[slot] {
            self.pos = from;
            return;
        }
        let mut at = from;
        let end = loop {
            let Some(n) = memchr::memchr2(quote, b'\\', self.b.get(at..).unwrap_or(&[])) else {
                self.no_end[slot] = true;
                break self.b.len();
            };
            at += n;
            if self.b[at] == b'\\' {
                at += 2;
            } else if self.b[at..].starts_with(&[quote; 3]) {
                break at + 3;
            } else {
                at += 1;
            }
        };
        self.hidden +=
            self.b[from.min(end)..end].split(|b| *b == b'\n').filter(|line| is_statement(line)).count();
        self.pos = end;
    }
}

/// Whether a byte of a logical line is read as nothing but itself (see `Scan::step`).
const PLAIN: [bool; 256] = {
    let mut table = [true; 256];
    let special = b"\"'#\\()[]{}\n";
    let mut i = 0;
    while i < special.len() {
        table[special[i] as usize] = false;
        i += 1;
    }
    table
};

/// Whether a line is surely a statement: those that prose and doctests do not have.
fn is_statement(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let opens = head(line).is_some() && line.ends_with(b":");
    opens
        || [&b"return "[..], b"self.", b"raise ", b"elif ", b"from ", b"if ", b"for ", b"assert ", b"yield "]
            .iter()
            .any(|word| line.starts_with(word) && matches!(line.last(), Some(b':' | b')')))
}

/// If `line` starts with the head of a definition: its kind, and where its name is.
fn head(line: &[u8]) -> Option<(ItemKind, (usize, usize))> {
    let mut at = 0;
    let mut word = |expected: &[u8]| -> bool {
        let found =
            line[at..].starts_with(expected) && matches!(line.get(at + expected.len()), Some(b' ' | b'\t'));
        if found {
            at += expected.len();
            at += line[at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        }
        found
    };
    word(b"async");
    let kind = if word(b"def") {
        ItemKind::Function
    } else if word(b"class") {
        ItemKind::Type
    } else {
        return None;
    };
    let name = line[at..].iter().take_while(|b| super::lex::is_word(**b)).count();
    let after = line[at + name..].iter().find(|b| !matches!(b, b' ' | b'\t'));
    let is_head = name > 0
        && match kind {
            ItemKind::Function => matches!(after, Some(b'(' | b'[')),
            ItemKind::Type => matches!(after, Some(b'(' | b'[' | b':')),
        };
    is_head.then_some((kind, (at, at + name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<(&str, &str)> {
        outline(text)
            .items
            .iter()
            .map(|i| (&text[i.name.0..i.name.1], text[i.body.0..i.body.1].trim()))
            .collect()
    }

    #[test]
    fn bodies_end_where_the_indentation_does() {
        let text = "import os\n\n@dec\ndef a(x=')', *,\n      y: int = {1: 2}) -> int:\n    \"\"\"def no(): pass\"\"\"\n    return 1  # c\n\n    # trailing\n\nclass B:\n    x = [\n1]\n    async def c(self): return 2\nz = 1\n";
        assert_eq!(
            items(text),
            [
                ("a", "\"\"\"def no(): pass\"\"\"\n    return 1  # c\n\n    # trailing"),
                ("B", "x = [\n1]\n    async def c(self): return 2"),
                ("c", "return 2"),
            ]
        );
        let out = outline(text);
        assert!(text[out.items[0].start..].starts_with("@dec"));
        assert_eq!(out.items[2].parent, Some(1));
    }

    #[test]
    fn a_slice_may_start_inside_a_docstring() {
        let text = "    of the thing.\n    \"\"\"\n    return f(x)\n\ndef b(y):\n    \"\"\"Doc.\n\n    More.\n    \"\"\"\n    return g(y)\n";
        assert_eq!(items(text).len(), 1);
        assert_eq!(items(text)[0].0, "b");
    }

    #[test]
    fn an_open_bracket_does_not_swallow_the_rest() {
        let text = "x = f(1,\ndef a():\n    return 1\n\ndef b():\n    pass\n";
        assert_eq!(items(text).len(), 2);
    }
}
