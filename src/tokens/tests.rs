use super::*;
use proptest::prelude::*;

const TEXT: &str = "2024-05-01T10:00:00Z ERROR [worker-17] can't reach https://db.example.com:5432 (id=8f3a9c1e)\n\tretry\r\n\nцикл 漢字 ok\n";

/// Every piece's start and tokens.
impl Sink for Vec<(usize, usize)> {
    fn starts(&mut self, at: usize, starts: u64) {
        self.extend((0..64).filter(|bit| starts >> bit & 1 == 1).map(|bit| (at + bit, 1)));
    }

    fn more(&mut self, start: usize, more: usize) {
        self.iter_mut().filter(|(at, _)| *at == start).for_each(|(_, tokens)| *tokens += more);
    }
}

fn counters() -> Vec<Counter> {
    [
        "gpt-4o",
        "gpt-4",
        "text-davinci-003",
        "davinci",
        "claude-opus-4-7",
        "gemini-2.5-pro",
        "qwen3",
        "unheard-of",
    ]
    .map(Counter::for_model)
    .to_vec()
}

#[test]
fn an_estimate_is_the_scaled_base_count() {
    let base = Counter::for_encoding("o200k_base").map(|counter| counter.count(TEXT)).unwrap_or(0);
    assert_eq!(Counter::for_model("claude-3-5-sonnet").count(TEXT), (base * 1210).div_ceil(1000));
    assert_eq!(Counter::for_model("nobody/knows").count(TEXT), base);
    assert_eq!(Counter::for_model("claude-3-5-sonnet").encoding(), "o200k_base x 1.21 (estimate)");
    assert_eq!(Counter::for_model("claude-3-5-sonnet").vocabulary(), "o200k_base");
    assert!(!Counter::for_model("claude-3-5-sonnet").is_exact());
    assert!(Counter::for_model("gpt-4o").is_exact());
}

#[test]
fn single_digits_are_counted_one_by_one() {
    let qwen = Counter::for_model("qwen3-32b");
    assert_eq!(qwen.count("1234567"), 7);
    assert_eq!(Counter::for_model("gpt-4").count("1234567"), 3);
    assert_eq!(qwen.count("٣٣"), 2 * Counter::for_model("gpt-4").count("٣"));
}

#[test]
fn counting_till_a_limit_is_counting() {
    for counter in counters() {
        let all = counter.count(TEXT);
        assert_eq!(counter.count_till_limit(TEXT, all), Some(all));
        assert_eq!(counter.count_till_limit(TEXT, usize::MAX), Some(all));
        assert_eq!(counter.count_till_limit(TEXT, all - 1), None);
        assert_eq!(counter.count_till_limit(TEXT, 0), None);
        assert_eq!(counter.count_till_limit("", 0), Some(0));
    }
}

#[test]
fn a_piece_counts_for_the_range_it_starts_in() {
    let counter = Counter::for_model("gpt-4o");
    // The line break belongs to the piece "!\n".
    let text = "one two!\nthree";
    assert_eq!(counter.count_ranges(text, &[0..9, 9..14]), [3, 1]);
    assert_eq!(counter.count_ranges(text, &[0..8, 8..9, 9..14]), [3, 0, 1]);
    assert_eq!(counter.count_ranges(text, std::slice::from_ref(&(3..7))), [1]);
    assert_eq!(counter.count_ranges(text, &[]), [0u32; 0]);
    assert_eq!(counter.count_ranges(text, &[0..0, 0..14, 14..99]), [0, 4, 0]);
}

#[test]
fn several_threads_count_alike() {
    let counter = Counter::for_model("gpt-4o");
    let expected = counter.count(TEXT);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(counter.count(TEXT), expected)));
        }
    });
}

#[test]
fn a_copied_part_is_not_counted_again() {
    let counter = Counter::for_model("gpt-4o");
    let source = "Each of the words is a piece of its own. ".repeat(40);
    let index = counter.index(&source);
    let text = format!("[… 3 sentences 1-3] {}[… 4 sentences 9-12]", &source[41..1600]);
    let copies = [Copied { at: text.find("Each").unwrap_or(0), from: 41..1600 }];
    assert_eq!(counter.count_spliced(&text, &source, &index, &copies), counter.count(&text));
    // An index that knows of no border.
    let none = TokenIndex::of_chunks(counter.tokenizer, 0, Vec::new());
    assert_eq!(counter.count_spliced(&text, &source, &none, &copies), counter.count(&text));
}

#[test]
fn a_large_text_counts_alike_on_several_threads() {
    let line = |i: usize| format!("{i:x} {TEXT}{}", ["it's {\"a\": 1}", "東京は首都です", "\t\t\t"][i % 3]);
    let text: String = (0..6000).map(line).collect();
    assert!(chunks::chunks(&text, chunks::MIN_BYTES).len() > 4);
    // Lines, but for some that nobody asks for, and longer ranges than a chunk.
    let lines: Vec<Range<usize>> =
        crate::select::lines(&text).into_iter().filter(|l| l.len() % 7 > 0).collect();
    let long = [7..300_000, 300_000..300_001, 500_000..text.len() + 9];
    for alone in counters() {
        let several = alone.with_threads(3);
        assert_eq!(several.count(&text), alone.count(&text));
        for ranges in [&lines[..], &long, &[]] {
            assert_eq!(several.count_ranges(&text, ranges), alone.count_ranges(&text, ranges));
        }
        let (index, expected) = (several.index(&text), alone.index(&text));
        assert_eq!(index.total(), expected.total());
        for at in (0..text.len()).step_by(61) {
            assert_eq!((index.before(at), index.is_start(at)), (expected.before(at), expected.is_start(at)));
        }
    }
    // Nothing to cut at.
    let text = "東".repeat(chunks::MIN_BYTES);
    let counter = Counter::for_model("gpt-4o");
    assert_eq!(counter.with_threads(0).count(&text), counter.count(&text));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_index_has_the_counts_of_all_ranges_between_pieces(
        parts in prop::collection::vec(prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", " {0,90}", "[a-f0-9]{1,70}", "\\s{0,5}"], 0..30)
    ) {
        let text = parts.concat();
        for counter in counters() {
            let index = counter.index(&text);
            prop_assert_eq!(index.total(), counter.count(&text));
            prop_assert_eq!(index.range(0..text.len() + 1000), index.total());
            let mut pieces = vec![];
            counter.scan(&text, &mut pieces);
            let mut base = 0;
            for &(start, tokens) in &pieces {
                prop_assert_eq!(index.before(start), counter.tokenizer.scaled(base) as usize);
                base += tokens as u64;
            }
            // Ranges cut anywhere have the tokens of the pieces that start in them.
            let cuts = [0, text.len() / 3, text.len() / 2, text.len() / 2 + 1, text.len() + 1];
            let ranges: Vec<_> = cuts.windows(2).map(|cut| cut[0]..cut[1]).collect();
            if counter.is_exact() {
                for (range, count) in ranges.iter().zip(counter.count_ranges(&text, &ranges)) {
                    let expected: usize = pieces.iter().filter(|(start, _)| range.contains(start)).map(|(_, tokens)| tokens).sum();
                    prop_assert_eq!(count as usize, expected);
                }
            }
            let mut at = 0;
            let mut sum = 0;
            for (i, _) in text.char_indices() {
                sum += index.range(at..i);
                at = i;
            }
            prop_assert_eq!(sum + index.range(at..text.len()), index.total());
        }
    }

    #[test]
    fn a_spliced_text_counts_what_it_counts(
        parts in prop::collection::vec(
            prop_oneof![
                4 => "( [a-z]{1,9}[,.]?){1,12}",
                1 => "[ -~]{0,12}",
                1 => "[ \t\r\n]{0,9}",
                1 => "[\n/.!?]{1,5}",
                1 => "[漢字かなжЖ]{1,3}[A-Z]{0,30}[a-z]?",
                1 => "\\PC{0,6}",
                1 => "[0-9a-f]{1,70}",
                1 => "'(s|ll|RE)?",
            ],
            0..40,
        ),
        cuts in prop::collection::vec((0.0..1.0f64, 0..200usize, 0..9usize), 0..6),
    ) {
        const NEW: [&str; 9] = ["", " ", "\n", "\n\n  ", "[… 3 lines 1-3]\n", "A", "'s", "漢", " and some more words of it, more than a window has. And more."];
        let source = parts.concat();
        let border = |mut at: usize| {
            while !source.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (mut text, mut copies) = (String::new(), vec![]);
        for (from, len, new) in cuts {
            let from = border((from * source.len() as f64) as usize);
            let from = from..border((from + len).min(source.len()));
            text.push_str(NEW[new]);
            copies.push(Copied { at: text.len(), from: from.clone() });
            text.push_str(&source[from]);
        }
        text.push_str(&source[..border(source.len() / 3)]);
        for counter in counters() {
            let index = counter.index(&source);
            let count = counter.count(&text);
            prop_assert_eq!(counter.count_spliced(&text, &source, &index, &copies), count);
            // Not what stands there.
            let moved: Vec<_> = copies.iter().map(|c| Copied { at: c.at + 1, from: c.from.clone() }).collect();
            prop_assert_eq!(counter.count_spliced(&text, &source, &index, &moved), count);
        }
    }

    #[test]
    fn counts_of_ranges_that_cover_a_text_add_up(text in "[a-z0-9 .\n]{0,300}", every in 1usize..40) {
        let ranges: Vec<_> = (0..text.len()).step_by(every).map(|start| start..(start + every).min(text.len())).collect();
        for counter in counters() {
            let counts = counter.count_ranges(&text, &ranges);
            prop_assert_eq!(counts.iter().map(|&count| count as usize).sum::<usize>(), counter.count(&text));
        }
    }

    #[test]
    fn chunks_have_the_tokens_of_their_text(
        parts in prop::collection::vec(
            prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", "[a-z0-9]{1,4}", "'(s|t|ll|S)", "\\s{0,5}", "[.,;:/\\]]{1,9}\n{0,3}"],
            0..40,
        ),
        min_bytes in 1_usize..20,
    ) {
        let text = parts.concat();
        let chunks = chunks::chunks(&text, min_bytes);
        let covered: Vec<usize> = chunks.iter().flat_map(|chunk| [chunk.start, chunk.end]).collect();
        prop_assert_eq!(covered.first().copied(), Some(0));
        prop_assert_eq!(covered.last().copied(), Some(text.len()));
        prop_assert!(covered[1..covered.len() - 1].chunks(2).all(|pair| pair[0] == pair[1]));
        for counter in Counter::encodings().filter_map(Counter::for_encoding).chain(counters()) {
            let base = |text: &str| counter.index(text).base_before(usize::MAX);
            let sum: u64 = chunks.iter().map(|chunk| base(&text[chunk.clone()])).sum();
            prop_assert_eq!(sum, base(&text), "{}", counter.encoding());
        }
    }
}
