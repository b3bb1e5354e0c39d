//! Parses an `AdmissionReview`, borrowing its strings, and writes the response.
//!
//! The types are not those of `kube`, which write the patch as an array of numbers (kube-rs/kube#1781) and
//! copy the whole object.

mod admit;
mod audit_annotations;
mod object;
mod request;
mod response;
mod simulation;

pub use admit::{allow, mutate, validate};
pub use audit_annotations::AUDIT_ANNOTATIONS;
pub use object::{ObjectMeta, Pod, ReviewedObject};
pub use request::{BadReview, Request, lossy_utf8};
pub use response::Response;
pub use simulation::{Admission, SimulationError, simulate};
