//! The archive with the program, its manual pages and its completions.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{ROOT, VERSION, dist, name, read, run, unpacked};

#[test]
fn the_program_runs_and_has_its_licences() {
    let directory = tempfile::tempdir().unwrap();
    let contents = unpacked(directory.path());
    let version = run(Command::new(contents.join("boundtoken")).arg("--version"));
    assert!(version.starts_with(&format!("boundtoken {VERSION} (commit ")), "{version}");
    for file in ["LICENSE", "README.md"] {
        assert_eq!(read(contents.join(file)), read(Path::new(ROOT).join(file)));
    }
    let licences = read(contents.join("LICENSES-THIRD-PARTY"));
    for word in [
        "=== tokio",
        "Permission is hereby granted",
        "Apache License",
        "rustls",
        "=== glibc\n\nThe GNU C Library is linked statically.",
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "Regents of the University of California",
        "=== rust-std",
        "\nkube-client ",
    ] {
        assert!(licences.contains(word), "{word}");
    }
}

/// The modules that nsswitch.conf names are libraries for the system's glibc. The program has its own inside, and would
/// crash in those of another version, which look up hosts on most systems with systemd.
#[test]
fn the_program_loads_no_module_of_nsswitch() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("nsswitch.conf"), "hosts: trap files\npasswd: trap files\n").unwrap();
    fs::write(
        path("trap.c"),
        "#include <unistd.h>\n__attribute__((constructor)) static void loaded(void) { _exit(42); }\n",
    )
    .unwrap();
    let library = path("libnss_trap.so.2");
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(path("trap.c")));
    fs::write(
        path("kubeconfig"),
        r#"{"clusters": [{"name": "x", "cluster": {"server": "https://localhost:1"}}], "users": [],
            "contexts": [{"name": "x", "context": {"cluster": "x"}}], "current-context": "x"}"#,
    )
    .unwrap();
    let with_trap = |program: &Path, arguments: &[&str]| {
        let script = "mount --bind nsswitch.conf /etc/nsswitch.conf && exec \"$0\" \"$@\"";
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .arg(program)
            .args(arguments)
            .current_dir(directory.path())
            .env("LD_LIBRARY_PATH", directory.path())
            .env_remove("HOME")
            .output()
            .unwrap()
    };
    let other = with_trap(Path::new("getent"), &["hosts", "localhost"]);
    assert_eq!(other.status.code(), Some(42), "the trap works: {other:?}");
    let program = unpacked(directory.path()).join("boundtoken");
    let audit = with_trap(&program, &["audit", "--kubeconfig", "kubeconfig"]);
    let stderr = String::from_utf8_lossy(&audit.stderr);
    assert!(stderr.contains("Connection refused"), "{audit:?}");
}

#[test]
fn every_command_has_a_manual_page_with_its_flags() {
    let directory = tempfile::tempdir().unwrap();
    let pages = unpacked(directory.path()).join("man/man1");
    let mut command = boundtoken::commands::command().disable_help_subcommand(true);
    command.build();
    let mut expected = vec!["boundtoken.1".to_owned()];
    for below in command.get_subcommands() {
        let page = format!("boundtoken-{}.1", below.get_name());
        // A page writes hyphens as `\-`.
        let text = read(pages.join(&page)).replace("\\-", "-");
        for flag in below.get_arguments().filter(|flag| !flag.is_hide_set()).filter_map(clap::Arg::get_long) {
            assert!(text.contains(&format!("\\fB--{flag}\\fR")), "{page}: --{flag}");
        }
        assert!(text.contains("\n.SH EXAMPLES\n"), "{page}");
        expected.push(page);
    }
    let files = fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.collect();
    files.sort();
    expected.sort();
    assert_eq!(files, expected);
}

#[test]
fn completions_are_those_of_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let contents = unpacked(directory.path());
    for (shell, file) in [("bash", "boundtoken.bash"), ("zsh", "_boundtoken"), ("fish", "boundtoken.fish")] {
        let script = run(Command::new(contents.join("boundtoken")).args(["completions", shell]));
        assert_eq!(read(contents.join("completions").join(file)), script);
        assert!(script.contains("BOUNDTOKEN_COMPLETE"), "{script}");
    }
    run(Command::new("bash").arg("-n").arg(contents.join("completions/boundtoken.bash")));
}

#[test]
fn a_second_archive_has_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let contents = unpacked(directory.path());
    let again = directory.path().join("again");
    let mut archive = Command::new(Path::new(ROOT).join("release/archive.sh"));
    run(archive.arg(contents.join("boundtoken")).env("DIST", &again));
    for file in [name() + ".tar.gz", name() + ".spdx.json"] {
        assert!(
            fs::read(dist().join(&file)).unwrap() == fs::read(again.join(&file)).unwrap(),
            "{file} differs"
        );
    }
}

#[test]
fn entries_belong_to_root_and_have_the_time_of_the_commit() {
    let archive = dist().join(name() + ".tar.gz");
    let list =
        run(Command::new("tar").args(["--utc", "--full-time", "--numeric-owner", "-tvzf"]).arg(archive));
    let entries: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(entries.len() > 15, "{list}");
    for entry in &entries {
        assert_eq!((entry[1], &entry[3..5]), ("0/0", &entries[0][3..5]), "{list}");
        assert!(entry[5].starts_with(&name()), "{list}");
    }
    let names: Vec<_> = entries.iter().map(|entry| entry[5]).collect();
    assert!(names.is_sorted(), "{list}");
}
