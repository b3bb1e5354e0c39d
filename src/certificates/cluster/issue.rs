//! Carries out a change of the Secret: makes the certificates that it needs, and the patch.

use serde_json::Value;

use super::action::{Change, Old, Request};
use super::secret::{Patch, Stored};
use super::state::Validity;
use crate::certificates::authority::{
    AuthorityError, Pem, issue_valid, new_authority_valid, renew_authority,
};

/// Makes the JSON merge patch for a change. `memory` is what [`Change::Restore`] writes back.
///
/// # Errors
/// When a certificate cannot be made, or the change needs what is not there.
pub fn patch(change: &Change, stored: &Stored, memory: Option<&Stored>) -> Result<Value, AuthorityError> {
    let mut patch = Patch::of(stored);
    match change {
        Change::Create { authority, serving, old } => {
            let authority = new(*authority)?;
            patch.set_pair("ca", Some(&authority));
            patch.set_pair("tls", Some(&signed(&authority, serving)?));
            patch.set_old(old);
        }
        Change::Restore { old } => restore(&mut patch, memory.ok_or(AuthorityError::Missing)?, old),
        Change::Keep(old) => patch.set_old(old),
        Change::Renew(validity) => {
            let authority = stored.authority.as_ref().ok_or(AuthorityError::Missing)?;
            let renewed = renew_authority(authority, validity.not_before, validity.not_after)?;
            patch.set_pair("ca", Some(&renewed));
        }
        Change::Issue(request) => {
            let authority = stored.authority.as_ref().ok_or(AuthorityError::Missing)?;
            patch.set_pair("tls", Some(&signed(authority, request)?));
        }
        Change::Prepare { next, old } => {
            patch.set_pair("next-ca", Some(&new(*next)?));
            patch.set_old(old);
            patch.take_up_new_key();
        }
        Change::Agree(agreed) => patch.set_agreed(agreed),
        Change::Switch { serving, old } => {
            let next = stored.next.as_ref().ok_or(AuthorityError::Missing)?;
            patch.set_pair("ca", Some(next));
            patch.set_pair("next-ca", None);
            patch.set_pair("tls", Some(&signed(next, serving)?));
            patch.set_old(old);
        }
        Change::Forget => patch.set_old(&Old::default()),
    }
    Ok(patch.into_json())
}

fn new(validity: Validity) -> Result<Pem, AuthorityError> {
    new_authority_valid(validity.not_before, validity.not_after)
}

fn signed(authority: &Pem, request: &Request) -> Result<Pem, AuthorityError> {
    let Validity { not_before, not_after } = request.validity;
    issue_valid(authority, &request.names, not_before, not_after)
}

fn restore(patch: &mut Patch, memory: &Stored, old: &Old) {
    patch.set_pair("ca", memory.authority.as_ref());
    patch.set_pair("next-ca", memory.next.as_ref());
    patch.set_pair("tls", memory.serving.as_ref().map(|(pem, _)| pem));
    patch.set_old(old);
}
