//! Tables in text: CSV, TSV, Markdown, psql, box-drawn, fixed width.
//!
//! ```text
//! text ─► layout, head, records                                    grid
//!      ─► a literal of the question selects records: the others are left out, lines verbatim
//!      ─► else padding, borders and constant columns go, bytes recoverable         shrink
//! ```
//!
//! Unit: the record. Cost: linear.

mod grid;
mod long;
mod shrink;

use super::json::gate::Gate;
use super::{Context, Kind};
use crate::mark::{self, Omission, Piece, Rendered, Unit};
use crate::select;
use grid::Grid;

/// See the module.
#[derive(Debug)]
pub struct Table;

/// What the cells of records that must stay hold.
const FAILURES: [&str; 11] = [
    "fail",
    "error",
    "crash",
    "backoff",
    "oomkilled",
    "evicted",
    "unhealthy",
    "critical",
    "exited (1",
    "notready",
    "denied",
];
/// How sure a table ever is.
const MOST_SURE: u8 = 90;
/// At most one record in this many is kept because it tells of a failure.
const TELLING_SHARE: usize = 10;
/// Records at either end that say what is in a table.
const ENDS: usize = 2;

impl Kind for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn recognise(&self, text: &str) -> u8 {
        if long::recognise(text) {
            return MOST_SURE;
        }
        grid::recognise(text).map_or(0, |(_, sure)| sure.min(MOST_SURE))
    }

    fn may_reach(&self, _text: &str, least: u8) -> bool {
        least <= MOST_SURE
    }

    fn compress(&self, text: &str, cx: &Context<'_>) -> Option<Rendered> {
        let grid = grid::recognise(text).map(|(layout, _)| Grid::new(text, layout));
        if let Some(grid) = &grid
            && cx.may_omit()
            && let Some(keep) = kept(text, grid, cx)
        {
            let transforms = vec!["table:select"];
            return Some(mark::render(text, pieces(text, grid, &keep), transforms));
        }
        if let Some((body, words)) = long::recognise(text).then(|| long::encode(text)).flatten() {
            let transforms = vec!["table:classes"];
            return Some(Rendered { text: body, header: Some(words), transforms, ..Rendered::default() });
        }
        let (body, words) = shrink::encode(text, &grid?)?;
        Some(Rendered {
            text: body,
            header: Some(words),
            transforms: vec!["table:shrink"],
            ..Rendered::default()
        })
    }

    fn expand(&self, body: &str, words: &str) -> Option<String> {
        long::decode(body, words).or_else(|| shrink::decode(body, words))
    }
}

/// Which records stay; `None` if nothing selects among them.
fn kept(text: &str, grid: &Grid, cx: &Context<'_>) -> Option<Vec<bool>> {
    let rows = grid.rows();
    let by_question =
        Gate::in_text(text, grid.head(), cx.query, cx.options).and_then(|gate| gate.hit_rows(rows));
    let hits = match (by_question, cx.options.target_ratio) {
        (Some(hits), _) => hits,
        (None, Some(ratio)) => Gate::by_share(ratio, false).hit_rows(rows)?,
        (None, None) => return None,
    };
    let n = rows.len();
    let mut keep: Vec<bool> = (0..n)
        .map(|i| i < ENDS || i + ENDS >= n || hits[i.saturating_sub(1)..(i + 2).min(n)].contains(&true))
        .collect();
    let telling: Vec<usize> = (0..n)
        .filter(|i| {
            let row = text[rows[*i].clone()].to_lowercase();
            FAILURES.iter().any(|f| row.contains(f))
        })
        .collect();
    // Where many fail, failing is no distinction.
    if telling.len() <= ENDS.max(n / TELLING_SHARE) {
        for row in telling {
            keep[row] = true;
        }
    }
    Some(keep)
}

/// Head and foot stay; ordinals count records.
fn pieces(text: &str, grid: &Grid, keep: &[bool]) -> Vec<Piece> {
    let mut pieces = vec![Piece::Keep(grid.head())];
    pieces.extend(select::pieces(grid.rows(), keep, Unit::Record, |_| None));
    let end = grid.rows().last().map_or(grid.head().end, |row| row.end);
    pieces.push(Piece::Keep(end..text.len()));
    pieces.retain(|piece| match piece {
        Piece::Keep(range) | Piece::Omit { omission: Omission { range, .. }, .. } => !range.is_empty(),
        Piece::Encode { .. } => true,
    });
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::Source;
    use crate::options::Options;
    use crate::score::Query;
    use crate::tokens::Counter;

    fn compress(text: &str, question: &str) -> Option<Rendered> {
        let query = Query::new(question, "");
        let (tokens, options) = (Counter::for_model("gpt-4o"), Options::default());
        Table.compress(
            text,
            &Context {
                tokens: &tokens,
                query: &query,
                options: &options,
                tool: None,
                source: Source::ToolOutput,
            },
        )
    }

    fn pods() -> String {
        let mut text = "NAME      READY   STATUS    RESTARTS   AGE\n".to_owned();
        for i in 0..30 {
            let status = if i == 20 { "CrashLoopBackOff" } else { "Running" };
            text.push_str(&format!("pod-{i:<5} 1/1     {status}   0          3d\n"));
        }
        text
    }

    #[test]
    fn a_named_record_stays_with_its_neighbours_and_failures() {
        let text = pods();
        assert!(Table.recognise(&text) >= 50);
        let done = compress(&text, "why does `pod-9` restart?").unwrap();
        let lines: Vec<&str> = done.text.lines().map(|line| line.split("  ").next().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "NAME",
                "pod-0",
                "pod-1",
                "[… 6 records 3-8]",
                "pod-8",
                "pod-9",
                "pod-10",
                "[… 9 records 12-20]",
                "pod-20",
                "[… 7 records 22-28]",
                "pod-28",
                "pod-29"
            ]
        );
        let gone: usize = done.omissions.iter().map(|o| text[o.range.clone()].lines().count()).sum();
        assert_eq!(gone + lines.len() - 3, 31);
    }

    #[test]
    fn without_a_literal_all_records_stay() {
        for question in
            ["are all pods fine?", "what does `STATUS` say?", "which pods besides `pod-9` restart?"]
        {
            assert!(compress(&pods(), question).is_none_or(|out| out.omissions.is_empty()), "{question}");
        }
    }
}
