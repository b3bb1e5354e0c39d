//! The shell commands that do what a verdict asks for.

use serde_json::json;

use crate::audit::inventory::WorkloadName;
use crate::audit::verdict::{Judgement, Verdict};
use crate::pod::token::Ttl;
use crate::policy::Mode;
use crate::policy::keys::{Key, OPT_IN_LABEL, OPT_IN_VALUE};

/// Kinds that `kubectl rollout restart` knows.
const RESTARTABLE: [&str; 3] = ["DaemonSet", "Deployment", "StatefulSet"];

/// The command that opts a Namespace in.
pub(super) fn label(namespace: &str) -> String {
    format!("kubectl label namespace {} {OPT_IN_LABEL}={OPT_IN_VALUE}", quoted(namespace))
}

/// The commands for a workload: none where a person has to decide or to write code. The next run of a Job gets new
/// Pods by itself, and a Pod without a controller has to be created again from its manifest.
pub(super) fn of_workload(workload: &WorkloadName, judgement: &Judgement) -> Vec<String> {
    let command = match judgement.verdict {
        Verdict::Restart if RESTARTABLE.contains(&workload.kind.as_str()) => Some(format!(
            "kubectl -n {} rollout restart {}",
            quoted(&workload.namespace),
            reference(workload)
        )),
        Verdict::ReplaceFrom => {
            let ttl = judgement.min_ttl.and_then(|ttl| Ttl::from_seconds(u64::try_from(ttl).ok()?));
            ttl.and_then(|ttl| annotate(workload, Key::Ttl, &ttl.to_string()))
        }
        Verdict::Disable => annotate(workload, Key::Mode, Mode::Disable.as_str()),
        _ => None,
    };
    command.into_iter().collect()
}

/// The command that sets an annotation of the Pod template; `None` for Pods, which have none.
fn annotate(workload: &WorkloadName, key: Key, value: &str) -> Option<String> {
    let template = json!({"template": {"metadata": {"annotations": {key.name(): value}}}});
    let spec = match workload.kind.as_str() {
        // The template of a Job cannot be changed.
        "Pod" | "Job" => return None,
        "CronJob" => json!({"jobTemplate": {"spec": template}}),
        _ => template,
    };
    let patch = json!({"spec": spec}).to_string();
    Some(format!(
        "kubectl -n {} patch {} --type merge -p {}",
        quoted(&workload.namespace),
        reference(workload),
        quoted(&patch)
    ))
}

/// A workload as `kubectl` takes it, such as `deployment/web`.
fn reference(workload: &WorkloadName) -> String {
    quoted(&format!("{}/{}", workload.kind.to_lowercase(), workload.name))
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_');
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::workload;

    fn commands(kind: &str, verdict: Verdict) -> Vec<String> {
        let min_ttl = (verdict == Verdict::ReplaceFrom).then_some(22 * 3600);
        of_workload(&workload(kind, "web"), &Judgement { verdict, min_ttl, reasons: Vec::new() })
    }

    #[test]
    fn each_verdict_with_an_action_has_a_command() {
        for (kind, verdict, expected) in [
            ("Deployment", Verdict::Restart, "kubectl -n shop rollout restart deployment/web"),
            (
                "StatefulSet",
                Verdict::ReplaceFrom,
                r#"kubectl -n shop patch statefulset/web --type merge -p '{"spec":{"template":{"metadata":{"annotations":{"boundtoken.dev/ttl":"22h"}}}}}'"#,
            ),
            (
                "CronJob",
                Verdict::Disable,
                r#"kubectl -n shop patch cronjob/web --type merge -p '{"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"annotations":{"boundtoken.dev/mode":"disable"}}}}}}}'"#,
            ),
        ] {
            assert_eq!(commands(kind, verdict), [expected]);
        }
    }

    #[test]
    fn other_verdicts_and_kinds_have_none() {
        for (kind, verdict) in [
            ("Deployment", Verdict::FixFirst),
            ("Deployment", Verdict::Unknown),
            ("Deployment", Verdict::Replace),
            ("Deployment", Verdict::Done),
            ("CronJob", Verdict::Restart),
            ("Pod", Verdict::Disable),
            ("Job", Verdict::Disable),
        ] {
            assert!(commands(kind, verdict).is_empty(), "{kind} {verdict:?}");
        }
    }

    #[test]
    fn hostile_names_are_quoted() {
        assert_eq!(label("a;b'c"), r"kubectl label namespace 'a;b'\''c' boundtoken.dev/webhook=enabled");
    }
}
