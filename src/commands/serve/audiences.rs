//! The API server's own audiences, read again whenever our own token is renewed.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::background::BackgroundTasks;
use crate::cluster::token;
use crate::commands::defaults::{DefaultsArgs, DefaultsError};
use crate::files::{Fingerprint, ReloadState};
use crate::namespaces::CurrentDefaults;
use crate::policy::Defaults;

/// Our own token, whose audiences are those of the API server.
#[derive(Debug)]
struct OwnToken {
    path: PathBuf,
    state: ReloadState,
    flags: DefaultsArgs,
    defaults: CurrentDefaults,
}

/// Returns the defaults of the cluster. Without `--api-audiences`, a task keeps the API server's own audiences in
/// line with those of our own token, if there is one.
///
/// # Errors
/// When a default is invalid.
pub(super) fn current_defaults(
    flags: DefaultsArgs,
    token_file: Option<PathBuf>,
    tasks: &mut BackgroundTasks,
) -> Result<CurrentDefaults, DefaultsError> {
    let Some(path) = token_file.filter(|_| !flags.has_api_audiences()) else {
        return Ok(Arc::new(ArcSwap::new(flags.resolve(Vec::new())?)));
    };
    let token = OwnToken::open(path, flags)?;
    let defaults = Arc::clone(&token.defaults);
    tasks.reload("API audiences", token, OwnToken::reload);
    Ok(defaults)
}

impl OwnToken {
    fn open(path: PathBuf, flags: DefaultsArgs) -> Result<Self, DefaultsError> {
        let state = ReloadState::new(Fingerprint::of([path.as_path()]));
        let defaults = flags.resolve(token::audiences_of(&path))?;
        Ok(Self { path, state, flags, defaults: Arc::new(ArcSwap::new(defaults)) })
    }

    /// Reads the token again if it changed. If it names no audiences, the previous ones stay in use
    /// until it does.
    fn reload(&mut self) {
        let seen = Fingerprint::of([self.path.as_path()]);
        if !self.state.is_changed(seen) {
            return;
        }
        let audiences = token::audiences_of(&self.path);
        if audiences.is_empty() {
            return;
        }
        self.state.loaded(seen);
        // The flags were valid at the start, and their validity does not depend on the audiences.
        let Ok(defaults) = self.flags.resolve(audiences) else { return };
        if defaults.api_audiences != self.defaults.load().api_audiences {
            log(&defaults);
            self.defaults.store(defaults);
        }
    }
}

/// Logs the API server's own audiences, separated by commas as in the flag.
pub(super) fn log(defaults: &Defaults) {
    let audiences = defaults.api_audiences.names().join(",");
    tracing::info!(audiences, "these audiences count as the API server's own (--api-audiences)");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use clap::Parser;

    use super::*;
    use crate::pod::token::Audience;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        defaults: DefaultsArgs,
    }

    /// Renews the token, and returns the API server's own audiences after that.
    fn renew(token: &mut OwnToken, claims: &str) -> Vec<String> {
        write(&token.path, claims);
        token.reload();
        token.defaults.load().api_audiences.names().to_vec()
    }

    fn write(path: &Path, claims: &str) {
        let claims = claims
            .replace('{', r#"{"sub": "system:serviceaccount:boundtoken:boundtoken", "#)
            .replace(", }", "}");
        fs::write(path, format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))).unwrap();
    }

    #[test]
    fn the_audiences_are_those_of_the_latest_token_that_has_some() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        write(&path, r#"{"aud": ["https://a"], "exp": 1}"#);
        let flags = Flags::parse_from(["boundtoken", "--default-audience=https://b"]).defaults;
        let mut token = OwnToken::open(path, flags).unwrap();
        let first = token.defaults.load_full();
        assert_eq!(first.audience, Audience::Named("https://b".into()));
        assert_eq!(renew(&mut token, r#"{"aud": ["https://a"], "exp": 2}"#), ["https://a"]);
        assert!(Arc::ptr_eq(&token.defaults.load(), &first), "only the token changed");
        assert_eq!(renew(&mut token, r#"{"aud": ["https://b", "https://a"]}"#), ["https://b", "https://a"]);
        assert_eq!(token.defaults.load().audience, Audience::ApiServer);
        assert_eq!(renew(&mut token, "{}"), ["https://b", "https://a"]);
        assert_eq!(renew(&mut token, r#"{"aud": "https://b"}"#), ["https://b"]);
    }
}
