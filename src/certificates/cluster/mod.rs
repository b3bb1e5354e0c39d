//! Certificates that keep themselves in the cluster: one Secret for all replicas, one `caBundle`.
//!
//! [`plan`] decides, [`schedule`] dates, [`adopt`] chooses what a replica serves and [`damper`] bounds
//! what is written: all pure, with the types of [`state`]. [`secret`] and [`configuration`] translate
//! between these and the objects, [`issue`] signs, and [`keeper`] does it all against an API server.

pub mod action;
pub mod adopt;
pub mod bundle;
pub mod configuration;
pub mod damper;
pub mod issue;
pub mod keeper;
mod pem;
pub mod plan;
mod replica;
pub mod schedule;
pub mod secret;
pub mod state;
mod views;
mod writer;

pub use keeper::{Keeper, Place};
pub use schedule::Settings;
