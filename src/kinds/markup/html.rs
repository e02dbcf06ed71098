//! HTML as readable text: what a person sees on the page, with headings, lists, table cells and links.
//!
//! A forgiving tokenizer, no tree: tags that matter are looked at one by one, everything else is left
//! out. Scripts, styles and navigation go. Cost: linear; no recursion.

use std::collections::HashSet;

/// Elements whose content nobody reads.
const HIDDEN: &[&str] =
    &["script", "style", "noscript", "template", "svg", "math", "iframe", "head", "object", "select"];
/// Elements around the content of a page rather than in it.
const BOILERPLATE: &[&str] = &["nav", "footer"];
/// Class names, ids and roles of the same kind; compared as whole words.
#[rustfmt::skip]
const BOILERPLATE_NAMES: &[&str] = &[
    "nav", "navbar", "navigation", "menu", "sidebar", "breadcrumb", "breadcrumbs", "footer", "site-footer", "cookie",
    "cookie-banner", "cookies", "advertisement", "ads", "ad", "social", "share", "share-buttons", "skip-link", "skip-nav",
    "toc-sidebar", "newsletter", "site-header", "menubar", "toolbar", "popup", "modal", "related-posts", "pagination",
];
/// Elements that stand on lines of their own.
#[rustfmt::skip]
const BLOCKS: &[&str] = &[
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "nav", "ol",
    "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul",
];
/// Elements without content.
#[rustfmt::skip]
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
];
/// Longest entity name that is looked for.
const MAX_ENTITY_BYTES: usize = 10;

/// The readable text of a page. With `is_thorough` navigation goes by class names as well.
pub(super) fn readable(html: &str, is_thorough: bool) -> String {
    let mut page = Page { html, is_thorough, ..Page::default() };
    page.run();
    page.finish()
}

#[derive(Default)]
struct Page<'h> {
    html: &'h str,
    is_thorough: bool,
    out: String,
    /// Whether a blank, and how many line ends, are due before the next word.
    blank: bool,
    lines: usize,
    /// Inside <pre>, how deep.
    pre: usize,
    /// Targets of open links, and where their text begins.
    links: Vec<(&'h str, usize)>,
    /// Cells so far in the table row.
    cells: usize,
    prefix: &'static str,
    /// Elements of which one is never closed: none of them is skipped any more.
    unclosed: HashSet<String>,
}

impl<'h> Page<'h> {
    fn run(&mut self) {
        let html = self.html;
        let mut at = 0;
        while at < html.len() {
            let next = memchr::memchr(b'<', &html.as_bytes()[at..]).map_or(html.len(), |n| at + n);
            self.text(&html[at..next]);
            if next == html.len() {
                break;
            }
            at = match tag(html, next) {
                Some(tag) => self.tag(&tag),
                None => {
                    self.text("<");
                    next + 1
                }
            };
        }
    }

    /// Handles a tag; where to go on.
    fn tag(&mut self, tag: &Tag<'h>) -> usize {
        let name = tag.name.to_ascii_lowercase();
        let name = name.as_str();
        if !tag.is_closing && !VOID.contains(&name) && !tag.is_empty && self.is_hidden(name, tag) {
            if name == "head" {
                self.title(tag.end);
            }
            if let Some(end) = skip(self.html, tag.end, name) {
                return end;
            }
            self.unclosed.insert(name.to_owned());
        }
        match name {
            "br" => self.lines = (self.lines + 1).min(2),
            "a" => self.link(tag),
            "img" => {
                if let Some(alt) = tag.attribute("alt").filter(|alt| !alt.trim().is_empty()) {
                    self.text("[image: ");
                    self.text(alt);
                    self.text("]");
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.lines = 2;
                let level = usize::from(name.as_bytes()[1] - b'0');
                self.prefix = if tag.is_closing {
                    ""
                } else {
                    ["# ", "## ", "### ", "#### ", "##### ", "###### "][level - 1]
                };
            }
            "td" | "th" if !tag.is_closing => {
                if self.cells > 0 {
                    self.blank = false;
                    self.out.push_str(" | ");
                }
                self.cells += 1;
            }
            "tr" => {
                self.cells = 0;
                self.lines = self.lines.max(1);
            }
            "pre" => {
                self.lines = self.lines.max(1);
                self.pre = if tag.is_closing { self.pre.saturating_sub(1) } else { self.pre + 1 };
            }
            "li" if !tag.is_closing => {
                self.lines = self.lines.max(1);
                self.prefix = "- ";
            }
            "p" | "blockquote" | "table" | "article" | "section" => self.lines = 2,
            _ if BLOCKS.contains(&name) => self.lines = self.lines.max(1),
            _ => {}
        }
        tag.end
    }

    fn is_hidden(&self, name: &str, tag: &Tag<'_>) -> bool {
        if self.unclosed.contains(name) {
            return false;
        }
        if HIDDEN.contains(&name) || BOILERPLATE.contains(&name) {
            return true;
        }
        // Elements that have to be closed, and are rarely the whole page.
        if !self.is_thorough
            || !matches!(name, "div" | "section" | "aside" | "ul" | "ol" | "header" | "form" | "span")
        {
            return false;
        }
        tag.attribute("aria-hidden").is_some_and(|value| value == "true")
            || tag.attribute("hidden").is_some()
            || ["class", "id", "role"].iter().filter_map(|key| tag.attribute(key)).any(|value| {
                value
                    .split_whitespace()
                    .any(|word| BOILERPLATE_NAMES.contains(&word.to_ascii_lowercase().as_str()))
            })
    }

    /// The page's title, which stands in its head.
    fn title(&mut self, from: usize) {
        let Some(end) = skip(self.html, from, "head") else { return };
        let head = &self.html[from..end];
        let Some(open) = find_tag(head, "<title") else { return };
        let Some(start) = head[open..].find('>').map(|n| open + n + 1) else { return };
        let Some(stop) = find_tag(&head[start..], "</title") else { return };
        self.text("Title: ");
        self.text(&head[start..start + stop]);
        self.lines = 2;
    }

    fn link(&mut self, tag: &Tag<'h>) {
        if !tag.is_closing {
            let target = tag.attribute("href").unwrap_or_default().trim();
            let is_useful =
                !target.is_empty() && !target.starts_with('#') && !target.starts_with("javascript:");
            self.due();
            self.links.push((if is_useful { target } else { "" }, self.out.len()));
            if is_useful {
                self.out.push('[');
            }
            return;
        }
        self.close_link();
    }

    fn close_link(&mut self) {
        let Some((target, start)) = self.links.pop() else { return };
        if target.is_empty() {
            return;
        }
        if self.out.len() <= start + 1 {
            // Nothing to read in it.
            self.out.truncate(start);
            return;
        }
        self.out.push_str("](");
        decode(target, &mut self.out);
        self.out.push(')');
    }

    /// Writes the blanks and line ends that are due.
    fn due(&mut self) {
        if !self.out.is_empty() {
            let is_line_start = self.out.ends_with('\n');
            match self.lines {
                0 if self.blank && !is_line_start && !self.out.ends_with(['[', ' ']) => self.out.push(' '),
                0 => {}
                n => {
                    while self.out.ends_with(' ') {
                        self.out.pop();
                    }
                    self.out.push_str(if n == 1 { "\n" } else { "\n\n" });
                }
            }
        }
        self.out.push_str(std::mem::take(&mut self.prefix));
        self.lines = 0;
        self.blank = false;
    }

    fn text(&mut self, text: &str) {
        if self.pre > 0 {
            if !text.is_empty() {
                self.due();
                decode(text, &mut self.out);
            }
            return;
        }
        for (i, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            self.blank |= i > 0;
            if !word.is_empty() {
                self.due();
                decode(word, &mut self.out);
            }
        }
    }

    fn finish(mut self) -> String {
        while !self.links.is_empty() {
            self.close_link();
        }
        while self.out.ends_with(char::is_whitespace) {
            self.out.pop();
        }
        self.out
    }
}

struct Tag<'h> {
    name: &'h str,
    attributes: &'h str,
    is_closing: bool,
    is_empty: bool,
    end: usize,
}

impl<'h> Tag<'h> {
    /// The value of an attribute; empty if it has none.
    fn attribute(&self, key: &str) -> Option<&'h str> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let end =
                rest.find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '/').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end.max(1).min(rest.len()).max(first_len(rest, end)));
            let after = after.trim_start();
            let (value, next) = match after.strip_prefix('=').map(str::trim_start) {
                None => ("", after),
                Some(value) => match value.chars().next() {
                    Some(quote @ ('"' | '\'')) => {
                        let inner = &value[1..];
                        let stop = inner.find(quote).unwrap_or(inner.len());
                        (&inner[..stop], inner.get(stop + 1..).unwrap_or_default())
                    }
                    _ => {
                        let stop = value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len());
                        value.split_at(stop)
                    }
                },
            };
            if name.eq_ignore_ascii_case(key) {
                return Some(value);
            }
            rest = next;
        }
    }
}

/// Bytes to take so that a name is never empty and never splits a character.
fn first_len(rest: &str, end: usize) -> usize {
    if end > 0 { end } else { rest.chars().next().map_or(0, char::len_utf8) }
}

/// The tag, comment or declaration at `at` (a `<`), if it is one.
fn tag(html: &str, at: usize) -> Option<Tag<'_>> {
    let rest = &html[at + 1..];
    let nothing = |end: usize| Tag { name: "", attributes: "", is_closing: false, is_empty: true, end };
    if let Some(comment) = rest.strip_prefix("!--") {
        let end = memchr::memmem::find(comment.as_bytes(), b"-->").map_or(html.len(), |n| at + 4 + n + 3);
        return Some(nothing(end));
    }
    if rest.starts_with(['!', '?']) {
        return Some(nothing(at + 1 + memchr::memchr(b'>', rest.as_bytes()).map_or(rest.len(), |n| n + 1)));
    }
    let is_closing = rest.starts_with('/');
    let body = rest.strip_prefix('/').unwrap_or(rest);
    let name_len = body.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':')).count();
    if !body.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    // A `>` inside quotes does not end the tag.
    let mut quote = 0;
    let mut before = b' ';
    let bytes = body.as_bytes();
    let mut end = name_len;
    while let Some(b) = bytes.get(end) {
        match *b {
            b'>' if quote == 0 => break,
            b'<' if quote == 0 => break,
            b'"' | b'\'' if quote == 0 && before == b'=' => quote = *b,
            b if b == quote => quote = 0,
            _ => {}
        }
        if !b.is_ascii_whitespace() {
            before = *b;
        }
        end += 1;
    }
    if quote != 0 {
        // A quotation that never ends: the tag ends at the next bracket.
        end = name_len + memchr::memchr(b'>', &bytes[name_len..]).unwrap_or(bytes.len() - name_len);
    }
    let start = at + 1 + usize::from(is_closing);
    let attributes = &body[name_len..end.min(body.len())];
    let close = usize::from(bytes.get(end) == Some(&b'>'));
    Some(Tag {
        name: &body[..name_len],
        attributes,
        is_closing,
        is_empty: attributes.ends_with('/'),
        end: (start + end + close).min(html.len()),
    })
}

/// Behind the end of the element `name` whose content begins at `from`, if it has one.
fn skip(html: &str, from: usize, name: &str) -> Option<usize> {
    let is_raw = matches!(name, "script" | "style");
    let mut depth = 1;
    let mut at = from;
    while let Some(n) = memchr::memchr(b'<', &html.as_bytes()[at..]) {
        at += n;
        let rest = &html[at + 1..];
        let is_closing = rest.starts_with('/');
        let body = rest.strip_prefix('/').unwrap_or(rest);
        let is_same = body.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
            && !body[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        // A head that is never closed ends where the body begins.
        if name == "head" && body.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("body")) {
            return Some(at);
        }
        if is_same && is_closing {
            depth -= 1;
            if depth == 0 {
                return Some(memchr::memchr(b'>', &html.as_bytes()[at..]).map_or(html.len(), |n| at + n + 1));
            }
        } else if is_same && !is_raw {
            depth += 1;
        }
        at += 1;
    }
    // Browsers, too, take an open script to the end.
    is_raw.then_some(html.len())
}

fn find_tag(html: &str, tag: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(n) = memchr::memchr(b'<', &html.as_bytes()[at..]) {
        at += n;
        if html.get(at..at + tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag)) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Writes `text` with its character references decoded; unknown ones stay.
fn decode(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.bytes().take(MAX_ENTITY_BYTES).position(|b| b == b';');
        match end.and_then(|end| entity(&after[..end]).map(|c| (c, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &after[end + 1..];
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || *c == '\n' || *c == '\t');
    }
    #[rustfmt::skip]
    const NAMES: &[(&str, char)] = &[
        ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", ' '), ("mdash", '—'),
        ("ndash", '–'), ("hellip", '…'), ("lsquo", '‘'), ("rsquo", '’'), ("ldquo", '“'), ("rdquo", '”'),
        ("laquo", '«'), ("raquo", '»'), ("copy", '©'), ("reg", '®'), ("trade", '™'), ("euro", '€'), ("pound", '£'),
        ("yen", '¥'), ("cent", '¢'), ("deg", '°'), ("plusmn", '±'), ("times", '×'), ("divide", '÷'), ("middot", '·'),
        ("bull", '•'), ("sect", '§'), ("para", '¶'), ("larr", '←'), ("rarr", '→'), ("uarr", '↑'), ("darr", '↓'),
        ("auml", 'ä'), ("ouml", 'ö'), ("uuml", 'ü'), ("Auml", 'Ä'), ("Ouml", 'Ö'), ("Uuml", 'Ü'), ("szlig", 'ß'),
        ("eacute", 'é'), ("egrave", 'è'), ("ecirc", 'ê'), ("aacute", 'á'), ("agrave", 'à'), ("acirc", 'â'),
        ("iacute", 'í'), ("oacute", 'ó'), ("ocirc", 'ô'), ("uacute", 'ú'), ("ntilde", 'ñ'), ("ccedil", 'ç'),
        ("aring", 'å'), ("aelig", 'æ'), ("oslash", 'ø'), ("atilde", 'ã'), ("otilde", 'õ'), ("thinsp", ' '),
        ("ensp", ' '), ("emsp", ' '), ("zwnj", '\u{200c}'), ("shy", '\u{ad}'),
    ];
    NAMES.iter().find(|(n, _)| *n == name).map(|(_, c)| *c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_person_sees() {
        let html = "<!DOCTYPE html><html><head><title>A &amp; B</title><style>p{}</style></head><body><nav><a \
            href=/x>Home</a></nav><h1>Big  <em>news</em></h1><p>It is <b>very</b> long&mdash;and <a \
            href=\"https://a.b/c?d=1&amp;e=2\">wide</a>.</p><script>if (a<b) {}</script><ul><li>one</li><li>two \
            <img src=x alt=\"a cat\"></li></ul><table><tr><th>id<th>name<tr><td>1<td>x</table><pre>a\n  b</pre>\
            <footer>c</footer></body></html>";
        assert_eq!(
            readable(html, true),
            "Title: A & B\n\n# Big news\n\nIt is very long—and [wide](https://a.b/c?d=1&e=2).\n\n- one\n- two [image: a \
             cat]\n\nid | name\n1 | x\n\na\n  b"
        );
    }

    #[test]
    fn boilerplate_goes_by_its_name() {
        let html = "<div class='site nav'>x<div>y</div></div><div class=navigate>z</div><p hidden>w</p>";
        assert_eq!(readable(html, true), "z\n\nw");
        assert_eq!(readable(html, false), "x\ny\nz\n\nw");
    }

    #[test]
    fn broken_pages_lose_nothing_readable() {
        assert_eq!(readable("a < b <i>c</i> &unknown; <a href='x", true), "a < b c &unknown;");
        assert_eq!(readable("<p>a<p title=\"b>c</p>d<br>e", true), "a\n\nc\n\nd\ne");
        assert_eq!(readable("<nav>a<nav>b</nav>c<div>d", true), "a\nb\nc\nd");
    }

    proptest! {
        #[test]
        fn any_text_is_read(html in "(<|>|/|a|div|script|\"|'|=| |&|;|#|x|é|!--|\n){0,120}") {
            readable(&html, true);
            readable(&html, false);
        }
    }
}
