//! `manifests/guard-namespaces`: settings of Namespaces are changed only with the verb `manage`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::guard::assert_no_type_warnings;
use crate::guard_install::clone_of_the_manifests;
use crate::shop::{Terminal, alone};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::block;
use crate::support::test_install::{SHOP, namespace_of};

/// May change Namespaces, but not the settings in them; has every right inside the Namespace.
const TENANT: &str = "guard-tenant";
/// May change Namespaces, and the settings of `shop`.
const OWNER: &str = "guard-owner";
/// Has the role `cluster-admin`.
const ADMINISTRATOR: &str = "guard-administrator";
/// A controller that applies manifests from Git, with the shipped role; the page grants it.
const CONTROLLER: &str = "system:serviceaccount:flux-system:kustomize-controller";

/// Changes of a Namespace, and whether they need the verb.
const CHANGES: [(&str, bool); 11] = [
    ("kubectl label namespace shop boundtoken.dev/webhook-", true),
    ("kubectl label namespace shop boundtoken.dev/webhook=disabled --overwrite", true),
    ("kubectl annotate namespace shop boundtoken.dev/mode=off", true),
    ("kubectl annotate namespace shop boundtoken.dev/max-ttl=2h --overwrite", true),
    ("kubectl annotate namespace shop boundtoken.dev/max-ttl-", true),
    (
        "kubectl patch namespace shop --subresource=status --type=merge -p '{\"metadata\":{\"labels\":{\"boundtoken.dev/webhook\":null}}}'",
        true,
    ),
    (
        "kubectl get namespace shop -o json | sed s/1h/2h/ | kubectl replace --raw '/api/v1/namespaces/shop/finalize?dryRun=All' -f -",
        true,
    ),
    (
        "kubectl get namespace shop -o json | kubectl replace --raw '/api/v1/namespaces/shop/finalize?dryRun=All' -f -",
        false,
    ),
    ("kubectl label namespace shop team=web --overwrite", false),
    ("kubectl annotate namespace shop boundtoken.dev/max-ttl=1h --overwrite", false),
    (
        "kubectl patch namespace shop --subresource=status --type=merge -p '{\"metadata\":{\"labels\":{\"team\":\"web\"}}}'",
        false,
    ),
];

/// A tenant is refused, also by way of the subresources; an administrator, an owner and a controller are not.
pub(crate) async fn only_authorized_users_change_settings(plane: Arc<ControlPlane>) {
    let _alone = alone(&plane).await;
    let terminal = clone_of_the_manifests(&plane);
    terminal.type_in(&block("guard-namespaces"));
    terminal.type_in(&block("guard-grant"));
    plane.api.create(&namespace_of(SHOP, SHOP, &[("max-ttl", "1h")])).await.unwrap();
    grant(&terminal);
    assert_no_type_warnings(&plane, "boundtoken-guard-namespaces").await;
    let refusal = "namespaces \"shop\" is forbidden: ValidatingAdmissionPolicy 'boundtoken-guard-namespaces' with \
                   binding 'boundtoken-guard-namespaces' denied request: boundtoken.dev/webhook of Namespace shop \
                   cannot be changed: User \"guard-tenant\" cannot manage resource \"namespacesettings\" in API group \
                   \"boundtoken.dev\". Ask an administrator of the cluster for the change, or for the ClusterRole \
                   boundtoken-namespacesettings";
    eventually("a refusal", async || {
        let said = try_as(&terminal, TENANT, &dry_run(CHANGES[0].0));
        if said.as_ref().is_err_and(|said| said.contains(refusal)) { Ok(()) } else { Err(said) }
    })
    .await;
    for (user, may) in [(TENANT, false), (OWNER, true), (CONTROLLER, true), (ADMINISTRATOR, true)] {
        for (change, needs) in CHANGES {
            let outcome = try_as(&terminal, user, &dry_run(change));
            assert_eq!(outcome.is_ok(), may || !needs, "{user}: {change}: {outcome:?}");
        }
    }
    new_namespaces(&plane, &terminal).await;
    terminal.type_in(&block("guard-namespaces-removed"));
    eventually("a change by the tenant", async || try_as(&terminal, TENANT, CHANGES[0].0)).await;
    terminal.type_in("kubectl delete clusterrole,clusterrolebinding -l test=guard");
    terminal.type_in("kubectl delete clusterrolebinding flux-boundtoken");
}

/// The command as a dry run of the server.
fn dry_run(change: &str) -> String {
    if change.contains("dryRun=All") { change.to_owned() } else { format!("{change} --dry-run=server") }
}

/// A Namespace without settings may be created, one with settings needs the verb.
async fn new_namespaces(plane: &ControlPlane, terminal: &Terminal) {
    for (user, with, without) in [(TENANT, false, true), (OWNER, false, true), (CONTROLLER, true, true)] {
        for (settings, expected) in [(true, with), (false, without)] {
            let mut namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guard-new"}});
            if settings {
                namespace["metadata"]["labels"] = json!({"boundtoken.dev/webhook": "enabled"});
            }
            terminal.write("new.json", &namespace.to_string());
            let outcome = try_as(terminal, user, "kubectl create -f new.json --dry-run=server");
            assert_eq!(outcome.is_ok(), expected, "{user}: {namespace}: {outcome:?}");
        }
    }
    plane.api.gone("/api/v1/namespaces/guard-new").await.unwrap();
}

/// Grants the rights of the users, except that of the page.
fn grant(terminal: &Terminal) {
    let role = |kind: &str, name: &str, rule: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": if kind == "Role" { SHOP } else { "" }, "labels": {"test": "guard"}},
            "rules": [rule],
        })
    };
    let namespaces = json!({
        "apiGroups": [""],
        "resources": ["namespaces", "namespaces/status", "namespaces/finalize"],
        "verbs": ["get", "list", "create", "update", "patch", "delete"],
    });
    let shop = json!({
        "apiGroups": ["boundtoken.dev"], "resources": ["namespacesettings"], "resourceNames": [SHOP], "verbs": ["manage"],
    });
    let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
    let roles = [
        role("ClusterRole", "guard-edit", namespaces),
        role("ClusterRole", "guard-owner", shop),
        role("Role", "all", all),
    ];
    terminal.write("roles.json", &json!({"apiVersion": "v1", "kind": "List", "items": roles}).to_string());
    terminal.type_in(&format!(
        "kubectl create -f roles.json\n\
         kubectl create clusterrolebinding guard-edit --clusterrole=guard-edit --user={TENANT} --user={OWNER} \
         --user={CONTROLLER}\n\
         kubectl create clusterrolebinding guard-admin --clusterrole=cluster-admin --user={ADMINISTRATOR}\n\
         kubectl create clusterrolebinding guard-owner --clusterrole=guard-owner --user={OWNER}\n\
         kubectl label clusterrolebinding guard-edit guard-admin guard-owner test=guard\n\
         kubectl create rolebinding all -n shop --role=all --user={TENANT}\n\
         kubectl create rolebinding manage -n shop --clusterrole=boundtoken-namespacesettings --user={TENANT}\n"
    ));
}

/// Runs a command as a user. Returns what it printed.
fn try_as(terminal: &Terminal, user: &str, command: &str) -> Result<String, String> {
    let script = command.replace("kubectl ", &format!("kubectl --as={user} "));
    let output = terminal.try_in(&script);
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if output.status.success() { Ok(printed) } else { Err(printed) }
}
