//! Annotations of a Namespace and of a Pod: settings or violations with bounded texts, never a panic.
//!
//! The input is lines of `KEY=VALUE` for the Namespace, and after an empty line for the Pod. `\n` in a value is written
//! as a form feed.

#![no_main]

use std::sync::Arc;

use boundtoken::admission::{Request, mutate};
use boundtoken::policy::{Defaults, NamespaceSettings};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

const POD: &str = include_str!("../../tests/reviews/pod-many.json");

/// The longest answer for an input that is no longer than the fuzzer makes it.
const ANSWER: usize = 1 << 20;

fuzz_target!(|input: &str| {
    let (namespace, pod) = input.split_once("\n\n").unwrap_or((input, ""));
    let (namespace, pod) = (annotations(namespace), annotations(pod));
    let pairs = namespace.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()));
    let settings = NamespaceSettings::parse("web", pairs, &Arc::new(Defaults::default()));
    let mut review: Value = serde_json::from_str(POD).unwrap();
    review["request"]["object"]["metadata"]["annotations"] = pod.clone().into();
    let text = review.to_string();
    let answer = mutate(&Request::parse(&text).unwrap(), &settings).into_body();
    assert!(answer.len() < ANSWER, "{}", answer.len());
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    if pod.is_empty() && !settings.violations().is_empty() && !settings.is_dry_run() {
        assert_eq!(answer["response"]["allowed"], json!(false), "a mistake is refused");
    }
});

fn annotations(text: &str) -> Map<String, Value> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(key, value)| (key.to_owned(), value.replace('\x0c', "\n").into())).collect()
}
