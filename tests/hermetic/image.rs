//! The files that images are built with: `Dockerfile` from the sources, `prebuilt.Dockerfile` around a binary.

use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use crate::support::files::files_with_extension;

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The instructions of the last stage, except those that bring the binary.
fn image(dockerfile: &str) -> Vec<String> {
    let content = read(dockerfile);
    let (_, stage) = content.rsplit_once("FROM scratch\n").unwrap();
    let brings = |line: &&str| line.starts_with("ARG ") || line.starts_with("COPY ");
    stage.lines().filter(|line| !brings(line)).map(str::to_owned).collect()
}

#[test]
fn both_images_run_the_same() {
    let image = [image("Dockerfile"), image("prebuilt.Dockerfile")];
    assert_eq!(image[0], image[1]);
    assert!(image[0].contains(&"USER 65532:65532".to_owned()), "{image:?}");
}

#[test]
fn the_builder_has_the_pinned_rust() {
    let channel = read("rust-toolchain.toml");
    let version = channel.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let dockerfile = read("Dockerfile");
    let pin = format!("library/rust:{version}-slim-bookworm@sha256:[0-9a-f]{{64}}\n");
    assert!(Regex::new(&pin).unwrap().is_match(&dockerfile), "{pin}");
    assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={version} ")));
}

/// The paths that .dockerignore lets into the context.
fn context() -> Vec<PathBuf> {
    read(".dockerignore").lines().filter_map(|line| line.strip_prefix('!')).map(PathBuf::from).collect()
}

#[test]
fn the_context_has_what_is_copied_by_name() {
    let dockerfile = read("Dockerfile");
    let copied = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--"));
    let sources: Vec<&str> =
        copied.flat_map(|line| line.split(' ').rev().skip(1)).filter(|source| *source != ".").collect();
    assert!(sources.len() > 3, "{sources:?}");
    for source in sources {
        let is_allowed = context().iter().any(|allowed| Path::new(source).starts_with(allowed));
        assert!(is_allowed, "{source} is not in .dockerignore");
    }
}

/// Cargo reads the manifest of each crate, also where only the dependencies are built.
#[test]
fn the_layer_of_the_dependencies_has_the_manifest_of_each_crate() {
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(!members.is_empty());
    let dockerfile = read("Dockerfile");
    for member in members {
        assert!(dockerfile.contains(&format!("\nCOPY {member}/Cargo.toml {member}/\n")), "{member}");
        assert!(dockerfile.contains(&format!(" {member}/lib.rs ")), "{member}");
    }
}

/// Cargo looks for the file of each target, also of those that are not built.
#[test]
fn each_build_removes_the_targets_that_are_not_in_the_context() {
    let dockerfile = read("Dockerfile").replace("\\\n", " ");
    let builds: Vec<&str> = dockerfile.lines().filter(|line| line.contains("make static")).collect();
    assert_eq!(builds.len(), 2);
    for build in builds {
        assert!(build.starts_with(r"RUN sed -i '/^\[\[/,/^$/d' Cargo.toml "), "{build}");
    }
}

#[test]
fn the_context_has_the_files_that_sources_include() {
    let include = Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let mut included = 0;
    for source in files_with_extension(&root().join("src"), "rs") {
        for file in include.captures_iter(&fs::read_to_string(&source).unwrap()) {
            let file = normal(&source.with_file_name(&file[1]));
            // Only tests include files of tests.
            if !file.starts_with("tests") {
                assert!(context().iter().any(|allowed| file.starts_with(allowed)), "{file:?}");
                included += 1;
            }
        }
    }
    assert!(included > 8, "{included}");
}

/// The path below the repository, without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.strip_prefix(root()).unwrap().components() {
        if component == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(component);
        }
    }
    normal
}
