//! boundtoken on a real node: installed with `kubectl apply`, its Pods beside others, their tokens read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../cluster/control_plane/mod.rs"]
mod control_plane;
mod install;
mod node;
mod pods;
mod tokens;
#[path = "../common/trials.rs"]
mod trials;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion};
use tokio::runtime::Runtime;

use node::Cluster;
use trials::trials;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let runtime = Runtime::new().unwrap();
    match runtime.block_on(Cluster::start()) {
        Ok(cluster) => run(&runtime, &arguments, cluster).exit_code(),
        Err(code) => code,
    }
}

fn run(runtime: &Runtime, arguments: &Arguments, cluster: Cluster) -> Conclusion {
    let cluster = Arc::new(cluster);
    install::import_image(&cluster);
    runtime.block_on(install::apply(&cluster));
    let trials = trials![
        runtime,
        cluster,
        tokens::a_deleted_pod_takes_its_token_along,
        tokens::a_label_makes_an_hour_of_a_year,
        tokens::a_legacy_secret,
        tokens::a_token_for_vault,
        tokens::no_token,
    ];
    let together = libtest_mimic::run(arguments, trials);
    // While a kubelet starts, no Pod of its node is ready, boundtoken's included.
    let alone =
        libtest_mimic::run(arguments, trials![runtime, cluster, tokens::clients_of_the_api_server_work_on]);
    runtime.block_on(cluster.stop());
    if together.has_failed() { together } else { alone }
}
