//! Directories with other files than manifests: `boundtoken preview` shows the manifests, and says what else there is.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::commands::command_line::{Output, output, run};

pub(super) const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n";

/// What each run prints about [`POD`] on standard error.
pub(super) const ABOUT_POD: &str = "note: Namespace default is not in the input: assumed to be opted in, without settings (BT075)\n\
     note: ServiceAccount default/default is not in the input: assumed to allow automount (BT079)\n\
     Pods: 1 would change\n";

/// A directory with files.
pub(super) fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

/// Runs `preview` in a directory.
pub(super) fn run_in(directory: &Path, words: &str) -> Output {
    let mut command = Command::new("/bin/sh");
    let script = format!("cd \"$0\" && exec \"$1\" preview {words}");
    command.args(["-c", &script]).arg(directory).arg(env!("CARGO_BIN_EXE_boundtoken"));
    output(command.env_clear().env("PATH", directory.join("bin")), "")
}

#[test]
fn files_that_are_not_manifests_are_skipped() {
    let directory = directory(&[
        ("pod.yaml", POD),
        ("values.json", "{\"replicas\": 2}"),
        ("compose.yml", "services:\n  web: {image: web}\n"),
        ("empty.yaml", "# nothing\n"),
    ]);
    let printed = run_in(directory.path(), "-f .");
    let note = "note: skipped 3 files that are not Kubernetes manifests: ./compose.yml, ./empty.yaml, ./values.json\n";
    assert_eq!((printed.err, printed.code), ([note, ABOUT_POD].concat(), 1));
    fs::write(directory.path().join("broken.yaml"), "a: b: c\n").unwrap();
    let printed = run_in(directory.path(), "-f .");
    let note = "note: skipped 4 files that are not Kubernetes manifests; -v lists them\n";
    assert_eq!((printed.err, printed.code), ([note, ABOUT_POD].concat(), 1));
    let printed = run_in(directory.path(), "-f . -v");
    for line in [
        "note: skipped ./broken.yaml: neither YAML nor JSON\n",
        "note: skipped ./values.json: no kind and apiVersion\n",
    ] {
        assert!(printed.err.contains(line), "{}", printed.err);
    }
}

#[test]
fn every_unreadable_manifest_is_shown_with_the_others() {
    let directory = directory(&[
        ("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a\n"),
        ("b.yaml", &[POD, "---\nmetadata: {name: c}\n"].concat()),
        ("c.yaml", "apiVersion: v1\nkind: List\nitems: [{kind: Pod}]\n"),
        ("d.json", "{\"apiVersion\": \"v1\",\n \"kind\": \"Pod\",\n \"a\" 1}"),
    ]);
    fs::write(directory.path().join("e.yaml"), b"apiVersion: v1\nkind: Pod\nname: \xff\n").unwrap();
    let printed = run_in(directory.path(), "-f .");
    let errors = "./a.yaml:3: error: not YAML: unclosed bracket '{' (BT080)\n\
        ./b.yaml:6: error: not a Kubernetes object: it has no kind (BT080)\n\
        ./c.yaml:3: error: not a Kubernetes object: it has no apiVersion (BT080)\n\
        ./d.json:3: error: not JSON: expected `:` (BT080)\n\
        ./e.yaml:1: error: not UTF-8 text; expected a manifest in YAML or JSON (BT080)\n";
    assert_eq!((printed.err, printed.code), ([errors, ABOUT_POD].concat(), 2));
    assert!(printed.out.contains("with boundtoken"), "{}", printed.out);
    let yaml = run_in(directory.path(), "-f . -o yaml");
    assert_eq!((yaml.out.as_str(), yaml.code), ("", 2));
    let findings: serde_json::Value =
        serde_json::from_str(&run_in(directory.path(), "-f . -o findings").out).unwrap();
    assert_eq!(findings["findings"][3]["file"], "d.json");
    assert_eq!(findings["findings"][3]["line"], 3);
    let junit = run_in(directory.path(), "-f . -o junit").out;
    assert_eq!(junit.matches("<error ").count(), 5, "{junit}");
}

#[test]
fn a_file_that_is_named_must_be_a_manifest() {
    let directory = directory(&[("pod.yaml", POD), ("values.yaml", "replicas: 2\n")]);
    let printed = run_in(directory.path(), "-f pod.yaml -f values.yaml");
    let error = "error: values.yaml:1: not a Kubernetes object: it has no kind\n";
    assert_eq!((printed.out.as_str(), printed.err.as_str(), printed.code), ("", error, 2));
}

#[test]
fn a_directory_without_a_manifest_is_an_error() {
    let directory = directory(&[("values.yaml", "replicas: 2\n"), ("none/a.txt", "")]);
    let printed = run_in(directory.path(), "-f .");
    let expected = "note: skipped ./values.yaml, which is not a Kubernetes manifest\n\
        error: .: no object in it; expected a Kubernetes manifest\n";
    assert_eq!((printed.err.as_str(), printed.code), (expected, 2));
    let printed = run_in(directory.path(), "-f none");
    assert!(printed.err.contains("no .yaml, .yml or .json file in this directory"), "{}", printed.err);
}

#[test]
fn templates_are_skipped_with_the_command_that_renders_them() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n";
    let directory = directory(&[
        ("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 0.1.0\n"),
        ("chart/values.yaml", "replicas: 2\n"),
        ("chart/templates/pod.yaml", template),
        ("chart/templates/static.yaml", POD),
        ("chart/crds/crd.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"),
        ("other.yaml", template),
        ("pod.yaml", POD),
    ]);
    let printed = run_in(directory.path(), "-R -f .");
    let notes = "note: ./chart is a Helm chart; to see what it makes: helm template ./chart | boundtoken preview -f -\n\
        note: skipped ./other.yaml, which is not a Kubernetes manifest\n";
    assert_eq!((printed.err, printed.code), ([notes, ABOUT_POD].concat(), 1));
    let printed = run_in(directory.path(), "-f other.yaml");
    assert!(printed.err.contains("render it first, such as with `helm template`") && printed.code == 2);
}

#[test]
fn the_manifests_of_boundtoken_fit_on_a_screen() {
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    let printed = run(&format!("preview -R -f {manifests}"), "");
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(printed.err.lines().count() <= 8, "{}", printed.err);
    assert!(!printed.err.contains("error") && printed.err.contains("use -k"), "{}", printed.err);
}

#[test]
fn a_manifest_without_its_type_is_an_error_and_no_other_file() {
    let directory = directory(&[
        ("a.yaml", "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n"),
        ("b.yaml", "apiVersion: v1\nmetadata: {generateName: b-}\n"),
        ("c.yaml", "apiversion: v1\nkind: Pod\nmetadata: {name: c}\n"),
        ("d.yaml", "apiVersion: v1\nKind: Pod\n"),
        ("e.yaml", "kind: DaemonSet\nreplicas: 2\nmetadata: {}\n"),
        ("f.yaml", "apiVersion: v2\nname: chart\n"),
        ("pod.yaml", POD),
    ]);
    let printed = run_in(directory.path(), "-f .");
    let skipped = "note: skipped 2 files that are not Kubernetes manifests: ./e.yaml, ./f.yaml\n";
    let errors = "./a.yaml:1: error: not a Kubernetes object: it has no apiVersion (BT080)\n\
        ./b.yaml:1: error: not a Kubernetes object: it has no kind (BT080)\n\
        ./c.yaml:1: error: not a Kubernetes object: it has no apiVersion, but apiversion; the case of letters matters (BT080)\n\
        ./d.yaml:1: error: not a Kubernetes object: it has no kind, but Kind; the case of letters matters (BT080)\n";
    assert_eq!((printed.err, printed.code), ([skipped, errors, ABOUT_POD].concat(), 2));
}

#[test]
fn a_summary_names_each_file_that_cannot_be_read() {
    let directory = directory(&[("pod.yaml", POD)]);
    for name in ["a", "b", "c", "d", "e"] {
        fs::write(directory.path().join(format!("{name}.yaml")), b"apiVersion: v1\nkind: \xff\n").unwrap();
    }
    let printed = run_in(directory.path(), "-f . -o summary");
    for name in ["a", "b", "c", "d", "e"] {
        assert!(printed.err.contains(&format!("./{name}.yaml:1: error: not UTF-8")), "{}", printed.err);
    }
}
