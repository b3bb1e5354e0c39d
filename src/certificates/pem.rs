//! PEM text of certificates and keys.

use std::fmt;

use pem::{EncodeConfig, LineEnding, encode_config};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::Certificate;

/// Longest PEM text that is read. A bundle of [`super::cluster::bundle::MAX_RETIRED`] CAs is far shorter.
const MAX_BYTES: usize = 128 << 10;

/// A certificate, perhaps with its chain, and the private key, both as PEM text.
#[derive(Clone)]
pub struct Pem {
    /// `CERTIFICATE` blocks.
    pub certificate: String,
    /// A `PRIVATE KEY` block (PKCS #8).
    pub key: String,
}

impl fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pem").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Pem {
    /// The certificates and the key; `None` if one of them is damaged.
    pub fn decode(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = certificates(self.certificate.as_bytes())?;
        Some((chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).ok()?))
    }
}

/// The certificates in a text; `None` if one is damaged or the text is too long.
fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().ok()
}

/// The CAs in a text; none if any certificate in it is damaged or is not a CA's.
pub fn decode_bundle(text: &[u8]) -> Vec<Certificate> {
    let parse = |der: &CertificateDer<'_>| Certificate::parse(der).filter(|certificate| certificate.is_ca);
    let bundle = certificates(text).and_then(|ders| ders.iter().map(parse).collect());
    bundle.unwrap_or_default()
}

/// The certificates in a text, of CAs or not; `None` if one is damaged or the text is too long.
pub fn decode_certificates(text: &[u8]) -> Option<Vec<Certificate>> {
    certificates(text)?.iter().map(Certificate::parse).collect()
}

/// The certificates as one text.
pub fn encode_bundle(certificates: &[Certificate]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    let blocks = certificates.iter().map(|certificate| pem::Pem::new("CERTIFICATE", &*certificate.der.0));
    blocks.map(|block| encode_config(&block, config)).collect()
}
