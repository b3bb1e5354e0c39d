//! Bodies that no API server sends: always an answer or a `BadReview`, never a panic.

use std::sync::Arc;

use boundtoken::admission::{BadReview, Request, lossy_utf8, mutate, validate};
use boundtoken::policy::{Defaults, NamespaceSettings};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::pods::{namespace, pod};
use crate::support::reviews::{captured, review};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    }
}

fn settings() -> NamespaceSettings {
    namespace(&[
        ("tokens", "[{path: /t/a}, {path: /u/b, env: B}]"),
        ("skip-containers", "x"),
        ("max-ttl", "2h"),
    ])
}

/// Both webhooks on a body: what they say, if it is a review.
fn send(body: &[u8]) -> Result<[Value; 2], BadReview> {
    let text = lossy_utf8(body)?;
    let request = Request::parse(&text)?;
    let pods = mutate(&request, &settings()).into_body();
    let uid = request.uid().to_owned();
    let request = Request::parse(&text)?;
    let namespaces = validate(&request, &Arc::new(Defaults::default())).into_body();
    let both =
        [pods, namespaces].map(|body| serde_json::from_slice::<Value>(&body).expect("an answer is JSON"));
    for answer in &both {
        assert_eq!(answer["response"]["uid"], uid);
        assert!(answer["response"]["allowed"].is_boolean());
    }
    Ok(both)
}

/// The sentence for a body that is no review.
fn complaint(body: &[u8]) -> String {
    let sentence = send(body).expect_err("a body that is no review").to_string();
    assert!(!sentence.is_empty() && sentence.chars().count() < 400, "{sentence}");
    sentence
}

/// The position in the body is what helps to find the mistake.
#[test]
fn a_long_text_in_the_wrong_place_does_not_hide_its_position() {
    let review = review(&json!({"metadata": "x".repeat(5000), "spec": {}}));
    let sentence = complaint(review.to_string().as_bytes());
    assert!(sentence.contains(" at line 1 column "), "{sentence}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((field(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    let known = vec![
        "metadata",
        "annotations",
        "spec",
        "volumes",
        "containers",
        "initContainers",
        "volumeMounts",
        "name",
        "projected",
        "sources",
        "serviceAccountToken",
        "audience",
        "expirationSeconds",
        "path",
        "secret",
        "env",
        "boundtoken.dev/ttl",
        "boundtoken.dev/tokens",
        "mountPath",
        "automountServiceAccountToken",
    ];
    prop_oneof![4 => proptest::sample::select(known).prop_map(str::to_owned), 1 => ".{0,6}"]
}

/// Every place in a document.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointers(field, &format!("{at}/{name}"), found);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes_are_answered_or_rejected(body in vec(any::<u8>(), 0..256)) {
        let _ = send(&body);
    }

    #[test]
    fn mutated_reviews_are_answered_or_rejected(
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut body = serde_json::to_vec(&captured("pod-many")).unwrap();
        for (at, byte, edit) in edits {
            let at = at.index(body.len());
            match edit {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => { body.remove(at); }
            }
        }
        let _ = send(&body);
    }

    #[test]
    fn a_truncated_review_is_refused(length in any::<prop::sample::Index>()) {
        let body = serde_json::to_vec(&captured("pod-plain")).unwrap();
        complaint(&body[..length.index(body.len())]);
    }

    #[test]
    fn arbitrary_json_in_any_field_is_answered_or_rejected(at in any::<prop::sample::Index>(), value in any_json()) {
        let mut review = captured("pod-vault-token");
        let mut places = Vec::new();
        pointers(&review, "", &mut places);
        *review.pointer_mut(&places[at.index(places.len())]).unwrap() = value;
        let _ = send(&serde_json::to_vec(&review).unwrap());
    }

    #[test]
    fn arbitrary_json_as_an_object_is_answered_or_rejected(object in any_json()) {
        let _ = send(&serde_json::to_vec(&review(&object)).unwrap());
        let mut review = captured("namespace-create");
        review["request"]["object"] = object;
        let _ = send(&serde_json::to_vec(&review).unwrap());
    }

    #[test]
    fn arbitrary_annotation_values_are_answered(
        key in prop_oneof![Just("mode"), Just("audience"), Just("ttl"), Just("path"), Just("containers"), Just("env"), Just("tokens")],
        text in prop_oneof![".{0,40}", "[-\\[\\]{}:,&*!|>'\"%@` \na-c/0-9]{0,40}", "[0-9hms]{1,30}"],
    ) {
        let pod = crate::support::pods::annotated(pod(&["app"]), &[(key, &text)]);
        prop_assert!(send(&serde_json::to_vec(&review(&pod)).unwrap()).is_ok());
    }
}

/// A review whose object has `inner` in a place.
fn with(place: &str, inner: &str) -> Vec<u8> {
    let object = format!(
        r#"{{"metadata":{{"name":"x"}},"spec":{{"containers":[{{"name":"app"}}],{place}:{inner}}}}}"#
    );
    let text = serde_json::to_string(&review(&json!("OBJECT"))).unwrap();
    text.replace("\"OBJECT\"", &object).into_bytes()
}

#[test]
fn deep_nesting_never_overflows_a_small_stack() {
    let depth = 90_000;
    let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let volumes = format!("{}null{}", r#"[{"projected":"#.repeat(depth), "}]".repeat(depth));
    let work = move || {
        for inner in [&lists, &objects] {
            assert!(
                send(&with(r#""xFuture""#, inner)).is_ok(),
                "an unknown field is passed over, however deep"
            );
        }
        for place in [r#""volumes""#, r#""initContainers""#, r#""automountServiceAccountToken""#] {
            for inner in [&lists, &objects] {
                assert!(send(&with(place, inner)).is_err(), "{place}");
            }
        }
        assert!(send(&with(r#""volumes""#, &volumes)).is_err());
        for inner in [&lists, &objects] {
            complaint(inner.as_bytes());
            complaint(&inner.as_bytes()[..depth]);
        }
        let pod = crate::support::pods::annotated(pod(&["app"]), &[("tokens", &lists)]);
        let body = serde_json::to_vec(&review(&pod)).unwrap();
        let [answer, _] = send(&body).expect("a review");
        assert_eq!(answer["response"]["status"]["code"], 422);
    };
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap();
    thread.join().expect("no overflow and no panic");
}

#[test]
fn expanding_yaml_is_refused() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]";
    let list = "- &x {path: /t/a}\n- *x\n";
    let anchors = format!("[{{path: /t/a, audience: &a {}}}]", "x".repeat(5000));
    for text in [bomb, list, anchors.as_str()] {
        let pod = crate::support::pods::annotated(pod(&["app"]), &[("tokens", text)]);
        let [answer, _] = send(&serde_json::to_vec(&review(&pod)).unwrap()).expect("a review");
        assert_eq!(answer["response"]["status"]["code"], 422, "{text}");
    }
}
