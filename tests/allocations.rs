//! The memory of a decision: from the body of a review to the body of the response.
//!
//! A program of its own, because its allocator counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, hint};

use boundtoken::admission::{self, Request};
use boundtoken::policy::{Defaults, NamespaceSettings};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Reviews, each with the number of allocations that its decision may take.
const LIMITS: [(&str, u64); 2] = [("pod-plain", 60), ("pod-many", 150)];

/// Most heap that a decision takes, in bytes, for each byte of the body.
const PER_BYTE: usize = 4;

/// The same for each opening brace in the body, in addition.
const PER_BRACE: usize = 256;

/// The same for a patch of the greatest size, in addition.
const PATCH: usize = 32 << 20;

/// The same for the small patches of [`SETTINGS`], in addition.
const SMALL_PATCH: usize = 2 << 20;

/// Most bytes of a text in a hostile body: slightly less than the longest value of `tokens`.
const LONG: usize = 130_000;

/// Most items of a list in a hostile body.
const MANY: usize = 1_000;

/// A review up to its object.
const POD: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u",
    "operation":"CREATE","resource":{"version":"v1","resource":"pods"},"object":"#;
const NAMESPACE: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u",
    "operation":"UPDATE","resource":{"version":"v1","resource":"namespaces"},"object":"#;

/// Hostile objects: the review, the object up to a list, an item of the list, and the rest. Each `@` is a
/// hostile text, each `#` the number of the item.
const SHAPES: [(&str, &str, &str, &str); 29] = [
    // One container, whose name every finding is about.
    (
        POD,
        r#"{"spec":{"volumes":[{"name":"kube-api-access-x","projected":{"sources":[{"serviceAccountToken":{}}]}}],
            "containers":[{"name":"@","volumeMounts":["#,
        r#"{"name":"kube-api-access-x","mountPath":"/m/#","subPath":"token"}"#,
        "]}]}}",
    ),
    (POD, r#"{"spec":{"initContainers":["#, r#"{"name":"@#"}"#, "]}}"),
    (
        POD,
        r#"{"spec":{"containers":["#,
        r#"{"name":"@","volumeMounts":[{"name":"x","mountPath":"/t"}],"env":[{"name":"A","value":"@"}]}"#,
        "]}}",
    ),
    (POD, r#"{"spec":{"containers":[{"volumeMounts":["#, r#"{"name":"@#","mountPath":"@"}"#, "]}]}}"),
    (POD, r#"{"spec":{"containers":[{"volumeDevices":["#, r#"{"devicePath":"@"}"#, "]}]}}"),
    (POD, r#"{"spec":{"containers":[{"env":["#, r#"{"name":"@","value":"@"}"#, "]}]}}"),
    (
        POD,
        r#"{"spec":{"volumes":["#,
        r#"{"name":"@#","secret":{"secretName":"@"}}"#,
        r#"],"containers":[{"volumeMounts":[{"name":"@0","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}]}}"#,
    ),
    (
        POD,
        r#"{"spec":{"volumes":["#,
        r#"{"name":"kube-api-access-@#","projected":{"sources":[{"serviceAccountToken":{"path":"@","expirationSeconds":3607}}]}}"#,
        r#"],"containers":[{"volumeMounts":[{"name":"kube-api-access-@0","mountPath":"/m"}]}]}}"#,
    ),
    (
        POD,
        r#"{"spec":{"volumes":[{"name":"@","projected":{"sources":["#,
        r#"{"serviceAccountToken":{"audience":"@","path":"@","expirationSeconds":999999},"configMap":{"name":"@"}}"#,
        "]}}]}}",
    ),
    (
        POD,
        r#"{"spec":{"volumes":["#,
        r#"{"name":"boundtoken","projected":{"sources":[{"serviceAccountToken":{}}]}}"#,
        "]}}",
    ),
    (POD, r#"{"spec":{"serviceAccountName":"@","volumes":["#, r#"{"name":"@","secret":{}}"#, "]}}"),
    (POD, r#"{"metadata":{"annotations":{"#, r#""boundtoken.dev/#@":"@""#, "}}}"),
    (POD, r#"{"metadata":{"annotations":{"boundtoken.dev/@":"","boundtoken.dev/@":""}}}"#, "", ""),
    (
        POD,
        r#"{"metadata":{"annotations":{"boundtoken.dev/mode":"@","boundtoken.dev/audience":"@","boundtoken.dev/ttl":"@",
            "boundtoken.dev/path":"@","boundtoken.dev/containers":"@","boundtoken.dev/env":"@","boundtoken.dev/tokens":"@"}}}"#,
        "",
        "",
    ),
    (POD, r#"{"metadata":{"annotations":{"boundtoken.dev/tokens":"[@"}}}"#, "", ""),
    (POD, r#"{"metadata":{"generateName":"@"}},"name":"@","namespace":"@""#, "", ""),
    // Many small objects.
    (POD, r#"{"spec":{"containers":["#, "{}", "]}}"),
    (POD, r#"{"spec":{"containers":["#, r#"{"volumeMounts":[{}]}"#, "]}}"),
    (POD, r#"{"spec":{"containers":[{"volumeMounts":["#, "{}", "]}]}}"),
    (POD, r#"{"spec":{"volumes":["#, "{}", "]}}"),
    (POD, r#"{"spec":{"volumes":[{"projected":{"sources":["#, "{}", "]}}]}}"),
    // Strings where another type is expected.
    (POD, r#""@""#, "", ""),
    (POD, r#"{"spec":{"containers":"@"}}"#, "", ""),
    (POD, r#"{"spec":{"automountServiceAccountToken":"@"}}"#, "", ""),
    (POD, r#"{"spec":{"volumes":[{"secret":{"defaultMode":"@"}}]}}"#, "", ""),
    (POD, r#"{"metadata":{"annotations":"@"}}"#, "", ""),
    (
        NAMESPACE,
        r#"{"metadata":{"name":"@","annotations":{"#,
        r#""boundtoken.dev/#@":"@""#,
        r#"}}},"name":"@""#,
    ),
    (
        NAMESPACE,
        r#"{"metadata":{}},"oldObject":{"metadata":{"annotations":{"#,
        r#""boundtoken.dev/#":"""#,
        "}}}",
    ),
    (
        NAMESPACE,
        r#"{"metadata":{"labels":{"boundtoken.dev/webhook":"enabled"},"annotations":{"boundtoken.dev/max-ttl":"@",
            "boundtoken.dev/allowed-audiences":"@","boundtoken.dev/skip-containers":"@","boundtoken.dev/tokens":"@"}}}"#,
        "",
        "",
    ),
];

/// Parts of a text in JSON: plain, escaped, made longer by escapes in messages, not UTF-8, and separators.
const FILLERS: [&[u8]; 7] = [b"x", b"\x7f", br"\n", br"\u0001", MIXED, b"a,", "/日".as_bytes()];

/// Mostly plain, so that one more copy is made for each of the two other parts of it.
const MIXED: &[u8] = b"plain-text-with-one-escape-and-one-byte-that-is-not-utf-8\\n\xff";

/// Annotations of the Namespace, with which no Pod of [`MANY`] items gets a large patch.
const SETTINGS: [&[(&str, &str)]; 3] = [
    &[],
    &[("boundtoken.dev/mode", "disable"), ("boundtoken.dev/pod-overrides", "deny")],
    &[
        ("boundtoken.dev/tokens", "[{path: /t/a, env: A, containers: [x]}]"),
        ("boundtoken.dev/skip-containers", "y"),
        ("boundtoken.dev/max-ttl", "2h"),
        ("boundtoken.dev/allowed-audiences", "vault"),
    ],
];

#[test]
fn decisions_stay_within_their_allocation_budget() {
    let _alone = alone();
    let settings = settings(&[]);
    for (name, limit) in LIMITS {
        let path = format!("{}/tests/reviews/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let body = fs::read(path).unwrap();
        let count = (0..5).map(|_| heap(&body, &settings).total_blocks).min().unwrap();
        println!("{name}: {count} allocations, at most {limit}");
        assert!(count <= limit, "{name}: {count} allocations, at most {limit}");
        assert!(count > 0, "{name}: nothing was counted");
    }
}

#[test]
fn memory_is_proportional_to_the_body() {
    let _alone = alone();
    let mut most = 0.0_f64;
    for annotations in SETTINGS {
        let settings = settings(annotations);
        for shape in SHAPES {
            let has_text = [shape.1, shape.2, shape.3].iter().any(|part| part.contains('@'));
            for filler in FILLERS.iter().take(if has_text { FILLERS.len() } else { 1 }) {
                for (length, count) in [(LONG, 80), (40, MANY)] {
                    let body = body(shape, filler, length, count);
                    let limit = limit(&body) + SMALL_PATCH;
                    let peak = heap(&body, &settings).max_bytes;
                    most = most.max(ratio(peak, limit));
                    let size = body.len();
                    assert!(peak <= limit, "{peak} bytes for {size}, at most {limit}: {}", beginning(&body));
                }
            }
        }
    }
    println!("at most {:.0} % of the limit", 100.0 * most);
}

/// Sixteen tokens, in as many directories or in one, for as many containers as the patch has room for.
#[test]
fn the_largest_patch_takes_bounded_memory() {
    let _alone = alone();
    let shape = (POD, r#"{"spec":{"containers":["#, "{}", "]}}");
    for directory in ["/#", "/t"] {
        let item = |index: usize| {
            let directory = directory.replace('#', &index.to_string());
            format!("{{path: {directory}/{index}, env: E{index}}}")
        };
        let tokens = format!("[{}]", (0..16).map(item).collect::<Vec<_>>().join(","));
        let settings = settings(&[("boundtoken.dev/tokens", &tokens)]);
        let body = body(shape, b"", 0, 3_200);
        let (peak, limit) = (heap(&body, &settings).max_bytes, limit(&body) + PATCH);
        println!("{peak} bytes, at most {limit}");
        assert!(peak <= limit, "{peak} bytes, at most {limit}");
    }
}

/// Twice the items take twice the work, and not four times.
#[test]
fn work_is_proportional_to_the_number_of_items() {
    let _alone = alone();
    for annotations in SETTINGS {
        let settings = settings(annotations);
        for shape in SHAPES {
            let work = |count| {
                let stats = heap(&body(shape, b"x", 8, count), &settings);
                (stats.total_blocks, stats.total_bytes)
            };
            let ((blocks, bytes), (more_blocks, more_bytes)) = (work(MANY / 2), work(MANY));
            let text = beginning(&body(shape, b"x", 8, 1));
            assert!(more_blocks <= 2 * blocks + blocks / 2 + 100, "{blocks}, {more_blocks} blocks: {text}");
            assert!(more_bytes <= 2 * bytes + bytes / 2 + 10_000, "{bytes}, {more_bytes} bytes: {text}");
        }
    }
}

/// Keeps the other tests waiting: the counters are those of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(annotations: &[(&str, &str)]) -> NamespaceSettings {
    NamespaceSettings::parse("shop", annotations.iter().copied(), &Arc::new(Defaults::default()))
}

/// The heap that a decision takes.
fn heap(body: &[u8], settings: &NamespaceSettings) -> dhat::HeapStats {
    let profiler = dhat::Profiler::builder().testing().build();
    hint::black_box(decide(body, settings));
    let stats = dhat::HeapStats::get();
    drop(profiler);
    stats
}

fn decide(body: &[u8], settings: &NamespaceSettings) -> Vec<u8> {
    let text = match admission::lossy_utf8(body) {
        Ok(text) => text,
        Err(bad) => return bad.to_string().into_bytes(),
    };
    let response = if body.starts_with(NAMESPACE.as_bytes()) {
        Request::parse(&text).map(|request| admission::validate(&request, &Arc::new(Defaults::default())))
    } else {
        Request::parse(&text).map(|request| admission::mutate(&request, settings))
    };
    response.map_or_else(|bad| bad.to_string().into_bytes(), admission::Response::into_body)
}

/// The heap that a decision on this body may take, apart from that of its patch.
fn limit(body: &[u8]) -> usize {
    let braces = body.split(|byte| *byte == b'{').count() - 1;
    PER_BYTE * body.len() + PER_BRACE * braces
}

/// A review of this shape with a text of at most `length` bytes in its places, and at most `count` items.
fn body(
    (review, before, item, after): (&str, &str, &str, &str),
    filler: &[u8],
    length: usize,
    count: usize,
) -> Vec<u8> {
    let text = filler.repeat(length / filler.len().max(1));
    let mut body = review.as_bytes().to_vec();
    fill(&mut body, before, &text, 0);
    let text_in_items = item.matches('@').count() * text.len();
    let count = if item.is_empty() { 0 } else { count.min(1 + 4 * LONG / (text_in_items + 1)) };
    for index in 0..count {
        if index > 0 {
            body.push(b',');
        }
        fill(&mut body, item, &text, index);
    }
    fill(&mut body, after, &text, 0);
    body.extend(b"}}");
    body
}

fn fill(body: &mut Vec<u8>, template: &str, text: &[u8], index: usize) {
    for byte in template.bytes() {
        match byte {
            b'@' => body.extend(text),
            b'#' => body.extend(index.to_string().bytes()),
            _ => body.push(byte),
        }
    }
}

fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().skip(POD.len()).take(200).collect()
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
