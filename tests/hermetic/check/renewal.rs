//! The commands about certificates suit what renews them: boundtoken, cert-manager or the user.

use boundtoken::check::CheckLevel;
use json_patch::Patch;
use serde_json::{Value, json};
use time::Duration;

use super::{SERVICE, bundle, chain, found, healthy, installation, own_certificates};

/// The patch of an installation with cert-manager.
fn cert_manager() -> Value {
    let annotations = json!({"cert-manager.io/inject-ca-from": "boundtoken/boundtoken"});
    let mut patch = own_certificates();
    let annotate =
        json!({"op": "add", "path": "/configurations/0/metadata/annotations", "value": annotations});
    patch.as_array_mut().unwrap().push(annotate);
    patch
}

#[test]
fn a_certificate_is_renewed_by_what_manages_it() {
    let serving =
        ("replicas-certificate-validity", "/replies/1/answers/chain", chain(SERVICE, -Duration::MINUTE));
    let pointer = "/configurations/0/webhooks/0/clientConfig/caBundle";
    let empty = ("configuration-bundle", pointer, json!(""));
    let damaged = ("configuration-bundle", pointer, json!("?"));
    let expired = ("configuration-bundle-validity", pointer, json!(bundle(-Duration::days(1))));
    let foreign = ("replicas-certificate", pointer, json!(bundle(Duration::days(1))));
    let restart = "kubectl -n boundtoken rollout restart deployment boundtoken";
    let describe = "kubectl -n boundtoken describe certificates.cert-manager.io";
    let apply = "boundtoken certs --tls-dir tls --tls-dns boundtoken.boundtoken.svc && kubectl";
    let patch = "kubectl patch mutatingwebhookconfiguration boundtoken --type=json";
    for (id, pointer, value) in [serving, empty, damaged, expired, foreign] {
        let of_user = if id == "replicas-certificate-validity" { apply } else { patch };
        for (install, expected) in
            [(json!([]), restart), (cert_manager(), describe), (own_certificates(), of_user)]
        {
            let mut parts = healthy();
            for patch in [install, json!([{"op": "add", "path": pointer, "value": value}])] {
                let patch: Patch = serde_json::from_value(patch).unwrap();
                json_patch::patch(&mut parts, &patch).unwrap();
            }
            let findings = found(&installation(&parts), CheckLevel::Warning);
            let finding = findings.iter().find(|finding| finding.id == id).unwrap();
            let command = finding.command.as_deref().unwrap();
            assert!(command.starts_with(expected), "{id}: {command}");
        }
    }
}
