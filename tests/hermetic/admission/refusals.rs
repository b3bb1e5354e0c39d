//! The frame of a refusal: the name of the object, and the number of mistakes that are not listed.

use serde_json::{Value, json};

use crate::support::pods::{annotated, answer, decide, namespace, pod};
use crate::support::reviews::review;

/// `kubectl` prints `The Pod "web" is invalid`, so that it is found among others in a manifest.
#[test]
fn the_object_is_named_if_it_has_a_name() {
    let wrong = annotated(pod(&["app"]), &[("ttl", "5m")]);
    let details = |name: Value| {
        let mut review = review(&wrong);
        review["request"]["name"] = name;
        answer(&review, &namespace(&[])).response["status"]["details"].clone()
    };
    let named = details("web".into());
    assert_eq!((&named["kind"], &named["name"]), (&json!("Pod"), &json!("web")));
    // A generated name comes later; what is no name is not repeated.
    for other in [Value::Null, "".into(), "x".repeat(254).into()] {
        let details = details(other);
        assert!(details.get("kind").is_none() && details.get("name").is_none(), "{details}");
        assert_eq!(details["causes"].as_array().map(Vec::len), Some(1));
    }
}

/// Bullets are all that a terminal shows.
#[test]
fn the_last_bullet_counts_the_unlisted_mistakes() {
    let items = vec!["{path: t, ttl: 5m}"; 16].join(", ");
    let many = decide(&annotated(pod(&["app"]), &[("tokens", &format!("[{items}]"))]), &namespace(&[]));
    let causes = many.response["status"]["details"]["causes"].as_array().cloned().unwrap_or_default();
    assert_eq!(causes.len(), 25);
    assert_eq!(causes[24]["field"], "metadata.annotations[boundtoken.dev/tokens]");
    assert_eq!(causes[24]["message"], "and 8 more");
    assert!(many.message().ends_with(" | and 8 more"), "{}", many.message());
}
