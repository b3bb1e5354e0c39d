//! boundtoken: an admission webhook that bounds the lifetime and the audience
//! of the service account tokens in Pods.
//!
//! A request walks through the rooms of this crate once, in this order:
//!
//! | room | what happens there |
//! | --- | --- |
//! | [`server`] | listener, TLS, HTTP routes, limits, shutdown, admin port |
//! | [`admission`] | the wire: an `AdmissionReview` in (borrowed), a response out |
//! | [`namespaces`] | the settings of a Namespace: watched, fetched live, or from a file |
//! | [`policy`] | annotations → settings → plan; overrides, guardrails (pure) |
//! | [`pod`] | plan × Pod → patch and findings (pure) |
//!
//! Beside the path of a request stand [`certificates`] (serving certificates, as
//! files or in the cluster), [`cluster`] (the way to an API server), [`commands`] (one
//! file or folder per command) and [`telemetry`] (logs, metrics).
//! They share [`manifest`] (YAML and JSON with lines), [`files`] (content that is
//! read again when it changes), [`background`] (the tasks that do so), `printable` (text
//! made fit for a terminal), [`rfc1123`] (names of objects) and [`clock`] (the one place that reads the time).

pub mod admission;
pub mod background;
pub mod certificates;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod files;
pub mod manifest;
pub mod namespaces;
pub mod pod;
pub mod policy;
mod printable;
pub mod rfc1123;
pub mod server;
pub mod telemetry;
