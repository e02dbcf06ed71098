//! The codec of marks: what is written is read back, and what was not written is left alone.

use headroom::kinds::{self, expand};
use headroom::mark::{self, Omission, Piece, Unit, find_headed, is_marked, write_header, write_mark};

const UNITS: [Unit; 6] = [Unit::Line, Unit::Sentence, Unit::Passage, Unit::Record, Unit::Hunk, Unit::Code];

/// Fields from the first bytes, a text from the rest.
pub fn check(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<6>() else { return };
    let text = String::from_utf8_lossy(rest);
    any_text(&text);
    written(head, &text);
    header(head, &text);
    rendered(head, &text);
}

/// Reading any text ends, stays inside it, and goes forward.
fn any_text(text: &str) {
    let mut from = 0;
    while let Some(block) = find_headed(text, from) {
        assert!(
            block.range.start >= from && block.range.end > block.range.start && block.range.end <= text.len()
        );
        assert!(text[block.range.clone()].contains(block.body));
        assert!(is_marked(text));
        from = block.range.end;
    }
    let expanded = expand(text);
    if find_headed(text, 0).is_none() {
        assert_eq!(expanded, text);
    }
    for kind in kinds::ALL {
        let (words, body) = text.split_once('\n').unwrap_or(("", text));
        let _ = kind.expand(body, words);
    }
}

fn written(head: &[u8; 6], text: &str) {
    let unit = UNITS[usize::from(head[0]) % UNITS.len()];
    let first = 1 + usize::from(u16::from_le_bytes([head[1], head[2]]));
    let count = 1 + usize::from(u16::from_le_bytes([head[3], head[4]]));
    let mut out = String::new();
    write_mark(&mut out, unit, first, count, (head[5] & 1 == 1).then_some(text));
    assert!(is_marked(&out), "{out}");
    assert!(!out.contains(['\n', '\r']), "{out}");
    let read = super::restore::find_mark(&out, 0).expect("what was written is a mark");
    assert_eq!((read.unit, read.first, read.count), (unit.name(), first, count));
    assert!(out.chars().count() <= 80 + mark::MAX_LABEL_CHARS);
}

fn header(head: &[u8; 6], text: &str) {
    let kind = kinds::ALL[usize::from(head[0]) % kinds::ALL.len()].name();
    let (words, body) = text.split_once('\n').unwrap_or(("", text));
    if words.contains('\r') {
        return;
    }
    let mut out = "before\n".to_owned();
    write_header(&mut out, kind, body, words);
    out.push_str(body);
    let hash = "0123456789abcdef01234567";
    if head[5] & 2 == 2 && body.ends_with('\n') {
        out.push_str(&mark::pointer(hash));
        out.push('\n');
    }
    let end = out.len();
    if body.is_empty() || body.ends_with('\n') {
        out.push_str("after\n");
    }
    let found = find_headed(&out, 0).expect("what was written is a header");
    if body.starts_with("[headroom_retrieve(") {
        return;
    }
    assert_eq!((found.kind, found.words, found.body), (kind, words, body));
    assert_eq!(found.range, 7..end);
    assert_eq!(found.pointer.contains(hash), head[5] & 2 == 2 && body.ends_with('\n'));
}

/// A plan that keeps and leaves out lines in turn: the mark stands in the place of what is gone.
fn rendered(head: &[u8; 6], text: &str) {
    if is_marked(text) || text.contains(mark::MARK_OPEN) {
        return;
    }
    let (mut pieces, mut at, mut line) = (Vec::new(), 0, 1);
    let (mut keeps, mut sizes) = (head[5] & 4 == 4, head.iter().cycle());
    while at < text.len() {
        let lines = 1 + usize::from(sizes.next().expect("a cycle never ends") % 5);
        let taken: Vec<&str> = text[at..].split_inclusive('\n').take(lines).collect();
        let range = at..at + taken.iter().map(|line| line.len()).sum::<usize>();
        at = range.end;
        if keeps {
            pieces.push(Piece::Keep(range));
        } else {
            let omission = Omission { range, unit: Unit::Line, first: line, count: taken.len() };
            pieces.push(Piece::Omit { omission, label: None });
        }
        line += taken.len();
        keeps = !keeps;
    }
    let out = mark::render(text, pieces, vec![]);
    super::restore::check(text, &out.text, &out.omissions);
}
