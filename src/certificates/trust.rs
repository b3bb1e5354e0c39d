//! Verifies a serving certificate as the API server does: its chain, its name, its validity.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;

/// Verifies `end_entity` for `name` against the certificates of authorities in `roots`.
///
/// # Errors
/// What a client would complain about. The validity of a root is not looked at.
pub fn verify(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &[CertificateDer<'static>],
    name: &ServerName<'_>,
    now: OffsetDateTime,
) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| error.to_string())?;
    let result = verifier.verify_server_cert(end_entity, intermediates, name, &[], now);
    result.map(drop).map_err(|error| error.to_string())
}
