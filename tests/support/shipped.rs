//! The objects of `manifests/base`, renamed so that several installs can coexist.

use serde_json::{Value, json};

const SHIPPED: [&str; 6] = [
    include_str!("../../manifests/base/namespace.yaml"),
    include_str!("../../manifests/base/service-account.yaml"),
    include_str!("../../manifests/base/rbac.yaml"),
    include_str!("../../manifests/base/secret.yaml"),
    include_str!("../../manifests/base/service.yaml"),
    include_str!("../../manifests/base/webhook.yaml"),
];

/// The label with which an install selects Namespaces.
const INSTALL: &str = "install";

/// The objects of an install, in the order in which they can be created.
pub(crate) fn of(name: &str) -> impl Iterator<Item = Value> {
    let documents = SHIPPED.iter().flat_map(|file| file.split("\n---\n"));
    documents.map(move |document| renamed(serde_saphyr::from_str(document).unwrap(), name))
}

/// The container of the Deployment.
pub(crate) fn container() -> Value {
    let mut deployment: Value =
        serde_saphyr::from_str(include_str!("../../manifests/base/deployment.yaml")).unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0].take()
}

/// The environment variables of the container that are not flags.
pub(crate) fn environment() -> Vec<(String, String)> {
    let container = container();
    let variables = container["env"].as_array().unwrap().iter();
    let pair = |variable: &Value| {
        let text = |field: &str| variable[field].as_str().unwrap().to_owned();
        (text("name"), text("value"))
    };
    variables.map(pair).filter(|(name, _)| !name.starts_with("BOUNDTOKEN_")).collect()
}

/// Renames an object: a cluster-wide one to the name of the install, others get its Namespace.
fn renamed(mut object: Value, name: &str) -> Value {
    match object["kind"].as_str().unwrap() {
        "Namespace" => object["metadata"]["name"] = name.into(),
        "ClusterRole" => {
            object["metadata"]["name"] = name.into();
            let configuration = &mut object["rules"][1]["resourceNames"];
            assert_eq!(*configuration, json!(["boundtoken"]));
            *configuration = json!([name]);
        }
        "ClusterRoleBinding" => {
            object["metadata"]["name"] = name.into();
            object["roleRef"]["name"] = name.into();
            object["subjects"][0]["namespace"] = name.into();
        }
        "RoleBinding" => {
            object["metadata"]["namespace"] = name.into();
            object["subjects"][0]["namespace"] = name.into();
        }
        "MutatingWebhookConfiguration" => {
            object["metadata"]["name"] = name.into();
            let webhook = &mut object["webhooks"][0];
            webhook["name"] = self::webhook(name).into();
            webhook["clientConfig"]["service"]["namespace"] = name.into();
            webhook["namespaceSelector"]["matchLabels"][INSTALL] = name.into();
            webhook["namespaceSelector"]["matchExpressions"][0]["values"] = json!(["kube-system", name]);
        }
        _ => object["metadata"]["namespace"] = name.into(),
    }
    object
}

/// The name of the install's webhook.
pub(crate) fn webhook(name: &str) -> String {
    format!("{name}.pods.boundtoken.dev")
}

/// A Namespace that has opted in to an install.
pub(crate) fn opted_in(name: &str, namespace: &str) -> Value {
    let labels = json!({"boundtoken.dev/webhook": "enabled", INSTALL: name});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
}
