//! The real program as a process.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::http::{HttpClient, client_config, handshake};
use super::killed_with_parent::{self, killed_with_parent};
use super::shipped;

/// A command for the program, with an empty environment.
pub(crate) fn boundtoken(arguments: &[&str]) -> Command {
    with_arguments(Command::new(env!("CARGO_BIN_EXE_boundtoken")), arguments)
}

fn with_arguments(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs the program until it exits.
pub(crate) fn run(arguments: &[&str]) -> Output {
    output(&mut boundtoken(arguments))
}

/// Runs a command that must exit by itself.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    ended
        .recv_timeout(LONG)
        .unwrap_or_else(|_| {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("still running after {LONG:?}: {command:?}");
        })
        .unwrap()
}

/// A limit far longer than any step takes, even on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// A free port on loopback.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running `boundtoken serve`, killed when it is dropped.
pub(crate) struct Serving {
    child: Child,
    directory: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    rest: Option<JoinHandle<Vec<String>>>,
    first: Vec<String>,
}

impl Serving {
    /// Starts the server with these Namespaces and waits until it listens.
    pub(crate) fn start(directory: &Path, namespaces: &str, more: &[&str]) -> Self {
        Self::spawn(Self::command(directory, namespaces, more), directory)
    }

    /// Like [`Self::start`], with this standard input.
    pub(crate) fn start_reading(stdin: impl Into<Stdio>, directory: &Path, namespaces: &str) -> Self {
        let mut command = Self::command(directory, namespaces, &[]);
        command.stdin(stdin);
        Self::spawn(command, directory)
    }

    fn command(directory: &Path, namespaces: &str, more: &[&str]) -> Command {
        let manifest = directory.join("namespaces.yaml");
        std::fs::write(&manifest, namespaces).unwrap();
        let arguments = ["serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"];
        let mut command = with_arguments(killed_with_parent(env!("CARGO_BIN_EXE_boundtoken")), &arguments);
        command.arg("--namespaces").arg(manifest).arg("--tls-dir").arg(directory).args(more);
        command.arg("--log-format=json");
        command
    }

    /// Starts the server with the Namespaces of a cluster and waits until it listens.
    pub(crate) fn start_in_cluster(directory: &Path, kubeconfig: &Path, more: &[&str]) -> Self {
        Self::start_in_cluster_at(ANYWHERE, directory, kubeconfig, more)
    }

    /// Like [`Self::start_in_cluster`], at a given address.
    pub(crate) fn start_in_cluster_at(
        listen: SocketAddr,
        directory: &Path,
        kubeconfig: &Path,
        more: &[&str],
    ) -> Self {
        let tls_dir = format!("--tls-dir={}", directory.display());
        Self::start_with(listen, directory, kubeconfig, &[&[tls_dir.as_str()], more].concat())
    }

    /// Like [`Self::start_in_cluster_at`], with the certificate that the arguments select.
    pub(crate) fn start_with(
        listen: SocketAddr,
        directory: &Path,
        kubeconfig: &Path,
        arguments: &[&str],
    ) -> Self {
        let listen = format!("--listen={listen}");
        let first = ["serve", &listen, "--admin-listen=127.0.0.1:0"];
        let mut command = with_arguments(killed_with_parent(env!("CARGO_BIN_EXE_boundtoken")), &first);
        command.arg("--kubeconfig").arg(kubeconfig).args(arguments).arg("--log-format=json");
        command.envs(shipped::environment());
        Self::spawn(command, directory)
    }

    /// Starts the process, and waits for the log line with its addresses.
    fn spawn(mut command: Command, directory: &Path) -> Self {
        command.stderr(Stdio::piped());
        let mut child = killed_with_parent::start(command);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = Vec::new();
        let serving = loop {
            let line = next_line(&mut stderr).unwrap_or_else(|| panic!("the server ended: {first:?}"));
            first.push(line.clone());
            match serde_json::from_str::<Value>(&line) {
                Ok(line) if line["message"] == "serving" => break line,
                _ => {}
            }
        };
        let address = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
        let (listen, admin_listen) = (address("listen"), address("admin_listen"));
        let rest = std::thread::spawn(move || std::iter::from_fn(|| next_line(&mut stderr)).collect());
        Self { child, directory: directory.to_owned(), listen, admin_listen, rest: Some(rest), first }
    }

    pub(crate) async fn admin(&self) -> HttpClient<TcpStream> {
        HttpClient(TcpStream::connect(self.admin_listen).await.unwrap())
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        self.admin().await.get("/metrics").await.body
    }

    pub(crate) async fn webhook(&self) -> HttpClient<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.listen).await.unwrap();
        let config = client_config(&self.directory, rustls::ALL_VERSIONS, &[b"http/1.1"]);
        HttpClient(handshake(stream, config).await.unwrap())
    }

    /// The peak memory of the process, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        usize::try_from(self.memory("VmHWM:")).unwrap() * 1024
    }

    /// A line about memory in the status of the process, in KiB (`proc_pid_status(5)`).
    pub(crate) fn memory(&self, name: &str) -> u32 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the exit, and returns the exit code and every line on stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().unwrap().code();
        let mut lines = std::mem::take(&mut self.first);
        lines.extend(self.rest.take().unwrap().join().unwrap());
        (code, lines)
    }
}

impl Serving {
    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

fn next_line(stderr: &mut BufReader<ChildStderr>) -> Option<String> {
    let mut line = String::new();
    match stderr.read_line(&mut line) {
        Ok(size) if size > 0 => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
