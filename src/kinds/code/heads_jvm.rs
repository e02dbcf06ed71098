//! Heads in Java and C#: a method is a name with parentheses in a type's body.

use super::braces::{Frame, Tokens};
use super::heads::{Class, item};
use super::lex::Tok;
use super::outline::ItemKind;

/// What stands in a head outside of brackets.
#[derive(Default)]
struct Parts {
    /// First `name (…)`: the name and the token after the parentheses.
    call: Option<(usize, usize)>,
    /// Keyword of a type and the name after it.
    type_keyword: Option<(usize, usize)>,
    /// Whether an assignment comes before the call.
    is_assigned: bool,
}

/// Reads the head `s..i`.
fn parts(t: &Tokens<'_>, s: usize, i: usize, is_name: impl Fn(&[u8]) -> bool, types: &[&[u8]]) -> Parts {
    let mut out = Parts::default();
    let mut at = s;
    while at < i {
        match t.tok(at) {
            Tok::Punct(b'@') if t.word(at + 1) != b"interface" => {
                // An annotation, with its arguments.
                at += 2;
                while t.is(at, b'.') {
                    at += 2;
                }
                if t.is(at, b'(') {
                    at = t.next(at);
                }
                continue;
            }
            Tok::Punct(b'=') | Tok::FatArrow | Tok::ThinArrow if out.call.is_none() => out.is_assigned = true,
            Tok::Word => {
                let word = t.word(at);
                if out.type_keyword.is_none()
                    && out.call.is_none()
                    && types.contains(&word)
                    && t.tok(at + 1) == Tok::Word
                {
                    let mut name = at + 1;
                    // `record struct Name`, `record class Name`
                    if types.contains(&t.word(name)) && t.tok(name + 1) == Tok::Word {
                        name += 1;
                    }
                    out.type_keyword = Some((at, name));
                }
                let past = t.after_angles(at + 1, i);
                if out.call.is_none() && t.is(past, b'(') && is_name(word) {
                    out.call = Some((at, t.next(past)));
                }
                at = past;
                continue;
            }
            _ => {}
        }
        at = t.next(at);
    }
    out
}

/// Whether the brace at `i` opens the body of `new Name<…>(…) {`.
fn is_anonymous_class(t: &Tokens<'_>, s: usize, i: usize) -> bool {
    if i == 0 || !t.is(i - 1, b')') {
        return false;
    }
    let Some(mut at) = t.partner(i - 1) else { return false };
    let mut angles = 0usize;
    while at > s {
        at -= 1;
        match t.tok(at) {
            Tok::Punct(b'>') => angles += 1,
            Tok::Punct(b'<') if angles > 0 => angles -= 1,
            Tok::Word if t.word(at) == b"new" => return true,
            Tok::Word | Tok::Punct(b'.') => {}
            Tok::Punct(b',' | b'?' | b'[' | b']' | b'&') if angles > 0 => {}
            _ => return false,
        }
        // Two words side by side outside of `<…>` are no type, except after `new`.
        if angles == 0
            && t.tok(at) == Tok::Word
            && at > s
            && t.tok(at - 1) == Tok::Word
            && t.word(at - 1) != b"new"
        {
            return false;
        }
    }
    false
}

/// What the brace at `i` opens in Java.
pub fn java(t: &Tokens<'_>, s: usize, i: usize, frame: Frame) -> Class {
    let is_name = |word: &[u8]| !is_java_control(word);
    let parts = parts(t, s, i, is_name, &[b"class", b"interface", b"enum", b"record"]);
    if is_anonymous_class(t, s, i) {
        return item(Frame::Class, ItemKind::Type, None, s, i);
    }
    if let Some((keyword, name)) = parts.type_keyword
        && !parts.is_assigned
        && (t.word(keyword) != b"record" || parts.call.is_some_and(|c| c.0 == name))
    {
        let frame = if t.word(keyword) == b"enum" { Frame::Enum } else { Frame::Class };
        return item(frame, ItemKind::Type, Some(name), s, i);
    }
    let in_type = matches!(frame, Frame::Class | Frame::Enum);
    // `String[] value() default {…};` of an annotation.
    let is_default = i > 0 && t.word(i - 1) == b"default";
    if !in_type || parts.is_assigned || is_default {
        return (Frame::Block, None);
    }
    if frame == Frame::Enum
        && t.tok(s) == Tok::Word
        && (i == s + 1 || t.next(s + 1) == i && t.is(s + 1, b'('))
    {
        return item(Frame::Class, ItemKind::Type, Some(s), s, i);
    }
    match parts.call {
        Some((name, _)) => item(Frame::Body, ItemKind::Function, Some(name), s, i),
        // The compact constructor of a record: modifiers and a name.
        None if t.tok(i - 1) == Tok::Word && i > s && !matches!(t.word(i - 1), b"static" | b"default") => {
            let is_bare = (s..i).all(|at| t.tok(at) == Tok::Word);
            if is_bare {
                item(Frame::Body, ItemKind::Function, Some(i - 1), s, i)
            } else {
                (Frame::Block, None)
            }
        }
        None => (Frame::Block, None),
    }
}

fn is_java_control(word: &[u8]) -> bool {
    matches!(
        word,
        b"if"
            | b"for"
            | b"while"
            | b"switch"
            | b"catch"
            | b"synchronized"
            | b"try"
            | b"return"
            | b"new"
            | b"throw"
            | b"else"
            | b"do"
            | b"assert"
            | b"yield"
            | b"super"
            | b"this"
            | b"case"
    )
}

/// What the brace at `i` opens in C#.
pub fn csharp(t: &Tokens<'_>, s: usize, i: usize, frame: Frame) -> Class {
    if i > 0 && t.tok(i - 1) == Tok::FatArrow {
        return (Frame::Block, None);
    }
    let parts = parts(
        t,
        s,
        i,
        is_csharp_name,
        &[b"class", b"interface", b"enum", b"struct", b"record", b"namespace"],
    );
    if let Some((keyword, name)) = parts.type_keyword
        && !parts.is_assigned
        && parts.call.is_none_or(|c| c.0 >= name)
    {
        let frame = if t.word(keyword) == b"namespace" { Frame::Space } else { Frame::Class };
        return item(frame, ItemKind::Type, Some(name), s, i);
    }
    if let Some(operator) = (s..i).find(|at| t.word(*at) == b"operator")
        && frame == Frame::Class
    {
        return item(Frame::Body, ItemKind::Function, Some(operator), s, i);
    }
    let Some((name, after)) = parts.call else { return (Frame::Block, None) };
    let ends_well = after == i || t.is(after, b':') || t.word(after) == b"where";
    if parts.is_assigned || !ends_well || frame == Frame::Enum {
        return (Frame::Block, None);
    }
    if frame != Frame::Class {
        // A local function has a type before its name; a call or a statement has none.
        let mut from = s;
        while t.is(from, b'[') {
            from = t.next(from);
        }
        let typed = name > from && !t.is(name - 1, b'.') && (from..name).all(|at| is_type_part(t, at));
        if !typed {
            return (Frame::Block, None);
        }
    }
    item(Frame::Body, ItemKind::Function, Some(name), s, i)
}

fn is_type_part(t: &Tokens<'_>, at: usize) -> bool {
    match t.tok(at) {
        Tok::Word => {
            is_csharp_name(t.word(at))
                || matches!(t.word(at), b"static" | b"async" | b"unsafe" | b"ref" | b"extern")
        }
        Tok::Punct(b'<' | b'>' | b'[' | b']' | b'(' | b')' | b',' | b'.' | b'?' | b'*') | Tok::PathSep => {
            true
        }
        _ => false,
    }
}

fn is_csharp_name(word: &[u8]) -> bool {
    !matches!(
        word,
        b"if"
            | b"for"
            | b"foreach"
            | b"while"
            | b"switch"
            | b"catch"
            | b"lock"
            | b"using"
            | b"fixed"
            | b"return"
            | b"new"
            | b"throw"
            | b"else"
            | b"do"
            | b"try"
            | b"await"
            | b"base"
            | b"this"
            | b"when"
            | b"case"
            | b"where"
            | b"checked"
            | b"unchecked"
            | b"yield"
            | b"typeof"
            | b"nameof"
            | b"sizeof"
            | b"default"
            | b"in"
            | b"is"
            | b"as"
            | b"and"
            | b"or"
            | b"not"
            | b"goto"
            | b"public"
            | b"private"
            | b"protected"
            | b"internal"
            | b"static"
            | b"async"
            | b"virtual"
            | b"override"
            | b"abstract"
            | b"sealed"
            | b"readonly"
            | b"unsafe"
            | b"extern"
            | b"partial"
            | b"ref"
            | b"delegate"
            | b"implicit"
            | b"explicit"
            | b"operator"
            | b"event"
            | b"const"
            | b"volatile"
            | b"required"
    )
}
