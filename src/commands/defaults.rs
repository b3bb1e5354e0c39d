//! Flags for the defaults of the cluster, which Namespaces and Pods override.

use std::sync::Arc;

use crate::policy::{Defaults, InvalidDefault, Mode};

/// Cluster-wide defaults.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Defaults of the cluster")]
pub struct DefaultsArgs {
    #[arg(long, value_name = "MODE", default_value = "replace", help = mode_help())]
    default_mode: String,
    /// Audience if none is set; the empty string means that of the API server
    #[arg(long, value_name = "AUDIENCE", default_value = "", hide_default_value = true)]
    default_audience: String,
    /// Lifetime if none is set, such as 1h or 7200
    #[arg(long, value_name = "TTL", default_value = "1h")]
    default_ttl: String,
    /// Audiences of the API server, separated by commas; in a Pod by default those of its own token
    #[arg(long, value_name = "AUDIENCES", value_delimiter = ',')]
    api_audiences: Vec<String>,
}

fn mode_help() -> String {
    format!("Mode if none is set: {}", Mode::ALL.map(Mode::as_str).join(", "))
}

/// An invalid value of a flag or its variable.
#[derive(Debug, thiserror::Error)]
#[error("--{flag} (BOUNDTOKEN_{})", flag.replace('-', "_").to_uppercase())]
pub struct DefaultsError {
    flag: String,
    source: InvalidDefault,
}

impl From<InvalidDefault> for DefaultsError {
    fn from(source: InvalidDefault) -> Self {
        Self { flag: format!("default-{}", source.key.entry().short_name()), source }
    }
}

impl DefaultsArgs {
    /// Parses the flags. Without `--api-audiences`, the API server's own audiences are `known_audiences`, if
    /// any.
    ///
    /// # Errors
    /// When a value is invalid for the annotation of the same name.
    pub fn resolve(&self, known_audiences: Vec<String>) -> Result<Arc<Defaults>, DefaultsError> {
        let Self { default_mode, default_audience, default_ttl, api_audiences } = self;
        let names = if self.has_api_audiences() { api_audiences.clone() } else { known_audiences };
        Ok(Arc::new(Defaults::parse(default_mode, default_audience, default_ttl, names)?))
    }

    /// Whether `--api-audiences` is set.
    pub fn has_api_audiences(&self) -> bool {
        !self.api_audiences.is_empty()
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
    fn api_audiences_come_from_the_flag_then_the_token_then_the_defaults() {
        assert_eq!(names(&["--api-audiences=a,b"], &["c"]), ["a", "b"]);
        assert_eq!(names(&[], &["c"]), ["c"]);
        assert_eq!(names(&[], &[])[0], "https://kubernetes.default.svc");
    }

    /// kube-apiserver does not trim them either.
    #[test]
    fn api_audiences_keep_their_spaces() {
        assert_eq!(names(&["--api-audiences=a b, c ,,d"], &[]), ["a b", " c ", "d"]);
        assert_eq!(names(&[], &[" e "]), [" e "]);
    }
}
