//! TLS: versions, ALPN, resumption, and new certificates.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use crate::support::http::{HttpClient, client_config, handshake};
use crate::support::server::{no_namespaces, start};
use boundtoken::certificates::{Directory, PairFiles, PairWatcher};
use boundtoken::clock;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// Writes a new authority and a certificate under it.
fn write_pair(directory: &Path) {
    let names = Directory::LOCAL_NAMES.map(str::to_owned).to_vec();
    Directory::new(directory.to_owned(), names).ensure(clock::now()).unwrap();
}

fn files(directory: &Path) -> PairFiles {
    PairFiles { certificate: directory.join("tls.crt"), key: directory.join("tls.key") }
}

fn open(directory: &Path) -> PairWatcher<PairFiles> {
    PairWatcher::open(files(directory), Arc::default(), clock::now()).unwrap()
}

/// Whether the pair in the directory is the one that is served.
fn serves(watcher: &PairWatcher<PairFiles>, directory: &Path) -> bool {
    let pair = files(directory).load_pair(clock::now());
    watcher.serving().serves(&pair.unwrap())
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    let server = start(no_namespaces(), 512);
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let config = client_config(server.directory.path(), &[version], &[b"h2", b"http/1.1"]);
        let stream = handshake(server.dial(), config).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    }
}

#[tokio::test]
async fn http2_is_not_offered() {
    let server = start(no_namespaces(), 512);
    let config = client_config(server.directory.path(), rustls::ALL_VERSIONS, &[b"h2"]);
    assert!(handshake(server.dial(), config).await.is_err());
}

#[tokio::test]
async fn a_client_without_alpn_is_served() {
    let server = start(no_namespaces(), 512);
    let config = client_config(server.directory.path(), rustls::ALL_VERSIONS, &[]);
    let mut client = HttpClient(handshake(server.dial(), config).await.unwrap());
    assert_eq!(client.get("/").await.status, 404);
}

#[tokio::test]
async fn a_new_certificate_leaves_open_connections_alone() {
    let server = start(no_namespaces(), 512);
    let mut before = server.connect().await;
    let other = tempfile::tempdir().unwrap();
    write_pair(other.path());
    let pair = files(other.path()).load_pair(clock::now());
    server.certificate.swap(pair.unwrap());
    assert_eq!(before.get("/").await.status, 404);
    let config = client_config(other.path(), rustls::ALL_VERSIONS, &[]);
    let mut after = HttpClient(handshake(server.dial(), config).await.unwrap());
    assert_eq!(after.get("/").await.status, 404);
    let old = client_config(server.directory.path(), rustls::ALL_VERSIONS, &[]);
    assert!(handshake(server.dial(), old).await.is_err());
    assert_eq!(after.get("/").await.status, 404);
    assert!(server.metrics.text().contains("boundtoken_failed_handshakes_total{reason=\"alert\"} 1\n"));
}

#[tokio::test]
async fn sessions_are_resumed_after_a_new_certificate() {
    let server = start(no_namespaces(), 512);
    let config = client_config(server.directory.path(), rustls::ALL_VERSIONS, &[]);
    let mut first = HttpClient(handshake(server.dial(), config.clone()).await.unwrap());
    first.get("/").await;
    let other = tempfile::tempdir().unwrap();
    write_pair(other.path());
    let pair = files(other.path()).load_pair(clock::now());
    server.certificate.swap(pair.unwrap());
    let second = handshake(server.dial(), config).await.unwrap();
    assert_eq!(second.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
}

#[test]
fn a_symlink_swap_brings_the_new_certificate() {
    let volume = tempfile::tempdir().unwrap();
    for version in ["..one", "..two"] {
        write_pair(&volume.path().join(version));
    }
    symlink("..one", volume.path().join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), volume.path().join(name)).unwrap();
    }
    let mut files = open(volume.path());
    symlink("..two", volume.path().join("..data_tmp")).unwrap();
    fs::rename(volume.path().join("..data_tmp"), volume.path().join("..data")).unwrap();
    files.reload(clock::now());
    assert!(serves(&files, &volume.path().join("..two")));
}

#[test]
fn a_certificate_written_in_place_is_seen() {
    let (ours, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_pair(ours.path());
    write_pair(next.path());
    let mut files = open(ours.path());
    for name in ["tls.crt", "tls.key"] {
        fs::write(ours.path().join(name), fs::read(next.path().join(name)).unwrap()).unwrap();
    }
    files.reload(clock::now());
    assert!(serves(&files, next.path()));
}

#[test]
fn a_half_written_pair_keeps_the_previous_one() {
    let (ours, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_pair(ours.path());
    write_pair(next.path());
    let before = tempfile::tempdir().unwrap();
    for name in ["tls.crt", "tls.key"] {
        fs::copy(ours.path().join(name), before.path().join(name)).unwrap();
    }
    let mut files = open(ours.path());
    fs::copy(next.path().join("tls.crt"), ours.path().join("tls.crt")).unwrap();
    files.reload(clock::now());
    files.reload(clock::now());
    assert!(serves(&files, before.path()));
    fs::copy(next.path().join("tls.key"), ours.path().join("tls.key")).unwrap();
    files.reload(clock::now());
    assert!(serves(&files, next.path()));
}

#[test]
fn an_expired_certificate_makes_the_server_unready() {
    let directory = tempfile::tempdir().unwrap();
    write_pair(directory.path());
    let serving = open(directory.path()).serving();
    assert_eq!(serving.check(clock::now()), Ok(()));
    let reason = serving.check(clock::now() + time::Duration::days(366)).unwrap_err();
    assert!(reason.starts_with("expired at "), "{reason}");
}

#[test]
fn each_error_in_a_pair_is_explained() {
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_pair(ours.path());
    write_pair(other.path());
    fs::write(ours.path().join("empty"), "").unwrap();
    fs::write(ours.path().join("damaged"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    let now = clock::now();
    let (ours, other) = (|name: &str| ours.path().join(name), |name: &str| other.path().join(name));
    for (certificate, key, when, expected) in [
        (ours("none"), ours("tls.key"), now, "does not exist"),
        (ours("tls.crt"), ours("none"), now, "does not exist"),
        (ours("empty"), ours("tls.key"), now, "contains no certificate"),
        (ours("tls.key"), ours("tls.key"), now, "contains no certificate"),
        (ours("damaged"), ours("tls.key"), now, "is damaged"),
        (ours("tls.crt"), ours("empty"), now, "contains no private key"),
        (ours("tls.crt"), ours("tls.crt"), now, "contains no private key"),
        (ours("tls.crt"), other("tls.key"), now, "does not belong to the certificate"),
        (ours("tls.crt"), ours("tls.key"), now + time::Duration::days(366), "expired at"),
        (ours("tls.crt"), ours("tls.key"), now - time::Duration::days(1), "is not valid before"),
    ] {
        let error = PairFiles { certificate, key }.load_pair(when).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
