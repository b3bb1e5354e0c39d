//! A decision allocates little: from the body of a review to the body of the answer.
//!
//! A program of its own, because its allocator counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;
use std::{fs, hint};

use boundtoken::admission::{self, Request};
use boundtoken::policy::{Defaults, NamespaceSettings};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Reviews, each with the number of allocations that its decision may take.
const LIMITS: [(&str, u64); 2] = [("pod-plain", 60), ("pod-many", 150)];

// One test: the counter is one for the whole process.
#[test]
fn decisions_stay_within_their_allocation_budget() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let settings = NamespaceSettings::parse("shop", [], &Arc::new(Defaults::default()));
    for (name, limit) in LIMITS {
        let path = format!("{}/tests/reviews/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let body = fs::read(path).unwrap();
        let count = (0..5).map(|_| allocations(&body, &settings)).min().unwrap();
        println!("{name}: {count} allocations, at most {limit}");
        assert!(count <= limit, "{name}: {count} allocations, at most {limit}");
        assert!(count > 0, "{name}: nothing was counted");
    }
}

fn allocations(body: &[u8], settings: &NamespaceSettings) -> u64 {
    let before = dhat::HeapStats::get().total_blocks;
    let text = admission::lossy_utf8(body);
    let request = Request::parse(&text).unwrap();
    let answer = admission::mutate(&request, settings).into_body();
    let after = dhat::HeapStats::get().total_blocks;
    assert!(!hint::black_box(answer).is_empty());
    after - before
}
