//! The result of an audit as a document: `boundtoken audit -o json`, from which every other form of the output derives.
//! Its field names and words are an API: fields may be added, and none changes its meaning.

mod convert;

use serde::Serialize;

/// The version of the document.
pub const DOCUMENT_VERSION: u32 = 1;

/// The result of an audit.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditDocument {
    /// [`DOCUMENT_VERSION`].
    pub schema_version: u32,
    /// The API server.
    pub cluster: ClusterSection,
    /// What the audit logs cover.
    pub coverage: CoverageSection,
    /// The numbers of everything.
    pub summary: SummarySection,
    /// The namespaces with a workload, by name.
    pub namespaces: Vec<NamespaceSection>,
    /// The workloads, the most urgent first.
    pub workloads: Vec<WorkloadSection>,
    /// What could not be read from the cluster.
    pub errors: Vec<ErrorSection>,
}

/// The API server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSection {
    /// The context of the kubeconfig, if one was used.
    pub context: Option<String>,
    /// Host and port of the API server, if they are known.
    pub address: Option<String>,
    /// When the cluster was read, if that is known.
    pub read: Option<String>,
    /// `gitVersion`, such as `v1.37.2`.
    pub server_version: String,
    /// The lifetime of an extended token, in seconds; 0 where tokens are not extended.
    pub extended_lifetime_seconds: u64,
    /// Where that is known from: `given`, `flags`, `metrics`, `provider` or `assumed`.
    pub extended_lifetime_from: &'static str,
    /// The API server's own audiences.
    pub api_audiences: Vec<String>,
    /// `serviceaccount_stale_tokens_total` of one API server since its start; `None` if it is not known.
    pub stale_tokens_total: Option<u64>,
    /// `serviceaccount_valid_tokens_total`, likewise.
    pub valid_tokens_total: Option<u64>,
}

/// What the audit logs cover.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoverageSection {
    /// Files.
    pub files: u64,
    /// Bytes, after decompression.
    pub bytes: u64,
    /// Events.
    pub events: u64,
    /// Lines and list elements that cannot be read.
    pub malformed: u64,
    /// Events whose end is missing.
    pub truncated: u64,
    /// Time of the first event.
    pub from: Option<String>,
    /// Time of the last event.
    pub to: Option<String>,
    /// Times above an hour without any event.
    pub holes: Vec<HoleSection>,
    /// Times above an hour in which one API server that events name is silent while others log.
    pub server_holes: Vec<ServerHoleSection>,
    /// Whether reads by service accounts are in the logs.
    pub reads: bool,
    /// Whether events name the Pod of a token.
    pub pod_exact: bool,
    /// Whether requests that were refused with 401 would show.
    pub starts: bool,
    /// API servers of which there are events.
    pub servers_seen: usize,
    /// The API servers of the cluster, if their number is known.
    pub servers: Option<usize>,
    /// What the logs lack to support a verdict, in sentences.
    pub missing: Vec<String>,
}

/// A time without any event.
#[derive(Clone, Debug, Serialize)]
pub struct HoleSection {
    /// The last event before it.
    pub from: String,
    /// The first event after it.
    pub to: String,
}

/// A time in which one API server is silent.
#[derive(Clone, Debug, Serialize)]
pub struct ServerHoleSection {
    /// The name of its log stream or Pod.
    pub server: String,
    /// Its last event before it.
    pub from: String,
    /// Its first event after it.
    pub to: String,
}

/// The numbers of everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummarySection {
    /// Workloads.
    pub workloads: usize,
    /// Their Pods.
    pub pods: usize,
    /// Workloads by verdict, the most urgent first.
    pub by_verdict: Counts,
    /// Workloads by the class of a token that they hold; one that holds several classes counts for each.
    pub by_token: Counts,
}

/// Numbers by word, in a meaningful order.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub Vec<(&'static str, usize)>);

/// A namespace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSection {
    /// The name.
    pub name: String,
    /// Whether it opted in; `None` if the namespace could not be read.
    pub opted_in: Option<bool>,
    /// Whether no workload is `fix-first`, `replace-from` or `unknown`.
    pub ready: bool,
    /// Workloads.
    pub workloads: usize,
    /// Workloads by verdict.
    pub by_verdict: Counts,
    /// The commands to type next.
    pub next: Vec<String>,
}

/// A workload: the Pods of one top owner, or a Pod without one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSection {
    /// The namespace.
    pub namespace: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The service account.
    pub service_account: String,
    /// Pods that have not ended.
    pub pods: usize,
    /// Whether there is no Pod, and the tokens are those that the next one would hold.
    pub predicted: bool,
    /// Whether the namespace opted in; `None` if the namespace could not be read.
    pub opted_in: Option<bool>,
    /// The mode in force; `None` if the namespace did not opt in, or the settings are invalid.
    pub mode: Option<&'static str>,
    /// The tokens in the containers.
    pub tokens: Vec<TokenSection>,
    /// Pods by the class of a token that they hold.
    pub pods_by_class: Counts,
    /// Whether `tokens` may be wrong: a container has a Secret, and those with tokens could not be listed; or the tokens
    /// are predicted, and the service accounts could not be listed, which may keep a template from its token.
    pub tokens_incomplete: bool,
    /// The use of the tokens.
    #[serde(rename = "use")]
    pub usage: UseSection,
    /// What the workload needs.
    pub verdict: &'static str,
    /// The shortest lifetime that it survives, of `replace-from`.
    pub min_ttl_seconds: Option<i64>,
    /// The reasons.
    pub reasons: Vec<ReasonSection>,
    /// The commands to type next.
    pub next: Vec<String>,
}

/// A token in some containers of a workload.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSection {
    /// `year`, `bounded`, `audience` or `legacy`.
    pub class: &'static str,
    /// The lifetime in seconds; `None` for one that never expires.
    pub seconds: Option<u64>,
    /// The audience; `None` is the API server's own.
    pub audience: Option<String>,
    /// The path of the file, or `$` and the name of the environment variable.
    pub path: String,
    /// The containers.
    pub containers: Vec<String>,
    /// Whether it is mounted with `subPath`, so that the kubelet never refreshes it.
    pub sub_path: bool,
    /// The Pods that hold it.
    pub pods: usize,
}

/// The use of tokens.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UseSection {
    /// `denied`, `stale`, `young`, `reloads`, `quiet` or `unknown`.
    pub state: &'static str,
    /// Requests.
    pub requests: u64,
    /// The time of the first one.
    pub first: Option<String>,
    /// The time of the last one.
    pub last: Option<String>,
    /// The age of the oldest token that was seen stale, in seconds.
    pub oldest_token_seconds: Option<i64>,
    /// The clients, as they name themselves.
    pub user_agents: Vec<String>,
}

/// A reason for a verdict.
#[derive(Clone, Debug, Serialize)]
pub struct ReasonSection {
    /// The code, which `boundtoken explain` explains.
    pub code: &'static str,
    /// The sentence.
    pub text: String,
    /// `auditID` of a request that shows it.
    #[serde(rename = "auditID")]
    pub audit_id: Option<String>,
}

/// What could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorSection {
    /// The resource, or a path such as `/metrics`.
    pub resource: String,
    /// The namespace; `None` is every one.
    pub namespace: Option<String>,
    /// The reason, such as `Forbidden`.
    pub reason: String,
    /// The right that is missing, such as `list pods`.
    pub needs: String,
    /// The columns of the table that lack it.
    pub cells: &'static [&'static str],
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(word, count)| (word, count)))
    }
}
