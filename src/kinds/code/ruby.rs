//! The outline of Ruby: `def`, `class` and `module` up to their `end`, by counting what needs one.
//!
//! A word is a keyword by its place: not after a dot or `def`, not as a symbol or a hash key; `if`,
//! `unless`, `while`, `until` and `rescue` after a value are modifiers and need no `end`. Cost: linear.

mod literals;

use super::lex::is_word;
use super::literal;
use super::outline::{self, Item, ItemKind, Outline};

use crate::hashed::FastMap;

/// Reads the outline of `text`.
pub fn outline(text: &str) -> Outline {
    let mut scan = Scan {
        b: text.as_bytes(),
        pos: 0,
        out: Outline::default(),
        open: Vec::new(),
        after_value: false,
        after_dot: false,
        loop_do: false,
        heredocs: Vec::new(),
        markers: FastMap::default(),
        open_quote_until: [0; 4],
    };
    scan.note_markers();
    scan.run();
    outline::drop_open(&mut scan.out.items);
    scan.out
}

struct Scan<'t> {
    b: &'t [u8],
    pos: usize,
    out: Outline,
    /// Openers that wait for an `end`, with the item that they open.
    open: Vec<Option<usize>>,
    /// Whether what comes next follows a complete value.
    after_value: bool,
    after_dot: bool,
    /// Whether the next `do` on this line belongs to a loop.
    loop_do: bool,
    /// Heredocs announced on this line.
    heredocs: Vec<&'t [u8]>,
    /// Lines that hold nothing but a word: where heredocs may end. Word → ends of such lines.
    markers: FastMap<&'t [u8], Vec<(usize, usize)>>,
    open_quote_until: [usize; 4],
}

impl<'t> Scan<'t> {
    fn run(&mut self) {
        while let Some(&c) = self.b.get(self.pos) {
            match c {
                b'\n' => self.newline(),
                b' ' | b'\t' | b'\r' => self.pos += 1,
                b'\\' => self.pos += 2,
                b'#' => {
                    let end = self.line_end(self.pos);
                    self.out.comments.push((self.pos, end));
                    self.pos = end;
                }
                b'"' | b'`' | b'\'' => self.string(c),
                b'/' if !self.after_value || self.regex_argument() => self.on_line(3, literal::regex),
                b'%' if !self.after_value || self.percent_argument() => self.percent(),
                b'<' if self.heredoc() => {}
                b':' => self.colon(),
                b'?' if !self.after_value
                    && self.b.get(self.pos + 1).is_some_and(|b| !b.is_ascii_whitespace()) =>
                {
                    self.pos += 2;
                    self.after_value = true;
                }
                b'.' => {
                    self.pos += 1;
                    self.after_dot = self.b.get(self.pos) != Some(&b'.');
                    self.after_value = false;
                }
                b'0'..=b'9' => {
                    self.word_end();
                    self.after_value = true;
                }
                b'@' | b'$' => {
                    // `$'` and its like are variables of two characters.
                    let special = c == b'$' && self.b.get(self.pos + 1).is_some_and(u8::is_ascii_punctuation);
                    self.pos += 1 + usize::from(special);
                    self.word_end();
                    self.after_value = true;
                }
                _ if is_word(c) => self.word(),
                _ => {
                    self.after_value = matches!(c, b')' | b']' | b'}');
                    self.after_dot = false;
                    self.pos += 1;
                }
            }
        }
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.b[from.min(self.b.len())..]).map_or(self.b.len(), |n| from + n)
    }

    fn newline(&mut self) {
        self.pos += 1;
        for marker in std::mem::take(&mut self.heredocs) {
            let ends = self.markers.get(marker);
            let at = ends.map_or(0, |e| e.partition_point(|(start, _)| *start < self.pos));
            if let Some((_, end)) = ends.and_then(|e| e.get(at)) {
                self.pos = (end + 1).min(self.b.len());
            }
        }
        self.loop_do = false;
        let rest = &self.b[self.pos..];
        if rest.starts_with(b"=begin") {
            let end = memchr::memmem::find(rest, b"\n=end")
                .map_or(self.b.len(), |n| self.line_end(self.pos + n + 1));
            self.out.comments.push((self.pos, end));
            self.pos = end;
        } else if rest.starts_with(b"__END__\n") || rest == b"__END__" {
            self.pos = self.b.len();
        }
        // A line that starts with a dot goes on with the value before.
        let lead = after_spaces(rest);
        self.after_value = lead.starts_with(b".") || lead.starts_with(b"&.");
        self.after_dot = false;
    }

    fn colon(&mut self) {
        self.after_dot = false;
        match self.b.get(self.pos + 1) {
            Some(b':') => {
                self.pos += 2;
                self.after_dot = true;
                self.after_value = false;
            }
            Some(b'"') => {
                self.pos += 1;
                self.string(b'"');
            }
            Some(b) if is_word(*b) => {
                self.pos += 1;
                self.word_end();
                self.after_value = true;
            }
            _ => {
                self.pos += 1;
                self.after_value = false;
            }
        }
    }

    /// Skips a word with its `?` or `!`; returns it.
    fn word_end(&mut self) -> &'t [u8] {
        let start = self.pos;
        while self.b.get(self.pos).is_some_and(|b| is_word(*b)) {
            self.pos += 1;
        }
        if matches!(self.b.get(self.pos), Some(b'?' | b'!')) && self.b.get(self.pos + 1) != Some(&b'=') {
            self.pos += 1;
        }
        &self.b[start..self.pos]
    }

    fn word(&mut self) {
        let start = self.pos;
        let word = self.word_end();
        let is_key = self.b.get(self.pos) == Some(&b':')
            && self.b.get(self.pos + 1) != Some(&b':')
            && !self.after_value;
        if std::mem::take(&mut self.after_dot) {
            self.after_value = true;
            return;
        }
        if is_key {
            self.pos += 1;
            self.after_value = false;
            return;
        }
        match word {
            b"def" => return self.def(start),
            b"class" | b"module" if !self.after_value => return self.container(start, word == b"class"),
            b"begin" | b"case" | b"for" => {
                self.open.push(None);
                self.loop_do = word == b"for";
            }
            b"if" | b"unless" if !self.after_value => self.open.push(None),
            b"while" | b"until" if !self.after_value => {
                self.open.push(None);
                self.loop_do = true;
            }
            b"do" if std::mem::take(&mut self.loop_do) => {}
            b"do" => self.open.push(None),
            b"end" => {
                self.end(start);
                self.after_value = true;
                return;
            }
            _ => {}
        }
        self.after_value = !matches!(
            word,
            b"if"
                | b"unless"
                | b"while"
                | b"until"
                | b"and"
                | b"or"
                | b"not"
                | b"return"
                | b"then"
                | b"do"
                | b"else"
                | b"elsif"
                | b"when"
                | b"in"
                | b"case"
                | b"begin"
                | b"ensure"
                | b"rescue"
                | b"yield"
                | b"for"
                | b"puts"
                | b"raise"
                | b"p"
                | b"require"
        );
        // `x = if …` comes after `=`; `return if x` is a modifier.
        if matches!(
            word,
            b"return"
                | b"yield"
                | b"rescue"
                | b"puts"
                | b"raise"
                | b"p"
                | b"require"
                | b"break"
                | b"next"
                | b"redo"
                | b"retry"
        ) {
            let rest = after_spaces(&self.b[self.pos..]);
            self.after_value =
                [&b"if "[..], b"unless ", b"while ", b"until "].iter().any(|m| rest.starts_with(m));
        }
    }

    fn end(&mut self, at: usize) {
        let Some(opener) = self.open.pop() else { return };
        if let Some(index) = opener {
            let item = &mut self.out.items[index];
            // `def a; end`: the head ends where the body does.
            item.body = (item.body.0.min(at), at);
            item.end = at + 3;
        }
    }

    fn parent(&self) -> Option<usize> {
        // Bounded, so that deep nesting stays linear; deeper than this the item counts as a root.
        self.open.iter().rev().take(64).find_map(|o| *o)
    }

    fn skip_spaces(&mut self) {
        while matches!(self.b.get(self.pos), Some(b' ' | b'\t')) {
            self.pos += 1;
        }
    }

    fn def(&mut self, start: usize) {
        self.skip_spaces();
        let mut name = self.pos;
        loop {
            name = self.pos.max(name);
            let first = self.b.get(self.pos).copied().unwrap_or(b'\n');
            if is_word(first) || first == b'@' {
                self.pos += usize::from(first == b'@');
                self.word_end();
                let joint = match (self.b.get(self.pos), self.b.get(self.pos + 1)) {
                    (Some(b'.'), _) => 1,
                    (Some(b':'), Some(b':')) => 2,
                    _ => 0,
                };
                if joint > 0 {
                    self.pos += joint;
                    name = self.pos;
                    continue;
                }
                // A setter: `def name=(value)`.
                if self.b.get(self.pos) == Some(&b'=') && self.b.get(self.pos + 1) == Some(&b'(') {
                    self.pos += 1;
                }
            } else {
                while self.b.get(self.pos).is_some_and(|b| b"+-*/%<>=!~^&|[]@`".contains(b)) {
                    self.pos += 1;
                }
            }
            break;
        }
        let name_end = self.pos;
        self.skip_spaces();
        if self.b.get(self.pos) == Some(&b'(') {
            self.parameters();
            self.skip_spaces();
        } else if self.b.get(self.pos) != Some(&b'=') {
            // Parameters without parentheses: the rest of the line, read as code.
            self.after_value = false;
        }
        let endless =
            self.b.get(self.pos) == Some(&b'=') && !matches!(self.b.get(self.pos + 1), Some(b'=' | b'~'));
        if endless {
            self.pos += 1;
            self.after_value = false;
            return;
        }
        let index = self.out.items.len();
        let parent = self.parent();
        self.out.items.push(Item {
            kind: ItemKind::Function,
            name: (name, name_end),
            start,
            body: (self.line_end(self.pos).min(self.b.len()), 0),
            end: 0,
            parent,
        });
        self.open.push(Some(index));
        self.after_value = false;
        self.after_dot = false;
    }

    /// Skips the parenthesised parameters of a definition.
    fn parameters(&mut self) {
        let mut depth = 0usize;
        while let Some(&c) = self.b.get(self.pos) {
            match c {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.pos += 1;
                        return;
                    }
                }
                b'"' | b'\'' => {
                    if let Ok(end) = literal::closed_on_line(self.b, self.pos, c) {
                        self.pos = end;
                        continue;
                    }
                }
                b'#' => {
                    self.pos = self.line_end(self.pos);
                    continue;
                }
                _ => {}
            }
            self.pos += 1;
        }
    }

    fn container(&mut self, start: usize, is_class: bool) {
        self.skip_spaces();
        let singleton = is_class && self.b[self.pos..].starts_with(b"<<");
        let name = self.pos;
        if singleton {
            self.pos += 2;
        }
        let mut end = self.pos;
        while self.b.get(self.pos).is_some_and(|b| is_word(*b) || *b == b':') {
            self.pos += 1;
            end = self.pos;
        }
        let last = self.b[name..end].iter().rposition(|b| *b == b':').map_or(name, |n| name + n + 1);
        let index = self.out.items.len();
        let parent = self.parent();
        self.out.items.push(Item {
            kind: ItemKind::Type,
            name: if singleton { (name, name) } else { (last, end) },
            start,
            body: (self.line_end(self.pos), 0),
            end: 0,
            parent,
        });
        self.open.push(Some(index));
        self.after_value = false;
    }
}

/// `b` without the spaces and tabs at its start; stays on the line.
fn after_spaces(b: &[u8]) -> &[u8] {
    &b[b.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted() {
        let text = r##"module A
  class B < C
    def self.a(x = "end", y: { z: 1 })
      return if x
      while x do
        y = if x then 1 else 2 end
      end
      [1].each do |i|
        puts "#{i.map { |e| "#{e} end" }}" unless i.end
      end
      x.class
    end

    def b = 1
    def c=(v); @c = v; end
    def ==(o) = true

    def d
      <<~SQL + %w[do end].join
        def if while
      SQL
      /do end/ =~ :if
      begin; 1; rescue; 2; end while false
    end
  end
end
"##;
        let out = outline(text);
        let names: Vec<_> = out.items.iter().map(|i| &text[i.name.0..i.name.1]).collect();
        assert_eq!(names, ["A", "B", "a", "c=", "d"]);
        assert!(text[out.items[2].start..out.items[2].end].ends_with("x.class\n    end"));
        assert!(text[out.items[4].start..out.items[4].end].ends_with("while false\n    end"));
        assert_eq!(out.items[0].end, text.trim_end().len());
    }
}
