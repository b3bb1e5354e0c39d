//! JSON output in which no value acts as a command of a pipeline.

use std::io;

use serde::Serialize;

/// A value as JSON on one line.
pub(super) fn compact(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(without_commands(&serde_json::to_string(value)?))
}

/// A value as indented JSON.
pub(super) fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(without_commands(&serde_json::to_string_pretty(value)?))
}

/// Writes a value as JSON on one line.
pub(super) fn write(value: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    out.write_all(compact(value)?.as_bytes())
}

/// Escapes `##`, the start of the commands that runners find anywhere in a line: `##[NAME]` in GitHub Actions,
/// `##vso[NAME]` in Azure Pipelines. It occurs only within strings, where `\u0023` means the same.
fn without_commands(json: &str) -> String {
    json.replace("##", "#\\u0023")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_has_the_same_value() {
        for text in ["##[group]a", "###vso[b]", "\\##", "a#"] {
            let json = compact(&text).unwrap();
            assert!(!json.contains("##"), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
