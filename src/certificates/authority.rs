//! Makes certificate authorities and the serving certificates under them: ECDSA P-256, in memory.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate};

/// The common name of an authority.
const AUTHORITY: &str = "boundtoken authority";

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
    /// What a change is based on is not there.
    #[error("what the change of the Secret is based on is not there any more")]
    Missing,
    /// The stored authority signs, but a renewed certificate would not replace its own.
    #[error(
        "the stored authority was made by another program, so its certificate cannot be renewed: \
         have a new key made"
    )]
    Foreign,
    /// The cryptography failed.
    #[error("failed to make a certificate")]
    Signing(#[source] rcgen::Error),
    /// The source of random numbers failed.
    #[error("failed to get random numbers from the system")]
    Random,
}

/// A certificate and its key as PEM text.
#[derive(Clone)]
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
    new_authority_valid(now - BACKDATED, now + AUTHORITY_LIFE)
}

/// Makes a new authority with this validity.
///
/// # Errors
/// When the system has no random numbers.
pub fn new_authority_valid(
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<Pem, AuthorityError> {
    let key = KeyPair::generate().map_err(AuthorityError::Signing)?;
    self_signed(authority_params(), &key, not_before, not_after)
}

/// Makes a new certificate for the key of an authority: subject and identifiers stay, so that either
/// certificate verifies what that key signed.
///
/// # Errors
/// When the authority cannot sign, or was made by another program.
pub fn renew_authority(
    authority: &Pem,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<Pem, AuthorityError> {
    let (certificate, key) = parts(authority)?;
    let renewed = self_signed(authority_params(), &key, not_before, not_after)?;
    let (other, _) = parts(&renewed)?;
    if subject(&certificate) == subject(&other) { Ok(renewed) } else { Err(AuthorityError::Foreign) }
}

/// Whether [`renew_authority`] can renew it: whether it is one of ours.
pub fn is_renewable(authority: &Pem) -> bool {
    let Ok(certificate) = CertificateDer::from_pem_slice(authority.certificate.as_bytes()) else {
        return false;
    };
    let Ok((_, certificate)) = X509Certificate::from_der(&certificate) else { return false };
    let mut names = certificate.subject().iter_attributes().map(AttributeTypeAndValue::as_str);
    matches!((names.next(), names.next()), (Some(Ok(AUTHORITY)), None))
}

fn subject(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.subject().as_raw().to_vec())
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn self_signed(
    mut params: CertificateParams,
    key: &KeyPair,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<Pem, AuthorityError> {
    params.not_before = not_before;
    params.not_after = not_after;
    params.serial_number = Some(random_serial()?);
    let certificate = params.self_signed(key).map_err(AuthorityError::Signing)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Signs a serving certificate for `names`; it never outlives its authority.
///
/// # Errors
/// When a name is neither a DNS name nor an address, or the authority cannot sign.
pub fn issue(authority: &Pem, names: &[String], now: OffsetDateTime) -> Result<Pem, AuthorityError> {
    issue_valid(authority, names, now - BACKDATED, now + LEAF_LIFE)
}

/// Signs a serving certificate with this validity; it never outlives its authority.
///
/// # Errors
/// When a name is neither a DNS name nor an address, or the authority cannot sign.
pub fn issue_valid(
    authority: &Pem,
    names: &[String],
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<Pem, AuthorityError> {
    let issuer = issuer(authority)?;
    let mut params = leaf(names)?;
    params.not_before = not_before;
    params.not_after = not_after.min(issuer.not_after);
    params.serial_number = Some(random_serial()?);
    let key = KeyPair::generate().map_err(AuthorityError::Signing)?;
    let certificate = params.signed_by(&key, &issuer.issuer).map_err(AuthorityError::Signing)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Whether this is an authority that [`issue`] accepts.
pub fn can_sign(authority: &Pem) -> bool {
    issuer(authority).is_ok()
}

struct Signer {
    issuer: Issuer<'static, KeyPair>,
    not_after: OffsetDateTime,
}

fn issuer(authority: &Pem) -> Result<Signer, AuthorityError> {
    let (certificate, key) = parts(authority)?;
    let facts = super::Facts::read(&certificate)
        .ok_or(AuthorityError::Authority(rcgen::Error::CouldNotParseCertificate))?;
    let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(AuthorityError::Authority)?;
    Ok(Signer { issuer, not_after: facts.not_after })
}

fn parts(authority: &Pem) -> Result<(CertificateDer<'static>, KeyPair), AuthorityError> {
    let unreadable = |_| AuthorityError::Authority(rcgen::Error::CouldNotParseCertificate);
    let certificate = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(authority.key.as_bytes()).map_err(unreadable)?;
    Ok((certificate, KeyPair::try_from(&key).map_err(AuthorityError::Authority)?))
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
    fn our_authorities_are_renewable() {
        let authority = new_authority(NOW).unwrap();
        assert!(is_renewable(&authority));
        assert!(is_renewable(&renew_authority(&authority, NOW, NOW + LEAF_LIFE).unwrap()));
        assert!(!is_renewable(&issue(&authority, &["localhost".to_owned()], NOW).unwrap()));
    }

    #[test]
    fn a_key_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", new_authority(NOW).unwrap()).contains("PRIVATE"));
    }
}
