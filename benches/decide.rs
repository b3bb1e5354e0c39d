//! A decision without a server: from the body of a review to the body of the response.
//!
//! Fails if a decision takes longer than its budget, which is set for a core of about 2 GHz.

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use boundtoken::admission::{self, BadReview, Request};
use boundtoken::policy::{Defaults, NamespaceSettings};
use criterion::Criterion;

/// Reviews, each with the time that its decision may take.
const BUDGETS: [(&str, Duration); 2] =
    [("pod-plain", Duration::from_micros(10)), ("pod-many", Duration::from_micros(25))];

/// Annotations of the Namespace: none (its label alone), and some.
const SETTINGS: [(&str, &[(&str, &str)]); 2] = [
    ("label", &[]),
    (
        "settings",
        &[
            ("boundtoken.dev/mode", "add"),
            ("boundtoken.dev/audience", "vault"),
            ("boundtoken.dev/ttl", "2h"),
            ("boundtoken.dev/allowed-audiences", "vault, payments"),
            ("boundtoken.dev/max-ttl", "4h"),
        ],
    ),
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut within = true;
    for (review, budget) in BUDGETS {
        let body = fs::read(format!("{}/tests/reviews/{review}.json", env!("CARGO_MANIFEST_DIR")))?;
        for (name, annotations) in SETTINGS {
            let settings =
                NamespaceSettings::parse("shop", annotations.iter().copied(), &Arc::new(Defaults::default()));
            decide(&body, &settings)?;
            criterion.bench_function(&format!("{review}/{name}"), |bencher| {
                bencher.iter(|| decide(black_box(&body), black_box(&settings)));
            });
            if env::args().any(|argument| argument == "--bench") {
                within &= is_within(budget, &format!("{review}/{name}"), || drop(decide(&body, &settings)));
            }
        }
    }
    criterion.final_summary();
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn decide(body: &[u8], settings: &NamespaceSettings) -> Result<Vec<u8>, BadReview> {
    Ok(admission::mutate(&Request::parse(&admission::lossy_utf8(body))?, settings).into_body())
}

/// Whether the fastest of several runs stays within the budget. Slower runs were disturbed.
fn is_within(budget: Duration, name: &str, work: impl Fn()) -> bool {
    const ROUNDS: usize = 500;
    const CALLS: u32 = 50;
    let round = |_| {
        let begin = Instant::now();
        (0..CALLS).for_each(|_| work());
        begin.elapsed() / CALLS
    };
    let best = (0..ROUNDS).map(round).min().unwrap_or(Duration::MAX);
    println!("{name}: {best:.2?}, at most {budget:?}{}\n", if best > budget { ": TOO SLOW" } else { "" });
    best <= budget
}
