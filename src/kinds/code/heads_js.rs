//! Heads in JavaScript and TypeScript: functions, arrows, methods, classes, callbacks with a title.

use super::braces::{Frame, Tokens};
use super::heads::{Class, Head, MAX_HEAD_TOKENS, item};
use super::lex::Tok;
use super::outline::ItemKind;

/// The head that starts with the word `function` at `i`.
pub fn function(t: &Tokens<'_>, i: usize, statement: usize, frame: Frame) -> Option<Head> {
    if i > 0 && t.is(i - 1, b'.') {
        return None;
    }
    let mut at = i + 1;
    if t.is(at, b'*') {
        at += 1;
    }
    let mut name = None;
    if t.tok(at) == Tok::Word {
        name = Some(at);
        at += 1;
    }
    at = t.after_angles(at, at + MAX_HEAD_TOKENS);
    if !t.is(at, b'(') {
        return None;
    }
    at = t.next(at);
    let body = if t.is(at, b':') { after_type(t, at + 1)? } else { at };
    if !t.is(body, b'{') {
        return None;
    }
    Some(Head { name: name.or_else(|| assigned_name(t, statement, i, frame)), start: statement, body })
}

/// The brace after the type that starts at `at`; object types are passed over.
fn after_type(t: &Tokens<'_>, mut at: usize) -> Option<usize> {
    for _ in 0..MAX_HEAD_TOKENS {
        match t.tok(at) {
            Tok::Punct(b'{') => {
                let is_type = match t.tok(at - 1) {
                    Tok::Punct(b':' | b'|' | b'&' | b'<' | b',' | b'?') | Tok::FatArrow => true,
                    Tok::Word => {
                        matches!(t.word(at - 1), b"is" | b"keyof" | b"extends" | b"readonly" | b"infer")
                    }
                    _ => false,
                };
                if !is_type {
                    return Some(at);
                }
            }
            Tok::Punct(b';' | b'=' | b'}' | b')') => return None,
            // The next line begins another signature: this one has no body.
            Tok::Word
                if t.leads(at)
                    && matches!(
                        t.tok(at - 1),
                        Tok::Word | Tok::Literal | Tok::Punct(b'>' | b']' | b'}' | b')')
                    ) =>
            {
                return None;
            }
            _ => {}
        }
        at = t.next(at);
    }
    None
}

/// The name that a function without one is assigned to, or the title of a callback.
fn assigned_name(t: &Tokens<'_>, s: usize, i: usize, frame: Frame) -> Option<usize> {
    let s = s.max(i.saturating_sub(MAX_HEAD_TOKENS));
    if frame == Frame::Paren && t.tok(s) == Tok::Literal {
        return Some(s);
    }
    let mut at = s;
    while at < i {
        match t.tok(at) {
            Tok::Punct(b'=' | b':') if at > s => {
                return matches!(t.tok(at - 1), Tok::Word | Tok::Literal).then_some(at - 1);
            }
            Tok::Punct(b'?') if !t.is(at + 1, b':') => return None,
            Tok::FatArrow => return None,
            _ => {}
        }
        at = t.next(at);
    }
    None
}

/// What the brace at `i` opens.
pub fn classify(t: &Tokens<'_>, s: usize, i: usize, frame: Frame) -> Class {
    if i == 0 {
        return (Frame::Block, None);
    }
    let first = after_decorators(t, s, i);
    let mut at = first;
    while matches!(t.word(at), b"export" | b"default" | b"declare" | b"abstract" | b"const" | b"async")
        && at < i
    {
        at += 1;
    }
    if matches!(t.word(at), b"type") && t.tok(at + 1) == Tok::Word {
        return (Frame::Value, None);
    }
    if t.tok(i - 1) == Tok::FatArrow {
        return item(Frame::Body, ItemKind::Function, assigned_name(t, first, i, frame), s, i);
    }
    if matches!(frame, Frame::Class | Frame::Value)
        && let Some(name) = method(t, first, i)
    {
        return item(Frame::Body, ItemKind::Function, Some(name), s, i);
    }
    match t.word(at) {
        b"interface" if t.tok(at + 1) == Tok::Word => {
            return item(Frame::Class, ItemKind::Type, Some(at + 1), s, i);
        }
        b"enum" if t.tok(at + 1) == Tok::Word => {
            return item(Frame::Block, ItemKind::Type, Some(at + 1), s, i);
        }
        b"namespace" | b"module" if matches!(t.tok(at + 1), Tok::Word | Tok::Literal) => {
            return item(Frame::Space, ItemKind::Type, Some(at + 1), s, i);
        }
        _ => {}
    }
    let mut at = first;
    while at < i {
        if t.word(at) == b"class"
            && (at == 0 || !t.is(at - 1, b'.'))
            && !t.is(at + 1, b':')
            && !t.is(at + 1, b'=')
        {
            let named = t.tok(at + 1) == Tok::Word && t.word(at + 1) != b"extends";
            let name = if named { Some(at + 1) } else { assigned_name(t, first, at, frame) };
            return item(Frame::Class, ItemKind::Type, name, s, i);
        }
        at = t.next(at);
    }
    let is_value = match t.tok(i - 1) {
        Tok::Punct(b'=' | b'(' | b',' | b'[' | b':' | b'?' | b'<' | b'|' | b'&' | b'.' | b'{')
        | Tok::Compound => true,
        Tok::Word => matches!(
            t.word(i - 1),
            b"return" | b"default" | b"typeof" | b"in" | b"of" | b"extends" | b"await" | b"yield" | b"throw"
        ),
        _ => false,
    };
    (if is_value { Frame::Value } else { Frame::Block }, None)
}

fn after_decorators(t: &Tokens<'_>, mut at: usize, end: usize) -> usize {
    while at < end && t.is(at, b'@') {
        at += 2;
        while t.is(at, b'.') {
            at += 2;
        }
        if t.is(at, b'(') {
            at = t.next(at);
        }
    }
    at.min(end)
}

/// The name of the method whose body opens at `i`, if the member that starts at `at` is one.
fn method(t: &Tokens<'_>, mut at: usize, i: usize) -> Option<usize> {
    while is_modifier(t.word(at))
        && (matches!(t.tok(at + 1), Tok::Word | Tok::Literal | Tok::Number)
            || t.is(at + 1, b'[')
            || t.is(at + 1, b'*'))
    {
        at += 1;
    }
    if t.is(at, b'*') {
        at += 1;
    }
    // `[Symbol.iterator]` is known by its last word.
    let name = if t.is(at, b'[') { t.next(at).saturating_sub(2) } else { at };
    at = match t.tok(at) {
        Tok::Word if is_control(t.word(at)) && !t.is(at + 1, b'(') => return None,
        Tok::Word | Tok::Literal | Tok::Number => at + 1,
        Tok::Punct(b'[') => t.next(at),
        _ => return None,
    };
    if t.is(at, b'?') || t.is(at, b'!') {
        at += 1;
    }
    at = t.after_angles(at, i);
    if !t.is(at, b'(') {
        return None;
    }
    at = t.next(at);
    let body = if t.is(at, b':') { after_type(t, at + 1)? } else { at };
    (body == i).then_some(name)
}

fn is_modifier(word: &[u8]) -> bool {
    matches!(
        word,
        b"static"
            | b"async"
            | b"get"
            | b"set"
            | b"public"
            | b"private"
            | b"protected"
            | b"readonly"
            | b"override"
            | b"abstract"
            | b"declare"
            | b"accessor"
    )
}

fn is_control(word: &[u8]) -> bool {
    matches!(
        word,
        b"if" | b"for" | b"while" | b"switch" | b"with" | b"catch" | b"return" | b"function" | b"class"
    )
}

/// Whether a statement (or a member of a class) begins at `i` for want of a semicolon.
pub fn starts_statement(t: &Tokens<'_>, i: usize, frame: Frame) -> bool {
    if i == 0 || !t.leads(i) || matches!(frame, Frame::Paren | Frame::Value) {
        return false;
    }
    let begins = match t.tok(i) {
        Tok::Word => !matches!(
            t.word(i),
            b"extends"
                | b"implements"
                | b"instanceof"
                | b"in"
                | b"of"
                | b"as"
                | b"satisfies"
                | b"from"
                | b"is"
        ),
        Tok::Literal | Tok::Punct(b'@') => true,
        Tok::Punct(b'[' | b'*') => frame == Frame::Class,
        _ => false,
    };
    begins
        && match t.tok(i - 1) {
            Tok::Word => {
                let word = t.word(i - 1);
                !is_modifier(word)
                    && !matches!(
                        word,
                        b"export"
                            | b"default"
                            | b"const"
                            | b"let"
                            | b"var"
                            | b"new"
                            | b"typeof"
                            | b"extends"
                            | b"implements"
                            | b"function"
                            | b"class"
                            | b"type"
                            | b"in"
                            | b"of"
                            | b"instanceof"
                    )
            }
            Tok::Number | Tok::Literal | Tok::Punct(b')' | b']' | b'}') => true,
            _ => false,
        }
}
