//! The tests that need nothing but Rust, as one program; its modules mirror `src`.
//!
//! `cargo test --test hermetic policy::` runs those of one module.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, unreachable_pub, reason = "the helpers serve other programs as well")]

mod admission;
mod audit;
mod certificates;
mod check;
mod commands;
mod docs;
mod image;
mod integrations;
mod manifest;
mod monitoring;
mod pod;
mod policy;
mod programs;
mod release;
mod requirements;
mod server;
mod sources;
#[path = "../support/mod.rs"]
mod support;
