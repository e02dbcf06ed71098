//! Columns that follow from other columns of the same row: web addresses built from ids and names,
//! and columns that repeat another one.
//!
//! Only addresses (web, git) are templated: other long values (ARNs, container ids, paths) are the
//! literals that later commands need. A column that the question names is left as it is. Cost: linear
//! in the cells; deriving templates looks at [`SAMPLES`] rows, checking them at all.

use super::columns::{Columns, FieldId, Group, Shape};
use super::cost;
use super::roles::{NAMED_TENTHS, Role, value_tenths};
use super::tape::{Id, Kind, NONE, Tape};
use super::text;
use crate::hashed::{FastMap, FastSet};
use crate::score::Query;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Text(String),
    /// The text of another column of the same row.
    Column(FieldId),
}

/// Rows that templates are derived from; more finds hardly more.
const SAMPLES: usize = 3;
/// Longest chain of columns that follow from each other.
pub const MAX_LINKS: usize = 4;
/// Longer addresses are data, not links.
pub const MAX_ADDRESS_BYTES: usize = 400;
/// Texts shorter than this occur in addresses by chance.
const MIN_PART_BYTES: usize = 2;
/// What an address begins with.
const SCHEMES: [&str; 7] = ["https://", "http://", "git://", "git@", "ssh://", "git+ssh://", "git+https://"];

/// The dotted path around a path, `a.b.` for `a.b.c` and `a.` for `a.b.`.
fn around(prefix: &str) -> &str {
    let inner = prefix.strip_suffix('.').unwrap_or(prefix);
    &prefix[..inner.rfind('.').map_or(0, |dot| dot + 1)]
}

/// What a reference in a column means: the path `name`, looked up beside the column (below `prefix`,
/// which ends in a dot or is empty), then around it. A leading dot says that it is looked up in the
/// record alone.
pub fn resolve(prefix: &str, name: &str, is_path: impl Fn(&str) -> bool) -> Option<String> {
    if let Some(path) = name.strip_prefix('.') {
        return is_path(path).then(|| path.to_owned());
    }
    let mut prefix = prefix;
    loop {
        let path = format!("{prefix}{name}");
        if is_path(&path) {
            return Some(path);
        }
        if prefix.is_empty() {
            return None;
        }
        prefix = around(prefix);
    }
}

/// The shortest reference to `path` from a column below `prefix`; the inverse of [`resolve`].
pub fn reference(prefix: &str, path: &str, is_path: impl Fn(&str) -> bool) -> String {
    let mut scope = prefix;
    loop {
        if let Some(name) = path.strip_prefix(scope)
            && text::is_bare_key(name)
            && resolve(prefix, name, &is_path).as_deref() == Some(path)
        {
            return name.to_owned();
        }
        if scope.is_empty() {
            return format!(".{path}");
        }
        scope = around(scope);
    }
}

/// The words and quotations of a question: columns and values that must stay visible as they are.
#[derive(Debug, Default)]
pub struct Named {
    words: FastSet<String>,
    literals: FastSet<String>,
}

impl Named {
    /// From the question; the call's arguments name everything and count for nothing.
    pub fn new(query: &Query) -> Self {
        let words = query
            .question
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect();
        Named { words, literals: query.literals.iter().cloned().collect() }
    }

    fn key(&self, key: &str) -> bool {
        self.words.contains(key)
    }
}

/// The text of a value that can stand in a template.
fn part<'s>(tape: &Tape<'s>, id: Id) -> Option<&'s str> {
    if id == NONE {
        return None;
    }
    match tape.kind(id) {
        Kind::String => Some(tape.inner(id)).filter(|s| memchr::memchr(b'\\', s.as_bytes()).is_none()),
        Kind::Number => Some(tape.raw(id)),
        _ => None,
    }
}

fn is_address(s: &str) -> bool {
    s.len() <= MAX_ADDRESS_BYTES && SCHEMES.iter().any(|scheme| s.starts_with(scheme))
}

impl Columns<'_, '_> {
    /// Gives columns of `group`, which has its roles, cheaper ones where they follow from others.
    pub fn link(&mut self, group: &Group, named: &Named) {
        let mut leaves = Vec::new();
        self.leaves(group, &mut leaves);
        leaves.retain(|id| matches!(self.fields[*id].shape, Shape::Any));
        self.link_addresses(&leaves, named);
        self.link_equals(&leaves, named);
    }

    /// Whether a template or another column may refer to this one by its path.
    fn can_be_named(&self, id: FieldId) -> bool {
        let field = &self.fields[id];
        !field.is_ambiguous && text::is_bare_key(&field.path)
    }

    fn link_addresses(&mut self, leaves: &[FieldId], named: &Named) {
        let mut addresses: Vec<(usize, FieldId)> = Vec::new();
        for &id in leaves {
            let field = &self.fields[id];
            if named.key(field.key) || field.is_ambiguous {
                continue;
            }
            let (mut present, mut fitting, mut bytes, mut asked) = (0, 0, 0, false);
            for &value in field.values.iter().filter(|v| **v != NONE) {
                present += 1;
                if let Some(s) = part(self.tape, value).filter(|s| is_address(s)) {
                    fitting += 1;
                    bytes += s.len();
                    asked |= named.literals.contains(s);
                }
            }
            if !asked && fitting > 0 && fitting * 2 > present {
                addresses.push((bytes / fitting, id));
            }
        }
        // Shorter ones first: longer ones may continue them. A column may refer to an address only
        // if that one's role is settled, so that no circle arises.
        addresses.sort_unstable();
        let mut open: FastSet<FieldId> = addresses.iter().map(|(_, id)| *id).collect();
        let mut samples = Samples::default();
        for (_, id) in addresses {
            if let Some(role) = self.template(id, leaves, &open, &mut samples) {
                if let Role::Format(pieces) = &role {
                    let column = |p: &Piece| if let Piece::Column(c) = p { self.fields[*c].links } else { 0 };
                    self.fields[id].links = 1 + pieces.iter().map(column).max().unwrap_or(0);
                }
                self.fields[id].role = role;
            }
            open.remove(&id);
        }
    }

    /// A template that is cheaper than the column's role.
    fn template(
        &self,
        id: FieldId,
        leaves: &[FieldId],
        open: &FastSet<FieldId>,
        samples: &mut Samples,
    ) -> Option<Role> {
        let field = &self.fields[id];
        let rows: Vec<usize> = (0..field.values.len())
            .filter(|row| part(self.tape, field.values[*row]).is_some_and(is_address))
            .take(SAMPLES)
            .collect();
        let mut best: Option<(u64, Role)> = None;
        for &row in &rows {
            let Some(by_text) = samples.row(self, row, leaves) else { continue };
            let other = rows.iter().copied().find(|r| *r != row);
            let Some(pieces) = self.derive(id, row, other, by_text, open) else { continue };
            let role = Role::Format(pieces);
            if best.as_ref().is_some_and(|(_, known)| *known == role) {
                continue;
            }
            let Role::Format(pieces) = &role else { continue };
            let tenths = self.template_tenths(id, pieces);
            if best.as_ref().is_none_or(|(known, _)| tenths < *known) {
                best = Some((tenths, role));
            }
        }
        best.filter(|(tenths, _)| *tenths < self.fields[id].tenths).map(|(_, role)| role)
    }

    /// Splits the address of `row` into texts of other columns and what stands between them.
    fn derive(
        &self,
        id: FieldId,
        row: usize,
        other: Option<usize>,
        by_text: &FastMap<String, Vec<FieldId>>,
        open: &FastSet<FieldId>,
    ) -> Option<Vec<Piece>> {
        let field = &self.fields[id];
        let url = part(self.tape, field.values[row])?;
        let parent = |path: &str| path.rfind('.').map_or(0, |dot| dot + 1);
        let scope = &field.path[..parent(&field.path)];
        let pick = |text: &str| -> Option<FieldId> {
            let fits = |c: &FieldId| {
                *c != id
                    && !open.contains(c)
                    && self.fields[*c].links < MAX_LINKS
                    // A text that is not in the address of another row is there by chance.
                    && other.is_none_or(|o| {
                        match (part(self.tape, self.fields[*c].values[o]), part(self.tape, field.values[o])) {
                            (Some(text), Some(url)) => url.contains(text),
                            _ => false,
                        }
                    })
            };
            let candidates = by_text.get(text)?;
            let near = |c: &&FieldId| self.fields[**c].path.starts_with(scope) && fits(c);
            candidates.iter().find(near).or_else(|| candidates.iter().find(|c| fits(c))).copied()
        };
        let bounds = bounds(url);
        let mut pieces = Vec::new();
        let mut literal = 0;
        let mut i = 0;
        while i + 1 < bounds.len() {
            let found = (i + 1..bounds.len()).rev().find_map(|j| {
                let text = &url[bounds[i]..bounds[j]];
                if text.len() < MIN_PART_BYTES { None } else { pick(text).map(|column| (j, column)) }
            });
            match found {
                Some((j, column)) => {
                    if literal < bounds[i] {
                        pieces.push(Piece::Text(url[literal..bounds[i]].to_owned()));
                    }
                    pieces.push(Piece::Column(column));
                    literal = bounds[j];
                    i = j;
                }
                None => i += 1,
            }
        }
        if literal < url.len() {
            pieces.push(Piece::Text(url[literal..].to_owned()));
        }
        let columns = pieces.iter().filter(|p| matches!(p, Piece::Column(_))).count();
        (columns > 0 && pieces.len() > 1).then_some(pieces)
    }

    /// What the header and the exceptions of a template cost.
    fn template_tenths(&self, id: FieldId, pieces: &[Piece]) -> u64 {
        let field = &self.fields[id];
        let named = NAMED_TENTHS + 10 * u64::from(cost::tokens(&field.path));
        let mut tenths = 20;
        for piece in pieces {
            tenths += match piece {
                Piece::Text(text) => 10 * u64::from(cost::tokens(text)),
                Piece::Column(c) => 15 + 10 * u64::from(cost::tokens(&self.fields[*c].path)),
            };
        }
        for (row, &value) in field.values.iter().enumerate() {
            if !self.follows(row, value, pieces) {
                tenths += named + value_tenths(self.tape, value);
            }
        }
        tenths
    }

    /// Whether `value` is what the template makes in `row`.
    pub fn follows(&self, row: usize, value: Id, pieces: &[Piece]) -> bool {
        let column = |c: FieldId| part(self.tape, self.fields[c].values[row]);
        if pieces.iter().any(|p| matches!(p, Piece::Column(c) if column(*c).is_none())) {
            // The template has nothing to say: the member is absent.
            return value == NONE;
        }
        if value == NONE || self.tape.kind(value) != Kind::String {
            return false;
        }
        let mut rest = self.tape.inner(value);
        for piece in pieces {
            let text = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Column(c) => column(*c).unwrap_or_default(),
            };
            let Some(after) = rest.strip_prefix(text) else { return false };
            rest = after;
        }
        rest.is_empty()
    }

    /// Columns that say in each row what an earlier one says.
    fn link_equals(&mut self, leaves: &[FieldId], named: &Named) {
        let mut first: FastMap<u64, FieldId> = FastMap::default();
        for &id in leaves {
            let field = &self.fields[id];
            if !matches!(field.role, Role::Cell { .. }) || !self.can_be_named(id) {
                continue;
            }
            let hash = field.values.iter().fold(0_u64, |h, value| {
                let value = if *value == NONE { 1 } else { self.tape.hash(*value) };
                (h ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
            });
            let Some(&other) = first.get(&hash) else {
                first.insert(hash, id);
                continue;
            };
            let equal = field
                .values
                .iter()
                .zip(&self.fields[other].values)
                .all(|(a, b)| super::roles::same(self.tape, *a, *b));
            if equal && !named.key(field.key) {
                self.fields[id].role = Role::Same(other);
            }
        }
    }
}

/// Texts of the columns of a few rows.
#[derive(Default)]
struct Samples {
    rows: Vec<(usize, FastMap<String, Vec<FieldId>>)>,
}

impl Samples {
    fn row(
        &mut self,
        columns: &Columns<'_, '_>,
        row: usize,
        leaves: &[FieldId],
    ) -> Option<&FastMap<String, Vec<FieldId>>> {
        if let Some(i) = self.rows.iter().position(|(r, _)| *r == row) {
            return self.rows.get(i).map(|(_, m)| m);
        }
        if self.rows.len() == 2 * SAMPLES {
            return None;
        }
        let mut by_text: FastMap<String, Vec<FieldId>> = FastMap::default();
        for &id in leaves {
            if let Some(text) = part(columns.tape, columns.fields[id].values[row])
                && (MIN_PART_BYTES..=MAX_ADDRESS_BYTES).contains(&text.len())
                && columns.can_be_named(id)
            {
                by_text.entry(text.to_owned()).or_default().push(id);
            }
        }
        self.rows.push((row, by_text));
        self.rows.last().map(|(_, m)| m)
    }
}

/// Places in an address where a part may begin or end.
fn bounds(url: &str) -> Vec<usize> {
    const SEPARATORS: &[u8] = b"/:?=#&@.,+-{}%~";
    let b = url.as_bytes();
    let mut out = vec![0];
    for i in 1..b.len() {
        if SEPARATORS.contains(&b[i]) || SEPARATORS.contains(&b[i - 1]) {
            out.push(i);
        }
    }
    out.push(b.len());
    // Only positions between ASCII separators and other bytes: always char boundaries.
    out.retain(|i| url.is_char_boundary(*i));
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn references_are_relative() {
        let paths = ["url", "repo.url", "repo.owner.login", "id"];
        let is_path = |p: &str| paths.contains(&p);
        for (prefix, path, name) in [
            ("repo.", "repo.url", "url"),
            ("", "repo.url", "repo.url"),
            ("repo.", "url", ".url"),
            ("repo.owner.", "repo.url", "url"),
            ("repo.", "repo.owner.login", "owner.login"),
            ("repo.owner.", "id", "id"),
        ] {
            assert_eq!(reference(prefix, path, is_path), name, "{prefix} {path}");
            assert_eq!(resolve(prefix, name, is_path).as_deref(), Some(path));
        }
        assert_eq!(resolve("", "x", is_path), None);
        assert_eq!(reference("a.", "a.", |p| p == "a."), "a.", "an empty name is none");
    }

    #[test]
    fn bounds_are_around_separators() {
        assert_eq!(bounds("a/b.c"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(bounds("é/ü"), [0, 2, 3, 5]);
    }
}
