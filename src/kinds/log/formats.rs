//! One test per format of logs, CI logs, builds and test runs, on texts written in them: each is
//! recognised, keeps what tells of the failure whatever is asked, and loses most of the rest.

#![allow(clippy::unwrap_used)]

use super::tests::{compressed, restored};
use crate::kinds;
use crate::options::Options;

/// `count` usual lines with `special` ones among them.
fn among(count: usize, usual: impl Fn(usize) -> String, special: &[&str]) -> String {
    let mut out: Vec<String> = (0..count).map(usual).collect();
    let at = count * 2 / 3;
    out.splice(at..at, special.iter().map(|line| (*line).to_owned()));
    out.join("\n") + "\n"
}

/// Checks a text of kind `kind`: all `needed` strings stay, at most `share` percent of the bytes do.
fn check(kind: &str, text: &str, needed: &[&str], share: usize) {
    assert_eq!(kinds::recognise(text).unwrap().name(), kind, "{text}");
    for question in ["", "Why did this fail, and what should be fixed first?"] {
        let r = compressed(text, question, Options::default()).unwrap();
        for needle in needed {
            assert!(
                text.contains(needle) && r.text.contains(needle),
                "{question:?} lost {needle:?}:\n{}",
                r.text
            );
        }
        assert!(r.text.len() * 100 <= text.len() * share, "{} of {}:\n{}", r.text.len(), text.len(), r.text);
        assert_eq!(restored(&r, text), text);
    }
}

#[test]
fn github_actions() {
    let at = |i: usize| format!("2026-03-04T09:12:{:02}.{:07}Z", i / 20 % 60, i * 97_531 % 10_000_000);
    let text = among(
        400,
        |i| format!("{} PASS packages/core/src/module{i}.test.ts ({}.1 s)", at(i), i % 9),
        &[
            "2026-03-04T09:12:40.0000001Z FAIL packages/core/src/billing.test.ts",
            "2026-03-04T09:12:40.0000002Z   ● billing › rounds half up",
            "2026-03-04T09:12:40.0000003Z     Expected: 12.35",
            "2026-03-04T09:12:40.0000004Z     Received: 12.34",
            "2026-03-04T09:12:40.0000005Z       at Object.<anonymous> (src/billing.test.ts:48:21)",
            "2026-03-04T09:12:41.0000000Z Tests:       1 failed, 400 passed, 401 total",
            "2026-03-04T09:12:41.0000001Z ##[error]Process completed with exit code 1.",
            "2026-03-04T09:12:42.0000000Z No files were found with the provided path: coverage/.",
        ],
    );
    let needed =
        ["rounds half up", "Expected: 12.35", "Received: 12.34", "test.ts:48:21", "exit code 1", "coverage/"];
    check("log", &text, &needed, 12);
}

#[test]
fn gradle_and_kotlin() {
    let text = among(
        200,
        |i| match i % 4 {
            0 => format!("> Task :module{i}:preBuild UP-TO-DATE"),
            1 => format!("> Task :module{i}:compileKotlin"),
            2 => format!("> Task :module{i}:compileJava NO-SOURCE"),
            _ => format!("> Task :module{i}:processResources FROM-CACHE"),
        },
        &[
            "e: file:///ci/m37/src/main/kotlin/Tax.kt:31:17 Unresolved reference: roundHalfUp",
            "> Task :module37:compileKotlin FAILED",
            "",
            "FAILURE: Build failed with an exception.",
            "* What went wrong:",
            "Execution failed for task ':module37:compileKotlin'.",
            "BUILD FAILED in 1m 12s",
        ],
    );
    check("log", &text, &["roundHalfUp", "task ':module37:compileKotlin'", "BUILD FAILED in 1m 12s"], 20);
}

#[test]
fn dotnet_test() {
    let text = among(
        150,
        |i| format!("  Passed Shop.CartTests.Adds(item: {i}) [{} ms]", i % 7),
        &[
            "  Failed Shop.TaxTests.Rounds(region: \"DE\") [12 ms]",
            "  Error Message:",
            "   Assert.Equal() Failure: Values differ",
            "Expected: 12.35",
            "Actual:   12.34",
            "  Stack Trace:",
            "     at Shop.TaxTests.Rounds(String region) in /src/Shop.Tests/TaxTests.cs:line 31",
            "   at System.Reflection.MethodBaseInvoker.InvokeWithOneArg(Object obj)",
        ],
    ) + "Failed!  - Failed:     1, Passed:   150, Skipped:     0, Total:   151\n";
    let needed = [
        "Rounds(region: \"DE\")",
        "Expected: 12.35",
        "Actual:   12.34",
        "TaxTests.cs:line 31",
        "Passed:   150",
    ];
    check("log", &text, &needed, 25);
}

#[test]
fn vitest_and_mocha() {
    let text = among(
        120,
        |i| format!(" ✓ src/module{i}/index.test.ts  ({} tests) {}ms", i % 9 + 1, i % 70 + 3),
        &[
            "   ❯ src/pay/refund.test.ts > refund > rejects twice",
            "     → expected 2 to be 1 // Object.is equality",
            " FAIL  src/pay/refund.test.ts > refund > rejects twice",
            "AssertionError: expected 2 to be 1 // Object.is equality",
            " ❯ src/pay/refund.test.ts:43:19",
        ],
    ) + "      Tests  1 failed | 402 passed (403)\n";
    check(
        "log",
        &text,
        &["rejects twice", "expected 2 to be 1", "refund.test.ts:43:19", "1 failed | 402"],
        20,
    );
    let text = among(
        150,
        |i| format!("    ✔ handles case {i}"),
        &[
            "    1) rejects twice",
            "  150 passing (2s)",
            "  1 failing",
            "  1) refund",
            "       rejects twice:",
            "      AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:",
            "2 !== 1",
            "      at Context.<anonymous> (test/refund.js:43:14)",
        ],
    );
    check("log", &text, &["1) rejects twice", "2 !== 1", "test/refund.js:43:14", "1 failing"], 25);
}

#[test]
fn maven_and_surefire() {
    let text = among(
        160,
        |i| match i % 2 {
            0 => format!("[INFO] Running com.shop.Case{i}Test"),
            _ => "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s".to_owned(),
        },
        &[
            "[ERROR] com.shop.TaxTest.rounds -- Time elapsed: 0.004 s <<< FAILURE!",
            "org.opentest4j.AssertionFailedError: expected: <12.35> but was: <12.34>",
            "\tat org.junit.jupiter.api.AssertionFailureBuilder.build(AssertionFailureBuilder.java:151)",
            "\tat com.shop.TaxTest.rounds(TaxTest.java:31)",
            "[ERROR]   TaxTest.loads:39 » FileNotFound rates-2026.csv (No such file or directory)",
            "[ERROR] Tests run: 254, Failures: 1, Errors: 1, Skipped: 0",
            "[INFO] BUILD FAILURE",
        ],
    );
    let needed =
        ["<12.35> but was: <12.34>", "TaxTest.java:31", "rates-2026.csv", "Tests run: 254", "BUILD FAILURE"];
    check("log", &text, &needed, 15);
}

#[test]
fn json_lines_are_a_log() {
    let usual = |i: usize| {
        format!(
            "{{\"ts\":\"2026-03-04T09:{:02}:{:02}Z\",\"level\":\"info\",\"msg\":\"request\",\"path\":\"/items/{}\",\"status\":200}}",
            i / 60 % 60,
            i % 60,
            i * 31 % 997
        )
    };
    let text = among(
        300,
        usual,
        &[
            r#"{"ts":"2026-03-04T09:03:20Z","level":"error","msg":"deadlock detected","relation":"orders_2026"}"#,
            r#"{"ts":"2026-03-04T09:03:20Z","level":50,"err":{"message":"reading 'sum'","stack":"at cart.js:12:9"}}"#,
            r#"{"ts":"2026-03-04T09:03:21Z","level":"info","msg":"request","path":"/items/7","status":503}"#,
            r#"{"ts":"2026-03-04T09:03:22Z","level":"info","msg":"feature flag switched","flag":"new-tax"}"#,
        ],
    );
    let cx = kinds::json::Json;
    let json: &dyn kinds::Kind = &cx;
    assert_eq!(kinds::recognise(&text).unwrap().name(), json.name());
    for question in ["", "What went wrong?"] {
        let options = Options::default();
        let counter = crate::tokens::Counter::for_model("gpt-4o");
        let query = crate::score::Query::new(question, "");
        let source = kinds::Source::ToolOutput;
        let cx = kinds::Context { tokens: &counter, query: &query, options: &options, tool: None, source };
        let r = json.compress(&text, &cx).unwrap();
        for needle in ["orders_2026", "cart.js:12:9", "\"status\":503", "new-tax"] {
            assert!(r.text.contains(needle), "{needle}: {}", r.text);
        }
        assert!(r.text.len() * 8 < text.len(), "{}", r.text);
        assert_eq!(restored(&r, &text), text);
    }
}

#[test]
fn what_a_failed_go_test_printed_stays() {
    let event = |action: &str, test: usize, said: &str| {
        format!(
            r#"{{"Time":"2026-03-04T09:12:40Z","Action":"{action}","Package":"shop","Test":"Test{test:02}"{said}}}"#
        )
    };
    let mut lines = Vec::new();
    for test in 0..60 {
        lines.push(event("run", test, ""));
        lines.push(event(
            "output",
            test,
            &format!(r#","Output":"    cart_test.go:9: sum of cart {test} = 3\n""#),
        ));
        lines.push(event(if matches!(test, 17 | 41) { "fail" } else { "pass" }, test, r#","Elapsed":0"#));
    }
    let text = lines.join("\n") + "\n";
    let counter = crate::tokens::Counter::for_model("gpt-4o");
    let query = crate::score::Query::new("Why did this fail?", "");
    let options = Options::default();
    let source = kinds::Source::ToolOutput;
    let cx = kinds::Context { tokens: &counter, query: &query, options: &options, tool: None, source };
    let r = kinds::Kind::compress(&kinds::json::Json, &text, &cx).unwrap();
    for needle in ["sum of cart 17 = 3", "sum of cart 41 = 3", r#""fail","Package":"shop","Test":"Test41""#] {
        assert!(r.text.contains(needle), "{needle}: {}", r.text);
    }
    assert!(r.text.len() * 4 < text.len(), "{}", r.text);
}

#[test]
fn logs_of_systems() {
    let klog = among(
        200,
        |i| {
            format!(
                "I0304 09:{:02}:{:02}.000001       1 reconciler.go:224] \"Operation started\" volume=\"pvc-{i:08x}\"",
                i / 60,
                i % 60
            )
        },
        &[
            "E0304 09:02:13.120031       1 kubelet.go:2855] \"Network not ready\" reason=\"cni config uninitialized\"",
        ],
    );
    check("log", &klog, &["cni config uninitialized"], 12);
    let syslog = among(
        200,
        |i| {
            format!(
                "Mar  4 09:{:02}:{:02} web-3 systemd[1]: Started Session {i} of user deploy.",
                i / 60,
                i % 60
            )
        },
        &[
            "Mar  4 09:02:14 web-3 kernel: Out of memory: Killed process 8123 (java) total-vm:8123444kB",
            "Mar  4 09:02:15 web-3 systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL",
            "Mar  4 09:02:16 web-3 kernel: EXT4-fs (sdb1): mounted filesystem with ordered data mode",
        ],
    );
    check("log", &syslog, &["Killed process 8123", "status=9/KILL", "EXT4-fs (sdb1)"], 15);
    let access = among(
        300,
        |i| {
            format!(
                "10.0.0.{} - - [04/Mar/2026:09:{:02}:{:02} +0000] \"GET /items/{i} HTTP/1.1\" 200 {} \"-\" \"curl/8\"",
                i % 250,
                i / 60,
                i % 60,
                900 + i % 99
            )
        },
        &["10.0.3.9 - - [04/Mar/2026:09:03:20 +0000] \"POST /checkout HTTP/1.1\" 502 157 \"-\" \"curl/8\""],
    );
    check("log", &access, &["/checkout HTTP/1.1\" 502"], 12);
    let logcat = among(
        200,
        |i| {
            format!(
                "03-04 09:{:02}:{:02}.001  1702  2395 D WindowManager: printFreezingDisplayLogs: visible=true tr.{i}",
                i / 60,
                i % 60
            )
        },
        &[
            "03-04 09:02:14.000  2227  2227 E AndroidRuntime: FATAL EXCEPTION: main",
            "03-04 09:02:14.000  2227  2227 E AndroidRuntime: java.lang.IllegalStateException: cart is closed",
        ],
    );
    check("log", &logcat, &["FATAL EXCEPTION: main", "cart is closed"], 15);
}

#[test]
fn what_a_failure_names_is_followed() {
    let text = among(
        300,
        |i| match i % 50 {
            9 => format!(
                "2026-03-04 09:00:{:02} INFO store: received block blk_{} from 10.0.7.9",
                i % 60,
                70_000 + i
            ),
            _ => format!(
                "2026-03-04 09:00:{:02} INFO store: received block blk_{} from 10.0.1.{}",
                i % 60,
                70_000 + i,
                i % 40
            ),
        },
        &["2026-03-04 09:00:40 ERROR store: cannot serve blk_5 to 10.0.7.9: broken pipe"],
    );
    let followed = ["blk_70009", "blk_70059", "blk_70209"];
    check("log", &text, &followed, 25);
    let r = compressed(&text, "What happened to blk_70033?", Options::default()).unwrap();
    assert!(
        r.text.contains("blk_70033") && !r.text.contains("blk_70059"),
        "the question says what it is about"
    );
}

#[test]
fn downloads_say_nothing_of_the_question() {
    let text = among(
        80,
        |i| {
            format!(
                "  Downloading wheel{i}-2.{i}.8-cp39-manylinux_2_17_x86_64.whl ({} kB)",
                20 + i * i * i % 9000
            )
        },
        &["ERROR: No matching distribution found for shopcore==9.9"],
    );
    let question = "On linux x86_64 with wheel 2.8 the import of shop fails, cp39 too";
    let r = compressed(&text, question, Options::default()).unwrap();
    assert!(r.text.contains("shopcore==9.9"));
    assert!(r.text.lines().count() < 20, "{}", r.text);
}

#[test]
fn a_recursion_is_seen_once() {
    let mut text = String::from(
        "thread started\n==12==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x6020\n",
    );
    text.push_str(&"    #1 0x5641 in descend /src/tree.c:5\n".repeat(40));
    text.push_str("    #41 0x5642 in visit /src/tree.c:19\n    #42 0x5643 in walk /src/tree.c:31\n");
    (0..3).for_each(|i| text.push_str(&format!("    #4{} 0x7f0{i} in frame{i} /src/main.c:{i}\n", 3 + i)));
    text.push_str(
        "0x6020 is located 10 bytes after 16-byte region [0x6010,0x6020)\nSUMMARY: AddressSanitizer: x\n",
    );
    text.push_str(&"Shadow byte legend\n".repeat(20));
    let r = compressed(&text, "", Options::default()).unwrap();
    for needle in
        ["descend /src/tree.c:5", "visit /src/tree.c:19", "walk /src/tree.c:31", "is located 10 bytes"]
    {
        assert!(r.text.contains(needle), "{needle}: {}", r.text);
    }
    assert!(r.text.len() * 2 < text.len(), "{}", r.text);
}

#[test]
fn the_same_line_again_and_again_is_a_log() {
    let text = "waiting for db\n".repeat(90) + "db is up on 10.0.0.3:5432\n" + &"heartbeat\n".repeat(50);
    check("log", &text, &["10.0.0.3:5432"], 25);
}
