//! A log as the rules see it: lines without timestamps, and what each of them is.
//!
//! Everything the rules of [`super::choose`] look at is gathered here once. Cost: a fixed number of
//! passes over the text.

use std::ops::Range;

use super::diagnostic;
use super::severity::{self, Severity};
use super::template::Templates;
use super::testrun::{self, Role};
use super::timestamp;
use super::trace::{self, Trace};

/// A text counts as stamped if at least this share of its lines has a timestamp; below it, what looks
/// like one is part of the message.
const STAMPED_SHARE: f64 = 0.3;

/// The lines of a text and what they are. All vectors are as long as `lines`.
#[derive(Debug)]
pub(super) struct View<'t> {
    /// The text.
    pub text: &'t str,
    /// Ranges of the lines, newlines included; they cover the text.
    pub lines: Vec<Range<usize>>,
    /// Ranges of the messages: lines without timestamp and newline.
    pub messages: Vec<Range<usize>>,
    /// How bad each line is.
    pub severity: Vec<Severity>,
    /// What each line is in a run of tests or a build.
    pub roles: Vec<Role>,
    /// Stack traces, in order.
    pub traces: Vec<Trace>,
    /// Which lines are the same message.
    pub templates: Templates,
    /// Whether the lines carry a timestamp.
    pub is_stamped: bool,
    /// Whether they carry a place instead: the output of a linter or a compiler.
    pub is_located: bool,
}

impl<'t> View<'t> {
    /// Reads a text that is cut into `lines`.
    pub fn new(text: &'t str, lines: Vec<Range<usize>>) -> Self {
        Self::cut_at(text, lines, false)
    }

    /// Reads JSON lines: what stands between two commas is a token.
    pub fn of_records(text: &'t str, lines: Vec<Range<usize>>) -> Self {
        Self::cut_at(text, lines, true)
    }

    fn cut_at(text: &'t str, lines: Vec<Range<usize>>, commas: bool) -> Self {
        let mut stamps: Vec<usize> = lines.iter().map(|l| timestamp::split(&text[l.clone()])).collect();
        let filled = lines.iter().filter(|l| l.len() > 1).count();
        let enough = |stamps: &[usize]| {
            let stamped = stamps.iter().filter(|s| **s > 0).count();
            stamped as f64 >= STAMPED_SHARE * filled as f64 && stamped > 0
        };
        let is_stamped = enough(&stamps);
        let mut is_located = false;
        if !is_stamped {
            // A linter's place says where, as a timestamp says when.
            stamps = lines.iter().map(|l| diagnostic::split(&text[l.clone()])).collect();
            is_located = enough(&stamps);
        }
        let messages: Vec<Range<usize>> = lines
            .iter()
            .zip(&stamps)
            .map(|(line, stamp)| {
                let end = line.start + text[line.clone()].trim_end_matches(['\n', '\r']).len();
                let start = if is_stamped || is_located { (line.start + stamp).min(end) } else { line.start };
                start..end
            })
            .collect();
        let mut severity = severity::severities(text, &lines);
        if is_located {
            // What a linter complains about is full of words of trouble; only its errors are errors.
            for (i, stamp) in stamps.iter().enumerate().filter(|(_, stamp)| **stamp > 0) {
                let message = &text[lines[i].start + stamp..lines[i].end];
                let is_error = message.starts_with("error") || message.starts_with("fatal");
                severity[i] = if is_error { Severity::Strong } else { Severity::None };
            }
        }
        let roles = messages.iter().map(|m| testrun::role(&text[m.clone()])).collect();
        let traces = trace::find(messages.len(), |i| &text[messages[i].clone()]);
        let templates = Templates::mine(text, &messages, commas);
        View { text, lines, messages, severity, roles, traces, templates, is_stamped, is_located }
    }

    /// The message of line `i`.
    pub fn message(&self, i: usize) -> &'t str {
        &self.text[self.messages[i].clone()]
    }

    /// Bytes of line `i`.
    pub fn bytes(&self, i: usize) -> usize {
        self.lines[i].len()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }
}
