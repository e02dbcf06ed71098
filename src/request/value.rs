//! A request as a tree whose strings live in a table, so that both front ends can hand out borrowed
//! text and say later which string is to be replaced.

/// Deepest nesting that is read; what lies below is opaque. Payloads stand at depth 5 at most.
pub const MAX_DEPTH: usize = 64;

/// Index into [`Request::strings`].
pub type StringId = u32;

/// A JSON-like value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// null / None
    Null,
    /// true or false
    Bool(bool),
    /// A number in its own spelling.
    Number(String),
    /// A string of the table.
    Str(StringId),
    /// A list.
    Array(Vec<Value>),
    /// An object: keys (strings of the table) in order, duplicates kept.
    Object(Vec<(StringId, Value)>),
    /// An object of a foreign type (a pydantic model, say): readable, never edited.
    Foreign(Box<Value>),
    /// Something that cannot be read; the text says why.
    Opaque(&'static str),
}

/// A list of messages and the strings in them.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The messages, one value each.
    pub messages: Vec<Value>,
    /// Every string that occurs in them.
    pub strings: Vec<&'a str>,
}

impl<'a> Request<'a> {
    /// The string behind an id.
    pub fn str(&self, id: StringId) -> &'a str {
        self.strings.get(id as usize).copied().unwrap_or_default()
    }

    /// The value under `key` of an object (foreign ones too); `None` if absent or not an object.
    /// Of duplicate keys the last counts, as in most parsers.
    pub fn get<'v>(&self, value: &'v Value, key: &str) -> Option<&'v Value> {
        match value {
            Value::Object(members) => members.iter().rev().find(|(k, _)| self.str(*k) == key).map(|(_, v)| v),
            Value::Foreign(inner) => self.get(inner, key),
            _ => None,
        }
    }

    /// The string under `key`, if it is one.
    pub fn get_str(&self, value: &Value, key: &str) -> Option<&'a str> {
        match self.get(value, key)? {
            Value::Str(id) => Some(self.str(*id)),
            _ => None,
        }
    }

    /// Whether an object has `key` more than once (which of them counts is up to the receiver).
    pub fn is_ambiguous(&self, value: &Value, key: &str) -> bool {
        matches!(value, Value::Object(members) if members.iter().filter(|(k, _)| self.str(*k) == key).count() > 1)
    }

    /// The strings of `value` in order, keys left out.
    pub fn strings_of(&self, value: &Value, out: &mut Vec<&'a str>) {
        match value {
            Value::Str(id) => out.push(self.str(*id)),
            Value::Array(items) => items.iter().for_each(|item| self.strings_of(item, out)),
            Value::Object(members) => members.iter().for_each(|(_, item)| self.strings_of(item, out)),
            Value::Foreign(inner) => self.strings_of(inner, out),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Opaque(_) => {}
        }
    }

    /// Writes `value` as compact JSON-like text: what the model reads of tool arguments.
    pub fn flatten(&self, value: &Value, out: &mut String) {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Value::Number(n) => out.push_str(n),
            Value::Str(id) => {
                out.push('"');
                out.push_str(self.str(*id));
                out.push('"');
            }
            Value::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    self.flatten(item, out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (i, (key, item)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    out.push('"');
                    out.push_str(self.str(*key));
                    out.push_str("\":");
                    self.flatten(item, out);
                }
                out.push('}');
            }
            Value::Foreign(inner) => self.flatten(inner, out),
            Value::Opaque(_) => {}
        }
    }
}
