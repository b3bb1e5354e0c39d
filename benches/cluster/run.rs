//! One run on a control plane of its own, which is removed at the end.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::support::control_plane::{ControlPlane, interrupted};

/// Starts the control plane, measures, and stops it.
pub(crate) fn run(measure: impl AsyncFnOnce(&Arc<ControlPlane>) -> ExitCode) -> ExitCode {
    let runtime = Runtime::new().unwrap();
    match runtime.block_on(ControlPlane::start()) {
        Ok(plane) => {
            let plane = StoppedAtEnd(Arc::new(plane));
            runtime.block_on(async {
                tokio::select! {
                    code = measure(&plane.0) => code,
                    code = interrupted() => code.into(),
                }
            })
        }
        Err(code) => code,
    }
}

/// Stops the control plane when dropped, however the measurement ends.
struct StoppedAtEnd(Arc<ControlPlane>);

impl Drop for StoppedAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Returns the load of the machine: the load average of the last minute, and the number of processors.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = text.split(' ').next().unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{minute} on {processors} processors")
}
