//! Certificates that change under traffic: the serving certificate, its CA, the key of the CA.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::rolling::two;
use crate::support::control_plane::eventually;
use crate::support::program::run;
use crate::table::Measuring;
use crate::traffic::Creator;

/// Certificates that live for seconds; the rules stay the same.
const RENEWED: [&str; 4] = ["--serving-life=30", "--authority-life=90", "--dwell=5", "--tick=1"];

/// A change of the key that takes seconds. The limit of ten writes of the Secret per minute still suffices.
const FORCED: [&str; 4] = ["--serving-life=180", "--authority-life=600", "--dwell=5", "--tick=2"];

/// More concurrent calls than idle connections that two API servers keep; one of them keeps 25 for all
/// replicas.
const MANY: usize = 80;

/// The versions of the certificates observed so far.
#[derive(Debug, Default)]
struct Seen {
    serving: BTreeSet<String>,
    authorities: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Seen {
    async fn look(&mut self, installed: &Installed) {
        let data = &installed.secret().await["data"];
        for (key, seen) in
            [("tls.crt", &mut self.serving), ("ca.crt", &mut self.authorities), ("ca.key", &mut self.keys)]
        {
            seen.insert(data[key].as_str().unwrap().to_owned());
        }
    }

    /// The number of replaced serving certificates and of replaced CA certificates.
    fn rotations(&self) -> [usize; 2] {
        [&self.serving, &self.authorities].map(|seen| seen.len() - 1)
    }

    fn reached(&self, [serving, authorities]: [usize; 2]) -> bool {
        let [renewed, of_authority] = self.rotations();
        renewed >= serving && of_authority >= authorities
    }
}

/// Serving certificate and CA are renewed when they are due.
pub(crate) async fn renewals(faults: Arc<Faults>) {
    let installs = 0..faults.size.rotating;
    join_all(installs.map(|number| renewals_of(&faults, number))).await;
}

async fn renewals_of(faults: &Faults, number: usize) {
    let name = format!("renewals-{number}");
    let wanted = [faults.size.serving_certificates, faults.size.authorities];
    rotate(faults, &name, &RENEWED, async |installed, creator| {
        let mut seen = Seen::default();
        seen.look(installed).await;
        while !seen.reached(wanted) {
            let before = seen.rotations();
            eventually("a renewal", async || {
                seen.look(installed).await;
                (seen.rotations() != before).then_some(())
            })
            .await;
            shake_hands(installed, creator).await;
        }
        assert_eq!(seen.keys.len(), 1, "a renewal keeps the key");
    })
    .await;
}

/// A new key is forced, and again as soon as it signs.
pub(crate) async fn new_keys(faults: Arc<Faults>) {
    rotate(&faults, "new-keys", &FORCED, async |installed, creator| {
        for _ in 0..faults.size.keys {
            let before = installed.secret().await["data"].take();
            force_new_key(installed).await;
            wait_for_new_key(installed, &before).await;
            shake_hands(installed, creator).await;
        }
    })
    .await;
}

/// Increases the number of concurrent calls until API servers need new connections, which use the current
/// certificate.
async fn shake_hands(installed: &Installed, creator: &Creator) {
    let before = installed.connections().await;
    for doubled in 0..4 {
        creator.burst(MANY << doubled).await;
        if installed.connections().await > before {
            return;
        }
    }
}

/// Requests a new key as docs/operate/certificates.md describes.
pub(crate) async fn force_new_key(installed: &Installed) {
    installed
        .change_secret(&json!({"metadata": {"annotations": {"boundtoken.dev/new-key": "please"}}}))
        .await;
}

/// Waits until the Secret contains a certificate under another key.
pub(crate) async fn wait_for_new_key(installed: &Installed, before: &Value) {
    eventually("a new key that signs", async || {
        let data = &installed.secret().await["data"];
        (data["ca.key"] != before["ca.key"] && data["tls.crt"] != before["tls.crt"]).then_some(())
    })
    .await;
}

/// Creates Pods while the certificates of two replicas change.
async fn rotate(faults: &Faults, name: &str, lives: &[&str], change: impl AsyncFnOnce(&Installed, &Creator)) {
    let installed = Installed::new(&faults.plane, name).await;
    let _replicas = two(&installed, lives).await;
    let creator = Creator::new(&installed, &faults.apis()).await;
    let measuring = Measuring::start(name, &installed, &faults.apis()).await;
    let traffic = creator.start(faults.size.rate);
    change(&installed, &creator).await;
    traffic.stop().await;
    let row = measuring.finish(&creator).await;
    row.assert_zero();
    faults.report(row);
}

/// Control without an ordering: the certificate file is replaced, and the `caBundle` some time later.
pub(crate) async fn control_without_an_order(faults: Arc<Faults>) {
    let name = "rotation-control";
    let installed = Installed::new(&faults.plane, name).await;
    let files = installed.directory().join("tls");
    make_certificates(&files, name);
    let (certificate, key) = (files.join("tls.crt"), files.join("tls.key"));
    publish(&installed, &files).await;
    let certificate = format!("--tls-cert={}", certificate.display());
    let arguments = [certificate, format!("--tls-key={}", key.display())];
    let [one, other] = two_with(&installed, &arguments.each_ref().map(String::as_str)).await;
    let creator = Creator::new(&installed, &faults.apis()).await;
    let measuring = Measuring::start(name, &installed, &faults.apis()).await;

    let new = installed.directory().join("new");
    make_certificates(&new, name);
    for file in ["tls.crt", "tls.key"] {
        std::fs::rename(new.join(file), files.join(file)).unwrap();
    }
    for replica in [&one, &other] {
        eventually("the new certificate", async || {
            let metrics = replica.serving.metrics().await;
            metrics.contains("boundtoken_certificate_rotations_total{result=\"success\"} 1").then_some(())
        })
        .await;
    }
    creator.burst(MANY).await;
    publish(&installed, &new).await;
    let row = measuring.finish(&creator).await;
    row.assert_failures("x509: certificate signed by unknown authority");
    faults.report(row);
}

async fn two_with(installed: &Installed, arguments: &[&str]) -> [Replica; 2] {
    let kubeconfig = installed.kubeconfig();
    let (one, other) =
        tokio::join!(installed.start(&kubeconfig, arguments), installed.start(&kubeconfig, arguments));
    [one.ready().await, other.ready().await]
}

/// Makes a CA and a serving certificate in a directory.
fn make_certificates(directory: &Path, name: &str) {
    let directory = directory.to_str().unwrap();
    let output = run(&["certs", "--tls-dir", directory, "--tls-dns", &format!("boundtoken.{name}.svc")]);
    assert!(output.status.success(), "{output:?}");
}

/// Writes the CA of a directory into the `caBundle`.
async fn publish(installed: &Installed, directory: &Path) {
    let bundle = STANDARD.encode(std::fs::read(directory.join("ca.crt")).unwrap());
    let mut webhooks = installed.configuration().await["webhooks"].take();
    webhooks[0]["clientConfig"]["caBundle"] = bundle.into();
    let path = installed.configuration_path();
    installed.plane.api.patch(&path, &json!({"webhooks": webhooks})).await.ok().unwrap();
}
