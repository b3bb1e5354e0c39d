//! Flags that say what holds where neither Namespace nor Pod says anything.

use std::sync::Arc;

use crate::policy::{Defaults, InvalidDefault};

/// Cluster-wide defaults.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Defaults of the cluster")]
pub struct DefaultsArgs {
    /// Mode where none is set: replace, disable, add or off
    #[arg(long, value_name = "MODE", default_value = "replace")]
    default_mode: String,
    /// Audience where none is set; the empty string means the API server's own
    #[arg(long, value_name = "AUDIENCE", default_value = "", hide_default_value = true)]
    default_audience: String,
    /// Lifetime where none is set, such as 1h or 7200
    #[arg(long, value_name = "TTL", default_value = "1h")]
    default_ttl: String,
    /// What the API server calls itself, separated by commas; in a Pod by default the audience of its token
    #[arg(long, value_name = "AUDIENCES", value_delimiter = ',')]
    api_audiences: Vec<String>,
}

/// A flag, or its variable, with a value that cannot be a default.
#[derive(Debug, thiserror::Error)]
#[error("--{flag} (BOUNDTOKEN_{})", flag.replace('-', "_").to_uppercase())]
pub struct DefaultsError {
    flag: &'static str,
    source: InvalidDefault,
}

impl DefaultsArgs {
    /// The defaults as the policy knows them. Without `--api-audiences`, the API server has these names, if any.
    ///
    /// # Errors
    /// When a value is none that an annotation could have.
    pub fn resolve(self, known_audiences: Vec<String>) -> Result<Arc<Defaults>, DefaultsError> {
        let Self { default_mode, default_audience, default_ttl, api_audiences } = self;
        let api_audiences = if api_audiences.is_empty() { known_audiences } else { api_audiences };
        // A set that is sound but for one value tells which flag is wrong.
        let sound = Defaults::default();
        let (mode, ttl) = (sound.mode.to_string(), sound.ttl.to_string());
        let parse = |flag, mode: &str, audience: &str, ttl: &str| {
            let parsed = Defaults::parse(mode, audience, ttl, api_audiences.clone());
            parsed.map_err(|source| DefaultsError { flag, source })
        };
        parse("default-mode", &default_mode, "", &ttl)?;
        parse("default-audience", &mode, &default_audience, &ttl)?;
        parse("default-ttl", &default_mode, &default_audience, &default_ttl).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        defaults: DefaultsArgs,
    }

    fn names(flags: &[&str], known: &[&str]) -> Vec<String> {
        let cli = Cli::parse_from(["boundtoken"].iter().chain(flags));
        let known = known.iter().map(|&name| name.to_owned()).collect();
        let defaults = cli.defaults.resolve(known).unwrap();
        defaults.api_audiences.names().to_vec()
    }

    #[test]
    fn the_flag_is_above_our_token_which_is_above_the_usual_names() {
        assert_eq!(names(&["--api-audiences=a,b"], &["c"]), ["a", "b"]);
        assert_eq!(names(&[], &["c"]), ["c"]);
        assert_eq!(names(&[], &[])[0], "https://kubernetes.default.svc");
    }
}
