//! docs/operate/troubleshooting.md quotes the program as it speaks, and explains each warning and error of its log.

use std::fs;
use std::path::Path;

use crate::support::files::files_below;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const TROUBLESHOOTING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operate/troubleshooting.md"));

/// The parts of the page whose messages are the program's own.
const OWN: [&str; 3] =
    ["What boundtoken says when it refuses", "What `/readyz?verbose` says", "What the log says"];

#[test]
fn every_quoted_message_exists_in_the_program() {
    let said = lines_that_are_said();
    let mut quoted = 0;
    for title in OWN {
        let part = TROUBLESHOOTING.split(&format!("\n## {title}\n")).nth(1).unwrap();
        for message in part.split("\n## ").next().unwrap().lines().flat_map(messages) {
            let pieces: Vec<&str> = message.split('…').map(|piece| piece.trim_matches([' ', ':'])).collect();
            let says = |line: &String| {
                pieces.iter().try_fold(line.as_str(), |rest, piece| Some(rest.split_once(piece)?.1)).is_some()
            };
            assert!(said.iter().any(says), "nothing says {message:?}");
            quoted += 1;
        }
    }
    assert!(quoted > 35, "only {quoted} messages are quoted");
}

/// The quotes in a heading, or in the first cell of a row.
fn messages(line: &str) -> Vec<&str> {
    let quoting = match (line.strip_prefix("### "), line.strip_prefix("| ")) {
        (Some(heading), _) => heading,
        (None, Some(row)) => row.split(" | ").next().unwrap_or_default(),
        (None, None) => return Vec::new(),
    };
    let mark = if quoting.contains("``") { "``" } else { "`" };
    quoting.split(mark).skip(1).step_by(2).map(reason).collect()
}

/// Of a line of `/readyz?verbose` the reason: name and state are put around it.
fn reason(line: &str) -> &str {
    let check = line.strip_prefix("[-]").and_then(|check| check.split_once(" failed: "));
    let note = line.strip_prefix("[+]").and_then(|check| check.split_once(" ok ("));
    check.or(note).map_or(line, |(_, reason)| reason.trim_end_matches(')'))
}

/// Every line of the sources and of the recorded texts, each literal on one line.
fn lines_that_are_said() -> Vec<String> {
    let rooms = ["src", "tests/cluster/snapshots", "tests/cluster/texts/snapshots"];
    let files = rooms.iter().flat_map(|room| files_below(&Path::new(ROOT).join(room)));
    let mut lines = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut parts = text.split("\\\n");
        let first = parts.next().unwrap_or_default().to_owned();
        let joined = parts.fold(first, |joined, part| joined + part.trim_start());
        lines.extend(joined.lines().map(|line| line.replace("\\\"", "\"")));
    }
    lines
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let mut found = 0;
    for file in files_below(&Path::new(ROOT).join("src")) {
        let source = fs::read_to_string(&file).unwrap();
        for macro_name in ["tracing::warn!(", "tracing::error!("] {
            for rest in source.split(macro_name).skip(1) {
                let message = rest.split('"').nth(1).unwrap();
                let row = format!("\n| `{message}` |");
                assert!(TROUBLESHOOTING.contains(&row), "{}: {message:?} is not explained", file.display());
                found += 1;
            }
        }
    }
    assert!(found > 10, "only {found} messages found");
}
