//! HTML and XML.
//!
//! A web page becomes its readable text behind one mark that names the rule; the page itself counts as
//! omitted, so it can be had back. Source files and templates, where the tags are what matters, stay. XML
//! lists are treated like records: behind a gate, only what the question names stays, else they are
//! written as rows without loss ([`forms`]). YAML and TOML have
//! nothing to gain without loss and are left alone. Cost: linear.

mod forms;
mod html;
mod xml;

use super::{Context, Kind, Source};
use crate::mark::{self, Omission, Rendered, Unit};

/// See the module.
#[derive(Debug)]
pub struct Markup;

/// How much of the text is looked at to recognise it, in bytes.
const SAMPLE_BYTES: usize = 16_000;
/// Said in the mark.
const RULE: &str = "HTML, shown as text";
/// If boilerplate by class name were more than this share of what can be read, the names mislead.
const MIN_READABLE_SHARE: f64 = 0.3;

impl Kind for Markup {
    fn name(&self) -> &'static str {
        "markup"
    }

    fn recognise(&self, text: &str) -> u8 {
        match form(text) {
            Form::Page => MOST_SURE,
            Form::Fragment => 80,
            // Surer than a log that has tags in its lines, but not than what stands between a few tags.
            Form::Xml if is_dense(text) => 94,
            Form::Xml => 85,
            Form::Other => 0,
        }
    }

    fn may_reach(&self, _text: &str, least: u8) -> bool {
        least <= MOST_SURE
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        match form(text) {
            Form::Xml => cx.may_omit().then(|| xml::select(text, cx)).flatten().or_else(|| rows(text)),
            Form::Page if cx.may_omit() && !wants_source(text, cx) => Some(page(text)),
            Form::Fragment if cx.may_omit() && !wants_source(text, cx) && is_fetched(cx) => Some(page(text)),
            _ => None,
        }
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        (words == forms::WORDS).then(|| forms::decode(body)).flatten()
    }
}

/// Whether there is a tag to every so many bytes.
fn is_dense(text: &str) -> bool {
    const BYTES_PER_TAG: usize = 120;
    let sample = sample(text);
    memchr::memchr_iter(b'<', sample.as_bytes()).count() * BYTES_PER_TAG >= sample.len()
}

/// XML with its list of records as rows.
fn rows(text: &str) -> Option<Rendered> {
    let text = forms::encode(text, &xml::records(text)?)?;
    let (header, transforms) = (Some(forms::WORDS.to_owned()), vec!["markup:rows"]);
    Some(Rendered { text, header, transforms, ..Rendered::default() })
}

/// How sure it is of a whole page.
const MOST_SURE: u8 = 95;

enum Form {
    /// A whole HTML page.
    Page,
    /// HTML without its frame.
    Fragment,
    Xml,
    Other,
}

fn sample(text: &str) -> &str {
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn form(text: &str) -> Form {
    let head = sample(text).trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    if !head.starts_with('<') {
        return Form::Other;
    }
    let start = head.get(..9).unwrap_or(head).to_ascii_lowercase();
    if start == "<!doctype" || start.starts_with("<html") {
        let is_html = head.get(..200).unwrap_or(head).to_ascii_lowercase().contains("html");
        return if is_html { Form::Page } else { Form::Xml };
    }
    if start.starts_with("<?xml") && !head.get(..400).unwrap_or(head).to_ascii_lowercase().contains("<html") {
        return Form::Xml;
    }
    // Common tags of pages, none of which XML formats use much.
    const TAGS: &[&str] =
        &["<div", "<p>", "<p ", "<span", "<a href", "<li", "<td", "<img ", "<h1", "<h2", "<h3", "<br"];
    let tags: usize =
        TAGS.iter().map(|tag| memchr::memmem::find_iter(head.as_bytes(), tag.as_bytes()).count()).sum();
    let all = memchr::memchr_iter(b'<', head.as_bytes()).count();
    if tags >= 8 && tags * 5 >= all {
        return Form::Fragment;
    }
    let count = |end: &[u8]| memchr::memmem::find_iter(head.as_bytes(), end).count();
    let closing = count(b"</") + count(b"/>");
    let is_xml = closing >= 5 && closing * 5 >= all && text.trim_end().ends_with('>');
    if is_xml { Form::Xml } else { Form::Other }
}

/// Whether the tags are what somebody wants to see: a source file or template, or a question about them.
fn wants_source(text: &str, cx: &Context<'_>) -> bool {
    const TEMPLATES: &[&str] = &["{{", "{%", "<?php", "<%", "v-if=", "*ngIf", "className="];
    #[rustfmt::skip]
    const FILES: &[&str] = &[
        ".html", ".htm", ".vue", ".jsx", ".tsx", ".php", ".erb", ".jinja", ".j2", ".svelte", ".hbs", ".ejs", ".xhtml",
    ];
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "html", "tag", "tags", "css", "selector", "xpath", "dom", "markup", "attribute", "div", "href", "element",
        "elements", "scrape", "scraper", "button", "form", "input", "click", "script", "javascript", "stylesheet",
    ];
    let sample = sample(text);
    if TEMPLATES.iter().any(|mark| sample.contains(mark)) {
        return true;
    }
    let arguments = cx.tool.map_or("", |call| call.arguments.as_str());
    let is_file = FILES.iter().any(|ending| arguments.contains(ending)) && !arguments.contains("://");
    let asked = cx.query.question.to_lowercase();
    is_file || asked.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word))
}

/// Whether the text came from the web, as far as the call tells.
fn is_fetched(cx: &Context<'_>) -> bool {
    const NAMES: &[&str] =
        &["fetch", "brows", "web", "url", "http", "crawl", "page", "scrap", "navigat", "search", "visit"];
    cx.tool.is_some_and(|call| {
        let name = call.name.to_lowercase();
        call.arguments.contains("://") || NAMES.iter().any(|part| name.contains(part))
    }) && cx.source == Source::ToolOutput
}

fn page(text: &str) -> Rendered {
    let thorough = html::readable(text, true);
    let plain = html::readable(text, false);
    let is_misled = (thorough.len() as f64) < MIN_READABLE_SHARE * plain.len() as f64;
    let readable = if is_misled { plain } else { thorough };
    let count = crate::select::lines(text).len();
    let mut out = Rendered { transforms: vec!["markup:text"], ..Rendered::default() };
    mark::write_mark(&mut out.text, Unit::Line, 1, count, Some(RULE));
    out.text.push('\n');
    out.text.push_str(&readable);
    if text.ends_with('\n') {
        out.text.push('\n');
    }
    out.omissions.push(Omission { range: 0..text.len(), unit: Unit::Line, first: 1, count });
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::options::{Level, Options};
    use crate::request::ToolCall;
    use crate::score::Query;
    use crate::tokens::Counter;

    fn compress(text: &str, question: &str, tool: (&str, &str), level: Level) -> Option<Rendered> {
        let (tokens, query) = (Counter::for_model("gpt-4o"), Query::new(question, ""));
        let call = ToolCall { name: tool.0.into(), arguments: tool.1.into(), ..ToolCall::default() };
        let options = Options { level, ..Options::default() };
        let cx = Context {
            tokens: &tokens,
            query: &query,
            options: &options,
            tool: Some(&call),
            source: Source::ToolOutput,
        };
        Markup.compress(text, &cx)
    }

    const PAGE: &str = "<!doctype html>\n<html><head><title>T</title></head>\n<body>\n<div class=\"nav\">Home</div>\n<p>It \
                        costs <b>9</b> crowns.</p>\n</body></html>\n";

    #[test]
    fn a_page_is_shown_as_text_behind_its_mark() {
        let out = compress(PAGE, "What does it cost?", ("fetch", "{}"), Level::Balanced).unwrap();
        assert_eq!(out.text, "[… 6 lines 1-6: HTML, shown as text]\nTitle: T\n\nIt costs 9 crowns.\n");
        assert_eq!(out.omissions.len(), 1);
        assert_eq!(out.omissions[0].range, 0..PAGE.len());
        assert!(mark::is_marked(&out.text));
    }

    #[test]
    fn tags_stay_where_they_matter() {
        assert_eq!(compress(PAGE, "", ("fetch", "{}"), Level::Lossless), None);
        assert_eq!(compress(PAGE, "", ("bash", "cat templates/index.html"), Level::Balanced), None);
        assert_eq!(compress(PAGE, "Which CSS class has the menu?", ("fetch", "{}"), Level::Balanced), None);
        let template = PAGE.replace("9", "{{ price }}");
        assert_eq!(compress(&template, "", ("fetch", "{}"), Level::Balanced), None);
    }

    #[test]
    fn recognised_for_what_it_is() {
        assert!(Markup.recognise(PAGE) > 90);
        assert!(Markup.recognise(&"<div><p>a</p><span>b</span></div>\n".repeat(10)) >= 50);
        assert!(Markup.recognise(&format!("<?xml version=\"1.0\"?><a>{}</a>", "<b>1</b>".repeat(9))) >= 50);
        let wrapped = format!(
            "<returncode>0</returncode>\n<warning>long</warning><head>\n{}</head><a>1</a><tail>x</tail>\n",
            "src/main.rs\n".repeat(99)
        );
        assert!(Markup.recognise(&wrapped) < 90, "a listing in a few tags is a listing");
        for text in ["", "a < b", "<returncode>0</returncode>\nok\n", "Vec<String>", "<3 <3 <3"] {
            assert_eq!(Markup.recognise(text), 0, "{text}");
        }
    }
}
