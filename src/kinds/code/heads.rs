//! What stands before a brace: the heads of functions and types, per language.
//!
//! `keyword` reads a head forwards from `fn`, `func` or `function`; `classify` reads the statement up
//! to a brace in the languages that have no such word. Heads are bounded ([`MAX_HEAD_TOKENS`]), so the
//! walk stays linear.

use super::braces::{Frame, Tokens};
use super::language::Language;
use super::lex::Tok;
use super::outline::ItemKind;
use super::{heads_c, heads_js, heads_jvm};

/// Longer heads are no heads. A bracket with all that is in it counts as one token.
pub const MAX_HEAD_TOKENS: usize = 400;

/// The head of a function or a type, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The name, if it has one.
    pub name: Option<usize>,
    /// First token.
    pub start: usize,
    /// The brace that opens the body.
    pub body: usize,
}

/// What a brace opens, and the item it belongs to.
pub type Class = (Frame, Option<(ItemKind, Head)>);

/// The head of the function that the word at `i` announces; `statement` is where its statement began.
pub fn keyword(t: &Tokens<'_>, i: usize, statement: usize, frame: Frame) -> Option<Head> {
    match (t.language, t.word(i)) {
        (Language::Rust, b"fn") => rust_fn(t, i, statement),
        (Language::Go, b"func") if frame == Frame::Space && t.leads(i) => go_func(t, i),
        (Language::Php, b"function") => php_function(t, i, statement),
        (Language::JavaScript, b"function") => heads_js::function(t, i, statement, frame),
        _ => None,
    }
}

/// What the brace at `i` opens, by the statement `s..i` before it.
pub fn classify(t: &Tokens<'_>, s: usize, i: usize, frame: Frame) -> Class {
    let s = s.max(i.saturating_sub(MAX_HEAD_TOKENS));
    match t.language {
        Language::JavaScript => heads_js::classify(t, s, i, frame),
        Language::Java => heads_jvm::java(t, s, i, frame),
        Language::CSharp => heads_jvm::csharp(t, s, i, frame),
        Language::C => heads_c::classify(t, s, i, frame),
        Language::Go => go(t, i),
        Language::Rust => rust(t, s, i),
        Language::Php => php(t, s, i),
        Language::Python | Language::Ruby => (Frame::Block, None),
    }
}

/// Whether a comma ends one member and begins the next.
pub fn comma_separates(t: &Tokens<'_>, frame: Frame) -> bool {
    match t.language {
        Language::JavaScript => matches!(frame, Frame::Value | Frame::Class),
        Language::Java => frame == Frame::Enum,
        _ => false,
    }
}

/// Whether the colon at `i` ends a label such as `public:`.
pub fn colon_separates(t: &Tokens<'_>, statement: usize, i: usize, frame: Frame) -> bool {
    t.language == Language::C
        && frame == Frame::Class
        && i <= statement + 2
        && matches!(t.word(statement), b"public" | b"private" | b"protected" | b"signals" | b"Q_SIGNALS")
}

/// Whether the statement goes on after the value that closes at `i`.
pub fn value_goes_on(t: &Tokens<'_>, i: usize) -> bool {
    t.language != Language::JavaScript
        || !t.leads(i + 1)
        || !matches!(t.tok(i + 1), Tok::Word | Tok::Literal | Tok::Punct(b'[' | b'(' | b'@' | b'*' | b'{'))
}

/// Whether a statement begins at `i` without a semicolon before it.
pub fn starts_statement(t: &Tokens<'_>, i: usize, frame: Frame) -> bool {
    heads_js::starts_statement(t, i, frame)
}

/// A brace that opens an item.
pub fn item(frame: Frame, kind: ItemKind, name: Option<usize>, start: usize, body: usize) -> Class {
    (frame, Some((kind, Head { name, start, body })))
}

fn rust_fn(t: &Tokens<'_>, i: usize, statement: usize) -> Option<Head> {
    let name = i + 1;
    if t.tok(name) != Tok::Word {
        return None;
    }
    let mut at = t.after_angles(name + 1, name + MAX_HEAD_TOKENS);
    if !t.is(at, b'(') {
        return None;
    }
    at = t.next(at);
    for _ in 0..MAX_HEAD_TOKENS {
        match t.tok(at) {
            Tok::Punct(b'{') => {
                return Some(Head { name: Some(name), start: rust_start(t, statement), body: at });
            }
            Tok::Punct(b';' | b'}' | b')') => return None,
            _ => at = t.next(at),
        }
    }
    None
}

/// Inner attributes (`#![…]`) at the top belong to the file.
fn rust_start(t: &Tokens<'_>, mut s: usize) -> usize {
    while t.is(s, b'#') && t.is(s + 1, b'!') && t.is(s + 2, b'[') {
        s = t.next(s + 2);
    }
    s
}

fn rust(t: &Tokens<'_>, s: usize, i: usize) -> Class {
    let mut at = rust_start(t, s);
    let start = at;
    while at < i {
        match t.word(at) {
            b"mod" => return item(Frame::Space, ItemKind::Type, Some(at + 1), start, i),
            b"struct" | b"enum" | b"union" | b"trait" if t.tok(at + 1) == Tok::Word => {
                return item(Frame::Class, ItemKind::Type, Some(at + 1), start, i);
            }
            b"impl" => return item(Frame::Class, ItemKind::Type, rust_impl_name(t, at, i), start, i),
            b"extern" => return (Frame::Space, None),
            b"pub" | b"unsafe" | b"default" | b"auto" | b"crate" => at += 1,
            b"" if t.is(at, b'#') || t.is(at, b'[') || t.is(at, b'(') => at = t.next(at),
            _ => break,
        }
    }
    (Frame::Block, None)
}

/// The type that an `impl` is for.
fn rust_impl_name(t: &Tokens<'_>, at: usize, i: usize) -> Option<usize> {
    let mut at = t.after_angles(at + 1, i);
    let mut name = None;
    while at < i {
        match t.word(at) {
            b"for" => name = None,
            b"where" => break,
            b"dyn" | b"mut" | b"const" | b"" => {}
            _ if name.is_none() || t.tok(at - 1) == Tok::PathSep => name = Some(at),
            _ => {}
        }
        let past = t.after_angles(at, i);
        at = if past == at { t.next(at) } else { past };
    }
    name
}

fn go_func(t: &Tokens<'_>, i: usize) -> Option<Head> {
    let name = if t.is(i + 1, b'(') { t.next(i + 1) } else { i + 1 };
    if t.tok(name) != Tok::Word {
        return None;
    }
    let mut at = name + 1;
    if t.is(at, b'[') {
        at = t.next(at);
    }
    if !t.is(at, b'(') {
        return None;
    }
    at = t.next(at);
    for _ in 0..MAX_HEAD_TOKENS {
        // The body opens on the line on which the head ends; without one, the function is external.
        if t.leads(at) {
            return None;
        }
        match t.tok(at) {
            Tok::Punct(b'{') if matches!(t.word(at - 1), b"interface" | b"struct") => at = t.next(at),
            Tok::Punct(b'{') => return Some(Head { name: Some(name), start: i, body: at }),
            Tok::Punct(b';' | b'}' | b')') => return None,
            _ => at = t.next(at),
        }
    }
    None
}

fn go(t: &Tokens<'_>, i: usize) -> Class {
    if i >= 2 && matches!(t.word(i - 1), b"struct" | b"interface") {
        let mut name = i - 2;
        if t.is(name, b']') {
            name = t.partner(name).map_or(name, |open| open.saturating_sub(1));
        }
        let start = if name > 0 && t.word(name - 1) == b"type" { name - 1 } else { name };
        if t.tok(name) == Tok::Word && t.leads(start) {
            return item(Frame::Block, ItemKind::Type, Some(name), start, i);
        }
    }
    (Frame::Block, None)
}

fn php_function(t: &Tokens<'_>, i: usize, statement: usize) -> Option<Head> {
    if i > 0 && (t.tok(i - 1) == Tok::ThinArrow || t.tok(i - 1) == Tok::PathSep) {
        return None;
    }
    let mut at = i + 1;
    if t.is(at, b'&') {
        at += 1;
    }
    let name = (t.tok(at) == Tok::Word).then_some(at);
    at += usize::from(name.is_some());
    if !t.is(at, b'(') {
        return None;
    }
    at = t.next(at);
    for _ in 0..MAX_HEAD_TOKENS {
        match t.tok(at) {
            Tok::Punct(b'{') => return Some(Head { name, start: statement, body: at }),
            Tok::Punct(b'(' | b':' | b'|' | b'&' | b'?' | b'\\') | Tok::Word => at = t.next(at),
            _ => return None,
        }
    }
    None
}

fn php(t: &Tokens<'_>, s: usize, i: usize) -> Class {
    let mut at = s;
    while at < i {
        match t.word(at) {
            b"class" | b"interface" | b"trait" | b"enum"
                if at == s || !matches!(t.tok(at - 1), Tok::PathSep | Tok::ThinArrow) =>
            {
                let name = (t.tok(at + 1) == Tok::Word).then_some(at + 1);
                return item(Frame::Class, ItemKind::Type, name, s, i);
            }
            b"namespace" if at == s => return item(Frame::Space, ItemKind::Type, Some(at + 1), s, i),
            _ => at = t.next(at),
        }
    }
    (Frame::Block, None)
}
