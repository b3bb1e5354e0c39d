//! A replica that is attacked, while API servers create Pods through it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::time::{interval, sleep};

use super::attack::Attack;
use super::attacker::Attacker;
use super::bodies::Bodies;
use super::memory::Limited;
use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::support::control_plane::Api;
use crate::table::{Measuring, Row};
use crate::traffic::{Creator, Rate};
use crate::trust::{client_config, published};

/// The address of attackers.
pub(crate) const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// The limit for 99 of 100 creates.
const SOON: Duration = Duration::from_secs(1);

/// The creates during an attack. A burst needs more connections than the API server keeps.
const RATE: Rate = Rate { pause: Duration::from_millis(100), burst_pause: Duration::from_secs(3), burst: 30 };

/// The same for Pods of 100 kB, each of which costs the API server many times more.
const LARGE_RATE: Rate = Rate { burst: 8, ..RATE };

/// The period of the probes, which is 2 s in the manifests, and their timeout there.
const PROBE: Duration = Duration::from_millis(200);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// One replica under the memory limit of the manifests, and those who create Pods.
pub(crate) struct Target {
    installed: Installed,
    replica: Replica,
    creator: Creator,
    rate: Rate,
    memory: Limited,
    apis: [Api; 2],
    attacker: Attacker,
}

impl Target {
    pub(crate) async fn start(faults: &Faults, name: &str) -> Self {
        Self::padded(0, faults, name).await
    }

    /// Like [`Self::start`], with Pods that are larger by so many bytes.
    pub(crate) async fn padded(bytes: usize, faults: &Faults, name: &str) -> Self {
        let installed = Installed::new(&faults.plane, name).await;
        let replica = installed.replica(&[]).await.ready().await;
        let creator = Creator::padded(bytes, &installed, &faults.apis()).await;
        let mut config = client_config(&published(&installed).await);
        // A resumed session would cost the server less.
        config.resumption = Resumption::disabled();
        let attacker = Attacker {
            from: ATTACKER,
            to: replica.serving.listen,
            tls: Some((Arc::new(config), ServerName::try_from(installed.service_name()).unwrap())),
            bodies: Arc::new(Bodies::of(&format!("{name}-pods"))),
        };
        let memory = Limited::impose(&replica.serving);
        let apis = faults.apis().map(Clone::clone);
        let rate = if bytes > 0 { LARGE_RATE } else { RATE };
        Self { installed, replica, creator, rate, memory, apis, attacker }
    }

    /// An attacker of the webhook port.
    pub(crate) fn attacker(&self) -> Attacker {
        self.attacker.clone()
    }

    /// An attacker of the admin port.
    pub(crate) fn admin_attacker(&self) -> Attacker {
        Attacker { to: self.replica.serving.admin_listen, tls: None, ..self.attacker() }
    }

    /// The API path of the Pods.
    pub(crate) fn pods(&self) -> &str {
        self.creator.path()
    }

    /// The number of reviews that the replica has answered.
    pub(crate) async fn reviews(&self) -> u64 {
        self.replica.admissions().await
    }

    /// Creates Pods during an attack: none may fail, nor any probe, and the memory is free again.
    pub(crate) async fn attacked(&self, lasts: Duration, begin: impl FnOnce(&Attack)) -> Row {
        let row = tokio::select! {
            row = self.measured(lasts, begin) => row,
            never = self.probe() => match never {},
        };
        row.assert_none_failed_within(SOON);
        self.memory.assert_back(&self.replica.serving).await;
        row
    }

    /// Creates Pods during an attack.
    pub(crate) async fn measured(&self, lasts: Duration, begin: impl FnOnce(&Attack)) -> Row {
        let apis = self.apis.each_ref();
        self.creator.forget();
        let measuring = Measuring::start(&self.installed.name, &self.installed, &apis).await;
        let attack = Attack::begin();
        begin(&attack);
        let traffic = self.creator.start(self.rate);
        sleep(lasts).await;
        traffic.stop().await;
        let connections = attack.end().await;
        let memory = self.memory.note(&self.replica.serving);
        let row = measuring.finish(&self.creator).await;
        row.noted(format!("{connections} ended connections of attackers; {memory}"))
    }

    /// Probes the replica as a kubelet does.
    async fn probe(&self) -> std::convert::Infallible {
        let mut ticks = interval(PROBE);
        loop {
            ticks.tick().await;
            let probing = async { self.replica.serving.admin().await.get("/readyz").await.status };
            assert_eq!(tokio::time::timeout(PROBE_TIMEOUT, probing).await, Ok(200), "a probe");
        }
    }
}
