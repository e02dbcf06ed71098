//! Which files a conversation has written to, as far as its tool calls tell.
//!
//! A file that is being worked on is shown whole from then on: the agent compares it with what it
//! wrote. Cost: linear in the arguments; nothing is read from any disk.

use std::collections::HashSet;

/// Tools that write files, by parts of their names.
const WRITING_TOOLS: &[&str] = &["edit", "write", "replace", "patch", "insert", "create"];
/// Commands that write files, as they stand in a shell tool's arguments.
const WRITING_COMMANDS: &[&str] =
    &["sed -i", "cat >", "cat <<", "tee ", "patch ", "git apply", "perl -i", "> ", ">> "];
/// Longest name that is remembered, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// Names remembered per conversation at most; a conversation that writes more is no editing session.
const MAX_NAMES: usize = 4096;

/// Names of files that earlier calls wrote to.
#[derive(Debug, Default)]
pub(super) struct Edits {
    names: HashSet<String>,
}

impl Edits {
    /// Whether a call names a file that an earlier call wrote to; remembers what this one writes to.
    pub(super) fn see(&mut self, tool: &str, arguments: &str) -> bool {
        let tool = tool.to_lowercase();
        let writes = WRITING_TOOLS.iter().any(|part| tool.contains(part))
            || WRITING_COMMANDS.iter().any(|command| arguments.contains(command));
        let mut edited = false;
        for name in names(arguments) {
            edited |= self.names.contains(name);
            if writes && self.names.len() < MAX_NAMES {
                self.names.insert(name.to_owned());
            }
        }
        edited
    }
}

/// Base names of files in a call's arguments: `src/app.py` and `./app.py` are one file to an agent.
fn names(arguments: &str) -> impl Iterator<Item = &str> {
    arguments
        .split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)))
        // What stands before a newline in JSON ends with its escape.
        .map(|path| path.rsplit('/').next().unwrap_or(path))
        .filter(|name| {
            let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
            name.len() <= MAX_NAME_BYTES
                && !stem.is_empty()
                && (1..=6).contains(&extension.len())
                && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_edited_from_the_call_after_its_edit() {
        let mut edits = Edits::default();
        assert!(!edits.see("bash", r#"{"cmd":"cat src/app.py"}"#));
        assert!(!edits.see("bash", r#"{"cmd":"sed -i s/a/b/ src/app.py"}"#), "the edit itself");
        assert!(edits.see("bash", r#"{"cmd":"cat ./src/app.py"}"#));
        assert!(!edits.see("bash", r#"{"cmd":"cat src/other.py"}"#));
        assert!(!edits.see("str_replace_editor", r#"{"path":"/srv/lib.rs"}"#));
        assert!(edits.see("view", r#"{"path":"lib.rs"}"#));
    }
}
