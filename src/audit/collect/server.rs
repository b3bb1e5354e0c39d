//! What the API server says of the tokens that it issues: flags, counters, and its issuer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::audit::snapshot::{OwnedMetadata, ServerFlags, ServerRecord};
use crate::pod::text::{Text, list, nullable, object};

/// The counters of `/metrics`. They count tokens that carry the claim of an extended lifetime only.
const STALE_TOKENS: &str = "serviceaccount_stale_tokens_total";
const VALID_TOKENS: &str = "serviceaccount_valid_tokens_total";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionFields<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    git_version: Text<'a>,
}

#[derive(Deserialize)]
struct DiscoveryFields<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    issuer: Text<'a>,
}

#[derive(Deserialize)]
struct ServerPod<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: OwnedMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    spec: ServerSpec<'a>,
}

#[derive(Default, Deserialize)]
struct ServerSpec<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    containers: Vec<ServerContainer<'a>>,
}

#[derive(Default, Deserialize)]
struct ServerContainer<'a> {
    #[serde(borrow, default)]
    command: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    args: Option<Vec<Text<'a>>>,
}

impl ServerRecord {
    /// Reads the response of `/version`.
    pub(crate) fn read_version(&mut self, text: &str) {
        let version =
            serde_json::from_str(text).map(|VersionFields { git_version }| git_version.as_str().to_owned());
        self.version = version.unwrap_or_default();
    }

    /// Reads the response of `/.well-known/openid-configuration`.
    pub(crate) fn read_issuer(&mut self, text: &str) {
        let issuer = serde_json::from_str(text).map(|DiscoveryFields { issuer }| issuer.as_str().to_owned());
        self.issuer = issuer.ok().filter(|issuer| !issuer.is_empty());
    }

    /// Reads the response of `/metrics`. A counter that never moved is absent or 0.
    pub(crate) fn read_metrics(&mut self, text: &str) {
        let value = |name: &str| {
            let value =
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
            // A counter is written as a floating point number.
            value.map(whole)
        };
        self.stale_tokens = value(STALE_TOKENS);
        self.valid_tokens = value(VALID_TOKENS);
    }

    /// Reads a Pod of the control plane. Only mirror Pods count: anyone who may create Pods in the namespace could
    /// create others.
    pub(crate) fn read_flags(&mut self, pod: &RawValue) {
        let Ok(ServerPod { metadata, spec }) = serde_json::from_str(pod.get()) else { return };
        if !metadata.annotations.has_mirror() {
            return;
        }
        let words = spec.containers.iter().flat_map(|container| [&container.command, &container.args]);
        let words: Vec<&str> = words.flatten().flatten().map(Text::as_str).collect();
        if words.iter().any(|word| word.ends_with("kube-apiserver")) {
            self.replicas += 1;
            self.flags = Some(ServerFlags::of(&words));
        }
    }
}

impl ServerFlags {
    /// The flags among the words of a command line, as `--name=value` or `--name value`.
    fn of<'w>(words: &[&'w str]) -> Self {
        let values = |name: &str| -> Vec<&'w str> {
            let pairs = words.iter().zip(words.iter().skip(1).chain([&""]));
            let value =
                |(word, next): (&&'w str, &&'w str)| match word.strip_prefix("--")?.strip_prefix(name)? {
                    "" => Some(*next),
                    rest => rest.strip_prefix('='),
                };
            pairs.filter_map(value).collect()
        };
        let last = |name: &str| values(name).last().copied();
        let is_false = |value: &str| matches!(value, "false" | "False" | "FALSE" | "f" | "F" | "0");
        let audiences = values("api-audiences");
        let audiences = if audiences.is_empty() { values("service-account-issuer") } else { audiences };
        Self {
            extends: !last("service-account-extend-token-expiration").is_some_and(is_false),
            max_seconds: last("service-account-max-token-expiration")
                .and_then(seconds)
                .filter(|max| *max > 0),
            audiences: audiences.iter().flat_map(|names| names.split(',')).map(str::to_owned).collect(),
        }
    }
}

/// The whole seconds of a duration as Go writes it, such as `24h0m0s`.
fn seconds(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !(character.is_ascii_digit() || character == '.'))?;
        let (number, unit) = rest.split_at_checked(end)?;
        let letters = unit.find(|character: char| character.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at_checked(letters)?;
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    Some(whole(total))
}

/// The whole part of a number; 0 if it is negative or not finite.
fn whole(number: f64) -> u64 {
    format!("{:.0}", number.trunc()).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(command: &str) -> ServerFlags {
        ServerFlags::of(&command.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn the_flags_of_the_command_line_are_read() {
        let defaults = || ServerFlags { extends: true, ..ServerFlags::default() };
        assert_eq!(flags("kube-apiserver"), defaults());
        assert_eq!(
            flags("kube-apiserver --service-account-issuer=https://a --service-account-issuer https://b"),
            ServerFlags { audiences: vec!["https://a".into(), "https://b".into()], ..defaults() }
        );
        assert_eq!(
            flags(
                "kube-apiserver --service-account-extend-token-expiration=false --api-audiences=a,b \
                 --service-account-issuer=c --service-account-max-token-expiration=24h0m0s"
            ),
            ServerFlags {
                extends: false,
                max_seconds: Some(86_400),
                audiences: vec!["a".into(), "b".into()]
            }
        );
        assert_eq!(flags("kube-apiserver --service-account-max-token-expiration=0s"), defaults());
    }

    #[test]
    fn durations_of_go_are_read() {
        for (text, expected) in [
            ("1h", Some(3600)),
            ("1h30m", Some(5400)),
            ("1.5h", Some(5400)),
            ("90s", Some(90)),
            ("1500ms", Some(1)),
            ("90", None),
            ("1d", None),
            ("h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn only_mirror_pods_show_flags() {
        let pod = |annotations: &str| {
            let spec = r#"{"containers": [{"command": ["kube-apiserver", "--service-account-issuer=x"]}]}"#;
            format!(r#"{{"metadata": {{"annotations": {annotations}}}, "spec": {spec}}}"#)
        };
        for (annotations, is_read) in [("{}", false), (r#"{"kubernetes.io/config.mirror": "a"}"#, true)] {
            let mut server = ServerRecord::default();
            server.read_flags(serde_json::from_str(&pod(annotations)).unwrap());
            assert_eq!(server.flags.is_some(), is_read);
        }
    }

    #[test]
    fn the_counters_are_read() {
        let mut server = ServerRecord::default();
        server.read_metrics(
            "# TYPE serviceaccount_stale_tokens_total counter\nserviceaccount_stale_tokens_total 3\n\
             serviceaccount_valid_tokens_total 1.2e+06\n",
        );
        assert_eq!((server.stale_tokens, server.valid_tokens), (Some(3), Some(1_200_000)));
        server.read_metrics("");
        assert_eq!((server.stale_tokens, server.valid_tokens), (None, None));
    }
}
