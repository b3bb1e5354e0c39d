//! Completions: the values that shells and kubectl offer.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::commands::command_line::{output, run};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncontexts:\n- {name: east, context: {cluster: a, user: a}}\n- {name: \
     west, context: {cluster: a, user: a}}\n";

/// A directory with the program under both of its names.
fn programs() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["boundtoken", "kubectl-boundtoken"] {
        symlink(env!("CARGO_BIN_EXE_boundtoken"), directory.path().join(name)).unwrap();
    }
    directory
}

fn path_with(programs: &Path) -> String {
    format!("{}:/usr/bin:/bin", programs.display())
}

/// The words of a line as bash has them in `COMP_WORDS`: it splits at white space, and before and after `=`, `:` and `@`.
fn split_words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let mut part = String::new();
        for char in word.chars() {
            let is_break = "=:@".contains(char);
            if !part.is_empty() && (is_break || part.starts_with(['=', ':', '@'])) {
                words.push(std::mem::take(&mut part));
            }
            part.push(char);
        }
        words.push(part);
    }
    words
}

/// What bash inserts for the last word of a line.
fn bash(line: &str) -> Vec<String> {
    bash_with(line, &[])
}

fn bash_with(line: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let words = split_words(line);
    let last = words.len() - 1;
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    // Of a word that is only a `=`, nothing is replaced.
    let current = words[last].trim_start_matches(['=', ':', '@']);
    let script = format!(
        "source <(boundtoken completions bash); COMP_WORDS=({}); COMP_CWORD={last}; COMP_TYPE=9; \
         _boundtoken boundtoken '{current}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words[last - 1]
    );
    let programs = programs();
    let mut command = Command::new("bash");
    command.args(["-c", &script]).env_clear().env("PATH", path_with(programs.path()));
    let completed = output(command.envs(environment.iter().copied()), "");
    assert_eq!(completed.err, "", "{line}");
    completed.out.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_values() {
    assert_eq!(bash("boundtoken explain BT00").first().map(String::as_str), Some("BT001"));
    assert_eq!(bash("boundtoken explain max"), ["max-ttl"]);
    assert_eq!(bash("boundtoken explain webh"), ["webhook"]);
    assert_eq!(bash("boundtoken preview -o ya"), ["yaml"]);
    assert_eq!(bash("boundtoken preview -f sho"), ["shop.yaml"]);
    assert_eq!(bash("boundtoken preview --default-mode d"), ["disable"]);
    assert_eq!(bash("boundtoken preview --annotate boundtoken.dev/mo"), ["boundtoken.dev/mode="]);
}

#[test]
fn bash_completes_values_after_an_equals_sign() {
    for (line, expected) in [
        ("boundtoken preview --output=ya", vec!["yaml"]),
        ("boundtoken preview --annotate boundtoken.dev/mode=d", vec!["disable"]),
        ("boundtoken preview --annotate=boundtoken.dev/mode=d", vec!["disable"]),
        ("boundtoken preview --annotate boundtoken.dev/mode=", vec!["replace", "disable", "add", "off"]),
        (
            "boundtoken preview --annotate boundtoken.dev/mode=off --label boundtoken.dev/webhook=",
            vec!["enabled"],
        ),
        ("boundtoken preview --annotate boundtoken.dev/ttl=2h -o ya", vec!["yaml"]),
    ] {
        assert_eq!(bash(line), expected, "{line}");
    }
    let flags = bash("boundtoken preview --annotate boundtoken.dev/mode=off --");
    assert!(flags.iter().any(|flag| flag == "--output"), "{flags:?}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    fs::write(&file, KUBECONFIG.replace("east", "arn:aws:eks:east").replace("west", "admin@west")).unwrap();
    let environment = [("KUBECONFIG", file.to_str().unwrap())];
    assert_eq!(bash_with("boundtoken serve --context arn:aws:e", &environment), ["eks:east"]);
    assert_eq!(bash_with("boundtoken serve --context admin@w", &environment), ["west"]);
}

/// The script runs in zsh where that is installed.
#[test]
fn zsh_adds_no_space_after_a_key() {
    let script = run("completions zsh", "").out;
    assert!(script.starts_with("#compdef boundtoken\n"), "{script}");
    let function = script.split("compdef _boundtoken").next().unwrap();
    let call = "CURRENT=4; words=(boundtoken preview --annotate boundtoken.dev/mo); \
        _describe() { print -r -- ${(P)3} ${@:4}; }; _boundtoken";
    let programs = programs();
    let mut command = Command::new("zsh");
    command.args(["-fc", &format!("{function}\n{call}")]).env_clear().env("PATH", path_with(programs.path()));
    if Command::new("zsh").args(["-fc", "true"]).status().is_err() {
        return;
    }
    let printed = output(&mut command, "");
    let first = printed.out.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("boundtoken.dev/mode=:") && first.ends_with(" -S"),
        "{}{}",
        printed.out,
        printed.err
    );
}

/// The response to kubectl for the words after `kubectl boundtoken`: candidates, then the directive.
fn kubectl(words: &[&str]) -> Vec<String> {
    kubectl_with(words, &[])
}

fn kubectl_with(words: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
    let programs = programs();
    let script = programs.path().join("kubectl_complete-boundtoken");
    fs::write(&script, run("completions kubectl", "").out).unwrap();
    let mut command = Command::new("sh");
    command.arg(script).args(words).env_clear().env("PATH", path_with(programs.path()));
    let completed = output(command.envs(environment.iter().copied()), "");
    assert_eq!((completed.err.as_str(), completed.code), ("", 0), "{words:?}");
    completed.out.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn kubectl_completes_values_and_files() {
    assert_eq!(kubectl(&["preview", "--filename", "sho"]), ["shop.yaml", ":4"]);
    assert_eq!(kubectl(&["preview", "-f", "dir"]), ["directory/", ":6"]);
    assert_eq!(kubectl(&["serve", "--namespaces", "sho"]), ["shop.yaml", ":4"]);
    assert_eq!(kubectl(&["preview", "--color", "a"]), ["always", "auto", ":4"]);
    assert_eq!(kubectl(&["completions", ""]).first().map(String::as_str), Some("bash"));
    assert_eq!(kubectl(&["serve", "--default-mode", ""]), ["replace", "disable", "add", "off", ":4"]);
    assert_eq!(kubectl(&["serve", "--log-level", "w"]), ["warn", ":4"]);
    assert_eq!(
        kubectl(&["preview", "--annotate", "boundtoken.dev/mode=d"]),
        ["boundtoken.dev/mode=disable", ":4"]
    );
    assert_eq!(kubectl(&["preview", "--annotate", "boundtoken.dev/max"]), ["boundtoken.dev/max-ttl=", ":6"]);
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
    }
}

#[test]
fn flags_for_tests_are_not_offered() {
    let offered = kubectl(&["serve", "--"]);
    assert!(offered.iter().any(|flag| flag == "--listen"), "{offered:?}");
    for hidden in ["--authority-life", "--serving-life", "--dwell", "--tick"] {
        assert!(!offered.iter().any(|flag| flag == hidden), "{hidden}");
    }
}

#[test]
fn contexts_are_those_of_the_kubeconfig() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    fs::write(&file, KUBECONFIG).unwrap();
    let environment = [("KUBECONFIG", file.to_str().unwrap())];
    assert_eq!(kubectl_with(&["serve", "--context", ""], &environment), ["east", "west", ":4"]);
    assert_eq!(kubectl_with(&["serve", "--context", ""], &[("KUBECONFIG", "/none")]), [":4"]);
}

/// An API server that answers one request with this body.
fn answering(body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).unwrap() > 0 && head.starts_with(b"GET /api/v1/namespaces?"));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    address
}

#[test]
fn namespaces_are_those_of_the_current_context() {
    let server = answering(
        r#"{"apiVersion": "v1", "kind": "NamespaceList", "metadata": {},
        "items": [{"metadata": {"name": "default"}}, {"metadata": {"name": "shop"}}]}"#,
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let cluster = format!(
        "current-context: east\nclusters: [{{name: a, cluster: {{server: 'http://{server}'}}}}]\n\
         users: [{{name: a, user: {{}}}}]\n"
    );
    fs::write(&file, format!("{KUBECONFIG}{cluster}")).unwrap();
    let environment = [("KUBECONFIG", file.to_str().unwrap())];
    assert_eq!(kubectl_with(&["preview", "-n", "s"], &environment), ["shop", ":4"]);
}

#[test]
fn without_a_cluster_no_namespace_is_offered() {
    assert_eq!(kubectl_with(&["preview", "-n", ""], &[("KUBECONFIG", "/none")]), [":4"]);
}

#[test]
fn each_shell_has_its_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh", "kubectl"] {
        let printed = run(&format!("completions {shell}"), "");
        assert_eq!(printed.code, 0, "{}", printed.err);
        assert!(printed.out.contains("BOUNDTOKEN_COMPLETE"), "{}", printed.out);
    }
    assert_eq!(run("completions tcsh", "").code, 2);
}
