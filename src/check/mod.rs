//! Judges an installation: is it healthy, and if not, what to type.
//!
//! [`collect`] reads a cluster into an [`Installation`], part by part. Everything else is pure: [`table`] lists the
//! checks, there is one file for each group of them, and [`judge`] returns their findings. [`mod@reference`] renders the
//! page of all checks.

mod bundle;
mod cluster;
pub mod collect;
mod configuration;
mod difference;
mod entry;
mod guard;
mod installation;
mod monitoring;
mod namespaces;
mod neighbours;
mod part;
mod port_forward;
mod proof;
pub mod reference;
mod renewal;
mod replicas;
mod replies;
mod rights;
mod shipped;
pub mod table;
mod workload;

pub use entry::{CheckEntry, CheckFinding, CheckGroup, CheckLevel};
pub use installation::{Cell, Installation};
pub use part::Part;

/// The name of the Namespace of an installation, and of each object in it.
pub const NAME: &str = "boundtoken";

/// The findings of every check, in the order of the table.
pub fn judge(installation: &Installation) -> Vec<CheckFinding> {
    table::all().flat_map(|entry| entry.findings(installation)).collect()
}
