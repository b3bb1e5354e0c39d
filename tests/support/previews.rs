//! What `boundtoken preview` prints.

use boundtoken::policy::Warning;
use boundtoken::policy::diagnostics;

/// A warning with its code as the API server passes it on: in at most 120 characters.
pub(crate) fn as_kubectl_shows(warning: &str) -> String {
    let (text, code) = warning.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")).unwrap();
    let diagnostic = diagnostics::all().find(|diagnostic| diagnostic.name == code).unwrap();
    Warning { code: diagnostic.code, key: None, origin: None, text: text.to_owned() }.fitted()
}
