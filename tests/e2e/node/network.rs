//! What the machine's network gets for the time of a cluster.

use std::process::Command;

use super::run;

/// The bridge of the Pods.
pub(super) const BRIDGE: &str = "boundtoken0";

/// The addresses of the Pods.
pub(super) const PODS: &str = "10.244.0.0/24";

/// An address on `lo`, given back when this is dropped.
pub(super) struct Network {
    address: String,
}

impl Network {
    /// Adds the address; one that an interrupted run left behind is used again.
    pub(super) fn set_up(address: &str) -> Self {
        let network = Self { address: format!("{address}/32") };
        network.tear_down();
        run(Command::new("ip").args(["address", "add", &network.address, "dev", "lo"]));
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        network
    }

    /// Gives everything back.
    pub(super) fn tear_down(&self) {
        let _ = Command::new("ip").args(["address", "delete", &self.address, "dev", "lo"]).output();
        let _ = Command::new("ip").args(["link", "delete", BRIDGE]).output();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.tear_down();
    }
}
