//! The environment variables of flags.

use std::collections::BTreeSet;

use crate::commands::command_line::{run, run_with};

/// The variables that the help of the commands names.
fn variables() -> BTreeSet<String> {
    let commands = ["", "audit", "certs", "completions", "explain", "preview", "serve", "version"];
    let helps = commands.map(|command| run(&format!("{command} --help"), "").out);
    let names = helps.iter().flat_map(|help| help.split("[env: ").skip(1));
    names.filter_map(|rest| rest.split(']').next()).map(str::to_owned).collect()
}

/// kubectl and client-go take an empty variable for one that is not set.
#[test]
fn an_empty_variable_is_not_set() {
    let variables = variables();
    assert!(variables.len() > 40 && variables.contains("BOUNDTOKEN_LOG_LEVEL"), "{variables:?}");
    let empty: Vec<(&str, &str)> = variables.iter().map(|name| (name.as_str(), "")).collect();
    for words in [
        "preview -f shop.yaml --explain",
        "explain ttl",
        "version",
        "certs --tls-dir /dev/null",
        "audit --from missing.json",
        "serve --namespaces missing.yaml",
        "serve --kubeconfig missing",
    ] {
        let (expected, printed) = (run(words, ""), run_with(&empty, words, ""));
        assert_eq!(
            (printed.out, printed.err, printed.code),
            (expected.out, expected.err, expected.code),
            "{words}"
        );
    }
}

#[test]
fn an_empty_kubeconfig_is_not_set() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let expected = run_with(&[("HOME", home)], "audit", "");
    let printed =
        run_with(&[("HOME", home), ("KUBECONFIG", ""), ("KUBERNETES_SERVICE_HOST", "")], "audit", "");
    assert_eq!((printed.err, printed.code), (expected.err, 2));
}
