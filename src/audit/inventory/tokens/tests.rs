//! Each class, in each place in which a container can hold a token.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::LifetimeSource;
use super::*;
use crate::pod::token::{DEFAULT_DIRECTORY, YEAR};

fn held_with(spec: &Value, extended: &ExtendedLifetime) -> Vec<HeldToken> {
    let text = spec.to_string();
    let spec: TokenSpec<'_> = serde_json::from_str(&text).unwrap();
    let (secrets, api) = (["robot-token".to_owned()].into(), ApiAudiences::default());
    held_tokens(&spec, &TokenContext { secrets: Some(&secrets), api: &api, extended })
}

/// The class, seconds, path and containers of each token.
fn held(spec: &Value) -> Vec<(TokenClass, Option<u64>, String, String)> {
    let tokens = held_with(spec, &ExtendedLifetime::default()).into_iter();
    tokens.map(|token| (token.class, token.seconds, token.path, token.containers.join(","))).collect()
}

fn source(audience: Option<&str>, seconds: Option<u64>) -> Value {
    json!({"serviceAccountToken": {"audience": audience, "expirationSeconds": seconds, "path": "token"}})
}

/// A Pod whose container `app` mounts a projected volume at `/t`.
fn mounting(sources: &Value) -> Value {
    json!({
        "volumes": [{"name": "any", "projected": {"sources": sources}}],
        "containers": [{"name": "app", "volumeMounts": [{"name": "any", "mountPath": "/t/"}]}],
    })
}

fn one(
    class: TokenClass,
    seconds: Option<u64>,
    path: &str,
) -> Vec<(TokenClass, Option<u64>, String, String)> {
    vec![(class, seconds, path.to_owned(), "app".to_owned())]
}

#[test]
fn the_class_follows_from_audience_and_lifetime() {
    let year = Some(YEAR.as_secs());
    for (audience, seconds, class, expected) in [
        (None, Some(3607), TokenClass::Year, year),
        (Some(""), Some(3607), TokenClass::Year, year),
        (Some("https://kubernetes.default.svc"), Some(3607), TokenClass::Year, year),
        (None, Some(3606), TokenClass::Bounded, Some(3606)),
        (None, None, TokenClass::Bounded, Some(3600)),
        (Some("vault"), Some(3607), TokenClass::Audience, Some(3607)),
        (Some("vault"), None, TokenClass::Audience, Some(3600)),
    ] {
        let spec = mounting(&json!([source(audience, seconds)]));
        assert_eq!(held(&spec), one(class, expected, "/t/token"), "{audience:?} {seconds:?}");
    }
}

#[test]
fn without_the_extension_no_token_lives_a_year() {
    let off = ExtendedLifetime { lifetime: None, max: None, source: LifetimeSource::Given };
    let token = held_with(&mounting(&json!([source(None, Some(3607))])), &off).remove(0);
    assert_eq!((token.class, token.seconds), (TokenClass::Bounded, Some(3607)));
}

#[test]
fn the_limit_of_the_api_server_applies_before_the_extension() {
    let year = YEAR.as_secs();
    for (audience, asked, max, class, expected) in [
        (None, 3607, 3600, TokenClass::Bounded, 3600),
        (None, 3607, 3607, TokenClass::Year, year),
        (None, 3607, 86_400, TokenClass::Year, year),
        (None, 172_800, 86_400, TokenClass::Bounded, 86_400),
        (Some("vault"), 172_800, 86_400, TokenClass::Audience, 86_400),
        // An odd limit makes a year of a longer request.
        (None, 7200, 3607, TokenClass::Year, year),
    ] {
        let extended =
            ExtendedLifetime { max: Some(Duration::from_secs(max)), ..ExtendedLifetime::default() };
        let token = held_with(&mounting(&json!([source(audience, Some(asked))])), &extended).remove(0);
        assert_eq!((token.class, token.seconds), (class, Some(expected)), "{asked} {max}");
    }
}

#[test]
fn a_volume_counts_where_it_is_mounted_whatever_its_name() {
    let volume = json!({"name": "kube-api-access-x", "projected": {"sources": [source(None, Some(3607))]}});
    let mount = json!([{"name": "kube-api-access-x", "mountPath": DEFAULT_DIRECTORY}]);
    let container = |name: &str| json!({"name": name, "volumeMounts": mount});
    let spec = json!({
        "volumes": [volume, {"name": "kube-api-access-y", "emptyDir": {}}],
        "initContainers": [container("init"), {"name": "setup"}],
        "containers": [container("app"), {"name": "log", "volumeMounts": [{"name": "kube-api-access-y", "mountPath": "/t"}]}],
        "ephemeralContainers": [container("debug")],
    });
    let path = format!("{DEFAULT_DIRECTORY}/token");
    let expected = (TokenClass::Year, Some(YEAR.as_secs()), path, "init,app,debug".to_owned());
    assert_eq!(held(&spec), [expected]);
    assert_eq!(held(&json!({"volumes": [volume], "containers": [{"name": "app"}]})), []);
    assert_eq!(held(&json!({"volumes": null, "containers": null})), []);
}

#[test]
fn a_volume_may_hold_several_tokens() {
    let mut second = source(Some("vault"), Some(600));
    second["serviceAccountToken"]["path"] = "vault/token".into();
    let spec = mounting(&json!([source(None, Some(3600)), {"configMap": {"name": "a"}}, second]));
    let classes: Vec<_> = held(&spec).into_iter().map(|(class, _, path, _)| (class, path)).collect();
    let expected = [(TokenClass::Bounded, "/t/token"), (TokenClass::Audience, "/t/vault/token")];
    assert_eq!(classes, expected.map(|(class, path)| (class, path.to_owned())));
}

#[test]
fn sub_path_is_a_token_only_where_it_selects_the_file() {
    let with = |mount: Value| {
        let mut spec = mounting(&json!([source(None, Some(3600))]));
        spec["containers"][0]["volumeMounts"] = json!([mount]);
        let tokens = held_with(&spec, &ExtendedLifetime::default());
        tokens.into_iter().map(|token| (token.path, token.is_sub_path)).collect::<Vec<_>>()
    };
    let mount = |field: &str, value: &str| json!({"name": "any", "mountPath": "/t/x", field: value});
    assert_eq!(with(mount("subPath", "token")), [("/t/x".to_owned(), true)]);
    assert_eq!(with(mount("subPathExpr", "$(FILE)")), [("/t/x".to_owned(), true)]);
    assert_eq!(with(mount("subPath", "")), [("/t/x/token".to_owned(), false)]);
    assert_eq!(with(mount("subPath", "ca.crt")), []);
    assert_eq!(with(mount("subPath", "tok")), []);
}

#[test]
fn the_token_of_a_secret_is_found_in_each_place() {
    let secret =
        |items: Value| json!([{"name": "any", "secret": {"secretName": "robot-token", "items": items}}]);
    let mounts = json!([{"name": "any", "mountPath": "/t"}]);
    let mounted =
        |volumes: Value| json!({"volumes": volumes, "containers": [{"name": "app", "volumeMounts": mounts}]});
    let with = |field: &str, value: Value| json!({"containers": [{"name": "app", field: [value]}]});
    let key = |secret: &str, key: &str| json!({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}});
    for (spec, path) in [
        (mounted(secret(Value::Null)), Some("/t/token")),
        (mounted(secret(json!([{"key": "token", "path": "a/b"}]))), Some("/t/a/b")),
        (mounted(secret(json!([{"key": "ca.crt", "path": "token"}]))), None),
        (mounting(&json!([{"secret": {"name": "robot-token"}}])), Some("/t/token")),
        (mounting(&json!([{"secret": {"name": "other"}}])), None),
        (with("env", key("robot-token", "token")), Some("$TOKEN")),
        (with("env", key("robot-token", "ca.crt")), None),
        (with("env", key("other", "token")), None),
        (with("envFrom", json!({"prefix": "P_", "secretRef": {"name": "robot-token"}})), Some("$P_token")),
        (with("envFrom", json!({"secretRef": {"name": "other"}})), None),
    ] {
        let expected = path.map(|path| one(TokenClass::Legacy, None, path)).unwrap_or_default();
        assert_eq!(held(&spec), expected, "{spec}");
    }
}
