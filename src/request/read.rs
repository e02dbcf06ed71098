//! Reads messages of the three dialects: who speaks, what is payload, which call asked for it, which
//! turn it belongs to.

use super::Step;
use super::edits::Edits;
use super::value::{Request, StringId, Value};
use crate::hashed::FastMap;
use crate::kinds::Source;

/// A tool call, as far as the output it asked for may know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ToolCall {
    /// Name of the tool or function.
    pub name: String,
    /// Its arguments as text (JSON, or whatever the model wrote).
    pub arguments: String,
    /// The assistant's text beside the call.
    pub beside: String,
    /// Whether it names a file that an earlier call of the conversation has written to.
    pub edited: bool,
}

/// A string inside a message that may be compressed.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    /// The string itself.
    pub text: &'a str,
    /// Its id in the request's table.
    pub id: StringId,
    /// Where it stands in its message.
    pub path: Vec<Step>,
    /// What it is.
    pub source: Source,
    /// The call that asked for it, for tool outputs whose call is known.
    pub call: Option<ToolCall>,
    /// For tool outputs, the how-manieth of the conversation it is, from 1; 0 for other texts.
    pub output: usize,
}

/// What the model wrote into the arguments of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written<'a> {
    /// As it stands in the request: JSON, or the text itself.
    Raw(&'a str),
    /// The strings of arguments that are an object, keys left out.
    Strings(Vec<&'a str>),
}

/// The tool by which a model fetches what was left out; a client may put its server's name before it
/// (`mcp__headroom__headroom_retrieve`).
const RETRIEVE_TOOL: &str = "headroom_retrieve";

impl Text<'_> {
    /// Whether the model has fetched this text because it wants to see it: never compressed again.
    pub fn is_retrieved(&self) -> bool {
        self.source == Source::ToolOutput
            && self.call.as_ref().is_some_and(|call| call.name.ends_with(RETRIEVE_TOOL))
    }
}

/// One message, read.
#[derive(Debug, Clone, Default)]
pub struct Message<'a> {
    /// Number of items the model produced before this one; messages of one number form a turn.
    pub turn: usize,
    /// Whether the model produced it.
    pub is_models: bool,
    /// What may be compressed in it.
    pub texts: Vec<Text<'a>>,
    /// Everything in it that the model is billed for, except `texts` (ids, images left out).
    pub other: Vec<StringId>,
    /// Tool-call arguments that are objects, flattened (billed as well).
    pub flattened: Vec<String>,
    /// What the model wrote into each tool call, in order.
    pub calls: Vec<Written<'a>>,
    /// Why nothing or not all of it could be read, if so.
    pub odd: Option<&'static str>,
}

/// Reads all messages. Never fails: what is not understood is noted in [`Message::odd`].
pub fn read<'a>(request: &Request<'a>) -> Vec<Message<'a>> {
    let mut calls: FastMap<&'a str, ToolCall> = FastMap::default();
    let mut edits = Edits::default();
    let mut out = Vec::with_capacity(request.messages.len());
    let (mut turn, mut outputs) = (0, 0);
    for value in &request.messages {
        let mut reader = Reader {
            request,
            message: Message { turn, ..Message::default() },
            calls: &mut calls,
            edits: &mut edits,
            outputs: &mut outputs,
        };
        reader.message(value);
        let message = reader.message;
        if message.is_models {
            turn += 1;
        }
        out.push(message);
    }
    out
}

struct Reader<'r, 'a> {
    request: &'r Request<'a>,
    message: Message<'a>,
    calls: &'r mut FastMap<&'a str, ToolCall>,
    edits: &'r mut Edits,
    /// Tool outputs seen so far.
    outputs: &'r mut usize,
}

impl<'a> Reader<'_, 'a> {
    fn message(&mut self, value: &Value) {
        let r = self.request;
        match value {
            Value::Object(_) | Value::Foreign(_) => {}
            Value::Opaque(why) => return self.odd(why),
            _ => return self.odd("message is not an object"),
        }
        for key in ["role", "type", "content", "output"] {
            if r.is_ambiguous(value, key) {
                return self.odd("message has a key twice");
            }
        }
        match (r.get_str(value, "role"), r.get_str(value, "type")) {
            (Some(role), None | Some("message")) => self.chat_message(role, value),
            (None, Some(kind)) => self.item(kind, value),
            (Some(role), Some(_)) => self.chat_message(role, value),
            (None, None) => self.odd("message has no role"),
        }
    }

    /// A message with a role: OpenAI chat, Anthropic, or a Responses message item.
    fn chat_message(&mut self, role: &str, value: &Value) {
        let r = self.request;
        match role {
            "assistant" | "model" => self.assistant(value),
            "tool" | "function" => {
                *self.outputs += 1;
                let call = ["tool_call_id", "name"]
                    .iter()
                    .find_map(|key| self.calls.get(r.get_str(value, key)?))
                    .cloned()
                    .or_else(|| {
                        let name = r.get_str(value, "name")?.to_owned();
                        Some(ToolCall { name, ..ToolCall::default() })
                    });
                self.content(value, "content", Source::ToolOutput, call.as_ref());
            }
            "user" => self.content(value, "content", Source::User, None),
            "system" | "developer" => self.content(value, "content", Source::System, None),
            _ => {
                self.content(value, "content", Source::System, None);
                self.demote();
                self.odd("unknown role");
            }
        }
    }

    /// A Responses item without a role.
    fn item(&mut self, kind: &str, value: &Value) {
        let r = self.request;
        if kind.ends_with("_output") {
            *self.outputs += 1;
            let call = r.get_str(value, "call_id").and_then(|id| self.calls.get(id)).cloned();
            self.content(value, "output", Source::ToolOutput, call.as_ref());
        } else if kind == "item_reference" {
            self.odd("refers to an item that the provider keeps");
        } else {
            // function_call, reasoning, web_search_call, …: the model produced it.
            self.assistant(value);
        }
    }

    /// Anything that the model produced: read for its calls, never a payload.
    fn assistant(&mut self, value: &Value) {
        let r = self.request;
        self.message.is_models = true;
        let mut beside = String::new();
        match r.get(value, "content") {
            Some(Value::Str(id)) => {
                self.message.other.push(*id);
                beside.push_str(r.str(*id));
            }
            Some(Value::Array(parts)) => {
                for part in parts {
                    if let Some(Value::Str(id)) = r.get(part, "text") {
                        self.message.other.push(*id);
                        beside.push_str(r.str(*id));
                        beside.push('\n');
                    }
                }
                for part in parts.iter().filter(|p| r.get_str(p, "type") == Some("tool_use")) {
                    self.call(r.get_str(part, "id"), r.get(part, "name"), r.get(part, "input"), &beside);
                }
            }
            _ => {}
        }
        if let Some(Value::Array(list)) = r.get(value, "tool_calls") {
            for item in list {
                let function = r.get(item, "function").or_else(|| r.get(item, "custom"));
                if let Some(f) = function {
                    let arguments = r.get(f, "arguments").or_else(|| r.get(f, "input"));
                    self.call(r.get_str(item, "id"), r.get(f, "name"), arguments, &beside);
                }
            }
        }
        if let Some(f) = r.get(value, "function_call") {
            self.call(r.get_str(f, "name"), r.get(f, "name"), r.get(f, "arguments"), &beside);
        }
        if let Some(id) = r.get_str(value, "call_id") {
            let arguments = ["arguments", "input", "action"].iter().find_map(|key| r.get(value, key));
            self.call(Some(id), r.get(value, "name"), arguments, &beside);
        }
    }

    fn call(&mut self, id: Option<&'a str>, name: Option<&Value>, arguments: Option<&Value>, beside: &str) {
        let r = self.request;
        let mut call = ToolCall { beside: beside.to_owned(), ..ToolCall::default() };
        if let Some(Value::Str(name)) = name {
            self.message.other.push(*name);
            call.name = r.str(*name).to_owned();
        }
        match arguments {
            Some(Value::Str(text)) => {
                self.message.other.push(*text);
                call.arguments = r.str(*text).to_owned();
                self.message.calls.push(Written::Raw(r.str(*text)));
            }
            Some(value) => {
                let mut strings = Vec::new();
                r.strings_of(value, &mut strings);
                self.message.calls.push(Written::Strings(strings));
                r.flatten(value, &mut call.arguments);
                self.message.flattened.push(call.arguments.clone());
            }
            None => self.message.calls.push(Written::Strings(Vec::new())),
        }
        call.edited = self.edits.see(&call.name, &call.arguments);
        if let Some(id) = id {
            self.calls.insert(id, call);
        }
    }

    /// The payload under `key`: a string, or a list of blocks.
    fn content(&mut self, message: &Value, key: &'static str, source: Source, call: Option<&ToolCall>) {
        let r = self.request;
        if matches!(message, Value::Foreign(_)) {
            return self.odd("message is not a plain dict");
        }
        let path = vec![Step::Key(key)];
        match r.get(message, key) {
            Some(Value::Str(id)) => self.text(*id, path, source, call),
            Some(Value::Array(parts)) => self.parts(parts, &path, source, call),
            Some(Value::Null) | None => {}
            Some(Value::Opaque(why)) => self.odd(why),
            Some(_) => self.odd("content is neither a string nor a list of blocks"),
        }
    }

    fn parts(&mut self, parts: &[Value], path: &[Step], source: Source, call: Option<&ToolCall>) {
        let r = self.request;
        for (i, part) in parts.iter().enumerate() {
            let at = |keys: &[&'static str]| {
                let mut full = path.to_vec();
                full.push(Step::Index(i));
                full.extend(keys.iter().map(|k| Step::Key(k)));
                full
            };
            match part {
                Value::Str(id) => self.text(*id, at(&[]), source, call),
                Value::Object(_) => {
                    if ["type", "text", "content"].iter().any(|key| r.is_ambiguous(part, key)) {
                        self.odd("content block has a key twice");
                        continue;
                    }
                    match r.get_str(part, "type") {
                        Some("tool_result") => {
                            *self.outputs += 1;
                            let call =
                                r.get_str(part, "tool_use_id").and_then(|id| self.calls.get(id)).cloned();
                            match r.get(part, "content") {
                                Some(Value::Str(id)) => {
                                    self.text(*id, at(&["content"]), Source::ToolOutput, call.as_ref());
                                }
                                // Blocks inside a tool result nest no further.
                                Some(Value::Array(inner)) if path.len() == 1 => {
                                    self.parts(inner, &at(&["content"]), Source::ToolOutput, call.as_ref());
                                }
                                Some(Value::Opaque(why)) => self.odd(why),
                                _ => {}
                            }
                        }
                        Some("text" | "input_text" | "output_text") | None => match r.get(part, "text") {
                            Some(Value::Str(id)) => self.text(*id, at(&["text"]), source, call),
                            Some(Value::Opaque(why)) => self.odd(why),
                            _ => self.odd("content block without text"),
                        },
                        // Documents that the model may cite by place: never touched, but counted.
                        Some("document") => {
                            let source =
                                r.get(part, "source").filter(|s| r.get_str(s, "type") == Some("text"));
                            if let Some(Value::Str(id)) = source.and_then(|source| r.get(source, "data")) {
                                self.message.other.push(*id);
                            }
                        }
                        Some("search_result") => {
                            if let Some(Value::Array(inner)) = r.get(part, "content") {
                                for block in inner {
                                    if let Some(Value::Str(id)) = r.get(block, "text") {
                                        self.message.other.push(*id);
                                    }
                                }
                            }
                        }
                        // Images, audio, files, thinking: never touched.
                        Some(_) => {}
                    }
                }
                Value::Foreign(_) => self.odd("content block is not a plain dict"),
                Value::Opaque(why) => self.odd(why),
                _ => self.odd("content block is not an object"),
            }
        }
    }

    fn text(&mut self, id: StringId, path: Vec<Step>, source: Source, call: Option<&ToolCall>) {
        let text = self.request.str(id);
        let output = if source == Source::ToolOutput { *self.outputs } else { 0 };
        self.message.texts.push(Text { text, id, path, source, call: call.cloned(), output });
    }

    /// Counted, but not to be compressed.
    fn demote(&mut self) {
        let texts = std::mem::take(&mut self.message.texts);
        self.message.other.extend(texts.iter().map(|t| t.id));
    }

    fn odd(&mut self, why: &'static str) {
        self.message.odd.get_or_insert(why);
    }
}
