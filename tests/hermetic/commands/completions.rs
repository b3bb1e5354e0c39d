//! Completions of shells, and the texts of `boundtoken explain`.

use std::process::Command;

use crate::commands::command_line::{output, run};

#[test]
fn a_code_without_its_zeroes_gets_a_hint() {
    for name in ["bt4", "BT04", "bt0004"] {
        let printed = run(&format!("explain {name}"), "");
        assert!(printed.err.ends_with("did you mean BT004?\n") && printed.code == 2, "{}", printed.err);
    }
}

#[test]
fn the_label_is_explained() {
    let printed = run("explain webhook", "");
    assert!(printed.out.contains("boundtoken.dev/webhook: \"enabled\""), "{}{}", printed.out, printed.err);
    assert_eq!(run("explain boundtoken.dev/webhook", "").out, printed.out);
    assert!(run("explain", "").out.contains("boundtoken.dev/webhook"));
    let slip = run("explain webhok", "");
    assert!(slip.err.ends_with("did you mean webhook?\n"), "{}", slip.err);
}

/// The candidates of bash for the last word.
fn bash(words: &[&str]) -> Vec<String> {
    let last = words.len() - 1;
    let script = format!(
        "source /dev/stdin; COMP_WORDS=({}); COMP_CWORD={last}; _boundtoken boundtoken '{}' '{}'; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words[last],
        words[last - 1]
    );
    let completed = output(Command::new("bash").args(["-c", &script]), &run("completions bash", "").out);
    completed.out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_values() {
    assert_eq!(bash(&["boundtoken", "explain", "BT00"]).first().map(String::as_str), Some("BT001"));
    assert_eq!(bash(&["boundtoken", "explain", "max"]), ["max-ttl"]);
    assert_eq!(bash(&["boundtoken", "explain", "webh"]), ["webhook"]);
    assert_eq!(bash(&["boundtoken", "preview", "-o", "ya"]), ["yaml"]);
    assert_eq!(bash(&["boundtoken", "preview", "-f", "sho"]), ["shop.yaml"]);
}

/// The response to kubectl for the words after `kubectl boundtoken`: candidates, then the directive.
fn kubectl(words: &[&str]) -> Vec<String> {
    let arguments = ["-s", "--"].iter().chain(words);
    let completed = output(Command::new("sh").args(arguments), &run("completions kubectl", "").out);
    assert_eq!((completed.err.as_str(), completed.code), ("", 0));
    completed.out.lines().map(str::to_owned).collect()
}

#[test]
fn kubectl_completes_values_and_files() {
    for words in [
        &["preview", "-f", ""] as &[&str],
        &["preview", "--filename", "sh"],
        &["certs", "--tls-dir", ""],
        &["serve", "--namespaces", ""],
    ] {
        assert_eq!(kubectl(words), [":0"], "{words:?}");
    }
    assert_eq!(
        kubectl(&["preview", "-o", ""]),
        ["diff", "findings", "github", "json", "junit", "patch", "sarif", "summary", "yaml", ":4"]
    );
    assert_eq!(kubectl(&["preview", "--color", ""]), ["always", "auto", "never", ":4"]);
    assert_eq!(kubectl(&["preview", "-n", ""]), [":4"]);
    assert_eq!(kubectl(&["completions", ""]).first().map(String::as_str), Some("bash"));
    for (words, candidate) in [
        (&[""] as &[&str], "preview"),
        (&["explain", ""], "BT004"),
        (&["explain", "m"], "max-ttl"),
        (&["preview", "-"], "--annotate"),
        (&["preview", "-R", ""], "--filename"),
        (&["preview", "-f", "a.yaml", "--"], "--output"),
    ] {
        let printed = kubectl(words);
        assert!(printed.iter().any(|line| line == candidate), "{words:?}: {printed:?}");
        assert_eq!(printed.last().map(String::as_str), Some(":4"));
    }
}

#[test]
fn help_speaks_in_one_voice() {
    for (command, first) in [("preview", "Show "), ("explain", "Explain "), ("completions", "Write ")] {
        assert!(run(&format!("{command} --help"), "").out.starts_with(first));
    }
}
