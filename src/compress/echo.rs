//! Back-references: lines of a tool output that stand further up already.
//!
//! A run of lines is left out if the same lines, in the same order, are *visible* in what an earlier
//! tool output has become, in what the model wrote into a call, or further up in the same output; its
//! mark says where. Line numbers in front of the lines (`cat -n`, `nl`) are ignored for the comparison.
//! References look backwards only and the index is built from the compressed outputs, so the result for
//! a message never depends on later ones, and compressing again finds nothing new. A text is indexed when
//! the next output is looked at: [`Echoes::index`] comes before looking. Cost: linear in the texts once,
//! through their prints; then one look-up per line that is worth it, in at most [`MAX_PLACES`] places.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::print::{Anchor, Print, without_number};
use super::text::Done;
use super::written::Call;
use crate::hashed::FastMap;
use crate::mark::{self, Omission, Piece, Rendered, Unit};
use crate::memo;
use crate::select::{self, Lines};

/// Fewer lines than this are left alone unless they are long: a reader would rather see them.
const MIN_RUN_LINES: usize = 2;
/// The same in bytes besides white space: a mark with its label costs about 20 tokens, and four of such
/// bytes make one.
pub(super) const MIN_RUN_BYTES: usize = 100;
/// A single line is worth a reference from this many such bytes on.
const MIN_LINE_BYTES: usize = 140;
/// How many places of one line are remembered.
const MAX_PLACES: usize = 4;

/// The visible lines above a text of a request.
#[derive(Default)]
pub(super) struct Echoes<'t> {
    earlier: Vec<Earlier<'t>>,
    /// Where lines stand, by hash. Equality is checked on the text.
    places: FastMap<u32, Places>,
    /// Whole outputs, by hash.
    wholes: FastMap<u64, usize>,
    /// How many of `earlier` are in these tables: the last ones may never be looked for.
    indexed: usize,
    /// How many calls there were.
    calls: usize,
    /// Stands for everything above: equal contexts hold the same texts and calls in the same order.
    context: [u8; 16],
}

/// (earlier text, line) of the first lines that have one hash.
#[derive(Default)]
struct Places {
    len: usize,
    at: [(u32, u32); MAX_PLACES],
}

impl Places {
    fn push(&mut self, earlier: usize, line: u32) {
        if let (Some(place), Ok(earlier)) = (self.at.get_mut(self.len), u32::try_from(earlier)) {
            *place = (earlier, line);
            self.len += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.at[..self.len].iter().map(|(earlier, line)| (*earlier as usize, *line as usize))
    }
}

/// A text above.
struct Earlier<'t> {
    from: From<'t>,
    /// Which one of its sort it is, from 1.
    number: usize,
    /// Whether its lines may be referred to one by one, or it only as a whole.
    by_line: bool,
    lines: OnceCell<Lines>,
}

enum From<'t> {
    /// What a tool output has become.
    Output(&'t str, Arc<Done>),
    /// What the model wrote.
    Call(Arc<Call>),
}

impl Earlier<'_> {
    fn text(&self) -> &str {
        match &self.from {
            From::Output(source, done) => done.visible(source),
            From::Call(call) => &call.text,
        }
    }

    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::new(self.text()))
    }

    fn line(&self, i: usize) -> &[u8] {
        let lines = self.lines();
        without_number(&self.text().as_bytes()[lines.start(i)..lines.end(i)])
    }

    fn name(&self) -> String {
        let sort = if matches!(self.from, From::Call(_)) { "call" } else { "output" };
        format!("tool {sort} {}", self.number)
    }
}

/// Lines of a text that stand further up.
struct Echo {
    /// The lines.
    own: Range<usize>,
    /// Where they stand.
    label: String,
}

impl<'t> Echoes<'t> {
    /// What all that depends on that is looked for here. It is the same for two conversations only if the
    /// same texts and calls stand above, in the same order.
    pub(super) fn context(&self) -> [u8; 16] {
        self.context
    }

    fn add_to_context(&mut self, parts: &[&[u8]]) {
        self.context = memo::key(&[&[&self.context[..]], parts].concat()).bytes();
    }

    /// Adds what the next tool output has become, the `number`th of the conversation. Lines of `by_line`
    /// outputs may be referred to one by one, others only as a whole. `key` stands for the text and for how
    /// it was compressed.
    pub(super) fn push(
        &mut self,
        source: &'t str,
        done: Arc<Done>,
        number: usize,
        by_line: bool,
        key: &[&[u8]],
    ) {
        self.add_to_context(key);
        let from = From::Output(source, done);
        self.earlier.push(Earlier { from, number, by_line, lines: OnceCell::new() });
    }

    /// Adds the next call of the conversation, and what the model wrote into it if that is worth it.
    pub(super) fn push_call(&mut self, call: Option<(memo::Key, Arc<Call>)>) {
        self.calls += 1;
        let Some((key, call)) = call else {
            self.add_to_context(&[b"call"]);
            return;
        };
        self.add_to_context(&[b"call", &key.bytes()]);
        let from = From::Call(call);
        self.earlier.push(Earlier { from, number: self.calls, by_line: true, lines: OnceCell::new() });
    }

    /// Brings the tables up to date.
    pub(super) fn index(&mut self) {
        let Echoes { earlier, places, wholes, indexed, .. } = self;
        for (i, text) in earlier.iter().enumerate().skip(*indexed) {
            let held;
            let print: &Print = match &text.from {
                From::Output(source, done) => {
                    held = done.visible_print(source);
                    wholes.entry(held.whole).or_insert(i);
                    &held
                }
                From::Call(call) => &call.print,
            };
            if text.by_line {
                places.reserve(print.anchors.len());
                for anchor in &print.anchors {
                    places.entry(anchor.hash).or_default().push(i, anchor.line);
                }
            }
        }
        *indexed = earlier.len();
    }

    /// A mark for the whole of a text, if what it has become (`visible`) stands in an earlier output.
    pub(super) fn whole(&self, source: &str, done: &Done) -> Option<Rendered> {
        if self.wholes.is_empty() {
            return None;
        }
        let visible = done.visible(source);
        let earlier = &self.earlier[*self.wholes.get(&done.visible_print(source).whole)?];
        if visible.len() < MIN_RUN_BYTES || earlier.text() != visible {
            return None;
        }
        let count = select::lines(source).len();
        let omission = Omission { range: 0..source.len(), unit: Unit::Line, first: 1, count };
        let label = Some(format!("same as {}", earlier.name()));
        Some(mark::render(source, vec![Piece::Omit { omission, label }], vec!["echo"]))
    }

    /// The echoes in `text`, with labels, besides what was left out of it before (`gone`); in order.
    /// `print` is that of the text; `own` says whether what the text itself had before is looked for.
    pub(super) fn lines(&self, text: &str, print: &Print, gone: &[Labelled], own: bool) -> Vec<Labelled> {
        // Repeats are anchors and stand in their order.
        let mut repeats = print.repeats.iter().filter(|_| own).peekable();
        let known = |a: &&Anchor| {
            let is_repeat = repeats.next_if(|repeat| repeat.line == a.line).is_some();
            is_repeat || self.places.contains_key(&a.hash)
        };
        let mut anchors = print.anchors.iter().filter(known).peekable();
        if anchors.peek().is_none() {
            return Vec::new();
        }
        let lines = Lines::new(text);
        let hidden = vec![false; lines.len()];
        let mut search = Search { echoes: self, print, text, lines, hidden, from: 0 };
        for (omission, _) in gone {
            let first = search.lines.before(omission.range.start);
            let end = search.lines.before(omission.range.end);
            search.hidden[first..end].fill(true);
        }
        let mut out = Vec::new();
        for anchor in anchors {
            let Some(echo) = search.at(anchor) else { continue };
            let (first, count) = (echo.own.start + 1, echo.own.len());
            let range = search.lines.start(echo.own.start)..search.lines.end(echo.own.end - 1);
            out.push((Omission { range, unit: Unit::Line, first, count }, Some(echo.label)));
        }
        out
    }
}

/// What is left out, and what its mark says of that.
pub(super) type Labelled = (Omission, Option<String>);

/// `text` with marks in place of what is left out, in any order.
pub(super) fn render(text: &str, mut omitted: Vec<Labelled>) -> Rendered {
    omitted.sort_by_key(|(omission, _)| omission.range.start);
    let mut pieces = Vec::with_capacity(2 * omitted.len() + 1);
    let mut done = 0;
    for (omission, label) in omitted {
        if done < omission.range.start {
            pieces.push(Piece::Keep(done..omission.range.start));
        }
        done = omission.range.end;
        pieces.push(Piece::Omit { omission, label });
    }
    if done < text.len() {
        pieces.push(Piece::Keep(done..text.len()));
    }
    mark::render(text, pieces, vec!["echo"])
}

/// The search for echoes in one text, from top to bottom.
struct Search<'s, 't> {
    echoes: &'s Echoes<'t>,
    print: &'s Print,
    text: &'s str,
    lines: Lines,
    /// Which of them are left out.
    hidden: Vec<bool>,
    /// Where the part begins in which nothing was decided yet.
    from: usize,
}

/// A run of lines and where the same run stands.
struct Run {
    own: Range<usize>,
    /// The earlier text, or `None` if it is the same.
    earlier: Option<usize>,
    /// First line of the run there.
    line: usize,
    /// How often it stands here, one after the other.
    times: usize,
}

impl Search<'_, '_> {
    /// A line without its number.
    fn line(&self, i: usize) -> &[u8] {
        without_number(&self.text.as_bytes()[self.lines.start(i)..self.lines.end(i)])
    }

    /// The echo around `anchor`, if there is one worth its mark.
    fn at(&mut self, anchor: &Anchor) -> Option<Echo> {
        let i = anchor.line as usize;
        if i < self.from || self.hidden[i] {
            return None;
        }
        let above = self.echoes.places.get(&anchor.hash).into_iter().flat_map(Places::iter);
        let runs = above.map(|(earlier, line)| self.run_above(i, earlier, line)).chain([self.run_here(i)]);
        let mut best: Option<Run> = None;
        for run in runs.flatten() {
            if best.as_ref().is_none_or(|b| run.own.len() > b.own.len()) {
                best = Some(run);
            }
        }
        let run = best.filter(|run| self.is_worth_it(run.own.clone()))?;
        let period = run.own.len() / run.times;
        let place = match period {
            1 => (run.line + 1).to_string(),
            _ => format!("{}-{}", run.line + 1, run.line + period),
        };
        let label = match run.earlier {
            Some(earlier) => format!("as in {}, {place}", self.echoes.earlier[earlier].name()),
            None if run.times > 1 => format!("as {place}, {} times", run.times),
            None => format!("as {place}"),
        };
        self.hidden[run.own.clone()].fill(true);
        self.from = run.own.end;
        Some(Echo { own: run.own, label })
    }

    /// The longest run around line `i` that is the one around `line` of an earlier text.
    fn run_above(&self, i: usize, earlier: usize, line: usize) -> Option<Run> {
        let there = &self.echoes.earlier[earlier];
        let same = |own: usize, line: usize| !self.hidden[own] && self.line(own) == there.line(line);
        let back = (1..=(i - self.from).min(line)).take_while(|n| same(i - n, line - n)).count();
        let most = (self.lines.len() - i).min(there.lines().len() - line);
        let ahead = (0..most).take_while(|n| same(i + n, line + n)).count();
        let own = i - back..i + ahead;
        (ahead > 0).then(|| Run { own, earlier: Some(earlier), line: line - back, times: 1 })
    }

    /// The longest run around line `i` that stands further up in the same text, all of it visible.
    fn run_here(&self, i: usize) -> Option<Run> {
        let at = self.print.repeats.binary_search_by_key(&i, |repeat| repeat.line as usize).ok()?;
        let line = self.print.repeats[at].first as usize;
        let same = |own: usize, line: usize| {
            !self.hidden[own] && !self.hidden[line] && self.line(own) == self.line(line)
        };
        // Neither run may reach into the other.
        let most_back = (i - self.from).min(line).min(i - line - 1);
        let back = (1..=most_back).take_while(|n| same(i - n, line - n)).count();
        let most = (self.lines.len() - i).min(i - back - line);
        let ahead = (0..most).take_while(|n| same(i + n, line + n)).count();
        let run = Run { own: i - back..i + ahead, earlier: None, line: line - back, times: 1 };
        (ahead > 0).then(|| self.repeated(run))
    }

    /// A run of the same text with its repetitions right behind it.
    fn repeated(&self, mut run: Run) -> Run {
        let period = run.own.len();
        let is_again = |from: usize| {
            from + period <= self.lines.len()
                && (0..period)
                    .all(|n| !self.hidden[from + n] && self.line(from + n) == self.line(run.line + n))
        };
        while is_again(run.own.end) {
            run.own.end += period;
            run.times += 1;
        }
        run
    }

    fn is_worth_it(&self, run: Range<usize>) -> bool {
        let enough = if run.len() >= MIN_RUN_LINES { MIN_RUN_BYTES } else { MIN_LINE_BYTES };
        let mut bytes = 0;
        run.into_iter().any(|i| {
            bytes += self.line(i).iter().filter(|b| !b.is_ascii_whitespace()).count();
            bytes >= enough
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = "def first(request):\n    return handle(request, 1)\n\ndef second(request):\n    \
                        return handle(request, 2)\n\ndef third(request):\n    return handle(request, 3)\n\n\
                        def fourth(request):\n    return handle(request, 4)\n";

    impl Echoes<'static> {
        fn push_text(&mut self, text: &'static str, by_line: bool) {
            let number = self.earlier.len() + 1;
            self.push(text, Arc::default(), number, by_line, &[]);
            self.index();
        }

        fn lines_of(&self, text: &str) -> Option<Rendered> {
            let echoes = self.lines(text, &Print::new(text), &[], true);
            (!echoes.is_empty()).then(|| render(text, echoes))
        }
    }

    fn numbered(text: &str) -> String {
        text.lines().enumerate().map(|(i, l)| format!("{:6}\t{l}\n", i + 1)).collect()
    }

    #[test]
    fn a_second_reading_becomes_a_reference() {
        let mut echoes = Echoes::default();
        echoes.push_text(FILE, true);
        assert_eq!(echoes.lines_of(FILE).unwrap().text, "[… 11 lines 1-11: as in tool output 1, 1-11]\n");
        let rendered = echoes.lines_of(&format!("$ cat -n x.py\n{}$\n", numbered(FILE))).unwrap();
        assert_eq!(rendered.text, "$ cat -n x.py\n[… 11 lines 2-12: as in tool output 1, 1-11]\n$\n");
        assert_eq!(rendered.omissions[0].count, 11);
    }

    #[test]
    fn the_same_output_again_is_one_mark() {
        let mut echoes = Echoes::default();
        echoes.push_text("x\n", true);
        echoes.push_text(FILE, false);
        assert!(echoes.lines_of(FILE).is_none(), "not indexed by line");
        assert_eq!(
            echoes.whole(FILE, &Done::default()).unwrap().text,
            "[… 11 lines 1-11: same as tool output 2]\n"
        );
        assert!(echoes.whole("x\n", &Done::default()).is_none(), "too short to be worth a mark");
    }

    #[test]
    fn only_what_is_visible_is_referred_to() {
        let mut echoes = Echoes::default();
        echoes.push_text("[… 11 lines 1-11]\n", true);
        assert!(echoes.lines_of(FILE).is_none());
    }

    #[test]
    fn short_and_broken_runs_stay() {
        let mut echoes = Echoes::default();
        echoes.push_text(FILE, true);
        assert!(echoes.lines_of("def first(request):\n    return handle(request, 1)\nx\n").is_none());
        let shuffled: String = FILE.lines().rev().map(|l| format!("{l}\n")).collect();
        assert!(echoes.lines_of(&shuffled).is_none());
    }
}
