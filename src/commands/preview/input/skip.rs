//! The files of a directory that are not manifests.

use std::fmt;

use crate::manifest::{self, Document};

/// The reason for which a file is skipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Skip {
    /// A file of a Helm chart that its templates use.
    Chart,
    /// A file of a kustomization that its objects use.
    Kustomization,
    /// A template, which becomes a manifest when it is rendered.
    Template,
    /// YAML or JSON without `kind` and `apiVersion`.
    NoObject,
    /// Neither YAML nor JSON, and not meant to be a manifest.
    NoYaml,
}

impl Skip {
    /// Whether the file is part of a chart or kustomization, about which there is a note.
    pub(super) fn is_of_package(self) -> bool {
        matches!(self, Self::Chart | Self::Kustomization)
    }

    /// Checks a text that is neither YAML nor JSON.
    ///
    /// # Errors
    /// When it is not meant to be a manifest.
    pub(super) fn of_text(text: &str) -> Result<(), Self> {
        let has_field = |field: &str| {
            text.lines().any(|line| {
                let line = line.trim_start_matches(['{', '-', ' ', '\t', '"', '\'']);
                line.strip_prefix(field)
                    .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
            })
        };
        if text.lines().any(is_template) {
            Err(Self::Template)
        } else if has_field("apiVersion") && has_field("kind") {
            Ok(())
        } else {
            Err(Self::NoYaml)
        }
    }

    /// Checks the documents of a file.
    ///
    /// # Errors
    /// When none of them is meant to be an object.
    pub(super) fn of_documents(documents: &[Document]) -> Result<(), Self> {
        if documents.iter().any(manifest::is_object) { Ok(()) } else { Err(Self::NoObject) }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Chart => "part of a Helm chart",
            Self::Kustomization => "part of a kustomization",
            Self::Template => "a template",
            Self::NoObject => "no kind and apiVersion",
            Self::NoYaml => "neither YAML nor JSON",
        })
    }
}

/// Whether a line has the start of a template (`{{`) outside of quotes and comments. Workflows have it within quotes.
fn is_template(line: &str) -> bool {
    let Some((before, _)) = line.split_once("{{") else { return false };
    let is_closed = |quote| before.matches(quote).count() % 2 == 0;
    is_closed('"') && is_closed('\'') && !before.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_yaml_may_be_meant_as_a_manifest() {
        for (text, expected) in [
            ("apiVersion: v1\nkind: Pod\n a: b\n", Ok(())),
            ("{\"apiVersion\": \"v1\",\n \"kind\" \"Pod\",\n\"kind\": 1 2}", Ok(())),
            ("apiVersion: v1\nkind: Pod\ndata: '{{ x }}'\n a: b # {{\n", Ok(())),
            ("apiVersion: v1\nkind: Pod\nmetadata: {{ x }}\n", Err(Skip::Template)),
            ("{{- if .Values.a }}\nkind: Pod\n{{- end }}\n", Err(Skip::Template)),
            ("a: b: c\n", Err(Skip::NoYaml)),
            ("kind: b: c\n", Err(Skip::NoYaml)),
        ] {
            assert_eq!(Skip::of_text(text), expected, "{text}");
        }
    }
}
