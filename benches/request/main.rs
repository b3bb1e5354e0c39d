//! The CPU time that the server spends on a whole request over kept-alive TLS on loopback, compared with the
//! floor: a bare axum handler on rustls that reads the body and responds with a fixed document.
//!
//! Both are processes of their own on one core, and a client on another core sends them requests in turns.
//! Their CPU time is the kernel's count. Fails if a ratio is above its goal.

mod client;
mod cores;
mod floor;
mod server;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use tokio::runtime;

use client::Clients;
use cores::Cores;
use server::Server;

/// Reviews, each with its goal: server CPU per request, as a multiple of the floor's.
const REVIEWS: [(&str, f64); 2] = [("pod-plain", 1.8), ("pod-many", 2.5)];
/// Concurrent connections. With one, the server wakes for each request; with many, requests share wake-ups.
const CONNECTIONS: [u32; 3] = [1, 16, 64];
/// Requests in a round, over all connections.
const REQUESTS: u32 = 6400;
/// Number of rounds, of which the median counts.
const ROUNDS: usize = 11;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [flag, directory] = arguments.as_slice()
        && flag == "--floor"
    {
        let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(floor::serve(Path::new(directory))).map(|()| ExitCode::SUCCESS);
    }
    // One thread, which shares no core with the servers.
    let within = runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        tokio::spawn(stay_awake());
        compare().await
    })?;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Keeps the client polling. The kernel charges a server for waking a client that sleeps, up to a quarter of
/// a request; the faster server has the busier client, so its requests would cost less for that alone.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Prints the table. Returns whether every ratio is within its goal.
async fn compare() -> Result<bool> {
    let cores = Cores::pin()?;
    println!("server CPU per request, median of {ROUNDS} rounds of {REQUESTS} requests (least to most)\n");
    println!("connections  review      floor us  ours us  ratio                  goal");
    let mut within = true;
    for (review, goal) in REVIEWS {
        let directory = tempfile::tempdir()?;
        let (ours, floor) = start(&cores, directory.path(), review).await?;
        for connections in CONNECTIONS {
            let [ours, floor, ratio] = measure(&ours, &floor, connections).await?;
            let is_within = ratio.median <= goal;
            println!(
                "{connections:<11}  {review:<10}  {:>8.1}  {:>7.1}  {:>5.2} ({:.2} to {:.2})    {goal}{}",
                floor.median,
                ours.median,
                ratio.median,
                ratio.least,
                ratio.most,
                if is_within { "" } else { "  TOO SLOW" }
            );
            within &= is_within;
        }
    }
    Ok(within)
}

/// Starts our server, and a floor with the same response.
async fn start(cores: &Cores, directory: &Path, review: &str) -> Result<(Server, Server)> {
    let body = fs::read(format!("{}/tests/reviews/{review}.json", env!("CARGO_MANIFEST_DIR")))?;
    let ours = Server::webhook(cores, directory, &body)?;
    fs::write(directory.join(floor::ANSWER), ours.connect(1).await?.ask_once().await?)?;
    Ok((ours, Server::floor(cores, directory, &body)?))
}

/// Measures the CPU microseconds per request of both, and the ratio of rounds side by side.
async fn measure(ours: &Server, floor: &Server, connections: u32) -> Result<[Summary; 3]> {
    let (mut our_clients, mut floor_clients) =
        (ours.connect(connections).await?, floor.connect(connections).await?);
    let mut rounds = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let values = [cpu(ours, &mut our_clients).await?, cpu(floor, &mut floor_clients).await?];
        // The first round warms up.
        if round > 0 {
            let [ours, floor] = values;
            rounds.iter_mut().zip([ours, floor, ours / floor]).for_each(|(values, value)| values.push(value));
        }
    }
    Ok(rounds.map(Summary::new))
}

/// Measures the CPU microseconds per request of one round.
async fn cpu(server: &Server, clients: &mut Clients) -> Result<f64> {
    let before = server.cpu_time()?;
    clients.ask(REQUESTS).await?;
    let spent = server.cpu_time()?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / f64::from(REQUESTS))
}

struct Summary {
    least: f64,
    median: f64,
    most: f64,
}

impl Summary {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self { least: at(0), median: at(values.len() / 2), most: at(values.len().saturating_sub(1)) }
    }
}
