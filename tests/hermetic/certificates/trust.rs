//! Who trusts whom while keys and authorities change: each generation of the serving certificate
//! against each generation of the published bundle, verified by rustls and by OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use boundtoken::certificates::pem::{Pem, decode_bundle};
use boundtoken::certificates::{Ca, Validity, trust};
use time::{Duration, OffsetDateTime};

const NAME: &str = "boundtoken.boundtoken.svc";
const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_500));

fn valid_for(days: i64) -> Validity {
    Validity { not_before: NOW - Duration::days(1), not_after: NOW + Duration::days(days) }
}

fn ca() -> Ca {
    Ca::generate(valid_for(300)).unwrap()
}

fn renewed(ca: &Ca) -> Ca {
    ca.renew(valid_for(600)).unwrap()
}

fn serving(ca: &Ca) -> Pem {
    ca.issue(&[NAME.to_owned()], valid_for(30)).unwrap()
}

fn rustls_verifies(serving: &Pem, bundle: &str, name: &str) -> bool {
    let (chain, _) = serving.decode().unwrap();
    trust::verify(&chain, &decode_bundle(bundle.as_bytes()), name, NOW).is_ok()
}

/// `openssl` is needed: a second implementation is the point of this test.
fn openssl_verifies(serving: &Pem, bundle: &str, name: &str, directory: &Path) -> bool {
    let (certificate, roots) = (directory.join("serving.pem"), directory.join("roots.pem"));
    fs::write(&certificate, &serving.certificate).unwrap();
    fs::write(&roots, bundle).unwrap();
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-verify_hostname", name]);
    command.arg("-attime").arg(NOW.unix_timestamp().to_string());
    let output = command.arg("-CAfile").arg(roots).arg(certificate).output();
    output.unwrap_or_else(|error| panic!("openssl is needed for this test: {error}")).status.success()
}

fn verifies(serving: &Pem, bundle: &str, name: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (rustls, openssl) =
        (rustls_verifies(serving, bundle, name), openssl_verifies(serving, bundle, name, directory.path()));
    assert_eq!(rustls, openssl, "rustls and OpenSSL disagree");
    rustls
}

fn matrix(certificates: &[Pem], bundles: &[String]) -> Vec<Vec<bool>> {
    certificates
        .iter()
        .map(|serving| bundles.iter().map(|bundle| verifies(serving, bundle, NAME)).collect())
        .collect()
}

#[test]
fn a_renewed_ca_verifies_in_any_order() {
    let first = ca();
    let second = renewed(&first);
    let third = renewed(&second);
    let generations = [first, second, third];
    let bundles = generations.each_ref().map(|ca| ca.pem.certificate.clone());
    assert_eq!(matrix(&generations.each_ref().map(serving), &bundles), vec![vec![true; 3]; 3]);
}

#[test]
fn a_new_key_needs_a_bundle_of_both_cas() {
    let generations = [ca(), ca(), ca()];
    let [first, second, third] = generations.each_ref().map(|ca| ca.pem.certificate.as_str());
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
    assert_eq!(matrix(&generations.each_ref().map(serving), &bundles), expected);
}

#[test]
fn a_renewed_ca_beside_an_old_one_verifies_both() {
    let (first, other) = (ca(), ca());
    let bundle = format!("{}{}", other.pem.certificate, renewed(&first).pem.certificate);
    assert!(verifies(&serving(&first), &bundle, NAME) && verifies(&serving(&other), &bundle, NAME));
    assert!(!verifies(&serving(&first), &bundle, "other.boundtoken.svc"));
}

#[test]
fn renewed_cas_have_different_serial_numbers() {
    let first = ca();
    assert_ne!(renewed(&first).pem.certificate, renewed(&first).pem.certificate);
    assert_eq!(renewed(&first).pem.key, first.pem.key);
}
