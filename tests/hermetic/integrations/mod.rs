//! The GitHub Action and the pre-commit hook: their scripts, with the program of the tests.

mod github_action;
mod pre_commit;

use std::path::Path;

/// A Pod that is changed without a warning.
const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: good, namespace: shop}\nspec: {containers: [{name: a, image: a}]}\n";

/// A Pod that is refused.
const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\n  namespace: shop\n  annotations:\n    boundtoken.dev/ttl: 5m\nspec: {containers: [{name: a, image: a}]}\n";

/// A Pod that is changed with a warning.
const DOUBTFUL: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: doubtful\n  namespace: shop\n  annotations:\n    boundtoken.dev/audiense: vault\nspec: {containers: [{name: a, image: a}]}\n";

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A `PATH` with the program of the tests in front.
fn path_with_program() -> String {
    let directory = Path::new(env!("CARGO_BIN_EXE_boundtoken")).parent().unwrap();
    format!("{}:{}", directory.display(), std::env::var("PATH").unwrap())
}
