//! Heads in C and C++: a function is a name with parentheses outside of any function.

use super::braces::{Frame, Tokens};
use super::heads::{Class, item};
use super::lex::Tok;
use super::outline::ItemKind;

/// What the brace at `i` opens.
pub fn classify(t: &Tokens<'_>, s: usize, i: usize, frame: Frame) -> Class {
    let mut at = s;
    let mut type_name: Option<(usize, Frame)> = None;
    // The name of the function and the token after its parameters.
    let mut call: Option<(usize, usize)> = None;
    let mut in_initializers = false;
    while at < i {
        match t.tok(at) {
            Tok::Word => {
                let word = t.word(at);
                // A macro on a line of its own needs no semicolon: what comes below it starts anew.
                if t.leads(at)
                    && matches!(word, b"typedef" | b"struct" | b"class" | b"union" | b"enum" | b"extern")
                {
                    call = None;
                }
                match word {
                    b"template" => {
                        let past = t.after_angles(at + 1, i);
                        at = past.max(at + 1);
                        continue;
                    }
                    b"namespace" => {
                        let mut name = at + 1;
                        while t.tok(name + 1) == Tok::PathSep {
                            name += 2;
                        }
                        return item(Frame::Space, ItemKind::Type, (name < i).then_some(name), s, i);
                    }
                    b"extern" if t.tok(at + 1) == Tok::Literal && at + 2 == i => return (Frame::Space, None),
                    b"class" | b"struct" | b"union" | b"enum" if type_name.is_none() && call.is_none() => {
                        let frame = if word == b"enum" { Frame::Value } else { Frame::Class };
                        let mut name = at + 1;
                        while name < i
                            && (is_attribute(t.word(name))
                                || t.is(name, b'[')
                                || matches!(t.word(name), b"class" | b"struct"))
                        {
                            name = if t.is(name + 1, b'(') || t.is(name, b'[') {
                                t.next(name + usize::from(!t.is(name, b'[')))
                            } else {
                                name + 1
                            };
                        }
                        // An export macro may stand before the name.
                        while name + 1 < i
                            && t.tok(name) == Tok::Word
                            && t.tok(name + 1) == Tok::Word
                            && !matches!(t.word(name + 1), b"final")
                        {
                            name += 1;
                        }
                        type_name = Some((name, frame));
                        at += 1;
                        continue;
                    }
                    b"operator" if call.is_none() => {
                        let mut open = at + 1;
                        if t.is(open, b'(') && t.is(open + 1, b')') {
                            open += 2;
                        }
                        while open < i && !t.is(open, b'(') {
                            open += 1;
                        }
                        call = (open < i).then(|| (at, t.next(open)));
                        at = call.map_or(i, |c| c.1);
                        continue;
                    }
                    _ => {}
                }
                let past = if in_initializers { at + 1 } else { t.after_angles(at + 1, i) };
                if t.is(past, b'(') && !in_initializers {
                    let after = t.next(past);
                    if !is_attribute(word) && !is_keyword(word) {
                        // A word right behind the parameters is a macro, one on a new line the function itself.
                        let trails = call.is_some_and(|c| c.1 <= at && !t.leads(at));
                        if !trails {
                            call = Some((at, after));
                        }
                    }
                    at = after;
                    continue;
                }
                at = past;
                continue;
            }
            Tok::Punct(b'=') if call.is_none() => return (Frame::Value, None),
            Tok::Punct(b':') if call.is_some() => in_initializers = true,
            Tok::Punct(b':') if type_name.is_some() => break,
            Tok::Punct(b'(') if call.is_none() && type_name.is_none() && at == s => {}
            _ => {}
        }
        at = t.next(at);
    }
    let is_space = matches!(frame, Frame::Space | Frame::Class);
    if let Some((name, _)) = call
        && is_space
    {
        let after_value =
            i > 0 && in_initializers && !matches!(t.tok(i - 1), Tok::Punct(b')' | b'}') | Tok::Punct(b'.'));
        if after_value {
            return (Frame::Value, None);
        }
        return item(Frame::Body, ItemKind::Function, Some(name), s, i);
    }
    if let Some((name, inner)) = type_name
        && call.is_none()
    {
        return item(inner, ItemKind::Type, (name < i && t.tok(name) == Tok::Word).then_some(name), s, i);
    }
    (if is_space { Frame::Value } else { Frame::Block }, None)
}

/// Words whose parentheses are not parameters.
fn is_attribute(word: &[u8]) -> bool {
    matches!(
        word,
        b"__attribute__"
            | b"__attribute"
            | b"__declspec"
            | b"alignas"
            | b"_Alignas"
            | b"noexcept"
            | b"throw"
            | b"decltype"
            | b"requires"
            | b"asm"
            | b"__asm__"
            | b"__asm"
            | b"explicit"
            | b"static_assert"
            | b"_Static_assert"
            | b"typeof"
            | b"__typeof__"
            | b"_Pragma"
            | b"__pragma"
    )
}

fn is_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"if"
            | b"for"
            | b"while"
            | b"switch"
            | b"catch"
            | b"return"
            | b"sizeof"
            | b"void"
            | b"int"
            | b"char"
            | b"long"
            | b"short"
            | b"unsigned"
            | b"signed"
            | b"float"
            | b"double"
            | b"bool"
            | b"const"
            | b"else"
            | b"do"
            | b"new"
            | b"delete"
            | b"defined"
            | b"case"
            | b"goto"
    )
}
