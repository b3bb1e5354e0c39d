//! What a certificate says about itself, as far as it matters here.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Validity and names of a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Valid from here on.
    pub not_before: OffsetDateTime,
    /// Valid up to here.
    pub not_after: OffsetDateTime,
    /// DNS names and IP addresses as text.
    pub names: Vec<String>,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
}

impl Facts {
    /// Reads a certificate; `None` when it is not one.
    pub fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        Some(Self {
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            names: names
                .map(|names| names.value.general_names.iter().filter_map(text).collect())
                .unwrap_or_default(),
            is_authority: certificate.is_ca(),
        })
    }

    /// Whether the certificate is valid at this moment.
    pub fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// Whether less than a third of the certificate's life is left.
    pub fn is_due(&self, now: OffsetDateTime) -> bool {
        (self.not_after - now) * 3 < self.not_after - self.not_before
    }

    /// Whether the certificate speaks for each of these names.
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
