//! Certificates that replicas keep in the cluster: one Secret for all of them, and the `caBundle`.
//!
//! The decisions are pure and use the types of [`state`] and [`action`]: [`plan`] chooses the next action,
//! [`schedule`] dates certificates, [`adopt`] decides what a replica serves, and [`conflict`] limits writes.
//! [`secret`] and [`webhooks`] translate objects into states and changes into patches, and [`issue`] signs.
//! [`controller`] runs all of this against an API server.

pub mod action;
pub mod adopt;
mod advice;
pub mod bundle;
pub mod conflict;
pub mod controller;
mod incidents;
pub mod install;
pub mod issue;
pub mod plan;
mod replica;
pub mod schedule;
pub mod secret;
pub mod state;
mod watch;
pub mod webhooks;
mod writer;

pub use controller::CertificateController;
pub use install::Install;
pub use schedule::Schedule;
