//! The formats of the output.

use super::{CommandError, html, text};
use crate::audit::document::AuditDocument;
use crate::manifest::to_yaml;

/// The form of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum AuditFormat {
    /// A table
    Table,
    /// A table with more columns
    Wide,
    /// Everything as JSON, for other programs
    Json,
    /// Everything as YAML
    Yaml,
    /// The columns of wide as CSV
    Csv,
    /// A table in Markdown
    Markdown,
    /// One page for a browser, without anything from elsewhere
    Html,
    /// The names of the workloads: NAMESPACE/KIND/NAME
    Name,
}

/// The document in a format.
pub(super) fn render(format: AuditFormat, document: &AuditDocument) -> Result<String, CommandError> {
    Ok(match format {
        AuditFormat::Table => text::table(document, false),
        AuditFormat::Wide => text::table(document, true),
        AuditFormat::Json => serde_json::to_string_pretty(document)? + "\n",
        AuditFormat::Yaml => to_yaml(&serde_json::to_value(document)?)?,
        AuditFormat::Csv => text::csv(document),
        AuditFormat::Markdown => text::markdown(document),
        AuditFormat::Html => html::page(document),
        AuditFormat::Name => text::names(document),
    })
}
