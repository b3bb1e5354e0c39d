//! The table of diagnostic codes, from which messages, `explain` and the reference page derive.
//!
//! Each family of codes has a file; [`Code`] is made of all of them.

mod audit;
mod pods;
mod preview;
mod settings;

use std::fmt;

use crate::pod::token::ttl_range;
use audit::audit_rows;
use pods::pod_rows;
use preview::preview_rows;
use settings::setting_rows;

/// The consequence of a diagnostic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Refused with 403 `Forbidden`: a guardrail of the Namespace.
    Forbidden,
    /// Refused with 422 `Invalid`: an invalid setting.
    Invalid,
    /// Refused with 400 `BadRequest` before any webhook is called; `preview` reports it.
    Malformed,
    /// Allowed, with a warning.
    Warning,
    /// A note of `preview` about an assumption or a limit of its own.
    Note,
    /// `preview` cannot say what admission would do.
    Error,
    /// A reason for a verdict of `audit`.
    Reason,
}

impl Severity {
    /// Every severity, in the order of the reference page.
    pub const ALL: [Self; 7] = [
        Self::Invalid,
        Self::Forbidden,
        Self::Malformed,
        Self::Warning,
        Self::Error,
        Self::Note,
        Self::Reason,
    ];

    /// A heading for the diagnostics of this severity.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Forbidden => "Guardrails: refused with 403 Forbidden",
            Self::Invalid => "Invalid settings: refused with 422 Invalid",
            Self::Malformed => "Malformed manifests: refused with 400 BadRequest, without the webhook",
            Self::Warning => "Warnings: allowed",
            Self::Note => "Notes of preview",
            Self::Error => "Errors of preview: no result",
            Self::Reason => "Reasons of audit",
        }
    }
}

/// The explanation of a code.
#[derive(Debug)]
pub struct Diagnostic {
    /// The code.
    pub code: Code,
    /// The code as users see it, such as `BT001`.
    pub name: &'static str,
    /// The consequence.
    pub severity: Severity,
    /// A short description of the problem.
    pub title: &'static str,
    /// The meaning in full sentences.
    pub meaning: &'static str,
    /// How to fix the problem.
    pub remedy: &'static str,
}

/// Generates the enum and the table of codes from one row per code:
/// `NAME Severity Code "title" "meaning" "remedy"`. A meaning that is not a literal is in parentheses.
macro_rules! codes {
    ([] $($name:ident $severity:ident $code:ident $title:literal $meaning:tt $remedy:literal)*) => {
        /// A stable diagnostic code: it never changes its meaning.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $(#[doc = concat!(stringify!($name), ": ", $title, ".")] $code,)*
        }

        impl Code {
            /// Every code, in order.
            const ALL: &[Self] = &[$(Self::$code),*];

            /// The explanation of the code.
            pub fn diagnostic(self) -> &'static Diagnostic {
                match self {
                    $(Self::$code => &Diagnostic {
                        code: Self::$code,
                        name: stringify!($name),
                        severity: Severity::$severity,
                        title: $title,
                        meaning: $meaning,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

setting_rows! { [pod_rows preview_rows audit_rows codes] }

/// The address of the public repository in Cargo.toml; empty as long as there is none.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// The page with the explanation of every code, in the release of this build.
fn page(repository: &str) -> Option<String> {
    let version = env!("CARGO_PKG_VERSION");
    (!repository.is_empty()).then(|| format!("{repository}/blob/v{version}/docs/diagnostics.md"))
}

/// The explanation of every code, in order.
pub fn all() -> impl Iterator<Item = &'static Diagnostic> + Clone {
    Code::ALL.iter().map(|code| code.diagnostic())
}

/// The explanation of every code of the webhook, in order.
pub fn of_admission() -> impl Iterator<Item = &'static Diagnostic> + Clone {
    // The first code of `preview`.
    all().filter(|diagnostic| diagnostic.code < Code::NotText)
}

/// The explanation of every code of the webhook and of `preview`, in order.
pub fn of_pods() -> impl Iterator<Item = &'static Diagnostic> + Clone {
    all().filter(|diagnostic| diagnostic.severity != Severity::Reason)
}

impl Code {
    /// The code as users see it, such as `BT001`.
    pub fn name(self) -> &'static str {
        self.diagnostic().name
    }

    /// The consequence.
    pub fn severity(self) -> Severity {
        self.diagnostic().severity
    }

    /// The URL of the explanation of the code, if its page is public.
    pub fn help_url(self) -> Option<String> {
        Some(format!("{}#{}", page(REPOSITORY)?, self.name().to_lowercase()))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_links_name_a_page_of_the_repository_and_only_if_it_is_public() {
        assert_eq!(page(""), None);
        let page = page("https://git.example/boundtoken").unwrap();
        let path = page.strip_prefix("https://git.example/boundtoken/blob/").unwrap();
        let file = path.split_once('/').unwrap().1;
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for code in all() {
            assert!(text.contains(&format!("\n### {}\n", code.name)), "{}", code.name);
            assert_eq!(code.code.help_url().is_some(), !REPOSITORY.is_empty());
        }
    }
}
