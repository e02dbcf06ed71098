//! How likely each sentence is to be needed for the question.
//!
//! A sum of what each sentence has in common with the question (BM25), of the rank and the title of its
//! passage, of the type of answer that is asked for, of the words of the best sentences (feedback) and of
//! the best passages (second hop: the film's passage names the actor, the actor's passage has the year),
//! and of its best neighbour (pronouns); sentences said before count little. Round weights: finer ones
//! do not carry over from one set to the next. Cost: linear, but for sorting the scores.

use super::split::Document;
use crate::blocks::lines;
use crate::hashed::FastSet;
use crate::planes::{self, within};
use crate::score::bm25::{Index, TermId, Units, Weighted};
use crate::score::intern::Numbers;
use crate::score::terms::for_each_word;

/// Weights of the parts of a score, in units of "every term of the question once".
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Weights {
    pub passage: f64,
    pub rank: f64,
    pub title: f64,
    pub answer: f64,
    pub feedback: f64,
    pub hop: f64,
    pub hop_title: f64,
    pub neighbour: f64,
    pub first: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            passage: 0.5,
            rank: 0.2,
            title: 0.6,
            answer: 0.5,
            feedback: 0.3,
            hop: 0.1,
            hop_title: 0.3,
            neighbour: 0.2,
            first: 0.2,
        }
    }
}

/// Terms of the tool call that the question does not have count so much.
const CALL_WEIGHT: f64 = 0.5;
/// The best sentences whose words are fed back, and how many words.
const FEEDBACK_SENTENCES: usize = 4;
const FEEDBACK_TERMS: usize = 10;
/// The best passages whose words are looked for elsewhere, and how many words: names and what stands
/// beside them.
const HOP_PASSAGES: usize = 3;
const HOP_TERMS: usize = 30;
/// Words that more than this part of the passages have lead nowhere (a denominator: 1/3), but of few
/// passages so many may have one.
const HOP_COMMON: usize = 3;
const MIN_HOP_COMMON: usize = 3;
/// The same for the words of a title, which may be more common (1/2).
const TITLE_COMMON: usize = 2;
const MIN_TITLE_COMMON: usize = 2;
/// What is left of the score of a sentence that was said before.
const SAID_BEFORE: f64 = 0.1;
/// What the next sentence counts as a neighbour, the one before being 1: pronouns point back.
const NEXT_NEIGHBOUR: f64 = 0.7;

/// A document as terms, and what is asked of it.
#[derive(Debug)]
pub struct Reading<'d> {
    text: &'d str,
    document: &'d Document,
    term_count: usize,
    units: Units,
    passages: Units,
    query: Vec<Weighted>,
}

impl<'d> Reading<'d> {
    /// Reads `document` for a question of these terms and a tool call of those.
    pub fn new(text: &'d str, document: &'d Document, terms: &[String], call: &[String]) -> Self {
        let index = Index::of(text, document.units.iter().map(|u| u.range()));
        let mut query = index.weigh(terms);
        let own: FastSet<&String> = terms.iter().collect();
        for term in call.iter().filter(|term| !own.contains(term)) {
            // A term of the call that the text does not have says nothing about it.
            if let Some(id) = index.id(term) {
                query.push(Weighted { id: Some(id), weight: CALL_WEIGHT });
            }
        }
        let passages = index.units.grouped(document.passages.iter().map(|p| p.units()));
        Reading { text, document, term_count: index.term_count(), units: index.units, passages, query }
    }

    /// The largest share of the question's idf that one passage covers.
    pub fn coverage(&self) -> f64 {
        self.units.coverage_of_groups(&self.passages, &self.query).into_iter().fold(0.0, f64::max)
    }

    /// Per unit its score for `question`, 0 for fixed ones.
    pub fn scores(&self, question: &str, w: &Weights) -> Vec<f64> {
        let Reading { text, document, term_count, units, passages, query } = self;
        let n = units.len();
        let is_sentence = |i: usize| !document.units[i].is_fixed();

        let mut scores = units.scores(query);
        let mut passage_scores = passages.scores(query);
        let in_query: FastSet<TermId> = query.iter().filter_map(|q| q.id).collect();

        // Feedback: the words of the best sentences.
        let order = (0..n).filter(|i| is_sentence(*i) && scores[*i] > 0.0).collect();
        let weighed: Vec<(usize, f64)> =
            best_of(order, &scores, FEEDBACK_SENTENCES).iter().map(|i| (*i, scores[*i])).collect();
        let mut feedback = units.scorer(&telling(units, &weighed, &in_query, FEEDBACK_TERMS, units.len()));

        // Second hop: words of the best passages that few others have.
        let matching = (0..passages.len()).filter(|p| passage_scores[*p] > 0.0).collect();
        let best = best_of(matching, &passage_scores, HOP_PASSAGES);
        let weighed: Vec<(usize, f64)> = best.iter().map(|p| (*p, passage_scores[*p])).collect();
        let common = (passages.len() / HOP_COMMON).max(MIN_HOP_COMMON);
        let mut hop = units.scorer(&telling(passages, &weighed, &in_query, HOP_TERMS, common));
        // From here on: what the passage of a sentence, and its rank, bring to it.
        let places = places(&passage_scores);
        for (score, place) in passage_scores.iter_mut().zip(places) {
            *score = w.passage * *score + w.rank * place;
        }
        let seen: FastSet<TermId> = best.iter().flat_map(|p| passages.terms(*p)).copied().collect();

        let answer = AnswerType::of(question);
        let query_sum = units.idf_sum(query).max(1e-9);
        let mut said = Said::new(*term_count);
        let mut titles: Vec<TermId> = Vec::new();
        for (p, passage) in document.passages.iter().enumerate() {
            titles.clear();
            titles.extend(passage.units().filter(|i| !is_sentence(*i)).flat_map(|i| units.terms(i)).copied());
            titles.sort_unstable();
            titles.dedup();
            let title =
                titles.iter().filter(|t| in_query.contains(t)).map(|t| units.idf(Some(*t))).sum::<f64>()
                    / query_sum;
            let rare = (passages.len() / TITLE_COMMON).max(MIN_TITLE_COMMON);
            let is_met = !titles.is_empty() && !best.contains(&p) && {
                let is_rare = |t: &&TermId| passages.frequency(**t) <= rare;
                let mut rare = titles.iter().filter(is_rare).peekable();
                rare.peek().is_some() && rare.all(|t| seen.contains(t))
            };
            let shared =
                passage_scores[p] + w.title * title.min(1.0) + if is_met { w.hop_title } else { 0.0 };
            for i in passage.units().filter(|i| !is_sentence(*i)) {
                scores[i] = 0.0;
            }
            let mut sentences = passage.units().filter(|i| is_sentence(*i)).peekable();
            // What the sentence before has in common with the question.
            let mut before = None;
            while let Some(i) = sentences.next() {
                let own = scores[i];
                let after = sentences.peek().map_or(0.0, |i| scores[*i]);
                let mut score = own
                    + shared
                    + w.answer * answer.share(&text[document.units[i].range()])
                    + w.feedback * feedback.score(i)
                    + w.hop * hop.score(i)
                    + if before.is_none() { w.first } else { 0.0 };
                if said.again(units, i) {
                    score *= SAID_BEFORE;
                }
                scores[i] = score + w.neighbour * f64::max(before.unwrap_or(0.0), after * NEXT_NEIGHBOUR);
                before = Some(own);
            }
        }
        scores
    }
}

/// The sets of terms that sentences had so far.
struct Said {
    numbers: Numbers,
    /// By number the first sentence that had the set.
    first: Vec<u32>,
    /// One more than the sentence in which each term was seen last.
    last: Vec<u32>,
}

impl Said {
    fn new(term_count: usize) -> Self {
        Said { numbers: Numbers::default(), first: Vec::new(), last: vec![0; term_count] }
    }

    /// Whether a sentence before has the same terms, however often and in whatever order.
    fn again(&mut self, units: &Units, i: usize) -> bool {
        let (mut sum, stamp) = (0_u64, i as u32 + 1);
        for id in units.terms(i) {
            if std::mem::replace(&mut self.last[*id as usize], stamp) != stamp {
                sum = sum.wrapping_add(self.numbers.mix(u64::from(*id)));
            }
        }
        if units.terms(i).is_empty() {
            return false;
        }
        let first = &self.first;
        let is = |n: usize| first.get(n).is_some_and(|j| term_set(units, *j as usize) == term_set(units, i));
        let (_, is_new) = self.numbers.number(self.numbers.mix(sum) as u32, is);
        if is_new {
            self.first.push(i as u32);
        }
        !is_new
    }
}

fn term_set(units: &Units, i: usize) -> Vec<TermId> {
    let mut terms = units.terms(i).to_vec();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The `count` first of `order` by score, the best first; of equals the earlier one.
fn best_of(mut order: Vec<usize>, scores: &[f64], count: usize) -> Vec<usize> {
    let by_score = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
    if order.len() > count {
        order.select_nth_unstable_by(count, by_score);
        order.truncate(count);
    }
    order.sort_unstable_by(by_score);
    order
}

/// Units by score, the best first; of equals the earlier one.
pub(super) fn by_score(units: impl Iterator<Item = usize>, scores: &[f64]) -> Vec<usize> {
    // Numbers that ascend as the scores descend (as `f64::total_cmp` has it) are quicker to compare.
    let descending = |score: f64| {
        let bits = score.to_bits();
        if bits >> 63 == 1 { bits } else { !bits & (u64::MAX >> 1) }
    };
    let mut keyed: Vec<(u64, u32)> = units.map(|i| (descending(scores[i]), i as u32)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, i)| i as usize).collect()
}

/// Per unit 1 for the best score, less for each place behind it, 0 for units that score nothing.
fn places(scores: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; scores.len()];
    let scoring = (0..scores.len()).filter(|i| scores[*i] > 0.0);
    for (place, i) in by_score(scoring, scores).into_iter().enumerate() {
        out[i] = 1.0 / (1.0 + place as f64);
    }
    out
}

/// The `count` terms that tell the most about the given units and are in at most `common` units, beside
/// those already asked for.
fn telling(
    units: &Units,
    from: &[(usize, f64)],
    asked: &FastSet<TermId>,
    count: usize,
    common: usize,
) -> Vec<Weighted> {
    let mut weights: Vec<(TermId, f64)> = Vec::new();
    for (unit, weight) in from {
        let fit = term_set(units, *unit)
            .into_iter()
            .filter(|t| !asked.contains(t) && (2..=common).contains(&units.frequency(*t)));
        weights.extend(fit.map(|t| (t, weight * units.idf(Some(t)))));
    }
    weights.sort_by_key(|(id, _)| *id);
    weights.dedup_by(|a, b| {
        let same = a.0 == b.0;
        if same {
            b.1 += a.1;
        }
        same
    });
    weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    weights.truncate(count);
    let top = weights.first().map_or(1.0, |(_, w)| *w).max(1e-9);
    weights.into_iter().map(|(id, w)| Weighted { id: Some(id), weight: w / top }).collect()
}

/// What kind of thing is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerType {
    Time,
    Number,
    Name,
    Other,
}

impl AnswerType {
    fn of(question: &str) -> Self {
        let q = format!(" {} ", question.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " "));
        let has = |words: &[&str]| words.iter().any(|word| q.contains(&format!(" {word} ")));
        if has(&[
            "when",
            "what year",
            "which year",
            "what date",
            "what day",
            "what time",
            "what century",
            "what decade",
            "wann",
            "quand",
            "cuándo",
            "in what year",
        ]) {
            AnswerType::Time
        } else if has(&[
            "how many",
            "how much",
            "how long",
            "how far",
            "how old",
            "how tall",
            "how large",
            "how big",
            "how often",
            "what percentage",
            "what number",
            "population",
            "wie viele",
            "wieviel",
            "combien",
            "cuántos",
            "cuántas",
        ]) {
            AnswerType::Number
        } else if has(&[
            "who", "whose", "whom", "where", "which", "name", "named", "city", "country", "wer", "wo", "qui",
            "où", "quién", "dónde",
        ]) {
            AnswerType::Name
        } else {
            AnswerType::Other
        }
    }

    /// 1 if the sentence holds something of the kind.
    fn share(self, sentence: &str) -> f64 {
        let holds = match self {
            AnswerType::Other => false,
            AnswerType::Number => {
                planes::find(sentence.as_bytes(), 0, |b| b.is_ascii_digit()).is_some()
                    || has_number_word(sentence)
            }
            AnswerType::Time => has_year(sentence) || has_month(sentence),
            AnswerType::Name => has_name(sentence),
        };
        f64::from(u8::from(holds))
    }
}

fn has_year(sentence: &str) -> bool {
    let b = sentence.as_bytes();
    let is = |i: usize| b.get(i).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while let Some(i) = planes::find(b, at, |b| b.is_ascii_digit()) {
        // 476, 1998; "19th century".
        if is(i + 1) && ((is(i + 2) && !is(i + 4)) || sentence.get(i + 2..i + 4) == Some("th")) {
            return true;
        }
        at = i + b[i..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
    false
}

fn has_month(sentence: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May ",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let b = sentence.as_bytes();
    // Most bytes are no capital, so that the names are looked for at few places.
    planes::positions(b, 0..b.len(), |b| b.is_ascii_uppercase())
        .any(|n| MONTHS.iter().any(|m| m.as_bytes()[0] == b[n] && b[n..].starts_with(m.as_bytes())))
}

fn has_number_word(sentence: &str) -> bool {
    // By first letter: most words begin with another one or are longer.
    let is_number = |word: &str| {
        let names: &[&str] = match word.as_bytes()[0] | 0x20 {
            _ if !(3..=8).contains(&word.len()) => &[],
            b'b' => &["billion"],
            b'd' => &["dozen"],
            b'e' => &["eight", "eleven"],
            b'f' => &["four", "five", "forty", "fifty"],
            b'h' => &["hundred", "half"],
            b'm' => &["million"],
            b'n' => &["nine"],
            b'o' => &["one"],
            b's' => &["six", "seven", "several", "single"],
            b't' => &["two", "three", "ten", "twelve", "twenty", "thirty", "thousand", "twice"],
            _ => &[],
        };
        names.iter().any(|name| word.eq_ignore_ascii_case(name))
    };
    let mut found = false;
    for_each_word(sentence, |word| found = found || is_number(word));
    found
}

/// A capital inside the sentence, not at its start: the first letter or digit of any word but the first.
fn has_name(sentence: &str) -> bool {
    let body = lines::trim_start(sentence);
    let bytes = body.as_bytes();
    // Without a capital or a letter outside ASCII there is none; of most sentences the first one decides.
    let may_be = |b: u8| within(b, b'A', 26) | (b >= 0x80);
    for n in planes::positions(bytes, 0..bytes.len(), may_be) {
        if !bytes[n].is_ascii() {
            return names_a_thing(body);
        }
        let mut before = bytes[..n].iter().rev();
        // Blanks end the word; what lies outside ASCII would have been found first.
        let ends = before.find(|b| b.is_ascii_alphanumeric() || lines::is_blank(**b));
        if ends.is_some_and(|b| lines::is_blank(*b)) {
            return true;
        }
    }
    false
}

/// The same, for any script.
fn names_a_thing(sentence: &str) -> bool {
    sentence.split_whitespace().skip(1).any(|word| {
        word.trim_start_matches(|c: char| !c.is_alphanumeric()).chars().next().is_some_and(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn capitals_are_found_as_character_by_character(sentence in "([a-zA-Z0-9.,(\"é É]|[ \t\n\u{b}\u{1c}\u{a0}]){0,12}|[ -~]{0,120}") {
            prop_assert_eq!(has_name(&sentence), names_a_thing(&sentence));
        }
    }
}
