//! `tree`: box-drawing branches become one space of indentation per level.

use super::matches::split_lines;
use crate::mark::Rendered;

/// Words of the header, by the characters that the branches were drawn with.
const FORMS: [(&str, Drawing); 3] = [
    (
        "tree, one space per level",
        Drawing { open: "│\u{a0}\u{a0} ", closed: "    ", branch: "├── ", last: "└── " },
    ),
    (
        "tree (plain spaces), one space per level",
        Drawing { open: "│   ", closed: "    ", branch: "├── ", last: "└── " },
    ),
    (
        "tree (ASCII), one space per level",
        Drawing { open: "|   ", closed: "    ", branch: "|-- ", last: "`-- " },
    ),
];

/// The four pieces that branches consist of.
#[derive(Debug, Clone, Copy)]
struct Drawing {
    open: &'static str,
    closed: &'static str,
    branch: &'static str,
    last: &'static str,
}

impl Drawing {
    /// Depth of a line (1 below the root) and its name.
    fn read<'t>(&self, line: &'t str) -> Option<(usize, &'t str)> {
        let mut rest = line;
        let mut depth = 1;
        loop {
            if let Some(name) = rest.strip_prefix(self.branch).or_else(|| rest.strip_prefix(self.last)) {
                return Some((depth, name));
            }
            rest = rest.strip_prefix(self.open).or_else(|| rest.strip_prefix(self.closed))?;
            depth += 1;
        }
    }
}

/// How many lines are branches, for the drawing that explains most.
pub fn count(lines: &[&str]) -> Option<usize> {
    FORMS
        .iter()
        .map(|(_, drawing)| lines.iter().filter(|l| drawing.read(l).is_some()).count())
        .max()
        .filter(|n| *n > 0)
}

/// Re-encodes a tree.
pub fn compress(text: &str) -> Option<Rendered> {
    FORMS.iter().find_map(|(words, drawing)| {
        let body = encode(text, drawing);
        let decoded = (body.len() < text.len()).then(|| decode_as(&body, drawing))?;
        (decoded == text).then(|| Rendered {
            text: body,
            header: Some((*words).to_owned()),
            transforms: vec!["search:tree"],
            ..Rendered::default()
        })
    })
}

fn encode(text: &str, drawing: &Drawing) -> String {
    let mut out = String::with_capacity(text.len());
    for line in split_lines(text) {
        match drawing.read(line) {
            Some((depth, name)) if !name.starts_with(' ') => {
                out.extend(std::iter::repeat_n(' ', depth));
                out.push_str(name);
            }
            _ => {
                if line.starts_with([' ', '\\']) {
                    out.push('\\');
                }
                out.push_str(line);
            }
        }
        out.push('\n');
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    out
}

/// Decodes a body with the words of a tree.
pub fn decode(body: &str, words: &str) -> Option<String> {
    let (_, drawing) = FORMS.iter().find(|(w, _)| *w == words)?;
    Some(decode_as(body, drawing))
}

/// Draws the branches again. Backwards, a line is the last of its directory if no line of its depth
/// came before a shallower one.
fn decode_as(body: &str, drawing: &Drawing) -> String {
    let lines: Vec<(usize, &str)> = split_lines(body)
        .into_iter()
        .map(|line| {
            let depth = line.len() - line.trim_start_matches(' ').len();
            (depth, if depth == 0 { line.strip_prefix('\\').unwrap_or(line) } else { &line[depth..] })
        })
        .collect();
    // open[d]: whether a later line of depth d + 1 belongs to the same directory.
    let mut open: Vec<bool> = Vec::new();
    let mut drawn: Vec<String> = Vec::with_capacity(lines.len());
    for (depth, name) in lines.iter().rev() {
        open.resize(*depth, false);
        let mut line = String::new();
        if let Some((own, above)) = open.split_last_mut() {
            for is_open in above {
                line.push_str(if *is_open { drawing.open } else { drawing.closed });
            }
            line.push_str(if *own { drawing.branch } else { drawing.last });
            *own = true;
        }
        line.push_str(name);
        drawn.push(line);
    }
    let mut out = String::with_capacity(body.len() * 2);
    for line in drawn.iter().rev() {
        out.push_str(line);
        out.push('\n');
    }
    if !body.ends_with('\n') {
        out.pop();
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn branches_become_indentation() {
        let text = ".\n├── a\n│   ├── b\n│   └── c\n│       └── d\n└── e\n\n3 directories, 2 files\n";
        let rendered = compress(text).unwrap();
        assert_eq!(rendered.text, ".\n a\n  b\n  c\n   d\n e\n\n3 directories, 2 files\n");
        assert_eq!(decode(&rendered.text, &rendered.header.unwrap()).unwrap(), text);
    }

    #[test]
    fn a_tree_that_cannot_come_back_stays() {
        assert_eq!(compress(".\n└── a\n└── b\n"), None);
    }

    proptest! {
        #[test]
        fn a_drawn_tree_comes_back(body in "([ ]{0,6}[a-c]{1,3}\n){1,20}", form in 0_usize..3) {
            // Depth grows by one level at a time, as in any tree.
            let mut depth = 0;
            let body: String = body.lines().map(|line| {
                let name = line.trim_start();
                depth = (line.len() - name.len()).min(depth + 1);
                format!("{}{name}\n", " ".repeat(depth))
            }).collect();
            let drawing = &FORMS[form].1;
            let text = decode_as(&body, drawing);
            prop_assert_eq!(encode(&text, drawing), body);
        }
    }
}
