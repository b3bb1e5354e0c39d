//! The Namespace `shop` of the pages, and a terminal in which their blocks are run.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{SHOP, Settings, TestInstall};

/// The Namespace and a webhook for it.
pub(crate) struct Shop {
    pub(crate) install: TestInstall,
    pub(crate) terminal: Terminal,
    /// Held until the webhook has stopped.
    _alone: MutexGuard<'static, ()>,
}

impl Shop {
    /// Recreates the Namespace, with the label and these settings.
    pub(crate) async fn open(plane: &Arc<ControlPlane>, settings: Settings<'_>) -> Self {
        let alone = alone(plane).await;
        let install = TestInstall::start(plane, SHOP, &[(SHOP, settings)]).await;
        Self { install, terminal: Terminal::of(plane), _alone: alone }
    }

    /// Stops the webhook while `meanwhile` runs.
    pub(crate) async fn without_webhook(self, meanwhile: impl AsyncFnOnce(&Terminal)) -> Self {
        let install = self.install.without_webhook(async || meanwhile(&self.terminal).await).await;
        Self { install, ..self }
    }
}

/// The objects that are named as in the pages or as in an install.
const NAMED: [&str; 11] = [
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/boundtoken",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/boundtoken-guard",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/boundtoken-guard-namespaces",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/boundtoken-guard",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/boundtoken-guard-namespaces",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/boundtoken",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/boundtoken",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/boundtoken-namespacesettings",
    "/api/v1/namespaces/boundtoken",
    "/api/v1/namespaces/shop",
    "/api/v1/namespaces/shop-guard",
];

/// Gives one test at a time the use of these names, after the objects of the previous test are deleted.
pub(crate) async fn alone(plane: &ControlPlane) -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    for path in NAMED {
        plane.api.delete(path).await;
    }
    for path in NAMED {
        eventually("nothing left", async || plane.api.gone(path).await).await;
    }
    alone
}

/// The terminal of a user with `kubectl`, in a clone of the repository after `make build`.
pub(crate) struct Terminal {
    directory: PathBuf,
    kubeconfig: PathBuf,
    path: String,
}

impl Terminal {
    pub(crate) fn of(plane: &ControlPlane) -> Self {
        let directory = plane.subdirectory();
        std::fs::create_dir_all(directory.join("target/release")).unwrap();
        symlink(env!("CARGO_BIN_EXE_boundtoken"), directory.join("target/release/boundtoken")).unwrap();
        let path = format!("{}:{}", plane.programs().display(), std::env::var("PATH").unwrap());
        Self { directory, kubeconfig: plane.kubeconfig(), path }
    }

    /// The working directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file into the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    /// Runs commands, all of which must succeed, and returns their stdout.
    pub(crate) fn type_in(&self, script: &str) -> String {
        let output = self.try_in(script);
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs commands until one fails.
    pub(crate) fn try_in(&self, script: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", script]).current_dir(&self.directory).env("PATH", &self.path);
        shell.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", self.directory.join("cache"));
        shell.env("NO_COLOR", "1").output().unwrap()
    }
}
