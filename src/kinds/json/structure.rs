//! The structure of a JSON text: the paths of its fields, and a digest of those of its objects.
//!
//! A path is `$` (the root), `.name` or `["any key"]` (a member), `[]` (any element of an array) and `.*` (any
//! member of an object whose keys are data: dates, ids, file names). Values on lines of their own are read as
//! the elements of one array. Scalars and empty containers may come and go without a change of the digest.
//!
//! Cost: linear; recursion is bounded by the tape, the number and the length of paths by constants.

use std::borrow::Cow;
use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::tape::{self, Id, Kind, NONE, Tape};
use super::text;

/// Longer texts have no structure that anything could be learned of, in bytes.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// A text with more paths than this is no output of one shape …
const MAX_PATHS: usize = 4096;
/// … nor is one whose paths take more than this together, in bytes.
const MAX_PATH_BYTES: usize = 1 << 20;
/// A key with so many digits is data.
const MIN_DATA_DIGITS: usize = 3;
/// Digits of the digest: 64 bits.
const DIGEST_BYTES: usize = 8;

/// Index of a path.
pub type PathId = u32;
/// The path of the root.
pub const ROOT: PathId = 0;

/// How a path goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step<'s> {
    /// A member by its key.
    Key(Cow<'s, str>),
    /// Any element of an array.
    Element,
    /// Any member of an object whose keys are data.
    Member,
}

#[derive(Debug)]
struct Path<'s> {
    parent: PathId,
    /// `None` for the root.
    step: Option<Step<'s>>,
    /// Bytes of the path as it is written.
    bytes: usize,
    is_object: bool,
}

/// The paths of a text.
#[derive(Debug)]
pub struct Structure<'s> {
    paths: Vec<Path<'s>>,
    /// The path of each value of the tape; [`NONE`] for keys.
    of: Vec<PathId>,
}

impl<'s> Structure<'s> {
    /// `None` for a text that holds no object, or is larger than anything worth learning from.
    pub fn new(tape: &Tape<'s>) -> Option<Self> {
        if tape.src().len() > MAX_TEXT_BYTES {
            return None;
        }
        let root = Path { parent: ROOT, step: None, bytes: 1, is_object: false };
        let mut walk = Walk {
            tape,
            out: Structure { paths: vec![root], of: vec![NONE; tape.next(0) as usize] },
            known: HashMap::new(),
            bytes: 0,
        };
        // Node 0 is the list of values on lines.
        walk.value(tape.single().unwrap_or(0), ROOT)?;
        walk.out.paths.iter().any(|path| path.is_object).then_some(walk.out)
    }

    /// The path of a value; [`NONE`] for a key.
    pub fn path(&self, value: Id) -> PathId {
        self.of[value as usize]
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// The path without its last step, and that step; `None` for the root.
    pub fn last_step(&self, path: PathId) -> Option<(PathId, &Step<'s>)> {
        let path = &self.paths[path as usize];
        Some((path.parent, path.step.as_ref()?))
    }

    /// A path as it is written.
    pub fn write(&self, path: PathId) -> String {
        let mut steps = Vec::new();
        let mut at = path;
        while let Some((parent, step)) = self.last_step(at) {
            steps.push(step);
            at = parent;
        }
        let mut out = String::with_capacity(self.paths[path as usize].bytes);
        out.push('$');
        steps.into_iter().rev().for_each(|step| write_step(&mut out, step));
        out
    }

    /// 16 hexadecimal digits over the sorted paths of all objects.
    pub fn digest(&self) -> String {
        let ids = (0..).zip(&self.paths).filter(|(_, path)| path.is_object);
        let mut objects: Vec<String> = ids.map(|(id, _)| self.write(id)).collect();
        objects.sort_unstable();
        let hash = Sha256::digest(objects.join("\n"));
        hash.iter().take(DIGEST_BYTES).map(|b| format!("{b:02x}")).collect()
    }
}

/// A path in the one spelling in which [`Structure::write`] writes it; `None` if it is none, or the root.
pub fn canonical(path: &str) -> Option<String> {
    let mut rest = path.strip_prefix('$').filter(|rest| !rest.is_empty())?;
    let mut out = "$".to_owned();
    while !rest.is_empty() {
        let (step, len) = if rest.starts_with("[]") {
            (Step::Element, 2)
        } else if rest.starts_with(".*") {
            (Step::Member, 2)
        } else if let Some(name) = rest.strip_prefix('.') {
            let name = &name[..name.find(['.', '[']).unwrap_or(name.len())];
            is_name(name).then_some((Step::Key(Cow::Borrowed(name)), 1 + name.len()))?
        } else {
            let quoted = rest.strip_prefix('[').filter(|quoted| quoted.starts_with('"'))?;
            let end = tape::string(quoted.as_bytes(), 0)?;
            quoted[end..].starts_with(']').then_some((Step::Key(text::data(&quoted[1..end - 1])), end + 2))?
        };
        write_step(&mut out, &step);
        rest = &rest[len..];
    }
    Some(out)
}

/// Writes one step of a path.
fn write_step(out: &mut String, step: &Step<'_>) {
    match step {
        Step::Element => out.push_str("[]"),
        Step::Member => out.push_str(".*"),
        Step::Key(key) if is_name(key) => {
            out.push('.');
            out.push_str(key);
        }
        Step::Key(key) => {
            out.push('[');
            text::quote(out, key);
            out.push(']');
        }
    }
}

/// Whether a key may follow a dot.
pub fn is_name(key: &str) -> bool {
    !key.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a key is data itself, and no name that the next output has too.
fn is_data(key: &str) -> bool {
    key.bytes().filter(u8::is_ascii_digit).count() >= MIN_DATA_DIGITS
        || key.contains('/')
        || key.find('@').is_some_and(|at| at > 0)
}

struct Walk<'t, 's> {
    tape: &'t Tape<'s>,
    out: Structure<'s>,
    known: HashMap<(PathId, Step<'s>), PathId>,
    bytes: usize,
}

impl<'s> Walk<'_, 's> {
    fn value(&mut self, id: Id, path: PathId) -> Option<()> {
        let tape = self.tape;
        self.out.of[id as usize] = path;
        match tape.kind(id) {
            Kind::Object => {
                self.out.paths[path as usize].is_object |= !tape.is_empty(id);
                let (mut members, mut data) = (0_usize, 0);
                for (key, _) in tape.members(id) {
                    members += 1;
                    data += usize::from(is_data(tape.inner(key)));
                }
                for (key, value) in tape.members(id) {
                    let step = if data * 2 > members {
                        Step::Member
                    } else {
                        Step::Key(text::data(tape.inner(key)))
                    };
                    let path = self.step(path, step)?;
                    self.value(value, path)?;
                }
            }
            Kind::Array if !tape.is_empty(id) => {
                let path = self.step(path, Step::Element)?;
                for element in tape.elements(id) {
                    self.value(element, path)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn step(&mut self, parent: PathId, step: Step<'s>) -> Option<PathId> {
        if let Some(&id) = self.known.get(&(parent, step.clone())) {
            return Some(id);
        }
        let id = self.out.paths.len();
        let mut written = String::new();
        write_step(&mut written, &step);
        let bytes = self.out.paths[parent as usize].bytes + written.len();
        self.bytes += bytes;
        if id == MAX_PATHS || self.bytes > MAX_PATH_BYTES {
            return None;
        }
        let id = id as PathId;
        self.out.paths.push(Path { parent, step: Some(step.clone()), bytes, is_object: false });
        self.known.insert((parent, step), id);
        Some(id)
    }
}

/// What the values of a text are: `(digest, [(path, [value])])`, the paths in order of appearance. Values are
/// scalars: strings without quotes and escapes, all others as they are spelled.
pub type Fields<'s> = (String, Vec<(String, Vec<Cow<'s, str>>)>);

/// The structure digest of a JSON text and its fields; `None` for a text that is no JSON, holds no object, or
/// has no structure to speak of (more than 16 MiB, 4096 paths or 1 MiB of them).
pub fn fields(src: &str) -> Option<Fields<'_>> {
    if src.len() > MAX_TEXT_BYTES {
        return None;
    }
    let tape = Tape::parse(src)?;
    let structure = Structure::new(&tape)?;
    let mut places: HashMap<PathId, usize> = HashMap::new();
    let mut out: Vec<(String, Vec<Cow<'_, str>>)> = Vec::new();
    for id in 1..tape.next(0) {
        let path = structure.path(id);
        if path == NONE || matches!(tape.kind(id), Kind::Object | Kind::Array) {
            continue;
        }
        let place = *places.entry(path).or_insert_with(|| {
            out.push((structure.write(path), Vec::new()));
            out.len() - 1
        });
        let string = tape.kind(id) == Kind::String;
        out[place].1.push(if string { text::data(tape.inner(id)) } else { Cow::Borrowed(tape.raw(id)) });
    }
    Some((structure.digest(), out))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn paths(src: &str) -> Vec<String> {
        fields(src).unwrap().1.into_iter().map(|(path, _)| path).collect()
    }

    fn digest(src: &str) -> String {
        fields(src).unwrap().0
    }

    #[test]
    fn paths_name_members_elements_and_keys_that_are_data() {
        let src = r#"{"a":[{"b":1,"c d":["x",null]},{"b":2.50}],"é":"\n\u00e9","e":{},"f":[],"g":[[{"h":0}]],
            "days":{"2024-05-16":{"p":1},"2024-05-17":{"p":2}}}"#;
        let (_, found) = fields(src).unwrap();
        let found: Vec<(&str, Vec<&str>)> =
            found.iter().map(|(path, values)| (&**path, values.iter().map(|v| &**v).collect())).collect();
        let expected = [
            ("$.a[].b", vec!["1", "2.50"]),
            ("$.a[][\"c d\"][]", vec!["x", "null"]),
            ("$[\"é\"]", vec!["\né"]),
            ("$.g[][].h", vec!["0"]),
            ("$.days.*.p", vec!["1", "2"]),
        ];
        assert_eq!(found, expected);
        assert_eq!(paths("{\"a\":1}\n{\"b\":2}\n"), ["$[].a", "$[].b"]);
        assert_eq!(digest("{\"a\":1}\n{\"b\":2}\n"), digest("[{\"c\":1}]"));
        assert_eq!(paths(r#"{"sha256":1,"@type":2,"x:y":3}"#), ["$.sha256", "$[\"@type\"]", "$[\"x:y\"]"]);
    }

    #[test]
    fn the_digest_is_of_objects_alone() {
        let with = |src: &str| digest(src) == digest(r#"{"a":{"b":1},"c":[{"d":1}]}"#);
        for same in [
            r#"{"c":[{"d":1},{"e":[1,2]}], "a":{"z":null}, "new":3}"#,
            r#"{"a":{"b":[]},"c":[{"d":{}}]}"#,
            r#"{"\u0061":{"b":1},"c":[{"d":1}]}"#,
        ] {
            assert!(with(same), "{same}");
        }
        for other in
            [r#"{"a":{"b":1},"c":[]}"#, r#"[{"a":{"b":1},"c":[{"d":1}]}]"#, r#"{"a":1,"c":[{"d":1}]}"#]
        {
            assert!(!with(other), "{other}");
        }
        // SHA-256("$").
        assert_eq!(digest(r#"{"a":1}"#), "09fc96082d34c2df");
    }

    #[test]
    fn paths_have_one_spelling() {
        for path in ["$.a", "$[].a-b[]._c1", "$.a.*[]", r#"$["a b"]["]"].c"#, r#"$["1"]"#, r#"$["\"\\"]"#] {
            assert_eq!(canonical(path).as_deref(), Some(path));
        }
        assert_eq!(canonical(r#"$["a"]["\u00e9"]"#).as_deref(), Some("$.a[\"é\"]"));
        for path in [
            "", "$", "a", "$a", "$.", "$.a b", "$.1", "$[0]", "$[", "$[\"a\"", "$[\"a]", "$..a", "$.a.",
            "$.*a",
        ] {
            assert_eq!(canonical(path), None, "{path}");
        }
    }

    #[test]
    fn what_has_no_structure_has_no_digest() {
        for none in ["", "no json", "{", "12", "\"a\"", "[1,2]", "{}", "[{}]"] {
            assert!(fields(none).is_none(), "{none}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(fields(&deep).is_none());
        let wide: Vec<String> = (0..5000).map(|i| format!("\"{}\":1", word(i))).collect();
        assert!(fields(&format!("{{{}}}", wide[..4000].join(","))).is_some());
        assert!(fields(&format!("{{{}}}", wide.join(","))).is_none());
        let long = format!("{{\"{}\":{{{}}}}}", "k".repeat(1000), wide[..2000].join(","));
        assert!(fields(&long).is_none(), "long paths");
        assert!(fields(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT_BYTES))).is_none());
    }

    /// A different word for each number.
    fn word(mut i: usize) -> String {
        let mut out = String::new();
        loop {
            out.push(char::from(b'a' + (i % 26) as u8));
            i /= 26;
            if i == 0 {
                return out;
            }
        }
    }
}
