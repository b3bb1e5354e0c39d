//! Tests that need a program which is not installed.

use std::io::{self, Write};

/// Reports on stderr that tests are left out, because they need this program. With `CI=true` that is a failure.
pub(crate) fn left_out(tests: &str, program: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{tests} need {program}");
    let report = format!("left out: {tests}, which need {program}\n");
    // The test harness shows what a test prints with a macro only if the test fails.
    io::stderr().write_all(report.as_bytes()).unwrap();
}
