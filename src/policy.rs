//! Policies: which fields of a tool's outputs may be left out, as was learned from use or decided by people.
//!
//! A policy is a small JSON document. Of its members the core reads
//! `{"headroom_policy": 1, "version": n, "tools": {tool: {digest: {"drop": [path, …]}}}}`; all others (evidence)
//! are for people. Digests and paths are those of [`crate::kinds::json::fields`]. How a policy is applied is
//! told in `kinds::json::policy`.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::kinds::json::tape::{Id, Kind, Tape};
use crate::kinds::json::{canonical_path, text};

/// The only format there is.
const FORMAT: &str = "1";
/// Longer documents are no policies, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// Digits of a structure digest.
const DIGEST_DIGITS: usize = 16;
/// So much of a wrong value is quoted in an error, in characters.
const MAX_QUOTED: usize = 60;

const EXAMPLE: &str = "{\"headroom_policy\": 1, \"version\": 1, \"tools\": {\"search\": {\"0123456789abcdef\": \
                       {\"drop\": [\"$.results[].trace\"]}}}}";

/// A policy that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    version: u64,
    tools: HashMap<String, Tool>,
}

/// What a policy says of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tool {
    /// By structure digest, the paths of the fields to leave out.
    structures: HashMap<String, HashSet<String>>,
    /// Of everything said of this tool, and the version.
    digest: [u8; 16],
}

impl Tool {
    /// Paths of the fields to leave out of outputs with this structure.
    pub fn drops(&self, structure: &str) -> Option<&HashSet<String>> {
        self.structures.get(structure).filter(|paths| !paths.is_empty())
    }

    /// A part of memo keys: differs where outputs may.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }
}

impl Policy {
    /// Reads a policy document.
    pub fn parse(document: &str) -> Result<Self, Error> {
        if document.len() > MAX_BYTES {
            return Err(wrong("the document", format!("{} bytes long", document.len()), "at most 16 MiB"));
        }
        let tape = Tape::parse(document);
        let Some((tape, root)) = tape.as_ref().and_then(|tape| Some((tape, tape.single()?))) else {
            return Err(wrong("the document", "no JSON".to_owned(), EXAMPLE));
        };
        let object = |place: &str, id: Id| match tape.kind(id) {
            Kind::Object => {
                Ok(tape.members(id).map(move |(key, value)| (text::data(tape.inner(key)), value)))
            }
            _ => Err(wrong(place, quoted(tape.raw(id)), "an object")),
        };
        let members: HashMap<_, _> = object("the document", root)?.collect();
        let given = |name: &str| members.get(name).map_or("missing", |id| tape.raw(*id));
        if given("headroom_policy") != FORMAT {
            let allowed =
                "1, the format this version of headroom reads; update headroom, or export the policy again";
            return Err(wrong("headroom_policy", quoted(given("headroom_policy")), allowed));
        }
        let Ok(version) = given("version").parse() else {
            let allowed = "a whole number from 0, another one for each change of the policy";
            return Err(wrong("version", quoted(given("version")), allowed));
        };
        let Some(&tools) = members.get("tools") else {
            return Err(wrong("tools", "missing".to_owned(), "an object of tools by name; {} for none"));
        };
        let mut out = Policy { version, tools: HashMap::new() };
        for (name, structures) in object("tools", tools)? {
            let mut tool = Tool::default();
            for (structure, rule) in object(&format!("tools.{}", quoted(&name)), structures)? {
                let place = format!("tools.{}.{}", quoted(&name), quoted(&structure));
                if structure.len() != DIGEST_DIGITS
                    || !structure.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                {
                    let allowed = "a structure digest of 16 lower-case hexadecimal digits, as `json_structure` gives it";
                    return Err(wrong(
                        &format!("tools.{}", quoted(&name)),
                        format!("keyed {}", quoted(&structure)),
                        allowed,
                    ));
                }
                let drop = object(&place, rule)?.find(|(key, _)| key == "drop").map(|(_, value)| value);
                let paths = drop.map_or(Ok(HashSet::new()), |drop| paths(tape, &place, drop))?;
                tool.structures.insert(structure.into_owned(), paths);
            }
            tool.digest = digest(version, &tool.structures);
            out.tools.insert(name.into_owned(), tool);
        }
        Ok(out)
    }

    /// The number of this state of the policy.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What is said of a tool.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name)
    }
}

/// The paths of a `drop`.
fn paths(tape: &Tape<'_>, place: &str, drop: Id) -> Result<HashSet<String>, Error> {
    if tape.kind(drop) != Kind::Array {
        return Err(wrong(&format!("{place}.drop"), quoted(tape.raw(drop)), "a list of field paths"));
    }
    let read = |(i, id): (usize, Id)| {
        let path =
            if tape.kind(id) == Kind::String { canonical_path(&text::data(tape.inner(id))) } else { None };
        path.ok_or_else(|| {
            let allowed = "a field path like \"$.flights[].fare_basis\", \"$[].meta\", \"$.by_day.*.note\" or \
                           \"$[\\\"any key\\\"]\"";
            wrong(&format!("{place}.drop[{i}]"), quoted(tape.raw(id)), allowed)
        })
    };
    tape.elements(drop).enumerate().map(read).collect()
}

fn digest(version: u64, structures: &HashMap<String, HashSet<String>>) -> [u8; 16] {
    let mut lines: Vec<(&str, &str)> = structures
        .iter()
        .flat_map(|(name, paths)| paths.iter().map(move |path| (name.as_str(), path.as_str())))
        .collect();
    lines.sort_unstable();
    let mut hasher = Sha256::new();
    hasher.update(version.to_le_bytes());
    for (name, path) in lines {
        // Neither holds a line break.
        hasher.update(format!("{name} {path}\n"));
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize()[..16]);
    out
}

fn wrong(place: &str, given: String, allowed: &'static str) -> Error {
    Error::Policy { place: place.to_owned(), given, allowed }
}

fn quoted(raw: &str) -> String {
    let short: String = raw.chars().take(MAX_QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < raw.len() { short + "…" } else { short }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn error(document: &str) -> String {
        Policy::parse(document).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_needed_is_ignored() {
        let policy = Policy::parse(
            r#"{"headroom_policy":1,"version":17,"made":"2026-11-26","tools":{"a":{"0123456789abcdef":
            {"fields":{"$.x":{"seen":4}},"drop":["$.x","$[\"y\"]"]}},"b":{}}}"#,
        )
        .unwrap();
        assert_eq!(policy.version(), 17);
        let tool = policy.tool("a").unwrap();
        assert_eq!(tool.drops("0123456789abcdef").unwrap().len(), 2);
        assert!(tool.drops("0123456789abcdef").unwrap().contains("$.y"));
        assert!(tool.drops("0000000000000000").is_none());
        assert!(policy.tool("c").is_none());
    }

    #[test]
    fn the_digest_of_a_tool_tells_its_rules_and_the_version() {
        let of = |version: u32, drop: &str| {
            let document = format!(
                r#"{{"headroom_policy":1,"version":{version},"tools":{{"a":{{"0123456789abcdef":{{"drop":{drop}}}}}}}}}"#
            );
            Policy::parse(&document).unwrap().tool("a").unwrap().digest().to_vec()
        };
        assert_eq!(of(1, r#"["$.a","$.b"]"#), of(1, r#"["$.b","$.a"]"#));
        assert_ne!(of(1, r#"["$.a"]"#), of(2, r#"["$.a"]"#));
        assert_ne!(of(1, r#"["$.a"]"#), of(1, r#"["$.b"]"#));
    }

    #[test]
    fn errors_say_where_what_and_what_is_allowed() {
        for (document, parts) in [
            ("no", ["the document is no JSON", "headroom_policy"]),
            ("[1]", ["the document is [1]", "an object"]),
            (r#"{"headroom_policy":2}"#, ["headroom_policy is 2", "update headroom"]),
            (r#"{"version":2}"#, ["headroom_policy is missing", "allowed: 1"]),
            (r#"{"headroom_policy":1,"version":"x"}"#, ["version is \"x\"", "a whole number"]),
            (r#"{"headroom_policy":1,"version":-1}"#, ["version is -1", "a whole number"]),
            (r#"{"headroom_policy":1,"version":1}"#, ["tools is missing", "{} for none"]),
            (r#"{"headroom_policy":1,"version":1,"tools":[]}"#, ["tools is []", "an object"]),
            (r#"{"headroom_policy":1,"version":1,"tools":{"a":3}}"#, ["tools.a is 3", "an object"]),
            (
                r#"{"headroom_policy":1,"version":1,"tools":{"a":{"x":{}}}}"#,
                ["tools.a is keyed x", "16 lower-case"],
            ),
        ] {
            let message = error(document);
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
        for drop in ["3", "\"$.a\"", "[3]", "[\"a\"]", "[\"$\"]", "[\"$.a\",\"$[0]\"]"] {
            let document = format!(
                r#"{{"headroom_policy":1,"version":1,"tools":{{"a":{{"0123456789abcdef":{{"drop":{drop}}}}}}}}}"#
            );
            let message = error(&document);
            assert!(message.contains("tools.a.0123456789abcdef.drop"), "{message}");
        }
        assert!(error(&format!("{}{}", " ".repeat(MAX_BYTES), "{}")).contains("16 MiB"));
    }
}
