//! Checks of the `caBundle` and of the owner of the configuration, which boundtoken writes at run time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::NAME;
use super::configuration::{configuration, webhook};
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, text};
use super::part::Part;
use super::renewal::{RESTART, Renewer};
use crate::certificates::Certificate;
use crate::certificates::pem::decode_certificates;
use crate::clock;

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "configuration-bundle",
        group: CheckGroup::Configuration,
        title: "the caBundle contains certificates",
        meaning: "Without them the API server cannot verify boundtoken, so it refuses each Pod in a labelled \
                  Namespace. boundtoken fills the caBundle within seconds, unless it does not run, lacks the \
                  rights, or the certificates are yours.",
        remedy: RESTART,
        field: "",
        needs: &[Part::Configurations],
        judge: bundle,
    },
    CheckEntry {
        id: "configuration-bundle-validity",
        group: CheckGroup::Configuration,
        title: "no certificate in the caBundle has expired",
        meaning: "The API server refuses a serving certificate whose CA has expired. boundtoken removes expired \
                  CAs; those that you manage, you renew.",
        remedy: RESTART,
        field: "",
        needs: &[Part::Configurations],
        judge: validity,
    },
    CheckEntry {
        id: "configuration-owner",
        group: CheckGroup::Configuration,
        title: "the configuration is deleted together with the Namespace",
        meaning: "Otherwise, if the Namespace is deleted, the configuration stays and refuses Pods in labelled \
                  Namespaces. It applies where boundtoken manages the certificates.",
        remedy: RESTART,
        field: "",
        needs: &[Part::Configurations, Part::Namespace, Part::Deployment],
        judge: owner,
    },
];

/// The certificates of the `caBundle`; `None` if one is damaged.
pub(super) fn certificates(installation: &Installation) -> Option<Vec<Certificate>> {
    let (_, webhook) = webhook(installation)?;
    let decoded = STANDARD.decode(text(webhook, "/clientConfig/caBundle")).ok()?;
    decode_certificates(&decoded)
}

fn bundle(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some((_, webhook)) = webhook(installation) else { return Vec::new() };
    let command = Renewer::of(installation).of_bundle();
    if text(webhook, "/clientConfig/caBundle").is_empty() {
        let outcome = CheckOutcome::error("caBundle is empty, so the API server does not trust boundtoken");
        return vec![outcome.with_command(command)];
    }
    vec![match certificates(installation) {
        None => CheckOutcome::error("caBundle is not base64 of PEM certificates").with_command(command),
        Some(certificates) if certificates.is_empty() => {
            CheckOutcome::error("caBundle contains no certificate").with_command(command)
        }
        Some(certificates) => CheckOutcome::ok().with_value(match certificates.len() {
            1 => "1 certificate".to_owned(),
            count => format!("{count} certificates"),
        }),
    }]
}

fn validity(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let certificates = certificates(installation).unwrap_or_default();
    let Some(last) = certificates.iter().map(|certificate| certificate.validity.not_after).max() else {
        return Vec::new();
    };
    let is_expired = |certificate: &&Certificate| certificate.validity.not_after <= installation.now;
    let expired: Vec<String> = certificates
        .iter()
        .filter(is_expired)
        .map(|certificate| clock::text(certificate.validity.not_after))
        .collect();
    if expired.is_empty() {
        return vec![CheckOutcome::ok().with_value(format!("until {}", clock::text(last)))];
    }
    let outcome = if expired.len() == certificates.len() {
        CheckOutcome::error("every certificate in the caBundle has expired")
    } else {
        CheckOutcome::warning("a certificate in the caBundle has expired")
    };
    vec![outcome.with_value(expired.join(", ")).with_command(Renewer::of(installation).of_bundle())]
}

fn owner(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let (Some(configuration), Some(namespace)) =
        (configuration(installation), installation.known(Part::Namespace))
    else {
        return Vec::new();
    };
    if Renewer::of(installation) != Renewer::Boundtoken {
        return Vec::new();
    }
    let uid = text(namespace, "/metadata/uid");
    let is_owner = |reference: &Value| text(reference, "/uid") == uid;
    let owners = items(configuration, "/metadata/ownerReferences");
    if owners.iter().any(is_owner) {
        return vec![CheckOutcome::ok().with_value(format!("Namespace {NAME}"))];
    }
    let names: Vec<&str> = owners.iter().map(|owner| text(owner, "/name")).collect();
    let sentence = format!("Namespace {NAME} does not own the configuration");
    vec![CheckOutcome::warning(sentence).with_value(names.join(", "))]
}
