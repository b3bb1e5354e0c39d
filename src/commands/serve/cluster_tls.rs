//! Flags of the certificates that replicas keep in the cluster.

use std::time::Duration;

use kube::Client;

use super::shutdown::seconds;
use crate::certificates::cluster::{Install, Schedule};

const DAY: u64 = 24 * 60 * 60;

/// The objects that keep the certificates in the cluster.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate in the cluster")]
pub(super) struct ClusterTlsArgs {
    /// Secret in which all replicas store their certificates, instead of files
    #[arg(
        long = "tls-secret",
        value_name = "NAME",
        conflicts_with_all = ["namespaces", "cert", "dir", "dns"]
    )]
    secret: Option<String>,
    /// `MutatingWebhookConfiguration` whose caBundle is kept in sync
    #[arg(long, value_name = "NAME", default_value = "boundtoken", requires = "secret")]
    webhook_configuration: String,
    /// Service through which API servers call
    #[arg(long, value_name = "NAME", default_value = "boundtoken", requires = "secret")]
    service: String,
    /// Namespace of the Secret and the Service; defaults to that of this Pod, or of the kubeconfig's context
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    schedule: ScheduleArgs,
}

/// Times that only tests shorten.
#[derive(Clone, Copy, Debug, clap::Args)]
struct ScheduleArgs {
    #[arg(long, hide = true, value_parser = life)]
    authority_life: Option<time::Duration>,
    #[arg(long, hide = true, value_parser = life)]
    serving_life: Option<time::Duration>,
    #[arg(long, hide = true, value_parser = dwell)]
    dwell: Option<Duration>,
    #[arg(long, hide = true, value_parser = tick)]
    tick: Option<Duration>,
}

impl ClusterTlsArgs {
    /// The Namespace of the Secret and the Service.
    pub(super) fn namespace(&self, client: &Client) -> String {
        self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned())
    }

    /// The install and its schedule, if `--tls-secret` is given.
    pub(super) fn resolve(self, client: &Client) -> Option<(Install, Schedule)> {
        let namespace = self.namespace(client);
        let Self { secret, webhook_configuration, service, schedule, .. } = self;
        let names = vec![Install::service_name(&service, &namespace)];
        let configuration = webhook_configuration;
        let install = Install { namespace, secret: secret?, configuration, service, names };
        Some((install, schedule.resolve()))
    }
}

impl ScheduleArgs {
    fn resolve(self) -> Schedule {
        let default = Schedule::default();
        Schedule {
            ca_life: self.authority_life.unwrap_or(default.ca_life),
            serving_life: self.serving_life.unwrap_or(default.serving_life),
            dwell: self.dwell.unwrap_or(default.dwell),
            tick: self.tick.unwrap_or(default.tick),
            ..default
        }
    }
}

/// Parses a life of at most ten years, so that its dates can be represented.
fn life(text: &str) -> Result<time::Duration, String> {
    let life = seconds(text, 1..=10 * 365 * DAY)?;
    life.try_into().map_err(|_| "is too long".to_owned())
}

/// Parses a dwell time of at most a day.
fn dwell(text: &str) -> Result<Duration, String> {
    seconds(text, 0..=DAY)
}

/// Parses an interval of a second to a day.
fn tick(text: &str) -> Result<Duration, String> {
    seconds(text, 1..=DAY)
}
