//! Parsers for the values of flags that several commands have.

use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::rfc1123::{MAX_LABEL, is_label};

/// Parses the name of a Namespace.
///
/// # Errors
/// When no Namespace can have the name.
pub(super) fn namespace(name: &str) -> Result<String, String> {
    if is_label(name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "not a valid name of a Namespace: must be up to {MAX_LABEL} lower case letters, digits and \"-\""
    ))
}

/// Parses a file, a directory or `-`. The flag has to allow hyphens at the start of its value: with commas between
/// them, `-,FILE` are two inputs. Another text with a hyphen at its start is a flag in the place of a value.
pub(super) fn input() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        let is_flag = path.as_os_str().as_encoded_bytes().starts_with(b"-") && path != Path::new("-");
        if is_flag {
            Err(format!("a flag, not a file; a file of this name is ./{}", path.display()))
        } else {
            Ok(path)
        }
    })
}
