//! The GitHub Action: its script with the variables of a step, and a release that it downloads from a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{BAD, DOUBTFUL, GOOD, ROOT, path_with_program};

const ACTION: &str = include_str!("../../../action.yml");
const SCRIPT: &str = include_str!("../../../integrations/github-action.sh");

/// A workspace with manifests, and the files with which a step reports.
struct Step {
    directory: TempDir,
    inputs: BTreeMap<String, String>,
}

struct Reported {
    code: Option<i32>,
    log: String,
    outputs: BTreeMap<String, String>,
    summary: String,
}

impl Step {
    /// A step with the defaults of the action, for the program on the `PATH`.
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = directory.path().join("workspace").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let action: Value = serde_saphyr::from_str(ACTION).unwrap();
        let inputs = action["inputs"].as_object().unwrap().iter();
        let default = |input: &Value| input["default"].as_str().unwrap().to_owned();
        let inputs = inputs.map(|(name, input)| (name.clone(), default(input))).collect();
        Self { directory, inputs }.with("version", "installed")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        let input = self.inputs.get_mut(name).unwrap();
        value.clone_into(input);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a release of this version, whose program reports that it runs, and uses its directory as the mirror.
    fn release(self, version: &str) -> Self {
        let release = self.path(&format!("releases/v{version}"));
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let name = format!("boundtoken-{version}-linux-{architecture}");
        fs::create_dir_all(release.join(&name)).unwrap();
        let program = release.join(&name).join("boundtoken");
        let marker = self.path("was-run");
        let text =
            format!("#!/bin/sh\n: >{}\nexec {} \"$@\"\n", marker.display(), env!("CARGO_BIN_EXE_boundtoken"));
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let pack = format!(
            "tar czf {name}.tar.gz {name} && echo notes >NOTES.md && sha256sum NOTES.md {name}.tar.gz >SHA256SUMS"
        );
        assert!(Command::new("sh").args(["-c", &pack]).current_dir(&release).status().unwrap().success());
        let mirror = format!("file://{}", self.path("releases").display());
        self.with("version", version).with("download-url", &mirror)
    }

    fn run(&self) -> Reported {
        let mut script = Command::new("bash");
        script.arg(format!("{ROOT}/integrations/github-action.sh")).current_dir(self.path("workspace"));
        script.env("PATH", path_with_program()).env("ACTION_REPOSITORY", "example/boundtoken");
        for (name, value) in &self.inputs {
            script.env(variable_of(name), value);
        }
        script.env("GITHUB_ACTION_PATH", ROOT);
        script.env("GITHUB_OUTPUT", self.path("output")).env("GITHUB_STEP_SUMMARY", self.path("summary"));
        let output = script.output().unwrap();
        let read = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        let outputs = read("output");
        let outputs = outputs.lines().map(|line| line.split_once('=').unwrap());
        Reported {
            code: output.status.code(),
            log: String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
            outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            summary: read("summary"),
        }
    }
}

/// The variable in which the script finds an input.
fn variable_of(input: &str) -> String {
    format!("INPUT_{}", input.replace('-', "_").to_uppercase())
}

#[test]
fn results_are_outputs_and_a_summary() {
    let step = Step::new(&[("deploy/good.yaml", GOOD), ("deploy/below/doubtful.yaml", DOUBTFUL)]);
    let reported = step.with("fail-on", "refused").run();
    assert_eq!(reported.code, Some(0), "{}", reported.log);
    let expected = [("changed", "2"), ("refused", "0"), ("unchanged", "0")];
    assert_eq!(reported.outputs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert!(
        reported.log.contains("::warning file=deploy/below/doubtful.yaml,line=7,col=30,"),
        "{}",
        reported.log
    );
    assert!(reported.summary.starts_with("### boundtoken preview\n\n    2 Pods: "), "{}", reported.summary);
    assert!(reported.summary.contains("up to 1 year → 1 h\n"), "{}", reported.summary);
    assert!(
        reported.summary.contains("    ./deploy/below/doubtful.yaml:7: warning: "),
        "{}",
        reported.summary
    );
}

#[test]
fn fail_on_chooses_the_exit_code() {
    for (text, fail_on, code) in [
        (BAD, "refused", 1),
        (BAD, "never", 0),
        (DOUBTFUL, "warning", 1),
        (DOUBTFUL, "refused", 0),
        (GOOD, "change", 1),
        (GOOD, "warning", 0),
        ("kind: Pod\napiVersion: v1\nspec: [\n", "never", 2),
        (GOOD, "always", 2),
    ] {
        let reported = Step::new(&[("a.yaml", text)]).with("fail-on", fail_on).with("paths", "a.yaml").run();
        assert_eq!(reported.code, Some(code), "{fail_on} {text}: {}", reported.log);
        let is_reported = reported.outputs.contains_key("refused") && !reported.summary.is_empty();
        assert_eq!(is_reported, code != 2, "{fail_on} {text}");
    }
}

#[test]
fn findings_are_written_as_sarif() {
    let step = Step::new(&[("bad.yaml", BAD)]).with("sarif", "reports/boundtoken.sarif");
    let reported = step.run();
    assert_eq!(reported.code, Some(1), "{}", reported.log);
    assert_eq!(reported.outputs["sarif"], "reports/boundtoken.sarif");
    let sarif = fs::read(step.path("workspace/reports/boundtoken.sarif")).unwrap();
    let sarif: Value = serde_json::from_slice(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "BT004", "{sarif}");
}

#[test]
fn paths_are_lines() {
    let files = [("first one/good.yaml", GOOD), ("second.yaml", GOOD), ("third.yaml", BAD)];
    let reported = Step::new(&files).with("paths", "first one\n\nsecond.yaml\n").run();
    assert_eq!((reported.code, reported.outputs["changed"].as_str()), (Some(0), "2"), "{}", reported.log);
    let missing = Step::new(&files).with("paths", "--all").run();
    assert_eq!(missing.code, Some(2), "{}", missing.log);
}

/// Text of a manifest that looks like a counter, a workflow command or a heading.
#[test]
fn manifests_cannot_forge_results() {
    let name = "a\\\"changed\\\":9\\n::error::b\\n# c";
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: \"{name}\"}}\nspec: {{containers: [{{name: a}}]}}\n"
    );
    let reported = Step::new(&[("a.yaml", &pod)]).run();
    assert_ne!(reported.outputs.get("changed").map(String::as_str), Some("9"), "{}", reported.log);
    for text in [&reported.log, &reported.summary] {
        assert!(!text.lines().any(|line| line.starts_with("::error::b") || line == "# c"), "{text}");
    }
}

#[test]
fn a_release_is_downloaded_and_verified() {
    let version = env!("CARGO_PKG_VERSION");
    let step = Step::new(&[("good.yaml", GOOD)]).release(version).with("version", "");
    let reported = step.run();
    assert_eq!((reported.code, reported.outputs["changed"].as_str()), (Some(0), "1"), "{}", reported.log);
    assert!(step.path("was-run").exists());

    let other = Step::new(&[("good.yaml", GOOD)]).release("9.8.7").run();
    assert_eq!(other.code, Some(0), "{}", other.log);
    let missing = Step::new(&[("good.yaml", GOOD)]).release("9.8.7").with("version", "9.8.8").run();
    assert_eq!(missing.code, Some(2), "{}", missing.log);
    assert!(missing.log.contains("::error title=boundtoken::failed to download "), "{}", missing.log);
}

#[test]
fn a_release_with_another_checksum_is_not_run() {
    let step = Step::new(&[("good.yaml", GOOD)]).release("9.8.7");
    let sums = step.path("releases/v9.8.7/SHA256SUMS");
    let listed = fs::read_to_string(&sums).unwrap();
    let archive = listed.lines().find(|line| line.ends_with(".tar.gz")).unwrap();
    let checksum = archive.split(' ').next().unwrap().to_owned();
    let pinned = step.with("sha256", &checksum);
    assert_eq!(pinned.run().code, Some(0));

    fs::remove_file(pinned.path("was-run")).unwrap();
    let zeros = "0".repeat(64);
    let other = pinned.with("sha256", &zeros);
    let reported = other.run();
    assert_eq!(reported.code, Some(2), "{}", reported.log);
    assert!(reported.log.contains("differs from the input sha256"), "{}", reported.log);

    let unpinned = other.with("sha256", "");
    for forged in [listed.replace(&checksum, &zeros), listed.replace(archive, "")] {
        fs::write(&sums, forged).unwrap();
        let reported = unpinned.run();
        assert_eq!(reported.code, Some(2), "{}", reported.log);
        assert!(reported.log.contains("differs from SHA256SUMS"), "{}", reported.log);
    }
    assert!(!unpinned.path("was-run").exists());
}

/// Each input reaches the script, and each output comes from it.
#[test]
fn the_action_passes_inputs_and_outputs() {
    let action: Value = serde_saphyr::from_str(ACTION).unwrap();
    let step = &action["runs"]["steps"][0];
    let passed: BTreeSet<(String, String)> = step["env"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("INPUT_"))
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let inputs = action["inputs"].as_object().unwrap().keys();
    let expected = inputs.map(|name| (variable_of(name), format!("${{{{ inputs.{name} }}}}"))).collect();
    assert_eq!(passed, expected);
    for (name, _) in &passed {
        assert!(SCRIPT.contains(&format!("${name}")) || SCRIPT.contains(&format!("${{{name}:-")), "{name}");
    }
    let step_with_sarif = Step::new(&[("good.yaml", GOOD)]).with("sarif", "a.sarif");
    let written: BTreeSet<String> = step_with_sarif.run().outputs.into_keys().collect();
    for (name, output) in action["outputs"].as_object().unwrap() {
        assert_eq!(output["value"], format!("${{{{ steps.preview.outputs.{name} }}}}"));
        assert!(written.contains(name), "{name}");
    }
    let script = step["run"].as_str().unwrap().trim_matches('"').replace("$GITHUB_ACTION_PATH", ROOT);
    assert!(Path::new(&script).exists(), "{script}");
}
