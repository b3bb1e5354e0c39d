//! The findings of `boundtoken preview`: their codes, and the formats for other programs.

mod codes;
mod github;
mod json;
mod junit;
mod places;
mod runners;
mod sarif;
mod xsd;

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::commands::command_line::{Output, output, run};

/// The characters that some format gives a meaning, some that none may pass on, and a line of their own that
/// looks like a workflow command.
const HOSTILE: &str =
    "a%0A,:<&>\"'\t\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{fffe}]]>\n::error file=x::y\r##[add-mask]z";

/// A directory with one file, whose name, object name, key and value have [`HOSTILE`] characters.
fn hostile_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (text, key) = (quoted(HOSTILE), quoted(&hostile_key()));
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {text}\n  namespace: {text}\n  annotations:\n    \
         {key}: a\n    boundtoken.dev/mode: {text}\nspec: {{containers: [{{name: {text}}}]}}\n"
    );
    fs::write(directory.path().join(hostile_file()), pod).unwrap();
    directory
}

/// A text as a YAML string of printable characters.
fn quoted(text: &str) -> String {
    let is_plain = |character: &char| character.is_ascii_graphic() && !"\"\\".contains(*character);
    let escaped = text.chars().map(|character| match character {
        character if is_plain(&character) => character.to_string(),
        character => format!("\\u{:04x}", u32::from(character)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// The name of the file.
fn hostile_file() -> String {
    format!("{HOSTILE}.yaml")
}

/// The key of an annotation.
fn hostile_key() -> String {
    format!("boundtoken.dev/{HOSTILE}")
}

/// The findings in the hostile directory, which is the working directory.
fn hostile(format: &str) -> Output {
    let directory = hostile_directory();
    let mut command = Command::new("sh");
    let script = r#"cd "$0" && exec "$1" preview -f . -o "$2""#;
    command.args(["-c", script]).arg(directory.path()).args([env!("CARGO_BIN_EXE_boundtoken"), format]);
    let printed = output(command.env_clear().env("PATH", "/usr/bin:/bin"), "");
    assert_eq!(printed.code, 1, "{}", printed.err);
    printed
}

/// The findings as JSON.
fn findings(words: &str, stdin: &str) -> Vec<Value> {
    let printed = run(&format!("preview -o findings {words}"), stdin);
    let mut document: Value = serde_json::from_str(&printed.out).unwrap();
    serde_json::from_value(document["findings"].take()).unwrap()
}
