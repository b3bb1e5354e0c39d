//! Tests against a real API server: what it stored, refused, warned of and wrote into its audit log.
//!
//! `cargo test --test cluster` starts the control plane once, runs every test beside the others, and
//! stops it. Each test has its own Namespaces and its own webhook ([`world`]).

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
mod control_plane;
mod modes;
mod pods;
mod predict;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion, Trial};
use tokio::runtime::Runtime;

use control_plane::{ControlPlane, Missing};

/// The tests by name. Each gets the control plane that all share.
macro_rules! trials {
    ($runtime:ident, $plane:ident, $($module:ident :: $test:ident),* $(,)?) => {
        vec![$({
            let (handle, plane) = ($runtime.handle().clone(), Arc::clone(&$plane));
            Trial::test(concat!(stringify!($module), "::", stringify!($test)), move || {
                handle.block_on($module::$test(plane));
                Ok(())
            })
        }),*]
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait for the API server more than they compute.
    arguments.test_threads.get_or_insert(8);
    let runtime = Runtime::new().unwrap();
    match runtime.block_on(ControlPlane::start()) {
        Ok(plane) => run(&runtime, &arguments, plane).exit_code(),
        Err(Missing::LeftOut(code)) => code,
    }
}

fn run(runtime: &Runtime, arguments: &Arguments, plane: ControlPlane) -> Conclusion {
    let plane = Arc::new(plane);
    let trials = trials![
        runtime,
        plane,
        modes::every_mode_for_every_owner,
        modes::lists_of_containers,
        predict::manifests,
        predict::reviews,
        predict::cases_of_peers,
        predict::generated_pods,
    ];
    let conclusion = libtest_mimic::run(arguments, trials);
    if let Some(plane) = Arc::into_inner(plane) {
        plane.stop();
    }
    conclusion
}
