//! The examples at the end of each `--help`, in the form of kubectl.

use std::fmt::Write as _;

use clap::builder::StyledStr;

use super::program;

/// An example: what it is for, and the command.
type Example = (&'static str, &'static str);

/// The examples of each command, with `boundtoken` as the name of the program.
const EXAMPLES: [(&str, &[Example]); 8] = [
    (
        "audit",
        &[
            ("The tokens that the Pods of a cluster hold", "boundtoken audit"),
            ("The same with the evidence of an audit log", "boundtoken audit --audit-log audit.log"),
            ("The rights that an audit needs", "boundtoken audit --print-rbac"),
            (
                "Save what is read, and work on it without the cluster",
                "boundtoken audit --save cluster.json && \\\n      boundtoken audit --from cluster.json -o json",
            ),
            ("One page to share", "boundtoken audit --audit-log audit.log -o html >audit.html"),
        ],
    ),
    (
        "certs",
        &[
            ("Certificates for Service and Namespace boundtoken, in ./boundtoken-tls", "boundtoken certs"),
            (
                "Certificates for a webhook outside the cluster, in ./tls",
                "boundtoken certs --tls-dir tls --tls-dns webhook.example.com,192.0.2.1",
            ),
        ],
    ),
    (
        "check",
        &[
            ("The health of the installation, and what to type", "boundtoken check"),
            ("After an install, wait until all is well", "boundtoken check --wait 2m --fail-on warning"),
            ("Only what is found, for a script", "boundtoken check -o short"),
        ],
    ),
    (
        "completions",
        &[
            (
                "Completion in this bash; for every new one, add the line to ~/.bashrc",
                "source <(boundtoken completions bash)",
            ),
            (
                "Completion of the plugin; the file must be executable and on the PATH",
                "boundtoken completions kubectl >kubectl_complete-boundtoken",
            ),
        ],
    ),
    (
        "explain",
        &[
            ("Every key and code", "boundtoken explain"),
            ("A key, with or without prefix", "boundtoken explain ttl"),
            ("A code from a message", "boundtoken explain BT004"),
            ("Whether a value is valid", "boundtoken explain ttl=90m"),
        ],
    ),
    (
        "preview",
        &[
            ("What would change in the Pods of a file", "boundtoken preview -f deployment.yaml"),
            ("The same for a rendered chart", "helm template shop ./chart | boundtoken preview -f - -n shop"),
            (
                "Try a setting, with the Namespace as it is in the cluster",
                "kubectl get namespace shop -o yaml | \\\n      boundtoken preview -f - -f deployment.yaml -n shop \\\n      --annotate boundtoken.dev/mode=disable",
            ),
            (
                "Fail a pipeline on warnings and refusals, with findings for code scanning",
                "boundtoken preview -R -f deploy -o sarif --fail-on warning",
            ),
            (
                "Apply the Pods as they would result",
                "boundtoken preview -f pod.yaml -o yaml | kubectl apply -f -",
            ),
        ],
    ),
    (
        "serve",
        &[
            (
                "Serve the Namespaces of a file, with a certificate in ./boundtoken-tls",
                "boundtoken serve --namespaces namespaces.yaml",
            ),
            (
                "Watch the Namespaces of a cluster, with a certificate of your own",
                "boundtoken serve --kubeconfig ~/.kube/config \\\n      --tls-cert tls.crt --tls-key tls.key",
            ),
        ],
    ),
    ("version", &[("The version and the commit of this build", "boundtoken version")]),
];

/// Adds the examples of a command to its help. A command without examples stays as it is.
pub(super) fn with_examples(command: clap::Command) -> clap::Command {
    let Some((_, examples)) = EXAMPLES.iter().find(|(name, _)| *name == command.get_name()) else {
        return command;
    };
    let called = format!("{} ", program::name());
    let header = *command.get_styles().get_header();
    let mut text = StyledStr::new();
    // Writing to a StyledStr cannot fail.
    let _ = write!(text, "{header}Examples:{header:#}");
    for (purpose, example) in *examples {
        let _ = write!(text, "\n  # {purpose}\n  {}\n", example.replace("boundtoken ", &called));
    }
    command.after_help(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parse;

    #[test]
    fn examples_are_valid_command_lines() {
        for (_, example) in EXAMPLES.iter().flat_map(|(_, examples)| *examples) {
            let example = example.replace("\\\n", " ");
            let calls = example.split(['|', '&', '(', ')', '>']).map(str::trim);
            let mut found = 0;
            for call in calls.filter(|call| call.starts_with("boundtoken ")) {
                let words = call.split_whitespace().map(Into::into).collect();
                assert!(parse(words).is_ok(), "{call}");
                found += 1;
            }
            assert_ne!(found, 0, "{example}");
        }
    }
    #[test]
    fn lines_of_examples_fit_a_terminal_of_80_columns() {
        for (purpose, example) in EXAMPLES.iter().flat_map(|(_, examples)| *examples) {
            let as_plugin = format!("  {}", example.replace("boundtoken ", "kubectl boundtoken "));
            for line in as_plugin.lines().chain([&*format!("  # {purpose}")]) {
                assert!(line.len() <= 80, "{} {line}", line.len());
            }
        }
    }
}
