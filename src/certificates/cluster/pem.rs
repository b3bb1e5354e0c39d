//! PEM text and what the plan needs to know of the certificates in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::state::{Certificate, Der, Validity};

/// Most bytes of PEM text that are looked at: a bundle of [`super::bundle::MAX_OLD`] is far shorter.
const MAX_BYTES: usize = 128 << 10;

/// The certificates in a text; `None` if one is damaged or the text is too long.
pub(super) fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().ok()
}

/// The authorities in a text; none if any certificate in it is damaged or no authority's.
pub(super) fn authorities(text: &[u8]) -> Vec<Certificate> {
    let read = |ders: Vec<CertificateDer<'static>>| ders.iter().map(authority).collect::<Option<Vec<_>>>();
    certificates(text).and_then(read).unwrap_or_default()
}

/// What the plan needs to know of the certificate of an authority.
pub(super) fn authority(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = Validity {
        not_before: certificate.validity().not_before.to_datetime(),
        not_after: certificate.validity().not_after.to_datetime(),
    };
    let key = Der(certificate.public_key().raw.into());
    certificate.is_ca().then(|| Certificate { der: Der(der.as_ref().into()), key, validity })
}

/// The certificates as PEM text.
pub(super) fn text(certificates: &[Certificate]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = STANDARD.encode(&certificate.der.0);
        while !rest.is_empty() {
            let next = rest.split_off(rest.len().min(64));
            text.push_str(&rest);
            text.push('\n');
            rest = next;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}
