//! Every count equals that of tiktoken-rs, the tokenizer of record, wherever it returns one.

#![allow(clippy::expect_used)]

use headroom::tokens::Counter;
use proptest::prelude::*;
use tiktoken_rs::CoreBPE;

/// Our counter beside the tokenizer of record, for every encoding with a vocabulary or pattern of its own.
fn encodings() -> Vec<(Counter, &'static CoreBPE)> {
    [
        ("o200k_base", tiktoken_rs::o200k_base_singleton()),
        ("cl100k_base", tiktoken_rs::cl100k_base_singleton()),
        ("p50k_base", tiktoken_rs::p50k_base_singleton()),
        ("r50k_base", tiktoken_rs::r50k_base_singleton()),
    ]
    .map(|(name, record)| (Counter::for_encoding(name).expect("a known encoding"), record))
    .to_vec()
}

#[track_caller]
fn assert_equal(text: &str) {
    for (counter, record) in encodings() {
        let expected = record.encode_ordinary(text).len();
        assert_eq!(counter.count(text), expected, "{} of {text:?}", counter.encoding());
    }
}

/// Every assigned code point, alone and in the neighbourhoods that the patterns tell apart, and a sample of
/// the rest, private and unassigned. Most of the time goes to the regexes; texts are joined, with separators
/// that start a new piece in every pattern.
#[test]
fn every_code_point_has_the_same_class() {
    let planes = ('\0'..='\u{323AF}').chain('\u{E0000}'..='\u{E01FF}');
    let all: Vec<char> = planes.chain(('\u{323B0}'..=char::MAX).step_by(97)).collect();
    for chunk in all.chunks(4096) {
        for around in [
            |c: char| format!("{c}\n0\n"),
            |c| format!("a{c}b{c}{c}B 0\n"),
            |c| format!(" {c} {c}0A{c}a{c}'s{c}\n"),
        ] {
            let text: String = chunk.iter().copied().map(around).collect();
            for (counter, record) in encodings() {
                if counter.count(&text) == record.encode_ordinary(&text).len() {
                    continue;
                }
                for &c in chunk {
                    assert_equal(&around(c));
                }
            }
        }
    }
}

#[test]
fn every_pair_around_an_apostrophe() {
    let mut text = String::new();
    for before in ["", "a", "A", "é", "É", "漢", "\u{301}", "1", " ", "!", "\n", "'", "a1", "aA"] {
        for first in ('\0'..='\u{7f}').chain(['ſ', 'K', 'İ', 'ı', 'ﬆ', 'é']) {
            for second in ["", "e", "E", "l", "L", "ſ", "s", " ", "'", "\n", "1"] {
                text.push_str(&format!("{before}'{first}{second}x;\n0"));
            }
        }
    }
    for (counter, record) in encodings() {
        assert_eq!(counter.count(&text), record.encode_ordinary(&text).len(), "{}", counter.encoding());
    }
}

#[test]
fn white_space_and_line_breaks() {
    let atoms = [
        "", " ", "  ", "\n", "\r\n", "\t", "\u{a0}", "\u{3000}", "\u{2028}", "a", "!", "1", "/", "!\n/", "\r",
    ];
    for a in atoms {
        for b in atoms {
            for c in atoms {
                let mut texts = vec![];
                for d in atoms {
                    texts.push(format!("{a}{b}{c}{d}"));
                }
                for (counter, record) in encodings() {
                    for text in &texts {
                        assert_eq!(
                            counter.count(text),
                            record.encode_ordinary(text).len(),
                            "{} of {text:?}",
                            counter.encoding()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn long_runs_are_counted_as_the_record_counts_them() {
    for unit in [
        "a", "A", "ab", "abc", "=", "-=", "漢", "é", "aé", "\u{301}", "ÀÁ", "😀", "\n", " \n", "1", "٣", "/",
        "_", "\0", "aaaaaaab", "qz",
    ] {
        for times in [12, 23, 24, 25, 42, 43, 63, 64, 65, 127, 128, 129, 1000, 4095, 4096, 4097, 5000, 9001] {
            assert_equal(&unit.repeat(times));
        }
    }
    // Spaces: the record gives up on long ones.
    for times in [1, 2, 3, 80, 81, 127, 128, 129, 200, 1000, 5000] {
        assert_equal(&" ".repeat(times));
        assert_equal(&format!("a{}b", " ".repeat(times)));
    }
}

/// Pieces of thousands of different bytes: windows of the merge are joined many times.
#[test]
fn long_random_words_are_counted_as_the_record_counts_them() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % below
    };
    for letters in [2u64, 4, 26] {
        for _ in 0..4 {
            let text: String = (0..40_000).map(|_| (b'a' + random(letters) as u8) as char).collect();
            assert_equal(&text);
        }
    }
    let text: String =
        (0..30_000).map(|_| char::from_u32(0x4E00 + random(3000) as u32).unwrap_or('漢')).collect();
    assert_equal(&text);
}

#[test]
fn a_million_of_anything_answers_quickly() {
    let start = std::time::Instant::now();
    for (counter, _) in encodings() {
        for unit in [" ", "a", "\n", "漢", "=", "Aa", "'", "ab"] {
            let text = unit.repeat(1_000_000);
            assert!(counter.count(&text) > 1000);
        }
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

/// Fragments that meet the patterns' alternatives far more often than random text does.
fn fragments() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        prop::sample::select(vec![
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "'",
            "'s",
            "'LL",
            "'ſ",
            "’",
            "a",
            "A",
            "ab",
            "AB",
            "aB",
            "é",
            "É",
            "ǅ",
            "ʰ",
            "漢",
            "\u{301}",
            "1",
            "12",
            "1234",
            "٣",
            "½",
            "_",
            ".",
            "/",
            "//",
            "!",
            "--",
            "{\"",
            "\":",
            "\",",
            "}\n",
            "\u{a0}",
            "\u{3000}",
            "\u{2028}",
            "\u{85}",
            "\u{200b}",
            "\0",
            "😀",
            "the",
            " error",
            "ERROR",
            "HTTP/1.1",
            "0x",
            "ff",
            "<|endoftext|>",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[a-f0-9]{1,40}",
        "[a-z]{1,140}",
        "[a-zA-Z]{1,60}",
        "[一-万]{1,50}",
        " {1,40}",
        "\\PC{1,8}",
    ];
    prop::collection::vec(atom, 0..40).prop_map(|atoms| atoms.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fragments_are_counted_as_the_record_counts_them(text in fragments()) {
        assert_equal(&text);
    }

    #[test]
    fn any_text_is_counted_as_the_record_counts_it(text in any::<String>()) {
        assert_equal(&text);
    }

    #[test]
    fn any_bytes_are_counted_as_the_record_counts_them(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        assert_equal(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn json_and_logs_are_counted_as_the_record_counts_them(
        lines in prop::collection::vec(("[A-Z][a-z]{2} [0-9 ]{2} [0-9:]{8}", "[a-z]{1,8}\\[[0-9]{1,6}\\]: ", "[ -~]{0,60}", "[0-9a-f-]{36}"), 0..6)
    ) {
        let log: String = lines.iter().map(|(time, tag, text, id)| format!("{time} {tag}{text} {id}\n")).collect();
        assert_equal(&log);
        let json: String = lines.iter().map(|(time, _, text, id)| format!("  {{\"time\": {time:?},\n\t\"{id}\": {text:?}}},\r\n")).collect();
        assert_equal(&json);
    }
}
