//! Warns about paths and environment variables that break containers.

use crate::pod::plan::{DefaultToken, Plan};

use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::Key;
use super::warnings::{Warnings, about, quoted};

/// Directories in which images have files; a mount hides these.
const IMAGE_DIRECTORIES: [&str; 13] = [
    "/app",
    "/bin",
    "/etc",
    "/opt",
    "/root",
    "/run",
    "/sbin",
    "/tmp",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/tmp",
];

/// Directories in and below which images or the container runtime have files.
const IMAGE_TREES: [&str; 10] =
    ["/dev", "/etc/pki", "/etc/ssl", "/home", "/lib", "/lib32", "/lib64", "/proc", "/sys", "/usr"];

/// The same in images for Windows, which compares paths without case.
const WINDOWS_TREES: [&str; 4] = ["/program files", "/program files (x86)", "/users", "/windows"];

/// `/var/run` is `/run` in most images.
const RUN: &str = "/var/run";

/// Variables that shells, loaders or clients of the API server read. Those of Windows have no case there; the usual
/// spellings are listed.
const SYSTEM_VARIABLES: [&str; 45] = [
    "ALL_PROXY",
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "COMSPEC",
    "ComSpec",
    "ENV",
    "GCONV_PATH",
    "HOME",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "LANG",
    "LOGNAME",
    "NO_PROXY",
    "OLDPWD",
    "PATH",
    "PATHEXT",
    "PROMPT_COMMAND",
    "PS4",
    "PSModulePath",
    "PWD",
    "Path",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "SYSTEMROOT",
    "SystemRoot",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "UID",
    "USER",
    "WINDIR",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "windir",
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
    let is_in = |tree: &str, is_same: fn(&str, &str) -> bool| {
        let parts = directory.split_at_checked(tree.len());
        parts.is_some_and(|(start, rest)| is_same(start, tree) && (rest.is_empty() || rest.starts_with('/')))
    };
    directory == RUN
        || IMAGE_DIRECTORIES.contains(&directory)
        || IMAGE_TREES.iter().any(|tree| is_in(tree, |start, tree| start == tree))
        || WINDOWS_TREES.iter().any(|tree| is_in(tree, str::eq_ignore_ascii_case))
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
            "/app",
            "/etc/ssl/certs",
            "/var/lib",
            "/Windows/System32",
            "/program files/app",
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
            "/app/tokens",
            "/etc/sslx",
            "/var/lib/tokens",
            "/windowsx",
        ] {
            assert!(!has_image_files(directory), "{directory}");
        }
    }

    #[test]
    fn variables_of_the_system_are_known() {
        for name in [
            "PATH",
            "ComSpec",
            "windir",
            "KUBECONFIG",
            "HTTPS_PROXY",
            "no_proxy",
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
