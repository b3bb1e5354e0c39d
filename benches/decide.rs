//! A decision without a server: from the body of a review to the body of the response.
//!
//! Fails if a decision takes longer than its budget, which is set for a core of about 2 GHz, or if a hostile Pod of
//! twice the size takes much more than twice the time.

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

/// Sizes of a hostile Pod, of which the larger one may take at most [`RATIO`] times as long.
const SIZES: [usize; 2] = [4_000, 8_000];
const RATIO: f64 = 3.0;

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
    if env::args().any(|argument| argument == "--bench") {
        within &= is_proportional()?;
    }
    criterion.final_summary();
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn decide(body: &[u8], settings: &NamespaceSettings) -> Result<Vec<u8>, BadReview> {
    Ok(admission::mutate(&Request::parse(&admission::lossy_utf8(body)?)?, settings).into_body())
}

/// Whether the time of a decision is proportional to the size of a hostile Pod.
fn is_proportional() -> Result<bool, BadReview> {
    let settings = NamespaceSettings::parse("shop", [], &Arc::new(Defaults::default()));
    let [small, large] = SIZES.map(entangled);
    let fastest = |body: &[u8]| -> Result<Duration, BadReview> {
        let mut best = Duration::MAX;
        for _ in 0..10 {
            let begin = Instant::now();
            black_box(decide(body, &settings)?);
            best = best.min(begin.elapsed());
        }
        Ok(best)
    };
    let (small, large) = (fastest(&small)?, fastest(&large)?);
    let ratio = large.div_duration_f64(small);
    println!("hostile: {small:.2?} and {large:.2?}, {ratio:.1} times, at most {RATIO}\n");
    Ok(ratio <= RATIO)
}

/// A review of a Pod with so many token volumes, containers and mounts, which are looked up in each other.
fn entangled(count: usize) -> Vec<u8> {
    let list = |item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    let volumes = list(&|index| {
        format!(
            r#"{{"name":"kube-api-access-{index}","projected":{{"sources":[
                {{"serviceAccountToken":{{"path":"token","expirationSeconds":3607}}}}]}}}}"#
        )
    });
    let mount =
        |index| format!(r#"{{"name":"kube-api-access-{index}","mountPath":"/m/{index}","subPath":"token"}}"#);
    let containers = list(&|index| format!(r#"{{"name":"c{index}","volumeMounts":[{}]}}"#, mount(index)));
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE",
            "resource":{{"version":"v1","resource":"pods"}},"object":{{"spec":{{"volumes":[{volumes}],
            "initContainers":[{containers}],"containers":[{{"volumeMounts":[{}]}}]}}}}}}}}"#,
        list(&mount)
    )
    .into_bytes()
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
