//! The tools that `make` finds or installs, on machines whose package managers and downloads are stand-ins.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::program::output;
use crate::support::terminal::terminal;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/requirements");

/// What `make test` needs.
const TEST: [&str; 5] = ["cc", "curl", "go", "openssl", "rust"];

/// Programs that every distribution has.
const BASE: [&str; 17] = [
    "basename",
    "bash",
    "cat",
    "chmod",
    "cut",
    "dirname",
    "env",
    "mkdir",
    "mktemp",
    "mv",
    "paste",
    "rm",
    "sed",
    "sha256sum",
    "sort",
    "tr",
    "uname",
];

/// Installs packages: a package becomes the program of its name, the compilers become `cc`.
const PACKAGE_MANAGER: &str = r#"
echo "${0##*/} $*" >>"$LOG"
for package in "$@"; do
    case $package in build-essential | gcc) package=cc ;; gcc-c++) package=c++ ;; curl) cat "$HOME/curl" >"$BIN/curl" ;; unzip) cat "$HOME/unzip" >"$BIN/unzip" ;; esac
    case $package in c++ | cc | openssl) echo '#!/bin/sh' >"$BIN/$package" ;; esac
    [ ! -e "$BIN/$package" ] || chmod +x "$BIN/$package"
done
"#;

/// Downloads the installer of rustup, or an archive that names its module.
const CURL: &str = r#"#!/bin/sh
while [ $# -gt 1 ]; do
    if [ "$1" = --output ]; then file=$2; fi
    shift
done
echo "curl $1" >>"$LOG"
case $1 in
    */rustup-init) cat "$HOME/rustup-init" >"$file" ;;
    *) basename "$1" .zip >"$file" ;;
esac
"#;

const RUSTUP_INIT: &str = r#"#!/bin/sh
echo "rustup-init $*" >>"$LOG"
mkdir -p "$HOME/.cargo/bin"
for program in cargo rustc rustup; do
    cat "$HOME/rustup" >"$HOME/.cargo/bin/$program"
    chmod +x "$HOME/.cargo/bin/$program"
done
"#;

const RUSTUP: &str = r#"#!/bin/sh
echo "${0##*/} $*" >>"$LOG"
toolchain=$HOME/.rustup/toolchains/$3-of-this-machine/bin
mkdir -p "$toolchain"
for program in cargo rustc cargo-clippy cargo-fmt; do
    echo '#!/bin/sh' >"$toolchain/$program"
    chmod +x "$toolchain/$program"
done
"#;

const UNZIP: &str = r#"#!/bin/sh
module=$(cat "$2")
mkdir -p "$4/golang.org/toolchain@$module/bin" "$4/golang.org/toolchain@$module/pkg/tool/platform"
version=${module#*-go}
printf '#!/bin/sh\necho go%s\necho local\n' "${version%.linux-*}" >"$4/golang.org/toolchain@$module/bin/go"
echo >"$4/golang.org/toolchain@$module/pkg/tool/platform/compile"
"#;

/// A machine: the programs on its PATH, its home, and a log of what was called.
struct Machine(TempDir);

impl Machine {
    /// One with a package manager, whose user is root or not.
    fn new(package_manager: &str, user: &str) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.path("bin")).unwrap();
        for program in BASE {
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
            symlink(text(&found.stdout).trim_end(), machine.path("bin").join(program)).unwrap();
        }
        machine.add("id", &format!("echo {}", if user == "root" { "0" } else { "1000" }));
        machine.add(package_manager, PACKAGE_MANAGER);
        for (name, content) in
            [("curl", CURL), ("rustup-init", RUSTUP_INIT), ("rustup", RUSTUP), ("unzip", UNZIP), ("log", "")]
        {
            fs::write(machine.path(name), content).unwrap();
        }
        machine
    }

    /// One that has all of [`TEST`].
    fn complete() -> Self {
        let machine = Self::new("apt-get", "root");
        for program in ["cc", "curl", "openssl", "cargo"] {
            machine.add(program, "exit 1");
        }
        machine.add("rustc", "echo 'rustc 1.999.0 (of the distribution)'");
        machine.add("go", "printf 'go1.999.0\\nlocal\\n'");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a script on PATH. A process of its own writes it, because a file that this one wrote stays open in
    /// processes that other tests start at that moment, and could not be executed ("Text file busy").
    fn add(&self, program: &str, script: &str) {
        let mut write = Command::new("sh");
        write.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$SCRIPT" >"$0" && chmod +x "$0""#]);
        assert!(write.arg(self.path("bin").join(program)).env("SCRIPT", script).status().unwrap().success());
    }

    /// Accepts whatever was downloaded.
    fn without_checksums(self) -> Self {
        fs::remove_file(self.path("bin/sha256sum")).unwrap();
        self.add("sha256sum", "cat >/dev/null");
        self
    }

    /// A call of the script for these tools, before a task that prints `done`.
    fn command(&self, names: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(self.path("bin/bash"));
        command
            .arg(SCRIPT)
            .args(names)
            .args(["--", "sh", "-c", "echo done"])
            .env_clear()
            .stdin(Stdio::null());
        symlink("/bin/sh", self.path("bin/sh")).ok();
        command.env("PATH", self.path("bin")).env("BIN", self.path("bin")).env("HOME", self.0.path());
        command.env("LOG", self.path("log")).env("GOROOT", self.path("no-go"));
        command.envs(environment.iter().copied());
        command
    }

    fn run(&self, names: &[&str], environment: &[(&str, &str)]) -> Output {
        output(&mut self.command(names, environment))
    }

    /// Runs it on a terminal, where a user types an answer.
    fn run_and_type(&self, names: &[&str], answer: &str) -> Output {
        let (user, program) = terminal();
        File::from(user.try_clone().unwrap()).write_all(answer.as_bytes()).unwrap();
        output(self.command(names, &[]).stdin(program))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

/// The version that a file of the repository has on the line that begins so.
fn pinned(file: &str, start: &str) -> String {
    let content = fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    content.lines().find_map(|line| line.strip_prefix(start)).unwrap().trim_matches('"').to_owned()
}

/// How Rust and Go name the platform of this machine.
const PLATFORM: (&str, &str) = if cfg!(target_arch = "aarch64") {
    ("aarch64-unknown-linux-gnu", "linux-arm64")
} else {
    ("x86_64-unknown-linux-gnu", "linux-amd64")
};

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// Fails unless the script refused, and returns what it printed.
#[track_caller]
fn refused(output: &Output) -> &str {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{output:?}");
    text(&output.stderr)
}

#[track_caller]
fn done(output: &Output) {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "done\n"), "{output:?}");
}

#[test]
fn a_complete_machine_is_not_asked() {
    let machine = Machine::complete();
    let output = machine.run(&TEST, &[]);
    done(&output);
    assert_eq!((text(&output.stderr), machine.log().as_str()), ("", ""));
}

#[test]
fn without_a_terminal_a_line_for_each_tool_says_what_to_type() {
    let machine = Machine::new("apt-get", "root");
    let output = machine.run(&TEST, &[]);
    let expected = format!(
        "Missing on this machine, and what to type for it:
  a C compiler: apt-get install build-essential
  curl: apt-get install curl ca-certificates
  Go {}: https://go.dev/dl, or KUBEBUILDER_ASSETS=DIRECTORY with the programs of a control plane
  openssl: apt-get install openssl
  Rust {rust}: curl -sSf https://sh.rustup.rs | sh -s -- --default-toolchain {rust}
  unzip: apt-get install unzip
Nothing was installed: there is no terminal to ask on; YES=1 installs them
",
        pinned("tests/cluster/go.mod", "go "),
        rust = pinned("rust-toolchain.toml", "channel = "),
    );
    assert_eq!(refused(&output), expected);
    assert_eq!(machine.log(), "");
}

#[test]
fn without_root_and_sudo_nothing_is_tried() {
    let machine = Machine::new("apt-get", "user");
    let output = machine.run(&["cc", "rust"], &[("YES", "1")]);
    let stderr = refused(&output);
    assert!(stderr.contains("\n  a C compiler: as root: apt-get install build-essential\n"), "{stderr}");
    assert!(stderr.ends_with("Nothing was installed: this needs root or sudo\n"), "{stderr}");
    assert_eq!(machine.log(), "");
}

#[test]
fn without_a_package_manager_nothing_is_tried() {
    let machine = Machine::new("pacman", "root");
    let output = machine.run(&["cc"], &[("YES", "1")]);
    let stderr = refused(&output);
    assert!(stderr.ends_with("Nothing was installed: there is neither apt-get nor dnf\n"), "{stderr}");
}

#[test]
fn debian_gets_packages_rust_and_go() {
    for yes in [("YES", "1"), ("CI", "true")] {
        let machine = Machine::new("apt-get", "root").without_checksums();
        done(&machine.run(&TEST, &[yes]));
        let expected = format!(
            "apt-get update -q
apt-get -o DPkg::Lock::Timeout=300 install -qy --no-install-recommends build-essential curl ca-certificates openssl unzip
curl https://static.rust-lang.org/rustup/archive/{}/PLATFORM/rustup-init
rustup-init -y --quiet --no-modify-path --profile minimal --default-toolchain none
rustup toolchain install {} --profile minimal --component clippy,rustfmt --no-self-update
curl https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-go{}.PLATFORM.zip
",
            pinned(".ci/requirements", "rustup_version="),
            pinned("rust-toolchain.toml", "channel = "),
            pinned(".ci/requirements", "go_version="),
        );
        assert_eq!(machine.log().replace(PLATFORM.0, "PLATFORM").replace(PLATFORM.1, "PLATFORM"), expected);
        fs::write(machine.path("log"), "").unwrap();
        done(&machine.run(&TEST, &[]));
        assert_eq!(machine.log(), "", "the second time everything is there");
    }
}

#[test]
fn fedora_gets_its_own_packages() {
    let machine = Machine::new("dnf", "root").without_checksums();
    done(&machine.run(&["c++", "cc", "curl", "openssl", "rust"], &[("YES", "1")]));
    let packages = "gcc-c++ gcc glibc-devel curl ca-certificates openssl";
    let expected = format!("dnf install -qy --setopt=install_weak_deps=False {packages}\n");
    assert_eq!(machine.log().split_inclusive('\n').next(), Some(expected.as_str()));
}

#[test]
fn a_user_installs_packages_with_sudo() {
    let machine = Machine::new("apt-get", "user");
    machine.add("sudo", "echo sudo >>\"$LOG\"\nexec \"$@\"");
    done(&machine.run(&["cc"], &[("YES", "1")]));
    assert_eq!(machine.log().matches("sudo\napt-get").count(), 2, "{}", machine.log());
}

#[test]
fn a_user_without_sudo_gets_rust_and_go() {
    let machine = Machine::new("apt-get", "user").without_checksums();
    machine.add("curl", CURL);
    machine.add("unzip", UNZIP);
    done(&machine.run(&["go", "rust"], &[("YES", "1")]));
}

#[test]
fn a_terminal_is_asked_once() {
    for (answer, is_yes) in [("y\n", true), ("Yes\n", true), ("n\n", false), ("\n", false)] {
        let machine = Machine::new("apt-get", "root").without_checksums();
        let output = machine.run_and_type(&TEST, answer);
        assert_eq!(text(&output.stderr).matches("[y/N]").count(), 1, "{output:?}");
        if is_yes {
            done(&output);
        } else {
            assert!(
                refused(&output).ends_with("Nothing was installed: the answer was not yes\n"),
                "{output:?}"
            );
            assert_eq!(machine.log(), "");
        }
    }
}

#[test]
fn a_download_with_another_checksum_does_not_run() {
    let machine = Machine::new("apt-get", "root");
    let output = machine.run(&["rust"], &[("YES", "1")]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(text(&output.stderr).contains("rustup-init: FAILED"), "{output:?}");
    assert!(
        machine.log().contains("curl https://") && !machine.log().contains("rustup-init -y"),
        "{}",
        machine.log()
    );
}

#[test]
fn an_installation_that_brings_no_tool_fails() {
    let machine = Machine::new("apt-get", "root");
    machine.add("apt-get", "");
    let output = machine.run(&["cc"], &[("YES", "1")]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{output:?}");
    assert!(text(&output.stderr).ends_with("still missing after the installation: cc\n"), "{output:?}");
}

#[test]
fn rust_is_the_pinned_one_or_newer() {
    let machine = Machine::complete();
    let is_missing = || text(&machine.run(&["rust"], &[]).stderr).contains("  Rust ");
    machine.add("rustc", "echo 'rustc 1.63.0 (of the distribution)'");
    assert!(is_missing());
    machine.add("rustc", "echo 'rustc 1.999.0 (of the distribution)'");
    assert!(!is_missing());
    // The proxies of rustup run whatever the toolchain is.
    machine.add("rustup", RUSTUP);
    assert!(is_missing());
    done(&machine.run(&["rust", "clippy"], &[("YES", "1")]));
    assert!(!is_missing());
}

#[test]
fn go_is_new_or_fetches_a_newer_one() {
    let machine = Machine::complete();
    for (version, switch, is_missing) in [
        ("1.19.8", "auto", true),
        ("1.22.0", "auto", false),
        ("1.22.0", "local", true),
        ("1.999.0", "local", false),
    ] {
        machine.add("go", &format!("printf 'go{version}\\n{switch}\\n'"));
        let output = machine.run(&["go"], &[]);
        assert_eq!(text(&output.stderr).contains("  Go "), is_missing, "{version} {switch}: {output:?}");
    }
    machine.add("go", "exit 1");
    done(&machine.run(&["go"], &[("KUBEBUILDER_ASSETS", "/programs")]));
}
