//! Turns a change of the Secret into a patch: signs the certificates that the change asks for.

use serde_json::Value;

use super::action::{RetiredCas, SecretChange};
use super::secret::{SecretPatch, SecretSnapshot};
use crate::certificates::ca::{Ca, CaError};

/// Makes the JSON merge patch for a change. `memory` is what [`SecretChange::Restore`] writes back.
///
/// # Errors
/// When a certificate cannot be made, or the change needs a CA that is not in the Secret.
pub fn patch(
    change: &SecretChange,
    secret: &SecretSnapshot,
    memory: Option<&SecretSnapshot>,
) -> Result<Value, CaError> {
    let mut patch = SecretPatch::of(secret);
    let current = || secret.ca.as_ref().ok_or(CaError::Missing);
    match change {
        SecretChange::Create { ca, serving, retired } => {
            let ca = Ca::generate(*ca)?;
            patch.set_pair("ca", Some(&ca.pem));
            patch.set_pair("tls", Some(&ca.issue(&serving.names, serving.validity)?));
            patch.set_retired(retired);
        }
        SecretChange::Restore { retired } => {
            restore(&mut patch, memory.ok_or(CaError::Missing)?);
            patch.set_retired(retired);
        }
        SecretChange::Keep(retired) => patch.set_retired(retired),
        SecretChange::RenewCa(validity) => patch.set_pair("ca", Some(&current()?.renew(*validity)?.pem)),
        SecretChange::Issue(request) => {
            patch.set_pair("tls", Some(&current()?.issue(&request.names, request.validity)?));
        }
        SecretChange::Prepare { next, retired } => {
            patch.set_pair("next-ca", Some(&Ca::generate(*next)?.pem));
            patch.set_retired(retired);
            patch.remove_new_key_request();
        }
        SecretChange::Agree(agreement) => patch.set_agreement(agreement),
        SecretChange::Switch { serving, retired } => {
            let next = secret.next_ca.as_ref().ok_or(CaError::Missing)?;
            patch.set_pair("ca", Some(&next.pem));
            patch.set_pair("next-ca", None);
            patch.set_pair("tls", Some(&next.issue(&serving.names, serving.validity)?));
            patch.set_retired(retired);
        }
        SecretChange::Forget => patch.set_retired(&RetiredCas::default()),
    }
    Ok(patch.into_json())
}

fn restore(patch: &mut SecretPatch, memory: &SecretSnapshot) {
    patch.set_pair("ca", memory.ca.as_ref().map(|ca| &ca.pem));
    patch.set_pair("next-ca", memory.next_ca.as_ref().map(|ca| &ca.pem));
    patch.set_pair("tls", memory.serving.as_ref().map(|(pem, _)| pem));
}
