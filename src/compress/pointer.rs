//! Hashes: one per message from which something was left out, so that a reader can fetch it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{Edit, Original, Outcome};
use crate::kinds::Source;
use crate::mark;
use crate::options::Retrieval;
use crate::request::Request;
use crate::tokens::Counter;

/// Adds pointers to messages.
pub(super) struct Pointers<'p> {
    pub(super) retrieval: &'p Retrieval,
    pub(super) counter: &'p Counter,
}

impl Pointers<'_> {
    /// Adds a pointer to the last changed text of message `i`, if something is missing in the message and
    /// it still gets shorter.
    ///
    /// `saved` is what the message saves without it, `source` what its last changed text is.
    pub(super) fn add(
        &self,
        request: &Request<'_>,
        i: usize,
        source: Source,
        saved: usize,
        out: &mut Outcome,
    ) -> Pointed {
        let key = match self.retrieval {
            Retrieval::Off => return Pointed::Not,
            Retrieval::Plain => None,
            Retrieval::Keyed(key) => Some(key.as_slice()),
        };
        if out.omitted.last().is_none_or(|o| o.message != i) {
            return Pointed::Not;
        }
        let first = out.edits.partition_point(|e| e.message < i);
        let originals: Vec<&str> = out.edits[first..].iter().map(|e| request.str(e.id)).collect();
        let text = originals.join("\n");
        let hash = hash(&text, key);
        let Some(Edit { text: last, .. }) = out.edits.last_mut() else { return Pointed::Not };
        let pointed = with_pointer(last, source, &hash);
        let cost = self.counter.count(&pointed).saturating_sub(self.counter.count(last));
        // A message is never made longer for the sake of its pointer.
        if cost >= saved {
            return Pointed::TooDear;
        }
        *last = pointed;
        Pointed::At(Original { hash, message: i, text, tool: String::new(), kinds: Vec::new() }, cost)
    }
}

/// A hash that takes as many tokens as any: no two of its digits can be one token.
const DEAREST: &str = "a1b2c3d4e5f6a7b8c9d0e1f2";

/// The most tokens that a pointer takes, with the newlines around it; 0 where there are none.
pub(super) fn most_tokens(retrieval: &Retrieval, counter: &Counter) -> usize {
    match retrieval {
        Retrieval::Off => 0,
        _ => counter.count(&format!("\n{}\n", mark::pointer(DEAREST))),
    }
}

/// Why a message stays as it was.
pub(super) const TOO_DEAR: &str = "would not get shorter with a hash";

/// What became of a message's pointer.
pub(super) enum Pointed {
    /// Nothing is missing in the message, or nobody could redeem a hash.
    Not,
    /// The message has one; what it points at, and its cost in tokens.
    At(Original, usize),
    /// It would cost what leaving something out saves.
    TooDear,
}

/// `text` with a pointer. In a tool output it stands at the end, so that the numbers of lines hold by
/// which later outputs refer to it; elsewhere behind the last block with a header, if there is one.
fn with_pointer(text: &str, source: Source, hash: &str) -> String {
    let mut at = 0;
    while source != Source::ToolOutput
        && let Some(block) = mark::find_headed(text, at)
    {
        at = block.range.end;
    }
    let at = if at == 0 { text.len() } else { at };
    let (before, after) = text.split_at(at);
    let open = if before.ends_with('\n') { "" } else { "\n" };
    let close = if before.ends_with('\n') { "\n" } else { "" };
    format!("{before}{open}{}{close}{after}", mark::pointer(hash))
}

/// The address of a text: the first 96 bits of its SHA-256, or of its HMAC under a key.
pub fn hash(text: &str, key: Option<&[u8]>) -> String {
    let digest = match key.map(Hmac::<Sha256>::new_from_slice) {
        Some(Ok(mut mac)) => {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes()
        }
        // HMAC takes keys of any length; without a key, the plain digest.
        _ => Sha256::digest(text.as_bytes()),
    };
    digest.iter().take(mark::HASH_DIGITS / 2).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn a_hash_depends_on_text_and_key() {
        // SHA-256("abc") begins ba7816bf 8f01cfea 414140de (FIPS 180-2, appendix B.1).
        assert_eq!(hash("abc", None), "ba7816bf8f01cfea414140de");
        assert_ne!(hash("abc", None), hash("abc", Some(b"key")));
        assert_ne!(hash("abc", Some(b"key")), hash("abc", Some(b"other")));
        assert_eq!(hash("abc", Some(b"key")).len(), 24);
    }
}
