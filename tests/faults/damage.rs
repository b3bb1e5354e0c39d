//! The Secret is damaged and repaired within seconds. No create fails.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::certificates::{Ca, Pem, Validity};
use boundtoken::clock;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Faults;
use crate::installed::Replica;
use crate::scene::{Scene, repair};
use crate::support::control_plane::eventually;
use crate::trust::{held, published, verified_by};

/// The Secret is emptied.
pub(crate) async fn emptied(faults: Arc<Faults>) {
    repaired(&faults, "secret-emptied", |_| json!(null)).await;
}

/// Each value is cut in half.
pub(crate) async fn truncated(faults: Arc<Faults>) {
    let cut = |text: &Value| {
        let text = STANDARD.decode(text.as_str().unwrap()).unwrap();
        Value::from(STANDARD.encode(&text[..text.len() / 2]))
    };
    repaired(&faults, "secret-truncated", |data| {
        data.as_object().unwrap().iter().map(|(key, text)| (key.clone(), cut(text))).collect()
    })
    .await;
}

/// The certificate belongs to another key.
pub(crate) async fn mismatched(faults: Arc<Faults>) {
    repaired(&faults, "secret-mismatched", |_| json!({"tls.crt": encoded(&foreign("other").1.certificate)}))
        .await;
}

/// The key of the CA belongs to another CA.
pub(crate) async fn mismatched_authority(faults: Arc<Faults>) {
    let name = "secret-key-of-another-ca";
    repaired(&faults, name, |_| json!({"ca.key": encoded(&foreign("other").0.key)})).await;
}

/// The CA was made by another program.
pub(crate) async fn foreign_authority(faults: Arc<Faults>) {
    in_use_stays(&faults, "secret-foreign-ca", |_| {
        let (authority, _) = foreign("other");
        json!({"ca.crt": encoded(&authority.certificate), "ca.key": encoded(&authority.key)})
    })
    .await;
}

/// All certificates were made by another program.
pub(crate) async fn all_foreign(faults: Arc<Faults>) {
    in_use_stays(&faults, "secret-all-foreign", |name| {
        let (authority, serving) = foreign(name);
        json!({
            "ca.crt": encoded(&authority.certificate), "ca.key": encoded(&authority.key),
            "tls.crt": encoded(&serving.certificate), "tls.key": encoded(&serving.key),
        })
    })
    .await;
}

/// The Secret is deleted, and later created again from the manifest.
pub(crate) async fn deleted(faults: Arc<Faults>) {
    let scene = Scene::new(&faults, "secret-deleted", &[]).await;
    let (installed, path) = (&scene.installed, scene.installed.secret_path());
    let first = held(&installed.secret().await, "tls.crt");
    let (row, (took, _late)) = scene
        .under_traffic(async {
            installed.plane.api.delete(&path).await.ok().unwrap();
            let late = scene.start().await;
            eventually("a replica that has nothing to serve", async || {
                let readiness = late.serving.admin().await.get("/readyz?verbose").await.body;
                if readiness.contains("contains no serving certificate yet") {
                    Ok(())
                } else {
                    Err(readiness)
                }
            })
            .await;
            sleep(faults.size.damage.after).await;
            scene.trusted().await.unwrap();
            assert!(scene.replicas.iter().all(Replica::is_ready) && !late.is_ready());
            assert_eq!((scene.writes.secret(), scene.writes.configuration()), (0, 0));
            installed.plane.api.create(&installed.manifest_of("Secret")).await.unwrap();
            let took = repair("the Secret as it was", async || scene.settled().await).await;
            (took, late.ready().await)
        })
        .await;
    assert_eq!(held(&installed.secret().await, "tls.crt"), first);
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (1, 0));
    faults.report(scene.repaired(row, took, ""));
}

/// Damage after which the previous state is restored: one CA, and nothing pending.
async fn repaired(faults: &Faults, name: &str, damage: impl FnOnce(&Value) -> Value) {
    let scene = Scene::new(faults, name, &[]).await;
    let authority = published(&scene.installed).await;
    let (row, took) = scene
        .under_traffic(async {
            let data = scene.installed.secret().await["data"].take();
            scene.installed.change_secret(&json!({"data": damage(&data)})).await;
            repair("a Secret that is whole", async || scene.settled().await).await
        })
        .await;
    assert_eq!(published(&scene.installed).await, authority);
    assert!(
        (1..=2).contains(&scene.writes.secret()) && scene.writes.configuration() == 0,
        "{}",
        scene.writes
    );
    faults.report(scene.repaired(row, took, ""));
}

/// Damage that brings another CA: the served certificate stays trusted until one under the other CA is
/// served.
async fn in_use_stays(faults: &Faults, name: &str, damage: impl FnOnce(&str) -> Value) {
    let scene = Scene::new(faults, name, &["--tick=2", "--dwell=4"]).await;
    let (first, installed) = (published(&scene.installed).await, &scene.installed);
    let (row, took) = scene
        .under_traffic(async {
            installed.change_secret(&json!({"data": damage(&installed.service_name())})).await;
            let took = repair("a bundle of both", async || {
                let (now, secret) = (published(installed).await, installed.secret().await);
                let next = [held(&secret, "ca.crt"), held(&secret, "next-ca.crt")].concat();
                let known = next.iter().any(|one| !first.contains(one) && now.contains(one));
                let both = known && now.contains(&first[0]);
                if both { Ok(()) } else { Err(format!("{} published", now.len())) }
            })
            .await;
            scene.trusted().await.unwrap();
            eventually("a certificate under the other authority", async || {
                scene.trusted().await?;
                let secret = installed.secret().await;
                let (authority, old) = (held(&secret, "ca.crt"), held(&secret, "old-ca.crt"));
                verified_by(&authority, installed, &scene.replicas).await?;
                if authority != first && old == first { Ok(()) } else { Err("not yet".to_owned()) }
            })
            .await;
            took
        })
        .await;
    assert!(scene.writes.secret() <= 8 && scene.writes.configuration() <= 2, "{}", scene.writes);
    faults.report(scene.repaired(row, took, ""));
}

/// A CA of another program, and a serving certificate under it.
pub(crate) fn foreign(name: &str) -> (Pem, Pem) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "another program");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let ca = Ca::load(Pem { certificate, key: key.serialize_pem() }).unwrap();
    let validity = Validity::from_now(clock::now(), time::Duration::days(365));
    let serving = ca.issue(&[name.to_owned()], validity).unwrap();
    (ca.pem, serving)
}

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}
