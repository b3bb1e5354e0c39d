//! The manifests in `examples` are valid: `preview` only notes that they have no service accounts.

use std::process::Command;

#[test]
fn examples_cause_no_warning_and_no_refusal() {
    let mut preview = Command::new(env!("CARGO_BIN_EXE_boundtoken"));
    preview.args(["preview", "-f", "examples", "-o", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = preview.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.lines().all(|line| line.starts_with("note: ServiceAccount ")), "{said}");
}
