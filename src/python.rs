//! The boundary to Python, and the only file that knows PyO3.
//!
//! Messages are read into the core's [`Request`] while the GIL is held (strings are borrowed, not
//! copied), the GIL is released once for the whole request, and edits go back as (message, path, text).

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{create_exception, intern};

use crate::compress::{Outcome, compress_request};
use crate::error::Error;
use crate::options::{Level, Options, Retrieval};
use crate::policy::Policy;
use crate::request::value::{MAX_DEPTH, Request, Value};
use crate::request::{Step, body};
use crate::tokens::Counter;

/// Does `work` without holding the GIL. A panic is a bug of ours: it becomes an error like the others, since PyO3's
/// own for it is none that `except Exception` catches.
fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))).map_err(|_| {
        HeadroomError::new_err(
            "a bug in headroom: the input was not worked on; please report what it looks like",
        )
    })
}

create_exception!(headroom, HeadroomError, PyValueError, "Base of all errors that headroom raises.");
create_exception!(headroom, InvalidMessagesError, HeadroomError, "The input is not a list of messages.");
create_exception!(headroom, InvalidOptionError, HeadroomError, "An option has a value that is not allowed.");

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NotMessages { .. } | Error::Body { .. } => InvalidMessagesError::new_err(message),
            Error::Option { .. } | Error::Policy { .. } => InvalidOptionError::new_err(message),
        }
    }
}

/// A policy that was read.
#[pyclass(frozen, name = "Policy", module = "headroom._core")]
struct PyPolicy(Arc<Policy>);

#[pymethods]
impl PyPolicy {
    #[new]
    fn new(document: &str) -> PyResult<Self> {
        Ok(PyPolicy(Arc::new(Policy::parse(document)?)))
    }

    /// The number of this state of the policy.
    #[getter]
    fn version(&self) -> u64 {
        self.0.version()
    }
}

/// A string of Python's and its UTF-8.
enum Text {
    /// Python keeps the UTF-8 with the string: the next call finds it there.
    Kept(PyBackedStr),
    /// Made for this call. Python makes what it keeps in one copy and keeps another, for as long as
    /// the string lives: a large text outside ASCII would stand in memory once more than it must.
    Made(Py<PyString>, Option<PyBackedBytes>),
}

/// From so many characters on the UTF-8 of a string is made for each call (a millisecond per megabyte).
const MIN_MADE_CHARS: usize = 1 << 20;

impl Text {
    fn new(s: &Bound<'_, PyString>) -> Option<Self> {
        let is_large = s.len().is_ok_and(|chars| chars >= MIN_MADE_CHARS);
        // An ASCII string is its own UTF-8.
        if is_large && !s.call_method0(intern!(s.py(), "isascii")).and_then(|is| is.is_truthy()).ok()? {
            let bytes = PyBackedBytes::from(s.encode_utf8().ok()?);
            return Some(Text::Made(s.clone().unbind(), Some(bytes)));
        }
        PyBackedStr::try_from(s.clone()).ok().map(Text::Kept)
    }

    fn as_str(&self) -> &str {
        match self {
            Text::Kept(text) => text,
            // Python wrote valid UTF-8.
            Text::Made(_, bytes) => {
                bytes.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
            }
        }
    }

    /// Lets go of what was made for this call.
    fn release(&mut self) {
        if let Text::Made(_, bytes) = self {
            *bytes = None;
        }
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self {
            Text::Kept(text) => Ok(text.into_pyobject(py)?),
            Text::Made(text, _) => Ok(text.bind(py).clone()),
        }
    }
}

/// Reads Python objects; strings are kept alive by the table.
#[derive(Default)]
struct Reader {
    strings: Vec<Text>,
}

impl Reader {
    fn value(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Opaque("nested too deeply");
        }
        if let Ok(s) = object.cast::<PyString>() {
            return self.string(s).map_or(Value::Opaque("string with lone surrogates"), Value::Str);
        }
        if let Ok(dict) = object.cast::<PyDict>() {
            return self.object(dict, depth);
        }
        if let Ok(list) = object.cast::<PyList>() {
            return Value::Array(list.iter().map(|item| self.value(&item, depth + 1)).collect());
        }
        if object.is_none() {
            return Value::Null;
        }
        if let Ok(b) = object.cast::<PyBool>() {
            return Value::Bool(b.is_true());
        }
        if object.cast::<PyInt>().is_ok() || object.cast::<PyFloat>().is_ok() {
            return object
                .str()
                .and_then(|s| s.extract::<String>())
                .map_or(Value::Opaque("number"), Value::Number);
        }
        // Models of clients (pydantic) are read through their dump and never edited.
        match object.call_method0(intern!(object.py(), "model_dump")) {
            Ok(dump) if dump.cast::<PyDict>().is_ok() => {
                Value::Foreign(Box::new(self.value(&dump, depth + 1)))
            }
            _ => Value::Opaque("object of an unknown type"),
        }
    }

    fn object(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> Value {
        let mut members = Vec::with_capacity(dict.len());
        for (key, item) in dict.iter() {
            // Keys that are not strings cannot be sent as JSON; what stands under them is not read.
            let Some(key) = key.cast::<PyString>().ok().and_then(|k| self.string(k)) else { continue };
            let value = self.value(&item, depth + 1);
            members.push((key, value));
        }
        Value::Object(members)
    }

    fn string(&mut self, s: &Bound<'_, PyString>) -> Option<u32> {
        self.strings.push(Text::new(s)?);
        u32::try_from(self.strings.len() - 1).ok()
    }
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    let name = object.get_type().name().map_or_else(|_| "object".to_owned(), |n| n.to_string());
    format!("{} ({name})", describe(&name))
}

fn describe(name: &str) -> &'static str {
    match name {
        "str" => "a string",
        "dict" => "one dict",
        "NoneType" => "nothing",
        "bytes" => "bytes",
        _ => "an object",
    }
}

/// Compresses a list of messages. Returns
/// `(edits, decisions, omitted, tokens_before, tokens_after, over_limit, rewrites, tokenizer, originals)`.
#[pyfunction]
#[pyo3(signature = (messages, model, level, target_ratio, min_tokens, model_limit, query, max_threads, retrieval, retrieval_key, policy))]
#[allow(clippy::too_many_arguments)]
fn compress_messages<'py>(
    py: Python<'py>,
    messages: &Bound<'py, PyAny>,
    model: String,
    level: &str,
    target_ratio: Option<f64>,
    min_tokens: usize,
    model_limit: usize,
    query: Option<String>,
    max_threads: usize,
    retrieval: bool,
    retrieval_key: Option<Vec<u8>>,
    policy: Option<PyRef<'py, PyPolicy>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = Options {
        level: Level::parse(level)?,
        target_ratio,
        min_tokens,
        model_limit,
        query,
        max_threads,
        retrieval: retrieval_mode(retrieval, retrieval_key),
        policy: policy.map(|policy| policy.0.clone()),
    };
    let mut reader = Reader::default();
    let values = match messages.cast::<PyList>() {
        Ok(list) => list.iter().map(|m| reader.value(&m, 0)).collect(),
        Err(_) => match messages.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().map(|m| reader.value(&m, 0)).collect(),
            Err(_) => return Err(Error::NotMessages { given: type_name(messages) }.into()),
        },
    };
    let mut strings = reader.strings;
    let outcome = detached(py, || {
        let request = Request { messages: values, strings: strings.iter().map(Text::as_str).collect() };
        compress_request(&request, &model, &options)
    });
    strings.iter_mut().for_each(Text::release);
    export(py, outcome??, &strings, tokenizer(&model))
}

fn retrieval_mode(on: bool, key: Option<Vec<u8>>) -> Retrieval {
    match (on, key) {
        (false, _) => Retrieval::Off,
        (true, None) => Retrieval::Plain,
        (true, Some(key)) => Retrieval::Keyed(key),
    }
}

/// What a store must hold: `(hash, message, text, tool, kinds)`.
fn originals<'py>(py: Python<'py>, outcome: &Outcome) -> PyResult<Bound<'py, PyList>> {
    let originals = outcome.originals.iter();
    PyList::new(py, originals.map(|o| (&o.hash, o.message, &o.text, &o.tool, o.kinds.clone())))
}

/// Name of the tokenizer of a model and whether it is the model's own.
fn tokenizer(model: &str) -> (&'static str, bool) {
    let counter = Counter::for_model(model);
    (counter.encoding(), counter.is_exact())
}

fn export<'py>(
    py: Python<'py>,
    mut outcome: Outcome,
    strings: &[Text],
    tokenizer: (&'static str, bool),
) -> PyResult<Bound<'py, PyTuple>> {
    let edits = PyList::empty(py);
    // Each text is dropped as soon as Python has it.
    for edit in std::mem::take(&mut outcome.edits) {
        edits.append((edit.message, path(py, &edit.path)?, edit.text))?;
    }
    let decisions = PyList::empty(py);
    for d in &outcome.decisions {
        let blocks = PyList::empty(py);
        for (steps, b) in &d.blocks {
            let range = (b.range.start, b.range.end);
            blocks.append((path(py, steps)?, range, b.kind, b.why, b.tokens_before, b.tokens_after))?;
        }
        let done = &d.transforms;
        decisions.append((d.message, d.action, &d.reason, done, d.tokens_before, d.tokens_after, blocks))?;
    }
    (
        edits,
        decisions,
        omitted(py, &outcome, strings)?,
        outcome.tokens_before,
        outcome.tokens_after,
        outcome.over_limit,
        outcome.rewrites,
        tokenizer,
        originals(py, &outcome)?,
    )
        .into_pyobject(py)
}

/// What was left out, as `(texts, units, records)`: the strings it stood in, the names of units, and for
/// each omission seven numbers of 64 bits, little-endian (message, unit, first, count, text, start and
/// end byte). Few callers look at them all, and as objects they would take more memory than the text.
fn omitted<'py>(py: Python<'py>, outcome: &Outcome, strings: &[Text]) -> PyResult<Bound<'py, PyTuple>> {
    let texts = PyList::empty(py);
    let mut units: Vec<&'static str> = Vec::new();
    let mut records: Vec<u8> = Vec::with_capacity(outcome.omitted.len() * 7 * size_of::<u64>());
    let mut last = None;
    for o in &outcome.omitted {
        if last != Some(o.id)
            && let Some(text) = strings.get(o.id as usize)
        {
            texts.append(text.object(py)?)?;
            last = Some(o.id);
        }
        let name = o.omission.unit.name();
        let unit = units.iter().position(|known| *known == name).unwrap_or_else(|| {
            units.push(name);
            units.len() - 1
        });
        let range = &o.omission.range;
        let text = texts.len().saturating_sub(1);
        for number in [o.message, unit, o.omission.first, o.omission.count, text, range.start, range.end] {
            records.extend_from_slice(&(number as u64).to_le_bytes());
        }
    }
    (texts, units, PyBytes::new(py, &records)).into_pyobject(py)
}

fn path<'py>(py: Python<'py>, steps: &[Step]) -> PyResult<Bound<'py, PyTuple>> {
    let mut out: Vec<Bound<'py, PyAny>> = Vec::with_capacity(steps.len());
    for step in steps {
        out.push(match step {
            Step::Key(key) => PyString::new(py, key).into_any(),
            Step::Index(i) => i.into_pyobject(py)?.into_any(),
        });
    }
    PyTuple::new(py, out)
}

/// Compresses the body of an HTTP request. Returns
/// `(new_body | None, tokens_before, tokens_after, transforms, tokenizer, originals)`.
#[pyfunction]
#[pyo3(signature = (body, model, level, target_ratio, min_tokens, model_limit, query, max_threads, retrieval, retrieval_key, policy))]
#[allow(clippy::too_many_arguments)]
fn compress_body<'py>(
    py: Python<'py>,
    body: PyBackedBytes,
    model: Option<String>,
    level: &str,
    target_ratio: Option<f64>,
    min_tokens: usize,
    model_limit: usize,
    query: Option<String>,
    max_threads: usize,
    retrieval: bool,
    retrieval_key: Option<Vec<u8>>,
    policy: Option<PyRef<'py, PyPolicy>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = Options {
        level: Level::parse(level)?,
        target_ratio,
        min_tokens,
        model_limit,
        query,
        max_threads,
        retrieval: retrieval_mode(retrieval, retrieval_key),
        policy: policy.map(|policy| policy.0.clone()),
    };
    let done = detached(py, || body::compress_body(&body, model.as_deref(), &options))??;
    let mut transforms: Vec<&str> = Vec::new();
    for transform in done.outcome.decisions.iter().flat_map(|d| &d.transforms) {
        if !transforms.contains(transform) {
            transforms.push(transform);
        }
    }
    let new = done.body.map(|b| PyBytes::new(py, &b));
    let tokenizer = tokenizer(&done.model);
    let o = &done.outcome;
    (new, o.tokens_before, o.tokens_after, transforms, tokenizer, originals(py, o)?).into_pyobject(py)
}

/// Decodes every re-encoded block in `text`; what was left out stays left out.
#[pyfunction]
fn expand(py: Python<'_>, text: &str) -> PyResult<String> {
    let text = text.to_owned();
    detached(py, || crate::kinds::expand(&text))
}

/// The parts of `text` that `query` asks for, in about `max_tokens`. Returns
/// `(text, matches, matching, omitted, kinds)`.
#[pyfunction]
#[pyo3(signature = (text, query, max_tokens, model))]
fn excerpt<'py>(
    py: Python<'py>,
    text: PyBackedStr,
    query: PyBackedStr,
    max_tokens: usize,
    model: &str,
) -> PyResult<Bound<'py, PyTuple>> {
    let counter = Counter::for_model(model);
    let Ok(done) = detached(py, || crate::excerpt::excerpt(&text, &query, max_tokens, &counter)) else {
        // Whoever asks gets all of it then.
        return (&*text, 0, 0, PyList::empty(py), PyList::empty(py)).into_pyobject(py);
    };
    let omitted = PyList::empty(py);
    for o in &done.omissions {
        omitted.append((o.unit.name(), o.first, o.count, &text[o.range.clone()]))?;
    }
    (done.text, done.matches, done.matching, omitted, PyList::new(py, done.kinds)?).into_pyobject(py)
}

/// The structure digest of a JSON text and its fields: `(digest, {path: [value]})`; `None` if it has none.
#[pyfunction]
fn json_structure(py: Python<'_>, text: PyBackedStr) -> PyResult<Option<(String, Bound<'_, PyDict>)>> {
    let Some((digest, fields)) = detached(py, || crate::kinds::json::fields(&text))? else { return Ok(None) };
    let values = PyDict::new(py);
    for (path, field) in fields {
        values.set_item(path, PyList::new(py, field)?)?;
    }
    Ok(Some((digest, values)))
}

/// Tokens of `text` as `model` counts them.
#[pyfunction]
#[pyo3(signature = (text, model))]
fn count_tokens(py: Python<'_>, text: PyBackedStr, model: &str) -> PyResult<usize> {
    let counter = Counter::for_model(model);
    detached(py, || counter.count(&text))
}

/// Counters of the memo of texts: `(hits, misses, bytes)`.
#[pyfunction]
fn memo_stats() -> (u64, u64, u64) {
    let stats = crate::compress::memo_stats();
    (stats.hits, stats.misses, stats.bytes)
}

/// Forgets all texts seen so far, for measurements.
#[pyfunction]
fn clear_memo() {
    crate::compress::clear_memo();
}

/// How this module was built: `(profile, target, encodings)`, for `headroom doctor`.
#[pyfunction]
fn build_info() -> (&'static str, &'static str, Vec<&'static str>) {
    (env!("HEADROOM_PROFILE"), env!("HEADROOM_TARGET"), Counter::encodings().collect())
}

// Nothing here is shared without a lock, so the module asks no interpreter for its GIL.
#[pymodule(gil_used = false)]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("HeadroomError", py.get_type::<HeadroomError>())?;
    m.add("InvalidMessagesError", py.get_type::<InvalidMessagesError>())?;
    m.add("InvalidOptionError", py.get_type::<InvalidOptionError>())?;
    m.add_class::<PyPolicy>()?;
    m.add_function(wrap_pyfunction!(compress_messages, m)?)?;
    m.add_function(wrap_pyfunction!(compress_body, m)?)?;
    m.add_function(wrap_pyfunction!(expand, m)?)?;
    m.add_function(wrap_pyfunction!(excerpt, m)?)?;
    m.add_function(wrap_pyfunction!(json_structure, m)?)?;
    m.add_function(wrap_pyfunction!(build_info, m)?)?;
    m.add_function(wrap_pyfunction!(memo_stats, m)?)?;
    m.add_function(wrap_pyfunction!(clear_memo, m)?)?;
    // A panic of ours is caught at the boundary of a block and counted; its message may quote the
    // text it stumbled over, which must not reach a log.
    std::panic::set_hook(Box::new(|_| {}));
    m.add_function(wrap_pyfunction!(count_tokens, m)?)
}
