//! Tokens of the languages with braces.
//!
//! Strings, characters, templates, regular expressions and comments are read as wholes, so that what
//! follows sees only brackets that are code. Nothing here recurses: nesting (comments in Rust,
//! templates in JavaScript) is counted or kept on a stack of its own. Cost: linear. What looks like a
//! literal but has no end on its line is taken for punctuation, and the search for that end is not
//! repeated on the line. Functions inside of a template's `${…}` are not seen. A construct that may span lines and never ends takes the rest of the text.

use super::language::Language;
use super::literal;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tok {
    /// An identifier or a keyword.
    Word,
    /// A number.
    Number,
    /// A string, character, template or regular expression.
    Literal,
    /// One byte of punctuation.
    Punct(u8),
    /// `=>`
    FatArrow,
    /// `->`
    ThinArrow,
    /// `::`
    PathSep,
    /// `==`, `<=`, `+=` and their like: never an assignment of a function, never a bracket.
    Compound,
    /// `#if` and `#ifdef` of the preprocessor.
    If,
    /// `#else` and `#elif`.
    Else,
    /// `#endif`
    Endif,
}

/// A token and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// First byte.
    pub start: u32,
    /// Byte after the last one.
    pub end: u32,
    /// What it is.
    pub tok: Tok,
    /// Whether it is the first token of its line.
    pub leads: bool,
}

/// A text in tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexed {
    /// The tokens in order.
    pub tokens: Vec<Token>,
    /// Bytes of the comments, in order.
    pub comments: Vec<(u32, u32)>,
}

/// Reads `text`, which must be shorter than 4 GiB (the caller checks; longer texts are cut off here).
pub fn lex(text: &str, language: Language) -> Lexed {
    let mut lexer = Lexer {
        b: text.as_bytes(),
        pos: 0,
        language,
        out: Lexed { tokens: Vec::with_capacity(text.len() / 5), comments: Vec::new() },
        leads: true,
        open_quote_until: [0; 3],
        parens: Vec::new(),
        closed_condition: false,
    };
    lexer.start();
    lexer.run();
    lexer.out
}

struct Lexer<'t> {
    b: &'t [u8],
    pos: usize,
    language: Language,
    out: Lexed,
    leads: bool,
    /// Up to which byte a search for the end of `'`, `"` and `/` (in C# `$"`) has failed already.
    open_quote_until: [usize; 3],
    /// For regular expressions: whether each open parenthesis follows `if`, `while` or `for`.
    parens: Vec<bool>,
    /// What `parens` said of the parenthesis that closed last.
    closed_condition: bool,
}

impl Lexer<'_> {
    /// A slice may begin inside a block comment; a PHP file begins with HTML.
    fn start(&mut self) {
        if self.language == Language::Php {
            let tag = memchr::memmem::find(self.b, b"<?");
            if let Some(at) = tag {
                // Code before the first tag shows by the lack of markup.
                if at < 3
                    || self.b[..at].trim_ascii_start().starts_with(b"<")
                    || self.b[..at].trim_ascii().is_empty()
                {
                    self.html();
                    return;
                }
            }
        }
        let open = memchr::memmem::find(self.b, b"/*").unwrap_or(usize::MAX);
        let Some(close) = memchr::memmem::find(self.b, b"*/").filter(|close| *close < open) else { return };
        let mut lines = self.b[..close].split(|b| *b == b'\n').rev().map(<[u8]>::trim_ascii);
        // The end stands alone or after words, and what is above it reads like a comment, not like code.
        let last = lines.next().unwrap_or(b"");
        let is_comment =
            |line: &[u8]| line.starts_with(b"*") || line.last().is_none_or(|b| !b";{}(,)\"'".contains(b));
        if is_comment(last) && !last.contains(&b'"') && lines.all(is_comment) {
            self.out.comments.push((0, close as u32 + 2));
            self.pos = close + 2;
        }
    }

    fn run(&mut self) {
        while let Some(&b) = self.b.get(self.pos) {
            match b {
                b'\n' => {
                    self.leads = true;
                    self.pos += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.pos += 1,
                b'/' if self.peek(1) == b'/' && !self.is_url() => self.comment_to_line_end(),
                b'/' if self.peek(1) == b'*' => self.block_comment(),
                b'#' => self.hash(),
                b'"' | b'\'' | b'`' => self.quote(b),
                b'/' if self.language == Language::JavaScript => self.slash(),
                b'<' if self.language == Language::Php && self.b[self.pos..].starts_with(b"<<<") => {
                    match literal::php_heredoc(self.b, self.pos) {
                        Some(end) => self.push(Tok::Literal, end),
                        None => self.punct(),
                    }
                }
                b'?' if self.language == Language::Php && self.peek(1) == b'>' => {
                    self.pos += 2;
                    self.html();
                }
                b'@' | b'$' if self.language == Language::CSharp => self.csharp_prefixed(b),
                b'\\' if self.language == Language::C && self.peek(1) == b'\n' => self.pos += 2,
                _ => self.word_or_punct(b),
            }
        }
    }

    fn peek(&self, by: usize) -> u8 {
        self.b.get(self.pos + by).copied().unwrap_or(0)
    }

    fn push(&mut self, tok: Tok, end: usize) {
        self.out.tokens.push(Token { start: self.pos as u32, end: end as u32, tok, leads: self.leads });
        self.leads = false;
        self.pos = end;
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.b[from.min(self.b.len())..]).map_or(self.b.len(), |n| from + n)
    }

    /// In JSX text, `http://…` is no comment.
    fn is_url(&self) -> bool {
        self.language == Language::JavaScript && self.pos > 0 && self.b[self.pos - 1] == b':'
    }

    fn comment_to_line_end(&mut self) {
        let mut end = self.line_end(self.pos);
        if self.language == Language::Php
            && let Some(tag) = memchr::memmem::find(&self.b[self.pos..end], b"?>")
        {
            end = self.pos + tag;
        }
        self.out.comments.push((self.pos as u32, end as u32));
        self.pos = end;
    }

    fn block_comment(&mut self) {
        let from = self.pos;
        let mut depth = 0usize;
        let mut at = from;
        let end = loop {
            let Some(n) = memchr::memchr2(b'/', b'*', &self.b[at..]) else { break self.b.len() };
            at += n;
            let pair = (self.b[at], self.b.get(at + 1).copied().unwrap_or(0));
            match pair {
                (b'/', b'*') if depth == 0 || self.language == Language::Rust => {
                    depth += 1;
                    at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        break at;
                    }
                }
                _ => at += 1,
            }
        };
        self.out.comments.push((from as u32, end as u32));
        self.pos = end;
    }

    /// A preprocessor line, a PHP comment or attribute, a Rust attribute, a private name.
    fn hash(&mut self) {
        match self.language {
            Language::Php if self.peek(1) != b'[' => self.comment_to_line_end(),
            Language::C | Language::CSharp if self.leads => self.directive(),
            Language::JavaScript if self.pos == 0 && self.peek(1) == b'!' => self.comment_to_line_end(),
            Language::JavaScript if is_word(self.peek(1)) => self.word_or_punct(b'$'),
            _ => self.punct(),
        }
    }

    fn directive(&mut self) {
        let mut end = self.line_end(self.pos);
        if self.language == Language::C {
            while end < self.b.len()
                && self.b[..end].trim_ascii_end().len() == end - usize::from(self.b[end - 1] == b'\r')
                && self.b[..end].trim_ascii_end().ends_with(b"\\")
            {
                end = self.line_end(end + 1);
            }
            // A block comment may begin on the line and go on below it.
            let line = &self.b[self.pos..end];
            if let Some(at) = memchr::memmem::find(line, b"/*")
                && memchr::memmem::find(&line[at..], b"*/").is_none()
            {
                end = self.pos + at;
            }
        }
        let name = self.b[self.pos + 1..end].trim_ascii_start();
        let tok = if name.starts_with(b"if") {
            Some(Tok::If)
        } else if name.starts_with(b"el") {
            Some(Tok::Else)
        } else if name.starts_with(b"endif") {
            Some(Tok::Endif)
        } else {
            None
        };
        match tok {
            Some(tok) => self.push(tok, end),
            None => self.pos = end,
        }
        self.leads = true;
    }

    fn quote(&mut self, q: u8) {
        let (b, pos) = (self.b, self.pos);
        let language = self.language;
        let end = match (language, q) {
            (Language::JavaScript, b'`') => Some(literal::template(b, pos)),
            (Language::Go, b'`') => Some(literal::until(b, pos + 1, b"`")),
            (_, b'`') => None,
            // In JSX text: `isn't`.
            (Language::JavaScript, b'\'') if self.follows_name() => None,
            (Language::Rust, b'\'') => literal::rust_char(b, pos),
            (Language::Rust, _) => Some(literal::escaped(b, pos + 1, q)),
            (Language::Php, b'"') => Some(literal::php_double(b, pos)),
            (Language::Php, _) => Some(literal::escaped(b, pos + 1, q)),
            (Language::Java | Language::CSharp, b'"') if b[pos..].starts_with(b"\"\"\"") => {
                Some(literal::triple(b, pos, language == Language::Java))
            }
            _ => self.on_line(q),
        };
        match end {
            Some(end) => self.push(Tok::Literal, end),
            None => self.punct(),
        }
    }

    /// Whether an identifier ends right before the position. No literal starts there, but for a keyword.
    fn follows_name(&self) -> bool {
        self.out
            .tokens
            .last()
            .is_some_and(|t| t.tok == Tok::Word && t.end as usize == self.pos && !self.expects_value(*t))
    }

    /// Whether a value comes after the word `t`.
    fn expects_value(&self, t: Token) -> bool {
        matches!(
            &self.b[t.start as usize..t.end as usize],
            b"return"
                | b"typeof"
                | b"case"
                | b"in"
                | b"of"
                | b"delete"
                | b"void"
                | b"throw"
                | b"new"
                | b"else"
                | b"do"
                | b"yield"
                | b"await"
                | b"instanceof"
                | b"from"
                | b"import"
                | b"default"
                | b"as"
        )
    }

    /// The end of a literal that must close on its line.
    fn on_line(&mut self, q: u8) -> Option<usize> {
        let slot = match q {
            b'\'' => 0,
            b'"' => 1,
            _ => 2,
        };
        if self.pos < self.open_quote_until[slot] {
            return None;
        }
        let found = if q == b'/' {
            literal::regex(self.b, self.pos)
        } else {
            literal::closed_on_line(self.b, self.pos, q)
        };
        found.map_err(|until| self.open_quote_until[slot] = until).ok()
    }

    fn csharp_prefixed(&mut self, b: u8) {
        if !matches!(self.peek(1), b'"' | b'@' | b'$') || self.pos < self.open_quote_until[2] {
            return self.word_or_punct(b);
        }
        match literal::csharp_prefixed(self.b, self.pos) {
            Some(end) => self.push(Tok::Literal, end),
            None => {
                self.open_quote_until[2] = self.line_end(self.pos);
                self.word_or_punct(b);
            }
        }
    }

    /// Division, the end of a JSX tag, or a regular expression: told by what stands before.
    fn slash(&mut self) {
        let is_regex = self.peek(1) != b'>'
            && match self.out.tokens.last() {
                None => true,
                Some(t) => match t.tok {
                    Tok::Number | Tok::Literal => false,
                    Tok::Punct(b']' | b'<') => false,
                    Tok::Punct(b')') => self.closed_condition,
                    Tok::Word => self.expects_value(*t),
                    _ => true,
                },
            };
        match if is_regex { self.on_line(b'/') } else { None } {
            Some(end) => self.push(Tok::Literal, end),
            None => self.punct(),
        }
    }

    fn html(&mut self) {
        let rest = &self.b[self.pos..];
        let Some(at) = memchr::memmem::find(rest, b"<?") else {
            self.pos = self.b.len();
            return;
        };
        self.pos += at + 2;
        if self.b[self.pos..].starts_with(b"php") {
            self.pos += 3;
        } else if self.peek(0) == b'=' {
            self.pos += 1;
        }
        // What follows a tag is a statement of its own.
        let end = self.pos;
        self.pos -= 1;
        self.leads = true;
        self.push(Tok::Punct(b';'), end);
    }

    fn word_or_punct(&mut self, b: u8) {
        if b.is_ascii_digit() {
            return self.number();
        }
        let starts = is_word(b)
            || b == b'$'
                && matches!(
                    self.language,
                    Language::JavaScript | Language::Php | Language::Java | Language::C
                )
            || b == b'#' && self.language == Language::JavaScript;
        if !starts {
            return self.punct();
        }
        let dollar = matches!(self.language, Language::JavaScript | Language::Java | Language::C);
        let mut end = self.pos + 1;
        while self.b.get(end).is_some_and(|b| is_word(*b) || dollar && *b == b'$') {
            end += 1;
        }
        if let Some(end) = self.prefixed_literal(end) {
            return self.push(Tok::Literal, end);
        }
        self.push(Tok::Word, end);
    }

    /// `r"…"`, `br#"…"#`, `b'x'`, `R"(…)"`, `u8"…"`: the word is the literal's prefix.
    fn prefixed_literal(&mut self, end: usize) -> Option<usize> {
        let word = &self.b[self.pos..end];
        if word.len() > 3 {
            return None;
        }
        let next = self.b.get(end).copied()?;
        match self.language {
            Language::Rust => match (word, next) {
                (b"r" | b"br" | b"cr", b'"' | b'#') => literal::rust_raw(self.b, end),
                (b"b" | b"c", b'"') => Some(literal::escaped(self.b, end + 1, b'"')),
                (b"b", b'\'') => literal::rust_char(self.b, end),
                _ => None,
            },
            Language::C
                if next == b'"'
                    && word.ends_with(b"R")
                    && matches!(word, b"R" | b"LR" | b"uR" | b"UR" | b"u8R") =>
            {
                literal::cpp_raw(self.b, end)
            }
            _ => None,
        }
    }

    fn number(&mut self) {
        let mut end = self.pos + 1;
        while let Some(&b) = self.b.get(end) {
            let next = self.b.get(end + 1).copied().unwrap_or(0);
            let goes_on = is_word(b)
                || b == b'.' && next.is_ascii_digit()
                || b == b'\'' && self.language == Language::C && next.is_ascii_alphanumeric();
            if !goes_on {
                break;
            }
            end += 1;
        }
        self.push(Tok::Number, end);
    }

    fn punct(&mut self) {
        let b = self.b[self.pos];
        let tok = match (b, self.peek(1)) {
            (b'=', b'>') => Tok::FatArrow,
            (b'-', b'>') => Tok::ThinArrow,
            (b':', b':') => Tok::PathSep,
            (b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'%' | b'&' | b'|' | b'^' | b'/', b'=') => {
                Tok::Compound
            }
            (b'&', b'&') | (b'|', b'|') => Tok::Compound,
            _ => {
                if self.language == Language::JavaScript {
                    self.note_paren(b);
                }
                return self.push(Tok::Punct(b), self.pos + 1);
            }
        };
        self.push(tok, self.pos + 2);
    }

    fn note_paren(&mut self, b: u8) {
        match b {
            b'(' => {
                let last = self.out.tokens.last();
                let is_condition = last.is_some_and(|t| {
                    let word = &self.b[t.start as usize..t.end as usize];
                    t.tok == Tok::Word && matches!(word, b"if" | b"while" | b"for" | b"with")
                });
                self.parens.push(is_condition);
            }
            b')' => self.closed_condition = self.parens.pop().unwrap_or(false),
            _ => {}
        }
    }
}

/// Whether a byte may stand in an identifier; all of non-ASCII may.
pub fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}
