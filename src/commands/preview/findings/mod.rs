//! The findings for machines: one file per format.

mod github;
mod json;
mod junit;
mod sarif;
mod schema;

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::fail_on::FailOn;
use super::json as json_text;
use super::output::{Format, PodCounts};
use super::report::Report;
use crate::commands::program;
use crate::policy::diagnostics::Code;

pub use self::schema::schema;

/// The findings of a run, and what the formats show beside them.
pub(super) struct RunFindings<'r> {
    /// The findings.
    pub(super) report: &'r Report,
    /// The names of the files, in the order of the input.
    pub(super) files: Vec<Arc<str>>,
    /// The results of the Pods.
    pub(super) pods: PodCounts,
    /// The findings that fail.
    pub(super) fail_on: FailOn,
}

impl RunFindings<'_> {
    /// Writes the findings in a format; nothing in the formats that show no findings.
    pub(super) fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Findings => json::write(self, out)?,
            Format::Github => github::write(self, out)?,
            Format::Junit => junit::write(self, out)?,
            Format::Sarif => sarif::write(self, out)?,
            Format::Diff | Format::Json | Format::Name | Format::Patch | Format::Summary | Format::Yaml => {}
        }
        out.flush()
    }
}

/// Writes a JSON list with one item per line. The items are written one by one, since there may be as many as
/// workloads.
fn write_list(items: impl Iterator<Item = impl Serialize>, out: &mut dyn Write) -> io::Result<()> {
    let mut separator = "[\n";
    for item in items {
        out.write_all(separator.as_bytes())?;
        json_text::write(&item, out)?;
        separator = ",\n";
    }
    out.write_all(if separator == "[\n" { b"[]" } else { b"\n]" })
}

/// Where a code is explained: its page, or the command that prints the same.
fn help(code: Code) -> String {
    code.help_url().unwrap_or_else(|| format!("{} explain {code}", program::name()))
}

/// The path of a file without `./` at its start. Systems that show findings in a repository compare paths with
/// their own, which have none.
fn path(file: &str) -> &str {
    let mut path = file;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_loses_only_dots_at_its_start() {
        for (file, expected) in
            [("./a/./b", "a/./b"), (".//./a", "a"), (".a", ".a"), ("../a", "../a"), ("/a", "/a")]
        {
            assert_eq!(path(file), expected);
        }
    }
}
