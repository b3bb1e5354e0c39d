//! What `boundtoken preview` prints, as a user sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a command line in `tests/manifests` and tells what came out.
fn terminal(words: &str, stdin: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_boundtoken"))
        .args(words.split_whitespace())
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let mut told = format!("$ boundtoken {words}\n");
    for (name, text) in [("stderr", &err), ("stdout", &out)] {
        if !text.is_empty() {
            told += &["── ", name, "\n", text].concat();
        }
    }
    told + &format!("── exit code {}\n", output.status.code().unwrap())
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
    namespaces_that_did_not_opt_in: "preview -f untouched.yaml";
    patches: "preview -f shop.yaml -f list.yaml -o patch";
    colours: "preview -f shop.yaml -f mistakes.yaml --color always";
    defaults_of_the_cluster: "preview -f cronjob.yaml --default-mode disable";
    explain_a_key: "explain ttl";
    explain_a_code: "explain bt004";
    help: "preview --help";
}
