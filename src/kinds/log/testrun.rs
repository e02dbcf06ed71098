//! Lines of test runs and builds: what passed, what failed, sections and summaries.
//!
//! Known are unittest, pytest, jest, mocha, go test, cargo, TAP, googletest, ctest, maven, gradle, npm,
//! make and the frames that shells and agents put around an exit code. Cost: per line a look at both
//! ends, where the first and the last byte choose what is compared; lines longer than [`MAX_BYTES`] are
//! none of these.

use std::sync::OnceLock;

/// What a line is in a run. In order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    /// White space.
    Blank,
    /// What was expected and what came: pytest's `E   …` and `>   …`, `left: …`, `Expected: …`.
    Detail,
    /// `=====`, `-----`: separates, says nothing.
    Ruler,
    /// Counts of a run, exit codes.
    Summary,
    /// A test or step that failed.
    Fail,
    /// A test or step that passed, or is only starting.
    Pass,
    /// `=== FAILURES ===`, `____ test_x ____`, `failures:`, `##[group]`.
    Section,
    /// Progress: downloads, percentages, dots.
    Progress,
    /// A warning of a tool with its place.
    Warning,
    /// None of the above.
    Other,
}

/// Longer lines hold data, not a role.
const MAX_BYTES: usize = 600;
/// Sentences and data are longer than the counts of a run.
const MAX_COUNT_BYTES: usize = 120;

/// What lines start with.
#[rustfmt::skip]
const STARTS: &[(Role, &[&str])] = &[
    (Role::Summary, &[
        "Ran ", "FAILED (", "OK (", "Tests:", "Test Suites:", "Snapshots:", "test result:",
        "Test Result", "BUILD ", "[INFO] BUILD", "[ERROR] BUILD", "[ERROR] Tests run:", "[exit code",
        "exit code", "Exit code", "exit status", "<returncode>", "make: ***", "Process exited",
        "Process finished", "Command exited", "[  PASSED  ]", "[==========]", "##[error]",
        "Error: Process completed", "Results:", "Failed!  - ", "Passed!  - ", "Total tests:", "Total Test time", "# tests ",
        "# pass ", "# fail ", "Build FAILED", "Build succeeded", "ninja: ", "FAIL\t", "npm ERR!",
        "npm error", "Finished ", "error: aborting", "error: could not compile", "warning: `",
        "tests finished", "Script exited",
    ]),
    (Role::Detail, &[
        "actual: ", "expected: ", "Expected: ", "Received: ", "Actual: ", "Expected:  ", "Received:  ",
        "left: ", "right: ", "Expected number of calls:", "Received number of calls:", "but was: ",
    ]),
    (Role::Fail, &[
        "FAILED ", "FAILED: ", "FAIL ", "FAIL: ", "ERROR: ", "ERROR ", "--- FAIL", "not ok ", "✗ ",
        "✘ ", "✕ ", "× ", "✖ ", "● ", "[  FAILED  ]", "[FAIL]", "UNEXPECTED SUCCESS: ", "❯ ",
    ]),
    (Role::Pass, &[
        "✓ ", "✔ ", "√ ", "PASS ", "PASS\t", "PASS: ", "PASSED ", "--- PASS", "--- SKIP", "ok  \t",
        "ok   ", "ok \t", "[       OK ]", "[ RUN      ]", "[----------]", "=== RUN", "=== PAUSE",
        "=== CONT", "=== NAME", "[PASS]", "[ok]", "[  OK  ]", "[INFO] Running ",
    ]),
    (Role::Section, &[
        "##[group]", "::group::", "FAILURES!", "Failures:", "failures:", "Summary of all failing",
        "Failed tests:", "Captured ",
    ]),
    (Role::Progress, &[
        "Downloading ", "Downloaded ", "Collecting ", "Using cached ", "Requirement already satisfied",
        "Receiving objects", "Resolving deltas", "remote: Counting", "remote: Compressing",
        "Unpacking ", "Preparing to unpack", "Selecting previously", "Setting up ", "Get:", "Hit:",
        "Fetched ", "Compiling ", "Fresh ", "Checking ", "Progress (", "[INFO] Download",
        "Downloading:", "Extracting ", "Copying ", "Installing collected", "Building wheel",
        "Created wheel", "Stored in directory", "Pulling fs layer", "Waiting", "Verifying Checksum",
        "Download complete", "Pull complete", "Entering directory", "Cloning test database",
        "Destroying test database", "Creating test database", "##[endgroup]", "::endgroup::",
        "##[command]", "CC ", "CXX ", "LD ", "AR ", "> Task :", "Restored ",
    ]),
    (Role::Warning, &[
        "warning: ", "WARNING: ",
    ]),
];

/// What lines end with.
#[rustfmt::skip]
const ENDS: &[(Role, &[&str])] = &[
    (Role::Fail, &[
        "... FAILED", "... FAIL", "... ERROR", " FAILED", "<<< FAILURE!", "<<< ERROR!", "***Failed",
        "***Exception",
    ]),
    (Role::Pass, &[
        "... ok", "... OK", "... ignored", "... skipped", "... PASSED", " PASSED", " passed",
        " UP-TO-DATE", " NO-SOURCE", " FROM-CACHE", "... PASS", " SKIPPED",
    ]),
    (Role::Section, &[
        " stdout ----", " stderr ----",
    ]),
];

/// What a line is as a whole.
const WHOLE: &[&str] = &["OK", "FAILED", "FAIL", "PASS"];

/// What follows a number in the counts of a run.
#[rustfmt::skip]
const COUNTED: &[&str] = &[
    "passing", "failing", "passed", "failed", "pending", "error", "warning", "tests ",
    "examples", "problems", "% tests passed", "characters elided", "lines elided", "lines omitted",
];

/// The entries of a table by the byte that chooses them.
type ByByte = Vec<Vec<(Role, &'static str)>>;

fn indexed(table: &[(Role, &[&'static str])], byte: impl Fn(&str) -> Option<u8>) -> ByByte {
    let mut out = vec![Vec::new(); 256];
    for (role, words) in table {
        for word in *words {
            if let Some(byte) = byte(word) {
                out[usize::from(byte)].push((*role, *word));
            }
        }
    }
    out
}

/// The first role in the tables' order that `line` starts with.
fn by_start(line: &str) -> Option<Role> {
    static INDEX: OnceLock<ByByte> = OnceLock::new();
    let index = INDEX.get_or_init(|| indexed(STARTS, |w| w.bytes().next()));
    let entries = &index[usize::from(*line.as_bytes().first()?)];
    entries.iter().find(|(_, word)| line.starts_with(word)).map(|(role, _)| *role)
}

/// The first role in the tables' order that `line` ends with.
fn by_end(line: &str) -> Option<Role> {
    static INDEX: OnceLock<ByByte> = OnceLock::new();
    let index = INDEX.get_or_init(|| indexed(ENDS, |w| w.bytes().next_back()));
    let entries = &index[usize::from(*line.as_bytes().last()?)];
    entries.iter().find(|(_, word)| line.ends_with(word)).map(|(role, _)| *role)
}

/// The role of a line (without its newline and timestamp).
pub(super) fn role(line: &str) -> Role {
    let trimmed = line.trim();
    let (Some(first), Some(last)) = (trimmed.bytes().next(), trimmed.bytes().next_back()) else {
        return Role::Blank;
    };
    if is_detail(line) {
        return Role::Detail;
    }
    if line.len() > MAX_BYTES {
        return Role::Other;
    }
    if let Some(role) = ruler(trimmed, first) {
        return role;
    }
    let mut role = by_start(trimmed).unwrap_or(Role::Other);
    if role != Role::Summary {
        role = role.min(by_end(trimmed).unwrap_or(Role::Other));
        role = role.min(by_shape(trimmed, first, last).unwrap_or(Role::Other));
    }
    role
}

/// Roles that take more than a word at one of the ends.
fn by_shape(line: &str, first: u8, last: u8) -> Option<Role> {
    if last == b']' || b".FEsxXSPRNu".contains(&last) {
        if let Some(rest) = bracketed_percent(line) {
            let result = rest.rsplit(' ').next().unwrap_or(rest);
            match result {
                "FAILED" | "ERROR" | "FAIL" => return Some(Role::Fail),
                "PASSED" | "SKIPPED" | "XFAIL" | "XPASS" => return Some(Role::Pass),
                _ => {}
            }
        }
        if let Some(role) = dots(line) {
            return Some(role);
        }
    }
    match first {
        // AddressSanitizer: `0x602… is located 10 bytes inside of 16-byte region […)`
        b'0' if line.starts_with("0x") && line.contains(" is located ") => return Some(Role::Detail),
        b'0'..=b'9' if line.len() < MAX_COUNT_BYTES => {
            let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            if COUNTED.iter().any(|w| rest.starts_with(w)) {
                return Some(Role::Summary);
            }
        }
        b'O' | b'F' | b'P' if WHOLE.contains(&line) => return Some(Role::Summary),
        b'o' if line
            .strip_prefix("ok ")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            return Some(Role::Pass);
        }
        // dotnet: `Failed A.B(x: 1) [12 ms]`.
        b'F' if last == b']' && line.starts_with("Failed ") && is_timed(line) => return Some(Role::Fail),
        b'P' if last == b']' && line.starts_with("Passed ") && is_timed(line) => return Some(Role::Pass),
        b'S' if last == b']' && line.starts_with("Skipped ") && is_timed(line) => return Some(Role::Pass),
        b'm' if line.starts_with("make[") => {
            // `make[1]: *** […] Error 2`; `make[1]: Entering directory` is noise.
            return Some(if line.contains("***") { Role::Summary } else { Role::Progress });
        }
        b'T' | b'['
            if line.contains("Tests run: ")
                && line.contains("Time elapsed")
                && line.contains("Failures: 0, Errors: 0") =>
        {
            return Some(Role::Pass);
        }
        b'[' | b'.' | b'<' | b'('
            if line.len() < MAX_COUNT_BYTES && (line.contains("truncated") || line.contains(" omitted")) =>
        {
            return Some(Role::Summary);
        }
        b'[' if is_build_step(line) => return Some(Role::Progress),
        0xe2 if line.starts_with('✖') && line.len() < MAX_COUNT_BYTES && line.contains("problem") => {
            return Some(Role::Summary);
        }
        _ => {}
    }
    if last == b'c' && line.ends_with(" sec") {
        // ctest: ` 3/20 Test  #3: name ......   Passed    0.01 sec`
        if line.contains("***") {
            return Some(Role::Fail);
        }
        if line.contains("   Passed  ") {
            return Some(Role::Pass);
        }
    }
    if line.contains("... skipped ") {
        return Some(Role::Pass);
    }
    if line.contains("% tests passed,") {
        return Some(Role::Summary);
    }
    if memchr::memchr(b'%', line.as_bytes()).is_some()
        && ["━━", "███", "▉", "=====>", "####"].iter().any(|bar| line.contains(bar))
    {
        return Some(Role::Progress);
    }
    // `a/b.py:12: DeprecationWarning: …`, `x.c:3:4: warning: …`
    memchr::memmem::find(line.as_bytes(), b"arning: ")
        .is_some_and(|at| {
            at > 0 && (line.as_bytes()[at - 1] == b'W' || at > 2 && line[..at].ends_with(": w"))
        })
        .then_some(Role::Warning)
}

fn is_detail(line: &str) -> bool {
    line.starts_with("E   ") || line.starts_with(">   ") || line == "E"
}

/// A line of one repeated sign, with or without a title in it.
fn ruler(line: &str, first: u8) -> Option<Role> {
    if !matches!(first, b'=' | b'-' | b'_' | b'*' | b'#' | b'~' | b'+') {
        return None;
    }
    let lead = line.bytes().take_while(|c| *c == first).count();
    if lead == line.len() && lead >= 3 {
        return Some(Role::Ruler);
    }
    // pytest's `_ _ _ _ _`.
    if line.len() >= 7 && line.bytes().all(|c| c == first || c == b' ') {
        return Some(Role::Ruler);
    }
    let trail = line.bytes().rev().take_while(|c| *c == first).count();
    let title = line.get(lead..line.len() - trail)?.trim();
    let framed = lead >= 3 && (trail >= 3 || trail >= 1 && title.len() > 40)
        || lead == 1 && trail == 1 && first == b'_' && line.starts_with("_ ") && line.ends_with(" _");
    if !framed {
        return None;
    }
    let counts = title.bytes().any(|c| c.is_ascii_digit())
        && ["passed", "failed", "error", "skipped", "no tests ran", "deselected", "xfailed"]
            .iter()
            .any(|w| title.contains(w))
        && title.contains(" in ");
    Some(if counts { Role::Summary } else { Role::Section })
}

/// The line before pytest's trailing `[ 42%]`, if it ends so.
fn bracketed_percent(line: &str) -> Option<&str> {
    let at = line.strip_suffix("%]")?.rfind('[')?;
    line[at + 1..line.len() - 2].trim().bytes().all(|c| c.is_ascii_digit()).then(|| line[..at].trim_end())
}

/// A run of one-letter results, with or without a file in front and a percentage behind.
fn dots(line: &str) -> Option<Role> {
    let results = bracketed_percent(line).unwrap_or(line);
    let results = results.rsplit(' ').next()?;
    if results.len() < 3 && results.len() == line.len() || results.is_empty() {
        return None;
    }
    let known = results.bytes().all(|c| b".FEsxXSPRNu".contains(&c));
    // Nothing but capitals is a word ("EXPRESS"); most results are dots.
    let dotted = results.bytes().filter(|c| *c == b'.').count() * 2 >= results.len()
        || results.bytes().all(|c| c == b'E' || c == b'F' || c == b'.');
    let has_file = results.len() < line.len();
    if !known || !dotted || has_file && bracketed_percent(line).is_none() {
        return None;
    }
    Some(if results.contains(['F', 'E']) { Role::Fail } else { Role::Pass })
}

/// Whether a line ends in a duration in brackets: `[12 ms]`, `[< 1 ms]`, `[1 s]`.
fn is_timed(line: &str) -> bool {
    line.ends_with("ms]") || line.ends_with(" s]") || line.ends_with(" m]")
}

/// `[ 12%] Building C object x.o`, `[3/120] CC x.o`, `  CC      x.o`.
fn is_build_step(line: &str) -> bool {
    let Some((inside, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return false;
    };
    let inside = inside.trim();
    let number = |s: &str| !s.is_empty() && s.bytes().all(|c| c.is_ascii_digit());
    inside.strip_suffix('%').is_some_and(number)
        || inside.split_once('/').is_some_and(|(a, b)| number(a) && number(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_known_runners() {
        for (line, expected) in [
            ("", Role::Blank),
            ("==========", Role::Ruler),
            ("_ _ _ _ _ _ _ _", Role::Ruler),
            ("=================== FAILURES ===================", Role::Section),
            ("______ test_x ______", Role::Section),
            ("=== 1 failed, 2 passed in 0.1s ===", Role::Summary),
            ("_ ERROR at setup of test_should_bypass_proxies[http://user:pass@172.16.1.1] _", Role::Section),
            ("tests/a.py ....x.. [ 42%]", Role::Pass),
            ("tests/a.py ....F.. [ 42%]", Role::Fail),
            ("..........", Role::Pass),
            ("...E...E.......", Role::Fail),
            ("a.py::test_x PASSED [  3%]", Role::Pass),
            ("a.py::test_x FAILED [  3%]", Role::Fail),
            ("FAILED a.py::test_x - assert 1", Role::Fail),
            ("test_a (m.T) ... ok", Role::Pass),
            ("test a::b ... FAILED", Role::Fail),
            ("test a::b ... ok", Role::Pass),
            ("test result: FAILED. 1 passed; 1 failed", Role::Summary),
            ("--- FAIL: TestX (0.00s)", Role::Fail),
            ("ok  \tpkg/a\t0.1s", Role::Pass),
            ("not ok 3 - b", Role::Fail),
            ("ok 2 - a", Role::Pass),
            ("✓ adds (3 ms)", Role::Pass),
            ("✕ subtracts (3 ms)", Role::Fail),
            ("Tests:       1 failed, 2 passed, 3 total", Role::Summary),
            ("> Task :app:test FAILED", Role::Fail),
            ("> Task :app:compileJava UP-TO-DATE", Role::Pass),
            ("[ERROR] Tests run: 3, Failures: 1", Role::Summary),
            ("E       assert 1 == 2", Role::Detail),
            ("make[1]: Entering directory '/x'", Role::Progress),
            ("make[1]: *** [all] Error 2", Role::Summary),
            ("[ 12%] Building C object a.o", Role::Progress),
            ("   Compiling serde v1.0.1", Role::Progress),
            ("a.py:3: DeprecationWarning: x", Role::Warning),
            ("Ran 21 tests in 0.1s", Role::Summary),
            ("[INFO] Running com.shop.CartTest", Role::Pass),
            ("55730 characters elided", Role::Summary),
            ("  actual: { sum: 17 },", Role::Detail),
            ("0x6020 is located 10 bytes inside of 16-byte region [0x6010,0x6020)", Role::Detail),
            ("> Task :app:classes", Role::Progress),
            ("  Failed Shop.TaxTests.Rounds(region: \"DE\") [12 ms]", Role::Fail),
            ("  Passed Shop.CartTests.Adds(item: 3) [< 1 ms]", Role::Pass),
            ("Failed!  - Failed:     1, Passed:    80, Skipped:     0", Role::Summary),
            ("Failed to connect [::1]", Role::Other),
            ("value = compute(1)", Role::Other),
            ("see also ...", Role::Other),
        ] {
            assert_eq!(role(line), expected, "{line:?}");
        }
    }
}
