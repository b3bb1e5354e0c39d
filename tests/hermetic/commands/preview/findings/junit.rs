//! `-o junit`: XML that follows the schema of Jenkins in `junit-10.xsd`, and that a reader of test reports understands.
//!
//! The schema is that of the xUnit plugin, which refuses reports that do not follow it:
//! <https://github.com/jenkinsci/xunit-plugin>, `types/model/xsd/junit-10.xsd`.

use junit_parser::{TestCase, TestStatus, TestSuites};

use super::hostile;
use super::xsd::violations;
use crate::commands::command_line::run;

const SCHEMA: &str = include_str!("junit-10.xsd");

/// The report, which must be valid.
fn report(printed: &str) -> TestSuites {
    assert_eq!(violations(printed, SCHEMA), [""; 0], "{printed}");
    let report = junit_parser::from_reader(printed.as_bytes()).unwrap();
    let cases = |failed: fn(&TestCase) -> bool| {
        report.suites.iter().flat_map(|suite| &suite.cases).filter(|case| failed(case)).count() as u64
    };
    let counted =
        [cases(|_| true), cases(|case| case.status.is_failure()), cases(|case| case.status.is_error())];
    assert_eq!([report.tests, report.failures, report.errors], counted);
    for suite in &report.suites {
        assert_eq!(suite.tests, suite.cases.len() as u64, "{}", suite.name);
    }
    report
}

#[test]
fn each_finding_is_a_test_case_of_its_file() {
    let report = report(&run("preview -o junit -f mistakes.yaml -n shop", "").out);
    let names: Vec<&str> = report.suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(names, ["mistakes.yaml", "not in the input"]);
    let cases = &report.suites[0].cases;
    let mode = cases.iter().find(|case| case.original_name.contains("BT001")).unwrap();
    assert_eq!(mode.original_name, "StatefulSet shop/db: BT001 unknown mode");
    assert_eq!(report.suites[0].file.as_deref(), Some("mistakes.yaml"));
    let failure = mode.status.failure_as_ref();
    assert!(failure.text.starts_with("mistakes.yaml:9:30: refused: "), "{failure:?}");
    assert_eq!(failure.failure_type, "BT001");
    assert!(failure.message.starts_with("boundtoken.dev/mode: \"replce\" on the Pod must be"), "{failure:?}");
    let note = &report.suites[1].cases[0];
    assert!(note.status.is_success() && note.system_out.as_ref().unwrap().contains("note: "), "{note:?}");
}

#[test]
fn the_schema_finds_mistakes() {
    let printed = run("preview -o junit -f mistakes.yaml", "").out;
    for (valid, invalid) in [
        ("<testcase name=", "<testcase file=\"a\" name="),
        (" failures=", " failed="),
        ("failure", "fault"),
        ("<testsuite ", "<testsuite time=\"soon\" "),
        ("<testcase ", "text<testcase "),
        ("</testsuites>", "<testcase name=\"a\"/></testsuites>"),
    ] {
        assert!(!violations(&printed.replace(valid, invalid), SCHEMA).is_empty(), "{invalid}");
    }
}

#[test]
fn a_file_without_findings_passes() {
    let report = report(&run("preview -o junit -f frugal.yaml -f mistakes.yaml -f frugal.yaml", "").out);
    let [frugal, mistakes, ..] = &report.suites[..] else { panic!("{report:?}") };
    assert_eq!((frugal.name.as_str(), frugal.tests, frugal.failures), ("frugal.yaml", 1, 0));
    assert_eq!((mistakes.name.as_str(), mistakes.failures), ("mistakes.yaml", 3));
}

#[test]
fn a_finding_that_does_not_fail_passes() {
    for (flags, failures) in [("", 3), ("--fail-on refused", 2), ("--fail-on never", 0)] {
        let report = report(&run(&format!("preview -o junit -f mistakes.yaml {flags}"), "").out);
        assert_eq!((report.failures, report.tests), (failures, 4), "{flags}");
    }
}

#[test]
fn an_object_that_cannot_be_previewed_is_an_error() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n";
    let report = report(&run("preview -o junit --fail-on never -f -", pod).out);
    assert_eq!((report.errors, report.failures), (1, 0));
    let TestStatus::Error(error) = &report.suites[0].cases[0].status else { panic!("{report:?}") };
    assert_eq!(error.error_type, "BT071");
}

#[test]
fn hostile_text_is_escaped() {
    let printed = hostile("junit").out;
    let allowed = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    assert!(printed.chars().all(allowed), "{printed:?}");
    let report = report(&printed);
    let mode = report.suites[0].cases.iter().find(|case| case.original_name.contains("BT001")).unwrap();
    for text in [&mode.original_name, report.suites[0].file.as_ref().unwrap()] {
        assert!(text.contains("a%0A,:<&>\"'\t\\u{1b}[31m"), "{text:?}");
    }
    let message = &mode.status.failure_as_ref().message;
    assert!(message.contains(r#""a%0A,:<&>\"'"#), "{message:?}");
}
