//! Finds the tokens that Pods hold, the evidence of their use, and the action that follows.
//!
//! [`log`] reads audit logs in every shape in which API servers and cloud providers write them, and yields each
//! request as an [`event::AuditEvent`]. [`inventory`] describes the Pods of a cluster with their tokens.
//! [`evidence`] sums the events up per Pod, [`coverage`] says what the silence of a log shows, [`usage`] how each
//! workload uses its tokens, [`verdict`] judges it for a [`reason`], and [`report`] puts all of this together.
//! [`collect`] reads a cluster into a [`snapshot`], and [`document`] is the report as JSON. Only [`log`] and [`collect`] do I/O.

pub mod collect;
pub mod coverage;
pub mod document;
pub mod event;
pub mod evidence;
pub mod inventory;
pub mod log;
pub mod reason;
pub mod report;
pub mod snapshot;
#[cfg(test)]
mod testing;
mod timestamp;
pub mod usage;
pub mod verdict;
