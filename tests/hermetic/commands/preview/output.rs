//! The output of `boundtoken preview`, as a user sees it.

use crate::commands::command_line::{Output, run};

/// The whole output, as one text.
fn terminal(words: &str, stdin: &str) -> String {
    let Output { out, err, code } = run(words, stdin);
    let mut printed = format!("$ boundtoken {words}\n");
    for (name, text) in [("stderr", err), ("stdout", out)] {
        if !text.is_empty() {
            printed += &["── ", name, "\n", &text].concat();
        }
    }
    printed + &format!("── exit code {code}\n")
}

/// One snapshot per command line.
macro_rules! golden {
    ($($(#[$meta:meta])* $name:ident: $words:literal $(< $stdin:expr)?;)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            #[allow(unused_mut, unused_assignments, reason = "not every command line reads standard input")]
            let mut stdin = "";
            $(stdin = $stdin;)?
            insta::assert_snapshot!(terminal($words, stdin));
        }
    )*};
}

golden! {
    a_deployment_with_its_namespace_and_service_account: "preview -f shop.yaml";
    a_setting_to_try_on_pods: "preview -f shop.yaml --annotate boundtoken.dev/mode=disable";
    a_setting_to_try_on_namespaces: "preview -f shop.yaml --annotate boundtoken.dev/allowed-audiences=sts";
    a_cron_job: "preview -f cronjob.yaml";
    a_setting_to_try_where_there_are_no_annotations:
        "preview -f cronjob.yaml -o yaml --annotate boundtoken.dev/mode=off";
    a_list: "preview -f list.yaml";
    a_list_as_yaml: "preview -f list.yaml -o yaml";
    a_list_as_json: "preview -f list.yaml -o json";
    json: "preview -f pod.json";
    standard_input: "preview -f -" < "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n";
    a_directory: "preview -f directory -n shop";
    a_directory_with_what_is_below: "preview -R -f directory -n shop";
    several_mistakes: "preview -f mistakes.yaml -n shop";
    several_mistakes_as_yaml: "preview -f mistakes.yaml -f shop.yaml -n shop -o yaml";
    guardrails: "preview -f guardrails.yaml";
    unquoted_values: "preview -f unquoted.yaml";
    slips_in_keys: "preview -f slips.yaml";
    namespaces_that_did_not_opt_in: "preview -f untouched.yaml";
    findings: "preview -f mistakes.yaml -f unquoted.yaml -o findings";
    findings_as_workflow_commands: "preview -f mistakes.yaml -f unquoted.yaml -o github";
    findings_as_junit: "preview -f mistakes.yaml -f frugal.yaml -f slips.yaml -o junit";
    a_summary: "preview -f shop.yaml -f list.yaml -f cronjob.yaml -f ../../examples -o summary";
    a_dry_run: "preview -f shop.yaml -f mistakes.yaml --annotate boundtoken.dev/dry-run=true";
    kinds_that_kubernetes_does_not_have: "preview -f kinds.yaml";
    names: "preview -f shop.yaml -f list.yaml -f cronjob.yaml -o name";
    only_what_must_be_fixed: "preview -q -f mistakes.yaml -f untouched.yaml -n shop";
    patches: "preview -f shop.yaml -f list.yaml -o patch";
    colours: "preview -f shop.yaml -f mistakes.yaml --color always";
    defaults_of_the_cluster: "preview -f cronjob.yaml --default-mode disable";
    where_settings_come_from: "preview -f shop.yaml -f list.yaml -f untouched.yaml --explain -o patch \
        --default-mode add --annotate boundtoken.dev/path=/tokens/vault";
    where_a_lowered_lifetime_comes_from: "preview -f list.yaml -n frugal -f frugal.yaml --explain";
    why_settings_are_not_in_force: "preview -f mistakes.yaml -f slips.yaml --explain -q -o name";
    explain_a_key: "explain ttl";
    explain_a_code: "explain bt004";
}

/// Manifests whose output goes through `preview` once more.
const WHOLE: [&str; 6] = [
    "-f shop.yaml",
    "-f shop.yaml --annotate boundtoken.dev/mode=add",
    "-f shop.yaml --annotate boundtoken.dev/path=/tokens/vault",
    "-f cronjob.yaml -f pod.json",
    "-f list.yaml -f directory -R",
    "-f list.yaml --default-mode disable",
];

#[test]
fn a_preview_of_its_own_output_changes_nothing() {
    for words in WHOLE {
        let yaml = run(&format!("preview -o yaml {words}"), "");
        assert_eq!(yaml.code, 0, "{words}: {}", yaml.err);
        assert_eq!(run("preview -f - -o yaml", &yaml.out).out, yaml.out, "{words}");
        let json = run("preview -f - -o json", &yaml.out);
        assert_eq!(run("preview -f - -o yaml", &json.out).out, yaml.out, "{words}");
        let diff = run("preview -f -", &json.out);
        assert_eq!(diff.out, "", "{words}: {}", diff.err);
    }
}

/// Standard input, and what is said of it.
const BAD_INPUT: [(&str, &str); 10] = [
    ("", "error: stdin: no object in it; expected a Kubernetes manifest"),
    ("a: b: c", "error: stdin:1:5: not YAML: mapping values are not allowed in this context"),
    ("- a", "error: stdin:1: not a Kubernetes object: expected a map with apiVersion and kind"),
    ("apiVersion: v1", "error: stdin:1: not a Kubernetes object: it has no kind"),
    ("kind: Pod", "error: stdin:1: not a Kubernetes object: it has no apiVersion"),
    (
        "apiVersion: v1\nkind: List\nitems:\n- 1",
        "error: stdin:4: not a Kubernetes object: expected a map with apiVersion and kind",
    ),
    (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: []",
        "stdin:5: error: pod/a (namespace default): spec.containers must be a list of containers with names (BT071)",
    ),
    (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec: {containers: [{name: a}],\n volumes: x}",
        "stdin:6: error: pod/a (namespace default): spec.volumes must be a list (BT071)",
    ),
    (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}",
        "stdin:4: error: deployment/a (namespace default): spec.template must be a Pod template (BT071)",
    ),
    (
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  annotations: [a]",
        "stdin:5: error: metadata.annotations must be a map (BT071)",
    ),
];

#[test]
fn bad_input_is_explained() {
    for (stdin, expected) in BAD_INPUT {
        for output in ["diff", "yaml"] {
            let printed = run(&format!("preview -f - -o {output}"), stdin);
            let mut lines = printed.err.lines();
            let sentence = lines.next().unwrap();
            assert_eq!((sentence, printed.out.as_str(), printed.code), (expected, "", 2), "{stdin}");
            // Where objects were read at all, the last line says what came of it.
            let last = if output == "diff" { "Pods: " } else { "nothing is printed, since " };
            assert!(
                sentence.starts_with("error: ") || lines.next().unwrap().starts_with(last),
                "{}",
                printed.err
            );
            assert_eq!(lines.next(), None);
        }
    }
}

#[test]
fn a_wrong_path_is_explained() {
    for (words, sentence) in [
        ("nowhere.yaml", "error: failed to read nowhere.yaml: No such file or directory (os error 2)"),
        (
            "directory/README.md",
            "error: directory/README.md:1: not a Kubernetes object: expected a map with apiVersion and kind",
        ),
        (
            "https://host/pod.yaml",
            "error: https://host/pod.yaml: preview reads files only; try: curl -sSfL https://host/pod.yaml | boundtoken preview -f -",
        ),
        (
            "../support",
            "error: ../support: no .yaml, .yml or .json file in this directory; -R looks into its subdirectories, too",
        ),
    ] {
        let printed = run(&format!("preview -f {words}"), "");
        assert_eq!((printed.err.trim_end(), printed.out.as_str(), printed.code), (sentence, "", 2));
    }
}

#[test]
fn a_misspelt_setting_to_try_gets_a_suggestion() {
    for (setting, sentence) in [
        ("mode=off", "`mode` lacks the prefix; write boundtoken.dev/mode=…"),
        ("boundtoken.dev/mod=off", "unknown key `boundtoken.dev/mod`; did you mean boundtoken.dev/mode?"),
        ("zebra=1", "unknown key `zebra`; `boundtoken explain` lists the keys"),
        ("boundtoken.dev/mode", "expected KEY=VALUE, such as boundtoken.dev/mode=disable"),
        (
            "boundtoken.dev/webhook=enabled",
            "boundtoken.dev/webhook is a label of Namespaces; write --label boundtoken.dev/webhook=enabled",
        ),
    ] {
        let printed = run(&format!("preview -f shop.yaml --annotate {setting}"), "");
        assert!(printed.err.contains(sentence) && printed.code == 2, "{}", printed.err);
    }
}

#[test]
fn a_wrong_label_to_try_gets_a_suggestion() {
    for (label, sentence) in [
        ("boundtoken.dev/webhook", "expected KEY=VALUE, such as boundtoken.dev/webhook=enabled"),
        ("shop", "expected KEY=VALUE, such as boundtoken.dev/webhook=enabled"),
        ("webhook=enabled", "unknown label `webhook`; the only label is boundtoken.dev/webhook"),
        (
            "boundtoken.dev/mode=off",
            "boundtoken.dev/mode is an annotation; write --annotate boundtoken.dev/mode=…",
        ),
    ] {
        let printed = run(&format!("preview -f shop.yaml --label {label}"), "");
        assert!(printed.err.contains(sentence) && printed.code == 2, "{}", printed.err);
    }
}
