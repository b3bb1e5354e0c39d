//! `--fail-on`: the results with which `boundtoken preview` ends with exit code 1.

use super::output::Format;
use super::report::Level;
use crate::commands::Exit;

/// The results that give exit code 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum FailOn {
    /// None
    Never,
    /// A Pod that would change, a warning or a refusal
    Change,
    /// A warning or a refusal
    Warning,
    /// A refusal
    Refused,
}

impl FailOn {
    /// The default of an output format: `change` for diffs, names, summaries and patches, `refused` for documents, and
    /// `warning` for findings, which do not include changes.
    pub(super) fn default_of(format: Format) -> Self {
        match format {
            Format::Diff | Format::Name | Format::Patch | Format::Summary => Self::Change,
            Format::Json | Format::Yaml => Self::Refused,
            Format::Findings | Format::Github | Format::Junit | Format::Sarif => Self::Warning,
        }
    }

    /// Whether a finding of this severity fails.
    pub(super) fn fails(self, level: Level) -> bool {
        level
            >= match self {
                Self::Never => Level::Error,
                Self::Change | Self::Warning => Level::Warning,
                Self::Refused => Level::Refused,
            }
    }

    /// The result of the command. An object that cannot be previewed is a failure in any case.
    pub(super) fn exit(self, worst: Option<Level>, has_changes: bool) -> Exit {
        match worst {
            Some(Level::Error) => Exit::Failed,
            Some(level) if self.fails(level) => Exit::Found,
            _ if self == Self::Change && has_changes => Exit::Found,
            _ => Exit::Done,
        }
    }
}
