//! The packages of crates.io hold what `cargo install` needs, and little else. `make package` compiles it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn packaged(package: &str) -> BTreeSet<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(ROOT).args([
        "package",
        "--list",
        "--allow-dirty",
        "--locked",
        "--offline",
        "--package",
        package,
    ]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(PathBuf::from).collect()
}

#[test]
fn the_package_holds_sources_licence_and_readme() {
    let files = packaged("boundtoken");
    for file in ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "src/lib.rs", "src/main.rs"] {
        assert!(files.contains(Path::new(file)), "{file}");
    }
    for file in &files {
        let Some(Component::Normal(first)) = file.components().next() else { panic!("{}", file.display()) };
        let deep = file.components().count() > 1;
        assert!(!deep || first == "src" || first == "manifests", "{}", file.display());
    }
    let size: u64 = files
        .iter()
        .filter_map(|file| Path::new(ROOT).join(file).metadata().ok())
        .map(|file| file.len())
        .sum();
    assert!(size < 4_000_000, "{size} bytes");
}

#[test]
fn the_package_of_the_core_holds_its_modules() {
    let files = packaged("boundtoken-core");
    for file in ["Cargo.toml", "LICENSE", "lib.rs", "policy/mod.rs", "pod/mod.rs", "admission/mod.rs"] {
        assert!(files.contains(Path::new(file)), "{file}");
    }
}

/// The path that a line includes, beside the source in which it is.
fn included(line: &str) -> Option<&str> {
    line.split_once("include_str!(\"")?.1.split_once('"').map(|(path, _)| path)
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{}", path.display()),
            other => normal.push(other),
        }
    }
    normal
}

#[test]
fn every_included_file_is_in_the_package() {
    let files = packaged("boundtoken");
    let mut found = 0;
    for source in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(Path::new(ROOT).join(source)).unwrap();
        for path in text.lines().filter_map(included).filter(|path| !path.contains("/tests/")) {
            let file = normal(&source.parent().unwrap().join(path));
            assert!(files.contains(&file), "{} includes {}", source.display(), file.display());
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}
