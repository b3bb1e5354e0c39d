//! `boundtoken audit`: which tokens Pods hold, and which workloads would survive shorter ones.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use clap::builder::BoolishValueParser;
use tokio::runtime;

use super::cluster::ClusterArgs;
use super::defaults::DefaultsArgs;
use super::stdio::{self, Pipe, StreamError};
use super::{CommandError, Exit, program, values};
use crate::audit::collect::{ReadScope, collect};
use crate::audit::document::AuditDocument;
use crate::audit::report::{AuditOptions, AuditReport};
use crate::audit::snapshot::{Snapshot, SnapshotError};
use crate::{clock, cluster};

mod cells;
mod explain;
mod fail_on;
mod footer;
mod html;
pub(super) mod lifetime;
mod logs;
mod output;
mod prints;
mod progress;
mod text;

pub use self::fail_on::AuditFailOn;
pub use self::output::AuditFormat;
pub use self::prints::Provider;
use self::progress::ProgressLine;

/// The end of the host name of an API server of AKS.
const AKS_HOST: &str = ".azmk8s.io";

/// Show which Pods hold tokens that live up to a year, and which workloads would survive shorter ones
///
/// Reads a cluster, with or without boundtoken, and changes nothing. With audit logs of its API servers, it also shows
/// who uses the tokens, and what follows. Exit codes: 0 done, 1 found something that --fail-on names, 2 failure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Each namespace that you may list; this is the default
    #[arg(short = 'A', long, value_parser = BoolishValueParser::new(), conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Namespace; may be repeated
    #[arg(short, long, value_name = "NAME", value_delimiter = ',', value_parser = values::namespace)]
    namespace: Vec<String>,
    /// Labels of Pods, and of workloads without Pods, as in kubectl
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Audit log of the API servers, in any shape: file, directory, or - for standard input; may be repeated
    #[arg(
        long,
        value_name = "PATH",
        value_delimiter = ',',
        value_parser = values::input(),
        allow_hyphen_values = true
    )]
    audit_log: Vec<PathBuf>,
    /// Snapshot to work on in place of a cluster
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["selector", "save", "kubeconfig", "context", "impersonate"])]
    from: Option<PathBuf>,
    /// Save what was read from the cluster as a snapshot; it has no token and no content of a Secret
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: AuditFormat,
    /// Lifetime of a token that requests 3607 s, such as 8760h; 0 if the API server does not extend it
    /// [default: found in the cluster]
    #[arg(long, value_name = "DURATION", value_parser = lifetime::parse)]
    extended_lifetime: Option<Duration>,
    /// Shortest time in which the lack of requests shows that a token is not used
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = lifetime::parse)]
    min_window: Duration,
    /// Which results give exit code 1
    #[arg(long, value_name = "RESULT", default_value = "missed")]
    fail_on: AuditFailOn,
    /// Explain one workload, in place of the output
    #[arg(long, value_name = "[[NAMESPACE/]KIND/]NAME", conflicts_with = "output")]
    explain: Option<String>,
    /// Print the role that an audit needs, and exit
    #[arg(long, value_parser = BoolishValueParser::new())]
    print_rbac: bool,
    /// Print the audit policy that logs the evidence, and exit
    #[arg(long, value_parser = BoolishValueParser::new())]
    print_policy: bool,
    /// Print the command that fetches a small log from a managed cluster, and exit
    #[arg(long, value_name = "PROVIDER")]
    print_query: Option<Provider>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER", help_heading = "Cluster")]
    impersonate: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    defaults: DefaultsArgs,
}

/// An error of `boundtoken audit`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The snapshot cannot be read.
    #[error("failed to read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The file is not a usable snapshot.
    #[error("failed to use {}", .path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// The error.
        source: SnapshotError,
    },
    /// No workload has the name.
    #[error("no workload is named {0:?}; `boundtoken audit -o name` lists them")]
    NoWorkload(String),
    /// The snapshot cannot be saved.
    #[error("failed to save {}", .path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// Audits a cluster or a snapshot. Data goes to standard output, messages go to standard error.
///
/// # Errors
/// When the cluster, the snapshot or a log cannot be read, or the result cannot be written.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    if let Some(text) = args.printed() {
        print(text)?;
        return Ok(Exit::Done);
    }
    let progress = ProgressLine::default();
    let snapshot = match &args.from {
        Some(path) => load(path, &args.namespace)?,
        None => args.collect(&progress)?,
    };
    if let Some(path) = &args.save {
        let text = serde_json::to_string(&snapshot)? + "\n";
        fs::write(path, text).map_err(|source| Error::Save { path: path.clone(), source })?;
    }
    let defaults = args.defaults.resolve(snapshot.server.audiences())?;
    let extended = snapshot.server.extended_lifetime(args.extended_lifetime);
    let inventory = snapshot.inventory(&defaults, &extended);
    let evidence = logs::read(&args.audit_log, &inventory, &progress)?;
    progress.clear();
    let report = AuditReport::new(&inventory, &evidence, AuditOptions { min_window: args.min_window });
    let document = AuditDocument::new(&snapshot, &report, &extended, defaults.api_audiences.names());
    let text = match &args.explain {
        Some(name) => explain::explain(&document, name).ok_or_else(|| Error::NoWorkload(name.clone()))?,
        None => output::render(args.output, &document)?,
    };
    print(&text)?;
    if args.explain.is_none() {
        let footer = footer::footer(&document);
        stdio::stderr().write_all(program::as_typed(&footer).as_bytes()).map_err(StreamError::from)?;
    }
    Ok(args.fail_on.exit(&document))
}

/// Writes to standard output as it is: the formats for programs may hold what looks like colours.
fn print(text: &str) -> Result<(), StreamError> {
    Ok(Pipe::new(io::stdout()).write_all(text.as_bytes())?)
}

impl Args {
    /// The text of a flag that prints something and does nothing else.
    fn printed(&self) -> Option<&'static str> {
        match self.print_query {
            Some(provider) => Some(prints::query(provider)),
            None if self.print_rbac => Some(prints::RBAC),
            None if self.print_policy => Some(prints::POLICY),
            None => None,
        }
    }

    fn collect(&self, progress: &ProgressLine) -> Result<Snapshot, CommandError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let scope = ReadScope {
            namespaces: self.namespace.clone(),
            selector: self.selector.clone().unwrap_or_default(),
        };
        runtime.block_on(async {
            let context = self.cluster.context();
            let mut config = self.cluster.clone().config().await?;
            if let Some(user) = &self.impersonate {
                config.auth_info.impersonate = Some(user.clone());
            }
            let address = address(&config.cluster_url);
            let is_aks = config.cluster_url.host().is_some_and(|host| host.ends_with(AKS_HOST));
            let read = |count: usize, resource: &str| {
                progress.show(&format!("{count} objects read from the cluster ({resource})"));
            };
            let mut snapshot = collect(cluster::client(config)?, &scope, &read).await?;
            snapshot.read = Some(clock::now());
            snapshot.server.is_aks |= is_aks;
            (snapshot.server.context, snapshot.server.address) = (context, address);
            Ok(snapshot)
        })
    }
}

/// Host and port of a URL, without a password.
fn address(url: &Uri) -> String {
    let authority = url.authority().map(ToString::to_string).unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

fn load(path: &Path, namespaces: &[String]) -> Result<Snapshot, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let snapshot = Snapshot::parse(&text);
    let mut snapshot = snapshot.map_err(|source| Error::Snapshot { path: path.to_owned(), source })?;
    if !namespaces.is_empty() {
        snapshot.retain(namespaces);
    }
    Ok(snapshot)
}
