//! Certificates that are kept in the cluster: which Secret, which configuration, which Service.

use std::time::Duration;

use kube::Client;

use super::shutdown::seconds;
use crate::certificates::cluster::{Place, Settings};

const DAY: u64 = 24 * 60 * 60;

/// Where a cluster keeps the certificates.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate in the cluster")]
pub(super) struct KeptArgs {
    /// Secret in which all replicas keep their certificates, instead of files
    #[arg(
        long = "tls-secret",
        value_name = "NAME",
        conflicts_with_all = ["namespaces", "cert", "dir"]
    )]
    secret: Option<String>,
    /// Webhook configuration (mutating) whose caBundle is kept with it
    #[arg(long, value_name = "NAME", default_value = "boundtoken", requires = "secret")]
    webhook_configuration: String,
    /// Service through which API servers call
    #[arg(long, value_name = "NAME", default_value = "boundtoken", requires = "secret")]
    service: String,
    /// Namespace of the Secret and the Service; that of this Pod, or of the kubeconfig's context
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    lives: LifeArgs,
}

/// Times that only tests want shorter.
#[derive(Clone, Copy, Debug, clap::Args)]
struct LifeArgs {
    #[arg(long, hide = true, value_parser = life)]
    authority_life: Option<time::Duration>,
    #[arg(long, hide = true, value_parser = life)]
    serving_life: Option<time::Duration>,
    #[arg(long, hide = true, value_parser = dwell)]
    dwell: Option<Duration>,
    #[arg(long, hide = true, value_parser = tick)]
    tick: Option<Duration>,
}

impl KeptArgs {
    /// The Namespace of the Secret and the Service.
    pub(super) fn namespace(&self, client: &Client) -> String {
        self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned())
    }

    /// The place and the times, if certificates are to be kept in the cluster.
    pub(super) fn resolve(self, client: &Client) -> Option<(Place, Settings)> {
        let namespace = self.namespace(client);
        let Self { secret, webhook_configuration, service, lives, .. } = self;
        let names = vec![Place::service_name(&service, &namespace)];
        let place =
            Place { namespace, secret: secret?, configuration: webhook_configuration, service, names };
        Some((place, lives.settings()))
    }
}

impl LifeArgs {
    fn settings(self) -> Settings {
        let known = Settings::default();
        Settings {
            authority_life: self.authority_life.unwrap_or(known.authority_life),
            serving_life: self.serving_life.unwrap_or(known.serving_life),
            dwell: self.dwell.unwrap_or(known.dwell),
            tick: self.tick.unwrap_or(known.tick),
            ..known
        }
    }
}

/// At most ten years: the dates that follow from it have to exist.
fn life(text: &str) -> Result<time::Duration, String> {
    let life = seconds(text, 1..=10 * 365 * DAY)?;
    life.try_into().map_err(|_| "is too long".to_owned())
}

/// At most a day.
fn dwell(text: &str) -> Result<Duration, String> {
    seconds(text, 0..=DAY)
}

/// At most a day, but some time.
fn tick(text: &str) -> Result<Duration, String> {
    seconds(text, 1..=DAY)
}
