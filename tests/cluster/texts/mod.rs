//! Refusals and warnings as `kubectl` prints them, for every diagnostic code.

mod findings;
mod mistakes;
mod namespaces;
mod printed;
mod several;

use std::fmt::Write as _;
use std::sync::Arc;

use boundtoken::policy::diagnostics;
use serde_json::{Value, json};

use crate::pods::pod;
use crate::support::control_plane::ControlPlane;
use crate::support::test_install::{Settings, TestInstall};

pub(crate) use self::namespaces::namespaces_are_judged;
pub(crate) use self::printed::{Printed, kubectl};
pub(crate) use self::several::{
    dry_run_of_the_namespace, dry_run_of_the_server, more_than_are_listed, several_at_once, several_pods,
    warnings_as_errors,
};

/// A Pod in a Namespace of its own, and the expected code.
struct Case {
    /// The name of the Namespace.
    name: &'static str,
    code: &'static str,
    namespace: Settings<'static>,
    pod: Settings<'static>,
    /// Changes the Pod's spec as this case requires.
    change: fn(&mut Value),
}

/// Settings on the Pod alone.
const fn on_pod(name: &'static str, code: &'static str, pod: Settings<'static>) -> Case {
    on_both(name, code, &[], pod)
}

/// Settings on the Namespace alone.
const fn on_namespace(name: &'static str, code: &'static str, namespace: Settings<'static>) -> Case {
    on_both(name, code, namespace, &[])
}

const fn on_both(
    name: &'static str,
    code: &'static str,
    namespace: Settings<'static>,
    pod: Settings<'static>,
) -> Case {
    Case { name, code, namespace, pod, change: |_| () }
}

/// Whether only `preview`, from BT070 on, or `audit`, from BT100 on, reports a code. Their own tests have the texts.
fn is_of_a_command(code: &str) -> bool {
    code >= "BT070"
}

/// Every code of the webhook has a case, and so a reviewed text.
pub(crate) async fn every_code_has_a_text(_: Arc<ControlPlane>) {
    let cases = [mistakes::ON_PODS, mistakes::ON_NAMESPACES, findings::GUARDRAILS, findings::WARNINGS];
    let covered: Vec<&str> =
        cases.into_iter().flatten().map(|case| case.code).chain([namespaces::CODE]).collect();
    for diagnostic in diagnostics::all() {
        assert_ne!(
            covered.contains(&diagnostic.name),
            is_of_a_command(diagnostic.name),
            "{} {}",
            diagnostic.name,
            diagnostic.title
        );
    }
}

/// Violations in the annotations and the spec of a Pod.
pub(crate) async fn mistakes_on_pods(plane: Arc<ControlPlane>) {
    insta::assert_snapshot!(
        "mistakes_on_pods",
        of_cases(&plane, "mistakes-on-pods", mistakes::ON_PODS).await
    );
}

/// The same violations on the Namespace, and those that only a Namespace can have.
pub(crate) async fn mistakes_on_namespaces(plane: Arc<ControlPlane>) {
    let text = of_cases(&plane, "mistakes-on-namespaces", mistakes::ON_NAMESPACES).await;
    insta::assert_snapshot!("mistakes_on_namespaces", text);
}

/// Pods that the guardrails of their Namespace forbid.
pub(crate) async fn guardrails(plane: Arc<ControlPlane>) {
    insta::assert_snapshot!("guardrails", of_cases(&plane, "guardrails", findings::GUARDRAILS).await);
}

/// Pods that are admitted with a warning.
pub(crate) async fn warnings(plane: Arc<ControlPlane>) {
    insta::assert_snapshot!("warnings", of_cases(&plane, "warnings", findings::WARNINGS).await);
}

/// Creates the Pod of each case, and records the output of `kubectl`.
async fn of_cases(plane: &Arc<ControlPlane>, install: &str, cases: &[Case]) -> String {
    let namespaces: Vec<_> = cases.iter().map(|case| (case.name, case.namespace)).collect();
    let install = TestInstall::start(plane, install, &namespaces).await;
    let mut text = String::new();
    for case in cases {
        let printed = kubectl(&install.plane, "create -f -", &case.pod().to_string());
        printed.assert_readable();
        assert!(printed.stderr.contains(&format!("({})", case.code)), "{}: {printed}", case.name);
        let refused = !case.code.starts_with("BT05") && !case.code.starts_with("BT06");
        assert_eq!(printed.code, i32::from(refused), "{}: {printed}", case.name);
        writeln!(text, "{}\n{printed}", case.heading()).unwrap();
    }
    text
}

impl Case {
    fn pod(&self) -> Value {
        let mut pod = pod(self.name, "web", self.pod);
        pod["spec"] = json!({"containers": [{"name": "app", "image": "busybox"}]});
        (self.change)(&mut pod["spec"]);
        pod
    }

    /// The settings of this case, as a heading.
    fn heading(&self) -> String {
        let mut heading = format!("## {}\n", self.name);
        for (object, settings) in [("Namespace", self.namespace), ("Pod", self.pod)] {
            for (key, value) in settings {
                writeln!(heading, "{object} {key}: {value:?}").unwrap();
            }
        }
        heading.trim_end().to_owned()
    }
}
