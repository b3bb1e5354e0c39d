//! Finds the tokens that Pods hold, the evidence of their use, and the action that follows.
//!
//! [`log`] reads audit logs in every shape in which API servers and cloud providers write them, and yields each
//! request as an [`event::AuditEvent`]. [`evidence`] sums the events up per Pod, and [`usage`] says how each workload
//! uses its tokens. [`inventory`] finds the tokens that its Pods hold, and [`verdict`] judges both. Only [`log`] does
//! I/O.

pub mod event;
pub mod evidence;
pub mod inventory;
pub mod log;
mod time;
pub mod usage;
pub mod verdict;
