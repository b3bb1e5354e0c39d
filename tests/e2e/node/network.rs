//! The network of a node: a bridge, an address and forwarding, removed at the end.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use super::run;

/// The file that enables packet forwarding on this machine.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// The name of the bridge for Pods.
pub(super) const BRIDGE: &str = "boundtoken0";

/// The priority of the rule of a [`ClosedPort`], before that of the main table.
const CLOSED: &str = "10250";

/// The address range of Pods.
pub(super) const PODS: &str = "10.244.0.0/24";

/// An address on `lo`, and packet forwarding. Both are restored on drop.
pub(super) struct Network {
    address: String,
    forwarding: String,
}

impl Network {
    /// Adds the address, or reuses the one that an interrupted run left behind.
    ///
    /// Returns an error if the address belongs to another cluster, which this machine could no longer reach.
    pub(super) fn set_up(address: SocketAddr) -> Result<Self, String> {
        if let Some(other) = other_at(address) {
            return Err(format!("{} is taken on this machine: {other}", address.ip()));
        }
        let forwarding = std::fs::read_to_string(FORWARDING).unwrap();
        let network = Self { address: format!("{}/32", address.ip()), forwarding };
        network.tear_down();
        run(Command::new("ip").args(["address", "add", &network.address, "dev", "lo"]));
        std::fs::write(FORWARDING, "1").unwrap();
        Ok(network)
    }

    /// Restores the previous state.
    pub(super) fn tear_down(&self) {
        let _ = std::fs::write(FORWARDING, &self.forwarding);
        let _ = Command::new("ip").args(["address", "delete", &self.address, "dev", "lo"]).output();
        let _ = Command::new("ip").args(["link", "delete", BRIDGE]).output();
        let _ = Command::new("ip").args(["rule", "delete", "priority", CLOSED]).output();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.tear_down();
    }
}

/// A port of all Pods that this machine does not reach. It is opened on drop.
pub(super) struct ClosedPort;

impl ClosedPort {
    pub(super) fn new(port: u16) -> Self {
        let rule = ["to", PODS, "ipproto", "tcp", "dport", &port.to_string(), "prohibit"];
        run(Command::new("ip").args(["rule", "add", "priority", CLOSED]).args(rule));
        Self
    }
}

impl Drop for ClosedPort {
    fn drop(&mut self) {
        run(Command::new("ip").args(["rule", "delete", "priority", CLOSED]));
    }
}

/// The current user of the address: an interface, a route other than the default, or an API server.
fn other_at(address: SocketAddr) -> Option<String> {
    let ip = address.ip().to_string();
    let lines_of = |arguments: &[&str]| run(Command::new("ip").arg("-oneline").args(arguments).arg(&ip));
    let interfaces = lines_of(&["-4", "address", "show", "to"]);
    let routes = lines_of(&["-4", "route", "show", "match"]);
    let interfaces = interfaces.lines().filter(|line| line.split_whitespace().nth(1) != Some("lo"));
    let routes = routes.lines().filter(|line| !line.starts_with("default "));
    let api_server = is_api_server(address).then(|| format!("an API server answers at {address}"));
    interfaces.chain(routes).map(|line| line.trim().to_owned()).next().or(api_server)
}

/// Checks the response too, since some networks accept every connection.
fn is_api_server(address: SocketAddr) -> bool {
    let url = format!("https://{address}/version");
    let answer =
        Command::new("curl").args(["--silent", "--insecure", "--max-time", "2", &url]).output().unwrap();
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
    answer["gitVersion"].is_string() || answer["kind"] == "Status"
}
