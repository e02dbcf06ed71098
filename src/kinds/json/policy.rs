//! Leaves out of a tool's output the fields that a policy names, before anything else is done to it.
//!
//! What is cut are members of objects, each whole; one mark in front of the JSON says how many values of which
//! fields are missing. A member is cut if every scalar in it is of a field that may go. A field stays, in the
//! whole text, if
//!
//! * the question, the assistant's text beside the call, or a value among its arguments names it;
//! * one of its values holds a literal of the question;
//! * its key is that of an identifier, a state or an error, or one of its values begins like a failure;
//! * it stands in an array of which other parts stay, for positions must hold.
//!
//! The result is used only if it is shorter than what the same text gives without a policy. Cost: linear.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::digest;
use super::structure::{PathId, Step, Structure};
use super::tape::{Id, Kind, NONE, Tape};
use super::text;
use crate::kinds::{Context, Source};
use crate::mark::{self, MARK_OPEN, Omission, Rendered, Unit};
use crate::options::Retrieval;
use crate::score::terms;

/// What is said in the mark between the policy's version and the fields.
const LEAVES_OUT: &str = " leaves out ";
/// The mark names the fields up to so many characters, and says how many more there are.
const MAX_NAMES_CHARS: usize = 400;
/// What the line with a hash takes, in tokens.
const MAX_HASH_TOKENS: usize = 30;
/// The beginning of a value, in bytes, in which a word of failure makes its field stay.
const FAILURE_BYTES: usize = 40;

/// A text without the fields that a policy leaves out.
pub struct Reduced {
    /// JSON.
    pub json: String,
    /// Where stretches of it come from: first byte there, first byte in the source.
    origins: Vec<(usize, usize)>,
    /// What was cut, in bytes of the source, in order.
    cuts: Vec<Omission>,
    mark: String,
}

/// `None` if no policy says anything about this text, or nothing of it may go.
pub fn reduce(tape: &Tape<'_>, cx: &Context<'_>) -> Option<Reduced> {
    let policy = cx.options.policy.as_ref()?;
    let call = cx.tool.filter(|_| cx.source == Source::ToolOutput && cx.may_omit())?;
    let tool = policy.tool(&call.name)?;
    let structure = Structure::new(tape)?;
    let fields = Fields::new(tape, &structure, tool.drops(&structure.digest())?, &Named::new(cx));
    let fates = fields.fates(tape, &structure);
    let root = tape.single().unwrap_or(0);
    if fates[root as usize] != Fate::Touched {
        return None;
    }
    let out = Reduced {
        json: String::with_capacity(tape.src().len()),
        origins: Vec::new(),
        cuts: Vec::new(),
        mark: String::new(),
    };
    let mut writer =
        Cutter { tape, structure: &structure, fates: &fates, gone: vec![0; structure.len()], out };
    writer.value(root);
    let Cutter { gone, mut out, .. } = writer;
    let count = gone.iter().sum();
    let names = fields.names(tape, &structure, &gone);
    let label = format!("policy {}{LEAVES_OUT}{names}", policy.version());
    mark::write_long_mark(&mut out.mark, Unit::Value, 1, count, Some(&label));
    Some(out)
}

/// Whether a text is shorter without the fields than with them, a hash included that it has for them alone.
pub fn is_worth_it(source: &str, whole: Option<&Rendered>, part: &Rendered, cx: &Context<'_>) -> bool {
    let count = |rendered: &Rendered| {
        let mut text = String::with_capacity(rendered.text.len() + 100);
        if let Some(words) = &rendered.header {
            mark::write_header(&mut text, "json", &rendered.text, words);
        }
        text.push_str(&rendered.text);
        cx.tokens.count(&text)
    };
    let has_hash =
        cx.options.retrieval == Retrieval::Off || whole.is_some_and(|whole| !whole.omissions.is_empty());
    let hash = if has_hash { 0 } else { MAX_HASH_TOKENS };
    count(part) + hash < whole.map_or_else(|| cx.tokens.count(source), count)
}

/// The mark that a body begins with, its line break included, and the rest.
pub fn split_mark(body: &str) -> (&str, &str) {
    let len = body
        .strip_prefix(MARK_OPEN)
        .and_then(|rest| {
            let line = &rest[..memchr::memchr(b'\n', rest.as_bytes())?];
            let (count, said) = line.strip_suffix(']')?.split_once(' ')?;
            count.parse::<usize>().ok()?;
            (said.starts_with(Unit::Value.name()) && said.contains(LEAVES_OUT)).then_some(line.len() + 1)
        })
        .map_or(0, |len| MARK_OPEN.len() + len);
    body.split_at(len)
}

impl Reduced {
    /// What `encode` makes of the JSON, with the mark in front, and omissions in bytes of the source.
    pub fn finish(self, encode: impl Fn(&Tape<'_>) -> Option<Rendered>) -> Option<Rendered> {
        let encoded = encode(&Tape::parse(&self.json)?);
        let mut out = encoded.unwrap_or_else(|| Rendered { text: self.json.clone(), ..Rendered::default() });
        out.text.insert_str(0, &format!("{}\n", self.mark));
        let source = |at: usize| {
            let (json, source) =
                self.origins[self.origins.partition_point(|(json, _)| *json <= at).max(1) - 1];
            source + (at - json)
        };
        // An end stands behind its last byte, not before the next.
        let range = |r: Range<usize>| source(r.start)..source(r.end.max(1) - 1) + 1;
        let later = out.omissions.into_iter().map(|o| Omission { range: range(o.range), ..o });
        out.omissions = self.cuts.into_iter().chain(later).collect();
        out.transforms.insert(0, "json:policy");
        Some(out)
    }
}

/// What the turn names.
struct Named {
    /// Words, as stems.
    terms: HashSet<String>,
    /// Literals of the question, if there are any.
    literals: Option<AhoCorasick>,
}

impl Named {
    fn new(cx: &Context<'_>) -> Self {
        let mut named: HashSet<String> = cx.query.terms.iter().cloned().collect();
        let literals = AhoCorasick::builder().ascii_case_insensitive(true).build(&cx.query.literals).ok();
        let literals = literals.filter(|_| !cx.query.literals.is_empty());
        let Some(call) = cx.tool else { return Named { terms: named, literals } };
        named.extend(terms::terms(&call.beside));
        match Tape::parse(&call.arguments) {
            // Names of parameters are the tool's words, not the asker's.
            Some(tape) => {
                let mut keys = HashSet::new();
                let objects = (0..tape.next(0)).filter(|id| tape.kind(*id) == Kind::Object);
                objects.for_each(|id| keys.extend(tape.members(id).map(|(key, _)| key)));
                for id in (0..tape.next(0)).filter(|id| tape.kind(*id) == Kind::String && !keys.contains(id))
                {
                    named.extend(terms::terms(&text::data(tape.inner(id))));
                }
            }
            None => named.extend(terms::terms(&call.arguments)),
        }
        Named { terms: named, literals }
    }

    /// Whether the question says something that stands in a value.
    fn asks_for(&self, raw: &str) -> bool {
        self.literals.as_ref().is_some_and(|literals| literals.is_match(raw))
    }

    /// Whether all words of a key are named.
    fn names(&self, key: &str) -> bool {
        let (mut words, mut named) = (0, 0);
        // The stem of a plural may be another one: "speed" is not read as that of "speeds".
        let is_named =
            |hump: &str| [hump, &format!("{hump}s")].iter().any(|w| self.terms.contains(&terms::stem(w)));
        terms::for_each_word(key, |word| {
            terms::for_each_hump(word, |hump| {
                words += 1;
                named += usize::from(is_named(hump));
            });
        });
        words > 0 && named == words
    }
}

/// Of each path of a text, whether it is of a field that may go.
struct Fields {
    /// The path of the policy that covers it; [`NONE`] if none does.
    target: Vec<PathId>,
    stays: Vec<bool>,
    /// Whether an array of it may go although it is empty.
    is_list: Vec<bool>,
}

impl Fields {
    fn new(tape: &Tape<'_>, structure: &Structure<'_>, drops: &HashSet<String>, named: &Named) -> Self {
        let n = structure.len();
        let mut out = Fields { target: vec![NONE; n], stays: vec![false; n], is_list: vec![false; n] };
        // Whether an error is told at or above this path.
        let mut tells_error = vec![false; n];
        // A path follows the one it continues.
        for (id, at) in (0..).zip(0..n) {
            let Some((parent, step)) = structure.last_step(id) else { continue };
            let up = parent as usize;
            let path = structure.write(id);
            out.target[at] = match out.target[up] {
                NONE if drops.contains(&path) => id,
                target => target,
            };
            out.is_list[at] = out.target[at] != NONE || drops.contains(&(path + "[]"));
            let (tells, is_kept) = match step {
                Step::Key(key) => {
                    let lower = key.to_lowercase();
                    (digest::tells_failure(&lower), digest::is_telling_key(&lower) || named.names(key))
                }
                Step::Element | Step::Member => (false, false),
            };
            tells_error[at] = tells_error[up] || tells;
            // Elements are of the field that their array is of.
            let is_inherited = *step == Step::Element || out.target[up] != NONE;
            out.stays[at] = is_kept || tells_error[at] || is_inherited && out.stays[up];
        }
        for id in (1..tape.next(0)).filter(|id| structure.path(*id) != NONE && is_leaf(tape, *id)) {
            let path = structure.path(id) as usize;
            if out.target[path] != NONE && !out.stays[path] {
                let value = tape.raw(id).as_bytes();
                let start = value[..value.len().min(FAILURE_BYTES)].to_ascii_lowercase();
                out.stays[path] =
                    digest::tells_failure(&String::from_utf8_lossy(&start)) || named.asks_for(tape.raw(id));
            }
        }
        out
    }

    /// What becomes of each value.
    fn fates(&self, tape: &Tape<'_>, structure: &Structure<'_>) -> Vec<Fate> {
        let mut out = vec![Fate::Kept; tape.next(0) as usize];
        for id in (0..tape.next(0)).rev() {
            let path = structure.path(id);
            if path == NONE {
                continue;
            }
            let path = path as usize;
            let may_go = !self.stays[path]
                && (self.target[path] != NONE || self.is_list[path] && tape.kind(id) == Kind::Array);
            out[id as usize] = match tape.kind(id) {
                // An element that is an object stays, empty, where others of its list stay.
                Kind::Array if !tape.is_empty(id) => {
                    fate(tape.elements(id).map(|e| (out[e as usize], tape.kind(e) == Kind::Object)))
                }
                Kind::Object if !tape.is_empty(id) => {
                    fate(tape.members(id).map(|(_, value)| (out[value as usize], true)))
                }
                _ if may_go => Fate::Gone,
                _ => Fate::Kept,
            };
        }
        out
    }

    /// The fields of which so many values are gone, for the mark.
    fn names(&self, tape: &Tape<'_>, structure: &Structure<'_>, gone: &[usize]) -> String {
        let mut left: Vec<isize> = gone.iter().map(|n| -(*n as isize)).collect();
        for id in (1..tape.next(0)).filter(|id| structure.path(*id) != NONE && is_leaf(tape, *id)) {
            left[structure.path(id) as usize] += 1;
        }
        let mut partly: HashSet<PathId> = HashSet::new();
        partly.extend(left.iter().zip(&self.target).filter(|(n, _)| **n > 0).map(|(_, target)| *target));
        let names: BTreeSet<String> = (0..)
            .zip(gone)
            .zip(&self.target)
            .filter(|((_, n), _)| **n > 0)
            .map(
                |((path, _), &target)| if target == NONE || partly.contains(&target) { path } else { target },
            )
            .map(|path| name(structure, path))
            .collect();
        let mut out = String::new();
        for (i, name) in names.iter().enumerate() {
            if i > 0 && out.chars().count() + name.chars().count() > MAX_NAMES_CHARS {
                out.push_str(&format!(" and {} more", names.len() - i));
                break;
            }
            out.push_str(if i > 0 { ", " } else { "" });
            out.extend(name.chars().take(MAX_NAMES_CHARS));
        }
        out
    }
}

/// A path for a mark: as tables write columns, without what could end the mark.
fn name(structure: &Structure<'_>, path: PathId) -> String {
    let path = structure.write(path).replace("[]", "");
    let path = path.strip_prefix("$.").unwrap_or(&path);
    path.chars().map(|c| if c.is_control() || matches!(c, '[' | ']') { '|' } else { c }).collect()
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    /// Something in it is cut.
    Touched,
    /// It is cut, if it is a member.
    Gone,
}

/// The fate of a container whose parts have these fates, each with whether something goes of the container
/// where that part alone goes.
fn fate(parts: impl Iterator<Item = (Fate, bool)>) -> Fate {
    let (mut all, mut any) = (true, false);
    for (fate, counts) in parts {
        all &= fate == Fate::Gone;
        any |= fate == Fate::Touched || fate == Fate::Gone && counts;
    }
    match (all, any) {
        (true, _) => Fate::Gone,
        (_, true) => Fate::Touched,
        _ => Fate::Kept,
    }
}

/// Writes a text without the members that go.
struct Cutter<'c, 's> {
    tape: &'c Tape<'s>,
    structure: &'c Structure<'s>,
    fates: &'c [Fate],
    /// Of each path, how many values are gone.
    gone: Vec<usize>,
    out: Reduced,
}

impl Cutter<'_, '_> {
    fn copy(&mut self, range: Range<usize>) {
        let at = self.out.json.len();
        if self.out.origins.last().is_none_or(|(json, source)| range.start - source != at - json) {
            self.out.origins.push((at, range.start));
        }
        self.out.json.push_str(&self.tape.src()[range]);
    }

    fn value(&mut self, id: Id) {
        let tape = self.tape;
        let range = tape.range(id);
        match tape.kind(id) {
            Kind::Object if self.fates[id as usize] != Fate::Kept => self.object(id),
            Kind::Array if self.fates[id as usize] != Fate::Kept => {
                // The list of values on lines has no brackets.
                let separator = if id == 0 { '\n' } else { ',' };
                if id > 0 {
                    self.copy(range.start..range.start + 1);
                }
                for (i, element) in tape.elements(id).enumerate() {
                    if i > 0 {
                        self.out.json.push(separator);
                    }
                    self.value(element);
                }
                if id > 0 {
                    self.copy(range.end - 1..range.end);
                }
            }
            _ => self.copy(range),
        }
    }

    fn object(&mut self, id: Id) {
        let tape = self.tape;
        let range = tape.range(id);
        self.copy(range.start..range.start + 1);
        let mut is_first = true;
        let mut members = tape.members(id).peekable();
        while let Some((key, value)) = members.next() {
            if self.fates[value as usize] != Fate::Gone {
                if !is_first {
                    self.out.json.push(',');
                }
                is_first = false;
                self.copy(tape.range(key));
                self.out.json.push(':');
                self.value(value);
                continue;
            }
            let mut last = value;
            while let Some((_, next)) = members.next_if(|(_, next)| self.fates[*next as usize] == Fate::Gone)
            {
                last = next;
            }
            // Keys have no path, so the leaves between are values.
            let leaves =
                (value..tape.next(last)).filter(|id| self.structure.path(*id) != NONE && is_leaf(tape, *id));
            let mut count = 0;
            for leaf in leaves {
                self.gone[self.structure.path(leaf) as usize] += 1;
                count += 1;
            }
            let first = 1 + self.out.cuts.last().map_or(0, |cut| cut.first + cut.count - 1);
            let range = tape.range(key).start..tape.range(last).end;
            self.out.cuts.push(Omission { range, unit: Unit::Value, first, count });
        }
        self.copy(range.end - 1..range.end);
    }
}

/// Whether a value is a scalar or an empty container.
fn is_leaf(tape: &Tape<'_>, id: Id) -> bool {
    tape.is_empty(id) || !matches!(tape.kind(id), Kind::Object | Kind::Array)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::options::{Level, Options};
    use crate::policy::Policy;
    use crate::request::ToolCall;
    use crate::score::Query;
    use crate::tokens::Counter;

    /// The JSON without what goes, the mark, and the bytes that went.
    fn reduced(src: &str, drop: &str, question: &str, level: Level) -> Option<(String, String, Vec<String>)> {
        let digest = super::super::fields(src).unwrap().0;
        let document = format!(
            r#"{{"headroom_policy":1,"version":4,"tools":{{"t":{{"{digest}":{{"drop":{drop}}}}}}}}}"#
        );
        let policy = Some(Arc::new(Policy::parse(&document).unwrap()));
        let options = Options { policy, level, ..Options::default() };
        let call =
            ToolCall { name: "t".into(), arguments: "{}".into(), beside: String::new(), edited: false };
        let cx = Context {
            tokens: &Counter::for_model("gpt-4o"),
            query: &Query::new(question, ""),
            options: &options,
            tool: Some(&call),
            source: Source::ToolOutput,
        };
        let out = reduce(&Tape::parse(src).unwrap(), &cx)?;
        let gone = out.cuts.iter().map(|cut| src[cut.range.clone()].to_owned()).collect();
        Some((out.json, out.mark, gone))
    }

    #[test]
    fn members_go_with_their_commas() {
        let src = r#"[ {"a": 1, "b": [2, 3], "c": {"x": 4, "id": 5}}, {"b":[],"a":6,"c":{"x":7}}, {"a":8} ]"#;
        let cut = |drop: &str| {
            let (json, mark, gone) = reduced(src, drop, "", Level::Balanced).unwrap();
            (json, mark, gone.join(" | "))
        };
        let (json, mark, gone) = cut(r#"["$[].a"]"#);
        assert_eq!(json, r#"[{"b":[2, 3],"c":{"x": 4, "id": 5}},{"b":[],"c":{"x":7}},{}]"#);
        assert_eq!(mark, "[… 3 values 1-3: policy 4 leaves out a]");
        assert_eq!(gone, r#""a": 1 | "a":6 | "a":8"#);
        let (json, mark, gone) = cut(r#"["$[].b[]", "$[].c"]"#);
        assert_eq!(json, r#"[{"a":1,"c":{"id":5}},{"a":6},{"a":8}]"#);
        assert_eq!(mark, "[… 5 values 1-5: policy 4 leaves out b, c.x]");
        assert_eq!(gone, r#""b": [2, 3] | "x": 4 | "b":[] | "c":{"x":7}"#);
        assert_eq!(cut(r#"["$[]"]"#).0, r#"[{"c":{"id":5}},{},{}]"#);
    }

    #[test]
    fn nothing_goes_where_nothing_may() {
        let src = r#"{"rows":[{"speed":1,"note":"x"}],"list":[1,{"k":2}],"log":{"error":{"hint":3}}}"#;
        assert!(reduced(src, r#"["$.rows[].speed"]"#, "", Level::Lossless).is_none());
        assert!(reduced(src, r#"["$.rows[].speed"]"#, "what are the speeds?", Level::Aggressive).is_none());
        assert!(reduced(src, r#"["$.rows[].speed"]"#, "fast or slow?", Level::Aggressive).is_some());
        let asked = r#"{"rows":[{"code":"XQ-77","note":"y"}]}"#;
        assert!(reduced(asked, r#"["$.rows[].code"]"#, "which is xq-77?", Level::Balanced).is_none());
        assert!(reduced(src, r#"["$.rows[].other"]"#, "", Level::Balanced).is_none());
        assert!(reduced(src, r#"["$.log"]"#, "", Level::Balanced).is_none(), "an error");
        assert!(reduced(src, r#"["$.rows","$.list","$.log","$.list[]"]"#, "", Level::Balanced).is_some());
        assert!(reduced(r#"{"a":1,"b":{"c":2}}"#, r#"["$.a","$.b"]"#, "", Level::Balanced).is_none(), "all");
        // A scalar of a list of which an object stays.
        let (json, _, _) =
            reduced(r#"{"l":[1,{"k":2,"id":3}]}"#, r#"["$.l[]"]"#, "", Level::Balanced).unwrap();
        assert_eq!(json, r#"{"l":[1,{"id":3}]}"#);
    }

    #[test]
    fn a_mark_is_told_from_the_body() {
        let mark = "[… 3 values 1-3: policy 4 leaves out a]\n";
        assert_eq!(split_mark(&format!("{mark}[1]")), (mark, "[1]"));
        for body in [
            "[1]",
            "[… 3 records 1-3]\n[1]",
            "[… 3 values 1-3: x]\n[1]",
            "[… 3 values 1-3: policy 4 leaves out a]",
        ] {
            assert_eq!(split_mark(body), ("", body));
        }
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let members: Vec<String> =
            (b'a'..=b'z').map(|c| format!("\"{}\":0", char::from(c).to_string().repeat(30))).collect();
        let drop: Vec<String> =
            (b'a'..=b'z').map(|c| format!("\"$.{}\"", char::from(c).to_string().repeat(30))).collect();
        let src = format!("{{\"id\":1,{}}}", members.join(","));
        let (_, mark, _) = reduced(&src, &format!("[{}]", drop.join(",")), "", Level::Balanced).unwrap();
        assert!(mark.ends_with(" more]") && mark.len() < 500, "{mark}");
    }
}
