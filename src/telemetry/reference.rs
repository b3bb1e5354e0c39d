//! The reference page of metrics and audit annotations, rendered from their tables.

use std::fmt::{Error, Write};

use super::table::{METRICS, MetricEntry};
use crate::admission::AUDIT_ANNOTATIONS;

/// `docs/reference/metrics.md`.
///
/// # Errors
/// None in practice: writing to a `String` does not fail.
pub fn metrics() -> Result<String, Error> {
    let mut page = String::new();
    writeln!(page, "# Metrics\n")?;
    writeln!(
        page,
        "Each replica serves these metrics at `/metrics` of its admin port. No label has other values than those"
    )?;
    writeln!(
        page,
        "listed. Counters with one label exist from the start, others from their first event on."
    )?;
    writeln!(page, "[Monitoring](../operate/monitoring.md) has alerts and a dashboard that use them.")?;
    for (title, prefix) in [("boundtoken", "boundtoken_"), ("The process", "process_")] {
        writeln!(page, "\n## {title}")?;
        for entry in METRICS.iter().filter(|entry| entry.name.starts_with(prefix)) {
            write_metric(&mut page, entry)?;
        }
    }
    writeln!(page, "\n## Audit annotations\n")?;
    writeln!(page, "The API server writes these annotations into its audit events, each with the prefix")?;
    writeln!(page, "`pods.boundtoken.dev/`.\n")?;
    writeln!(page, "| annotation | value |\n| --- | --- |")?;
    for (key, meaning) in AUDIT_ANNOTATIONS {
        writeln!(page, "| `{key}` | {meaning} |")?;
    }
    Ok(page)
}

fn write_metric(page: &mut String, entry: &MetricEntry) -> Result<(), Error> {
    let samples = entry.samples();
    let heading = if let [sample] = samples.as_slice() { sample } else { entry.name };
    writeln!(page, "\n### {heading}\n\n{}. {}.", capitalised(entry.kind.as_str()), entry.help)?;
    if samples.len() > 1 {
        writeln!(page, "The samples are `{}`.", samples.join("`, `"))?;
    }
    for (index, label) in entry.labels.iter().enumerate() {
        let values = (label.values)().join("`, `");
        let space = if index == 0 { "\n" } else { "" };
        writeln!(page, "{space}- `{}`, one of `{values}`. {}.", label.name, capitalised(label.meaning))?;
    }
    Ok(())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
