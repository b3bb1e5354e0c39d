//! The output of `kubectl`, and checks of every message of ours in it.

use std::collections::BTreeSet;
use std::fmt;

use crate::support::control_plane::ControlPlane;

/// The maximum length of a warning that the API recommends, in characters.
const LONGEST_WARNING: usize = 120;

/// The output of a command.
pub(crate) struct Printed {
    command: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

/// Runs `kubectl` with these arguments.
pub(crate) fn kubectl(plane: &ControlPlane, arguments: &str, stdin: &str) -> Printed {
    let output = plane.kubectl(&arguments.split(' ').collect::<Vec<_>>(), stdin);
    Printed {
        command: format!("kubectl {arguments}"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "$ {}", self.command)?;
        formatter.write_str(&self.stdout)?;
        if !self.stderr.is_empty() {
            write!(formatter, "── stderr\n{}", self.stderr)?;
        }
        writeln!(formatter, "── exit code {}", self.code)
    }
}

impl Printed {
    /// Asserts that every message is readable and that none is repeated.
    pub(crate) fn assert_readable(&self) {
        assert!(!self.stderr.chars().any(|character| character.is_control() && character != '\n'), "{self}");
        let mut seen = BTreeSet::new();
        for line in self.stderr.lines() {
            assert!(seen.insert(line), "twice the same line: {self}");
            assert!(line.matches(".boundtoken.dev\"").count() <= 1, "the webhook's name again: {self}");
            match line.strip_prefix("Warning: ") {
                Some(warning) => assert!(warning.chars().count() <= LONGEST_WARNING, "too long: {line}"),
                None => sentences(line).for_each(|sentence| assert_stands_alone(sentence, line)),
            }
            for sentence in sentences(line) {
                assert!(seen.insert(sentence) || sentence == line, "twice the same text: {self}");
                assert_eq!(sentence.matches("(BT").count(), 1, "one code: {sentence:?} in {self}");
                assert!(sentence.ends_with(')'), "the code is the end: {sentence:?} in {self}");
            }
        }
    }

    /// The codes in the order of the messages.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let after = self.stderr.split("(BT").skip(1);
        after.filter_map(|rest| rest.split_once(')')).map(|(number, _)| number).collect()
    }
}

/// Our messages in a line, without the text that `kubectl` and the API server add.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let introductions = [" denied the request: ", " is invalid: ", "Warning: ", "* "];
    let rest = introductions.into_iter().find_map(|words| Some(line.split_once(words)?.1));
    let heads_a_list = line.ends_with("is invalid: ") || line.starts_with("error: ");
    rest.unwrap_or(line).split(" | ").filter(move |_| !heads_a_list)
}

/// Asserts that a message contains the field, the object and the problem.
fn assert_stands_alone(sentence: &str, line: &str) {
    let place = sentence.split(": ").next().unwrap();
    let key = place.trim_start_matches("metadata.annotations[").trim_end_matches(']');
    assert!(key.starts_with("boundtoken.dev/") || key == "spec.volumes", "no place: {line:?}");
    assert_eq!(sentence.matches(key).count(), 1, "twice the same place: {line:?}");
    assert!(sentence.contains("the Pod") || sentence.contains("Namespace "), "no object: {line:?}");
}
