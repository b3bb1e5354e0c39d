//! The cost of ten thousand Namespaces: memory, time to start, and delay of a change of settings.
//!
//! A real API server holds them, first with the label alone, then with four annotations of their own each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a benchmark fails by panicking"
)]

#[path = "cluster/run.rs"]
mod run;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::control_plane::ControlPlane;
use crate::support::program::Serving;
use crate::support::test_install::{TestInstall, annotations, namespace_of, probe};
use run::{load, run};

/// Number of Namespaces, and how many of them are written at a time.
const NAMESPACES: usize = 10_000;
const AT_A_TIME: usize = 32;
/// Number of starts, of which the slowest and the largest count.
const STARTS: usize = 3;
/// Number of changes of one Namespace among the others.
const CHANGES: u64 = 200;

const CHANGED: &str = "settings";

/// Limits of the time from the start to ready, and of the resident memory then in MB.
const READY: Duration = Duration::from_secs(1);
const RESIDENT: f64 = 32.0;

fn main() -> ExitCode {
    run(measure)
}

async fn measure(plane: &Arc<ControlPlane>) -> ExitCode {
    let install = TestInstall::start(plane, "settings", &[(CHANGED, &[("ttl", "10000")])]).await;
    // It would create two unneeded objects for each Namespace.
    plane.kill("kube-controller-manager");
    println!("{NAMESPACES} Namespaces; at most {READY:?} and {RESIDENT} MB; load before: {}\n", load());
    println!("{:<32}{:>16}{:>8}{:>8}", "", "ready after, s", "MB", "peak");
    each(|number| make(plane, number)).await;
    let mut holds = starts(plane, "the label alone").await;
    each(|number| set_own(plane, number)).await;
    holds &= starts(plane, "four annotations of their own").await;
    let [now, peak] = memory(&install.serving);
    println!("{:<32}{:>16}{now:>8.1}{peak:>8.1}", "the same, as events of the watch", "");
    print_changes(&mut changes(plane).await);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `act` with the number of each Namespace.
async fn each<F: Future<Output = ()>>(act: impl Fn(usize) -> F) {
    stream::iter(0..NAMESPACES).for_each_concurrent(AT_A_TIME, act).await;
}

fn name(number: usize) -> String {
    format!("team-{number:05}")
}

async fn make(plane: &ControlPlane, number: usize) {
    plane.api.create(&namespace_of("other", &name(number), &[])).await.unwrap();
}

/// Gives a Namespace settings that no other one has.
async fn set_own(plane: &ControlPlane, number: usize) {
    let own = annotations(&[
        ("audience", &format!("https://vault.team-{number:05}.example.com")),
        ("ttl", &format!("{}", 10_000 + number)),
        ("path", &format!("/var/run/secrets/team-{number:05}/token")),
        ("env", &format!("TOKEN_OF_TEAM_{number:05}")),
    ]);
    annotate(plane, &name(number), &own).await;
}

async fn annotate(plane: &ControlPlane, namespace: &str, annotations: &Value) {
    let path = format!("/api/v1/namespaces/{namespace}");
    plane.api.patch(&path, &json!({"metadata": {"annotations": annotations}})).await.ok().unwrap();
}

/// Starts the program several times. Returns whether it stayed within its limits each time.
async fn starts(plane: &ControlPlane, what: &str) -> bool {
    let mut worst = (Duration::ZERO, [0.0_f64; 2]);
    for _ in 0..STARTS {
        let begin = Instant::now();
        let serving = Serving::start_in_cluster(&plane.subdirectory(), &plane.kubeconfig(), &[]);
        let mut admin = serving.admin().await;
        while admin.get("/readyz").await.status != 200 {
            sleep(Duration::from_millis(1)).await;
        }
        let ready = begin.elapsed();
        let known = format!("boundtoken_namespaces {}\n", NAMESPACES + 1);
        assert!(serving.metrics().await.contains(&known), "all of them, and the one that changes");
        let [now, peak] = memory(&serving);
        worst = (worst.0.max(ready), [worst.1[0].max(now), worst.1[1].max(peak)]);
    }
    let (ready, [now, peak]) = worst;
    println!("{what:<32}{:>16.2}{now:>8.1}{peak:>8.1}", ready.as_secs_f64());
    ready <= READY && now <= RESIDENT
}

/// Returns the memory of a process now and at its peak, in MB.
fn memory(serving: &Serving) -> [f64; 2] {
    ["VmRSS:", "VmHWM:"].map(|name| f64::from(serving.memory(name)) * 1024.0 / 1e6)
}

/// Changes settings. Returns the time from the response to each change to that of the first Pod that has it.
async fn changes(plane: &ControlPlane) -> Vec<Duration> {
    let mut times = Vec::new();
    for ttl in 10_001..=10_000 + CHANGES {
        annotate(plane, CHANGED, &annotations(&[("ttl", &ttl.to_string())])).await;
        let begin = Instant::now();
        while !probe(plane, CHANGED).await.body.to_string().contains(&format!("\"expirationSeconds\":{ttl}"))
        {
        }
        times.push(begin.elapsed());
    }
    times
}

fn print_changes(times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let (p50, p99, most) = (at(50), at(99), at(100));
    println!(
        "\na change of settings, until a Pod has them: p50 {p50:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms"
    );
}
