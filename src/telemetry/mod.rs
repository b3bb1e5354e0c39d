//! Logs, metrics, and the text of errors in both.

mod age;
pub mod incident;
pub mod labels;
pub mod logs;
pub mod metrics;
mod process;
pub mod reference;
pub mod table;

use std::error::Error;

/// Longest text from an API server in an error, in characters.
const MAX_MESSAGE: usize = 300;

/// Cuts a text from an API server to the length that errors quote.
pub fn cut(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

/// Formats an error with its sources as one line. A source that the error itself names is not repeated.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    if let Some(kube::Error::Api(status)) = error.downcast_ref() {
        // Its Display repeats the whole response, twice.
        return format!(
            "the API server answered {} {}: {}",
            status.code,
            status.reason,
            cut(&status.message)
        );
    }
    if let Some(kube::Error::Service(source)) = error.downcast_ref() {
        return chain(source.as_ref());
    }
    let text = error.to_string();
    let Some(source) = error.source() else { return text };
    match text.strip_suffix(&source.to_string()).unwrap_or(&text).trim_end_matches([':', ' ']) {
        "" => chain(source),
        own => format!("{own}: {}", chain(source)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use kube::core::Status;
    use kube::runtime::watcher;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read the file")]
    struct Failed(#[source] io::Error);

    #[test]
    fn each_error_appears_once() {
        let error = || io::Error::other("no space");
        assert_eq!(chain(&Failed(error())), "failed to read the file: no space");
        let named = kube::Error::Service(Box::new(Failed(error())));
        assert_eq!(chain(&named), "failed to read the file: no space");
    }

    #[test]
    fn a_status_of_the_api_server_appears_once() {
        let status = Status::failure("secrets is forbidden", "Forbidden").with_code(403);
        let error = watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)));
        let expected = "failed to perform initial object list: the API server answered 403 Forbidden: secrets is forbidden";
        assert_eq!(chain(&error), expected);
    }
}
