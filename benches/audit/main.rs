//! The cost of `boundtoken audit`: reading logs, compared with a bare count of lines and with `jq`, and reading a real API
//! server with twenty thousand Pods.
//!
//! `cargo bench --bench audit -- logs` measures the logs alone, which needs no control plane. Fails if a goal is missed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    clippy::cast_precision_loss,
    reason = "a benchmark fails by panicking, and its figures are rounded"
)]

mod log;
mod logs;
mod pods;
mod process;
#[path = "../cluster/run.rs"]
mod run;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let only_logs = std::env::args().any(|argument| argument == "logs");
    let only_pods = std::env::args().any(|argument| argument == "pods");
    println!("load before: {}\n", run::load());
    let mut holds = only_pods || Runtime::new().unwrap().block_on(logs::measure());
    if only_logs {
        return if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    run::run(async |plane| {
        holds &= pods::measure(plane).await;
        if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

/// Prints a figure beside its goal. Returns whether it holds.
fn judge(what: &str, figure: f64, unit: &str, goal: f64, at_least: bool) -> bool {
    let holds = if at_least { figure >= goal } else { figure <= goal };
    let (word, mark) = (if at_least { "at least" } else { "at most" }, if holds { "" } else { "  MISSED" });
    println!("{what:<44}{figure:>9.1} {unit:<5} {word} {goal}{mark}");
    holds
}
