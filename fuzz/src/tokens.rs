//! Token counts: equal to the record's, and consistent with each other.

use headroom::tokens::{Copied, Counter};
use tiktoken_rs::CoreBPE;

/// The record's regexes take time that grows with more than the length.
const MAX_BYTES: usize = 400;

fn encodings() -> [(&'static str, &'static CoreBPE); 4] {
    [
        ("o200k_base", tiktoken_rs::o200k_base_singleton()),
        ("cl100k_base", tiktoken_rs::cl100k_base_singleton()),
        ("p50k_base", tiktoken_rs::p50k_base_singleton()),
        ("r50k_base", tiktoken_rs::r50k_base_singleton()),
    ]
}

/// One encoding per input, chosen by its first byte.
pub fn check(data: &[u8]) {
    // All are loaded with the first input, so that no later one seems to take long.
    let encodings = encodings();
    let Some((&first, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(&rest[..rest.len().min(MAX_BYTES)]);
    let (name, record) = encodings[usize::from(first & 3)];
    let counter = Counter::for_encoding(name).expect("a known encoding");
    let count = counter.count(&text);
    assert_eq!(count, record.encode_ordinary(&text).len(), "{name} of {text:?}");
    assert_eq!(counter.count_till_limit(&text, count), Some(count));
    if count > 0 {
        assert_eq!(counter.count_till_limit(&text, count - 1), None);
    }
    let index = counter.index(&text);
    assert_eq!(index.total(), count);
    let mut cuts: Vec<usize> =
        text.char_indices().map(|(at, _)| at).step_by(1 + usize::from(first >> 2)).collect();
    cuts.push(text.len());
    let ranges: Vec<_> = cuts.windows(2).map(|pair| pair[0]..pair[1]).collect();
    if cuts.first() == Some(&0) {
        assert_eq!(counter.count_ranges(&text, &ranges).iter().sum::<u32>() as usize, count);
        assert_eq!(ranges.iter().map(|range| index.range(range.clone())).sum::<usize>(), count);
    }
    // What is made of parts of the text, with something new before each: long ones, so that few are all new.
    let (mut made, mut copies) = (String::new(), Vec::new());
    for part in cuts.chunks(64).filter(|part| part.len() > 1) {
        let from = part[0]..part[part.len() - 1];
        made.push_str(["[… 2 lines 1-2]\n", "", " ", "A"][from.len() % 4]);
        copies.push(Copied { at: made.len(), from: from.clone() });
        made.push_str(&text[from]);
    }
    assert_eq!(
        counter.count_spliced(&made, &text, &index, &copies),
        counter.count(&made),
        "{name} of {made:?}"
    );
}
