//! What a line costs in tokens, roughly: for choices between a line and its mark, where counting
//! exactly would cost more than it saves.

/// Tokens of a plain mark such as `[… 12 lines 13-24]` with its newline, in o200k_base: 9 to 11.
pub(super) const MARK_TOKENS: usize = 10;

/// About how many tokens `line` has. Letters make one token in about six, digits one in three, a run of
/// one sign (a ruler) next to none; off by a quarter on real lines.
pub(super) fn tokens(line: &str) -> usize {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Letter,
        Digit,
        Space,
        Sign(u8),
    }
    let mut total = 0;
    let mut run = 0;
    let mut last = Class::Space;
    let mut add = |class: Class, run: usize| {
        total += match class {
            Class::Letter => 1 + run.saturating_sub(1) / 6,
            Class::Digit => run.div_ceil(3),
            Class::Space => usize::from(run > 2),
            Class::Sign(_) => 1 + run / 24,
        }
    };
    for b in line.bytes() {
        let class = match b {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t' | b'\r' => Class::Space,
            // Two bytes of other scripts and signs make about one token.
            0x80.. => Class::Sign(b),
            _ => Class::Sign(b),
        };
        if class != last && run > 0 {
            add(last, run);
            run = 0;
        }
        last = class;
        run += 1;
    }
    if run > 0 {
        add(last, run);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn rulers_are_cheap_and_numbers_are_not() {
        assert!(tokens(&"=".repeat(70)) < 5);
        assert!(tokens("2015-10-18 18:06:24,092 INFO [main] org.apache.Client: retrying") > 20);
        assert_eq!(tokens("\n"), 1);
        assert_eq!(tokens(""), 0);
    }
}
