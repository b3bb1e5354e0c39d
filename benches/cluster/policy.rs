//! The label alone as a `MutatingAdmissionPolicy`: the default token's lifetime, in place.

use serde_json::{Value, json};

/// Replaces one number in each default token volume; CEL counts no indices, so they stand there.
const EXPRESSION: &str = r#"
[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].filter(i,
  i < size(object.spec.volumes)
    && object.spec.volumes[i].name.startsWith("kube-api-access-")
    && has(object.spec.volumes[i].projected)
    && object.spec.volumes[i].projected.sources.exists(s,
      has(s.serviceAccountToken) && s.serviceAccountToken.expirationSeconds != 3600)
).map(i, JSONPatch{
  op: "replace",
  path: "/spec/volumes/" + string(i) + "/projected/sources/"
    + string([0, 1, 2, 3, 4, 5, 6, 7].filter(j, j < size(object.spec.volumes[i].projected.sources)
      && has(object.spec.volumes[i].projected.sources[j].serviceAccountToken))[0])
    + "/serviceAccountToken/expirationSeconds",
  value: 3600
})
"#;

/// The policy and its binding, for Namespaces with the label `arm=policy`.
pub(crate) fn objects() -> [Value; 2] {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "default-token"},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"arm": "policy"}},
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                }],
            },
            "matchConditions": [{"name": "volumes", "expression": "has(object.spec.volumes)"}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": EXPRESSION}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "default-token"},
        "spec": {"policyName": "default-token"},
    });
    [policy, binding]
}
