//! Flags of kubectl before the name of a command, as in `kubectl boundtoken -n shop preview -f FILE`.

use std::ffi::OsString;

/// The flags with a value that commands have in common with kubectl, which accepts them anywhere.
const FLAGS: [&str; 4] = ["-n", "--namespace", "--context", "--kubeconfig"];

/// Moves these flags from before the name of the command, where no command is known yet, to behind it. The first
/// argument is the name of the program.
pub(super) fn moved(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut rest = arguments.into_iter();
    let mut front: Vec<OsString> = rest.next().into_iter().collect();
    let mut moved = Vec::new();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        let takes_next = FLAGS.contains(&text);
        let is_command = !text.starts_with('-');
        if has_value(text) {
            moved.push(argument);
        } else if takes_next {
            moved.push(argument);
            moved.extend(rest.next());
        } else if text == "--color" {
            front.push(argument);
            front.extend(rest.next());
        } else {
            front.push(argument);
        }
        if is_command {
            break;
        }
    }
    front.into_iter().chain(moved).chain(rest).collect()
}

/// Whether an argument is one of the flags with its value, such as `--namespace=shop` or `-nshop`.
fn has_value(argument: &str) -> bool {
    let value = |flag: &&str| argument.strip_prefix(*flag).filter(|rest| !rest.is_empty());
    FLAGS.iter().any(|flag| value(flag).is_some_and(|rest| !flag.starts_with("--") || rest.starts_with('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_kubectl_move_behind_the_command() {
        for (typed, expected) in [
            ("b -n shop preview -f a", "b preview -n shop -f a"),
            ("b -nshop --context=dev audit", "b audit -nshop --context=dev"),
            (
                "b --color never --kubeconfig a --namespace=b check",
                "b --color never check --kubeconfig a --namespace=b",
            ),
            ("b preview -n shop", "b preview -n shop"),
            ("b --namespaces a serve", "b --namespaces a serve"),
            ("b -n shop", "b -n shop"),
            ("b -n", "b -n"),
            ("b --version", "b --version"),
            ("b", "b"),
        ] {
            let words = typed.split(' ').map(OsString::from).collect();
            let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(moved(words), expected, "{typed}");
        }
    }
}
