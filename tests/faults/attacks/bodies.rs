//! The bodies that attackers send.

use boundtoken::server::limits::{BODY_BYTES, SMALL_BODY_BYTES};
use serde_json::{Value, json};

use crate::support::http::post_head;
use crate::support::reviews;

/// Requests with a head, as they are sent.
pub(crate) struct Bodies {
    /// A usual review.
    pub(crate) small: Vec<u8>,
    /// Small, with an answer of less than 64 KiB.
    pub(crate) answered: Vec<u8>,
    /// Just too large to be parsed at once, with as many objects as possible.
    pub(crate) costly: Vec<u8>,
    /// The largest body, a name of bytes that are not UTF-8 in every finding.
    pub(crate) endless: Vec<u8>,
    /// The largest body, a list of four million names.
    pub(crate) names: Vec<u8>,
}

impl Bodies {
    /// Bodies for a Namespace that has opted in.
    pub(crate) fn of(namespace: &str) -> Self {
        let review = |annotations: Value| -> Value {
            let mut review: Value = serde_json::from_str(&reviews::web(&annotations)).unwrap();
            review["request"]["namespace"] = namespace.into();
            review
        };
        let plain = || review(json!({}));
        let mut answered = review(json!({"boundtoken.dev/mode": "add"}));
        containers(&mut answered).extend((0..300).map(|number| json!({"name": format!("c{number}")})));
        let mut costly = plain();
        let pieces = vec![json!({"name": "c", "volumeMounts": [{}]}); 2 * SMALL_BODY_BYTES / 34];
        containers(&mut costly).extend(pieces);
        let names = "a,".repeat((BODY_BYTES - 4096) / 2);
        Self {
            small: request(plain().to_string()),
            answered: request(answered.to_string()),
            costly: request(costly.to_string()),
            endless: request(endless(plain(), BODY_BYTES - 16_384)),
            names: request(review(json!({"boundtoken.dev/containers": names})).to_string()),
        }
    }
}

fn containers(review: &mut Value) -> &mut Vec<Value> {
    review["request"]["object"]["spec"]["containers"].as_array_mut().unwrap()
}

/// A review whose container has a name of so many bytes that are not UTF-8, and a finding for each of its mounts.
fn endless(mut review: Value, length: usize) -> Vec<u8> {
    endless_name(&mut containers(&mut review)[0], "ENDLESS");
    let review = review.to_string();
    let (before, after) = review.split_once("ENDLESS").unwrap();
    [before.as_bytes(), &vec![0xff; length], after.as_bytes()].concat()
}

/// Gives a container a name, and mounts of its token by `subPath` that each cause a warning about it.
pub(crate) fn endless_name(container: &mut Value, name: &str) {
    let mount = |number| {
        let (volume, path) = ("kube-api-access-abcde", format!("/m/{number}"));
        json!({"name": volume, "mountPath": path, "subPath": "token"})
    };
    container["name"] = name.into();
    container["volumeMounts"] = (0..70).map(mount).collect();
}

fn request(body: impl Into<Vec<u8>>) -> Vec<u8> {
    let body = body.into();
    assert!(body.len() <= BODY_BYTES, "{}", body.len());
    [post_head("/mutate", "application/json", body.len()).into_bytes(), body].concat()
}
