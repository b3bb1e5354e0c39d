//! A server in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use super::client::{Clients, request};
use super::cores::Cores;
use super::{Result, floor};

/// A running server; it is killed when this is dropped.
pub(super) struct Server {
    child: Child,
    address: String,
    roots: PathBuf,
    request: Vec<u8>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    /// Starts `boundtoken serve`, as it is run without a cluster.
    pub(super) fn webhook(cores: &Cores, directory: &Path, body: &[u8]) -> Result<Self> {
        let tls = directory.join("tls");
        let mut command = Command::new(env!("CARGO_BIN_EXE_boundtoken"));
        command
            .args(["serve", "--namespaces", "demo/namespaces.yaml", "--listen", "127.0.0.1:0"])
            .args(["--admin-listen", "127.0.0.1:0", "--tls-dir"])
            .arg(&tls)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::piped());
        let mut child = cores.spawn(&mut command)?;
        let address = child.stderr.take().and_then(address_in_log);
        Self::new(child, address, tls.join("ca.crt"), body)
    }

    /// Starts the floor, which responds with [`floor::ANSWER`] in this directory.
    pub(super) fn floor(cores: &Cores, directory: &Path, body: &[u8]) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--floor").arg(directory).stdout(Stdio::piped());
        let mut child = cores.spawn(&mut command)?;
        let address = child.stdout.take().and_then(address_in_log);
        Self::new(child, address, directory.join(floor::CERTIFICATE), body)
    }

    fn new(child: Child, address: Option<String>, roots: PathBuf, body: &[u8]) -> Result<Self> {
        let request = request(body);
        // Created first, so that the child ends if anything fails from here on.
        let server = Self { child, address: address.unwrap_or_default(), roots, request };
        if server.address.is_empty() { Err("the server logged no address".into()) } else { Ok(server) }
    }

    /// Opens connections, all of which repeat the same request.
    pub(super) async fn connect(&self, connections: u32) -> Result<Clients> {
        Clients::connect(&self.address, &self.roots, &self.request, connections).await
    }

    /// Returns the CPU time of all threads so far: the kernel's count, in nanoseconds.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(total))
    }
}

/// Returns the address after `listen=` in a log. The rest of the log is read and dropped.
fn address_in_log(log: impl Read + Send + 'static) -> Option<String> {
    let mut lines = BufReader::new(log).lines().map_while(std::result::Result::ok);
    let address = lines.by_ref().find_map(|line| {
        let rest = line.split_once(" listen=")?.1;
        Some(rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect())
    });
    thread::spawn(move || lines.for_each(drop));
    address
}
