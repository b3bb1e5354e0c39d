//! Who trusts whom while keys and authorities change: each generation of the serving certificate
//! against each generation of the published bundle, verified by rustls and by OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use boundtoken::certificates::authority::{Pem, issue_valid, new_authority_valid, renew_authority};
use boundtoken::certificates::trust;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use time::{Duration, OffsetDateTime};

const NAME: &str = "boundtoken.boundtoken.svc";
const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_500));

fn authority() -> Pem {
    new_authority_valid(NOW - Duration::days(1), NOW + Duration::days(300)).unwrap()
}

fn renewed(authority: &Pem) -> Pem {
    renew_authority(authority, NOW - Duration::days(1), NOW + Duration::days(600)).unwrap()
}

fn leaf(authority: &Pem) -> Pem {
    issue_valid(authority, &[NAME.to_owned()], NOW - Duration::days(1), NOW + Duration::days(30)).unwrap()
}

fn rustls_verifies(leaf: &Pem, bundle: &str, name: &str) -> bool {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bundle.as_bytes()).collect();
    let leaf = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    trust::verify(&leaf, &[], &roots.unwrap(), &ServerName::try_from(name).unwrap(), NOW).is_ok()
}

/// `openssl` is needed: a second implementation is the point of this test.
fn openssl_verifies(leaf: &Pem, bundle: &str, name: &str, directory: &Path) -> bool {
    let (certificate, roots) = (directory.join("leaf.pem"), directory.join("roots.pem"));
    fs::write(&certificate, &leaf.certificate).unwrap();
    fs::write(&roots, bundle).unwrap();
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-verify_hostname", name]);
    command.arg("-attime").arg(NOW.unix_timestamp().to_string());
    let output = command.arg("-CAfile").arg(roots).arg(certificate).output();
    output.unwrap_or_else(|error| panic!("openssl is needed for this test: {error}")).status.success()
}

fn verifies(leaf: &Pem, bundle: &str, name: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (rustls, openssl) =
        (rustls_verifies(leaf, bundle, name), openssl_verifies(leaf, bundle, name, directory.path()));
    assert_eq!(rustls, openssl, "rustls and OpenSSL disagree");
    rustls
}

fn matrix(leaves: &[Pem], bundles: &[String]) -> Vec<Vec<bool>> {
    leaves.iter().map(|leaf| bundles.iter().map(|bundle| verifies(leaf, bundle, NAME)).collect()).collect()
}

#[test]
fn with_a_renewed_authority_the_order_does_not_matter() {
    let first = authority();
    let second = renewed(&first);
    let third = renewed(&second);
    let generations = [first, second, third];
    let bundles = generations.each_ref().map(|authority| authority.certificate.clone());
    assert_eq!(matrix(&generations.each_ref().map(leaf), &bundles), vec![vec![true; 3]; 3]);
}

#[test]
fn with_a_new_key_the_bundle_of_both_comes_between() {
    let generations = [authority(), authority(), authority()];
    let [first, second, third] = generations.each_ref().map(|authority| authority.certificate.as_str());
    let bundles = [
        first.to_owned(),
        format!("{first}{second}"),
        second.to_owned(),
        format!("{third}{second}{first}"),
        third.to_owned(),
    ];
    let expected = vec![
        vec![true, true, false, true, false],
        vec![false, true, true, true, false],
        vec![false, false, false, true, true],
    ];
    assert_eq!(matrix(&generations.each_ref().map(leaf), &bundles), expected);
}

#[test]
fn a_renewed_authority_beside_an_old_one_verifies_what_both_signed() {
    let (first, other) = (authority(), authority());
    let bundle = format!("{}{}", other.certificate, renewed(&first).certificate);
    assert!(verifies(&leaf(&first), &bundle, NAME) && verifies(&leaf(&other), &bundle, NAME));
    assert!(!verifies(&leaf(&first), &bundle, "other.boundtoken.svc"));
}

#[test]
fn serial_numbers_of_renewed_authorities_differ() {
    let first = authority();
    assert_ne!(renewed(&first).certificate, renewed(&first).certificate);
    assert_eq!(renewed(&first).key, first.key);
}
