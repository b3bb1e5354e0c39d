//! The formats of the output, and hostile text in them.

use serde_json::{Value, json};

use super::{Scene, owned, pod, run};

/// A cluster in which an object of a kind whose names are not checked has a hostile name.
async fn hostile(name: &str) -> Scene {
    let scene = Scene::new().await;
    scene.namespace("shop", &[], &[]);
    scene.add("pods", owned(pod("x-aaaaa"), "Widget", name));
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_aligned_and_the_rest_goes_to_standard_error() {
    let scene = Scene::shop().await;
    let audit = scene.audit(&[]);
    let lines: Vec<&str> = audit.out.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        [
            "NAMESPACE",
            "WORKLOAD",
            "PODS",
            "SERVICEACCOUNT",
            "TOKEN",
            "LIFETIME",
            "AUDIENCE",
            "USE",
            "VERDICT"
        ]
    );
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["shop", "deployment/web", "2", "web", "year", "1y", "api-server", "unknown", "unknown"]
    );
    assert_eq!(lines[0].find("VERDICT"), lines[1].rfind("unknown"));
    assert!(lines.iter().all(|line| line.trim_end() == *line));
    for text in ["1 workload with 2 Pods: 1 unknown", "live 1y (assumed", "No audit log"] {
        assert!(audit.err.contains(text), "{}", audit.err);
    }
    let wide = scene.audit(&["-o", "wide"]).out;
    assert!(wide.lines().next().unwrap().ends_with("MODE   CONTAINERS   PATH                                                  LAST-SEEN   MAX-AGE   CLIENT   REASON"), "{wide}");
}

#[test]
fn each_namespace_with_something_to_do_is_named() {
    let path = |name: &str| format!("{}/demo/{name}", env!("CARGO_MANIFEST_DIR"));
    let audit = run(&["audit", "--from", &path("cluster.json"), "--audit-log", &path("audit.log.gz")]);
    let lines = audit.err.lines().filter(|line| line.starts_with("Namespace "));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(
        lines,
        [
            "Namespace shop, not ready: 1 fix-first, 1 unknown, 1 replace-from, 1 replace, 1 disable",
            "Namespace tools, ready: 1 restart, 1 done",
            "Namespace billing, not ready: 1 unknown, 1 replace",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn yaml_has_the_same_content_as_json() {
    let scene = Scene::shop().await;
    let file = scene.directory.path().join("snapshot.json");
    let file = file.to_str().unwrap();
    let json = scene.audit(&["-o", "json", "--save", file]).json();
    let yaml = run(&["audit", "-o", "yaml", "--from", file]).out;
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), json);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_for_terminals_has_no_control_characters() {
    let scene = hostile("a\u{1b}[31m\u{202e}b\nc\td").await;
    for format in ["table", "wide", "csv", "markdown", "name"] {
        let out = scene.audit(&["-o", format]).out;
        assert!(out.contains(r"a\u{1b}[31m\u{202e}b\nc\td"), "{format}: {out}");
        let is_bad = |character: char| character.is_control() && !matches!(character, '\n' | '\r');
        assert!(!out.contains(is_bad), "{format}: {out:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_cells_are_not_formulas() {
    for (name, cell) in
        [("=cmd|' /C calc'!A0", r#""widget/=cmd|' /C calc'!A0""#), ("a\"b,c", r#""widget/a""b,c""#)]
    {
        let out = hostile(name).await.audit(&["-o", "csv"]).out;
        assert!(out.contains(cell), "{out}");
        assert!(out.ends_with("\r\n"));
    }
    let scene = Scene::new().await;
    let mut pod = pod("x");
    for (field, value) in [("serviceAccountName", "=1+1"), ("nodeName", "a")] {
        pod["spec"][field] = value.into();
    }
    pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"] =
        "@SUM(A1)".into();
    scene.add("pods", pod);
    let out = scene.audit(&["-o", "csv"]).out;
    for cell in [r#""'=1+1""#, r#""'@SUM(A1)""#, r#""-""#] {
        assert!(out.contains(cell), "{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn markdown_shows_foreign_text_as_code() {
    for (name, cell) in [
        ("<img src=x onerror=alert(1)>", "| `widget/<img src=x onerror=alert(1)>` |"),
        ("a|b", r"| `widget/a\|b` |"),
        ("a`b``c", "| ``` widget/a`b``c ``` |"),
        ("@org/team", "| `widget/@org/team` |"),
    ] {
        let out = hostile(name).await.audit(&["-o", "markdown"]).out;
        assert!(out.contains(cell), "{out}");
        assert!(out.starts_with("| NAMESPACE | WORKLOAD | PODS |"));
    }
}

#[test]
fn what_an_audit_needs_is_printed() {
    let policy: Value = serde_saphyr::from_str(&run(&["audit", "--print-policy"]).out).unwrap();
    assert_eq!((&policy["apiVersion"], &policy["kind"]), (&json!("audit.k8s.io/v1"), &json!("Policy")));
    assert!(policy["rules"].as_array().unwrap().iter().all(|rule| rule["level"] == "Metadata"));
    for (provider, tool) in
        [("eks", "aws logs filter-log-events"), ("gke", "gcloud logging read"), ("aks", "az monitor")]
    {
        let query = run(&["audit", "--print-query", provider]);
        assert_eq!(query.code, 0);
        assert!(query.out.contains(tool), "{}", query.out);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &query.out).unwrap();
        let check = std::process::Command::new("sh").arg("-n").arg(file.path()).status().unwrap();
        assert!(check.success(), "{provider}");
    }
}
