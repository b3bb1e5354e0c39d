//! `preview -o yaml` and `-o json` change nothing but what admission changes.

use serde_json::Value;

use crate::commands::command_line::run;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: a
spec:
  imagePullSecrets: []
  containers:
  - name: a
    image: a:1
    env: null
    volumeMounts: []
  volumes:
  - name: s
    secret:
      secretName: s
  - name: p
    projected:
      sources:
      - serviceAccountToken:
          path: t
          audience: x
      - downwardAPI:
          items:
          - path: name
            fieldRef:
              fieldPath: metadata.name
";

#[test]
fn only_what_admission_changes_differs() {
    let printed = run("preview -f - -o yaml", POD);
    let mount = concat!(
        "    volumeMounts:\n    - name: kube-api-access-xxxxx\n      readOnly: true\n",
        "      mountPath: /var/run/secrets/kubernetes.io/serviceaccount\n"
    );
    let written = POD.replace("    volumeMounts: []\n", mount);
    let rest = printed.out.strip_prefix(&written).unwrap_or_else(|| panic!("{}", printed.out));
    assert!(rest.starts_with("  - name: kube-api-access-xxxxx\n"), "{rest}");
    let added = "      defaultMode: 420\n  serviceAccountName: default\n  serviceAccount: default\n";
    assert!(rest.ends_with(added) && printed.code == 0, "{rest}");
}

#[test]
fn a_pod_that_does_not_change_stays_as_written() {
    let printed = run("preview -f - -o yaml -n kube-system", POD);
    assert_eq!(printed.out, POD);
}

#[test]
fn the_result_is_final() {
    for words in ["", "--annotate boundtoken.dev/mode=disable", "--annotate boundtoken.dev/path=/a/b"] {
        let first = run(&format!("preview -f - -o json {words}"), POD);
        let second = run(&format!("preview -f - -o json {words}"), &first.out);
        let [first, second] =
            [first, second].map(|printed| serde_json::from_str::<Value>(&printed.out).unwrap());
        assert_eq!(first, second, "{words}");
    }
}
