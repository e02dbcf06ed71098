//! How far a question reaches: to what it names, or beyond.
//!
//! "What is the state of `i-7`?" is answered by what it names. "Which pods beside `api-1` restart?",
//! "is `i-7` the oldest?", "how many are like `i-7`?" need the others, and nothing may be left out on
//! the strength of the name. In doubt a question reaches beyond: that costs savings, never an answer.
//! What stands in quotation marks is a name and asks for nothing. Linear in the question.

/// Words that ask about all of something, wherever they stand.
#[rustfmt::skip]
const ALL: &[&str] = &[
    "all", "every", "everything", "each", "count", "counts", "total", "totals", "sum", "average", "averages", "median",
    "list", "compare", "compares", "compared", "comparing", "comparison", "overview", "alle", "jede", "tous", "toutes",
    "todos", "todas", "сколько", "все",
];
/// Starts of such words.
const ALL_STARTS: &[&str] = &["summar", "aggregat"];
/// Phrases of the same kind.
const ALL_PHRASES: &[&str] = &["how many", "number of", "wie viele", "combien de", "cuántos", "cuántas"];

/// Words that ask for others than what is named.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "except", "excluding", "exclude", "excludes", "other", "others", "another", "besides", "beside", "apart", "rest",
    "remaining", "else", "elsewhere", "similar", "duplicate", "duplicates", "duplicated", "compare", "compared",
];
/// Words that set what is named apart from the rest, or measure it against the rest.
#[rustfmt::skip]
const BEYOND: &[&str] = &[
    "without", "none", "neither", "nor", "than", "before", "after", "since", "until", "between", "exceed", "exceeds",
    "exceeding", "same", "different", "differ", "differs", "difference", "unique", "distinct", "unusual", "outlier",
    "outliers", "rank", "ranks", "ranked", "sort", "sorted", "trend", "most", "least", "largest", "biggest", "smallest",
    "greatest", "highest", "lowest", "longest", "shortest", "oldest", "newest", "latest", "earliest", "slowest",
    "fastest", "fewest", "cheapest", "busiest", "worst", "best", "top", "maximum", "minimum", "max", "min", "missing",
    "lack", "lacks", "lacking",
];
/// Words that compare if a number follows ("over 500"); else they may stand for a place ("under the key").
const BEFORE_NUMBERS: &[&str] = &["over", "under", "above", "below", "beyond"];
/// Signs of a comparison.
const SIGNS: &[&str] = &[">", "<", "≥", "≤", "!="];

/// Whether a question asks about all there is.
pub fn asks_about_all(question: &str) -> bool {
    let said = spoken(question);
    ALL_PHRASES.iter().any(|phrase| said.contains(phrase))
        || words(&said)
            .any(|word| ALL.contains(&word) || ALL_STARTS.iter().any(|start| word.starts_with(start)))
}

/// What records of texts are called.
#[rustfmt::skip]
const RECORDS: &[&str] = &[
    "issues", "messages", "documents", "docs", "records", "items", "results", "entries", "comments", "tickets", "posts",
    "reviews", "articles", "passages", "emails", "threads", "answers", "notes", "pages", "chunks", "sources",
];

/// Whether a question asks about all records of a list of texts: "how many messages …", but not "how many
/// inhabitants", which one of them may say.
pub fn asks_about_records(question: &str) -> bool {
    let said = spoken(question);
    let is_all = |word: &str| ALL.contains(&word) || ALL_STARTS.iter().any(|start| word.starts_with(start));
    let words: Vec<&str> = words(&said).collect();
    words.iter().any(|word| is_all(word))
        || ALL_PHRASES.iter().any(|phrase| said.contains(phrase)) && words.iter().any(|w| RECORDS.contains(w))
}

/// Whether a question asks for more than what it names: for others, or for a comparison with them.
pub fn asks_beyond(question: &str) -> bool {
    any_asking(question, |sentence| reaches_beyond(sentence) || names_others(sentence))
}

/// Whether a question asks for others than what it names: a part of [`asks_beyond`], for texts whose
/// parts are hardly compared (functions, files of a diff).
pub fn asks_for_others(question: &str) -> bool {
    any_asking(question, names_others)
}

/// Whether `test` holds for a sentence that asks: "Do not guess." beside it is an instruction.
fn any_asking(question: &str, test: impl Fn(&str) -> bool) -> bool {
    let said = spoken(question);
    let asks = |sentence: &&str| {
        sentence.ends_with(['?', '？'])
            || sentence.contains(|c: char| c == NAME || c == '_' || c.is_ascii_digit())
    };
    let any_asks = sentences(&said).any(|sentence| asks(&sentence));
    sentences(&said).filter(|sentence| !any_asks || asks(sentence)).any(test)
}

fn names_others(sentence: &str) -> bool {
    words(sentence).any(|word| OTHERS.contains(&word))
}

fn reaches_beyond(sentence: &str) -> bool {
    // "Why does it not start?" asks about it alone.
    let is_why = sentence.split_whitespace().any(|word| matches!(word, "why" | "warum" | "pourquoi"));
    let mut before = "";
    for word in sentence.split_whitespace() {
        if SIGNS.iter().any(|sign| word.starts_with(sign)) {
            return true;
        }
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != NAME && c != '$' && c != '€');
        let is_negation =
            matches!(word, "not" | "cannot" | "never") || word.ends_with("n't") || word.ends_with("n’t");
        if (is_negation && !is_why) || BEYOND.contains(&word) {
            return true;
        }
        let is_number = word.trim_start_matches(['$', '€', NAME]).starts_with(|c: char| c.is_ascii_digit());
        if is_number && BEFORE_NUMBERS.contains(&before) {
            return true;
        }
        before = word;
    }
    false
}

/// Stands where something was quoted.
const NAME: char = '\u{1}';

/// The question in lower case, quotations replaced by [`NAME`] and what they begin with.
fn spoken(question: &str) -> String {
    let mut out = String::with_capacity(question.len());
    let mut rest = question;
    while let Some(at) = rest.find(['"', '`', '“']) {
        let open = rest[at..].chars().next().unwrap_or('"');
        let close = if open == '“' { '”' } else { open };
        let inner = &rest[at + open.len_utf8()..];
        out.push_str(&rest[..at]);
        let Some(end) = inner.find(close).filter(|end| !inner[..*end].contains('\n')) else {
            rest = inner;
            continue;
        };
        out.push(NAME);
        // A quoted number is a number still: "over `500`".
        out.extend(inner[..end].chars().take_while(char::is_ascii_digit));
        rest = &inner[end + close.len_utf8()..];
    }
    out.push_str(rest);
    out.to_lowercase()
}

fn words(said: &str) -> impl Iterator<Item = &str> {
    said.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-' && c != '.' && c != '/')
        .map(|word| word.trim_matches(['-', '.', '/']))
}

/// Sentences with the mark that ends them.
fn sentences(said: &str) -> impl Iterator<Item = &str> {
    let mut rest = said;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let ends = |(at, c): (usize, char)| {
            let next = &rest[at + c.len_utf8()..];
            let is_end = c == '\n'
                || c == '？'
                || (matches!(c, '.' | '!' | '?') && (next.is_empty() || next.starts_with([' ', '\n'])));
            is_end.then_some(at + c.len_utf8())
        };
        let end = rest.char_indices().find_map(ends).unwrap_or(rest.len());
        let sentence = rest[..end].trim_end();
        rest = &rest[end..];
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_answers() {
        for question in [
            "What is the state of `i-7`?",
            "In that response, what is the value of \"total_count\" for the item whose \"name\" is \"max-other\"?",
            "What is the value stored under the key \"8f1ece53\"?",
            "Do not guess. What does i-7 run?",
            "Tell me the details for i-7, please. Do not use other tools.",
            "why does `pod-9` restart?",
            "Why is pod-9 not ready, and why doesn't it start?",
            "What does i-7 look like?",
            "show i-7",
        ] {
            assert!(!asks_about_all(question) && !asks_beyond(question), "{question}");
        }
    }

    #[test]
    fn the_others_are_needed() {
        for question in [
            "Which pods besides `api-1` restart?",
            "Which pods are not on node-7?",
            "Which pods aren't on node-7?",
            "Is i-7 the oldest?",
            "Is i-7 larger than the others?",
            "Which charges are over 5000?",
            "Which charges are above `5000`?",
            "orders with amount > 500",
            "What ran before job-12?",
            "Who else has role-5?",
            "which images other than nginx:1.25 are used",
            "Which rows have the same owner as i-7?",
        ] {
            assert!(asks_beyond(question), "{question}");
        }
        for question in [
            "how many are like `i-7`?",
            "List the instances of vpc-1.",
            "What is the total amount of cus_12?",
            "Summarize what i-7 did.",
            "What is the average of p-1?",
        ] {
            assert!(asks_about_all(question), "{question}");
        }
        assert!(!asks_about_all("what is in \"total\"?"));
        assert!(asks_about_records("How many messages mention the cache?"));
        assert!(!asks_about_records("How many inhabitants has the largest city on the Neckar?"));
    }
}
