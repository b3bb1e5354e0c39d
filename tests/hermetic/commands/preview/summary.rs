//! What happens to the tokens, in words: below the header of a diff, and grouped with `-o summary`.

use std::fmt::Write as _;

use crate::commands::command_line::run;

/// A Deployment; the container has the name of the Deployment if `is_named_alike`.
fn deployment(name: &str, namespace: &str, is_named_alike: bool) -> String {
    let container = if is_named_alike { name } else { "app" };
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{template: {{spec: {{containers: [{{name: {container}}}]}}}}}}\n"
    )
}

/// That many Deployments, each in its own Namespace if `are_apart`.
fn deployments(count: usize, are_apart: bool, are_named_alike: bool) -> String {
    (0..count).fold(String::new(), |mut input, index| {
        let namespace = if are_apart { format!("shop-{index}") } else { "shop".to_owned() };
        write!(input, "{}", deployment(&format!("web-{index}"), &namespace, are_named_alike)).unwrap();
        input
    })
}

#[test]
fn a_diff_shows_whose_pod_and_which_tokens() {
    let printed = run("preview -f -", &deployment("web", "shop", false));
    let lines: Vec<&str> = printed.out.lines().take(4).collect();
    let expected = [
        "--- Pod of deployment/web (namespace shop) stdin:2",
        "+++ Pod of deployment/web (namespace shop) with boundtoken",
        "  app  API server  /var/run/…/token  up to 1 year → 1 h",
        "@@ -12,11 +12,11 @@",
    ];
    assert_eq!(lines, expected);
}

/// Settings of a Pod with two containers, and what happens to its tokens.
const EFFECTS: [(&str, &[&str]); 6] = [
    (
        "",
        &[
            "a  API server  /var/run/…/token  up to 1 year → 1 h",
            "b  API server  /var/run/…/token  up to 1 year → 1 h",
        ],
    ),
    (
        "boundtoken.dev/mode: disable",
        &[
            "a  API server  /var/run/…/token  up to 1 year → no token",
            "b  API server  /var/run/…/token  up to 1 year → no token",
        ],
    ),
    (
        "boundtoken.dev/mode: add, boundtoken.dev/audience: vault, boundtoken.dev/containers: b",
        &[
            "a  API server  /var/run/…/token               up to 1 year → 1 h",
            "b  API server  /var/run/…/token               up to 1 year → 1 h",
            "b  vault       /var/run/secrets/tokens/token  no token → 1 h",
        ],
    ),
    (
        "boundtoken.dev/audience: vault, boundtoken.dev/ttl: 90m",
        &[
            "a  API server → vault  /var/run/…/token  up to 1 year → 1 h 30 min",
            "b  API server → vault  /var/run/…/token  up to 1 year → 1 h 30 min",
        ],
    ),
    (
        "boundtoken.dev/skip-containers: a",
        &[
            "a  API server  /var/run/…/token  up to 1 year → no token",
            "b  API server  /var/run/…/token  up to 1 year → 1 h",
        ],
    ),
    (
        "boundtoken.dev/path: /tokens/api",
        &[
            "a  API server  /tokens/api       no token → 1 h",
            "a  API server  /var/run/…/token  up to 1 year → no token",
            "b  API server  /tokens/api       no token → 1 h",
            "b  API server  /var/run/…/token  up to 1 year → no token",
        ],
    ),
];

#[test]
fn each_token_of_each_container_has_a_line() {
    for (annotations, expected) in EFFECTS {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, annotations: {{{annotations}}}}}\n\
             spec: {{initContainers: [{{name: a}}], containers: [{{name: b}}]}}\n"
        );
        let printed = run("preview -f - -o summary", &pod);
        let lines: Vec<&str> = printed.out.lines().map(str::trim_start).collect();
        assert_eq!(lines, [&["Pod default/p stdin:1"], expected].concat(), "{annotations}");
    }
}

#[test]
fn tokens_that_stay_and_legacy_tokens_are_shown() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    volumeMounts:\n    \
        - {name: own, mountPath: /own}\n    - {name: old, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}\n  \
        volumes:\n  - {name: old, secret: {secretName: default-token-abcde}}\n  \
        - {name: own, projected: {sources: [{serviceAccountToken: {audience: x, path: t, expirationSeconds: 7200}}]}}\n";
    let printed = run("preview -f - -o summary", pod);
    let expected = "Pod default/p stdin:1\n  a  x           /own/t            2 h\n  a  API server  /var/run/…/token  never expires → 1 h\n";
    assert_eq!(printed.out, expected);
}

#[test]
fn workloads_that_change_in_the_same_way_are_one_group() {
    let printed = run("preview -f - -o summary", &deployments(40, false, false));
    let expected = "40 Deployments: shop/web-0, shop/web-1, shop/web-2 and 37 more\n  \
                    app  API server  /var/run/…/token  up to 1 year → 1 h\n";
    assert_eq!((printed.out.as_str(), printed.code), (expected, 1));
    let printed = run("preview -f - -o summary", &deployments(40, true, true));
    let expected = "40 Deployments: shop-0/web-0, shop-1/web-1, shop-2/web-2 and 37 more\n  \
                    40 containers  API server  /var/run/…/token  up to 1 year → 1 h\n";
    assert_eq!(printed.out, expected);
}

#[test]
fn groups_differ_in_what_happens() {
    let other = deployment("job", "shop", false)
        .replace("{spec", "{metadata: {annotations: {boundtoken.dev/ttl: 2h}}, spec");
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: app}]}\n";
    let printed = run("preview -f - -o summary", &[&deployments(1, false, false), &other, pod].concat());
    let expected = "2 workloads: Deployment shop/web-0, Pod shop/p\n  \
                    app  API server  /var/run/…/token  up to 1 year → 1 h\n\
                    Deployment shop/job stdin:7\n  \
                    app  API server  /var/run/…/token  up to 1 year → 2 h\n";
    assert_eq!(printed.out, expected);
}

#[test]
fn notes_about_many_namespaces_are_one_line() {
    for form in ["summary", "diff"] {
        let printed = run(&format!("preview -f - -o {form}"), &deployments(50, true, false));
        let expected = "note: 50 Namespaces are not in the input: assumed to be opted in, without settings: \
                        shop-0, shop-1, shop-2 and 47 more (BT075)\n\
                        note: 50 ServiceAccounts are not in the input: assumed to allow automount: \
                        shop-0/default, shop-1/default, shop-2/default and 47 more (BT079)\n\
                        Pods: 50 would change\n";
        assert_eq!(printed.err, expected);
    }
    let found = run("preview -f - -o findings", &deployments(50, true, false));
    assert_eq!(found.out.matches("\"BT075\"").count(), 50);
}

#[test]
fn a_summary_groups_warnings_with_the_same_text() {
    let slip = deployments(40, false, false)
        .replace("{name: web", "{annotations: {boundtoken.dev/ttl: 2h}, name: web");
    let warning = "stdin:4: warning: boundtoken.dev/ttl: no effect on a Deployment; move it to \
                   spec.template.metadata.annotations";
    let printed = run("preview -f - -o summary", &slip);
    let expected = format!("{warning}; likewise in 39 other places (BT073)");
    assert!(printed.err.lines().any(|line| line == expected), "{}", printed.err);
    let printed = run("preview -f -", &slip);
    assert_eq!(printed.err.matches("(BT073)").count(), 40);
}

/// Slips of one kind with different messages.
fn slips(count: usize) -> String {
    (0..count).fold(String::new(), |mut input, index| {
        let annotations = format!("annotations: {{boundtoken.dev/key-{index}: a}}");
        write!(input, "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s-{index}, {annotations}}}\n")
            .unwrap();
        input
    })
}

#[test]
fn a_long_summary_groups_findings_with_the_same_code() {
    let about = |printed: &str| printed.lines().filter(|line| line.ends_with("(BT073)")).count();
    let short = run("preview -f - -o summary", &slips(20));
    assert_eq!(about(&short.err), 20, "{}", short.err);
    let unquoted = "---\napiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {port: 1}}\n";
    let input = [&slips(21), unquoted].concat();
    let long = run("preview -f - -o summary", &input);
    let expected = "stdin:88: refused: port: a number, but an annotation is a string; write \"1\" (BT070)\n\
                    stdin:4: warning: boundtoken.dev/key-0: no effect on a Service; settings belong to Namespaces, Pods and \
                    Pod templates; 20 more with this code, -v lists them (BT073)\n\
                    Pods: none in the input\n";
    assert_eq!(long.err, expected);
    for words in ["preview -f - -o summary -v", "preview -f -"] {
        let printed = run(words, &input);
        assert_eq!(about(&printed.err), 21, "{words}: {}", printed.err);
    }
    assert_eq!(run("preview -f - -o findings", &input).out.matches("\"BT073\"").count(), 21);
}

#[test]
fn each_finding_has_a_line_if_all_are_wanted() {
    let printed = run("preview -f - -o summary -v", &deployments(40, true, false));
    assert_eq!(printed.err.matches("(BT075)").count(), 40, "{}", printed.err);
}

#[test]
fn the_files_of_boundtoken_fit_on_a_screen() {
    let directories = ["demo", "examples", "manifests", "tests"].map(|name| format!("../../{name}"));
    let printed = run(&format!("preview -R -f {} -o summary", directories.join(",")), "");
    let lines = printed.out.lines().count() + printed.err.lines().count();
    assert!(lines <= 60, "{lines}: {}{}", printed.err, printed.out);
}

#[test]
fn a_dry_run_shows_the_diff_and_the_whole_texts() {
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: app}]}\n";
    let tried = "--annotate boundtoken.dev/dry-run=true";
    let printed = run(&format!("preview -f - {tried}"), &[pod, "metadata: {name: a}"].concat());
    let lines: Vec<&str> = printed.out.lines().skip(1).take(2).collect();
    let expected = [
        "+++ pod/a (namespace default) with boundtoken, without dry-run",
        "  app  API server  /var/run/…/token  up to 1 year → 1 h",
    ];
    assert_eq!((lines.as_slice(), printed.code), (expected.as_slice(), 1), "{}", printed.err);
    assert!(printed.err.ends_with("Pods: 1 would change without dry-run\n"), "{}", printed.err);
    let refused = [pod, "metadata: {name: a, annotations: {boundtoken.dev/mode: disabel}}"].concat();
    let printed = run(&format!("preview -f - {tried}"), &refused);
    assert!(printed.err.contains("did you mean \"disable\"? (BT001)\n"), "{}", printed.err);
    assert_eq!((printed.out.as_str(), printed.code), ("", 1));
    let yaml = run(&format!("preview -f - -o json {tried}"), &[pod, "metadata: {name: a}"].concat());
    assert!(!yaml.out.contains("expirationSeconds"), "{}", yaml.out);
}
