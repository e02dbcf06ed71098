//! Notices of copyright and licence at the head of source files: a page of law in every file, which no
//! question about the code concerns.
//!
//! What goes is the run of comment lines from the first to the last that speaks of rights; comments
//! about the code before and behind them stay. Cost: one search for the word, then each line of its
//! comment once.

use std::ops::Range;

use crate::select::Span;

/// Shorter notices cost about as much as their mark.
const MIN_LINES: usize = 4;
const MIN_BYTES: usize = 200;
/// Lines between two that speak of rights: a paragraph of a licence.
const MAX_GAP: usize = 8;
/// Words of such lines, in lower case.
const WORDS: &[&str] =
    &["copyright", "licen", "warrant", "rights reserved", "redistribut", "permission", "liab", "author"];

/// The notices in `text`, as runs of its `lines`. `prefix` gives the bytes of a line's number.
pub(super) fn find(text: &str, lines: &[Span], prefix: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut done = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), b"opyright") {
        let i = lines.partition_point(|line| line.end() <= at);
        if i < done || i >= lines.len() {
            continue;
        }
        let said = |i: usize| &text[lines[i].start() + prefix(i).min(lines[i].range().len())..lines[i].end()];
        if !is_comment(said(i)) {
            continue;
        }
        let start = (done..i).rev().take_while(|k| speaks_of_rights(said(*k))).last().unwrap_or(i);
        let mut end = i + 1;
        let mut next = end;
        while next < lines.len() && next - end <= MAX_GAP && is_comment(said(next)) {
            next += 1;
            if speaks_of_rights(said(next - 1)) {
                end = next;
            }
        }
        done = end;
        if end - start >= MIN_LINES && lines[end - 1].end() - lines[start].start() >= MIN_BYTES {
            out.push(start..end);
        }
    }
    out
}

/// Whether a line is (within) a comment, as far as one line tells.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["#", "//", "*", "/*", "--", ";", "%", "<!--", "\"\"\""].iter().any(|sign| line.starts_with(sign))
}

fn speaks_of_rights(line: &str) -> bool {
    if !is_comment(line) {
        return false;
    }
    let line = line.to_ascii_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select;

    fn found(text: &str) -> Vec<Range<usize>> {
        find(text, &select::spans(text), |_| 0)
    }

    const APACHE: &str = "// Copyright 2020 The Shop Authors\n//\n// Licensed under the Apache License, Version 2.0 \
                          (the \"License\");\n// you may not use this file except in compliance with the \
                          License.\n// You may obtain a copy of the License at\n//\n//     \
                          http://www.apache.org/licenses/LICENSE-2.0\n";

    #[test]
    fn a_notice_goes_and_what_stands_around_it_stays() {
        let text = format!("#!/bin/x\n{APACHE}//\n// Package cart sums up what was ordered.\npackage cart\n");
        assert_eq!(found(&text), [Range { start: 1, end: 8 }]);
        assert_eq!(found(&format!("{APACHE}\nfn main() {{}}\n{APACHE}")), [0..7, 9..16], "one per file");
    }

    #[test]
    fn mentions_of_rights_are_no_notices() {
        assert!(found("# Copyright 2020 Jane\nimport a\n").is_empty(), "short");
        assert!(
            found(&"copyright = '2020, Jane and the others of the project'\n".repeat(9)).is_empty(),
            "code"
        );
        assert!(
            found("# the copyright line\n# is checked by\n# tools/check.py\n# which see\nx = 1\n").is_empty()
        );
    }
}
