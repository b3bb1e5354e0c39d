//! A certificate and its fields. No other module parses X.509.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long before its issuance a certificate becomes valid, for clients whose clock is behind.
pub const BACKDATE: Duration = Duration::hours(1);

/// Bytes that are compared, never interpreted: a certificate or a public key.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Der(pub Arc<[u8]>);

impl fmt::Debug for Der {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Der({} bytes)", self.0.len())
    }
}

/// The period in which a certificate is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first valid moment.
    pub not_before: OffsetDateTime,
    /// The end: at this moment the certificate is no longer valid.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// The validity of a certificate that is issued now: from [`BACKDATE`] ago for `life` from now.
    pub fn from_now(now: OffsetDateTime, life: Duration) -> Self {
        Self { not_before: now.saturating_sub(BACKDATE), not_after: now.saturating_add(life) }
    }

    /// Whether the certificate is valid at this moment.
    pub fn contains(self, moment: OffsetDateTime) -> bool {
        self.not_before <= moment && moment < self.not_after
    }
}

/// A certificate, of a CA or for serving.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// The certificate itself.
    pub der: Der,
    /// The `SubjectPublicKeyInfo`. A renewed CA keeps it, so that old and new certificates of the CA verify
    /// the same serving certificates.
    pub public_key: Der,
    /// The public key of the CA that signed a serving certificate, if that CA is known. X.509 does not
    /// contain it: it is found by verification.
    pub issuer: Option<Der>,
    /// The subject alternative names: DNS names, and IP addresses as text.
    pub names: Vec<String>,
    /// When the certificate is valid.
    pub validity: Validity,
    /// Whether the certificate may sign others.
    pub is_ca: bool,
}

impl Certificate {
    /// Parses a certificate; `None` if the bytes are not one.
    pub fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        Some(Self::from_x509(der, &x509))
    }

    /// Copies the fields of a parsed certificate.
    pub(super) fn from_x509(der: &CertificateDer<'_>, x509: &X509Certificate<'_>) -> Self {
        let names = x509.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(text).collect());
        Self {
            der: Der(der.as_ref().into()),
            public_key: Der(x509.public_key().raw.into()),
            issuer: None,
            names: names.unwrap_or_default(),
            validity: Validity {
                not_before: x509.validity().not_before.to_datetime(),
                not_after: x509.validity().not_after.to_datetime(),
            },
            is_ca: x509.is_ca(),
        }
    }

    /// Whether the certificate is valid for each of these names.
    pub fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
