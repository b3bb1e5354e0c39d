//! The sentences of `boundtoken preview`: each names the place and the remedy.

use crate::commands::command_line::run;

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\n\
    spec: {template: {spec: {containers: [{name: a}]}}}\n";

/// The messages about an object, without the notes and the count of Pods.
fn findings(head: &str, rest: &str) -> (String, i32) {
    let printed = run("preview -f -", &[head, rest].concat());
    let lines = printed.err.lines().filter(|line| !line.starts_with("note: ") && !line.starts_with("Pods: "));
    (lines.collect::<Vec<_>>().join("\n"), printed.code)
}

/// Object, its metadata, and what is said of them.
const UNQUOTED: [(&str, &str, &str); 8] = [
    (
        NAMESPACE,
        "metadata: {name: a, labels: {boundtoken.dev/webhook: true}}",
        "stdin:3: refused: label boundtoken.dev/webhook: a boolean, but a label is a string; \
             write \"enabled\" (BT070)",
    ),
    (
        NAMESPACE,
        "metadata: {name: a, labels: {boundtoken.dev/webhook: off}}",
        "stdin:3: refused: label boundtoken.dev/webhook: a boolean, but a label is a string; \
             write \"off\" (BT070)",
    ),
    (
        NAMESPACE,
        "metadata:\n  name: a\n  labels:\n    version: 1.10",
        "stdin:6: refused: label version: a number, but a label is a string; write \"1.10\" (BT070)",
    ),
    (
        NAMESPACE,
        "metadata:\n  name: off",
        "stdin:4: refused: metadata.name: a boolean, but a name is a string; write \"off\" (BT070)",
    ),
    (
        POD,
        "metadata:\n  name: 123",
        "stdin:5: refused: metadata.name: a number, but a name is a string; write \"123\" (BT070)",
    ),
    (
        POD,
        "metadata:\n  name: a\n  namespace: off",
        "stdin:6: refused: metadata.namespace: a boolean, but a name is a string; write \"off\" (BT070)",
    ),
    (
        DEPLOYMENT,
        "metadata:\n  name: a\n  namespace: [b]",
        "stdin:6: refused: metadata.namespace: a list, but a name is a string; write a name (BT070)",
    ),
    (
        "apiVersion: v1\nkind: ServiceAccount\n",
        "metadata:\n  name: a\n  namespace: 1",
        "stdin:5: refused: metadata.namespace: a number, but a name is a string; write \"1\" (BT070)",
    ),
];

#[test]
fn an_unquoted_value_is_reported_with_its_fix() {
    for (head, rest, finding) in UNQUOTED {
        assert_eq!(findings(head, rest), (finding.to_owned(), 1), "{rest}");
    }
    let (finding, code) = findings(DEPLOYMENT, "metadata: off");
    assert_eq!((finding.as_str(), code), ("stdin:4: error: metadata must be a map (BT071)", 2));
}

#[test]
fn a_namespace_that_is_no_string_is_an_error() {
    let printed =
        run("preview -f - -o yaml --explain", &[POD, "metadata: {name: a, namespace: off}"].concat());
    assert!(!printed.err.contains("default"), "{}", printed.err);
    assert!(printed.err.contains("pod/a (namespace off)"), "{}", printed.err);
    assert_eq!((printed.out.as_str(), printed.code), ("", 1));
}

#[test]
fn errors_of_preview_name_no_admission_review() {
    for value in ["99999999999999999999", "18446744073709551615", "1.5", "off"] {
        let source = format!("serviceAccountToken: {{path: a, expirationSeconds: {value}}}");
        let spec = format!(
            "containers: [{{name: a}}], volumes: [{{name: a, projected: {{sources: [{{{source}}}]}}}}]"
        );
        let pod = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{{spec}}}");
        let printed = run("preview -f -", &pod);
        assert!(
            !printed.err.contains("AdmissionReview") && printed.err.contains("expirationSeconds"),
            "{}",
            printed.err
        );
        assert_eq!(printed.code, 2);
    }
}

#[test]
fn an_empty_output_is_explained() {
    for (input, sentence) in [
        ("mistakes.yaml", "nothing is printed, since 1 Pod would be refused"),
        ("mistakes.yaml -f guardrails.yaml", "nothing is printed, since 3 Pods would be refused"),
        ("unquoted.yaml", "nothing is printed, since 1 Pod would be refused"),
    ] {
        for form in ["yaml", "json"] {
            let printed = run(&format!("preview -o {form} -f {input}"), "");
            assert_eq!(printed.err.lines().last(), Some(sentence), "{input}: {}", printed.err);
            assert_eq!((printed.out.as_str(), printed.code), ("", 1));
        }
    }
    let namespace = [NAMESPACE, "metadata: {name: off}"].concat();
    let printed = run("preview -o yaml -f -", &namespace);
    assert_eq!(printed.err.lines().last(), Some("nothing is printed, since an object would be refused"));
    let printed = run("preview -o yaml -f -", "apiVersion: v1\nkind: Pod\nspec: {containers: []}");
    assert_eq!(printed.err.lines().last(), Some("nothing is printed, since an object cannot be previewed"));
}

#[test]
fn the_count_of_pods_comes_last() {
    let broken = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n";
    let printed = run("preview -f - -f shop.yaml -f mistakes.yaml", broken);
    let last = "Pods: 1 would change, 1 would be refused, 1 in error";
    assert_eq!(printed.err.lines().last(), Some(last), "{}", printed.err);
    assert_eq!(printed.code, 2);
}

#[test]
fn each_patch_is_named() {
    let printed = run("preview -f shop.yaml -f list.yaml -o patch", "");
    let titles = printed.err.lines().filter(|line| line.ends_with(char::is_numeric)).collect::<Vec<_>>();
    let expected =
        ["deployment/web (namespace shop) shop.yaml:19", "pod/quiet (namespace default) list.yaml:11"];
    assert_eq!(titles, expected);
    let patches = serde_json::Deserializer::from_str(&printed.out).into_iter::<serde_json::Value>();
    assert_eq!(patches.map(Result::unwrap).count(), 2);
    let help = run("preview --help", "").out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("paths are relative to the Pod"), "{help}");
}

#[test]
fn an_invalid_default_is_named() {
    for command in ["preview -f shop.yaml", "serve --namespaces shop.yaml --tls-dir /nonexistent"] {
        for (flag, value, sentence) in [
            ("--default-mode", "replce", "--default-mode (BOUNDTOKEN_DEFAULT_MODE): \"replce\" "),
            ("--default-ttl", "5m", "--default-ttl (BOUNDTOKEN_DEFAULT_TTL): \"5m\" "),
            (
                "--default-audience",
                "a\u{7}",
                "--default-audience (BOUNDTOKEN_DEFAULT_AUDIENCE): \"a\\u{7}\" ",
            ),
        ] {
            let printed = run(&format!("{command} {flag} {value}"), "");
            assert!(
                printed.err.starts_with(&format!("error: {sentence}")) && printed.code == 2,
                "{}",
                printed.err
            );
        }
    }
}

#[test]
fn a_pod_without_settings_shows_its_reason() {
    let printed = run("preview --explain -f -", &[POD, "metadata: {name: a, annotations: {b: 1}}"].concat());
    let reason = "  no settings: refused before any webhook is called: b: a number, but an annotation is a \
                  string; write \"1\"";
    assert!(printed.err.lines().any(|line| line == reason), "{}", printed.err);
}

#[test]
fn a_lifetime_is_shown_as_it_is_written() {
    let settings = "{boundtoken.dev/audience: vault, boundtoken.dev/ttl: \"5400\"}";
    let printed = run(
        "preview --explain -f - --annotate boundtoken.dev/max-ttl=7200",
        &[POD, "metadata: {name: a, annotations: ", settings, "}"].concat(),
    );
    let rows: Vec<String> =
        printed.err.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in ["boundtoken.dev/ttl 5400 Pod, stdin:4", "boundtoken.dev/max-ttl 7200 --annotate"] {
        assert!(rows.iter().any(|line| line == row), "{}", printed.err);
    }
}

#[test]
fn control_and_bidi_characters_are_escaped() {
    let hidden = "\u{202e}\u{2066}\u{200b}\u{e0041}";
    let escaped = "\\u{202e}\\u{2066}\\u{200b}\\u{e0041}";
    let input = [
        POD,
        "metadata:\n  name: a",
        hidden,
        "\n  annotations: {boundtoken.dev/mode: add, x: \"é😀",
        hidden,
        "y\", boundtoken.dev/x",
        hidden,
        ": z}",
    ]
    .concat();
    for words in ["preview -f - --explain", "preview -f - -o patch"] {
        let printed = run(words, &input);
        let text = [printed.out, printed.err].concat();
        assert!(text.contains(&format!("pod/a{escaped}")) && !text.contains('\u{202e}'), "{text}");
        assert!(!text.contains(['\u{2066}', '\u{200b}', '\u{e0041}']), "{text}");
    }
    let diff = run("preview -f -", &input);
    assert!(diff.out.contains("é😀"), "{}", diff.out);
    let yaml = run("preview -f - -o json", &input);
    assert!(yaml.out.contains(hidden), "{}", yaml.out);
    let printed = run(&format!("preview -f a{hidden}.yaml"), "");
    assert!(printed.err.contains(&format!("a{escaped}.yaml")), "{}", printed.err);
}
