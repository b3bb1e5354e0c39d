//! `--help`, `explain` and `version`, as a user of the program and of the kubectl plugin sees them.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::commands::command_line::{Output, output, run};

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
    let start = run("explain allowed", "");
    assert!(start.err.ends_with("did you mean allowed-audiences?\n"), "{}", start.err);
}

#[test]
fn an_invalid_value_gives_exit_code_1() {
    let printed = run("explain ttl=5m", "");
    assert_eq!((printed.code, printed.err.as_str()), (1, ""));
    assert!(printed.out.contains("did you mean \"10m\"? (BT004)"), "{}", printed.out);
    assert_eq!(run("explain boundtoken.dev/mode=add", "").code, 0);
}

#[test]
fn help_speaks_in_one_voice() {
    let help = run("--help", "").out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let abouts: Vec<&str> = commands.lines().filter(|line| !line.starts_with("    ")).collect();
    assert!(abouts.len() >= 7, "{help}");
    for line in abouts {
        let verb = line.split_whitespace().nth(1).unwrap();
        assert!(!verb.ends_with('s') && verb.starts_with(char::is_uppercase), "{line}");
    }
}

#[test]
fn each_help_has_examples() {
    for command in ["audit", "certs", "check", "completions", "explain", "preview", "serve", "version"] {
        for flag in ["-h", "--help"] {
            let help = run(&format!("{command} {flag}"), "").out;
            let examples = help.split("\nExamples:\n").nth(1);
            assert!(examples.is_some_and(|text| text.contains("boundtoken ")), "{help}");
        }
    }
}

#[test]
fn only_the_long_help_names_environment_variables() {
    for command in ["", "audit", "certs", "check", "preview", "serve"] {
        let help = |flag: &str| run(&format!("{command} {flag}"), "").out;
        assert!(!help("-h").contains("[env: "), "{}", help("-h"));
        assert!(help("--help").contains("[env: BOUNDTOKEN_"), "{}", help("--help"));
    }
}

/// Runs the program as kubectl runs a plugin.
fn plugin(words: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("kubectl-boundtoken");
    symlink(env!("CARGO_BIN_EXE_boundtoken"), &program).unwrap();
    output(Command::new(program).args(words.split(' ')).env_clear(), "")
}

#[test]
fn a_plugin_names_the_command_that_was_typed() {
    for words in [
        "explain zebra",
        "explain BT050",
        "explain BT075",
        "preview -f shop.yaml --annotate boundtoken.dev/zebra=a",
        "preview -f http://a.example/b.yaml",
        "preview --help",
        "completions --help",
    ] {
        let Output { out, err, .. } = plugin(words);
        let text = format!("{out}{err}");
        assert!(!text.contains("\n  boundtoken "), "{words}: {text}");
        // Wrapped at the width of the terminal.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("kubectl boundtoken "), "{words}: {text}");
        for plain in ["`boundtoken ", "| boundtoken ", "(boundtoken "] {
            assert!(!text.contains(plain), "{words}: {text}");
        }
    }
}

#[test]
fn flags_of_kubectl_may_precede_the_command() {
    for words in ["-n blog preview -f list.yaml -o patch", "--namespace=blog preview -f list.yaml -o patch"] {
        let printed = plugin(words);
        let expected = plugin("preview -n blog -f list.yaml -o patch");
        assert_eq!((&printed.out, &printed.err), (&expected.out, &expected.err), "{words}");
        assert!(printed.err.contains("namespace blog"), "{}", printed.err);
    }
    let printed = plugin("-n blog version");
    assert!(
        printed.err.starts_with("error: unexpected argument '-n'") && printed.code == 2,
        "{}",
        printed.err
    );
}

#[test]
fn the_version_names_the_commit() {
    let version = run("version", "");
    assert_eq!(version.code, 0);
    let start = concat!("boundtoken ", env!("CARGO_PKG_VERSION"), " (commit ");
    assert!(version.out.starts_with(start) && version.out.ends_with(")\n"), "{}", version.out);
    assert_eq!(run("--version", "").out, version.out);
}
