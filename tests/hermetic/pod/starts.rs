//! Every container that is patched can start, and a container is left out only if it could not: generated Pods
//! against a second description of what the kubelet and the container runtime can mount.

use boundtoken::policy::NamespaceSettings;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::generate::{self, Settings};
use crate::support::pods::{after_plugin, annotated, containers, decide, mounts, namespace, volume, volumes};

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 400 };
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, ..default }
}

/// The segments of a path, as the Pod's operating system compares them.
fn segments(path: &str, windows: bool) -> Vec<String> {
    let path = if windows { path.to_lowercase().replace('\\', "/") } else { path.to_owned() };
    let path = path.strip_prefix("c:").filter(|_| windows).unwrap_or(&path);
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
        if segment == ".." {
            segments.pop();
        } else {
            segments.push(segment.to_owned());
        }
    }
    segments
}

/// The part of a path below a directory.
fn below<'p>(path: &'p [String], directory: &[String]) -> Option<&'p [String]> {
    path.strip_prefix(directory).filter(|rest| !rest.is_empty())
}

/// Whether a container of an admitted Pod can start with a token of a volume `boundtoken` in a directory.
pub(super) fn can_start(pod: &Value, container: &Value, directory: &str, file: &str) -> bool {
    let sources = json!([{"serviceAccountToken": {"path": file}}]);
    let token = json!({"name": "boundtoken", "projected": {"sources": sources}});
    let token = volume(pod, "boundtoken").unwrap_or(&token);
    Mounts::new(pod, container).take(token, &json!({"name": "boundtoken", "mountPath": directory}))
}

/// A container's mounts.
struct Mounts<'p> {
    pod: &'p Value,
    windows: bool,
    list: Vec<&'p Value>,
}

impl<'p> Mounts<'p> {
    fn new(pod: &'p Value, container: &'p Value) -> Self {
        let windows = pod["spec"]["nodeSelector"]["kubernetes.io/os"] == "windows";
        Self { pod, windows, list: container["volumeMounts"].as_array().into_iter().flatten().collect() }
    }

    fn path(&self, mount: &Value) -> Vec<String> {
        segments(mount["mountPath"].as_str().unwrap(), self.windows)
    }

    fn volume(&self, mount: &Value) -> &'p Value {
        volume(self.pod, mount["name"].as_str().unwrap()).unwrap()
    }

    /// Whether a volume can be mounted at a directory beside all other mounts.
    fn take(&self, new: &Value, at: &Value) -> bool {
        let directory = self.path(at);
        let others: Vec<&Value> = self.list.iter().copied().filter(|mount| *mount != at).collect();
        let is_free = !others.iter().any(|mount| self.path(mount) == directory);
        let mut inside =
            others.iter().filter_map(|mount| Some((mount, below(&self.path(mount), &directory)?[0].clone())));
        let keeps_inside = inside.all(|(mount, first)| {
            self.is_seen_by_kubelet(mount) && !self.may_be_file(mount) && !has_file(new, &first)
        });
        let above = || others.iter().filter(|mount| below(&directory, &self.path(mount)).is_some());
        let nearest = above().map(|mount| self.path(mount).len()).max();
        // The runtime chooses which of several mounts at one directory is on top.
        let mut nearest = above().filter(|mount| Some(self.path(mount).len()) == nearest);
        is_free
            && keeps_inside
            && nearest.all(|mount| {
                let first = &below(&directory, &self.path(mount)).unwrap()[0];
                self.takes_mount_point(mount)
                    && (!is_filled(self.volume(mount))
                        || self.is_seen_by_kubelet(mount) && !has_file(self.volume(mount), first))
            })
    }

    /// Whether the kubelet makes the mount points of this mount and of those inside it. It compares absolute paths.
    fn is_seen_by_kubelet(&self, mount: &Value) -> bool {
        self.windows || mount["mountPath"].as_str().unwrap().starts_with('/')
    }

    fn takes_mount_point(&self, mount: &Value) -> bool {
        let volume = self.volume(mount);
        if is_filled(volume) {
            return !is_part(mount);
        }
        let of_drivers = ["persistentVolumeClaim", "csi", "nfs"];
        let host = volume["hostPath"]["type"].as_str().unwrap_or_default();
        let is_read_only = of_drivers.iter().any(|driver| volume[driver]["readOnly"] == true);
        mount["readOnly"] != true
            && !is_read_only
            && volume["image"].is_null()
            && matches!(host, "" | "Directory")
    }

    fn may_be_file(&self, mount: &Value) -> bool {
        let volume = self.volume(mount);
        (is_filled(volume) && is_part(mount))
            || (!volume["hostPath"].is_null() && volume["hostPath"]["type"] != "Directory")
    }
}

/// Whether the kubelet fills the volume with files.
fn is_filled(volume: &Value) -> bool {
    ["secret", "configMap", "downwardAPI", "projected"].iter().any(|source| !volume[source].is_null())
}

fn is_part(mount: &Value) -> bool {
    ["subPath", "subPathExpr"].iter().any(|field| mount[field].as_str().is_some_and(|path| !path.is_empty()))
}

/// Whether a volume that the kubelet fills has a file or a directory of this name, as far as the Pod says.
fn has_file(volume: &Value, name: &str) -> bool {
    if ["..data", "..data_tmp"].contains(&name) {
        return true;
    }
    let first =
        |item: &Value| item["path"].as_str().and_then(|path| path.split('/').next().map(str::to_owned));
    let of_source = |source: &Value| -> Vec<String> {
        let kinds = ["secret", "configMap", "downwardAPI"];
        let items = kinds.iter().flat_map(|kind| source[kind]["items"].as_array().into_iter().flatten());
        items.chain([&source["serviceAccountToken"]]).filter_map(first).collect()
    };
    let sources = volume["projected"]["sources"].as_array().into_iter().flatten();
    sources.chain([volume]).flat_map(of_source).any(|file| file == name)
}

fn admitted(pod: &Value, on_pod: &Settings, namespace: &NamespaceSettings) -> Option<Value> {
    let pairs: Vec<(&str, &str)> = on_pod.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let answer = decide(&annotated(pod.clone(), &pairs), namespace);
    answer.allowed().then_some(answer.pod)
}

/// Pods whose containers start without the webhook as far as their mounts of the default token go.
fn pods() -> impl Strategy<Value = Value> {
    (generate::pod(), any::<bool>(), proptest::option::weighted(0.3, any::<u64>())).prop_map(
        |(pod, plugin, windows)| {
            let pod = match windows {
                Some(seed) => generate::on_windows(pod, seed),
                None => pod,
            };
            let pod = generate::distinct_mounts(pod);
            if plugin { after_plugin(pod) } else { pod }
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_patched_container_can_start(pod in pods(), on_pod in generate::settings()) {
        let Some(after) = admitted(&pod, &on_pod, &namespace(&[])) else { return Ok(()) };
        for (was, is) in containers(&pod).into_iter().zip(containers(&after)) {
            let before: Vec<_> = mounts(was);
            let all = Mounts::new(&after, is);
            let new: Vec<&Value> = all.list.iter().copied()
                .filter(|mount| !before.contains(&(mount["name"].as_str().unwrap(), mount["mountPath"].as_str().unwrap())))
                .collect();
            for mount in new {
                prop_assert!(all.take(all.volume(mount), mount), "{} in {}", mount, is);
            }
        }
    }

    #[test]
    fn a_container_without_the_token_could_not_start_with_it(
        pod in pods(),
        path in proptest::sample::select(vec!["/data/1/sub/token", "/data/2/token", "/var/run/secrets/tokens/a/b", "/data/token"]),
    ) {
        prop_assume!(volume(&pod, "boundtoken").is_none());
        let on_pod = vec![("mode", "add".to_owned()), ("path", path.to_owned())];
        let after = admitted(&pod, &on_pod, &namespace(&[])).expect("a Pod without a volume of our name");
        let (directory, file) = path.rsplit_once('/').unwrap();
        let held = |container: &Value| mounts(container).contains(&("boundtoken", directory));
        for container in containers(&after) {
            let is_free = can_start(&after, container, directory, file);
            prop_assert!(held(container) || !is_free, "left out without a reason: {}", container);
        }
        prop_assert_eq!(volumes(&after).iter().any(|volume| volume["name"] == "boundtoken"), containers(&after).into_iter().any(held));
    }
}
