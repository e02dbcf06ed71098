//! What is worth showing of a record that is left out: its name and its state; and which records are
//! too telling to be left out at all: failures, rare categories.
//!
//! Cost: linear in the cells.

use super::columns::{Columns, FieldId, Group, Shape};
use super::cost;
use super::roles::Role;
use super::tape::{Kind, NONE};
use super::text;
use crate::hashed::FastMap;
use crate::mark::MAX_LABEL_CHARS;

/// What the label of a mark starts with when a digest of the records follows.
pub const LABEL: &str = "only ";

/// Columns whose values name a record, best first. Others that end in `name` or `id` come after.
const NAMES: [&str; 9] = ["name", "title", "id", "key", "number", "login", "path", "filename", "full_name"];
/// What the keys of columns that tell a record's state hold, the most telling first.
const STATES: [&str; 11] = [
    "status",
    "state",
    "phase",
    "conclusion",
    "health",
    "severity",
    "level",
    "result",
    "priority",
    "type",
    "kind",
];
/// What the values of records that must stay hold.
const FAILURES: [&str; 9] =
    ["fail", "error", "critical", "fatal", "unhealthy", "denied", "exception", "crash", "timed_out"];
/// Values of more tokens than this on average name nothing briefly.
const MAX_NAME_TOKENS: usize = 20;
/// States are single words.
const MAX_STATE_TOKENS: usize = 4;
/// Columns with more distinct values than this are no categories.
const MAX_CATEGORIES: usize = 12;
/// At most this many columns of states.
const MAX_STATES: usize = 2;
/// Categories are rare if one record in this many has them, among at least as many records.
const RARE_SHARE: usize = 50;
/// The same for columns that tell a record's state.
const RARE_STATE_SHARE: usize = 20;
/// At most one record in this many is kept because of its rarity or failure.
const TELLING_SHARE: usize = 10;

/// What is known of one column.
struct Profile {
    id: FieldId,
    present: usize,
    distinct: usize,
    /// Estimated tokens per value.
    tokens: usize,
    /// Rows of each category, empty if there are too many.
    categories: Vec<Vec<usize>>,
}

impl Columns<'_, '_> {
    /// Notes for every group of records below `shape` what its digest shows and which rows stay.
    pub fn summarise(&mut self, shape: &mut Shape) {
        match shape {
            // Variants are written only where nothing is left out.
            Shape::Any | Shape::Variants(_) => {}
            Shape::List(inner) | Shape::Map(inner) => self.summarise(&mut inner.item),
            Shape::Group(group) => {
                let mut leaves = Vec::new();
                self.leaves(group, &mut leaves);
                for &id in &leaves {
                    let mut shape = std::mem::replace(&mut self.fields[id].shape, Shape::Any);
                    self.summarise(&mut shape);
                    self.fields[id].shape = shape;
                }
                let profiles: Vec<Profile> = leaves.iter().filter_map(|id| self.profile(*id)).collect();
                group.digest = self.digest(group, &profiles);
                group.telling = self.telling(group, &profiles);
            }
        }
    }

    /// `None` for columns that hold no short scalars or are the same everywhere.
    fn profile(&self, id: FieldId) -> Option<Profile> {
        let field = &self.fields[id];
        if !matches!(field.shape, Shape::Any)
            || !matches!(field.role, Role::Cell { .. } | Role::Sparse | Role::Const(_))
        {
            return None;
        }
        let mut rows_of: FastMap<&str, usize> = FastMap::default();
        let mut categories: Vec<Vec<usize>> = Vec::new();
        let (mut present, mut tokens) = (0, 0);
        for (row, &value) in field.values.iter().enumerate().filter(|(_, v)| **v != NONE) {
            if matches!(self.tape.kind(value), Kind::Object | Kind::Array) {
                return None;
            }
            let raw = self.tape.raw(value);
            present += 1;
            tokens += cost::tokens(raw) as usize;
            if raw == "null" {
                continue;
            }
            let next = rows_of.len();
            let category = *rows_of.entry(raw).or_insert(next);
            if category <= MAX_CATEGORIES {
                categories.resize(categories.len().max(category + 1), Vec::new());
                categories[category].push(row);
            }
        }
        let distinct = rows_of.len();
        if distinct < 2 || self.fields[id].is_ambiguous || !text::is_bare_key(&field.path) {
            return None;
        }
        if distinct > MAX_CATEGORIES {
            categories.clear();
        }
        Some(Profile { id, present, distinct, tokens: tokens / present, categories })
    }

    fn key_rank(&self, id: FieldId) -> usize {
        let field = &self.fields[id];
        let key = field.key.to_lowercase();
        let depth = field.path.bytes().filter(|b| *b == b'.').count();
        let rank = match NAMES.iter().position(|name| *name == key) {
            Some(i) => i,
            None if key.ends_with("name") => 20,
            None if key.ends_with("id") => 30,
            None if key.ends_with("key") || key.ends_with("arn") => 40,
            None => 60,
        };
        rank + 10 * depth
    }

    fn digest(&self, group: &Group, profiles: &[Profile]) -> Vec<FieldId> {
        let rows = group.fits.iter().filter(|f| **f).count();
        let mut names: Vec<(bool, usize, FieldId)> = profiles
            .iter()
            .filter(|p| p.tokens <= MAX_NAME_TOKENS && p.present * 10 >= rows * 9)
            .map(|p| (p.distinct * 10 < p.present * 8, self.key_rank(p.id), p.id))
            .collect();
        names.sort_unstable();
        let Some(&(_, _, name)) = names.first() else { return Vec::new() };
        let mut states: Vec<(usize, FieldId)> = profiles
            .iter()
            .filter(|p| p.id != name && p.tokens <= MAX_STATE_TOKENS && p.distinct <= MAX_CATEGORIES)
            .filter_map(|p| Some((self.state_rank(p.id)?, p.id)))
            .collect();
        states.sort_unstable();
        let mut out = vec![name];
        out.extend(states.into_iter().map(|(_, id)| id).take(MAX_STATES));
        // The mark says which columns these are, and it must say so in full.
        while LABEL.chars().count() + self.label_chars(&out) > MAX_LABEL_CHARS {
            out.pop();
        }
        out.sort_unstable();
        out
    }

    /// How telling a column is of a record's state, 0 for the most; `None` if it is no such column.
    fn state_rank(&self, id: FieldId) -> Option<usize> {
        let key = self.fields[id].key.to_lowercase();
        STATES.iter().position(|state| key.contains(state))
    }

    fn label_chars(&self, ids: &[FieldId]) -> usize {
        ids.iter().map(|id| self.fields[*id].path.chars().count() + 1).sum::<usize>().saturating_sub(1)
    }

    /// Which rows stay whatever is asked.
    fn telling(&self, group: &Group, profiles: &[Profile]) -> Vec<bool> {
        let n = group.fits.len();
        // Records that do not fit have no cells that a digest could show.
        let mut out: Vec<bool> = group.fits.iter().map(|fits| !fits).collect();
        let mut room = 2.max(n / TELLING_SHARE);
        for profile in profiles {
            let field = &self.fields[profile.id];
            let share = if self.state_rank(profile.id).is_some() { RARE_STATE_SHARE } else { RARE_SHARE };
            for rows in &profile.categories {
                let Some(&first) = rows.first() else { continue };
                let value = self.tape.raw(field.values[first]);
                let is_rare = n >= share && rows.len() * share <= n && value.len() <= 40;
                let lower = value.to_lowercase();
                let is_failure = value.len() <= 40 && FAILURES.iter().any(|f| lower.contains(f));
                if (is_rare || is_failure) && rows.len() <= room {
                    room -= rows.len();
                    for &row in rows {
                        out[row] = true;
                    }
                }
            }
        }
        out
    }
}
