//! Values that runners of pipelines would take for commands, in a job that prints the output of `preview`.

use std::fs;
use std::process::Command;

use crate::commands::command_line::output;

/// Texts that are commands at the start of a line, or anywhere in one.
const COMMANDS: [&str; 4] =
    ["::error file=a::b", "::stop-commands::c", "a ##[add-mask]d", "##vso[task.complete result=Succeeded]"];

/// A command of GitHub Actions or Azure Pipelines in a line, by the rules of their runners: `TryParseV2` and `TryParse`
/// in `src/Runner.Common/ActionCommand.cs` of actions/runner, and `TryParse` in
/// `src/Microsoft.VisualStudio.Services.Agent/Command.cs` of the agent of Azure Pipelines.
fn is_command(line: &str) -> bool {
    let is_workflow_command = line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
    let holds = |start: &str| line.split_once(start).is_some_and(|(_, rest)| rest.contains(']'));
    is_workflow_command || holds("##[") || holds("##vso[")
}

/// A Pod that has a command in each place where its author may write one.
fn pod(command: &str) -> String {
    let text = format!("'{command}'");
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {text}\n  namespace: {text}\n  labels: {{boundtoken.dev/x: {text}}}\n  \
         annotations:\n    boundtoken.dev/ttl: 2h\n    boundtoken.dev/containers: a\n    {text}: a\n    \
         boundtoken.dev/env: X\n    'boundtoken.dev/{command}': b\nspec:\n  containers:\n  - name: a\n    \
         env: [{{name: X, value: {text}}}]\n    args:\n    - {text}\n    - |\n      {command}\n      {command}\n"
    )
}

/// The lines of a preview in a directory with one file, whose name is a command as well.
fn lines(command: &str, manifest: &str, words: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("{}.yaml", command.replace('/', "_"));
    fs::write(directory.path().join(&file), manifest).unwrap();
    let script = r#"cd "$0" && file="$1" && shift && exec "$@" -f "$file""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(directory.path()).arg(file).arg(env!("CARGO_BIN_EXE_boundtoken"));
    let printed = output(shell.args(words.split(' ')).env_clear().env("PATH", "/usr/bin:/bin"), "");
    let lines: Vec<String> =
        [printed.out, printed.err].iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    assert!(lines.iter().any(|line| line.contains("BT0") || line.contains("expirationSeconds")), "{lines:?}");
    lines
}

#[test]
fn values_are_no_commands_of_runners() {
    for command in COMMANDS {
        assert!(is_command(command), "{command}");
        for format in ["diff --explain", "patch --explain", "json", "findings", "sarif", "junit"] {
            let words = format!("preview --fail-on never -o {format}");
            let refused = pod(command).replace("ttl: 2h", &format!("ttl: '{command}'"));
            for manifest in [&pod(command), &refused] {
                let lines = lines(command, manifest, &words);
                let commands: Vec<_> = lines.iter().filter(|line| is_command(line)).collect();
                assert!(commands.is_empty(), "{format}: {commands:?}");
            }
        }
    }
}

#[test]
fn workflow_commands_have_no_second_one_in_them() {
    for command in COMMANDS {
        for line in lines(command, &pod(command), "preview --fail-on never -o github") {
            let ours = ["::error file=", "::warning file=", "::notice title=", "::notice file=", "Pods: "];
            assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
            assert!(!is_command(line.trim_start_matches(':')), "{line}");
        }
    }
}
