//! A whole request over kept-alive TLS on loopback: the CPU time that the server spends on it, against the
//! floor, a bare axum handler on rustls that reads the body and answers a fixed document.
//!
//! Both are processes of their own, asked in turns, and their CPU time is the kernel's. Fails above the budget.

mod floor;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, thread};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Server CPU per request, as a multiple of the floor's.
const BUDGET: f64 = 2.0;
/// Connections that ask at the same time: one, so that on a small machine the client does not take
/// the processor's caches from the server in the middle of a request.
const CONNECTIONS: usize = 1;
/// Requests on each connection in a round.
const REQUESTS: u32 = 3000;
/// Rounds; the median counts.
const ROUNDS: usize = 11;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A server in a process of its own, and connections to it.
struct Contestant {
    child: Child,
    connections: Vec<TlsStream<TcpStream>>,
    request: Arc<[u8]>,
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // Fails only if it ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [flag, directory] = arguments.as_slice()
        && flag == "--floor"
    {
        return floor::serve(Path::new(directory)).await.map(|()| ExitCode::SUCCESS);
    }
    println!("server CPU per request, median of {ROUNDS} rounds (least to most)\n");
    println!("{:<10} {:>12} {:>12}   ratio", "review", "boundtoken", "floor");
    let mut within = true;
    for review in ["pod-plain", "pod-many"] {
        within &= compare(review).await?;
    }
    println!("\nbudget: ratio at most {BUDGET}{}", if within { "" } else { ": TOO SLOW" });
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints one line of the table; whether it is within the budget.
async fn compare(review: &str) -> Result<bool> {
    let directory = tempfile::tempdir()?;
    let body = fs::read(format!("{}/tests/reviews/{review}.json", env!("CARGO_MANIFEST_DIR")))?;
    let mut ours = Contestant::webhook(directory.path(), &body).await?;
    let answer = ours.ask_once().await?;
    fs::write(directory.path().join(floor::ANSWER), answer)?;
    let mut floor = Contestant::floor(directory.path(), &body).await?;

    let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (x, y) = (ours.round().await?, floor.round().await?);
        // The first round warms up.
        if round > 0 {
            a.push(x);
            b.push(y);
            ratios.push(x / y);
        }
    }
    let (ours, floor, ratio) = (summary(&mut a), summary(&mut b), summary(&mut ratios));
    println!(
        "{review:<10} {:>9.1} µs {:>9.1} µs   {:.2} ({:.2} to {:.2})",
        ours.1, floor.1, ratio.1, ratio.0, ratio.2
    );
    Ok(ratio.1 <= BUDGET)
}

/// Least, median and most.
fn summary(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}

impl Contestant {
    /// `boundtoken serve`, as it is run without a cluster.
    async fn webhook(directory: &Path, body: &[u8]) -> Result<Self> {
        let tls = directory.join("tls");
        let child = Command::new(env!("CARGO_BIN_EXE_boundtoken"))
            .args(["serve", "--namespaces", "demo/namespaces.yaml", "--listen", "127.0.0.1:0"])
            .args(["--admin-listen", "127.0.0.1:0", "--tls-dir"])
            .arg(&tls)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::piped())
            .spawn()?;
        Self::connect(child, |child| child.stderr.take().map(address_in_log), &tls.join("ca.crt"), body).await
    }

    async fn floor(directory: &Path, body: &[u8]) -> Result<Self> {
        let child =
            Command::new(env::current_exe()?).arg("--floor").arg(directory).stdout(Stdio::piped()).spawn()?;
        let certificate = directory.join(floor::CERTIFICATE);
        Self::connect(child, |child| child.stdout.take().map(address_in_log), &certificate, body).await
    }

    async fn connect(
        mut child: Child,
        address: impl FnOnce(&mut Child) -> Option<Option<String>>,
        roots: &Path,
        body: &[u8],
    ) -> Result<Self> {
        let address = address(&mut child).flatten();
        let mut contestant = Self { child, connections: Vec::new(), request: request(body).into() };
        let address = address.ok_or("the server logged no address")?;
        let connector = connector(roots)?;
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost")?;
            contestant.connections.push(connector.connect(name, stream).await?);
        }
        Ok(contestant)
    }

    async fn ask_once(&mut self) -> Result<Vec<u8>> {
        let connection = self.connections.first_mut().ok_or("no connection")?;
        ask(connection, &self.request).await
    }

    /// CPU microseconds per request of one round.
    async fn round(&mut self) -> Result<f64> {
        let before = cpu_time(self.child.id())?;
        let mut tasks = tokio::task::JoinSet::new();
        for mut connection in self.connections.drain(..) {
            let request = Arc::clone(&self.request);
            tasks.spawn(async move {
                for _ in 0..REQUESTS {
                    ask(&mut connection, &request).await?;
                }
                Result::Ok(connection)
            });
        }
        while let Some(connection) = tasks.join_next().await {
            self.connections.push(connection??);
        }
        let spent = cpu_time(self.child.id())?.saturating_sub(before);
        let requests = f64::from(REQUESTS) * f64::from(u32::try_from(CONNECTIONS)?);
        Ok(spent.as_secs_f64() * 1e6 / requests)
    }
}

/// What all threads of a process have spent: the kernel's count in nanoseconds.
fn cpu_time(process: u32) -> Result<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        total += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /mutate?timeout=5s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\n\
         Content-Type: application/json\r\nAccept-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends a request and reads the body of its answer.
async fn ask(connection: &mut TlsStream<TcpStream>, request: &[u8]) -> Result<Vec<u8>> {
    connection.write_all(request).await?;
    connection.flush().await?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        if connection.read_buf(&mut buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("an answer without a length")?.parse()?;
            if !head.starts_with("http/1.1 200") {
                return Err(head.into());
            }
            if buffer.len() == end + 4 + length {
                return Ok(buffer.split_off(end + 4));
            }
        }
    }
}

fn connector(roots: &Path) -> Result<TlsConnector> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots)? {
        store.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// The address after `listen=` in a log; the rest of the log is read and dropped.
fn address_in_log(log: impl std::io::Read + Send + 'static) -> Option<String> {
    let mut lines = BufReader::new(log).lines().map_while(std::result::Result::ok);
    let address = lines.by_ref().find_map(|line| {
        let rest = line.split_once(" listen=")?.1;
        Some(rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect())
    });
    thread::spawn(move || lines.for_each(drop));
    address
}
