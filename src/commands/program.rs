//! The name that a user types: `boundtoken`, or `kubectl boundtoken` for the plugin.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::LazyLock;

/// The name of the program itself.
pub const NAME: &str = "boundtoken";

/// The name of the plugin.
pub const PLUGIN_NAME: &str = "kubectl boundtoken";

/// Whether kubectl started this process.
static IS_PLUGIN: LazyLock<bool> = LazyLock::new(|| is_plugin(std::env::args_os().next().as_ref()));

/// The name that the user of this process typed.
pub fn name() -> &'static str {
    if *IS_PLUGIN { PLUGIN_NAME } else { NAME }
}

/// Whether this is the path of a plugin, such as `kubectl-boundtoken`.
pub(super) fn is_plugin(path: Option<&OsString>) -> bool {
    path.and_then(|path| Path::new(path).file_stem().and_then(OsStr::to_str))
        .is_some_and(|name| name.starts_with("kubectl-") || name.starts_with("kubectl_"))
}

/// A text with the commands in it as the user of this process types them.
pub fn as_typed(text: &str) -> Cow<'_, str> {
    if *IS_PLUGIN { Cow::Owned(as_plugin(text)) } else { Cow::Borrowed(text) }
}

fn as_plugin(text: &str) -> String {
    text.replace("`boundtoken ", "`kubectl boundtoken ").replace("| boundtoken ", "| kubectl boundtoken ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_in_a_text_become_those_of_the_plugin() {
        let text = "boundtoken does not round; `boundtoken explain` and `x | boundtoken preview -f -` help";
        let typed = "boundtoken does not round; `kubectl boundtoken explain` and `x | kubectl boundtoken preview -f -` help";
        assert_eq!(as_plugin(text), typed);
    }
}
