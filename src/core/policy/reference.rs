//! The reference pages of the documentation, rendered from the tables.

use std::fmt::{Error, Write};

use super::diagnostics::{self, Severity};
use super::keys::{self, OPT_IN_LABEL, OPT_IN_VALUE, Scope};

/// `docs/annotations.md`.
///
/// # Errors
/// None in practice: writing to a `String` does not fail.
pub fn annotations() -> Result<String, Error> {
    let mut page = String::new();
    writeln!(page, "# Annotations\n")?;
    writeln!(
        page,
        "The label `{OPT_IN_LABEL}: {OPT_IN_VALUE}` on a Namespace opts in. Annotations on the Namespace are"
    )?;
    writeln!(
        page,
        "defaults; the same annotations on a Pod, or on a Pod template, override them key by key."
    )?;
    writeln!(
        page,
        "White space around a value is ignored. In YAML put plain numbers and booleans in quotes.\n"
    )?;
    writeln!(
        page,
        "This page is rendered from the table that the parser uses; `boundtoken explain` prints the same.\n"
    )?;
    for (scope, title) in
        [(Scope::NamespaceAndPod, "On Namespaces and Pods"), (Scope::Namespace, "On Namespaces only")]
    {
        writeln!(page, "## {title}\n")?;
        for entry in keys::all().filter(|entry| entry.scope == scope) {
            writeln!(page, "### `{}`\n", entry.name)?;
            writeln!(page, "{}\n", entry.meaning)?;
            writeln!(page, "- Value: {}", entry.value())?;
            writeln!(page, "- Default: {}", entry.default)?;
            writeln!(page, "- Example: `{}: {}`\n", entry.name, yaml_string(entry.example))?;
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    Ok(page)
}

/// `docs/diagnostics.md`.
///
/// # Errors
/// None in practice: writing to a `String` does not fail.
pub fn diagnostics() -> Result<String, Error> {
    let mut page = String::new();
    writeln!(page, "# Diagnostics\n")?;
    writeln!(
        page,
        "Every refusal, warning, finding of `preview` and reason of `audit` has one of these codes. A code never"
    )?;
    writeln!(page, "changes its meaning. `boundtoken explain BT003` prints the same in a terminal.\n")?;
    for severity in Severity::ALL {
        writeln!(page, "## {}\n", severity.heading())?;
        for diagnostic in diagnostics::all().filter(|diagnostic| diagnostic.severity == severity) {
            writeln!(page, "### {}\n", diagnostic.name)?;
            writeln!(
                page,
                "**{}.** {} {}\n",
                capitalised(diagnostic.title),
                diagnostic.meaning,
                diagnostic.remedy
            )?;
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    Ok(page)
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + characters.as_str())
        .unwrap_or_default()
}

/// Formats a text as a YAML string that every parser reads as a string.
fn yaml_string(text: &str) -> String {
    format!("\"{text}\"")
}
