//! Evidence in audit logs.

mod evidence;
mod hostile;
mod model;
mod shapes;

use std::path::Path;

use boundtoken::audit::event::AuditEvent;
use boundtoken::audit::log::{LogCounts, LogError, read};

/// A log of `tests/audit-log`.
fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit-log").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each event of a log, as text without its API server, which some shapes lack, and the counts.
fn events(log: &[u8]) -> Result<(Vec<String>, LogCounts), LogError> {
    let mut found = Vec::new();
    let counts = read(log, &mut |event: &AuditEvent<'_>| {
        found.push(format!("{:?}", AuditEvent { server: "", ..*event }));
    })?;
    Ok((found, counts))
}
