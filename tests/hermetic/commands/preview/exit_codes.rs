//! The exit codes of `boundtoken preview`, with and without `--fail-on`.

use crate::commands::command_line::run;

const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n";

/// Metadata of a Pod without boundtoken, one that changes, one with a warning, one that is refused, and one that
/// cannot be previewed.
const INPUTS: [&str; 5] = [
    "metadata: {name: a, namespace: kube-system}",
    "metadata: {name: a}",
    "metadata: {name: a, labels: {boundtoken.dev/ttl: 2h}}",
    "metadata: {name: a, annotations: {boundtoken.dev/ttl: 5m}}",
    "metadata: []",
];

/// Flags, and the exit codes for the inputs.
const CODES: [(&str, [i32; 5]); 19] = [
    ("", [0, 1, 1, 1, 2]),
    ("-o name", [0, 1, 1, 1, 2]),
    ("-o patch", [0, 1, 1, 1, 2]),
    ("-o summary", [0, 1, 1, 1, 2]),
    ("-o yaml", [0, 0, 0, 1, 2]),
    ("-o json", [0, 0, 0, 1, 2]),
    ("-o findings", [0, 0, 1, 1, 2]),
    ("-o github", [0, 0, 1, 1, 2]),
    ("-o junit", [0, 0, 1, 1, 2]),
    ("-o sarif", [0, 0, 1, 1, 2]),
    ("--fail-on never", [0, 0, 0, 0, 2]),
    ("--fail-on change", [0, 1, 1, 1, 2]),
    ("--fail-on warning", [0, 0, 1, 1, 2]),
    ("--fail-on refused", [0, 0, 0, 1, 2]),
    ("-o yaml --fail-on never", [0, 0, 0, 0, 2]),
    ("-o yaml --fail-on change", [0, 1, 1, 1, 2]),
    ("-o json --fail-on warning", [0, 0, 1, 1, 2]),
    ("-o sarif --fail-on change", [0, 1, 1, 1, 2]),
    ("-o junit --fail-on refused", [0, 0, 0, 1, 2]),
];

#[test]
fn fail_on_decides_the_exit_code() {
    for (flags, expected) in CODES {
        let codes =
            INPUTS.map(|metadata| run(&format!("preview -f - {flags}"), &[POD, metadata].concat()).code);
        assert_eq!(codes, expected, "{flags}");
    }
}

#[test]
fn help_states_the_default_of_fail_on() {
    let help = run("preview --help", "").out.split_whitespace().collect::<Vec<_>>().join(" ");
    let default = "change with -o diff, name, summary and patch, refused with yaml and json";
    for words in [default, "BOUNDTOKEN_FAIL_ON"] {
        assert!(help.contains(words), "{help}");
    }
}
