//! Checks for conflicts between tokens, and with the default token.

use crate::pod::paths::first_below;
use crate::pod::plan::DefaultToken;
use crate::pod::token::DEFAULT_DIRECTORY;
use crate::pod::{is_api_access_file, is_default_file, is_kubelets_own};

use super::compile::{ADD_DIRECTORY, Compiler, Wanted};
use super::diagnostics::Code;
use super::value_error::quote;

/// Error text for two tokens with the same environment variable.
const SAME_ENV: &str = "has the env of another token: give each token a variable of its own";

impl Compiler<'_> {
    pub(super) fn check_directory(&mut self, token: &Wanted, default_token: &DefaultToken) {
        if token.api_access && is_api_access_file(&token.path.file) {
            let text = format!("{} on {} is needed for the file of that name", quoted(token), token.origin);
            self.add_violation(Code::Conflict, token.key, &token.origin, text);
        }
        let stays = *default_token != DefaultToken::Remove;
        if stays && is_in_the_way_of_default(token) {
            let text = format!(
                "{} on {} cannot be mounted beside the default token, which stays in this mode at \
                 {DEFAULT_DIRECTORY}: choose another directory such as {ADD_DIRECTORY}",
                quoted(token),
                token.origin
            );
            self.add_violation(Code::DefaultDirectory, token.key, &token.origin, text);
        }
    }

    /// Refuses a token with the environment variable of the default token.
    pub(super) fn check_default_env(&mut self, token: &Wanted, default_token: &DefaultToken) {
        let DefaultToken::Replace { env, containers, .. } = default_token else { return };
        if token.token.env.is_some() && token.token.env == *env && !token.containers.is_disjoint(containers) {
            let text = format!("{} on {} {SAME_ENV}", quoted(token), token.origin);
            self.add_violation(Code::Conflict, token.key, &token.origin, text);
        }
    }

    /// Refuses two tokens with conflicting paths or environment variables.
    pub(super) fn check_conflict(&mut self, token: &Wanted, other: &Wanted) {
        let (here, there) = (&*token.path.directory, &*other.path.directory);
        let shared = !token.containers.is_disjoint(&other.containers);
        let reason = if here == there {
            same_directory(token, other)
        } else if shared && is_file_above(token, there) {
            Some("has a file where the other needs a directory: choose another directory or file name")
        } else if shared && is_file_above(other, here) {
            Some("needs a directory where the other has a file: choose another directory or file name")
        } else {
            None
        };
        let env =
            (shared && token.token.env.is_some() && token.token.env == other.token.env).then_some(SAME_ENV);
        for reason in reason.into_iter().chain(env) {
            let text = format!(
                "{} on {}, beside {}, {reason}",
                quoted(token),
                token.origin,
                quote(&other.path.to_string())
            );
            self.add_violation(Code::Conflict, token.key, &token.origin, text);
        }
    }
}

fn same_directory(token: &Wanted, other: &Wanted) -> Option<&'static str> {
    let beside_api_access = |one: &Wanted, two: &Wanted| one.api_access && is_api_access_file(&two.path.file);
    if token.path.file == other.path.file {
        Some("is the same file: give each token a path of its own")
    } else if beside_api_access(token, other) || beside_api_access(other, token) {
        Some("is a file that a client of the API server needs: choose another file name")
    } else if token.containers == other.containers {
        None
    } else {
        Some(
            "is in the same directory for other containers: choose another directory, or the same containers",
        )
    }
}

fn quoted(token: &Wanted) -> String {
    quote(&token.path.to_string())
}

/// Whether a token is in the directory of the default token, or one of the two needs a directory where the other has a
/// file. The kubelet can make any other mount point in the volume of a token.
fn is_in_the_way_of_default(token: &Wanted) -> bool {
    let directory = &*token.path.directory;
    directory == DEFAULT_DIRECTORY
        || is_file_above(token, DEFAULT_DIRECTORY)
        || first_below(directory, DEFAULT_DIRECTORY)
            .is_some_and(|name| is_default_file(name) || is_kubelets_own(name))
}

/// Whether the volume of a token has a file where another directory, or one above it, has to be.
fn is_file_above(token: &Wanted, directory: &str) -> bool {
    let is_file = |name: &str| {
        *token.path.file == *name || token.api_access && is_api_access_file(name) || is_kubelets_own(name)
    };
    first_below(directory, &token.path.directory).is_some_and(is_file)
}
