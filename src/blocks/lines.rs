//! What one line or paragraph of a user's message looks like, seen by itself: machine-made data, words
//! said to the model, or plain text. Linear in the line; no line is looked at beyond [`MAX_LOOK_BYTES`].

use std::ops::Range;

use crate::planes::{WINDOW, of, planes, positions, window, within};

/// Enough of a line to see what it is.
const MAX_LOOK_BYTES: usize = 2_000;
/// From this share of digits and twice the symbols among the visible characters a line is data: log
/// lines, JSON, code and paths lie above 0.25, written text with the odd path or number below 0.15.
const DATA_SHARE: f64 = 0.20;
/// A longer run without a blank is no written word (base64, hashes, minified code), in characters.
const MAX_WORD_CHARS: usize = 60;

/// Lines of `range`, each with its newline.
pub(crate) fn lines(text: &str, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let (mut at, end) = (range.start, range.end);
    let mut newlines = positions(text.as_bytes(), range, |b| b == b'\n');
    std::iter::from_fn(move || {
        let next = newlines.next().map_or(end, |n| n + 1);
        (at < end).then(|| std::mem::replace(&mut at, next)..next)
    })
}

/// Paragraphs of `range`: runs of lines that are not blank.
pub(crate) fn paragraphs(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    for line in lines(text, range) {
        if trim(&text[line.clone()]).is_empty() {
            open = false;
        } else if let Some(last) = out.last_mut().filter(|_| open) {
            last.end = line.end;
        } else {
            out.push(line);
            open = true;
        }
    }
    out
}

/// `line.trim_start()`, quicker for the spaces and tabs of an indentation.
pub(crate) fn trim_start(line: &str) -> &str {
    let indent = line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let inner = &line[indent..];
    // Only a space or a part of a wider character may be white space still.
    if inner.as_bytes().first().is_some_and(u8::is_ascii_graphic) { inner } else { inner.trim_start() }
}

/// `line.trim_end()`, quicker for a newline behind ASCII.
fn trim_end(line: &str) -> &str {
    let bytes = line.as_bytes();
    let blank = bytes.iter().rev().take_while(|b| matches!(b, b' ' | b'\t'..=b'\r')).count();
    let inner = &line[..line.len() - blank];
    if inner.as_bytes().last().is_some_and(u8::is_ascii) { inner } else { inner.trim_end() }
}

/// `line.trim()`, quicker where ASCII stands at both ends.
pub(crate) fn trim(line: &str) -> &str {
    trim_end(trim_start(line))
}

fn head(line: &str) -> &str {
    let mut end = line.len().min(MAX_LOOK_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// Whether a line was written by a program: log lines, code, tables, diffs, dumps.
pub(crate) fn is_data(line: &str) -> bool {
    let line = trim_end(head(line));
    let words = trim_start(line);
    let indent = line.len() - words.len();
    // Marks of headings, quotes and lists are no symbols.
    let marks = words.bytes().take_while(|b| matches!(b, b'#' | b'>' | b'*' | b'-' | b' ')).count();
    let body = &words[marks..];
    if body.is_empty() {
        return false;
    }
    let is_frame = body.starts_with("at ") && body.ends_with(')');
    if is_frame || starts_like_data(words) {
        return true;
    }
    if body.ends_with([';', '{', '}']) && body.contains(['(', ')', '=', '{', '}', '<', '.']) {
        return true;
    }
    // An indented or timed line takes half as much.
    let is_suspect = || indent >= 2 || starts_with_time(body);
    if is_plainly_written(body, is_suspect) {
        return false;
    }
    let signs = Signs::of(body);
    if signs.tabs >= 2 || signs.wide == 0 && has_long_run(body.as_bytes()) {
        return true;
    }
    let share = (signs.digits + 2 * signs.symbols) as f64 / signs.seen as f64;
    share >= DATA_SHARE || (share >= DATA_SHARE / 2.0 && is_suspect())
}

/// Whether a line is so much of letters that it cannot be data by its signs, and has none of the tabs and
/// long runs that make one; false where in doubt. A quarter of the work of [`Signs::of`], which settles most
/// lines of written text. `is_suspect`: whether half the share is enough.
fn is_plainly_written(body: &str, is_suspect: impl Fn() -> bool) -> bool {
    let bytes = body.as_bytes();
    let (mut written, mut blanks, mut tabs, mut wide) = (0, 0, 0, 0);
    for at in (0..bytes.len()).step_by(WINDOW) {
        let window = window(bytes, at);
        // A window's counts fit into a byte.
        let count = |is: fn(u8) -> bool| usize::from(window.iter().map(|b| u8::from(is(*b))).sum::<u8>());
        // Letters, and of the punctuation what takes few comparisons: `!"` and `'()*`.
        written += count(|b| within(b | 0x20, b'a', 26) | within(b, b'!', 2) | within(b, b'\'', 4));
        blanks += count(is_blank);
        tabs += count(|b| b == b'\t');
        wide += count(|b| b >= 0x80);
    }
    let seen = bytes.len() - blanks - wide;
    // Each other sign counts twice at most.
    let others = (2 * (seen - written)) as f64;
    let share = DATA_SHARE * seen as f64;
    let is_of_letters = others < share / 2.0 || others < share && !is_suspect();
    is_of_letters && tabs < 2 && (wide > 0 || !has_long_run(bytes))
}

/// Space, and U+0009 to U+000D.
#[inline(always)]
pub(crate) fn is_blank(byte: u8) -> bool {
    (byte == b' ') | within(byte, b'\t', 5)
}

/// Whether a run without a blank is longer than any written word. Looks at few bytes: of so many in a row
/// one must be blank.
fn has_long_run(body: &[u8]) -> bool {
    let mut from = 0;
    while let Some(run) = body.get(from..=from + MAX_WORD_CHARS) {
        match run.iter().rposition(|b| is_blank(*b)) {
            Some(blank) => from += blank + 1,
            None => return true,
        }
    }
    false
}

/// Whether a line begins as nothing but program output and code does.
fn starts_like_data(words: &str) -> bool {
    let starts: &[&str] = match words.as_bytes().first() {
        Some(b'I') => &["INFO"],
        Some(b'W') => &["WARN"],
        Some(b'E') => &["ERROR"],
        Some(b'D') => &["DEBUG"],
        Some(b'T') => &["TRACE", "Traceback ("],
        Some(b'F') => &["FATAL", "FAILED", "File \""],
        Some(b'C') => &["CRITICAL", "Caused by:"],
        Some(b'N') => &["NOTICE"],
        Some(b'P') => &["PASSED"],
        Some(b'[') => &["[INFO", "[WARN", "[ERROR", "[DEBUG"],
        Some(b'<') => &["</", "<!", "<?", "<html", "<div", "<table", "<tr", "<td", "<body", "<head"],
        Some(b'd') => &["diff --git"],
        Some(b'e') => &["error:", "error["],
        Some(b'g') => &["goroutine "],
        Some(b'n') => &["npm ERR!"],
        Some(b'w') => &["warning:"],
        Some(b'@') => &["@@ -"],
        Some(b'+') => &["+++ "],
        Some(b'-') => &["--- a/"],
        Some(b'/') => &["//", "/*"],
        Some(b'#') => &["#include", "#define"],
        Some(b'"') => &["\"\"\""],
        _ => &[],
    };
    starts.iter().any(|start| words.starts_with(start))
}

/// What the characters of a line are.
#[derive(Default)]
struct Signs {
    /// Visible ones.
    seen: usize,
    digits: usize,
    /// Punctuation that written text has little of.
    symbols: usize,
    tabs: usize,
    /// Bytes outside ASCII.
    wide: usize,
}

/// Bits of the code of a byte, in the order of the planes.
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const BLANK: u8 = 4;
const TAB: u8 = 8;
/// Written text is full of it.
const PUNCTUATION: u8 = 16;
/// The same, but a symbol if a letter or a digit follows: it makes the word an identifier then.
const JOINT: u8 = 32;
/// U+0000 to U+001F and U+007F.
const CONTROL: u8 = 64;
/// Where a byte outside ASCII has it itself.
const WIDE: u8 = 128;

fn code(byte: u8) -> u8 {
    let is_punctuation = |byte: u8| {
        let quote = (byte == b'\'') | (byte == b'"') | (byte == b'`') | (byte == b'(') | (byte == b')');
        quote | (byte == b'?') | (byte == b'!') | (byte == b'-') | (byte == b'*')
    };
    let is_joint = (byte == b',') | (byte == b':') | (byte == b';') | (byte == b'.');
    of(within(byte | 0x20, b'a', 26), LETTER)
        | of(within(byte, b'0', 10), DIGIT)
        | of(is_blank(byte), BLANK)
        | of(byte == b'\t', TAB)
        | of(is_punctuation(byte), PUNCTUATION)
        | of(is_joint, JOINT)
        | of((byte < b' ') | (byte == 0x7f), CONTROL)
        | byte & WIDE
}

impl Signs {
    fn of(body: &str) -> Self {
        let bytes = body.as_bytes();
        let mut out = Signs::default();
        let mut at = 0;
        while at < bytes.len() {
            // What follows the last byte of a window is in the next one.
            let len = (bytes.len() - at).min(WINDOW);
            let taken = if len == bytes.len() - at { len } else { len - 1 };
            let inside = if taken < WINDOW { (1 << taken) - 1 } else { u64::MAX };
            let [letter, digit, blank, tab, punctuation, joint, control, wide] =
                planes(&window(bytes, at), code);
            let symbol = !(letter | digit | blank | punctuation | joint | control | wide)
                | joint & ((letter | digit) >> 1);
            let count = |mask: u64| (mask & inside).count_ones() as usize;
            out.seen += count(!(blank | wide));
            out.digits += count(digit);
            out.symbols += count(symbol);
            out.tabs += count(tab);
            out.wide += count(wide);
            at += taken;
        }
        if out.wide > 0 {
            out.seen += body.chars().filter(|c| !c.is_ascii() && !c.is_whitespace()).count();
        }
        out
    }
}

/// Whether a line stands in program text: data, or what code looks like beside it. An indented text of
/// words counts too: in a message it is a quotation from somewhere.
pub(crate) fn is_program(line: &str) -> bool {
    let words = head(line).trim_end();
    let body = words.trim_start();
    let indent = &words[..words.len() - body.len()];
    if indent.contains('\t') || indent.len() >= 4 {
        return !body.starts_with(['-', '*', '•']);
    }
    #[rustfmt::skip]
    const STARTS: &[&str] = &[
        "def ", "func ", "fn ", "pub ", "impl ", "class ", "import ", "package ", "const ", "static ", "public ",
        "private ", "protected ", "#[", "@", "default:", "elif ", "else:", "try:", "except ", "finally:", "export ",
        "async ", "#!/", "namespace ", "using ", "interface ", "type ", "enum ", "struct ",
    ];
    const ENDS: &[&str] = &["(", "[", ",", ")", "):", "]:", "else:", "->", "=>", "\\", "="];
    // A sentence ends otherwise, and headings have capitals.
    let is_code = STARTS.iter().any(|s| body.starts_with(s)) && !body.ends_with(['.', '?', '!'])
        || ENDS.iter().any(|e| body.ends_with(e)) && body.contains(['(', '=', '[']);
    is_data(line) || is_code || is_hash_comment(body)
}

/// "# words": a comment; a heading begins with a capital and has no stop.
fn is_hash_comment(body: &str) -> bool {
    body.strip_prefix("# ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_lowercase()) || rest.ends_with('.'))
}

/// A date or a time of day within the first characters.
fn starts_with_time(body: &str) -> bool {
    let start = &body.as_bytes()[..body.len().min(32)];
    start.windows(5).any(|w| {
        let is = |i: usize| w[i].is_ascii_digit();
        is(0) && is(1) && is(3) && is(4) && (w[2] == b':' || w[2] == b'-' || w[2] == b'/')
    })
}

/// Labels that open words said to the model.
#[rustfmt::skip]
const INSTRUCTION_LABELS: &[&str] = &[
    "question", "questions", "q", "query", "answer", "a", "task", "instruction", "instructions", "request",
    "prompt", "user", "user question", "user query", "my question", "output", "output format", "format",
    "response", "rules", "note", "requirements", "frage", "antwort", "aufgabe", "pregunta", "respuesta",
    "réponse", "domanda", "pergunta", "问题", "回答", "質問", "回答", "질문", "вопрос", "ответ",
];

/// Labels that open a document.
#[rustfmt::skip]
const DOCUMENT_LABELS: &[&str] = &[
    "context", "contexts", "document", "documents", "article", "text", "passage", "passages", "source", "sources",
    "content", "background", "search results", "results", "retrieved documents", "retrieved passages", "excerpt",
    "transcript", "paper", "report", "page", "webpage", "reference", "references", "evidence", "data", "log",
    "logs", "kontext", "dokument", "contexto", "contexte", "文档", "上下文", "文脈",
];

/// The label of a line ("Question: …", "### Context", "**Answer:**"), in lower case.
fn label(line: &str) -> Option<String> {
    let line = line.trim();
    let body = line.trim_start_matches(['#', '*', '_', '>', ' ', '[', '-', '=']);
    let end = body.find([':', '：']).or_else(|| (body.len() < line.len()).then_some(body.len()))?;
    let name = body[..end].trim_end_matches(['*', '_', ' ', ']', '#', '-', '=']);
    (name.len() <= 40).then(|| name.to_lowercase())
}

/// Whether a line opens words said to the model by a label of its own.
pub(crate) fn has_instruction_label(line: &str) -> bool {
    label(line).is_some_and(|name| INSTRUCTION_LABELS.contains(&name.as_str()))
}

/// Whether a line is a label that announces a document ("Context:", "## Article"), alone on its line.
pub(crate) fn is_document_label(line: &str) -> bool {
    (line.trim_end().ends_with([':', '：', '*', '#', '=']) || line.trim_start().starts_with('#'))
        && label(line).is_some_and(|name| DOCUMENT_LABELS.contains(&name.as_str()))
}

/// Words by which somebody speaks to the model (or of themselves).
#[rustfmt::skip]
const ADDRESS: &[&str] = &[
    "you", "your", "yours", "you're", "please", "i", "i'm", "i've", "i'd", "i'll", "my", "me", "we", "we're",
    "our", "let's", "don't", "bitte", "ich", "mein", "meine", "merci", "veuillez", "por", "favor", "пожалуйста",
];

/// Verbs that begin a request, and other first words of one.
#[rustfmt::skip]
const REQUEST_STARTS: &[&str] = &[
    "add", "analyse", "analyze", "answer", "are", "based", "build", "can", "change", "check", "classify",
    "compare", "consider", "convert", "could", "count", "create", "debug", "describe", "determine", "did", "do",
    "does", "explain", "extract", "figure", "find", "fix", "follow", "format", "generate", "give", "given",
    "help", "here", "how", "identify", "if", "implement", "improve", "is", "list", "look", "make", "now", "only",
    "output", "provide", "quote", "read", "refactor", "remember", "reply", "respond", "return", "review",
    "rewrite", "should", "show", "suggest", "summarise", "summarize", "tell", "then", "think", "translate", "try",
    "update", "use", "using", "was", "were", "what", "what's", "when", "where", "which", "who", "who's", "whose",
    "why", "will", "would", "write",
];

/// How many of the words of `text` address the model, of how many words.
pub(crate) fn address(text: &str) -> (usize, usize) {
    let (mut cues, mut words) = (0, 0);
    for word in text.split_whitespace() {
        words += 1;
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        // The longest cue has a dozen bytes; most words need no lower-casing.
        if (1..=14).contains(&word.len()) && ADDRESS.contains(&word.to_lowercase().replace('’', "'").as_str())
        {
            cues += 1;
        } else if !word.is_ascii() {
            // Scripts without spaces: each is a pronoun or a request by itself.
            cues += ["请", "你", "您", "ください", "あなた", "주세요"]
                .iter()
                .filter(|cue| word.contains(**cue))
                .count();
            words += word.chars().count() / 8;
        }
    }
    (cues, words)
}

/// A longer paragraph is not a mere remark, in bytes.
pub(super) const MAX_REMARK_BYTES: usize = 600;

/// Whether a short paragraph or line is said to the model: a question, a request, a label, an
/// announcement of what follows.
pub(crate) fn is_remark(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_REMARK_BYTES {
        return false;
    }
    if text.ends_with(['?', '？', ':', '：']) || has_instruction_label(text) || is_document_label(text) {
        return true;
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    let first = first.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase();
    REQUEST_STARTS.binary_search(&first.as_str()).is_ok() || text.contains("? ") || address(text).0 > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn request_starts_are_sorted() {
        assert!(REQUEST_STARTS.windows(2).all(|w| w[0] < w[1]));
    }

    proptest! {
        #[test]
        fn signs_are_what_they_are_called(body in "([ -~\t\r]|[a-z ]|[a-z]{3,40} |\\PC|[0-9a-f]){0,60}|([a-z]{1,50}[ .]){0,9}") {
            let bytes = body.as_bytes();
            let is_joint = |b: u8| b",:;.".contains(&b);
            let is_symbol = |(i, b): (usize, &u8)| {
                b.is_ascii_punctuation() && !b"'\"?!()-*`".contains(b) && !is_joint(*b)
                    || is_joint(*b) && bytes.get(i + 1).is_some_and(u8::is_ascii_alphanumeric)
            };
            let signs = Signs::of(&body);
            let seen = |c: &char| if c.is_ascii() { !is_blank(*c as u8) } else { !c.is_whitespace() };
            prop_assert_eq!(signs.seen, body.chars().filter(seen).count());
            prop_assert_eq!(signs.digits, bytes.iter().filter(|b| b.is_ascii_digit()).count());
            prop_assert_eq!(signs.symbols, bytes.iter().enumerate().filter(|s| is_symbol(*s)).count());
            prop_assert_eq!(signs.tabs, bytes.iter().filter(|b| **b == b'\t').count());
            prop_assert_eq!(signs.wide, bytes.iter().filter(|b| !b.is_ascii()).count());
            let longest = bytes.split(|b| is_blank(*b)).map(<[u8]>::len).max().unwrap_or(0);
            prop_assert_eq!(has_long_run(bytes), longest > MAX_WORD_CHARS);
            for (is_suspect, most) in [(true, DATA_SHARE / 2.0), (false, DATA_SHARE)] {
                if is_plainly_written(&body, || is_suspect) {
                    let share = (signs.digits + 2 * signs.symbols) as f64 / signs.seen as f64;
                    let is_by_run = signs.wide == 0 && longest > MAX_WORD_CHARS;
                    prop_assert!(share < most && signs.tabs < 2 && !is_by_run);
                }
            }
        }
    }

    #[test]
    fn data_lines() {
        for line in [
            "2015-07-29 17:41:44,747 - INFO  [QuorumPeer] - Notification time out: 3200",
            "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0",
            "    at java.lang.Thread.run(Thread.java:745)",
            "  File \"/testbed/a.py\", line 84, in _execute",
            "id,name,price,stock",
            "| id | name | price |",
            "        return foo(bar, baz);",
            "{\"a\": 1},",
            "-rw-r--r--  1 root root  2200 Oct 24  2024 tox.ini",
            "name\tprice\tstock",
        ] {
            assert!(is_data(line), "{line}");
        }
        for line in [
            "The Rhine thawed about 13,000 BP, and by 9000 BP Europe was fully forested.",
            "I created a matrix by M.T * M under an assumption that M is orthogonal.",
            "- Use the function `parse` in the module, not the old one",
            "Why does the server stop answering after a restart on Monday?",
            "你好，请问这个城市的人口是多少？",
            "",
        ] {
            assert!(!is_data(line), "{line}");
        }
    }

    #[test]
    fn remarks() {
        for text in [
            "Question: who wrote it\nAnswer:",
            "What is the price?",
            "Here is the log:",
            "Summarize the failures in one sentence.",
            "Please be brief.",
            "## Question",
            "**Context:**",
        ] {
            assert!(is_remark(text), "{text}");
        }
        for text in ["The Rhine", "It was the second busiest airport of the country.", ""] {
            assert!(!is_remark(text), "{text}");
        }
    }
}
