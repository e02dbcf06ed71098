//! The parser: JSON text to a flat list of nodes that point into the text.
//!
//! Nothing is decoded or copied, so number spelling, key order, duplicate keys and the bytes of every
//! record stay known. Strict JSON, plus the `NaN` and `Infinity` that Python writes. Values that follow
//! each other on lines of their own (NDJSON, `jq` output) are one tape. Cost: linear, 12 bytes per
//! node, no recursion; nesting beyond [`MAX_DEPTH`] is refused so that later passes may recurse.

use std::ops::Range;

/// Deepest nesting that is read. Real payloads stay below 30; the writers recurse to this depth.
pub const MAX_DEPTH: usize = 96;

/// Index of a node. Node 0 is the list of roots.
pub type Id = u32;
/// Stands where a record has no such member.
pub const NONE: Id = Id::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// One past the last node of this subtree.
    next: u32,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`; its children are keys and values in turn.
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number, in its own spelling.
    Number,
    /// `true`, `false`, `null`, `NaN`, `Infinity`, `-Infinity`
    Word,
}

/// A parsed text.
#[derive(Debug)]
pub struct Tape<'s> {
    src: &'s str,
    nodes: Vec<Node>,
}

impl<'s> Tape<'s> {
    /// Parses a whole text: one value, or several with a line break between each two.
    pub fn parse(src: &'s str) -> Option<Self> {
        let end = u32::try_from(src.len()).ok()?;
        let mut nodes = vec![Node { start: 0, end, next: 1 }];
        values(src.as_bytes(), &mut |event| record(&mut nodes, event))?;
        nodes[0].next = u32::try_from(nodes.len()).ok()?;
        nodes.shrink_to_fit();
        Some(Tape { src, nodes })
    }

    /// The text.
    pub fn src(&self) -> &'s str {
        self.src
    }

    /// The only root, if there is exactly one.
    pub fn single(&self) -> Option<Id> {
        (self.nodes.len() > 1 && self.nodes[1].next as usize == self.nodes.len()).then_some(1)
    }

    /// What a node is.
    pub fn kind(&self, id: Id) -> Kind {
        if id == 0 {
            return Kind::Array;
        }
        match self.src.as_bytes()[self.nodes[id as usize].start as usize] {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b'-' if self.raw(id) == "-Infinity" => Kind::Word,
            b'-' | b'0'..=b'9' => Kind::Number,
            _ => Kind::Word,
        }
    }

    /// Where a node stands in the text.
    pub fn range(&self, id: Id) -> Range<usize> {
        let node = &self.nodes[id as usize];
        node.start as usize..node.end as usize
    }

    /// The bytes of a node; a string has its quotes.
    pub fn raw(&self, id: Id) -> &'s str {
        &self.src[self.range(id)]
    }

    /// What stands between the quotes of a string or key, escapes as they are.
    pub fn inner(&self, id: Id) -> &'s str {
        let range = self.range(id);
        &self.src[range.start + 1..range.end - 1]
    }

    /// One past the last node of the subtree of `id`.
    pub fn next(&self, id: Id) -> Id {
        self.nodes[id as usize].next
    }

    /// Whether a container has no children.
    pub fn is_empty(&self, id: Id) -> bool {
        self.next(id) == id + 1
    }

    /// Elements of an array.
    pub fn elements(&self, id: Id) -> Elements<'_, 's> {
        Elements { tape: self, at: id + 1, end: self.next(id) }
    }

    /// Members of an object: (key, value).
    pub fn members(&self, id: Id) -> Members<'_, 's> {
        Members { tape: self, at: id + 1, end: self.next(id) }
    }

    /// Whether two subtrees are spelled alike, white space between tokens aside.
    pub fn same(&self, a: Id, b: Id) -> bool {
        if a == b {
            return true;
        }
        let n = self.next(a) - a;
        if n != self.next(b) - b {
            return false;
        }
        (0..n).all(|i| {
            let (x, y) = (a + i, b + i);
            self.next(x) - x == self.next(y) - y
                && match self.kind(x) {
                    kind @ (Kind::Object | Kind::Array) => kind == self.kind(y),
                    _ => self.raw(x) == self.raw(y),
                }
        })
    }

    /// A hash under which subtrees that are [`Tape::same`] are equal. Fixed, so that results do not
    /// depend on the process; equality must still be checked.
    pub fn hash(&self, id: Id) -> u64 {
        let mut h = 0xcbf2_9ce4_8422_2325_u64;
        for i in id..self.next(id) {
            let bytes = match self.kind(i) {
                Kind::Object => b"{".as_slice(),
                Kind::Array => b"[",
                _ => self.raw(i).as_bytes(),
            };
            h = hash_bytes(h ^ u64::from(self.next(i) - i), bytes);
        }
        h
    }
}

/// Whether [`Tape::parse`] would parse a text.
pub fn is_json(src: &str) -> bool {
    u32::try_from(src.len()).is_ok() && values(src.as_bytes(), &mut |_| ()).is_some()
}

/// Scans values with line breaks between them; `None` if the bytes are anything else.
fn values(bytes: &[u8], on: &mut impl FnMut(Event)) -> Option<()> {
    let mut at = skip_space(bytes, 0);
    while at < bytes.len() {
        let after = value(bytes, at, on).ok()?;
        at = skip_space(bytes, after);
        if at < bytes.len() && memchr::memchr(b'\n', &bytes[after..at]).is_none() {
            return None;
        }
    }
    Some(())
}

/// Mixes `bytes` into `h` (FNV over words of eight bytes, finished by a multiply and shift).
pub fn hash_bytes(mut h: u64, bytes: &[u8]) -> u64 {
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        h = (h ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^= h >> 29;
    }
    (h ^ bytes.len() as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

/// See [`Tape::elements`].
#[derive(Debug, Clone)]
pub struct Elements<'t, 's> {
    tape: &'t Tape<'s>,
    at: Id,
    end: Id,
}

impl Iterator for Elements<'_, '_> {
    type Item = Id;

    fn next(&mut self) -> Option<Id> {
        let id = self.at;
        (id < self.end).then(|| {
            self.at = self.tape.next(id);
            id
        })
    }
}

/// See [`Tape::members`].
#[derive(Debug, Clone)]
pub struct Members<'t, 's> {
    tape: &'t Tape<'s>,
    at: Id,
    end: Id,
}

impl Iterator for Members<'_, '_> {
    type Item = (Id, Id);

    fn next(&mut self) -> Option<(Id, Id)> {
        let key = self.at;
        (key < self.end).then(|| {
            self.at = self.tape.next(key + 1);
            (key, key + 1)
        })
    }
}

/// What the scanner meets, in order of position.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A container opens at this byte.
    Open(usize),
    /// The container opened last closes; the byte after its bracket.
    Close(usize),
    /// A scalar or key: from, to.
    Scalar(usize, usize),
}

/// Adds an event to the nodes. Open containers are chained through `next` until they close.
fn record(nodes: &mut Vec<Node>, event: Event) {
    // Texts of 4 GB and more were refused, so positions and counts fit.
    let small = |n: usize| n as u32;
    match event {
        Event::Scalar(start, end) => {
            let next = small(nodes.len() + 1);
            nodes.push(Node { start: small(start), end: small(end), next });
        }
        Event::Open(start) => {
            let parent = nodes[0].next;
            nodes[0].next = small(nodes.len());
            nodes.push(Node { start: small(start), end: 0, next: parent });
        }
        Event::Close(end) => {
            let id = nodes[0].next as usize;
            let next = small(nodes.len());
            nodes[0].next = nodes[id].next;
            nodes[id].end = small(end);
            nodes[id].next = next;
        }
    }
}

/// Scans one value that starts at `at` and returns the byte after it, or the byte where it breaks.
pub fn value(b: &[u8], mut at: usize, on: &mut impl FnMut(Event)) -> Result<usize, usize> {
    let mut open = [0_u8; MAX_DEPTH];
    let mut depth = 0;
    loop {
        // A value is due at `at`.
        match b.get(at) {
            Some(&bracket @ (b'{' | b'[')) => {
                if depth == MAX_DEPTH {
                    return Err(at);
                }
                on(Event::Open(at));
                let inner = skip_space(b, at + 1);
                if b.get(inner) == Some(&closing(bracket)) {
                    on(Event::Close(inner + 1));
                    at = inner + 1;
                } else {
                    open[depth] = bracket;
                    depth += 1;
                    at = if bracket == b'{' { key(b, inner, on)? } else { inner };
                    continue;
                }
            }
            _ => {
                let end = scalar(b, at)?;
                on(Event::Scalar(at, end));
                at = end;
            }
        }
        // A value has ended at `at`.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            let bracket = open[depth - 1];
            at = skip_space(b, at);
            match b.get(at) {
                Some(b',') => {
                    at = skip_space(b, at + 1);
                    if bracket == b'{' {
                        at = key(b, at, on)?;
                    }
                    break;
                }
                Some(&c) if c == closing(bracket) => {
                    at += 1;
                    on(Event::Close(at));
                    depth -= 1;
                }
                _ => return Err(at),
            }
        }
    }
}

fn closing(open: u8) -> u8 {
    if open == b'{' { b'}' } else { b']' }
}

/// Scans `"key" :` and returns where the value is due.
fn key(b: &[u8], at: usize, on: &mut impl FnMut(Event)) -> Result<usize, usize> {
    if b.get(at) != Some(&b'"') {
        return Err(at);
    }
    let end = string(b, at).ok_or(at)?;
    on(Event::Scalar(at, end));
    let colon = skip_space(b, end);
    if b.get(colon) == Some(&b':') { Ok(skip_space(b, colon + 1)) } else { Err(colon) }
}

fn scalar(b: &[u8], at: usize) -> Result<usize, usize> {
    let end = match b.get(at) {
        Some(b'"') => string(b, at),
        Some(b'-' | b'0'..=b'9') => number(b, at).or_else(|| word(b, at)),
        _ => word(b, at),
    };
    end.ok_or(at)
}

/// Words that stand for themselves.
pub const WORDS: [&str; 6] = ["true", "false", "null", "NaN", "Infinity", "-Infinity"];

fn word(b: &[u8], at: usize) -> Option<usize> {
    let rest = b.get(at..)?;
    let word = WORDS.iter().find(|w| rest.starts_with(w.as_bytes()))?;
    let end = at + word.len();
    (!b.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(end)
}

/// The byte after the string that starts at `at`; `None` if it is not a JSON string.
pub fn string(b: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 1;
    loop {
        match *b.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => match *b.get(i + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => i += 2,
                b'u' if b.get(i + 2..i + 6)?.iter().all(u8::is_ascii_hexdigit) => i += 6,
                _ => return None,
            },
            0..=0x1f => return None,
            _ => i += 1,
        }
    }
}

/// The byte after the number that starts at `at`; `None` if it is not a JSON number.
pub fn number(b: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| b[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut i = at + usize::from(b.get(at) == Some(&b'-'));
    match b.get(i)? {
        b'0' => i += 1,
        b'1'..=b'9' => i += digits(i),
        _ => return None,
    }
    if b.get(i) == Some(&b'.') {
        let n = digits(i + 1);
        if n == 0 {
            return None;
        }
        i += 1 + n;
    }
    if let Some(b'e' | b'E') = b.get(i) {
        let sign = usize::from(matches!(b.get(i + 1), Some(b'+' | b'-')));
        let n = digits((i + 1 + sign).min(b.len()));
        if n == 0 {
            return None;
        }
        i += 1 + sign + n;
    }
    (!b.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'.')).then_some(i)
}

fn skip_space(b: &[u8], at: usize) -> usize {
    at + b[at.min(b.len())..].iter().take_while(|c| matches!(c, b' ' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nodes_point_at_their_bytes() {
        let tape = Tape::parse(" {\"a\": [1, -2.50e+3, \"x\\\"y\"], \"b\":{}} \n").unwrap();
        let root = tape.single().unwrap();
        let members: Vec<_> = tape.members(root).collect();
        assert_eq!(members.len(), 2);
        assert_eq!(tape.inner(members[0].0), "a");
        let items: Vec<_> = tape.elements(members[0].1).map(|id| tape.raw(id)).collect();
        assert_eq!(items, ["1", "-2.50e+3", "\"x\\\"y\""]);
        assert!(tape.is_empty(members[1].1));
        assert_eq!(tape.kind(members[1].1), Kind::Object);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in [
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "[01]",
            "[1.]",
            "[.5]",
            "[+1]",
            "[1 2]",
            "[\"a\nb\"]",
            "[tru]",
            "{} {}",
        ] {
            assert!(Tape::parse(bad).is_none(), "{bad}");
        }
        for bad in
            ["[1e]", "[-]", "[1e+]", "[\"\\x\"]", "[\"\\u12\"]", "]", "[}", "[nullx]", "[1a]", "{\"a\":}"]
        {
            assert!(Tape::parse(bad).is_none(), "{bad}");
        }
        for good in ["[0]", "[-0.0]", "[1E5]", "[NaN,-Infinity]", "{}\n{}\n", "[ ]", "1\n\"a\""] {
            assert!(Tape::parse(good).is_some(), "{good}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_overflow() {
        assert!(Tape::parse(&"[".repeat(100_000)).is_none());
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Tape::parse(&deep).is_none());
        let most = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(Tape::parse(&most).is_some());
    }

    #[test]
    fn sameness_ignores_white_space_only() {
        let tape =
            Tape::parse("[{\"a\":[1,2]},{ \"a\" : [ 1, 2 ] },{\"a\":[[1],2]},{\"a\":[1,2.0]}]").unwrap();
        let ids: Vec<_> = tape.elements(1).collect();
        assert!(tape.same(ids[0], ids[1]));
        assert_eq!(tape.hash(ids[0]), tape.hash(ids[1]));
        assert!(!tape.same(ids[0], ids[2]));
        assert!(!tape.same(ids[0], ids[3]));
    }
}
