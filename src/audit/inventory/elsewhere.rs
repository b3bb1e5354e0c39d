//! Signs that a Pod shows its token to another service than the API server, which no audit log records.

use std::collections::BTreeSet;

use super::spec::TokenSpec;

/// Prefixes of annotations: the agents of Vault, `OpenBao` and Bank-Vaults, and workload identity of Azure.
const ANNOTATIONS: [&str; 4] =
    ["vault.hashicorp.com/", "openbao.org/", "vault.security.banzaicloud.io/", "azure.workload.identity/"];

/// Environment variables that name a token file for a cloud, or the address of a service that accepts tokens.
const VARIABLES: [&str; 9] = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "BAO_ADDR",
    "CONJUR_AUTHN_URL",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "SPIFFE_ENDPOINT_SOCKET",
    "VAULT_ADDR",
    "VAULT_ROLE",
];

/// The names of the annotations and environment variables of a Pod that are such signs.
pub fn signs_of_use_elsewhere<'a>(
    annotations: impl IntoIterator<Item = &'a str>,
    spec: &TokenSpec<'_>,
) -> BTreeSet<String> {
    let annotations = annotations.into_iter();
    let known = annotations.filter(|name| ANNOTATIONS.iter().any(|prefix| name.starts_with(prefix)));
    let mut signs: BTreeSet<String> = known.map(str::to_owned).collect();
    let variables = spec.all_containers().flat_map(|container| &container.env);
    let names = variables.map(|variable| variable.name.as_str()).filter(|name| VARIABLES.contains(name));
    signs.extend(names.map(str::to_owned));
    signs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_and_variables_of_known_services_are_signs() {
        let spec = json!({
            "initContainers": [{"name": "a", "env": [{"name": "VAULT_ADDR", "value": "x"}]}],
            "containers": [{"name": "b", "env": [{"name": "HOME"}, {"name": "AWS_ROLE_ARN"}]}],
        });
        let spec = spec.to_string();
        let spec: TokenSpec<'_> = serde_json::from_str(&spec).unwrap();
        let annotations = ["vault.hashicorp.com/agent-inject", "example.com/vault"];
        let expected = ["AWS_ROLE_ARN", "VAULT_ADDR", "vault.hashicorp.com/agent-inject"];
        let found = signs_of_use_elsewhere(annotations, &spec);
        assert!(found.iter().map(String::as_str).eq(expected), "{found:?}");
        assert!(signs_of_use_elsewhere([], &TokenSpec::default()).is_empty());
    }
}
