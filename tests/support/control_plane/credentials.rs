//! The CA, keys and tokens of a control plane.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Config};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;

use super::api::Api;

/// Users as in `--token-auth-file`: name, groups.
const USERS: [(&str, &str); 4] = [
    ("admin", "system:masters"),
    ("system:kube-controller-manager", "system:authenticated"),
    ("system:kube-scheduler", "system:authenticated"),
    ("system:node:node", "system:nodes"),
];

/// Files for clients: the CA to trust, and their own credentials.
pub(super) struct Credentials {
    authority_der: Vec<u8>,
    authority_pem: String,
    /// One token for each of [`USERS`].
    tokens: [String; USERS.len()],
}

impl Credentials {
    /// Makes all keys and certificates, and writes them to files.
    pub(super) fn make(directory: &Path) -> Self {
        let file = |name: &str| directory.join(name);
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "kubernetes");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let names = ["localhost", "127.0.0.1", "10.96.0.1", "kubernetes", "kubernetes.default.svc"];
        let (leaf, key) = sign(&CertificateParams::new(names.map(str::to_owned)).unwrap(), &issuer);
        // The client certificate with which the API server calls kubelets.
        let (client, client_key) = sign(&CertificateParams::default(), &issuer);
        let signing = KeyPair::generate().unwrap();
        let tokens = USERS.map(|_| random());
        let lines = USERS.iter().zip(&tokens);
        let lines: Vec<_> =
            lines.map(|((user, groups), token)| format!("{token},{user},{user},{groups}")).collect();
        for (name, text) in [
            ("ca.crt", certificate.pem()),
            ("server.crt", leaf),
            ("server.key", key),
            ("kubelet-client.crt", client),
            ("kubelet-client.key", client_key),
            ("service-account.key", signing.serialize_pem()),
            ("service-account.pub", signing.public_key_pem()),
            ("tokens.csv", lines.join("\n")),
        ] {
            std::fs::write(file(name), text).unwrap();
        }
        Self { authority_der: certificate.der().to_vec(), authority_pem: certificate.pem(), tokens }
    }

    /// A client of the API with the rights of the administrator.
    pub(super) fn api(&self, address: SocketAddr) -> Api {
        let mut config = Config::new(format!("https://{address}").parse().unwrap());
        config.root_cert = Some(vec![self.authority_der.clone()]);
        config.auth_info = AuthInfo { token: Some(self.tokens[0].clone().into()), ..AuthInfo::default() };
        Api::new(kube::Client::try_from(config).unwrap())
    }

    /// Writes a kubeconfig per user: `admin.kubeconfig`, `controller-manager.kubeconfig`, `node.kubeconfig`,
    /// `scheduler.kubeconfig`.
    pub(super) fn write_kubeconfigs(&self, directory: &Path, address: SocketAddr) {
        for ((user, _), token) in USERS.iter().zip(&self.tokens) {
            let config = json!({
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "it", "cluster": {
                    "server": format!("https://{address}"),
                    "certificate-authority-data": base64(&self.authority_pem),
                }}],
                "users": [{"name": "it", "user": {"token": token}}],
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "current-context": "it",
            });
            std::fs::write(path_of(directory, user), config.to_string()).unwrap();
        }
    }
}

fn path_of(directory: &Path, user: &str) -> PathBuf {
    let name = user.rsplit(':').next().unwrap().trim_start_matches("kube-");
    directory.join(format!("{name}.kubeconfig"))
}

/// A certificate and its key, as PEM.
fn sign(parameters: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (parameters.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

fn random() -> String {
    base64(&KeyPair::generate().unwrap().serialize_pem())
}

fn base64(text: &str) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text)
}
