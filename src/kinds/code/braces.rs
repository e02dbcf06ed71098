//! The outline of the languages with braces: brackets are matched once, then the tokens are walked
//! with a stack of frames, and each `{` is given its meaning by the head before it (see `heads`).
//!
//! Brackets without a partner are ignored. Branches of the preprocessor are read one after the other,
//! each from the same open brackets. Cost: linear; every token belongs to at most one head.

use super::heads;
use super::language::Language;
use super::lex::{self, Tok, Token};
use super::outline::{Item, ItemKind, Outline};

use crate::hashed::FastMap;

/// A bracket without a partner.
const NONE: u32 = u32::MAX;

/// What a pair of brackets encloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The text itself, a namespace or another container of definitions.
    Space,
    /// The body of a class, struct, interface, trait, impl.
    Class,
    /// The body of an enum in which constants are still listed.
    Enum,
    /// The body of a function.
    Body,
    /// Statements, or anything else in braces.
    Block,
    /// A value in braces: the statement goes on after it.
    Value,
    /// Parentheses or square brackets.
    Paren,
}

/// The tokens of a text and what is known about them while it is walked.
pub struct Tokens<'t> {
    /// The text.
    pub text: &'t [u8],
    /// Its language.
    pub language: Language,
    /// Its tokens.
    pub list: Vec<Token>,
    /// For each bracket the token of its partner, or [`NONE`].
    partner: Vec<u32>,
}

impl Tokens<'_> {
    /// The kind of token `i`; past the end, a semicolon.
    pub fn tok(&self, i: usize) -> Tok {
        self.list.get(i).map_or(Tok::Punct(b';'), |t| t.tok)
    }

    /// Whether token `i` is this byte of punctuation.
    pub fn is(&self, i: usize, punct: u8) -> bool {
        self.tok(i) == Tok::Punct(punct)
    }

    /// The bytes of token `i` if it is a word, else nothing.
    pub fn word(&self, i: usize) -> &[u8] {
        match self.list.get(i) {
            Some(t) if t.tok == Tok::Word => &self.text[t.start as usize..t.end as usize],
            _ => b"",
        }
    }

    /// Whether token `i` leads its line.
    pub fn leads(&self, i: usize) -> bool {
        self.list.get(i).is_some_and(|t| t.leads)
    }

    /// The partner of the bracket at `i`.
    pub fn partner(&self, i: usize) -> Option<usize> {
        self.partner.get(i).filter(|p| **p != NONE).map(|p| *p as usize)
    }

    /// The token after `i`, where a pair of brackets that opens at `i` counts as one.
    pub fn next(&self, i: usize) -> usize {
        match self.tok(i) {
            Tok::Punct(b'(' | b'[' | b'{') => self.partner(i).filter(|p| *p > i).map_or(i + 1, |p| p + 1),
            _ => i + 1,
        }
    }

    /// The token after the `<…>` that opens at `i`, or `i` if there is none before `end`.
    pub fn after_angles(&self, i: usize, end: usize) -> usize {
        if !self.is(i, b'<') {
            return i;
        }
        let mut depth = 0usize;
        let mut at = i;
        while at < end {
            match self.tok(at) {
                Tok::Punct(b'<') => depth += 1,
                Tok::Punct(b'>') => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                Tok::Punct(b';') => return i,
                _ => {}
            }
            at = self.next(at);
        }
        i
    }

    fn match_brackets(list: &[Token]) -> Vec<u32> {
        let mut partner = vec![NONE; list.len()];
        let mut open: Vec<u32> = Vec::new();
        let mut open_braces = 0usize;
        // Per `#if`: how many brackets were open, and those of them that its branch has closed.
        let mut branches: Vec<(usize, Vec<u32>)> = Vec::new();
        for (i, token) in list.iter().enumerate() {
            match token.tok {
                Tok::Punct(b'(' | b'[') => open.push(i as u32),
                Tok::Punct(b'{') => {
                    open.push(i as u32);
                    open_braces += 1;
                }
                Tok::Punct(close @ (b')' | b']' | b'}')) => {
                    if close == b'}' {
                        if open_braces == 0 {
                            continue;
                        }
                        // Parentheses left open inside the braces are slips.
                        while open.last().is_some_and(|o| list[*o as usize].tok != Tok::Punct(b'{')) {
                            open.pop();
                        }
                        open_braces -= 1;
                    } else {
                        let expected = if close == b')' { b'(' } else { b'[' };
                        if open.last().is_none_or(|o| list[*o as usize].tok != Tok::Punct(expected)) {
                            continue;
                        }
                    }
                    if let Some(o) = open.pop() {
                        partner[o as usize] = i as u32;
                        partner[i] = o;
                        if let Some((depth, closed)) = branches.last_mut()
                            && open.len() < *depth
                        {
                            *depth = open.len();
                            closed.push(o);
                        }
                    }
                }
                Tok::If => branches.push((open.len(), Vec::new())),
                Tok::Else => {
                    if let Some((depth, closed)) = branches.last_mut() {
                        let is_brace = |o: u32| usize::from(list[o as usize].tok == Tok::Punct(b'{'));
                        while open.len() > *depth {
                            open_braces -= open.pop().map_or(0, is_brace);
                        }
                        for o in closed.drain(..).rev() {
                            open_braces += is_brace(o);
                            open.push(o);
                        }
                        *depth = open.len();
                    }
                }
                Tok::Endif => {
                    if let Some((_, closed)) = branches.pop()
                        && let Some((depth, outer)) = branches.last_mut()
                        && *depth > open.len()
                    {
                        *depth = open.len();
                        outer.extend(closed);
                    }
                }
                _ => {}
            }
        }
        partner
    }
}

struct Open {
    frame: Frame,
    close: usize,
    /// Where the statement around it began, if it goes on after the bracket.
    outer_statement: usize,
    /// The innermost item around what is inside.
    item: Option<usize>,
}

/// Reads the outline of `text`.
pub fn outline(text: &str, language: Language) -> Outline {
    let lexed = lex::lex(text, language);
    let partner = Tokens::match_brackets(&lexed.tokens);
    let tokens = Tokens { text: text.as_bytes(), language, list: lexed.tokens, partner };
    let mut walk = Walk {
        tokens: &tokens,
        open: Vec::new(),
        statement: 0,
        functions: FastMap::default(),
        items: Vec::new(),
    };
    for i in 0..tokens.list.len() {
        walk.step(i);
    }
    Outline {
        items: walk.items,
        comments: lexed.comments.into_iter().map(|(s, e)| (s as usize, e as usize)).collect(),
    }
}

struct Walk<'w, 't> {
    tokens: &'w Tokens<'t>,
    open: Vec<Open>,
    /// First token of the statement that the walk is in.
    statement: usize,
    /// Bodies that a keyword (`fn`, `func`, `function`) has announced: token of `{` → head.
    functions: FastMap<usize, heads::Head>,
    items: Vec<Item>,
}

impl Walk<'_, '_> {
    fn step(&mut self, i: usize) {
        let tokens = self.tokens;
        if self.open.last().is_some_and(|open| open.close == i) {
            self.close(i);
            return;
        }
        let frame = self.open.last().map_or(Frame::Space, |open| open.frame);
        if tokens.language == Language::JavaScript
            && i > self.statement
            && heads::starts_statement(tokens, i, frame)
        {
            self.statement = i;
        }
        match tokens.tok(i) {
            Tok::Punct(b';') => {
                self.statement = i + 1;
                if frame == Frame::Enum
                    && let Some(open) = self.open.last_mut()
                {
                    open.frame = Frame::Class;
                }
            }
            Tok::Punct(b',') if heads::comma_separates(tokens, frame) => self.statement = i + 1,
            Tok::If | Tok::Else | Tok::Endif if frame != Frame::Paren => self.statement = i + 1,
            Tok::Punct(b'(' | b'[') => {
                if let Some(close) = tokens.partner(i) {
                    let item = self.open.last().and_then(|open| open.item);
                    self.open.push(Open {
                        frame: Frame::Paren,
                        close,
                        outer_statement: self.statement,
                        item,
                    });
                    self.statement = i + 1;
                }
            }
            Tok::Punct(b'{') => self.brace(i, frame),
            Tok::Word => {
                if let Some(head) = heads::keyword(tokens, i, self.statement, frame) {
                    self.functions.insert(head.body, head);
                }
            }
            Tok::Punct(b':') if heads::colon_separates(tokens, self.statement, i, frame) => {
                self.statement = i + 1
            }
            _ => {}
        }
    }

    fn brace(&mut self, i: usize, frame: Frame) {
        let tokens = self.tokens;
        let Some(close) = tokens.partner(i).filter(|p| *p > i) else {
            self.statement = i + 1;
            return;
        };
        let announced = self.functions.remove(&i);
        let (inner, head) = match announced {
            Some(head) => (Frame::Body, Some((ItemKind::Function, head))),
            None => heads::classify(tokens, self.statement, i, frame),
        };
        let parent = self.open.last().and_then(|open| open.item);
        let item = head.map(|(kind, head)| {
            let byte = |t: usize| tokens.list.get(t).map_or(tokens.text.len(), |t| t.start as usize);
            let name = match head.name {
                Some(n) => (byte(n), tokens.list.get(n).map_or(0, |t| t.end as usize)),
                None => (byte(i), byte(i)),
            };
            let end = tokens.list[close].end as usize;
            self.items.push(Item { kind, name, start: byte(head.start), body: (byte(i), end), end, parent });
            self.items.len() - 1
        });
        self.open.push(Open { frame: inner, close, outer_statement: self.statement, item: item.or(parent) });
        self.statement = i + 1;
    }

    fn close(&mut self, i: usize) {
        let Some(open) = self.open.pop() else { return };
        let goes_on = match open.frame {
            Frame::Paren => true,
            Frame::Value => heads::value_goes_on(self.tokens, i),
            _ => false,
        };
        self.statement = if goes_on { open.outer_statement } else { i + 1 };
    }
}
