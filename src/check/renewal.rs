//! What renews the certificates of an installation, and the commands that renew what has expired or does not match.

use super::configuration::configuration;
use super::installation::{Installation, items, text};
use super::part::Part;

/// Makes boundtoken write what it manages.
pub(super) const RESTART: &str = "kubectl -n boundtoken rollout restart deployment boundtoken";

/// The variable with which boundtoken manages its certificates in a Secret.
const MANAGED: &str = "BOUNDTOKEN_TLS_SECRET";

/// The annotation by which cert-manager writes the `caBundle`, as in `manifests/cert-manager`.
const INJECTED: &str = "/metadata/annotations/cert-manager.io~1inject-ca-from";

/// Shows why cert-manager does not renew.
const CERT_MANAGER: &str =
    "kubectl -n boundtoken describe certificates.cert-manager.io,certificaterequests.cert-manager.io";

/// Renews what is due in the directory of the CA, as docs/roll-out/own-certificates.md does.
const SERVING: &str = "boundtoken certs --tls-dir tls --tls-dns boundtoken.boundtoken.svc && \
    kubectl -n boundtoken create secret tls boundtoken-tls --cert tls/tls.crt --key tls/tls.key \
    --dry-run=client -o yaml | kubectl apply -f -";

/// Writes the CA into the configuration, as docs/roll-out/own-certificates.md does.
const BUNDLE: &str = "kubectl patch mutatingwebhookconfiguration boundtoken --type=json -p \
    '[{\"op\": \"add\", \"path\": \"/webhooks/0/clientConfig/caBundle\", \"value\": \"'$(base64 -w0 <tls/ca.crt)'\"}]'";

/// The program or the person that renews the certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewer {
    /// boundtoken, by default.
    Boundtoken,
    /// cert-manager.
    CertManager,
    /// The user, with files in a directory `tls`.
    User,
}

impl Renewer {
    /// The renewer of the certificates of an installation: boundtoken, if its Deployment is not known.
    pub(super) fn of(installation: &Installation) -> Self {
        let is_injected =
            configuration(installation).is_some_and(|webhooks| !text(webhooks, INJECTED).is_empty());
        let is_managed = installation.known(Part::Deployment).is_none_or(|deployment| {
            let containers = items(deployment, "/spec/template/spec/containers");
            let mut variables = containers.iter().flat_map(|container| items(container, "/env"));
            variables.any(|variable| text(variable, "/name") == MANAGED)
        });
        match (is_managed, is_injected) {
            (true, _) => Self::Boundtoken,
            (false, true) => Self::CertManager,
            (false, false) => Self::User,
        }
    }

    /// The command that renews serving certificates.
    pub(super) const fn of_serving(self) -> &'static str {
        self.command(SERVING)
    }

    /// The command that renews the `caBundle`.
    pub(super) const fn of_bundle(self) -> &'static str {
        self.command(BUNDLE)
    }

    const fn command(self, of_user: &'static str) -> &'static str {
        match self {
            Self::Boundtoken => RESTART,
            Self::CertManager => CERT_MANAGER,
            Self::User => of_user,
        }
    }
}
