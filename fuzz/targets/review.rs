//! The body of a request: an answer or a sentence, never a panic. A patch applies, and the result is not patched again.

#![no_main]

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use boundtoken::admission::{Request, lossy_utf8, mutate, validate};
use boundtoken::policy::{Defaults, NamespaceSettings};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Settings of a Namespace, one of which the first byte of the input selects.
static SETTINGS: LazyLock<Vec<NamespaceSettings>> = LazyLock::new(|| {
    let defaults = Arc::new(Defaults::default());
    let cases: [&[(&str, &str)]; 6] = [
        &[],
        &[("boundtoken.dev/mode", "disable")],
        &[
            ("boundtoken.dev/mode", "add"),
            ("boundtoken.dev/audience", "vault"),
            ("boundtoken.dev/env", "TOKEN"),
        ],
        &[("boundtoken.dev/path", "/run/t/token"), ("boundtoken.dev/skip-containers", "app")],
        &[("boundtoken.dev/tokens", "[{path: /t/a}, {path: /u/b, audience: b, env: B}]")],
        &[("boundtoken.dev/max-ttl", "20m"), ("boundtoken.dev/allowed-audiences", "vault")],
    ];
    cases.map(|case| NamespaceSettings::parse("web", case.iter().copied(), &defaults)).into()
});

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let settings = &SETTINGS[usize::from(*first) % SETTINGS.len()];
    let Ok(text) = lossy_utf8(body) else { return };
    if let Ok(request) = Request::parse(&text) {
        let answer: Value =
            serde_json::from_slice(&validate(&request, &Arc::new(Defaults::default())).into_body()).unwrap();
        assert_eq!(answer["response"]["uid"], request.uid());
    }
    let Some(patch) = patch_of(&text, settings) else { return };
    // Repeated keys are read differently by different parsers, and every Pod of an API server has a `spec`.
    let Ok(mut review) = serde_json::from_str::<Value>(&text) else { return };
    if review.to_string().len() != without_spaces(&text) || !review["request"]["object"]["spec"].is_object() {
        return;
    }
    json_patch::patch(
        &mut review["request"]["object"],
        &serde_json::from_value::<json_patch::Patch>(patch).unwrap(),
    )
    .expect("a patch applies");
    assert_eq!(patch_of(&review.to_string(), settings), None, "a second patch");
});

/// The patch for a body, if it is a review of a Pod that is allowed and changed.
fn patch_of(text: &str, settings: &NamespaceSettings) -> Option<Value> {
    let request = Request::parse(text).ok()?;
    request.object()?;
    let answer: Value = serde_json::from_slice(&mutate(&request, settings).into_body()).unwrap();
    let response = &answer["response"];
    assert_eq!(response["uid"], request.uid());
    assert!(response["allowed"] == true || response["patch"].is_null());
    let patch = BASE64_STANDARD.decode(response["patch"].as_str()?).unwrap();
    Some(serde_json::from_slice(&patch).unwrap())
}

/// The length of a JSON text without white space between its tokens.
fn without_spaces(text: &str) -> usize {
    let (mut in_string, mut escaped) = (false, false);
    text.chars()
        .filter(|character| {
            let counts = in_string || !character.is_ascii_whitespace();
            in_string = if *character == '"' && !escaped { !in_string } else { in_string };
            escaped = in_string && *character == '\\' && !escaped;
            counts
        })
        .map(char::len_utf8)
        .sum()
}
