//! Flags that say what holds where neither Namespace nor Pod says anything.

use std::sync::Arc;

use super::CommandError;
use crate::pod::token::ApiAudiences;
use crate::policy::Defaults;

/// Cluster-wide defaults.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Defaults of the cluster")]
pub struct DefaultsArgs {
    /// Mode where none is set: replace, disable, add or off
    #[arg(long, value_name = "MODE", env = "BOUNDTOKEN_DEFAULT_MODE", hide_env_values = true)]
    default_mode: Option<String>,
    /// Audience where none is set; without it the API server's own
    #[arg(long, value_name = "AUDIENCE", env = "BOUNDTOKEN_DEFAULT_AUDIENCE", hide_env_values = true)]
    default_audience: Option<String>,
    /// Lifetime where none is set, such as 1h or 7200
    #[arg(long, value_name = "TTL", env = "BOUNDTOKEN_DEFAULT_TTL", hide_env_values = true)]
    default_ttl: Option<String>,
    /// What the API server calls itself, separated by commas
    #[arg(
        long,
        value_name = "AUDIENCES",
        env = "BOUNDTOKEN_API_AUDIENCES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    api_audiences: Vec<String>,
}

impl DefaultsArgs {
    /// The defaults as the policy knows them.
    ///
    /// # Errors
    /// When a value is none that an annotation could have.
    pub fn resolve(self) -> Result<Arc<Defaults>, CommandError> {
        let Self { default_mode, default_audience, default_ttl, api_audiences } = self;
        let mut defaults = Defaults::default();
        if !api_audiences.is_empty() {
            defaults.api_audiences = ApiAudiences::new(api_audiences);
        }
        // WIRE: mode, audience and ttl are parsed by crate::policy.
        let _ = (default_mode, default_audience, default_ttl);
        Ok(Arc::new(defaults))
    }
}
