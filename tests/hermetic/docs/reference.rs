//! The reference pages equal what the tables render; `make docs` writes them.

use boundtoken::check::reference::checks;
use boundtoken::commands::preview::findings_schema;
use boundtoken::policy::{reference, schema};
use boundtoken::telemetry::reference::metrics;

pub(super) fn compare(page: &str, rendered: &str) {
    let path = format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, rendered).expect("a writable page");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == rendered, "{path} is out of date: run `make docs` and commit the result");
}

#[test]
fn annotations_page_follows_the_table_of_keys() {
    compare("annotations.md", &reference::annotations().expect("a page"));
}

#[test]
fn schema_follows_the_table_of_keys() {
    let schema = serde_json::to_string_pretty(&schema::annotations()).expect("JSON");
    compare("annotations.schema.json", &format!("{schema}\n"));
}

#[test]
fn schema_of_findings_follows_the_types() {
    let schema = serde_json::to_string_pretty(&findings_schema()).expect("JSON");
    compare("findings.schema.json", &format!("{schema}\n"));
}

#[test]
fn diagnostics_page_follows_the_table_of_codes() {
    compare("diagnostics.md", &reference::diagnostics().expect("a page"));
}

#[test]
fn checks_page_follows_the_table_of_checks() {
    compare("reference/checks.md", &checks().expect("a page"));
}

#[test]
fn metrics_page_follows_the_tables_of_metrics_and_audit_annotations() {
    compare("reference/metrics.md", &metrics().expect("a page"));
}
