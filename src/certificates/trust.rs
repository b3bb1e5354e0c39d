//! Verifies a serving certificate as the API server does: its chain, its name, its validity.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;

use super::certificate::Certificate;

/// Verifies a chain, the serving certificate first, for `name` against the CAs in `roots`.
///
/// The validity of the roots is not checked.
///
/// # Errors
/// The error that a client would report.
pub fn verify(
    chain: &[CertificateDer<'_>],
    roots: &[Certificate],
    name: &str,
    now: OffsetDateTime,
) -> Result<(), String> {
    let (end_entity, intermediates) = chain.split_first().ok_or("no certificate")?;
    let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().map(|root| CertificateDer::from(root.der.0.to_vec())));
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| error.to_string())?;
    let result = verifier.verify_server_cert(end_entity, intermediates, &name, &[], now);
    result.map(drop).map_err(|error| error.to_string())
}
