//! Creates Pods while boundtoken's replicas come, go, change their certificates and are attacked. No create may fail.
//!
//! `make test-faults` runs these tests, `make soak` at full size. Each scenario has a control with one
//! defence switched off, in which creates must fail: a scenario that cannot fail proves nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

mod applied;
mod attacks;
mod bundle;
mod damage;
mod etcd_proxy;
mod idle;
mod installed;
mod killed;
mod lagging;
mod many;
mod outage;
mod rolling;
mod rotation;
mod scene;
mod size;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod traffic;
mod trust;
mod written;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Conclusion};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::support::control_plane::{Api, ControlPlane};
use crate::support::trials::{tests, without_start};
use etcd_proxy::EtcdProxy;
use size::Size;
use table::Row;

/// The state that all scenarios share.
pub(crate) struct Faults {
    pub(crate) plane: Arc<ControlPlane>,
    /// An API server that behaves as before 1.37: it chooses a replica per connection, not per call.
    pub(crate) other: Api,
    /// The proxy through which the other API server reads webhook configurations from etcd.
    pub(crate) etcd_proxy: EtcdProxy,
    pub(crate) size: Size,
    rows: Mutex<Vec<Row>>,
    /// Limits the installs with damaged certificates: with too many at once, calls time out.
    damage_permits: Semaphore,
}

impl Faults {
    async fn start() -> Result<Self, ExitCode> {
        let plane = Arc::new(ControlPlane::start().await?);
        tokio::spawn(Arc::clone(&plane).stop_on_signal());
        let etcd_proxy = EtcdProxy::start(plane.etcd()).await;
        let configurations = "admissionregistration.k8s.io/mutatingwebhookconfigurations";
        let flags = [
            "--feature-gates=WebhookRoundTripLoadBalancing=false".to_owned(),
            format!("--etcd-servers-overrides={configurations}#http://127.0.0.1:{}", etcd_proxy.port),
        ];
        let other = plane.start_another_api_server(&flags).await.0;
        let size = Size::chosen();
        let damage_permits = Semaphore::new(size.damage.max_installs);
        Ok(Self { plane, other, etcd_proxy, size, rows: Mutex::default(), damage_permits })
    }

    /// Waits for a permit, which is released when dropped.
    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        self.damage_permits.acquire().await.unwrap()
    }

    /// Every API server.
    pub(crate) fn apis(&self) -> [&Api; 2] {
        [&self.plane.api, &self.other]
    }

    /// Adds a row to the table.
    pub(crate) fn report(&self, row: Row) {
        self.rows.lock().unwrap().push(row);
    }

    fn print(&self) {
        println!("\n{}", table::HEADING);
        self.rows.lock().unwrap().iter().for_each(|row| println!("{row}"));
    }
}

tests![
    TOGETHER, together(Faults):
    idle::kept_connections,
    idle::control_without_a_shutdown,
    rolling::restarts_with_endpoints_at_once,
    rolling::restarts_with_endpoints_after_a_second,
    rolling::restarts_with_endpoints_after_five_seconds,
    rolling::control_without_a_shutdown,
    rotation::renewals,
    rotation::new_keys,
    rotation::control_without_an_order,
    killed::at_first_start,
    killed::at_a_renewal_of_the_certificate,
    killed::at_a_renewal_of_the_authority,
    killed::at_a_new_key,
    killed::control_certificate_before_bundle,
    many::started_at_once,
    many::notified_at_once,
    damage::emptied,
    damage::truncated,
    damage::mismatched,
    damage::mismatched_authority,
    damage::foreign_authority,
    damage::all_foreign,
    damage::deleted,
    bundle::wiped,
    bundle::garbage,
    bundle::foreign_authority,
    bundle::overwritten_repeatedly,
    bundle::configuration_deleted,
    applied::again_by_kubectl,
    applied::again_by_the_api_server,
    applied::replaced,
];

tests![ALONE, alone(Faults): lagging::new_key];

tests![
    ATTACKS, attacks(Faults):
    attacks::used_and_silent_connections,
    attacks::costly_bodies,
    attacks::clients_that_do_not_read,
    attacks::bodies_that_stall,
    attacks::endless_names,
    attacks::pods_of_a_tenant,
    attacks::the_admin_port,
    attacks::handshakes,
    attacks::a_thousand_random_attackers,
    attacks::control_from_the_address_of_the_api_server,
    attacks::a_poisoned_namespace,
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The tests wait more than they compute.
    arguments.test_threads.get_or_insert(16);
    if let Some(code) = without_start(&arguments, &[TOGETHER, ALONE, ATTACKS]) {
        return code;
    }
    if installed::machine_address().is_none() {
        eprintln!("left out: the tests of faults; they need an address of this machine beside loopback");
        let is_mistake = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        return if is_mistake { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let runtime = Runtime::new().unwrap();
    match runtime.block_on(Faults::start()) {
        Ok(faults) => run(&runtime, &arguments, faults).exit_code(),
        Err(code) => code,
    }
}

fn run(runtime: &Runtime, arguments: &Arguments, faults: Faults) -> Conclusion {
    let faults = Arc::new(faults);
    let together = libtest_mimic::run(arguments, together(runtime, &faults));
    // These run alone: they hold back events from the other API server, and other tests wait for such events.
    let alone = libtest_mimic::run(arguments, alone(runtime, &faults));
    // One after the other: each takes all the CPU time that it gets.
    let one_by_one = Arguments { test_threads: Some(1), ..arguments.clone() };
    let attacks = libtest_mimic::run(&one_by_one, attacks(runtime, &faults));
    faults.print();
    faults.plane.stop();
    [together, alone].into_iter().find(Conclusion::has_failed).unwrap_or(attacks)
}
