//! Two `MutatingAdmissionPolicy` objects: one does what the label alone does, and the other also reads the
//! annotations `audience` and `ttl`. Both leave out legacy Secrets, which a policy cannot look up.

use serde_json::{Value, json};

/// Gives the default token the API server's audience and one hour. No other token is extended to a year.
const EXPRESSION: &str = r#"
object.spec.volumes.transformList(i, volume, has(volume.projected) && has(volume.projected.sources),
  volume.projected.sources.transformList(j, source, has(source.serviceAccountToken),
    source.serviceAccountToken.path
      == ("token" in variables.files[i] ? "token" : variables.files[i][?0].orValue(""))
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
      ? [JSONPatch{
        op: "replace",
        path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j)
          + "/serviceAccountToken/expirationSeconds",
        value: 3600
      }] : [])
  )
).flatten().flatten()
"#;

/// Gives the default token the annotations' audience and lifetime. No other token is extended to a year.
const ANNOTATED: &str = r#"
object.spec.volumes.transformList(i, volume, has(volume.projected) && has(volume.projected.sources),
  volume.projected.sources.transformList(j, source, has(source.serviceAccountToken),
    source.serviceAccountToken.path
      == ("token" in variables.files[i] ? "token" : variables.files[i][?0].orValue(""))
    ? (source.serviceAccountToken.expirationSeconds == variables.ttl ? [] : [JSONPatch{
        op: "replace",
        path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j)
          + "/serviceAccountToken/expirationSeconds",
        value: variables.ttl
      }]) + (source.serviceAccountToken.?audience.orValue("") == variables.audience
        || variables.audience == "" && source.serviceAccountToken.audience in variables.apiServer
      ? [] : [variables.audience == ""
        ? JSONPatch{
          op: "remove",
          path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j) + "/serviceAccountToken/audience"
        }
        : JSONPatch{
          op: "add",
          path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j) + "/serviceAccountToken/audience",
          value: variables.audience
        }])
    : (source.serviceAccountToken.expirationSeconds == 3607
      ? [JSONPatch{
        op: "replace",
        path: "/spec/volumes/" + string(i) + "/projected/sources/" + string(j)
          + "/serviceAccountToken/expirationSeconds",
        value: 3600
      }] : [])
  )
).flatten().flatten()
"#;

/// Of each volume of the plugin, the files of the tokens for the API server, or else of all tokens: the default token is
/// the one called `token`, or else the first one.
const FILES: &str = r#"
object.spec.volumes.map(volume,
  !volume.name.startsWith("kube-api-access-") || !has(volume.projected) || !has(volume.projected.sources) ? []
  : volume.projected.sources.exists(s, has(s.serviceAccountToken) && (OWN))
  ? volume.projected.sources.filter(s, has(s.serviceAccountToken) && (OWN)).map(s, s.serviceAccountToken.path)
  : volume.projected.sources.filter(s, has(s.serviceAccountToken)).map(s, s.serviceAccountToken.path)
)
"#;

/// Whether a token is for the API server.
const FOR_API: &str = r#"s.serviceAccountToken.?audience.orValue("") in variables.apiServer"#;

/// Whether a token is as the annotations want the default token.
const REPLACED: &str = r#"
s.serviceAccountToken.?audience.orValue("") == variables.audience
  && s.serviceAccountToken.expirationSeconds == variables.ttl"#;

/// Audiences that mean the API server: none, and its default names.
const API_SERVER: &str =
    r#"["", "https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"]"#;
const AUDIENCE: &str = r#"
object.metadata.?annotations[?"boundtoken.dev/audience"].orValue(
  namespaceObject.metadata.?annotations[?"boundtoken.dev/audience"].orValue("")).trim()"#;
const TTL_TEXT: &str = r#"
object.metadata.?annotations[?"boundtoken.dev/ttl"].orValue(
  namespaceObject.metadata.?annotations[?"boundtoken.dev/ttl"].orValue("1h")).trim()"#;
const TTL: &str = r#"
variables.ttlText.matches("^[0-9]+$") ? int(variables.ttlText) : duration(variables.ttlText).getSeconds()"#;

/// Returns both policies with their bindings, each for the Namespaces whose label `arm` is its name.
pub(crate) fn objects() -> Vec<Value> {
    let api_server = json!({"name": "apiServer", "expression": API_SERVER});
    let annotated = [("audience", AUDIENCE), ("ttlText", TTL_TEXT), ("ttl", TTL)]
        .map(|(name, expression)| json!({"name": name, "expression": expression}));
    let files = |own: &str| json!({"name": "files", "expression": FILES.replace("OWN", own)});
    let either = format!("{FOR_API} || {REPLACED}");
    let annotated = [vec![api_server.clone()], annotated.into(), vec![files(&either)]].concat();
    let plain = [api_server, files(FOR_API)];
    [policy("policy", EXPRESSION, &plain), policy("annotated", ANNOTATED, &annotated)].concat()
}

fn policy(name: &str, expression: &str, variables: &[Value]) -> Vec<Value> {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"arm": name}},
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                }],
            },
            "matchConditions": [{"name": "volumes", "expression": "has(object.spec.volumes)"}],
            "variables": variables,
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    });
    vec![policy, binding]
}
