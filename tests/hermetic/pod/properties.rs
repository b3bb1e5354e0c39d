//! Properties of every Pod under every setting.

use std::collections::BTreeSet;

use boundtoken::pod::plugin::ServiceAccount;
use boundtoken::policy::NamespaceSettings;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::generate::{self, POD_NAME, Settings};
use crate::support::pods::{
    Admission, DEFAULT_DIRECTORY, LISTS, SUFFIXES, after_plugin, after_plugin_of, as_stored, containers,
    decide, is_year_long, mounts, names, tokens, volumes,
};

const YEAR: u64 = 365 * 24 * 3600;

/// 150 cases each, unless `PROPTEST_CASES` wants more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 150 };
    let max_global_rejects = cases * 10;
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, max_global_rejects, ..default }
}

fn parse(settings: &Settings) -> NamespaceSettings {
    let pairs: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    crate::support::pods::namespace(&pairs)
}

fn annotate(pod: &Value, settings: &Settings) -> Value {
    let pairs: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    crate::support::pods::annotated(pod.clone(), &pairs)
}

fn value<'s>(key: &str, settings: &[&'s Settings]) -> Option<&'s str> {
    let mut found = settings.iter().filter_map(|settings| settings.iter().find(|(other, _)| *other == key));
    found.next().map(|(_, value)| value.trim())
}

/// A Pod under settings, as the API server would send it.
#[derive(Debug)]
struct Case {
    pod: Value,
    on_pod: Settings,
    on_namespace: Settings,
}

impl Case {
    fn answer(&self) -> Admission {
        decide(&self.pod, &parse(&self.on_namespace))
    }

    fn mode(&self) -> &str {
        value("mode", &[&self.on_pod, &self.on_namespace]).unwrap_or("replace")
    }

    /// The list in force: key and names.
    fn list(&self) -> Option<(&str, Vec<&str>)> {
        let settings = [&self.on_pod, &self.on_namespace];
        let found = settings.iter().find_map(|settings| {
            settings.iter().find(|(key, _)| matches!(*key, "containers" | "skip-containers"))
        });
        found.map(|(key, names)| (*key, names.split(',').collect()))
    }

    fn includes(&self, name: &str) -> bool {
        self.list().is_none_or(|(key, names)| (key == "containers") == names.contains(&name))
    }

    /// Where a token is added: by `add`, or by `replace` with a path of its own.
    fn directory(&self) -> Option<String> {
        let path = value("path", &[&self.on_pod, &self.on_namespace]).map(normal);
        let path = path.filter(|path| *path != format!("{DEFAULT_DIRECTORY}/token"));
        let path =
            path.or_else(|| (self.mode() == "add").then(|| "/var/run/secrets/tokens/token".to_owned()))?;
        path.rsplit_once('/').map(|(directory, _)| directory.to_owned())
    }

    /// Whether the default token goes.
    fn moves(&self) -> bool {
        self.mode() == "disable" || (self.mode() == "replace" && self.directory().is_some())
    }

    fn is_dry_run(&self) -> bool {
        value("dry-run", &[&self.on_namespace]) == Some("true")
    }

    /// Names of the default token volumes: of the plugin, or legacy Secrets at the default path.
    fn default_volumes(&self) -> BTreeSet<String> {
        let at_default = self.at_default();
        let mut owned: BTreeSet<String> = BTreeSet::new();
        for (name, token) in tokens(&self.pod) {
            let is_default = at_default.contains(&name) || crate::support::pods::is_for_api(&token);
            if name.starts_with("kube-api-access-") && is_default {
                owned.insert(name);
            }
        }
        for volume in volumes(&self.pod) {
            let name = volume["name"].as_str().unwrap();
            if volume["secret"]["secretName"] == "default-token-x7k2p" && at_default.contains(name) {
                owned.insert(name.to_owned());
            }
        }
        owned
    }

    /// Names of the volumes that a container mounts at the default directory.
    fn at_default(&self) -> BTreeSet<String> {
        let mounts = containers(&self.pod).into_iter().flat_map(mounts);
        let at_default = mounts.filter(|(_, path)| normal(path) == DEFAULT_DIRECTORY);
        at_default.map(|(name, _)| name.to_owned()).collect()
    }

    /// Names of the volumes with a token in place of the default token, which `replace` changes.
    fn hand_made(&self) -> BTreeSet<String> {
        let at_default = self.at_default();
        let is_hand_made = |(name, token): &(String, Value)| {
            at_default.contains(name) && is_year_long(token) && crate::support::pods::is_for_api(token)
        };
        let found = tokens(&self.pod).into_iter().filter(is_hand_made);
        if self.moves() || self.mode() != "replace" {
            BTreeSet::new()
        } else {
            found.map(|(name, _)| name).collect()
        }
    }
}

fn normal(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !matches!(*segment, "" | "."));
    segments.fold(String::new(), |path, segment| path + "/" + segment)
}

fn cases() -> impl Strategy<Value = Case> {
    let settings = (generate::settings(), generate::settings(), generate::guardrails(), 0..4_u8);
    (generate::pod(), settings, any::<bool>()).prop_map(
        |(pod, (on_pod, on_namespace, guardrails, which), plugin)| {
            let on_pod = if which < 2 { on_pod } else { Settings::new() };
            let on_namespace = if which == 1 { guardrails } else { [on_namespace, guardrails].concat() };
            let pod = annotate(&pod, &on_pod);
            let pod = if plugin { after_plugin(pod) } else { pod };
            Case { pod, on_pod, on_namespace }
        },
    )
}

/// The Pod without what is ours to change.
fn foreign(pod: &Value, before: &Value, owned: &BTreeSet<String>, hand_made: &BTreeSet<String>) -> Value {
    let mut pod = as_stored(pod);
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.remove("automountServiceAccountToken");
    let is_owned = |item: &Value| item["name"].as_str().is_some_and(|name| owned.contains(name));
    if let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) {
        volumes.retain(|volume| !is_owned(volume));
        let others: Vec<&Value> =
            crate::support::pods::volumes(before).into_iter().filter(|volume| !is_owned(volume)).collect();
        for (volume, other) in volumes.iter_mut().zip(others) {
            let sources = volume["projected"].get_mut("sources").and_then(Value::as_array_mut);
            for (index, source) in sources.into_iter().flatten().enumerate() {
                if is_year_long(&other["projected"]["sources"][index]["serviceAccountToken"]) {
                    source["serviceAccountToken"]["expirationSeconds"] = "bounded".into();
                    if other["name"].as_str().is_some_and(|name| hand_made.contains(name)) {
                        source["serviceAccountToken"]["audience"] = "any".into();
                    }
                }
            }
        }
    }
    for list in LISTS {
        for (index, container) in
            spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().enumerate()
        {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(|mount| !is_owned(mount));
            }
            let kept = before["spec"][list][index]["env"].as_array().map_or(0, Vec::len);
            if let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) {
                env.truncate(kept);
            }
        }
    }
    as_stored(&pod)
}

fn is_our_name(name: &str) -> bool {
    name.strip_prefix("boundtoken").is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('-')
                .is_some_and(|number| number.parse::<u8>().is_ok_and(|number| number > 1))
    })
}

fn assert_minimal(before: &Value, operations: &[Value]) {
    let mut last_removed: Vec<(String, usize)> = Vec::new();
    for operation in operations {
        let path = operation["path"].as_str().unwrap();
        let at = before.pointer(path).filter(|there| !there.is_null());
        let whole_list = at.is_some_and(Value::is_array);
        assert!(!whole_list, "{path}: a whole list is replaced");
        let shape: String = path
            .split('/')
            .map(|segment| if segment.parse::<usize>().is_ok() { "/N" } else { segment })
            .collect::<Vec<_>>()
            .join("/")
            .replace("//N", "/N");
        let shapes = [
            "/spec/automountServiceAccountToken",
            "/spec/volumes",
            "/spec/volumes/-",
            "/spec/volumes/N",
            "/spec/volumes/N/secret",
            "/spec/volumes/N/projected",
            "/spec/volumes/N/projected/sources/-",
            "/spec/volumes/N/projected/sources/N/serviceAccountToken/audience",
            "/spec/volumes/N/projected/sources/N/serviceAccountToken/expirationSeconds",
            "/spec/containers/N/volumeMounts",
            "/spec/containers/N/volumeMounts/-",
            "/spec/containers/N/volumeMounts/N",
            "/spec/containers/N/env",
            "/spec/containers/N/env/-",
        ];
        let shape = shape.replace("initContainers", "containers");
        assert!(shapes.contains(&shape.as_str()), "{path} is not ours");
        if let (Some((list, index)), "remove") = (path.rsplit_once('/'), operation["op"].as_str().unwrap())
            && let Ok(index) = index.parse::<usize>()
        {
            let lower = last_removed.iter().all(|(other, last)| other != list || index < *last);
            assert!(lower, "{path} is removed after a lower index");
            last_removed.push((list.to_owned(), index));
        }
    }
}

/// The patch must not add anything that API validation or the kubelet refuses.
fn assert_no_new_collision(before: &Value, after: &Value) {
    let repeated = |mut list: Vec<String>| {
        list.sort_unstable();
        let count = list.len();
        list.dedup();
        count - list.len()
    };
    let volume_names = |pod: &Value| repeated(names(&volumes(pod)));
    assert!(volume_names(after) <= volume_names(before), "two volumes of one name");
    for (was, is) in containers(before).into_iter().zip(containers(after)) {
        let paths = |container: &Value| {
            repeated(mounts(container).iter().map(|(_, path)| (*path).to_owned()).collect())
        };
        assert!(paths(is) <= paths(was), "two mounts at one path in {}", is["name"]);
        let variables = |container: &Value| {
            repeated(names(&container["env"].as_array().into_iter().flatten().collect::<Vec<_>>()))
        };
        assert!(variables(is) <= variables(was), "two variables of one name in {}", is["name"]);
        let known = names(&volumes(after));
        for (volume, _) in mounts(is) {
            assert!(known.iter().any(|name| name == volume), "a mount of {volume}, which is not there");
        }
    }
}

fn assert_readable(answer: &Admission) {
    let warnings = answer.warnings();
    assert!(warnings.iter().map(|warning| warning.chars().count()).sum::<usize>() <= 4096);
    for warning in &warnings {
        assert!(warning.chars().count() <= 120, "{warning}");
    }
    let causes = answer.response["status"]["details"]["causes"].as_array().into_iter().flatten();
    let texts =
        causes.filter_map(|cause| cause["message"].as_str()).chain(warnings).chain([answer.message()]);
    for text in texts {
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(!text.contains(POD_NAME), "the Pod's name: {text}");
        assert!(!text.contains("kube-api-access-g"), "a generated suffix: {text}");
        assert!(!SUFFIXES.iter().any(|suffix| text.contains(suffix)), "a generated suffix: {text}");
    }
}

fn seconds(token: &Value) -> u64 {
    if is_year_long(token) { YEAR } else { token["expirationSeconds"].as_u64().unwrap_or(3600) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_patch_applies_and_touches_only_our_paths(case in cases()) {
        let answer = case.answer();
        assert_readable(&answer);
        assert_minimal(&case.pod, &answer.operations);
        assert_no_new_collision(&case.pod, &answer.pod);
        let mut owned = case.default_volumes();
        let all = names(&volumes(&answer.pod)).into_iter().chain(tokens(&case.pod).into_iter().map(|(name, _)| name));
        owned.extend(all.filter(|name| is_our_name(name)));
        let hand_made = case.hand_made();
        prop_assert_eq!(foreign(&answer.pod, &case.pod, &owned, &hand_made), foreign(&case.pod, &case.pod, &owned, &hand_made));
        for (was, is) in containers(&case.pod).into_iter().zip(containers(&answer.pod)) {
            let (was, is) = (was["env"].as_array().map_or(&[][..], Vec::as_slice), is["env"].as_array().map_or(&[][..], Vec::as_slice));
            prop_assert_eq!(&is[..was.len()], was);
            prop_assert!(is[was.len()..].iter().all(|variable| ["TOKEN_FILE", "VAULT"].contains(&variable["name"].as_str().unwrap())));
        }
    }

    #[test]
    fn a_second_admission_changes_nothing(mut case in cases(), says in proptest::option::of(any::<bool>())) {
        let account = ServiceAccount { automount: says, ..ServiceAccount::default() };
        case.pod = after_plugin_of(case.pod, &account, SUFFIXES[0]);
        let first = case.answer();
        prop_assume!(first.allowed() && !case.is_dry_run());
        let namespace = parse(&case.on_namespace);
        prop_assert_eq!(decide(&first.pod, &namespace).operations, Vec::<Value>::new());
        let again = after_plugin_of(first.pod.clone(), &account, SUFFIXES[1]);
        let second = decide(&again, &namespace);
        prop_assert!(second.allowed(), "{}", second.message());
        prop_assert_eq!(as_stored(&second.pod), as_stored(&first.pod));
    }

    #[test]
    fn a_container_added_later_is_handled(mut case in cases(), with_mount in any::<bool>(), index in any::<usize>()) {
        case.pod = after_plugin(case.pod);
        let first = case.answer();
        prop_assume!(first.allowed() && !case.is_dry_run());
        let mut later = json!({"name": "later", "image": "istio/proxyv2"});
        let present = names(&volumes(&first.pod));
        if with_mount && !present.is_empty() {
            let volume = &present[index % present.len()];
            later["volumeMounts"] = json!([{"name": volume, "mountPath": DEFAULT_DIRECTORY}]);
        }
        let namespace = parse(&case.on_namespace);
        let mut between = first.pod;
        between["spec"]["containers"].as_array_mut().unwrap().push(later);
        let again = after_plugin_of(between, &ServiceAccount::default(), SUFFIXES[1]);
        let second = decide(&again, &namespace);
        if !second.allowed() {
            // It is the first to hold a token that the guardrails forbid.
            prop_assert_eq!(&second.response["status"]["code"], 403, "{}", second.message());
            return Ok(());
        }
        let third = after_plugin_of(second.pod.clone(), &ServiceAccount::default(), SUFFIXES[0]);
        prop_assert_eq!(as_stored(&decide(&third, &namespace).pod), as_stored(&second.pod));
        assert_bounded(&case, &second);
    }

    #[test]
    fn no_token_outlives_its_configured_lifetime(case in cases()) {
        let answer = case.answer();
        prop_assume!(answer.allowed() && !case.is_dry_run());
        assert_bounded(&case, &answer);
    }

    #[test]
    fn only_listed_containers_mount_the_token(mut case in cases()) {
        case.pod = after_plugin(case.pod);
        let answer = case.answer();
        prop_assume!(answer.allowed() && !case.is_dry_run() && matches!(case.mode(), "replace" | "add"));
        let default = case.default_volumes();
        let default_mounts = |container| mounts(container).into_iter().filter(|(volume, _)| default.contains(*volume));
        for (was, is) in containers(&case.pod).into_iter().zip(containers(&answer.pod)) {
            let included = case.includes(is["name"].as_str().unwrap());
            if let Some(directory) = case.directory() {
                let held = mounts(is).iter().any(|(volume, path)| *volume == "boundtoken" && normal(path) == directory);
                let was_held = mounts(was).iter().any(|(volume, _)| *volume == "boundtoken");
                prop_assert!(included || was_held || !held, "{} holds a token", is["name"]);
                let possible = || super::starts::can_start(&answer.pod, is, &directory, "token");
                prop_assert!(!included || held || !possible(), "{} holds no token", is["name"]);
            } else if !included {
                prop_assert_eq!(default_mounts(is).next(), None, "{} holds the default token", &is["name"]);
            } else if case.list().is_some() && !default.is_empty() {
                let holds = mounts(is).iter().any(|(_, path)| normal(path) == DEFAULT_DIRECTORY);
                let possible = || super::starts::can_start(&answer.pod, is, DEFAULT_DIRECTORY, "token");
                prop_assert!(holds || !possible(), "{} holds nothing", is["name"]);
            } else {
                prop_assert!(default_mounts(is).eq(default_mounts(was)), "{} is changed", is["name"]);
            }
        }
    }

    #[test]
    fn settings_of_one_namespace_never_reach_another(case in cases(), other in generate::settings(), limits in generate::guardrails()) {
        let [here, there] = [parse(&case.on_namespace), parse(&[other, limits].concat())];
        let before = decide(&case.pod, &here).response;
        decide(&case.pod, &there);
        prop_assert_eq!(decide(&case.pod, &here).response, before);
    }
}

/// No year, no default token under `disable`, and the guardrails kept.
fn assert_bounded(case: &Case, answer: &Admission) {
    let tokens = tokens(&answer.pod);
    if case.mode() != "off" {
        assert!(!tokens.iter().any(|(_, token)| is_year_long(token)), "a year-long source survives");
    }
    if case.mode() == "disable" {
        assert_eq!(answer.pod["spec"]["automountServiceAccountToken"], false);
        let gone = case.default_volumes();
        assert!(!tokens.iter().any(|(volume, _)| gone.contains(volume)));
        let held =
            containers(&answer.pod).into_iter().flat_map(mounts).find(|(volume, _)| gone.contains(*volume));
        assert_eq!(held, None, "a mount of the default token");
    }
    if let Some(max) = value("max-ttl", &[&case.on_namespace]) {
        let max = match max {
            "30m" => 1800,
            "1h" => 3600,
            "2h" => 7200,
            "24h" => 86400,
            seconds => seconds.parse().unwrap(),
        };
        assert!(tokens.iter().all(|(_, token)| seconds(token) <= max), "beyond {max}: {tokens:?}");
    }
    if let Some(allowed) = value("allowed-audiences", &[&case.on_namespace]) {
        let allowed: Vec<&str> = allowed.split(',').collect();
        for (volume, token) in &tokens {
            let audience = token["audience"].as_str().unwrap_or_default();
            assert!(
                crate::support::pods::is_for_api(token) || allowed.contains(&audience),
                "{volume} is for {audience}"
            );
        }
    }
}
