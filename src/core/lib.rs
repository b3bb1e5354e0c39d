//! The decisions of boundtoken: from annotations and a Pod to a patch, without I/O, a clock, or a client.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`admission`] | the wire: parses an `AdmissionReview` (borrowed), writes the response |
//! | [`policy`] | annotations → settings → plan; overrides, guardrails |
//! | [`pod`] | plan × Pod → patch and findings |
//!
//! All of them share [`namespace`] (a Namespace, reduced to its settings), [`printable`] (escapes text for a terminal)
//! and [`rfc1123`] (names of objects).
//!
//! It is a crate of its own, so that its few dependencies show that it is pure.

pub mod admission;
pub mod namespace;
pub mod pod;
pub mod policy;
pub mod printable;
pub mod rfc1123;
