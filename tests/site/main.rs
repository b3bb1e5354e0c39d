//! The site that `make site` builds: it has every page, no link in it is dead, and search and themes work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]
mod links;
mod reader;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

/// The directory with the site.
fn site() -> PathBuf {
    let site = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("site");
    assert!(site.join("index.html").exists(), "{} has no site: run make site", site.display());
    site
}
