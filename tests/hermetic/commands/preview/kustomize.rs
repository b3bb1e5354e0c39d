//! Kustomizations: `preview -k` shows what kubectl makes of one, and the files of one are not taken for objects.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::directories::{ABOUT_POD, POD, directory, run_in};

/// A base and an overlay with patches.
fn tree() -> TempDir {
    let patch = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: b}\n";
    directory(&[
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        ("base/pod.yaml", POD),
        (
            "overlays/prod/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base]\n\
             patches:\n- path: node.yaml\npatchesStrategicMerge:\n- ../name.yaml\n",
        ),
        ("overlays/prod/node.yaml", patch),
        ("overlays/name.yaml", patch),
    ])
}

/// Installs a kubectl that prints its arguments to a file, and a text.
fn install(directory: &Path, script: &str) {
    let (bin, kubectl) = (directory.join("bin"), directory.join("bin/kubectl"));
    fs::create_dir_all(&bin).unwrap();
    fs::write(&kubectl, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_parts_of_a_kustomization_are_not_objects() {
    let tree = tree();
    let printed = run_in(tree.path(), "-R -f .");
    let note = "note: 2 kustomizations, whose objects are shown without their patches; to see what one makes, use -k, \
        such as -k ./overlays/prod\n";
    assert_eq!((printed.err, printed.code), ([note, ABOUT_POD].concat(), 1));
    let printed = run_in(tree.path(), "-f base/");
    let note = "note: base is a kustomization, whose objects are shown without its patches; to see what it makes, use -k base\n";
    assert_eq!((printed.err, printed.code), ([note, ABOUT_POD].concat(), 1));
}

#[test]
fn a_kustomization_that_is_named_is_an_error_with_the_flag() {
    let tree = tree();
    for (words, directory) in
        [("-f base/kustomization.yaml", "base"), ("-f overlays/prod/kustomization.yaml", "overlays/prod")]
    {
        let printed = run_in(tree.path(), words);
        let error = format!(
            "error: {directory}/kustomization.yaml is a kustomization; to see what it makes, use -k {directory}\n"
        );
        assert_eq!((printed.err, printed.code), (error, 2));
    }
}

#[test]
fn kubectl_renders_a_kustomization() {
    let tree = tree();
    install(tree.path(), &format!("echo \"$@\" >arguments\nprintf '{}'", POD.replace('\n', "\\n")));
    let printed = run_in(tree.path(), "-k overlays/prod");
    assert_eq!((printed.err.as_str(), printed.code), (ABOUT_POD, 1));
    assert!(printed.out.contains(" overlays/prod (rendered):1\n"), "{}", printed.out);
    assert_eq!(fs::read_to_string(tree.path().join("arguments")).unwrap(), "kustomize -- overlays/prod\n");
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n";
    fs::write(tree.path().join("namespace.yaml"), namespace).unwrap();
    let printed = run_in(tree.path(), "-k overlays/prod -f namespace.yaml");
    assert!(printed.err.contains("would not change"), "{}", printed.err);
}

#[test]
fn errors_of_kubectl_are_reported() {
    let tree = tree();
    let printed = run_in(tree.path(), "-k base");
    let error = "error: -k needs kubectl, which renders the kustomization; it is not on the PATH\n";
    assert_eq!((printed.err.as_str(), printed.code), (error, 2));
    install(tree.path(), "echo wrong >&2; exit 1");
    let printed = run_in(tree.path(), "-k base");
    assert_eq!((printed.err.as_str(), printed.code), ("wrong\nerror: kubectl kustomize base failed\n", 2));
    install(tree.path(), "exit 0");
    let printed = run_in(tree.path(), "-k base");
    let error = "error: base (rendered): no object in it; expected a Kubernetes manifest\n";
    assert_eq!((printed.err.as_str(), printed.code), (error, 2));
}
