//! Helpers of every test program and of the benchmarks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "each program uses a part of this"
)]

pub(crate) mod api_proxy;
pub(crate) mod browser;
pub(crate) mod client_ca;
pub(crate) mod control_plane;
pub(crate) mod corpus;
pub(crate) mod drivers;
pub(crate) mod eventually;
pub(crate) mod examples;
pub(crate) mod fake_api;
pub(crate) mod files;
pub(crate) mod generate;
pub(crate) mod guard;
pub(crate) mod http;
pub(crate) mod killed_with_parent;
pub(crate) mod left_out;
pub(crate) mod mistakes;
pub(crate) mod nested;
pub(crate) mod old_token;
pub(crate) mod pages;
pub(crate) mod pods;
pub(crate) mod port;
pub(crate) mod port_forward;
pub(crate) mod previews;
pub(crate) mod program;
pub(crate) mod read_only_api;
pub(crate) mod reviews;
pub(crate) mod scripted_api;
pub(crate) mod server;
pub(crate) mod shipped;
pub(crate) mod terminal;
pub(crate) mod test_install;
pub(crate) mod trials;
