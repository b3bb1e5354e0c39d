//! Findings as `JUnit` XML: a test suite for each file, and a test case for each finding.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::{RunFindings, help, path};
use crate::commands::preview::report::{Level, ReportEntry};
use crate::printable::printable;

/// The suite of findings about objects that are not in the input.
const NO_FILE: &str = "not in the input";

/// The result of a test case.
#[derive(Clone, Copy, Eq, PartialEq)]
enum TestResult {
    Passed,
    Failed,
    Error,
}

/// The number of test cases with each result.
#[derive(Default)]
struct TestCounts {
    tests: usize,
    failures: usize,
    errors: usize,
}

impl TestCounts {
    fn of(results: impl Iterator<Item = TestResult>) -> Self {
        results.fold(Self::default(), |counts, result| Self {
            tests: counts.tests + 1,
            failures: counts.failures + usize::from(result == TestResult::Failed),
            errors: counts.errors + usize::from(result == TestResult::Error),
        })
    }

    fn attributes(&self) -> String {
        format!("tests=\"{}\" failures=\"{}\" errors=\"{}\"", self.tests, self.failures, self.errors)
    }
}

/// Writes a test suite for each file. A file without findings has one test case, which passes: systems that
/// read `JUnit` show a suite without test cases as not run.
pub(super) fn write(run: &RunFindings<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: HashMap<&str, Vec<&ReportEntry>> = HashMap::new();
    for entry in run.report.entries() {
        let file = entry.place.location.as_ref().map_or(NO_FILE, |location| &*location.file);
        suites.entry(file).or_default().push(entry);
    }
    let mut files: Vec<&str> = run.files.iter().map(|file| &**file).collect();
    files.extend(Some(NO_FILE).filter(|file| suites.contains_key(file)));
    let clean = files.iter().filter(|file| !suites.contains_key(*file)).map(|_| TestResult::Passed);
    let results = suites.values().flatten().map(|entry| result(run, entry));
    let counts = TestCounts::of(results.chain(clean));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"boundtoken preview\" {}>", counts.attributes())?;
    for file in files {
        write_suite(run, file, suites.get(file).map_or(&[], Vec::as_slice), out)?;
    }
    writeln!(out, "</testsuites>")
}

fn write_suite(
    run: &RunFindings<'_>,
    file: &str,
    entries: &[&ReportEntry],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (name, file) = (attribute(path(file)), file_attribute(file));
    if entries.is_empty() {
        let counts = TestCounts::of([TestResult::Passed].into_iter());
        writeln!(out, "<testsuite name=\"{name}\"{file} {} skipped=\"0\">", counts.attributes())?;
        writeln!(out, "<testcase name=\"no findings\" classname=\"{name}\" time=\"0\"/>")?;
    } else {
        let counts = TestCounts::of(entries.iter().map(|entry| result(run, entry)));
        writeln!(out, "<testsuite name=\"{name}\"{file} {} skipped=\"0\">", counts.attributes())?;
        for entry in entries {
            out.write_all(case(entry, result(run, entry), &name).as_bytes())?;
        }
    }
    writeln!(out, "</testsuite>")
}

/// The attribute of a suite for its file. Test cases have no such attribute, since the schema of Jenkins allows none.
fn file_attribute(file: &str) -> String {
    if file == NO_FILE { String::new() } else { format!(" file=\"{}\"", attribute(path(file))) }
}

fn result(run: &RunFindings<'_>, entry: &ReportEntry) -> TestResult {
    match entry.level {
        Level::Error => TestResult::Error,
        level if run.fail_on.fails(level) => TestResult::Failed,
        _ => TestResult::Passed,
    }
}

/// A test case. If the finding does not fail, the test case passes, with the finding as its output.
fn case(entry: &ReportEntry, result: TestResult, suite: &str) -> String {
    let name = format!("{}: {} {}", entry.place.object, entry.code, entry.code.diagnostic().title);
    let mut text = format!("<testcase name=\"{}\" classname=\"{suite}\" time=\"0\"", attribute(&name));
    let mut body = String::new();
    // Writing to a String cannot fail.
    if let Some(location) = &entry.place.location {
        let file = content(path(&location.file));
        let _ = write!(body, "{file}:{}:{}: ", location.line, location.column);
    }
    let _ = write!(body, "{}: {}\n{}", entry.level.word(), content(&entry.text), content(&help(entry.code)));
    let (open, close) = match result {
        TestResult::Passed => ("<system-out>".to_owned(), "</system-out>"),
        TestResult::Failed => (problem("failure", entry), "</failure>"),
        TestResult::Error => (problem("error", entry), "</error>"),
    };
    let _ = writeln!(text, ">\n{open}{body}{close}\n</testcase>");
    text
}

fn problem(element: &str, entry: &ReportEntry) -> String {
    format!("<{element} type=\"{}\" message=\"{}\">", entry.code, attribute(&entry.text))
}

/// Escapes the value of an attribute. A tab would otherwise be read as a space.
fn attribute(text: &str) -> String {
    content(text).replace('\t', "&#9;")
}

/// Escapes a text for XML 1.0, which has no control characters, not even as references: they are shown as in
/// the other outputs.
fn content(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
