//! `-o github`: workflow commands, read back by the rules of the runner of GitHub Actions.

use std::collections::BTreeMap;

use boundtoken::policy::diagnostics::Code;

use super::{HOSTILE, hostile};
use crate::commands::command_line::run;

/// A workflow command as the runner reads it.
#[derive(Debug)]
struct WorkflowCommand {
    name: String,
    properties: BTreeMap<String, String>,
    data: String,
}

/// Reads a line as the runner does: a command begins with `::`, and ends at the next `::`; each property is
/// `KEY=VALUE`.
fn read(line: &str) -> WorkflowCommand {
    let (head, data) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = properties.split(',').map(|property| {
        let (key, value) = property.split_once('=').unwrap();
        (key.to_owned(), unescaped(&value.replace("%3A", ":").replace("%2C", ",")))
    });
    WorkflowCommand { name: name.to_owned(), properties: properties.collect(), data: unescaped(data) }
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

#[test]
fn each_finding_is_an_annotation() {
    let printed = run("preview -o github -f mistakes.yaml -n shop", "");
    let commands: Vec<WorkflowCommand> = printed.out.lines().map(read).collect();
    let names: Vec<&str> = commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["notice", "error", "error", "warning"]);
    let mode = &commands[1];
    let properties = ["file", "line", "col", "title"].map(|key| mode.properties[key].as_str());
    assert_eq!(properties, ["mistakes.yaml", "9", "30", "BT001: unknown mode"]);
    assert!(
        mode.data.starts_with("StatefulSet shop/db: boundtoken.dev/mode: \"replce\" on the Pod"),
        "{mode:?}"
    );
    let help = Code::Mode.help_url().unwrap_or_else(|| "boundtoken explain BT001".to_owned());
    assert!(mode.data.ends_with(&format!("\n{help}")), "{mode:?}");
    assert!(!commands[0].properties.contains_key("file"), "{commands:?}");
    assert_eq!(printed.err, "Pods: 1 would be refused\n");
}

#[test]
fn hostile_text_starts_no_command() {
    let printed = hostile("github");
    let commands: Vec<WorkflowCommand> = printed.out.lines().map(read).collect();
    assert_eq!(commands.len(), 3, "{}", printed.out);
    assert!(!printed.out.contains(|character: char| character.is_control() && !"\t\n".contains(character)));
    assert_eq!(printed.err, "Pods: 1 would be refused\n");
    let mode = commands.iter().find(|command| command.properties["title"].starts_with("BT001")).unwrap();
    assert_eq!(mode.properties.keys().collect::<Vec<_>>(), ["col", "file", "line", "title"]);
    let start = HOSTILE.split('\u{1b}').next().unwrap();
    assert!(mode.properties["file"].starts_with(start), "{mode:?}");
    assert!(mode.data.starts_with(&format!("Pod {start}")), "{mode:?}");
    assert_eq!(mode.data.lines().count(), 2, "{mode:?}");
}
