//! Languages: what sets their lexers apart, and how a text or a file name shows which one it is.

use super::shape;
use crate::blocks::lines;
use crate::planes::{self, WINDOW};

/// A family of languages that one scanner reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Python: blocks by indentation.
    Python,
    /// JavaScript and TypeScript, with JSX.
    JavaScript,
    /// Go.
    Go,
    /// Rust.
    Rust,
    /// Java.
    Java,
    /// C and C++, with the preprocessor.
    C,
    /// C#.
    CSharp,
    /// Ruby: blocks by keywords and `end`.
    Ruby,
    /// PHP, with HTML around it.
    Php,
}

impl Language {
    /// All of them, in the order in which ties are broken.
    pub const ALL: [Language; 9] = [
        Language::Python,
        Language::JavaScript,
        Language::Go,
        Language::Rust,
        Language::Java,
        Language::C,
        Language::CSharp,
        Language::Ruby,
        Language::Php,
    ];

    /// The language of a file, by its name's ending or by the word after a Markdown fence.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "py" | "pyi" | "pyx" | "python" | "python3" => Language::Python,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "javascript" | "typescript" => {
                Language::JavaScript
            }
            "go" | "golang" => Language::Go,
            "rs" | "rust" => Language::Rust,
            "java" => Language::Java,
            "c" | "h" | "cc" | "hh" | "cpp" | "hpp" | "cxx" | "hxx" | "c++" | "inl" | "ipp" | "cu" => {
                Language::C
            }
            "cs" | "csharp" => Language::CSharp,
            "rb" | "rake" | "gemspec" | "ruby" => Language::Ruby,
            "php" | "phtml" => Language::Php,
            _ => return None,
        })
    }

    /// The language of the file that `path` names.
    pub fn from_path(path: &str) -> Option<Self> {
        let name = path.rsplit(['/', '\\']).next()?;
        let (stem, extension) = name.rsplit_once('.')?;
        if stem.is_empty() || extension.len() > 5 {
            return None;
        }
        Self::from_extension(&extension.to_ascii_lowercase())
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What the lines of a sample say about being code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Lines looked at that are not blank.
    pub lines: usize,
    /// Lines that look like code of some language.
    pub code: usize,
    /// Lines that look like a comment.
    pub comment: usize,
    /// Lines that code never has: timestamps, test results, hunks, sentences.
    pub against: usize,
    /// Those of them that belong to another kind of text without doubt: matches, hunks, tracebacks.
    pub other: usize,
    votes: [u32; 9],
}

impl Evidence {
    /// Looks at one line of source (without a line number). Cost: linear in the line's first
    /// [`MAX_LINE_BYTES`].
    pub fn add(&mut self, line: &str) {
        let line = lines::trim(clip(line, MAX_LINE_BYTES));
        if line.is_empty() {
            return;
        }
        self.lines += 1;
        let signs = if may_have_needles(line.as_bytes()) { signs(line.as_bytes()) } else { 0 };
        if shape::is_other_kind(line, signs & BRACKET != 0) {
            self.against += 1;
            self.other += 1;
            return;
        }
        let voted = self.vote(line, signs);
        if !voted && shape::is_data(line) {
            self.lines -= 1;
            return;
        }
        if shape::is_comment(line) && !voted {
            self.comment += 1;
        } else if voted || shape::has_code_shape(line) {
            self.code += 1;
        } else if shape::is_foreign(line) {
            self.against += 1;
        }
    }

    /// The language with most votes, and how many it has.
    pub fn best(&self) -> Option<(Language, u32)> {
        // `max_by_key` takes the last of equals; reversed, the first in the table wins.
        let best = Language::ALL.into_iter().rev().max_by_key(|l| self.votes[l.index()])?;
        let votes = self.votes[best.index()];
        (votes > 0).then_some((best, votes))
    }

    /// Votes for one language.
    pub fn votes_for(&self, language: Language) -> u32 {
        self.votes[language.index()]
    }

    /// Counts what a line says about its language. Returns whether it said anything.
    fn vote(&mut self, line: &str, signs: u64) -> bool {
        use Language::{C, CSharp, Go, Java, JavaScript, Php, Python, Ruby, Rust};
        let before = self.votes;
        let mut add = |language: Language, weight: u32| self.votes[language.index()] += weight;
        let of_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let word_end = line.bytes().take_while(|b| of_word(b)).count();
        let (word, rest) = line.split_at(word_end);
        let rest = rest.trim_start();
        let last = line.bytes().next_back().unwrap_or(b' ');
        let semicolon = last == b';';
        match word {
            "def" if last == b':' || (rest.contains('(') && rest.contains(':')) => add(Python, 4),
            "def" if !rest.is_empty() => add(Ruby, 3),
            "end" if rest.is_empty() => add(Ruby, 2),
            "elsif" | "unless" | "attr_reader" | "attr_accessor" | "rescue" => add(Ruby, 3),
            "require" | "require_relative" if rest.starts_with(['\'', '"']) => add(Ruby, 3),
            "module" if !semicolon && last != b'{' && rest.starts_with(|c: char| c.is_ascii_uppercase()) => {
                add(Ruby, 2);
            }
            "elif" | "except" | "async" if last == b':' => add(Python, 3),
            "if" | "for" | "while" | "try" | "with" | "else" | "finally" if last == b':' => add(Python, 2),
            "class" if last == b':' => add(Python, 4),
            "from" if rest.contains(" import") => add(Python, 4),
            "import" if rest.contains(" from ") || rest.starts_with(['\'', '"']) || rest.starts_with('{') => {
                add(JavaScript, 4);
            }
            "import" if rest.starts_with('(') || rest.starts_with('"') => add(Go, 3),
            "import" if semicolon => add(Java, 4),
            "import" if rest.split(" as ").all(is_dotted) => add(Python, 3),
            "package" if semicolon => add(Java, 4),
            "package" if is_dotted(rest) => add(Go, 4),
            "func" if last == b'{' || last == b'}' || rest.contains('(') => add(Go, 4),
            "type" if rest.ends_with("struct {") || rest.ends_with("interface {") => add(Go, 4),
            "defer" | "chan" if !rest.is_empty() => add(Go, 2),
            "type" if rest.contains(" = ") => add(JavaScript, 2),
            "fn" | "impl" | "trait" | "pub" | "mod" | "unsafe" if !rest.is_empty() => add(Rust, 3),
            "use" if rest.contains('\\') && semicolon => add(Php, 4),
            "use" if semicolon || last == b'{' => add(Rust, 3),
            "let" if rest.starts_with("mut ") => add(Rust, 4),
            "let" if semicolon && rest.contains(": ") => {
                add(Rust, 2);
                add(JavaScript, 1);
            }
            "match" if last == b'{' => add(Rust, 2),
            "const" | "let" | "var" if rest.contains('=') => add(JavaScript, 3),
            "function" | "export" | "declare" => add(JavaScript, 3),
            "interface" if last == b'{' => add(JavaScript, 2),
            "using" if semicolon && !rest.starts_with("namespace") && !rest.contains("::") => add(CSharp, 4),
            "namespace" if rest.contains('\\') => add(Php, 4),
            "namespace" if last == b'{' || semicolon || is_dotted(rest) => {
                add(CSharp, 2);
                add(C, 1);
                if rest.contains("::") {
                    add(C, 2);
                }
            }
            "public" | "private" | "protected" | "internal" => {
                if rest.contains("function ") {
                    add(Php, 4);
                } else if last == b':' && rest == ":" {
                    add(C, 3);
                } else if !rest.is_empty()
                    && (rest.contains('(') || semicolon || last == b'{' || rest.contains(" class "))
                {
                    add(Java, 2);
                    add(CSharp, 2);
                    for word in [
                        "override ",
                        "async ",
                        "string ",
                        "bool ",
                        "virtual ",
                        "readonly ",
                        "{ get;",
                        "sealed ",
                        "=>",
                    ] {
                        if rest.contains(word) {
                            add(CSharp, 2);
                        }
                    }
                    for word in ["final ", "throws ", "String ", "boolean ", " extends ", " implements "] {
                        if rest.contains(word) {
                            add(Java, 2);
                        }
                    }
                } else if !rest.is_empty() && !rest.starts_with(|c: char| c.is_alphabetic()) {
                    add(CSharp, 1);
                }
            }
            "template" if rest.starts_with('<') => add(C, 4),
            "typedef" | "extern" | "struct" | "enum" | "union" | "static" | "inline"
                if semicolon || last == b'{' || last == b')' =>
            {
                add(C, 2);
                if word == "static" && (rest.contains("final ") || rest.contains("String ")) {
                    add(Java, 2);
                }
            }
            "int" | "void" | "char" | "size_t" | "unsigned" | "long" | "double" | "float" | "bool"
            | "auto"
                if semicolon || last == b'{' || last == b',' || last == b')' =>
            {
                add(C, 2);
                add(Java, 1);
                add(CSharp, 1);
            }
            "return" if semicolon => {
                for language in [JavaScript, Rust, Java, C, CSharp, Php] {
                    add(language, 1);
                }
            }
            "return" if !rest.contains(". ") => {
                for language in [Python, Go, Ruby, JavaScript] {
                    add(language, 1);
                }
            }
            "" => {}
            _ => {}
        }
        let b = line.as_bytes();
        match b.first() {
            Some(b'#') => match word_after_hash(line) {
                "include" | "define" | "ifdef" | "ifndef" | "endif" | "pragma" => add(C, 4),
                "if" | "else" | "elif" | "undef" => add(C, 2),
                "region" | "endregion" | "nullable" => add(CSharp, 4),
                _ if line.starts_with("#[") || line.starts_with("#![") => add(Rust, 3),
                _ if line.starts_with("#!/") && line.contains("python") => add(Python, 4),
                _ if line.starts_with("#!/") && line.contains("ruby") => add(Ruby, 4),
                _ if line.starts_with("#!/") && line.contains("node") => add(JavaScript, 4),
                _ => {}
            },
            Some(b'@') if line.starts_with("@Override") || line.starts_with("@Test") => add(Java, 4),
            Some(b'@') if b.len() > 2 && b[1].is_ascii_lowercase() && last != b';' => add(Python, 1),
            Some(b'$') if b.len() > 2 && (b[1].is_ascii_alphabetic() || b[1] == b'_') => add(Php, 2),
            Some(b'<') if line.starts_with("<?php") => add(Php, 9),
            Some(b'"') if line.starts_with("\"\"\"") => add(Python, 2),
            Some(b'[') if last == b']' && b.len() > 4 && b[1].is_ascii_uppercase() && !line.contains(' ') => {
                add(CSharp, 1)
            }
            _ => {}
        }
        for (needle, language, weight, needed) in &INSIDE {
            if signs & needed == *needed
                && line.contains(needle)
                && !(*needle == "===" && line.starts_with("==="))
            {
                add(*language, *weight);
            }
        }
        before != self.votes
    }
}

/// What tells a language wherever it stands in a line, with its weight and its [`signs`].
const INSIDE: [(&str, Language, u32, u64); 17] = [
    inside(" := ", Language::Go, 3),
    inside("err != nil", Language::Go, 4),
    inside("self.", Language::Python, 1),
    inside("&self", Language::Rust, 4),
    inside("-> Result<", Language::Rust, 3),
    inside(".unwrap()", Language::Rust, 2),
    inside("std::", Language::C, 1),
    inside("===", Language::JavaScript, 2),
    inside("=> {", Language::JavaScript, 2),
    inside("require('", Language::JavaScript, 2),
    inside("require(\"", Language::JavaScript, 2),
    inside("function (", Language::JavaScript, 2),
    inside("function(", Language::JavaScript, 2),
    inside("$this->", Language::Php, 4),
    inside(" do |", Language::Ruby, 4),
    inside("@@", Language::Ruby, 1),
    inside("{ get; ", Language::CSharp, 4),
];

const fn inside(needle: &'static str, language: Language, weight: u32) -> (&'static str, Language, u32, u64) {
    (needle, language, weight, signs(needle.as_bytes()))
}

/// Which of the bytes from 0x20 to 0x5f (punctuation, digits, capitals) occur, one bit each: a line is
/// searched only for what it may hold.
const fn signs(bytes: &[u8]) -> u64 {
    let mut out = 0;
    let mut i = 0;
    while i < bytes.len() {
        let bit = bytes[i].wrapping_sub(0x20);
        out |= ((bit < 64) as u64) << (bit & 63);
        i += 1;
    }
    out
}

/// Whether a line may hold any of [`INSIDE`], or the bracket of a test's percentage: whether it has one of the
/// rarer signs of these, of which `self.` has none. Quicker than [`signs`] of a line of written text.
fn may_have_needles(line: &[u8]) -> bool {
    let is_rare = |b: u8| {
        let of_code = (b == b':') | (b == b'=') | (b == b'&') | (b == b'>') | (b == b'(');
        of_code | (b == b'$') | (b == b'|') | (b == b'@') | (b == b'{') | (b == b'[')
    };
    (0..line.len()).step_by(WINDOW).any(|at| {
        let window = planes::window(line, at);
        let dots = planes::mask(&window, |b| b == b'.');
        // What stands before the first byte of a window is not in it.
        let before = planes::mask(&window, |b| b == b'f') << 1 | 1;
        planes::mask(&window, is_rare) | dots & before != 0
    })
}

/// The sign without which no line is a test's result with its percentage.
const BRACKET: u64 = signs(b"[");

/// Longer lines are judged by their beginning.
const MAX_LINE_BYTES: usize = 200;

/// The longest prefix of `s` of at most `n` bytes that ends at a character boundary.
pub(super) fn clip(s: &str, n: usize) -> &str {
    let mut end = n.min(s.len());
    while !s.is_char_boundary(end) {
        end -= 1;
    }
    &s[..end]
}

fn word_after_hash(line: &str) -> &str {
    let rest = line[1..].trim_start();
    &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())]
}

fn is_dotted(s: &str) -> bool {
    let s = s.trim();
    !s.is_empty()
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b',' | b' '))
        && !s.contains(". ")
        && s.split(' ').count() <= 1 + s.matches(',').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(text: &str) -> Option<Language> {
        let mut e = Evidence::default();
        text.lines().for_each(|l| e.add(l));
        e.best().map(|b| b.0)
    }

    #[test]
    fn every_needle_is_looked_for() {
        for (needle, ..) in INSIDE.iter().chain([&inside(" PASSED [", Language::C, 0)]) {
            for before in [0, 1, 58, 59, 60, 61, 62, 63, 64, 130] {
                let line = format!("{}{needle}", "x".repeat(before));
                assert!(may_have_needles(line.as_bytes()), "{line}");
            }
        }
        assert!(!may_have_needles(b"A sentence, of some words. Nothing else; no sign of code - 12 % of it!"));
    }

    #[test]
    fn languages_are_told_apart() {
        use Language::*;
        for (text, expected) in [
            ("import os\n\ndef main(x):\n    return x\n", Python),
            ("    def _entry(self, i, j):\n        if i == j:\n            return S.One\n", Python),
            ("const a = require('a')\nfunction f() {\n  return 1;\n}\n", JavaScript),
            (
                "import { a } from './a'\nexport const f = (x: number): string => {\n  return ''\n}\n",
                JavaScript,
            ),
            ("package main\n\nimport \"fmt\"\n\nfunc main() {\n\tx := 1\n}\n", Go),
            ("use std::fmt;\n\npub fn a(&self) -> Result<(), E> {\n    let mut x = 1;\n}\n", Rust),
            ("package a.b;\n\nimport a.b.C;\n\npublic final class X {\n  private final int x;\n}\n", Java),
            ("#include <stdio.h>\n\nint main(void) {\n  return 0;\n}\n", C),
            (
                "using System;\n\nnamespace A\n{\n    public class B\n    {\n        public string C { get; set; }\n",
                CSharp,
            ),
            ("require 'set'\n\nmodule A\n  def b(x)\n    x\n  end\nend\n", Ruby),
            ("<?php\n\nnamespace A\\B;\n\nuse C\\D;\n\n$x = 1;\n", Php),
        ] {
            assert_eq!(language(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn file_names_tell_the_language() {
        assert_eq!(Language::from_path("src/a/b.rs"), Some(Language::Rust));
        assert_eq!(Language::from_path("x.tsx"), Some(Language::JavaScript));
        assert_eq!(Language::from_path(".py"), None);
        assert_eq!(Language::from_path("README.md"), None);
        assert_eq!(Language::from_path("Makefile"), None);
    }
}
