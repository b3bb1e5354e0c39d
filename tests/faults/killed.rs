//! A replica is killed after each write of the plan, before it receives the response to that write.
//!
//! Every write of every kind of change gets a run of its own with two replicas. The replica that makes the
//! write is killed and started again, while the other one keeps serving. API servers call a killed replica
//! until they observe that it is gone. Those failures do not concern certificates, so no Pods are created
//! from the kill until the replica is removed from the endpoints.

use std::path::PathBuf;
use std::slice::from_ref;
use std::sync::Arc;

use boundtoken::certificates::{Ca, Pem, Validity};
use boundtoken::clock;
use futures_util::future::join_all;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::Faults;
use crate::bundle;
use crate::installed::{Installed, Replica};
use crate::support::api_proxy::{ApiProxy, Effect};
use crate::support::control_plane::eventually;
use crate::table::{Measuring, Row};
use crate::traffic::Creator;
use crate::trust::{settled, verified_by};
use crate::written::is_of_secret;

/// A change of certificates.
struct Change {
    name: &'static str,
    /// Arguments of `boundtoken serve`, such as lives that end during the test.
    lives: &'static [&'static str],
    /// Whether no replica has run before.
    is_first: bool,
    /// The annotation that requests it.
    asked: Option<&'static str>,
    /// The keys of the Secret whose values are replaced by the change.
    renewed: &'static [&'static str],
    /// The number of concurrent runs.
    at_once: usize,
}

const FIRST: Change =
    Change { name: "first-start", lives: &[], is_first: true, asked: None, renewed: &[], at_once: 3 };

const CERTIFICATE: Change = Change {
    name: "certificate",
    lives: &["--tick=2", "--dwell=4", "--serving-life=45", "--authority-life=3600"],
    is_first: false,
    asked: None,
    renewed: &["tls.crt"],
    at_once: 2,
};

const AUTHORITY: Change = Change {
    name: "authority",
    lives: &["--tick=2", "--dwell=4", "--serving-life=60", "--authority-life=90"],
    renewed: &["ca.crt", "tls.crt"],
    at_once: 4,
    ..CERTIFICATE
};

const KEY: Change = Change {
    name: "new-key",
    lives: &["--tick=2", "--dwell=4", "--serving-life=45", "--authority-life=600"],
    asked: Some("boundtoken.dev/new-key"),
    renewed: &["ca.key", "tls.crt"],
    at_once: 7,
    ..CERTIFICATE
};

pub(crate) async fn at_first_start(faults: Arc<Faults>) {
    after_each_write(&faults, &FIRST).await;
}

pub(crate) async fn at_a_renewal_of_the_certificate(faults: Arc<Faults>) {
    after_each_write(&faults, &CERTIFICATE).await;
}

pub(crate) async fn at_a_renewal_of_the_authority(faults: Arc<Faults>) {
    after_each_write(&faults, &AUTHORITY).await;
}

pub(crate) async fn at_a_new_key(faults: Arc<Faults>) {
    after_each_write(&faults, &KEY).await;
}

/// Runs the change once per write, until it has no further write.
async fn after_each_write(faults: &Arc<Faults>, change: &'static Change) {
    let mut runs = Vec::new();
    loop {
        let numbers = runs.len() + 1..=runs.len() + change.at_once;
        let some = numbers.clone().map(|number| {
            let (faults, runtime) = (Arc::clone(faults), Handle::current());
            spawn_blocking(move || {
                runtime.block_on(async {
                    let _turn = faults.turn().await;
                    Run::begin(&faults, change, number).await.end(&faults).await
                })
            })
        });
        runs.extend(join_all(some).await.into_iter().filter_map(Result::unwrap));
        if runs.len() < *numbers.end() {
            break;
        }
    }
    let written: Vec<&str> = runs.iter().map(|(written, _)| *written).collect();
    let note = format!("killed after each of {} writes: {}", runs.len(), written.join(", "));
    assert!(!runs.is_empty(), "nothing was written");
    let row = Row::sum(&format!("killed-{}", change.name), runs.into_iter().map(|(_, row)| row));
    faults.report(row.noted(note));
}

/// The state of one run.
struct Run {
    change: &'static Change,
    /// The write after which a replica is killed.
    number: usize,
    installed: Installed,
    /// Each replica's own proxy of the API server.
    routes: [Route; 2],
}

struct Route {
    proxy: ApiProxy,
    kubeconfig: PathBuf,
}

impl Route {
    async fn new(installed: &Installed) -> Self {
        let proxy = ApiProxy::start(&installed.kubeconfig()).await;
        let kubeconfig = proxy.kubeconfig_for(&installed.kubeconfig());
        Self { proxy, kubeconfig }
    }
}

impl Run {
    async fn begin(faults: &Faults, change: &'static Change, number: usize) -> Self {
        let name = format!("killed-{}-{number}", change.name);
        let installed = Installed::new(&faults.plane, &name).await;
        let routes = [Route::new(&installed).await, Route::new(&installed).await];
        Self { change, number, installed, routes }
    }

    /// Returns the object written before the kill; `None` if there is no write of this number.
    async fn end(&self, faults: &Faults) -> Option<(&'static str, Row)> {
        if self.change.is_first { self.first_start(faults).await } else { self.rotation(faults).await }
    }

    /// Creates Pods as soon as a replica is ready. None is ready before the kill.
    async fn first_start(&self, faults: &Faults) -> Option<(&'static str, Row)> {
        let effects = self.effects();
        let mut replicas = self.two().await;
        let (who, effect) = self.nth(effects, self.settled(&replicas)).await?;
        let written = kill(replicas.remove(who), effect).await;
        let creator = Creator::new(&self.installed, &faults.apis()).await;
        let measuring = Measuring::start(&self.installed.name, &self.installed, &faults.apis()).await;
        let traffic = creator.start(faults.size.damage.rate);
        replicas.push(self.start(who).await.ready().await);
        self.settled(&replicas).await;
        sleep(faults.size.damage.after).await;
        self.settled(&replicas).await;
        traffic.stop().await;
        let row = measuring.finish(&creator).await;
        row.assert_zero();
        Some((written, row))
    }

    /// Creates Pods from the start.
    async fn rotation(&self, faults: &Faults) -> Option<(&'static str, Row)> {
        let (name, apis, rate) = (&self.installed.name, faults.apis(), faults.size.damage.rate);
        let mut replicas = self.two().await;
        join_all(replicas.iter().map(Replica::wait_until_ready)).await;
        let creator = Creator::new(&self.installed, &apis).await;
        let measuring = Measuring::start(name, &self.installed, &apis).await;
        let traffic = creator.start(rate);
        let (first, effects) = (self.installed.secret().await, self.effects());
        self.ask().await;
        let killed = self.nth(effects, self.rotated(&first, &replicas)).await;
        traffic.stop().await;
        let Some((who, effect)) = killed else {
            measuring.finish(&creator).await.assert_zero();
            return None;
        };
        let written = kill(replicas.remove(who), effect).await;
        let before = measuring.finish(&creator).await;
        self.forgotten(&creator).await;
        creator.forget();
        let measuring = Measuring::start(name, &self.installed, &apis).await;
        let traffic = creator.start(rate);
        replicas.push(self.start(who).await.ready().await);
        self.rotated(&first, &replicas).await;
        sleep(faults.size.damage.after).await;
        traffic.stop().await;
        let row = Row::sum(name, [before, measuring.finish(&creator).await]);
        row.assert_zero();
        Some((written, row))
    }

    /// Starts two replicas, which may not be ready yet.
    async fn two(&self) -> Vec<Replica> {
        let (one, other) = tokio::join!(self.start(0), self.start(1));
        vec![one, other]
    }

    async fn start(&self, who: usize) -> Replica {
        self.installed.replica_by(&self.routes[who].kubeconfig, self.change.lives).await
    }

    async fn ask(&self) {
        if let Some(annotation) = self.change.asked {
            let change = json!({"metadata": {"annotations": {annotation: "please"}}});
            self.installed.change_secret(&change).await;
        }
    }

    fn effects(&self) -> [UnboundedReceiver<Effect>; 2] {
        self.routes.each_ref().map(|route| route.proxy.effects())
    }

    /// The write with the number of this run, and the replica that made it; `None` if `over` completes first.
    async fn nth(
        &self,
        [mut one, mut other]: [UnboundedReceiver<Effect>; 2],
        over: impl Future<Output = ()>,
    ) -> Option<(usize, Effect)> {
        let mut next = async || {
            tokio::select! {
                Some(effect) = one.recv() => (0, effect),
                Some(effect) = other.recv() => (1, effect),
            }
        };
        let nth = async {
            for _ in 1..self.number {
                next().await;
            }
            next().await
        };
        tokio::select! {
            biased;
            nth = nth => Some(nth),
            () = over => None,
        }
    }

    /// Waits until the change is complete, and replicas, Secret and configuration are in sync.
    async fn rotated(&self, first: &Value, replicas: &[Replica]) {
        eventually("what was to change", async || {
            let secret = self.installed.secret().await;
            let same = |key: &&&str| secret["data"][**key] == first["data"][**key];
            self.change.renewed.iter().find(same).map_or(Ok(()), |key| Err(format!("{key} is the same")))
        })
        .await;
        self.settled(replicas).await;
    }

    async fn settled(&self, replicas: &[Replica]) {
        eventually("replicas at rest", async || settled(&self.installed, replicas).await).await;
    }

    /// Waits until no API server calls the killed replica. Until then calls of it are refused, and nothing
    /// else may fail.
    async fn forgotten(&self, creator: &Creator) {
        let slices = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?\
             labelSelector=endpointslice.kubernetes.io/managed-by=boundtoken-faults",
            self.installed.name
        );
        eventually("one endpoint", async || {
            let slices = self.installed.plane.api.list(&slices).await;
            (slices.len() == 1).then_some(())
        })
        .await;
        join_all(creator.apis().iter().map(async |api| {
            let mut in_a_row = 0;
            eventually("no call of a replica that is gone", async || {
                match creator.dry_run(api).await {
                    Ok(()) => in_a_row += 1,
                    Err(error) if is_refused(&error) => in_a_row = 0,
                    Err(error) => panic!("{error}"),
                }
                (in_a_row == 20).then_some(())
            })
            .await;
        }))
        .await;
    }
}

/// Kills a replica while the API server's response is held back, and returns the object that was written.
async fn kill(mut replica: Replica, effect: Effect) -> &'static str {
    replica.kill();
    let written = if is_of_secret(&effect) { "Secret" } else { "configuration" };
    drop(effect);
    replica.end().await;
    written
}

/// Whether the port was closed, or its process was killed.
fn is_refused(error: &str) -> bool {
    ["connection refused", "connection reset", "EOF"].iter().any(|end| error.contains(end))
}

/// A naive writer swaps the certificate first, and is killed before it publishes its CA.
pub(crate) async fn control_certificate_before_bundle(faults: Arc<Faults>) {
    let name = "killed-control";
    let installed = Installed::new(&faults.plane, name).await;
    let files = ["tls.crt", "tls.key"].map(|file| installed.directory().join(file));
    let swap = |serving: &Pem| {
        std::fs::write(&files[0], &serving.certificate).unwrap();
        std::fs::write(&files[1], &serving.key).unwrap();
    };
    let [first, next] = [(); 2].map(|()| {
        let validity = Validity::from_now(clock::now(), time::Duration::days(1));
        let ca = Ca::generate(validity).unwrap();
        let serving = ca.issue(&[installed.service_name()], validity).unwrap();
        (ca.pem.certificate, serving)
    });
    swap(&first.1);
    bundle::write(&installed, &first.0).await;
    let [certificate, key] = [("cert", &files[0]), ("key", &files[1])]
        .map(|(name, file)| format!("--tls-{name}={}", file.display()));
    let kubeconfig = installed.kubeconfig();
    let arguments = [certificate.as_str(), &key];
    let replica = installed.start(&kubeconfig, &arguments).await.ready().await;
    let creator = Creator::new(&installed, &faults.apis()).await;
    let measuring = Measuring::start(name, &installed, &faults.apis()).await;
    swap(&next.1);
    let authority = CertificateDer::from_pem_slice(next.0.as_bytes()).unwrap();
    let replicas = [replica];
    eventually("the next certificate", async || {
        verified_by(from_ref(&authority), &installed, &replicas).await
    })
    .await;
    creator.burst(faults.size.rate.burst).await;
    let row = measuring.finish(&creator).await;
    row.assert_failures("x509: certificate signed by unknown authority");
    faults.report(row);
}
