#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::mark::Unit;
use crate::options::Options;
use crate::score::Query;
use crate::tokens::Counter;

fn compress_with(text: &str, question: &str, options: Options, source: Source) -> Option<Rendered> {
    let (tokens, query) = (Counter::for_model("gpt-4o"), Query::new(question, ""));
    Prose.compress(text, &Context { tokens: &tokens, query: &query, options: &options, tool: None, source })
}

fn compress(text: &str, question: &str) -> Option<Rendered> {
    compress_with(text, question, Options::default(), Source::ToolOutput)
}

/// Passages about rivers, one of which names the town of the question.
fn passages(n: usize) -> String {
    (1..=n)
        .map(|i| {
            let town = if i == n / 2 { "It was bridged at Oldenau by Countess Mathilde in 1304. " } else { "" };
            format!(
                "Document [{i}](Title: River {i}) The river number {i} rises in the hills of the north. {town}Its water \
                 is cold in spring and brown in autumn. Boats carry timber and grain down to the sea. Fishermen \
                 complain about the mills, as they did a century ago.\n\n"
            )
        })
        .collect()
}

#[test]
fn the_answer_stays_and_the_rest_has_marks() {
    let text = passages(20);
    let out = compress(&text, "Who bridged the river at Oldenau?").unwrap();
    assert!(out.text.contains("Document [10](Title: River 10) "));
    assert!(out.text.contains("It was bridged at Oldenau by Countess Mathilde in 1304."));
    assert!(out.text.len() * 2 < text.len(), "{}", out.text);
    assert!(out.text.contains("passages ") && out.text.contains("[… 3 sentences "), "{}", out.text);
    assert!(out.header.is_none() && out.text.ends_with('\n'));
}

#[test]
fn nothing_goes_without_a_question_for_a_part_of_it() {
    let text = passages(20);
    for question in [
        "",
        "Go on.",
        "Continue with the next step, please.",
        "Summarize the documents.",
        "List all rivers.",
        "What is the capital of Peru?",
        "What is cold here?",
        "Is this correct?",
        "Answer from the results only.\n\nQuestion: \nAnswer:",
    ] {
        assert_eq!(compress(&text, question), None, "{question}");
    }
    let lossless = Options { level: Level::Lossless, ..Options::default() };
    assert_eq!(compress_with(&text, "Who bridged the river at Oldenau?", lossless, Source::ToolOutput), None);
    assert_eq!(
        compress_with(&text, "Who bridged the river at Oldenau?", Options::default(), Source::System),
        None
    );
}

#[test]
fn a_ratio_is_a_ratio() {
    let text = passages(40);
    for (ratio, question) in
        [(0.2, "Who bridged the river at Oldenau?"), (0.5, "Who bridged it?"), (0.4, "Go on.")]
    {
        let options = Options { target_ratio: Some(ratio), ..Options::default() };
        let out = compress_with(&text, question, options, Source::ToolOutput).unwrap();
        let share = out.text.len() as f64 / text.len() as f64;
        assert!((share - ratio).abs() < 0.12, "{share} for {ratio}");
    }
}

#[test]
fn other_languages() {
    let german: String = (0..60)
        .map(|i| match i {
            33 => "Die Brücke von Oldenau wurde 1304 durch die Gräfin Mathilde erbaut. ".to_owned(),
            _ => format!(
                "Der Fluss Nummer {i} entspringt im Norden und fließt durch viele kleine Städte ins Meer. "
            ),
        })
        .collect();
    let out = compress(&german, "Wann wurde die Brücke von Oldenau erbaut?").unwrap();
    assert!(out.text.contains("wurde 1304 durch") && out.text.len() * 2 < german.len());
    let chinese: String = (0..80)
        .map(|i| match i {
            50 => "奥登瑙大桥由玛蒂尔德伯爵夫人于一三〇四年建造。".to_owned(),
            _ => format!("第{i}条河流发源于北方的山区，流经许多小城，最后注入大海。"),
        })
        .collect();
    let out = compress(&chinese, "奥登瑙大桥是谁建造的？").unwrap();
    assert!(out.text.contains("玛蒂尔德伯爵夫人") && out.text.len() * 2 < chinese.len());
}

#[test]
fn headings_and_code_stay() {
    let mut text = String::from("# Manual\n\n");
    for i in 0..60 {
        text += &format!(
            "## Part {i}\n\nThe part number {i} is fixed with screws. It must be oiled. Nobody likes it.\n\n"
        );
    }
    text += "## Valve\n\nThe relief valve opens at nine bar. Turn it with care.\n\n```\nvalve --open. Now. Or never.\n```\n";
    let out = compress(&text, "At what pressure does the relief valve open?").unwrap();
    assert!(out.text.contains("The relief valve opens at nine bar."));
    assert!(out.text.contains("```\nvalve --open. Now. Or never.\n```\n"));
    assert_eq!(out.text.matches("## Part ").count(), 60);
}

#[test]
fn words_to_the_model_at_the_edges_stay() {
    let body: String =
        (0..60).map(|i| format!("The river number {i} rises in the hills of the north. ")).collect();
    let text = format!("You are given a text. {body}The town of Oldenau is old. Where is Oldenau?");
    let out =
        compress_with(&text, "Where is the town of Oldenau?", Options::default(), Source::User).unwrap();
    assert!(out.text.starts_with("You are given a text. ") && out.text.ends_with("Where is Oldenau?"));
}

proptest! {
    #[test]
    fn visible_bytes_are_the_inputs_and_counts_are_true(
        parts in prop::collection::vec(
            prop_oneof![
                "[A-Z][a-z]{2,8}( [a-z]{2,8}){3,12}[.!?] ",
                "[A-Z][a-z]{2,8}( [a-z]{2,8}){3,12}[.!?]\r?\n",
                Just("\n\n".to_owned()),
                Just("## Heading\n\n".to_owned()),
                (1..99_u32).prop_map(|n| format!("\nDocument [{n}](Title: River {n}) ")),
                Just("```\ncode. Here.\n```\n".to_owned()),
                Just("The town of Oldenau lies on the river. ".to_owned()),
                Just("東京は首都です。".to_owned()),
            ],
            10..120,
        ),
        ratio in 0.05..0.9_f64,
    ) {
        let text = parts.concat();
        let options = Options { target_ratio: Some(ratio), ..Options::default() };
        let Some(out) = compress_with(&text, "Where is the town of Oldenau?", options, Source::ToolOutput) else {
            return Ok(());
        };
        let document = split::split(&text);
        let mut at = 0;
        let mut visible = out.text.as_str();
        for omission in &out.omissions {
            // What stands before the mark is what stood there.
            let before = &text[at..omission.range.start];
            prop_assert!(visible.starts_with(before));
            let mut mark = String::new();
            mark::write_mark(&mut mark, omission.unit, omission.first, omission.count, None);
            prop_assert!(visible[before.len()..].starts_with(&mark), "{} / {}", &visible[before.len()..], mark);
            let gone = &text[omission.range.clone()];
            let blanks = match omission.unit {
                Unit::Sentence => &gone[gone.trim_end().len()..],
                _ if gone.ends_with('\n') => "\n",
                _ => "",
            };
            visible = &visible[before.len() + mark.len()..];
            prop_assert!(visible.starts_with(blanks));
            visible = &visible[blanks.len()..];
            at = omission.range.end;
            let sentences: Vec<usize> = (0..document.units.len()).filter(|i| !document.units[*i].is_fixed()).collect();
            if omission.unit == Unit::Sentence {
                let inside: Vec<usize> = (0..sentences.len())
                    .filter(|k| omission.range.contains(&document.units[sentences[*k]].range().start))
                    .collect();
                prop_assert_eq!((inside[0] + 1, inside.len()), (omission.first, omission.count));
            } else {
                let inside = document.passages.iter().filter(|p| {
                    document.units.get(p.units().start).is_some_and(|u| omission.range.contains(&u.range().start))
                });
                prop_assert_eq!(inside.count(), omission.count);
            }
        }
        prop_assert_eq!(visible, &text[at..]);
    }

    #[test]
    fn no_text_is_too_odd(text in "(\\PC|\n|\\. |Document \\[1\\] ){0,300}", question in "\\PC{0,60}\\?") {
        prop_assert!(recognise::confidence(&text) <= 100);
        let options = Options { target_ratio: Some(0.3), ..Options::default() };
        compress_with(&text, &question, options, Source::User);
    }
}
