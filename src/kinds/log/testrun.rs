//! Lines of test runs and builds: what passed, what failed, sections and summaries.
//!
//! Known are unittest, pytest, jest, mocha, go test, cargo, TAP, googletest, ctest, maven, gradle, npm,
//! make and the frames that shells and agents put around an exit code. Cost: a look at both ends of a
//! line; lines longer than [`MAX_BYTES`] are none of these.

/// What a line is in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// None of the below.
    Other,
    /// White space.
    Blank,
    /// `=====`, `-----`: separates, says nothing.
    Ruler,
    /// `=== FAILURES ===`, `____ test_x ____`, `failures:`, `##[group]`.
    Section,
    /// A test or step that passed, or is only starting.
    Pass,
    /// A test or step that failed.
    Fail,
    /// Counts of a run, exit codes.
    Summary,
    /// Progress: downloads, percentages, dots.
    Progress,
    /// pytest's `E   …` and `>   …`.
    Detail,
    /// A warning of a tool with its place.
    Warning,
}

/// Longer lines hold data, not a role.
const MAX_BYTES: usize = 600;

/// The role of a line (without its newline and timestamp).
pub(super) fn role(line: &str) -> Role {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Role::Blank;
    }
    if line.len() > MAX_BYTES {
        return if is_detail(line) { Role::Detail } else { Role::Other };
    }
    if is_detail(line) {
        return Role::Detail;
    }
    if let Some(role) = ruler(trimmed) {
        return role;
    }
    if is_summary(trimmed) {
        return Role::Summary;
    }
    if is_fail(trimmed) {
        return Role::Fail;
    }
    if let Some(role) = dots(trimmed) {
        return role;
    }
    if is_pass(trimmed) {
        return Role::Pass;
    }
    if is_section(trimmed) {
        return Role::Section;
    }
    if is_progress(trimmed) {
        return Role::Progress;
    }
    if is_warning(trimmed) {
        return Role::Warning;
    }
    Role::Other
}

fn is_detail(line: &str) -> bool {
    line.starts_with("E   ") || line.starts_with(">   ") || line == "E"
}

/// A line of one repeated sign, with or without a title in it.
fn ruler(line: &str) -> Option<Role> {
    let first = *line.as_bytes().first()?;
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

fn starts_with_any(line: &str, starts: &[&str]) -> bool {
    starts.iter().any(|s| line.starts_with(s))
}

fn ends_with_any(line: &str, ends: &[&str]) -> bool {
    ends.iter().any(|s| line.ends_with(s))
}

fn is_summary(line: &str) -> bool {
    if starts_with_any(
        line,
        &[
            "Ran ",
            "FAILED (",
            "OK (",
            "Tests:",
            "Test Suites:",
            "Snapshots:",
            "test result:",
            "Test Result",
            "BUILD ",
            "[INFO] BUILD",
            "[ERROR] BUILD",
            "[ERROR] Tests run:",
            "[exit code",
            "exit code",
            "Exit code",
            "exit status",
            "<returncode>",
            "make: ***",
            "make[",
            "Process exited",
            "Process finished",
            "Command exited",
            "[  PASSED  ]",
            "[==========]",
            "##[error]",
            "Error: Process completed",
            "Results:",
            "Total tests:",
            "Total Test time",
            "# tests ",
            "# pass ",
            "# fail ",
            "Build FAILED",
            "Build succeeded",
            "ninja: ",
            "FAIL\t",
            "npm ERR!",
            "npm error",
            "Finished ",
            "error: aborting",
            "error: could not compile",
            "warning: `",
            "tests finished",
            "Script exited",
        ],
    ) {
        // `make[1]: Entering directory` is noise; `make[1]: *** […] Error 2` is not.
        return !line.starts_with("make[") || line.contains("***");
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let counted = digits > 0
        && line.len() < 80
        && starts_with_any(
            line[digits..].trim_start(),
            &[
                "passing",
                "failing",
                "passed",
                "failed",
                "pending",
                "error",
                "warning",
                "tests ",
                "examples",
                "problems",
                "% tests passed",
            ],
        );
    counted
        || line == "OK"
        || line == "FAILED"
        || line == "FAIL"
        || line == "PASS"
        || line.contains("% tests passed,")
        || line.len() < 120
            && ["characters elided", "lines elided", "output truncated", "lines omitted"]
                .iter()
                .any(|w| line.contains(w))
        || line.len() < 120 && line.starts_with('✖') && line.contains("problem")
}

fn is_fail(line: &str) -> bool {
    starts_with_any(
        line,
        &[
            "FAILED ",
            "FAILED: ",
            "FAIL ",
            "FAIL: ",
            "ERROR: ",
            "ERROR ",
            "--- FAIL",
            "not ok ",
            "✗ ",
            "✘ ",
            "✕ ",
            "× ",
            "✖ ",
            "● ",
            "[  FAILED  ]",
            "[FAIL]",
            "> Task :",
            "UNEXPECTED SUCCESS: ",
        ],
    ) && !(line.starts_with("> Task :") && !line.ends_with("FAILED"))
        || ends_with_any(
            line,
            &[
                "... FAILED",
                "... FAIL",
                "... ERROR",
                " FAILED",
                "<<< FAILURE!",
                "<<< ERROR!",
                "***Failed",
                "***Exception",
            ],
        )
        || bracketed_percent(line).is_some_and(|rest| ends_with_any(rest, &["FAILED", "ERROR", "FAIL"]))
        || line.contains("***Failed")
        || line.contains("***Timeout")
        || line.contains("***Exception")
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

fn is_pass(line: &str) -> bool {
    starts_with_any(
        line,
        &[
            "✓ ",
            "✔ ",
            "√ ",
            "PASS ",
            "PASS\t",
            "PASS: ",
            "PASSED ",
            "--- PASS",
            "--- SKIP",
            "ok  \t",
            "ok   ",
            "ok \t",
            "[       OK ]",
            "[ RUN      ]",
            "[----------]",
            "=== RUN",
            "=== PAUSE",
            "=== CONT",
            "=== NAME",
            "[PASS]",
            "[ok]",
            "[  OK  ]",
            "[INFO] Running ",
        ],
    ) || starts_with_any(line, &["ok "]) && line[3..].starts_with(|c: char| c.is_ascii_digit())
        || ends_with_any(
            line,
            &[
                "... ok",
                "... OK",
                "... ignored",
                "... skipped",
                "... PASSED",
                " PASSED",
                " passed",
                " UP-TO-DATE",
                " NO-SOURCE",
                " FROM-CACHE",
                "... PASS",
                " SKIPPED",
            ],
        )
        || bracketed_percent(line)
            .is_some_and(|rest| ends_with_any(rest, &["PASSED", "SKIPPED", "XFAIL", "XPASS"]))
        || line.contains("... skipped ")
        || line.contains("   Passed  ")
        || line.starts_with("Tests run: ")
            && line.contains("Failures: 0, Errors: 0")
            && line.contains("Time elapsed")
        || line.starts_with("[INFO] Tests run: ") && line.contains("Time elapsed")
}

fn is_section(line: &str) -> bool {
    starts_with_any(
        line,
        &[
            "##[group]",
            "::group::",
            "FAILURES!",
            "Failures:",
            "failures:",
            "Summary of all failing",
            "Failed tests:",
            "Captured ",
            "> Task :",
        ],
    ) || line.len() < 100 && line.ends_with("stdout ----")
}

fn is_progress(line: &str) -> bool {
    starts_with_any(
        line,
        &[
            "Downloading ",
            "Downloaded ",
            "Collecting ",
            "Using cached ",
            "Requirement already satisfied",
            "Receiving objects",
            "Resolving deltas",
            "remote: Counting",
            "remote: Compressing",
            "Unpacking ",
            "Preparing to unpack",
            "Selecting previously",
            "Setting up ",
            "Get:",
            "Hit:",
            "Fetched ",
            "Compiling ",
            "Fresh ",
            "Checking ",
            "Progress (",
            "[INFO] Download",
            "Downloading:",
            "Extracting ",
            "Copying ",
            "Installing collected",
            "Building wheel",
            "Created wheel",
            "Stored in directory",
            "Pulling fs layer",
            "Waiting",
            "Verifying Checksum",
            "Download complete",
            "Pull complete",
            "Entering directory",
            "Cloning test database",
            "Destroying test database",
            "Creating test database",
            "##[endgroup]",
            "::endgroup::",
            "##[command]",
        ],
    ) || line.starts_with("make[") && line.contains("directory")
        || is_build_step(line)
        || line.len() < 200
            && ["━━", "███", "▉", "=====>", "####", "|####"].iter().any(|bar| line.contains(bar))
            && line.contains('%')
}

/// `[ 12%] Building C object x.o`, `[3/120] CC x.o`, `  CC      x.o`.
fn is_build_step(line: &str) -> bool {
    let Some((inside, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return starts_with_any(line, &["CC ", "CXX ", "LD ", "AR ", "  CC"]);
    };
    let inside = inside.trim();
    let number = |s: &str| !s.is_empty() && s.bytes().all(|c| c.is_ascii_digit());
    inside.strip_suffix('%').is_some_and(number)
        || inside.split_once('/').is_some_and(|(a, b)| number(a) && number(b))
}

/// `a/b.py:12: DeprecationWarning: …`, `warning: unused variable`, `x.c:3:4: warning: …`.
fn is_warning(line: &str) -> bool {
    line.starts_with("warning: ")
        || line.starts_with("WARNING: ")
        || line.contains(": warning: ")
        || line.contains("Warning: ")
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
            ("value = compute(1)", Role::Other),
            ("see also ...", Role::Other),
        ] {
            assert_eq!(role(line), expected, "{line:?}");
        }
    }
}
