//! Certificates that are kept in the cluster: which Secret, which configuration, which Service.

use std::time::Duration;

use kube::Client;

use super::shutdown::seconds;
use crate::certificates::cluster::{Place, Settings};

/// Where a cluster keeps the certificates.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate in the cluster")]
pub(super) struct KeptArgs {
    /// Secret in which all replicas keep their certificates, instead of files
    #[arg(
        long = "tls-secret",
        value_name = "NAME",
        env = "BOUNDTOKEN_TLS_SECRET",
        hide_env_values = true,
        conflicts_with_all = ["namespaces", "cert", "dir"]
    )]
    secret: Option<String>,
    /// Webhook configuration (mutating) whose caBundle is kept with it
    #[arg(
        long,
        value_name = "NAME",
        env = "BOUNDTOKEN_WEBHOOK_CONFIGURATION",
        hide_env_values = true,
        default_value = "boundtoken"
    )]
    webhook_configuration: String,
    /// Service through which API servers call
    #[arg(
        long,
        value_name = "NAME",
        env = "BOUNDTOKEN_SERVICE",
        hide_env_values = true,
        default_value = "boundtoken"
    )]
    service: String,
    /// Namespace of the Secret and the Service; that of this Pod, or of the kubeconfig's context
    #[arg(long, short, value_name = "NAME", env = "BOUNDTOKEN_NAMESPACE", hide_env_values = true)]
    namespace: Option<String>,
    #[command(flatten)]
    lives: LifeArgs,
}

/// Times that only tests want shorter.
#[derive(Clone, Copy, Debug, clap::Args)]
struct LifeArgs {
    #[arg(long, hide = true, env = "BOUNDTOKEN_AUTHORITY_LIFE", value_parser = seconds)]
    authority_life: Option<Duration>,
    #[arg(long, hide = true, env = "BOUNDTOKEN_SERVING_LIFE", value_parser = seconds)]
    serving_life: Option<Duration>,
    #[arg(long, hide = true, env = "BOUNDTOKEN_DWELL", value_parser = seconds)]
    dwell: Option<Duration>,
    #[arg(long, hide = true, env = "BOUNDTOKEN_TICK", value_parser = seconds)]
    tick: Option<Duration>,
}

impl KeptArgs {
    /// The place and the times, if certificates are to be kept in the cluster.
    pub(super) fn resolve(self, client: &Client) -> Option<(Place, Settings)> {
        let Self { secret, webhook_configuration, service, namespace, lives } = self;
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let names = vec![Place::service_name(&service, &namespace)];
        let place =
            Place { namespace, secret: secret?, configuration: webhook_configuration, service, names };
        Some((place, lives.settings()))
    }
}

impl LifeArgs {
    fn settings(self) -> Settings {
        let known = Settings::default();
        let life = |given: Option<Duration>| given.and_then(|given| given.try_into().ok());
        Settings {
            authority_life: life(self.authority_life).unwrap_or(known.authority_life),
            serving_life: life(self.serving_life).unwrap_or(known.serving_life),
            dwell: self.dwell.unwrap_or(known.dwell),
            tick: self.tick.unwrap_or(known.tick),
            ..known
        }
    }
}
