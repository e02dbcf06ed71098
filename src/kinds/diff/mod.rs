//! Diffs: unified, `git diff`, `git show`, `git log -p`.
//!
//! Headers are shortened without loss ([`head`], [`write`]): what is written is decoded again before
//! it is accepted. Beyond that, context is cut to a line on either side with the hunks' places
//! recomputed, blob hashes are left out (both said in the block's header), and the hunks of generated
//! files and of files beside the question become one mark each ([`choose`]). Linear.

mod choose;
mod head;
mod parse;
mod write;

use super::{Context, Kind};
use crate::mark::Rendered;
use parse::Part;
use write::Source;

/// See the module.
#[derive(Debug)]
pub struct Diff;

/// Share of the lines that must belong to files and hunks, in percent.
const MIN_SHARE: usize = 45;

impl Kind for Diff {
    fn name(&self) -> &'static str {
        "diff"
    }

    fn recognise(&self, text: &str) -> u8 {
        let has_hunk = text.starts_with("@@ -") || memchr::memmem::find(text.as_bytes(), b"\n@@ -").is_some();
        if !has_hunk {
            return 0;
        }
        let source = Source::new(text);
        let mut covered = 0;
        let (mut heads, mut hunks) = (0, 0);
        for part in parse::parse(&source.lines) {
            match part {
                Part::Raw(_) => continue,
                Part::Head(_) => heads += 1,
                Part::Hunk(_) => hunks += 1,
                Part::Binary(_) => {}
            }
            covered += part.lines().len();
        }
        let share = covered * 100 / source.lines.len().max(1);
        match share {
            _ if hunks == 0 => 0,
            MIN_SHARE.. if heads > 0 => 97,
            MIN_SHARE.. => 85,
            _ => 0,
        }
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        let source = Source::new(text);
        let parts = parse::parse(&source.lines);
        let all = choose::Choice::all();
        let mut written = write::write(&source, &parts, &all);
        // A text that the encoding cannot carry (none is known) stays as it is.
        if write::decode(&written.text).as_deref() != Some(text) {
            return None;
        }
        let mut words = write::WORDS.to_owned();
        let mut transforms = vec!["diff:headers"];
        if cx.may_omit() {
            let choice =
                choose::choose(&source, &parts, text, cx.query, cx.options, || cx.tokens.count(text));
            written = write::write(&source, &parts, &choice);
            words.push_str(&choice.words());
            transforms.push("diff:context");
            if choice.files.iter().any(|f| matches!(f, choose::Fate::Collapsed(_))) {
                transforms.push("diff:select");
            }
        }
        Some(Rendered { text: written.text, header: Some(words), omissions: written.omissions, transforms })
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        words.starts_with(write::WORDS).then(|| write::decode(body)).flatten()
    }
}
