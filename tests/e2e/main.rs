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
mod node;

use std::process::ExitCode;

use serde_json::json;
use tokio::runtime::Runtime;

use control_plane::eventually;
use node::Cluster;

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    match runtime.block_on(Cluster::start()) {
        Ok(cluster) => runtime.block_on(run(cluster)),
        Err(code) => code,
    }
}

async fn run(cluster: Cluster) -> ExitCode {
    eprintln!("node ready");
    let pod = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"name":"a","image":"localhost/pause:test"}]}});
    cluster.plane.api.create(&pod).await.unwrap();
    eventually("running", async || {
        let pod = cluster.plane.api.get("/api/v1/namespaces/default/pods/p").await.unwrap();
        (pod["status"]["phase"] == "Running").then_some(())
    })
    .await;
    eprintln!("pod running");
    cluster.stop().await;
    eprintln!("stopped");
    ExitCode::SUCCESS
}
