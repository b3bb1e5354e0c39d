//! boundtoken: an admission webhook that bounds the lifetime and the audience
//! of the service account tokens in Pods.
//!
//! A request passes through these modules in order, once each:
//!
//! | module | purpose |
//! | --- | --- |
//! | [`server`] | listener, TLS, HTTP routes, limits, shutdown, admin port |
//! | [`admission`] | the wire: parses an `AdmissionReview` (borrowed), writes the response |
//! | [`namespaces`] | the settings of a Namespace: watched, fetched live, or from a file |
//! | [`policy`] | annotations → settings → plan; overrides, guardrails |
//! | [`pod`] | plan × Pod → patch and findings |
//!
//! [`admission`], [`policy`] and [`pod`] are pure, and are the crate `boundtoken-core` in `src/core`.
//!
//! [`audit`] judges, from the Pods of a cluster and its audit logs, which workloads would survive a shorter token
//! (pure, except for its collector).
//!
//! [`check`] judges whether an installation is healthy, and says which commands help if it is not.
//!
//! Other modules are [`certificates`] (serving certificates, in files or in the cluster), [`cluster`]
//! (API clients), [`commands`] (one file or folder per command) and [`telemetry`] (logs, metrics).
//!
//! All of them share [`manifest`] (YAML and JSON with line numbers), [`files`] (content that is reloaded when
//! it changes), [`background`] (the tasks that reload it), [`printable`] (escapes text for a terminal),
//! [`rfc1123`] (names of objects), `shell` (words of printed commands), `workload_kinds` (the kinds that create Pods) and
//! [`clock`] (the only reader of the wall clock).

pub mod audit;
pub mod background;
pub mod certificates;
pub mod check;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod files;
pub mod manifest;
pub mod namespaces;
pub mod server;
mod shell;
pub mod telemetry;
mod workload_kinds;

pub use boundtoken_core::{admission, namespace, pod, policy, printable, rfc1123};
