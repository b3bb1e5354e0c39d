//! Settings and labels where they have no effect: `preview` warns, and fails.

use crate::commands::command_line::run;

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\n\
    spec: {template: {spec: {containers: [{name: a}]}}}\n";

/// The warnings about an input, and the exit code of a gate for warnings.
fn warnings(input: &str) -> (Vec<String>, i32) {
    let printed = run("preview -f - --fail-on warning", input);
    let warnings = printed.err.lines().filter(|line| line.contains(" warning: "));
    (warnings.map(str::to_owned).collect(), printed.code)
}

/// Objects, and the warnings about them.
const SLIPS: [(&[&str], &[&str]); 16] = [
    (
        &[NAMESPACE, POD, "metadata: {name: a, namespace: a, annotations: {boundtoken.dev/mode: disable}}"],
        &[
            "stdin:8: warning: boundtoken.dev/mode on the Pod has no effect: Namespace a is not opted in (BT061)",
        ],
    ),
    (
        &[
            NAMESPACE,
            POD,
            "metadata: {name: a, namespace: a, annotations: {boundtoken.dev/mode: disabel, boundtoken.dev/ttl: 5m}}",
        ],
        &[
            "stdin:8: warning: boundtoken.dev/mode on the Pod has no effect: Namespace a is not opted in (BT061)",
            "stdin:8: warning: boundtoken.dev/mode: \"disabel\" on the Pod must be one of replace, disable, add, off; \
             did you mean \"disable\"? (BT001)",
            "stdin:8: warning: boundtoken.dev/ttl: \"5m\" on the Pod is too short: must be from 600 s (10m) to 4294967296 s; \
             did you mean \"10m\"? (BT004)",
        ],
    ),
    (
        &[NAMESPACE, POD, "metadata: {name: a, namespace: a, annotations: {boundtoken.dev/mod: disable}}"],
        &[
            "stdin:8: warning: \"boundtoken.dev/mod\" on the Pod is unknown; did you mean boundtoken.dev/mode? (BT050)",
        ],
    ),
    (
        &[POD, "metadata: {name: a, namespace: kube-system, annotations: {boundtoken.dev/ttl: 2h}}"],
        &["stdin:4: warning: boundtoken.dev/ttl on the Pod has no effect: the webhook is never called for \
           Namespace kube-system (BT061)"],
    ),
    (
        &[
            "apiVersion: v1\nkind: Namespace\n",
            "metadata: {name: a, annotations: {boundtoken.io/webhook: enabled}}",
        ],
        &["stdin:3: warning: \"boundtoken.io/webhook\" on Namespace a is unknown; did you mean the label \
           boundtoken.dev/webhook? (BT050)"],
    ),
    (
        &[POD, "metadata: {name: a, annotations: {bountoken.dev/webhook: enabled}}"],
        &["stdin:4: warning: \"bountoken.dev/webhook\" on the Pod is unknown; did you mean the label \
           boundtoken.dev/webhook? (BT050)"],
    ),
    (
        &[
            DEPLOYMENT,
            "metadata: {name: a, annotations: {boundtoken.io/webhook: enabled, boundtoken.io/max-ttl: 1h}}",
        ],
        &[
            "stdin:4: warning: boundtoken.io/webhook: no effect on a Deployment; it is read on Namespaces only (BT073)",
            "stdin:4: warning: boundtoken.io/max-ttl: no effect on a Deployment; it is read on Namespaces only (BT073)",
        ],
    ),
    (
        &[POD, "metadata: {name: a, labels: {BoundToken.dev/webhook: enabled}}"],
        &[
            "stdin:4: warning: BoundToken.dev/webhook: a label has no effect; the label of its Namespace opts in, \
           boundtoken.dev/webhook: enabled (BT072)",
        ],
    ),
    (
        &[POD, "metadata: {name: a, labels: {boundtoken.dev/webhook: enabled}}"],
        &[
            "stdin:4: warning: boundtoken.dev/webhook: a label has no effect; the label of its Namespace opts in, \
           boundtoken.dev/webhook: enabled (BT072)",
        ],
    ),
    (
        &[DEPLOYMENT, "metadata: {name: a, labels: {boundtoken.dev/webhook: disabled}}"],
        &[
            "stdin:4: warning: boundtoken.dev/webhook: a label has no effect; to leave a Pod as it is, annotate it with \
           boundtoken.dev/mode: \"off\" (BT072)",
        ],
    ),
    (
        &[
            "apiVersion: v1\nkind: ServiceAccount\n",
            "metadata: {name: a, annotations: {boundtoken.dev/audience: b}}",
        ],
        &[
            "stdin:3: warning: boundtoken.dev/audience: no effect on a ServiceAccount; settings belong to Namespaces, \
           Pods and Pod templates (BT073)",
        ],
    ),
    (
        &[
            DEPLOYMENT,
            "metadata: {name: a, annotations: {boundtoken.dev/mdoe: disable, boundtoken.dev/max-ttl: 1h}}",
        ],
        &[
            "stdin:4: warning: boundtoken.dev/mdoe: no effect on a Deployment; move it to \
             spec.template.metadata.annotations (BT073)",
            "stdin:4: warning: boundtoken.dev/max-ttl: no effect on a Deployment; it is read on Namespaces only (BT073)",
        ],
    ),
    (
        &[
            "apiVersion: v1\nkind: Namespace\n",
            "metadata: {name: a, labels: {boundtoken.dev/webhook: \"true\"}}",
        ],
        &[
            "stdin:3: warning: label boundtoken.dev/webhook: \"true\" does not opt in; write \"enabled\" (BT078)",
        ],
    ),
    (
        &[
            "apiVersion: v1\nkind: Namespace\n",
            "metadata: {name: a, labels: {boundtoken.dev/webhook: Enabled}}",
        ],
        &[
            "stdin:3: warning: label boundtoken.dev/webhook: \"Enabled\" does not opt in; write \"enabled\" (BT078)",
        ],
    ),
    (&["apiVersion: v1\nkind: Namespace\n", "metadata: {name: a, labels: {boundtoken.dev/webhook: }}"], &[]),
    (
        &[
            "apiVersion: v1\nkind: Namespace\n",
            "metadata: {name: kube-system, labels: {boundtoken.dev/webhook: enabled}, \
             annotations: {boundtoken.dev/ttl: 2h}}",
        ],
        &[
            "stdin:3: warning: label boundtoken.dev/webhook: no effect on this Namespace: the webhook is never called \
             for it (BT078)",
            "stdin:3: warning: boundtoken.dev/ttl has no effect: the webhook is never called for Namespace \
             kube-system (BT061)",
        ],
    ),
];

#[test]
fn a_setting_or_label_without_effect_is_a_warning() {
    for (input, expected) in SLIPS {
        let (found, code) = warnings(&input.concat());
        assert_eq!(found, expected, "{input:?}");
        assert_eq!(code, i32::from(!expected.is_empty()), "{input:?}");
    }
}

#[test]
fn an_annotation_that_every_object_has_is_no_warning() {
    let annotations = "annotations: {boundtoken.dev/ttl: 2h}";
    let other =
        |kind: &str| format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: a, {annotations}}}\n");
    let template =
        format!("{{template: {{metadata: {{{annotations}}}, spec: {{containers: [{{name: a}}]}}}}}}");
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, {annotations}}}\nspec: {template}\n"
    );
    let input = [deployment, other("ServiceAccount"), other("Service")].concat();
    assert_eq!(warnings(&input), (Vec::new(), 0));
    let (found, code) = warnings(&input.replace("kind: Deployment", "kind: Other"));
    assert_eq!((found.len(), code), (0, 0), "{found:?}");
    let (found, code) = warnings(&[other("ServiceAccount"), other("Service")].concat());
    assert_eq!((found.len(), code), (2, 1), "{found:?}");
}

#[test]
fn a_label_that_opts_out_on_purpose_is_no_warning() {
    for value in ["disabled", "\"false\"", "\"off\"", "\"No\""] {
        let label = format!("metadata: {{name: a, labels: {{boundtoken.dev/webhook: {value}}}}}\n---\n");
        let input =
            ["apiVersion: v1\nkind: Namespace\n", &label, POD, "metadata: {name: b, namespace: a}"].concat();
        assert_eq!(warnings(&input), (Vec::new(), 0), "{value}");
        let note = "stdin:3: note: Namespace a lacks the label boundtoken.dev/webhook=enabled: its Pods stay as they \
                    are (BT076)";
        let printed = run("preview -f -", &input);
        assert!(printed.err.lines().any(|line| line == note), "{}", printed.err);
    }
}

#[test]
fn the_label_can_be_tried() {
    let input = [NAMESPACE, POD, "metadata: {name: b, namespace: a}"].concat();
    let plain = run("preview -f -", &input);
    assert_eq!((plain.out.as_str(), plain.code), ("", 0), "{}", plain.err);
    let tried = run("preview -f - --label boundtoken.dev/webhook=enabled", &input);
    assert!(tried.out.contains("up to 1 year → 1 h") && tried.code == 1, "{}", tried.out);
    let yaml = run("preview -f - -o yaml --label boundtoken.dev/webhook=enabled", &input);
    assert!(yaml.out.contains("labels:\n    boundtoken.dev/webhook: enabled\n"), "{}", yaml.out);
    let without =
        run("preview -f - --label boundtoken.dev/webhook=disabled", &[POD, "metadata: {name: b}"].concat());
    assert_eq!((without.out.as_str(), without.code), ("", 0), "{}", without.err);
}

#[test]
fn an_assumed_service_account_is_named() {
    let note = |name: &str| {
        format!(
            "note: ServiceAccount default/{name} is not in the input: assumed to allow automount (BT079)\n"
        )
    };
    let metadata = "metadata: {name: a}\n";
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: bot}\nautomountServiceAccountToken: false";
    let of_bot = POD.replace("spec: {", "spec: {serviceAccountName: bot, ");
    let printed = run("preview -f -", &[&of_bot, metadata].concat());
    assert!(printed.err.contains(&note("bot")) && printed.code == 1, "{}", printed.err);
    let printed = run("preview -f -", &[&of_bot, metadata, account].concat());
    assert!(!printed.err.contains("BT079") && printed.code == 0, "{}", printed.err);
    let printed = run("preview -f -", &[POD, metadata].concat());
    assert!(printed.err.contains(&note("default")), "{}", printed.err);
    let own = POD.replace("spec: {", "spec: {automountServiceAccountToken: true, ");
    let printed = run("preview -f -", &[&own, metadata].concat());
    assert!(!printed.err.contains("BT079"), "{}", printed.err);
}

#[test]
fn a_typo_in_a_template_of_any_kind_is_reported() {
    let printed = run("preview -f kinds.yaml -o findings", "");
    for code in ["BT001", "BT050", "BT073", "BT074"] {
        assert!(printed.out.contains(&format!("\"code\":\"{code}\"")), "{code}: {}", printed.out);
    }
    assert!(
        printed.out.contains("\"pods\":{\"changed\":5,\"unchanged\":0,\"refused\":1,\"failed\":0}"),
        "{}",
        printed.out
    );
}

#[test]
fn a_typo_in_annotations_that_a_controller_copies_is_reported() {
    let workflow = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\nspec:\n  podMetadata:\n    \
        annotations:\n      boundtoken.dev/mode: disabel\n      boundtoken.dev/audiense: vault\n      \
        boundtoken.dev/containers: main\n  templates: [{name: b, container: {image: b}}]\n";
    let (found, code) = warnings(workflow);
    let expected = [
        "stdin:7: warning: boundtoken.dev/mode: \"disabel\" on the Pod must be one of replace, disable, add, off; did \
         you mean \"disable\"? (BT001)",
        "stdin:8: warning: \"boundtoken.dev/audiense\" on the Pod is unknown; did you mean boundtoken.dev/audience? \
         (BT050)",
    ];
    assert_eq!((found.as_slice(), code), (expected.map(str::to_owned).as_slice(), 1));
    let valid = workflow.replace("disabel", "disable").replace("audiense: vault", "ttl: 2h");
    assert_eq!(warnings(&valid), (Vec::new(), 0));
}

/// A part of a Deployment or a Namespace in which settings have no effect, and the warning.
const FIELDS: [(&str, &str, &str); 11] = [
    (
        "apps/v1, kind: Deployment",
        "spec: {template: {annotations: {boundtoken.dev/ttl: 2h}, spec: {containers: [{name: a}]}}}",
        "boundtoken.dev/ttl: no effect in spec.template.annotations; move it to spec.template.metadata.annotations",
    ),
    (
        "apps/v1, kind: Deployment",
        "spec: {template: {metadata: {anotations: {boundtoken.dev/ttl: 2h}}, spec: {containers: [{name: a}]}}}",
        "boundtoken.dev/ttl: no effect in spec.template.metadata.anotations; move it to \
         spec.template.metadata.annotations",
    ),
    (
        "apps/v1, kind: Deployment",
        "spec: {template: {metadata: {boundtoken.io/ttl: 2h}, spec: {containers: [{name: a}]}}}",
        "boundtoken.io/ttl: no effect in spec.template.metadata; move it to spec.template.metadata.annotations",
    ),
    (
        "apps/v1, kind: Deployment",
        "spec: {template: {spec: {containers: [{name: a, boundtoken.dev/webhook: enabled}]}}}",
        "boundtoken.dev/webhook: no effect in spec.template.spec.containers.0; it is read on Namespaces only",
    ),
    (
        "v1, kind: Pod",
        "boundtoken.dev/mode: disable, spec: {containers: [{name: a}]}",
        "boundtoken.dev/mode: no effect in the object itself; move it to metadata.annotations",
    ),
    (
        "v1, kind: Pod",
        "spec: {annotations: {boundtoken.dev/mode: disable}, containers: [{name: a}]}",
        "boundtoken.dev/mode: no effect in spec.annotations; move it to metadata.annotations",
    ),
    (
        "v1, kind: Pod",
        "spec: {annotations: {boundtoken.dev/max-ttl: 2h}, containers: [{name: a}]}",
        "boundtoken.dev/max-ttl: no effect in spec.annotations; it is read on Namespaces only",
    ),
    (
        "v1, kind: Namespace",
        "annotations: {boundtoken.dev/ttl: 2h}",
        "boundtoken.dev/ttl: no effect in annotations; move it to metadata.annotations",
    ),
    (
        "apps/v1, kind: Deployment",
        "spec: {template: {spec: {labels: {boundtoken.io/webhook: enabled}, containers: [{name: a}]}}}",
        "boundtoken.io/webhook: no effect in spec.template.spec.labels; it is read on Namespaces only",
    ),
    (
        "v1, kind: Namespace",
        "labels: {boundtoken.io/webhook: enabled}",
        "boundtoken.io/webhook: no effect in labels; move it to metadata.labels",
    ),
    (
        "v1, kind: Namespace",
        "spec: {labels: {boundtoken.dev/webhook: enabled}}",
        "boundtoken.dev/webhook: no effect in spec.labels; move it to metadata.labels",
    ),
];

#[test]
fn a_setting_in_another_field_is_a_warning() {
    for (kind, field, expected) in FIELDS {
        let (found, code) = warnings(&format!("{{apiVersion: {kind}, metadata: {{name: a}}, {field}}}"));
        assert_eq!((found, code), (vec![format!("stdin:1: warning: {expected} (BT073)")], 1), "{field}");
    }
}

#[test]
fn keys_that_select_or_name_a_field_are_no_warning() {
    let selector = "{matchLabels: {boundtoken.dev/webhook: enabled}}";
    let affinity = format!(
        "{{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: a, namespaceSelector: {selector}}}]}}}}"
    );
    let input = DEPLOYMENT.replace("spec: {containers", &format!("spec: {{affinity: {affinity}, containers"));
    assert_eq!(warnings(&format!("{input}metadata: {{name: a}}")), (Vec::new(), 0));
    let fields =
        "managedFields: [{fieldsV1: {\"f:metadata\": {\"f:annotations\": {\"f:boundtoken.dev/ttl\": {}}}}}]";
    assert_eq!(warnings(&format!("{DEPLOYMENT}metadata: {{name: a, {fields}}}")), (Vec::new(), 0));
}

#[test]
fn a_misspelled_kind_gets_a_hint() {
    let spec = "metadata: {name: a}\nspec: {containers: [{name: a}]}\n";
    for (written, expected) in [
        ("apiVersion: v1\nkind: pod", "the kind pod; did you mean Pod?"),
        ("apiVersion: v1\nkind: Pods", "the kind Pods; did you mean Pod?"),
        ("apiVersion: apps/v1\nkind: Pod", "the kind Pod of apps/v1; did you mean apiVersion v1?"),
        ("apiVersion: v1\nkind: Deployment", "the kind Deployment of v1; did you mean apiVersion apps/v1?"),
        ("apiVersion: extensions/v1beta1\nkind: daemonset", "the kind daemonset; did you mean DaemonSet?"),
        (
            "apiVersion: apps/v1\nkind: CronJob",
            "the kind CronJob of apps/v1; did you mean apiVersion batch/v1?",
        ),
    ] {
        let printed = run("preview -f -", &format!("{written}\n{spec}"));
        let note = format!("stdin:1: note: preview does not know {expected} (BT074)\n");
        assert!(printed.err.contains(&note), "{}", printed.err);
    }
    let printed = run("preview -f -", &format!("apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\n{spec}"));
    assert_eq!((printed.err.as_str(), printed.code), ("Pods: none in the input\n", 0));
}
