//! What the label alone does, as a `MutatingAdmissionPolicy`; only legacy Secrets, which a policy could not
//! look up, are left out.

use serde_json::{Value, json};

/// The default token for the API server and for an hour, in place; and no other token that becomes a year.
const EXPRESSION: &str = r#"
object.spec.volumes.transformList(i, volume, has(volume.projected) && has(volume.projected.sources),
  volume.projected.sources.transformList(j, source, has(source.serviceAccountToken),
    volume.name.startsWith("kube-api-access-")
      && (volume.projected.sources.exists(s, has(s.serviceAccountToken) && s.serviceAccountToken.path == "token")
        ? source.serviceAccountToken.path == "token"
        : source == volume.projected.sources.filter(s, has(s.serviceAccountToken))[0])
    ? (source.serviceAccountToken.expirationSeconds == 3600 ? [] : [JSONPatch{
        op: "replace",
        path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j)
          + "/serviceAccountToken/expirationSeconds",
        value: 3600
      }]) + (source.serviceAccountToken.?audience.orValue("") in variables.apiServer ? [] : [JSONPatch{
        op: "remove",
        path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j) + "/serviceAccountToken/audience"
      }])
    : (source.serviceAccountToken.expirationSeconds == 3607
        && source.serviceAccountToken.?audience.orValue("") in variables.apiServer
      ? [JSONPatch{
        op: "replace",
        path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j)
          + "/serviceAccountToken/expirationSeconds",
        value: 3600
      }] : [])
  )
).flatten().flatten()
"#;

/// No audience, and the API server's names, by default.
const API_SERVER: &str =
    r#"["", "https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"]"#;

/// The policy and its binding, for Namespaces with the label `arm=policy`.
pub(crate) fn objects() -> [Value; 2] {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "an-hour"},
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
            "variables": [{"name": "apiServer", "expression": API_SERVER}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": EXPRESSION}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "an-hour"},
        "spec": {"policyName": "an-hour"},
    });
    [policy, binding]
}
