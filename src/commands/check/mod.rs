//! `boundtoken check`: is this installation healthy, and if not, what to type.

use std::io::Write;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use kube::Client;
use tokio::runtime;
use tokio::time::{Instant, sleep};

use super::audit::lifetime;
use super::cluster::ClusterArgs;
use super::stdio::{self, StreamError};
use super::{CommandError, Exit};
use crate::check::collect::collect;
use crate::check::{CheckFinding, CheckLevel, judge};
use crate::clock;

mod output;

pub use output::CheckFormat;

/// The time between two rounds of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);

/// Check whether this installation is healthy, and show what to type if not
///
/// Reads the cluster with your rights and changes nothing; what you may not read is skipped. Exit codes: 0 done, 1
/// found something that --fail-on names, 2 failure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: CheckFormat,
    /// Repeat the checks until nothing is found that --fail-on names, at most for this long, such as 2m
    #[arg(long, value_name = "DURATION", value_parser = lifetime::parse)]
    wait: Option<Duration>,
    /// Which findings give exit code 1
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    fail_on: CheckFailOn,
    /// Create no Pods in dry runs; by default, one in a Namespace that opted in and one in another show the effect
    #[arg(long, value_parser = BoolishValueParser::new())]
    no_probe: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// The findings that give exit code 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum CheckFailOn {
    /// None
    Never,
    /// Errors: Pods are refused, or get tokens that they should not get
    Error,
    /// These, and warnings
    Warning,
}

impl CheckFailOn {
    fn exit(self, findings: &[CheckFinding]) -> Exit {
        let is_found = findings.iter().any(|finding| match self {
            Self::Never => false,
            Self::Error => finding.level >= CheckLevel::Error,
            Self::Warning => finding.level >= CheckLevel::Warning,
        });
        if is_found { Exit::Found } else { Exit::Done }
    }
}

/// Checks the installation of a cluster. Findings go to standard output, their number to standard error.
///
/// # Errors
/// When there is no usable kubeconfig, or the result cannot be written.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(async {
        let client = args.cluster.clone().connect().await?.client;
        Ok::<_, CommandError>(args.findings(client).await)
    })?;
    output::print(args.output, &findings)?;
    stdio::stderr().write_all(output::summary(&findings).as_bytes()).map_err(StreamError::from)?;
    Ok(args.fail_on.exit(&findings))
}

impl Args {
    /// The findings, once nothing is found that `--fail-on` names, or `--wait` is over.
    async fn findings(&self, client: Client) -> Vec<CheckFinding> {
        let started = Instant::now();
        loop {
            let findings = judge(&collect(client.clone(), clock::now(), !self.no_probe).await);
            let is_over = self.wait.is_none_or(|wait| started.elapsed() >= wait);
            if is_over || self.fail_on.exit(&findings) == Exit::Done {
                return findings;
            }
            sleep(PAUSE).await;
        }
    }
}
