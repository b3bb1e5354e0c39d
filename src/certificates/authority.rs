//! Makes certificate authorities and the serving certificates under them: ECDSA P-256, in memory.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use time::{Duration, OffsetDateTime};

/// Life of an authority: its certificate is handed out by people, so rarely.
pub const AUTHORITY_LIFE: Duration = Duration::days(3650);

/// Life of a serving certificate, which renews itself.
pub const LEAF_LIFE: Duration = Duration::days(365);

/// How far a certificate reaches back, for clients whose clock is behind.
pub const BACKDATED: Duration = Duration::hours(1);

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A name that no certificate can hold.
    #[error("{0:?} is neither a DNS name nor an IP address: correct --tls-dns")]
    Name(String),
    /// The stored authority cannot sign.
    #[error("the stored authority cannot be used: remove ca.crt and ca.key to have a new one made")]
    Authority(#[source] rcgen::Error),
    /// The cryptography failed.
    #[error("failed to make a certificate")]
    Signing(#[source] rcgen::Error),
    /// The source of random numbers failed.
    #[error("failed to get random numbers from the system")]
    Random,
}

/// A certificate and its key as PEM text.
pub struct Pem {
    /// `CERTIFICATE`.
    pub certificate: String,
    /// `PRIVATE KEY` (PKCS #8).
    pub key: String,
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pem").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Makes a new authority.
///
/// # Errors
/// When the system has no random numbers.
pub fn new_authority(now: OffsetDateTime) -> Result<Pem, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("boundtoken authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - BACKDATED;
    params.not_after = now + AUTHORITY_LIFE;
    params.serial_number = Some(random_serial()?);
    let key = KeyPair::generate().map_err(AuthorityError::Signing)?;
    let certificate = params.self_signed(&key).map_err(AuthorityError::Signing)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Signs a serving certificate for `names`; it never outlives its authority.
///
/// # Errors
/// When a name is neither a DNS name nor an address, or the authority cannot sign.
pub fn issue(authority: &Pem, names: &[String], now: OffsetDateTime) -> Result<Pem, AuthorityError> {
    let issuer = issuer(authority)?;
    let mut params = leaf(names)?;
    params.not_before = now - BACKDATED;
    params.not_after = (now + LEAF_LIFE).min(issuer.not_after);
    params.serial_number = Some(random_serial()?);
    let key = KeyPair::generate().map_err(AuthorityError::Signing)?;
    let certificate = params.signed_by(&key, &issuer.issuer).map_err(AuthorityError::Signing)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

struct Signer {
    issuer: Issuer<'static, KeyPair>,
    not_after: OffsetDateTime,
}

fn issuer(authority: &Pem) -> Result<Signer, AuthorityError> {
    let unreadable = |_| AuthorityError::Authority(rcgen::Error::CouldNotParseCertificate);
    let certificate = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(authority.key.as_bytes()).map_err(unreadable)?;
    let key = KeyPair::try_from(&key).map_err(AuthorityError::Authority)?;
    let facts = super::Facts::read(&certificate)
        .ok_or(AuthorityError::Authority(rcgen::Error::CouldNotParseCertificate))?;
    let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(AuthorityError::Authority)?;
    Ok(Signer { issuer, not_after: facts.not_after })
}

fn leaf(names: &[String]) -> Result<CertificateParams, AuthorityError> {
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(AuthorityError::Name(name.clone()));
    }
    let mut params = CertificateParams::new(names).map_err(AuthorityError::Signing)?;
    params.distinguished_name = named("boundtoken");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// A DNS name, perhaps a wildcard, or an IP address.
fn is_name(name: &str) -> bool {
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// 128 random bits, positive and without a leading zero byte, as RFC 5280 wants them.
fn random_serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

#[cfg(test)]
mod tests {
    use super::super::Facts;
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn facts(pem: &Pem) -> Facts {
        Facts::read(&CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()).unwrap()
    }

    fn serial(pem: &Pem) -> Vec<u8> {
        use x509_parser::prelude::{FromDer, X509Certificate};
        let der = CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap();
        X509Certificate::from_der(&der).unwrap().1.raw_serial().to_vec()
    }

    #[test]
    fn an_authority_lives_ten_years_and_reaches_back_an_hour() {
        let facts = facts(&new_authority(NOW).unwrap());
        assert!(facts.is_authority);
        assert_eq!((facts.not_before, facts.not_after), (NOW - BACKDATED, NOW + AUTHORITY_LIFE));
    }

    #[test]
    fn a_leaf_speaks_for_its_names_for_a_year() {
        let names = ["localhost", "127.0.0.1", "::1", "boundtoken.boundtoken.svc"].map(str::to_owned);
        let leaf = facts(&issue(&new_authority(NOW).unwrap(), &names, NOW).unwrap());
        assert!(!leaf.is_authority);
        assert_eq!(leaf.names, names);
        assert_eq!((leaf.not_before, leaf.not_after), (NOW - BACKDATED, NOW + LEAF_LIFE));
    }

    #[test]
    fn a_leaf_never_outlives_its_authority() {
        let authority = new_authority(NOW - AUTHORITY_LIFE + Duration::days(7)).unwrap();
        let leaf = issue(&authority, &["localhost".to_owned()], NOW).unwrap();
        assert_eq!(facts(&leaf).not_after, facts(&authority).not_after);
    }

    #[test]
    fn serial_numbers_differ_and_are_positive() {
        let (one, two) = (new_authority(NOW).unwrap(), new_authority(NOW).unwrap());
        assert_ne!(serial(&one), serial(&two));
        assert_eq!(serial(&one).len(), 16);
        assert!(serial(&one)[0] < 0x80);
    }

    #[test]
    fn a_name_that_is_none_is_quoted_back() {
        let authority = new_authority(NOW).unwrap();
        for name in ["a b", "münchen", "", "a..b", "-", "https://a"] {
            let error = issue(&authority, &["localhost".to_owned(), name.to_owned()], NOW).unwrap_err();
            let expected = format!("{name:?} is neither a DNS name nor an IP address: correct --tls-dns");
            assert_eq!(error.to_string(), expected);
        }
        assert!(issue(&authority, &["*.example.com".to_owned()], NOW).is_ok());
    }

    #[test]
    fn a_key_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", new_authority(NOW).unwrap()).contains("PRIVATE"));
    }
}
