//! Warns about paths and environment variables that break containers.

use crate::pod::plan::{DefaultToken, Plan};

use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::Key;
use super::warnings::{Warnings, about, quoted};

/// Directories in which images have files; a mount hides these.
const IMAGE_DIRECTORIES: [&str; 8] = ["/etc", "/bin", "/sbin", "/opt", "/root", "/tmp", "/var", "/run"];

/// Directories in and below which images or the container runtime have files.
const IMAGE_TREES: [&str; 8] = ["/usr", "/lib", "/lib32", "/lib64", "/home", "/dev", "/proc", "/sys"];

/// `/var/run` is `/run` in most images.
const RUN: &str = "/var/run";

/// Variables that shells, loaders or clients of the API server read.
const SYSTEM_VARIABLES: [&str; 27] = [
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "GCONV_PATH",
    "HOME",
    "HOSTNAME",
    "IFS",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "LANG",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PATHEXT",
    "PROMPT_COMMAND",
    "PS4",
    "PWD",
    "Path",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "UID",
];

/// Prefixes of such variables.
const SYSTEM_PREFIXES: [&str; 4] = ["LD_", "DYLD_", "LC_", "GLIBC_"];

impl Warnings {
    /// Warns about the paths and variables of the tokens of a plan.
    pub(super) fn hazards(&mut self, compiled: &Compiled) {
        let Some(plan) = &compiled.plan else { return };
        let main = compiled.has_main_volume.then(|| plan.volumes.first()).flatten();
        for volume in &plan.volumes {
            if has_image_files(&volume.directory) {
                let is_main = main.is_some_and(|main| main.directory == volume.directory);
                let key = if is_main { Key::Path } else { Key::Tokens };
                let text = format!(
                    "{key}: a mount at {} hides the files that images have there",
                    quoted(&volume.directory)
                );
                self.hazard(compiled, Code::ImageDirectory, key, text);
            }
        }
        for (key, name) in variables(plan, compiled.has_main_volume) {
            if is_of_system(name) {
                let text =
                    format!("{key}: shells, loaders or clients of the API server read {}", quoted(name));
                self.hazard(compiled, Code::SystemVariable, key, text);
            }
        }
    }

    fn hazard(&mut self, compiled: &Compiled, code: Code, key: Key, text: String) {
        let origin = compiled.settings.get(key).map(|setting| &setting.origin);
        self.push(about(code, key, origin, text));
    }
}

/// Every variable of a plan, with the key that it comes from. The first token of the main volume is that of `path`.
fn variables(plan: &Plan, has_main_volume: bool) -> impl Iterator<Item = (Key, &str)> {
    let default = match &plan.default_token {
        DefaultToken::Replace { env, .. } => env.as_deref(),
        DefaultToken::Cap | DefaultToken::Remove => None,
    };
    let tokens = plan.volumes.iter().flat_map(|volume| &volume.tokens).enumerate();
    let of_tokens = tokens.filter_map(move |(index, token)| {
        let key = if has_main_volume && index == 0 { Key::Env } else { Key::Tokens };
        Some((key, token.env.as_deref()?))
    });
    default.into_iter().map(|name| (Key::Env, name)).chain(of_tokens)
}

fn has_image_files(directory: &str) -> bool {
    let is_below = |tree: &str| directory.strip_prefix(tree).is_some_and(|rest| rest.starts_with('/'));
    directory == RUN
        || IMAGE_DIRECTORIES.contains(&directory)
        || IMAGE_TREES.iter().any(|tree| directory == *tree || is_below(tree))
}

fn is_of_system(name: &str) -> bool {
    SYSTEM_VARIABLES.contains(&name) || SYSTEM_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_images_are_known() {
        for directory in [
            "/etc",
            "/usr",
            "/usr/bin",
            "/usr/local/lib",
            "/bin",
            "/sbin",
            "/lib",
            "/lib64",
            "/lib/ssl",
            "/opt",
            "/home",
            "/home/app",
            "/root",
            "/tmp",
            "/var",
            "/var/run",
            "/run",
            "/dev",
            "/dev/shm",
            "/proc/self",
            "/sys/fs",
        ] {
            assert!(has_image_files(directory), "{directory}");
        }
        for directory in [
            "/var/run/secrets",
            "/var/run/secrets/tokens",
            "/run/secrets",
            "/etc/vault",
            "/opt/app",
            "/tokens",
            "/library",
            "/usrlocal",
            "/device",
            "/tmp/x",
            "/srv",
            "/mnt/t",
        ] {
            assert!(!has_image_files(directory), "{directory}");
        }
    }

    #[test]
    fn variables_of_the_system_are_known() {
        for name in [
            "PATH",
            "HOME",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "SHELL",
            "PWD",
            "IFS",
            "BASH_ENV",
            "ENV",
            "LC_ALL",
        ] {
            assert!(is_of_system(name), "{name}");
        }
        for name in ["TOKEN_FILE", "VAULT_PATH", "APP_HOME", "path", "LDAP_TOKEN", "MY_LD_X"] {
            assert!(!is_of_system(name), "{name}");
        }
    }
}
