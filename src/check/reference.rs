//! The reference page of all checks, rendered from their table.

use std::fmt::{Error, Write};

use super::entry::CheckGroup;
use super::table;

/// The path of the page in the repository.
pub const PAGE: &str = "docs/reference/checks.md";

/// The page.
///
/// # Errors
/// None in practice: writing to a `String` does not fail.
pub fn checks() -> Result<String, Error> {
    let mut page = String::new();
    writeln!(page, "# Checks\n")?;
    writeln!(
        page,
        "These are the checks of [`boundtoken check`](../operate/check.md). An id never changes its meaning."
    )?;
    writeln!(
        page,
        "The command of a finding is the one for its case, so it may differ from the one on this page.\n"
    )?;
    for group in CheckGroup::ALL {
        writeln!(page, "## {}\n", group.as_str())?;
        for entry in table::all().filter(|entry| entry.group == group) {
            writeln!(page, "### {}\n", entry.id)?;
            writeln!(page, "Passes if {}. {}\n", entry.title, entry.meaning)?;
            if !entry.needs.is_empty() {
                let rights: Vec<String> =
                    entry.needs.iter().map(|part| format!("`{}`", part.needs())).collect();
                writeln!(page, "- Needs the right to {}", rights.join(", "))?;
            }
            writeln!(page, "- Type: `{}`\n", entry.remedy)?;
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    Ok(page)
}
