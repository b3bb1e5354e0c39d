//! `boundtoken serve` as a process.

use std::fs;
use std::net::TcpListener;

use crate::support::client_ca::ClientCa;
use crate::support::eventually::eventually;
use crate::support::http::{HttpClient, client_config, handshake, post_head};
use crate::support::program::{Serving, boundtoken, output, run};
use crate::support::reviews;
use crate::support::terminal::terminal;
use rustix::process::Signal;
use rustls::version::TLS13;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const JSON: &str = "application/json";

#[tokio::test]
async fn a_server_starts_serves_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &["--shutdown-delay=1"]);
    let ready = server.admin().await.get("/readyz?verbose").await;
    assert_eq!(
        ready.body,
        "[+]namespaces ok\n[+]certificate ok\n[+]watchers ok\n[+]shutdown ok\nreadyz check passed\n"
    );
    let mut client = server.webhook().await;
    let answer = client.post("/mutate", JSON, reviews::web(&json!({}))).await;
    assert!(answer.body.contains("JSONPatch"), "{}", answer.body);
    let metrics = server.admin().await.get("/metrics").await.body;
    assert!(metrics.contains("boundtoken_namespaces 1\n"));
    assert!(metrics.contains("boundtoken_certificate_expiry_timestamp_seconds{certificate=\"authority\"}"));
    server.signal(Signal::TERM);
    drop(client);
    let (code, lines) = server.end();
    assert_eq!(code, Some(0), "{lines:?}");
}

#[tokio::test]
async fn only_clients_with_a_certificate_connect() {
    let (directory, ca) = (tempfile::tempdir().unwrap(), ClientCa::generate());
    let file = directory.path().join("client-ca.crt");
    fs::write(&file, &ca.pem).unwrap();
    let flag = format!("--client-ca-file={}", file.display());
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &[&flag]);
    let ready = server.admin().await.get("/readyz?verbose").await.body;
    assert!(ready.contains("[+]certificate ok\n[+]client-ca ok\n"), "{ready}");
    let connect = async |config| {
        let stream = TcpStream::connect(server.listen).await.unwrap();
        HttpClient(handshake(stream, config).await.unwrap())
    };
    let config = client_config(directory.path(), &[&TLS13], &[b"http/1.1"]);
    let body = reviews::web(&json!({}));
    // With TLS 1.3 a client sends its request before it reads that it is refused.
    let mut refused = connect(config.clone()).await;
    let _ = refused.0.write_all(post_head("/mutate", JSON, body.len()).as_bytes()).await;
    let _ = refused.0.write_all(body.as_bytes()).await;
    assert!(refused.response().await.is_none());
    assert!(!server.metrics().await.contains("boundtoken_admissions_total{"));
    let answer = connect(ca.issue().present(config)).await.post("/mutate", JSON, &body).await;
    assert!(answer.body.contains("JSONPatch"), "{}", answer.body);
}

#[tokio::test]
async fn a_full_server_logs_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let more = ["--max-connections=10", "--shutdown-delay=0"];
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &more);
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(server.webhook().await);
    }
    for _ in 0..10 {
        clients.push(server.webhook().await);
    }
    assert!(server.admin().await.get("/metrics").await.body.contains("boundtoken_connections 10\n"));
    drop(clients);
    server.signal(Signal::TERM);
    let (_, lines) = server.end();
    let warnings: Vec<_> = lines.iter().filter(|line| line.contains("connection limit reached")).collect();
    assert_eq!(warnings.len(), 1, "{lines:#?}");
    assert!(warnings[0].contains("\"network\":\"127.0.0.1\""), "{}", warnings[0]);
}

/// Waits until the server drains.
async fn until_not_ready(server: &Serving) {
    eventually("a server that is not ready", async || {
        let status = server.admin().await.get("/readyz").await.status;
        if status == 503 { Ok(()) } else { Err(status) }
    })
    .await;
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &[]);
    let mut client = server.webhook().await;
    client.get("/").await;
    server.signal(Signal::TERM);
    until_not_ready(&server).await;
    server.signal(Signal::INT);
    let (code, lines) = server.end();
    assert_eq!(code, Some(2), "{lines:?}");
}

/// A process with a terminal as standard input gets SIGINT from Ctrl-C.
#[tokio::test]
async fn ctrl_c_in_a_terminal_ends_the_process_at_once() {
    for presses in [1, 2] {
        let directory = tempfile::tempdir().unwrap();
        let (_terminal, input) = terminal();
        let server = Serving::start_reading(input, directory.path(), reviews::NAMESPACES);
        let mut client = server.webhook().await;
        client.get("/").await;
        if presses == 2 {
            client.send(post_head("/mutate", JSON, 2)).await;
            server.signal(Signal::INT);
            until_not_ready(&server).await;
        }
        server.signal(Signal::INT);
        let (code, lines) = server.end();
        assert_eq!(code, Some(0), "{lines:?}");
        let last = if presses == 1 { "every connection has ended" } else { "a second Ctrl-C ended" };
        assert!(lines.last().unwrap().contains(last), "{lines:?}");
    }
}

#[test]
fn each_startup_error_is_explained_with_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| {
        fs::write(path(name), text).unwrap();
        path(name)
    };
    assert_eq!(run(&["certs", "--tls-dir", &path("one")]).status.code(), Some(0));
    assert_eq!(run(&["certs", "--tls-dir", &path("two")]).status.code(), Some(0));
    let good = write("good", reviews::NAMESPACES);
    let twice = write("twice", &format!("{0}---\n{0}", reviews::NAMESPACES));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], &str); 33] = [
        (
            &[],
            "error: no cluster to watch: name one with --kubeconfig FILE, or serve without one with --namespaces FILE",
        ),
        (&["--kubeconfig", &path("none")], "error: failed to read the kubeconfig"),
        (&["--kubeconfig", &write("kubeconfig", "{}"), "--context", "east"], "east"),
        (
            &["--kubeconfig", &write("no-kubeconfig", "a: b: c")],
            "no-kubeconfig: line 1 column 5: mapping values are not allowed in this context\n",
        ),
        (
            &["--kubeconfig", &write("list", "clusters: 5")],
            "list: line 1 column 11: expected sequence start\n",
        ),
        (&["--namespaces", &good, "--context", "east"], "cannot be used with"),
        (
            &["--namespaces", &path("none")],
            "none does not exist: --namespaces must be the path of a manifest",
        ),
        (&["--namespaces", &write("empty", "")], "empty: no object in it"),
        (&["--namespaces", &write("no-yaml", "a: b: c")], "no-yaml:1:5: not YAML"),
        (
            &["--namespaces", &write("pod", "apiVersion: v1\nkind: Pod\n")],
            "pod:1: unexpected Pod: this file may contain only Namespaces",
        ),
        (
            &["--namespaces", &write("nameless", "apiVersion: v1\nkind: Namespace\n")],
            "nameless:1: a Namespace must have a metadata.name",
        ),
        (&["--namespaces", &twice], "twice:8: duplicate Namespace web"),
        (&["--namespaces", directory.path().to_str().unwrap()], "failed to read"),
        (&["--namespaces", "/dev/zero"], "failed to read /dev/zero: not a regular file"),
        (
            &["--namespaces", &good, "--tls-cert", "/dev/zero", "--tls-key", "/dev/zero"],
            "failed to read /dev/zero: not a regular file",
        ),
        (&["--namespaces", &good, "--listen", &taken], "is already in use: set --listen to another port"),
        (&["--namespaces", &good, "--listen", "192.0.2.1:1"], "failed to listen on 192.0.2.1:1"),
        (&["--namespaces", &good, "--listen", "x"], "'--listen <ADDRESS>'"),
        (&["--listen", "8443"], "such as 127.0.0.1:8443, [::]:8443 or :8443"),
        (&["--listen", "localhost:8443"], "must be an IP address and a port"),
        (&["--listen", ":70000"], "must be an IP address and a port"),
        (
            &["--namespaces", &good, "--shutdown-delay", "20", "--shutdown-deadline", "10s"],
            "--shutdown-deadline (10 s) must not be below --shutdown-delay (20 s)",
        ),
        (&["--namespaces", &good, "--tls-cert", "x"], "--tls-key"),
        (
            &["--namespaces", &good, "--tls-cert", &path("x"), "--tls-key", &path("x")],
            "error: --tls-cert and --tls-key must name the two PEM files of one certificate: /",
        ),
        (
            &["--namespaces", &good, "--tls-cert", &path("one/tls.crt"), "--tls-key", &path("two/tls.key")],
            "does not belong to the certificate",
        ),
        (&["--namespaces", &good, "--tls-dir", &good], "failed to write"),
        (&["--namespaces", &good, "--client-ca-file", &path("none")], "error: failed to read"),
        (&["--namespaces", &good, "--client-ca-file", &good], "good cannot be used as --client-ca-file"),
        (
            &["--namespaces", &good, "--client-ca-file", &path("one/tls.crt")],
            "at least one, each the certificate of a CA",
        ),
        (&["--namespaces", &good, "--tls-dns", "a b"], "is not a valid DNS name or IP address"),
        (&["--namespaces", &good, "--default-mode", "replac"], "replac"),
        (&["--namespaces", &good, "--default-ttl", "3607"], "may become a year"),
        (&["--namespaces", &good, "--log-level", "loud=loud"], "--log-level"),
    ];
    for (arguments, expected) in cases {
        let mut command = boundtoken(&["serve", "--admin-listen", "127.0.0.1:0"]);
        if !arguments.contains(&"--tls-cert") && !arguments.contains(&"--tls-dir") {
            command.args(["--tls-dir", &path("tls")]);
        }
        let output = output(command.args(arguments));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert_eq!(text.matches("error: ").count(), 1, "{text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn flags_are_read_from_the_environment() {
    let output = output(boundtoken(&["serve"]).env("BOUNDTOKEN_NAMESPACES", "/none"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/none does not exist"));
}

#[test]
fn the_cluster_is_that_of_kubeconfig_or_of_the_pod() {
    let pod = ("KUBERNETES_SERVICE_HOST", "192.0.2.1");
    for (environment, expected) in [
        (&[pod] as &[_], "failed to read the service account in this Pod"),
        (&[pod, ("KUBECONFIG", "/none")], "failed to read the kubeconfig /none: No such file"),
        (
            &[("HOME", "/nonexistent")],
            "failed to read the kubeconfig /nonexistent/.kube/config: No such file",
        ),
    ] {
        let output = output(boundtoken(&["serve"]).envs(environment.iter().copied()));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.starts_with("error: no cluster to watch: ") && text.contains(expected), "{text}");
        assert_eq!(text.matches("os error").count().max(1), 1, "{text}");
    }
}

/// The output of a server that cannot start, with or without colour.
fn stderr_of_a_failed_start(more: &[&str], environment: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let manifest = directory.path().join("namespaces.yaml");
    fs::write(&manifest, reviews::NAMESPACES).unwrap();
    let mut command = boundtoken(&["serve", "--listen=192.0.2.1:1", "--admin-listen=127.0.0.1:0"]);
    command.arg("--namespaces").arg(&manifest).arg("--tls-dir").arg(directory.path().join("tls"));
    let output = output(command.args(more).envs(environment.iter().copied()));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn colour_follows_the_flag() {
    assert!(stderr_of_a_failed_start(&["--color=always"], &[]).contains('\u{1b}'));
    for (more, environment) in [
        (["--color=never"], [("CLICOLOR_FORCE", "1")]),
        (["--color=auto"], [("NO_COLOR", "1")]),
        (["--color=auto"], [("TERM", "xterm")]),
    ] {
        let text = stderr_of_a_failed_start(&more, &environment);
        assert!(text.contains("self-made") && !text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn the_log_format_follows_the_flag() {
    let json = stderr_of_a_failed_start(&["--log-format=json"], &[]);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["message"], "serving a self-made certificate");
    let text = stderr_of_a_failed_start(&["--log-format=text"], &[]);
    assert!(text.lines().next().unwrap().contains(" INFO "), "{text}");
}

#[test]
fn the_log_level_follows_the_flag_and_the_environment() {
    for (more, environment) in [
        (["--log-level=error"].as_slice(), [("X", "y")]),
        (&[], [("BOUNDTOKEN_LOG_LEVEL", "error")]),
        (&["--log-level=info,boundtoken::certificates=off"], [("X", "y")]),
    ] {
        let text = stderr_of_a_failed_start(more, &environment);
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn version_and_usage_errors_have_exit_codes() {
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(run(&["serve", "--help"]).status.code(), Some(0));
    for wrong in [&[] as &[&str], &["serv"], &["serve", "--listn", "x"]] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn durations_have_a_range() {
    for (flag, time, expected) in [
        ("--shutdown-delay", "18446744073709551615", "must be 0 to 3600 seconds"),
        ("--shutdown-deadline", "3601s", "must be 0 to 3600 seconds"),
        ("--shutdown-deadline", "1m", "must be 0 to 3600 seconds"),
        ("--tick", "0", "must be 1 to 86400 seconds"),
        ("--tick", "18446744073709551615", "must be 1 to 86400 seconds"),
        ("--dwell", "86401", "must be 0 to 86400 seconds"),
        ("--serving-life", "9223372036854775807", "must be 1 to 315360000 seconds"),
    ] {
        let output = run(&["serve", flag, time]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(&format!("'{time}' for '{flag}")) && text.contains(expected), "{text}");
    }
}
