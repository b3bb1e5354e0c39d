//! Makes CAs and the serving certificates under them: ECDSA P-256, in memory.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use rustls::pki_types::ServerName;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate};

use super::certificate::{Certificate, Validity};
use super::pem::Pem;

/// The common name of our CAs. It never changes, since a renewed CA has to keep its subject.
const CA_NAME: &str = "boundtoken authority";

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// A name that no certificate can contain.
    #[error("{0:?} is not a valid DNS name or IP address: correct --tls-dns")]
    Name(String),
    /// The stored CA cannot sign.
    #[error("the stored CA cannot be used: remove ca.crt and ca.key to have a new one made")]
    Unusable(#[source] rcgen::Error),
    /// The Secret lacks the CA that a change needs.
    #[error("the Secret no longer contains what the change is based on")]
    Missing,
    /// The stored CA signs, but its certificate cannot be renewed, since our subject differs.
    #[error(
        "the stored CA was made by another program, so its certificate cannot be renewed: request a new key"
    )]
    External,
    /// A cryptographic operation failed.
    #[error("failed to make a certificate")]
    Signing(#[source] rcgen::Error),
    /// The source of random numbers failed.
    #[error("failed to get random numbers from the system")]
    Random,
}

/// A CA whose key is known, so that it can sign.
#[derive(Clone)]
pub struct Ca {
    /// Certificate and key as text.
    pub pem: Pem,
    /// The certificate.
    pub certificate: Certificate,
    /// Whether another program made the CA, so that [`Ca::renew`] cannot renew it.
    pub is_external: bool,
    subject: Vec<u8>,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

impl fmt::Debug for Ca {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ca").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Ca {
    /// Makes a CA with a new key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate(validity: Validity) -> Result<Self, CaError> {
        let key = KeyPair::generate().map_err(CaError::Signing)?;
        let certificate = self_signed(&key, validity)?;
        Self::load(Pem { certificate, key: key.serialize_pem() })
    }

    /// Reads a CA.
    ///
    /// # Errors
    /// When the certificate or the key is damaged, they do not belong together, or the certificate is not
    /// a CA's.
    pub fn load(pem: Pem) -> Result<Self, CaError> {
        let damaged = || CaError::Unusable(rcgen::Error::CouldNotParseCertificate);
        let (chain, key) = pem.decode().ok_or_else(damaged)?;
        let der = chain.first().ok_or_else(damaged)?;
        let (_, x509) = X509Certificate::from_der(der).map_err(|_| damaged())?;
        let certificate = Certificate::from_x509(der, &x509);
        let key = KeyPair::try_from(&key).map_err(CaError::Unusable)?;
        if !certificate.is_ca || key.subject_public_key_info() != *certificate.public_key.0 {
            return Err(damaged());
        }
        let mut names = x509.subject().iter_attributes().map(AttributeTypeAndValue::as_str);
        let is_external = !matches!((names.next(), names.next()), (Some(Ok(CA_NAME)), None));
        let subject = x509.subject().as_raw().to_vec();
        let issuer = Arc::new(Issuer::from_ca_cert_der(der, key).map_err(CaError::Unusable)?);
        Ok(Self { pem, certificate, is_external, subject, issuer })
    }

    /// Makes a new certificate for the same key. Subject and identifiers stay, so that the old and the new
    /// certificate verify the same serving certificates.
    ///
    /// # Errors
    /// When another program made the CA.
    pub fn renew(&self, validity: Validity) -> Result<Self, CaError> {
        let certificate = self_signed(self.issuer.key(), validity)?;
        let renewed = Self::load(Pem { certificate, key: self.pem.key.clone() })?;
        if renewed.subject == self.subject { Ok(renewed) } else { Err(CaError::External) }
    }

    /// Signs a serving certificate for `names`. It expires no later than the CA.
    ///
    /// # Errors
    /// When a name is neither a DNS name nor an IP address.
    pub fn issue(&self, names: &[String], validity: Validity) -> Result<Pem, CaError> {
        let mut params = serving_params(names)?;
        params.not_before = validity.not_before;
        params.not_after = validity.not_after.min(self.certificate.validity.not_after);
        params.serial_number = Some(random_serial()?);
        let key = KeyPair::generate().map_err(CaError::Signing)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(CaError::Signing)?;
        Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn self_signed(key: &KeyPair, validity: Validity) -> Result<String, CaError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.serial_number = Some(random_serial()?);
    Ok(params.self_signed(key).map_err(CaError::Signing)?.pem())
}

fn serving_params(names: &[String]) -> Result<CertificateParams, CaError> {
    if let Some(name) = names.iter().find(|name| !is_valid_name(name)) {
        return Err(CaError::Name(name.clone()));
    }
    let mut params = CertificateParams::new(names).map_err(CaError::Signing)?;
    params.distinguished_name = common_name("boundtoken");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Whether this is a DNS name, possibly a wildcard, or an IP address.
fn is_valid_name(name: &str) -> bool {
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// 126 random bits, positive and without a leading zero byte (RFC 5280, 4.1.2.2).
fn random_serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| CaError::Random)?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use time::{Duration, OffsetDateTime};

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn ca(days: i64) -> Ca {
        Ca::generate(Validity::from_now(NOW, Duration::days(days))).unwrap()
    }

    fn issue(ca: &Ca, names: &[&str], days: i64) -> Result<Pem, CaError> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        ca.issue(&names, Validity::from_now(NOW, Duration::days(days)))
    }

    fn certificate(pem: &Pem) -> Certificate {
        let (chain, _) = pem.decode().unwrap();
        Certificate::parse(&chain[0]).unwrap()
    }

    fn serial(pem: &Pem) -> Vec<u8> {
        let der = CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap();
        X509Certificate::from_der(&der).unwrap().1.raw_serial().to_vec()
    }

    #[test]
    fn a_ca_has_the_requested_validity() {
        let ca = ca(3650).certificate;
        assert!(ca.is_ca);
        assert_eq!(ca.validity.not_before, NOW - Duration::hours(1));
        assert_eq!(ca.validity.not_after, NOW + Duration::days(3650));
    }

    #[test]
    fn a_serving_certificate_covers_its_names() {
        let names = ["localhost", "127.0.0.1", "::1", "boundtoken.boundtoken.svc"];
        let serving = certificate(&issue(&ca(3650), &names, 365).unwrap());
        assert!(!serving.is_ca);
        assert_eq!(serving.names, names);
        assert_eq!(serving.validity.not_before, NOW - Duration::hours(1));
        assert_eq!(serving.validity.not_after, NOW + Duration::days(365));
    }

    #[test]
    fn a_serving_certificate_never_outlives_its_ca() {
        let ca = ca(7);
        let serving = certificate(&issue(&ca, &["localhost"], 365).unwrap());
        assert_eq!(serving.validity.not_after, ca.certificate.validity.not_after);
    }

    #[test]
    fn serial_numbers_differ_and_are_positive() {
        let (one, two) = (serial(&ca(1).pem), serial(&ca(1).pem));
        assert_ne!(one, two);
        assert_eq!(one.len(), 16);
        assert!(one[0] < 0x80);
    }

    #[test]
    fn an_invalid_name_is_quoted() {
        let ca = ca(1);
        for name in ["a b", "münchen", "", "a..b", "-", "https://a"] {
            let error = issue(&ca, &["localhost", name], 1).unwrap_err();
            let expected = format!("{name:?} is not a valid DNS name or IP address: correct --tls-dns");
            assert_eq!(error.to_string(), expected);
        }
        assert!(issue(&ca, &["*.example.com"], 1).is_ok());
    }

    #[test]
    fn our_cas_are_renewable() {
        let ca = ca(1);
        assert!(!ca.is_external);
        let renewed = ca.renew(Validity::from_now(NOW, Duration::days(2))).unwrap();
        assert!(!renewed.is_external);
        assert_eq!(renewed.pem.key, ca.pem.key);
    }

    #[test]
    fn a_pair_that_cannot_sign_is_refused() {
        let (one, two) = (ca(1), ca(1));
        let mixed = Pem { key: two.pem.key, ..one.pem.clone() };
        for pem in [mixed, issue(&one, &["localhost"], 1).unwrap()] {
            assert!(matches!(Ca::load(pem), Err(CaError::Unusable(_))));
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let ca = ca(1);
        assert!(!format!("{ca:?} {:?}", ca.pem).contains("PRIVATE"));
    }
}
