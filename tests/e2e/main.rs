//! boundtoken on a real node: it is installed with `kubectl apply`, and tests read the tokens of running
//! Pods.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

mod applied;
mod chart;
mod check;
mod clients;
mod cluster;
mod existing;
mod install;
mod memory;
mod monitoring;
mod mounts;
mod node;
mod others;
mod outage;
mod pages;
mod pods;
mod prometheus;
mod random_mounts;
mod rights;
mod roll_out;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod traffic;
mod uninstall;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion};
use tokio::runtime::Runtime;

use crate::support::control_plane::interrupted;
use crate::support::trials::{tests, without_start};
use cluster::Cluster;

tests![
    OF_TOKENS, of_tokens(Cluster):
    mounts::beside_a_token,
    mounts::in_the_way_of_a_token,
    random_mounts::beside_a_token,
    tokens::a_deleted_pod_takes_its_token_along,
    tokens::a_label_makes_an_hour_of_a_year,
    tokens::a_legacy_secret,
    tokens::a_token_for_vault,
    tokens::no_token,
];

tests![
    OF_THE_INSTALL, of_the_install(Cluster):
    applied::again,
    applied::after_a_rotation,
    outage::scaled_to_zero,
    uninstall::by_kustomization,
    uninstall::by_file,
    uninstall::by_namespace,
    uninstall::with_certificates_of_ones_own,
];

tests![
    OF_THE_NODE, of_the_node(Cluster):
    uninstall::on_the_network_of_the_host,
    uninstall::on_the_network_of_the_host_by_namespace,
    chart::a_release_under_load,
    roll_out::safely,
    monitoring::alerts_fire_and_end,
    // These run in this order, so that they install boundtoken once.
    pages::the_install_of_the_readme,
    check::faults_of_the_node,
    pages::the_looks_of_troubleshooting,
    pages::upgrade_and_uninstall,
    memory::of_an_idle_replica,
    // While a kubelet starts, no Pod on its node is ready, including those of boundtoken.
    tokens::clients_of_the_api_server_work_on,
    outage::an_api_server_away_for_a_minute,
    outage::all_replicas_killed,
    outage::all_replicas_hang,
    existing::not_where_boundtoken_is,
    existing::by_its_kubeconfig,
];

// Checks the requests of all other tests, so it runs last.
tests![OF_ALL, of_all(Cluster): rights::are_the_least];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if let Some(code) = without_start(&arguments, &[OF_TOKENS, OF_THE_INSTALL, OF_THE_NODE, OF_ALL]) {
        return code;
    }
    let runtime = Runtime::new().unwrap();
    let cluster = match runtime.block_on(start()) {
        Ok(cluster) => Arc::new(cluster),
        Err(code) => return code,
    };
    stop_on_signal(&runtime, &cluster);
    let conclusion = catch_unwind(AssertUnwindSafe(|| run(&runtime, &arguments, &cluster)));
    runtime.block_on(cluster.stop());
    conclusion.map_or(ExitCode::FAILURE, |conclusion| conclusion.exit_code())
}

/// Starts the cluster, and cleans up if interrupted during the start.
async fn start() -> Result<Cluster, ExitCode> {
    tokio::select! {
        biased;
        code = interrupted() => Err(code.into()),
        cluster = Cluster::start() => cluster,
    }
}

/// Cleans up when the tests are interrupted.
fn stop_on_signal(runtime: &Runtime, cluster: &Arc<Cluster>) {
    let (handle, cluster) = (runtime.handle().clone(), Arc::downgrade(cluster));
    std::thread::spawn(move || {
        let code = handle.block_on(interrupted());
        if let Some(cluster) = cluster.upgrade() {
            handle.block_on(cluster.stop());
        }
        std::process::exit(code.into());
    });
}

/// Runs the tests of tokens concurrently, and then, one by one, those that change the install or the node.
fn run(runtime: &Runtime, arguments: &Arguments, cluster: &Arc<Cluster>) -> Conclusion {
    runtime.block_on(install::install(cluster));
    let threads = |count| Arguments { test_threads: Some(count), ..arguments.clone() };
    let together = libtest_mimic::run(&threads(4), of_tokens(runtime, cluster));
    let mut trials = of_the_install(runtime, cluster);
    if cluster.own_node().is_some() {
        trials.extend(of_the_node(runtime, cluster));
        trials.extend(of_all(runtime, cluster));
    } else {
        println!("left out, since these need a node of their own: {}", OF_THE_NODE.join(", "));
    }
    let alone = libtest_mimic::run(&threads(1), trials);
    if together.has_failed() { together } else { alone }
}
