//! The wire: an `AdmissionReview` comes in, borrowed, and a response goes out.
//!
//! The types are our own: those of `kube` write the patch as an array of
//! numbers (kube-rs/kube#1781) and copy the whole object.

mod admit;
mod object;
mod objects;
mod request;
mod response;

pub use admit::{allow, mutate, validate};
pub use object::{Entries, Namespace, Object, ObjectMeta, Pod};
pub use objects::readable;
pub use request::{BadReview, Request};
pub use response::Response;
