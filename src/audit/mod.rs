//! Which tokens Pods use, and how: the evidence of audit logs.
//!
//! [`log`] reads audit logs in every shape in which API servers and cloud providers write them, and yields each
//! request as an [`event::AuditEvent`]. [`evidence`] sums the events up per Pod, and [`usage`] says how each workload
//! uses its tokens. Only [`log`] does I/O.

pub mod event;
pub mod evidence;
pub mod log;
mod time;
pub mod usage;
