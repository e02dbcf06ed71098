//! What of somebody's words is the question.
//!
//! Instructions hold more than the question ("answer from the documents only, in one sentence"), and
//! the words of the rest occur everywhere. Selection of prose needs the question itself, needs it to be
//! one that a few sentences can answer, and does nothing otherwise. Linear in the instructions.

use super::terms;

/// Labels behind which the question stands, in lower case.
#[rustfmt::skip]
const LABELS: &[&str] = &[
    "question", "questions", "q", "query", "user question", "user query", "my question", "search query", "frage",
    "pregunta", "domanda", "pergunta", "вопрос", "问题", "質問", "질문",
];

/// Starts of words that ask for something only the whole text can give.
#[rustfmt::skip]
const WHOLE_TEXT: &[&str] = &[
    "summar", "translate", "rewrit", "rephras", "paraphras", "proofread", "condense", "shorten", "simplif", "outlin",
    "tl;dr", "tldr", "transcribe", "reformat", "gist", "zusammenfass", "übersetz", "résum", "tradu", "riassum",
    "resumen", "resumir", "перевед", "перевод", "резюм",
];
/// The same in scripts without blanks.
const WHOLE_TEXT_INSIDE: &[&str] = &["总结", "摘要", "翻译", "概括", "要約", "翻訳", "요약", "번역"];
/// Phrases of the same kind.
#[rustfmt::skip]
const WHOLE_TEXT_PHRASES: &[&str] = &[
    "key points", "main points", "key takeaways", "main ideas", "list all", "list every", "find all", "find every",
    "extract all", "extract every", "name all", "identify all", "all of the", "in full", "each of the", "whole text",
    "entire document", "everything about", "every mention",
];

/// Words that begin a question, in lower case.
#[rustfmt::skip]
const QUESTION_STARTS: &[&str] = &[
    "who", "who's", "whose", "whom", "what", "what's", "which", "when", "where", "where's", "why", "how", "is", "are",
    "was", "were", "does", "did", "do", "can", "could", "has", "have", "had", "in", "on", "at", "wer", "was", "wo",
    "wann", "warum", "wie", "welche", "welcher", "welches", "qui", "que", "quel", "quelle", "où", "quand", "combien",
    "comment", "pourquoi", "quién", "qué", "cuál", "cuándo", "dónde", "cómo", "quanti", "chi", "cosa", "dove", "quando",
    "quem", "onde", "кто", "что", "где", "когда", "какой", "как", "почему",
];

/// A longer text without a label is a task, not a question, in words.
const MAX_QUESTION_WORDS: usize = 120;
/// So many words at the start of a sentence may come before its question word.
const QUESTION_LEAD_WORDS: usize = 1;

/// A question found in instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'t> {
    /// Its words.
    pub text: &'t str,
    /// Whether it looks like one: a label, a question mark, a question word. If not it may be a remark
    /// ("go on"), and only what it has in common with a text can tell.
    pub is_sure: bool,
}

/// The question in `instructions`, if there is one and a part of a text may answer it.
pub fn question(instructions: &str) -> Option<Question<'_>> {
    let said = instructions.trim();
    if said.is_empty() || wants_whole_text(said) {
        return None;
    }
    if let Some(text) = labelled(said) {
        let text = text.trim();
        return (!text.is_empty()).then_some(Question { text, is_sure: true });
    }
    if said.split_whitespace().count() > MAX_QUESTION_WORDS {
        return None;
    }
    if said.contains(['?', '？', '؟']) {
        return Some(Question { text: asking(said), is_sure: true });
    }
    let mut lead = said.split_whitespace().take(QUESTION_LEAD_WORDS).map(|word| {
        word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase().replace('’', "'")
    });
    let is_sure = lead.any(|word| QUESTION_STARTS.contains(&word.as_str()));
    Some(Question { text: said, is_sure })
}

/// The terms of a question, each once, without question words of any language (in a document they are
/// as rare as if they meant something).
pub fn terms(question: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut buffer = String::new();
    terms::for_each_word(question, |word| {
        if !QUESTION_STARTS.contains(&word.to_lowercase().as_str()) {
            terms::for_each_term(word, &mut buffer, |term| out.push(term.to_owned()));
        }
    });
    out.sort();
    out.dedup();
    out
}

/// Whether a question compares, so that what is said of several things is needed.
pub fn is_comparison(question: &str) -> bool {
    const PHRASES: &[&str] = &[
        " or ",
        " both ",
        "which of ",
        " between ",
        " than ",
        " the same ",
        "compare",
        "differ",
        " oder ",
        " ou ",
        " o ",
        " sowohl ",
        "还是",
        "それとも",
    ];
    let lower = question.to_lowercase();
    PHRASES.iter().any(|phrase| lower.contains(phrase))
}

/// Whether a question points at the text as a whole, or at the speakers: "What is wrong here?", "Is this
/// correct?", "What should I do next?"
pub fn points_at_text(question: &str) -> bool {
    #[rustfmt::skip]
    const POINTERS: &[&str] = &[
        "this", "these", "that", "it", "here", "i", "we", "you", "me", "us", "my", "our", "your", "das", "dies", "hier",
        "es", "ich", "wir", "ça", "ceci", "ici", "je", "nous", "esto", "eso", "aquí",
    ];
    let is_pointer = |word: &str| POINTERS.contains(&word.to_lowercase().as_str());
    question.split(|c: char| !c.is_alphanumeric()).any(is_pointer)
}

fn wants_whole_text(said: &str) -> bool {
    let lower = said.to_lowercase();
    lower.split_whitespace().any(|word| {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        WHOLE_TEXT.iter().any(|start| word.starts_with(start))
    }) || WHOLE_TEXT_PHRASES.iter().any(|phrase| lower.contains(phrase))
        || WHOLE_TEXT_INSIDE.iter().any(|word| lower.contains(word))
}

/// What follows the last "Question:", up to a blank line or another label.
fn labelled(said: &str) -> Option<&str> {
    let mut found: Option<(usize, usize)> = None;
    let mut open = false;
    let mut at = 0;
    for line in said.split_inclusive('\n') {
        let words = line.trim_start_matches(['#', '*', '_', '>', ' ', '<', '[']);
        let label = words.find([':', '：', '>', ']', '\n']).or(Some(words.len())).filter(|end| *end <= 40);
        let name = label.map(|end| words[..end].trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
        let name = name.filter(|_| !words.starts_with('/'));
        if let (Some(end), Some(true)) = (label, name.as_deref().map(|name| LABELS.contains(&name))) {
            let lead = line.len() - words.len() + end;
            let close = line[lead..].chars().next().map_or(0, char::len_utf8);
            found = Some((at + lead + close, at + line.len()));
            open = true;
        } else if open {
            let is_label = words.trim_end().ends_with([':', '：']) || words.starts_with('/');
            let empty = found
                .is_some_and(|(start, end)| said[start..end].trim_matches(['*', '_', ' ', '\n']).is_empty());
            open = !is_label && (!line.trim().is_empty() || empty);
            if let Some((_, end)) = found.as_mut().filter(|_| open) {
                *end = at + line.len();
            }
        }
        at += line.len();
    }
    found.map(|(start, end)| said[start..end].trim_matches(['*', '_', ' ', '\n', '\r']))
}

/// From the start of the first sentence with a question mark to the end of the last one.
fn asking(said: &str) -> &str {
    let marks = ['?', '？', '؟'];
    let (Some(first), Some(last)) = (said.find(marks), said.rfind(marks)) else { return said };
    let before = &said[..first];
    let breaks =
        |at: usize, c: char| c == '\n' || (matches!(c, '.' | '!' | ':') && before[at + 1..].starts_with(' '));
    let start = before.char_indices().rev().find(|(at, c)| breaks(*at, *c)).map_or(0, |(at, _)| at + 1);
    let end = last + said[last..].chars().next().map_or(0, char::len_utf8);
    let asked = said[start..end].trim();
    // "Toad Hall is in Canberra. Is it?": too little to search with, take it all.
    if asked.split_whitespace().count() < 4 { said } else { asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(instructions: &str) -> Option<&str> {
        question(instructions).map(|q| q.text)
    }

    #[test]
    fn the_question_among_instructions() {
        for (said, asked) in [
            ("Answer from the documents.\n\n\nQuestion: who wrote it\nAnswer:", "who wrote it"),
            ("Use the context. What is the name of the river? Be brief.", "What is the name of the river?"),
            ("who wrote the theme of the show", "who wrote the theme of the show"),
            ("### Question\nwho wrote it\n\n### Answer", "who wrote it"),
            ("<question>\nWho wrote it?\n</question>", "Who wrote it?"),
            ("**Question:** Who wrote it?", "Who wrote it?"),
            ("Frage: Wer war das?", "Wer war das?"),
            ("Questions:\n1. Who wrote it?\n2. When was it?\n", "1. Who wrote it?\n2. When was it?"),
        ] {
            assert_eq!(text(said), Some(asked), "{said}");
        }
    }

    #[test]
    fn nothing_is_asked_or_all_of_it() {
        for said in [
            "",
            "Question:\nAnswer:",
            "Answer from the results only.\n\nQuestion: \nAnswer:",
            "Summarize this.",
            "Could you translate it into French?",
            "List all the people in the text.",
            "请总结这篇文章",
            "Please fasse es zusammen: Zusammenfassung?",
        ] {
            assert_eq!(text(said), None, "{said}");
        }
        assert_eq!(text(&"Change this and that in the code. ".repeat(30)), None);
    }

    #[test]
    fn questions_about_the_text_itself() {
        for said in ["What is wrong here?", "Is this correct?", "What should I do next?"] {
            assert!(points_at_text(said), "{said}");
        }
        assert!(!points_at_text("Who wrote the item?"));
    }

    #[test]
    fn a_remark_is_no_sure_question() {
        assert_eq!(question("Go on.").map(|q| q.is_sure), Some(false));
        assert_eq!(question("the first element on the table is").map(|q| q.is_sure), Some(false));
        assert_eq!(question("who wrote it").map(|q| q.is_sure), Some(true));
    }
}
