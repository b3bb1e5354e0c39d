//! The shell commands that do what a verdict asks for.

use serde_json::json;

use crate::audit::inventory::WorkloadName;
use crate::audit::verdict::{Judgement, Verdict};
use crate::pod::token::Ttl;
use crate::policy::Mode;
use crate::policy::keys::{Key, OPT_IN_LABEL, OPT_IN_VALUE};
use crate::shell;

/// Kinds that `kubectl rollout restart` knows.
const RESTARTABLE: [&str; 3] = ["DaemonSet", "Deployment", "StatefulSet"];

/// The command that opts a Namespace in; `None` if no Namespace can have the name.
pub(super) fn label(namespace: &str) -> Option<String> {
    let command = format!("kubectl label namespace {} {OPT_IN_LABEL}={OPT_IN_VALUE}", shell::word(namespace));
    (!is_option(namespace)).then_some(command)
}

/// The commands for a workload: none where a person has to decide or to write code. The next run of a Job gets new
/// Pods by itself, and a Pod without a controller has to be created again from its manifest.
pub(super) fn of_workload(workload: &WorkloadName, judgement: &Judgement) -> Vec<String> {
    let command = match judgement.verdict {
        Verdict::Restart if RESTARTABLE.contains(&workload.kind.as_str()) => {
            let namespace = shell::word(&workload.namespace);
            reference(workload).map(|name| format!("kubectl -n {namespace} rollout restart {name}"))
        }
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
    let (namespace, patch) = (shell::word(&workload.namespace), shell::word(&patch));
    Some(format!("kubectl -n {namespace} patch {} --type merge -p {patch}", reference(workload)?))
}

/// A workload as `kubectl` takes it, such as `deployment/web`; `None` if that could be something else for it. The kind of
/// an owner that does not exist is any text.
fn reference(workload: &WorkloadName) -> Option<String> {
    let is_kind = workload.kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = format!("{}/{}", workload.kind.to_lowercase(), workload.name);
    (is_kind && !is_option(&workload.namespace)).then(|| shell::word(&name).into_owned())
}

/// Whether `kubectl` would take a name for an option. Quotes do not help, and no object of an API server has such a
/// name.
fn is_option(name: &str) -> bool {
    name.starts_with('-')
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
        let expected = r"kubectl label namespace 'a;b'\''c' boundtoken.dev/webhook=enabled";
        assert_eq!(label("a;b'c").as_deref(), Some(expected));
        let hostile = WorkloadName { name: "$(id)".to_owned(), ..workload("Rollout", "web") };
        let judgement = Judgement { verdict: Verdict::Disable, min_ttl: None, reasons: Vec::new() };
        let found = of_workload(&hostile, &judgement);
        assert!(
            found[0].starts_with("kubectl -n shop patch 'rollout/$(id)' --type merge -p '{"),
            "{found:?}"
        );
    }

    #[test]
    fn no_name_becomes_an_option() {
        assert_eq!(label("--all"), None);
        for kind in ["--filename=https://example.com", "-f", "a/b", "a,b"] {
            assert!(commands(kind, Verdict::Disable).is_empty(), "{kind}");
        }
        let hostile = WorkloadName { namespace: "--all".to_owned(), ..workload("Deployment", "web") };
        let judgement = Judgement { verdict: Verdict::Restart, min_ttl: None, reasons: Vec::new() };
        assert!(of_workload(&hostile, &judgement).is_empty());
    }
}
