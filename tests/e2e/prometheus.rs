//! A Prometheus that scrapes the replicas and the API server, with the shipped alerts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use boundtoken::clock;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use crate::cluster::Cluster;
use crate::support::control_plane::Api;
use crate::support::eventually::{eventually, eventually_within};
use crate::support::port::reserve;

const MONITOR: &str = include_str!("../../manifests/monitoring/pod-monitor.yaml");
const RULES: &str = include_str!("../../manifests/monitoring/prometheus-rule.yaml");

const PROGRAM: &str = "prometheus";

/// How long an alert may take. A watch is old after 120 s, the only time that `faster_rules` does not shorten.
const FIRING: Duration = Duration::from_mins(5);

/// A running Prometheus. Its process ends on drop.
pub(crate) struct Prometheus<'c> {
    cluster: &'c Cluster,
    url: String,
    /// As Unix time.
    started: i64,
    targets: AbortHandle,
}

impl<'c> Prometheus<'c> {
    /// Starts, and waits until every target was scraped for longer than any rule looks back.
    pub(crate) async fn start(cluster: &'c Cluster) -> Self {
        let directory = cluster.node().subdirectory();
        let write = |name: &str, content: &Value| {
            std::fs::write(directory.join(name), content.to_string()).unwrap();
        };
        write("rules.json", &faster_rules());
        write("prometheus.json", &configuration(&cluster.node().kubeconfig(), &directory));
        let targets = tokio::spawn(follow_pods(cluster.api.clone(), directory.join(TARGETS)));
        let (address, reserved) = reserve();
        let path = |name: &str| directory.join(name).display().to_string();
        cluster.node().add(
            Path::new(PROGRAM),
            &[
                format!("--config.file={}", path("prometheus.json")),
                format!("--storage.tsdb.path={}", path("data")),
                format!("--web.listen-address={address}"),
                "--log.level=warn".to_owned(),
            ],
        );
        let started = clock::now().unix_timestamp();
        let prometheus = Self {
            cluster,
            url: format!("http://{address}/api/v1"),
            started,
            targets: targets.abort_handle(),
        };
        let scraped = "count(up == 1 and up offset 15s) == 3";
        eventually("three targets", async || prometheus.query(scraped).into_iter().next().ok_or(())).await;
        drop(reserved);
        prometheus
    }

    /// The answer to an instant query.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        result(&["--data-urlencode", &format!("query={expression}"), &format!("{}/query", self.url)])
    }

    /// The answer for each second since the start.
    pub(crate) fn query_since_start(&self, expression: &str) -> Vec<Value> {
        let now = clock::now().unix_timestamp();
        let range = [("query", expression.to_owned()), ("step", "1".to_owned())];
        let range = range.into_iter().chain([("start", self.started.to_string()), ("end", now.to_string())]);
        let arguments =
            range.flat_map(|(name, value)| ["--data-urlencode".to_owned(), format!("{name}={value}")]);
        let arguments: Vec<String> = arguments.chain([format!("{}/query_range", self.url)]).collect();
        result(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The names of the alerts that fire; `None` without an answer.
    fn firing(&self) -> Option<BTreeSet<String>> {
        let answer = get(&[&format!("{}/alerts", self.url)])?;
        let alerts = answer["data"]["alerts"].as_array()?.iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        Some(firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect())
    }

    /// Waits until exactly these alerts fire; until then, no other may than these and those before.
    pub(crate) async fn until_firing(&self, before: &[&str], expected: &[&str]) {
        let wanted: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let allowed: BTreeSet<&str> = before.iter().chain(expected).copied().collect();
        let began = std::time::Instant::now();
        eventually_within(FIRING, &format!("{expected:?}"), async || {
            let Some(firing) = self.firing() else { return Err(None) };
            let others: Vec<_> = firing.iter().filter(|name| !allowed.contains(name.as_str())).collect();
            assert!(others.is_empty(), "{others:?} fire, and only {allowed:?} may");
            if firing == wanted { Ok(()) } else { Err(Some(firing)) }
        })
        .await;
        println!("alerts {expected:?} after {:.1?}", began.elapsed());
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        self.targets.abort();
        self.cluster.node().kill(PROGRAM);
    }
}

/// The result of a query.
fn result(arguments: &[&str]) -> Vec<Value> {
    let answer = get(arguments);
    answer
        .and_then(|mut answer| serde_json::from_value(answer["data"]["result"].take()).ok())
        .unwrap_or_default()
}

fn get(arguments: &[&str]) -> Option<Value> {
    let output = Command::new("curl").args(["--silent", "--get", "--max-time", "5"]).args(arguments).output();
    serde_json::from_slice(&output.unwrap().stdout).ok()
}

/// The shipped rules, in which a minute is a second: in `for`, in ranges and in offsets. Nothing else is changed.
fn faster_rules() -> Value {
    let mut rules: Value = serde_saphyr::from_str::<Value>(RULES).unwrap()["spec"].take();
    for rule in rules["groups"][0]["rules"].as_array_mut().unwrap() {
        let expression = faster(rule["expr"].as_str().unwrap());
        assert!(!expression.contains("m]"), "{expression}");
        rule["expr"] = expression.into();
        if let Some(time) = rule["for"].as_str() {
            rule["for"] = faster(time).into();
        }
    }
    rules
}

/// Replaces minutes by seconds. Digits within a word belong to a name.
fn faster(text: &str) -> String {
    let word = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let is_minutes = |part: &str| part.strip_suffix('m').is_some_and(|number| number.parse::<u32>().is_ok());
    let parts = text.split_inclusive(|letter| !word(letter));
    let parts = parts.map(|part| {
        let end = part.trim_end_matches(|letter| !word(letter)).len();
        let (name, rest) = part.split_at(end);
        if is_minutes(name) { format!("{}s{rest}", name.trim_end_matches('m')) } else { part.to_owned() }
    });
    parts.collect()
}

/// The file of the Pods to scrape, which Prometheus reads again when it changes.
const TARGETS: &str = "targets.json";

/// Writes the Pods that the shipped `PodMonitor` selects into a file whenever they change, as the Prometheus operator
/// would configure them: Debian builds Prometheus without Kubernetes.
async fn follow_pods(api: Api, file: PathBuf) {
    let monitor: Value = serde_saphyr::from_str(MONITOR).unwrap();
    let labels = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
    let labels: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
    let path = format!("/api/v1/namespaces/boundtoken/pods?labelSelector={}", labels.join(","));
    let mut written = Value::Null;
    loop {
        // While the API server is away, the targets stay.
        if let Ok(pods) = api.get(&path).await {
            let pods = pods["items"].as_array().into_iter().flatten();
            let addresses =
                pods.filter_map(|pod| address(pod, &monitor["spec"]["podMetricsEndpoints"][0]["port"]));
            let targets = json!([{"targets": addresses.collect::<Vec<_>>()}]);
            if targets != written {
                // Renamed, so that Prometheus never reads a part of it.
                let part = file.with_extension("part");
                std::fs::write(&part, targets.to_string()).unwrap();
                std::fs::rename(&part, &file).unwrap();
                written = targets;
            }
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

/// The pause between two looks at the Pods.
const FOLLOW: Duration = Duration::from_millis(500);

/// The address of a port of a Pod, once the Pod has one.
fn address(pod: &Value, port: &Value) -> Option<String> {
    let mut ports = pod["spec"]["containers"][0]["ports"].as_array()?.iter();
    let port = &ports.find(|other| other["name"] == *port)?["containerPort"];
    Some(format!("{}:{port}", pod["status"]["podIP"].as_str()?))
}

/// Scrapes the Pods of the file, and the API server.
fn configuration(kubeconfig: &Path, directory: &Path) -> Value {
    let access: Value = serde_json::from_slice(&std::fs::read(kubeconfig).unwrap()).unwrap();
    let token = directory.join("token");
    std::fs::write(&token, access["users"][0]["user"]["token"].as_str().unwrap()).unwrap();
    let server = access["clusters"][0]["cluster"]["server"].as_str().unwrap();
    json!({
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [directory.join("rules.json")],
        "scrape_configs": [{
            "job_name": "boundtoken",
            "file_sd_configs": [{"files": [directory.join(TARGETS)]}],
        }, {
            "job_name": "apiserver",
            // Its metrics take 0.3 s on a loaded machine.
            "scrape_interval": "800ms",
            "scrape_timeout": "800ms",
            "scheme": "https",
            "tls_config": {"insecure_skip_verify": true},
            "authorization": {"credentials_file": token},
            "static_configs": [{"targets": [server.trim_start_matches("https://")]}],
            "metric_relabel_configs": [{
                "source_labels": ["__name__"],
                "action": "keep",
                "regex": "apiserver_(admission_webhook|validating_admission_policy)_.*",
            }],
        }],
    })
}
