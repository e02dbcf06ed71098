//! Which lines of context stay beside the changes of a hunk. Linear.

/// Gaps of fewer bytes cost less than the header of another hunk.
const MIN_GAP_BYTES: usize = 20;

/// Which lines of a hunk are changes or within `n` lines of one.
pub fn near_changes(lines: &[&str], n: usize) -> Vec<bool> {
    let is_change = |line: &str| line.starts_with(['+', '-']);
    let mut keep = vec![false; lines.len()];
    let mut left = 0;
    for (flag, line) in keep.iter_mut().zip(lines) {
        match line.as_bytes().first() {
            _ if is_change(line) => left = n + 1,
            // Says something of the line above.
            Some(b'\\') => left += usize::from(left > 0),
            _ => {}
        }
        *flag = left > 0;
        left = left.saturating_sub(1);
    }
    left = 0;
    for (i, line) in lines.iter().enumerate().rev() {
        if is_change(line) {
            left = n + 1;
        }
        keep[i] |= left > 0;
        if !line.starts_with('\\') {
            left = left.saturating_sub(1);
        }
    }
    fill_small_gaps(&mut keep, lines);
    keep
}

fn fill_small_gaps(keep: &mut [bool], lines: &[&str]) {
    let mut i = 0;
    while i < keep.len() {
        let end = i + keep[i..].iter().take_while(|k| **k == keep[i]).count();
        let is_inner = i > 0 && end < keep.len();
        if !keep[i] && is_inner && lines[i..end].iter().map(|l| l.len()).sum::<usize>() < MIN_GAP_BYTES {
            keep[i..end].fill(true);
        }
        i = end;
    }
}
