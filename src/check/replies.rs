//! Checks of what each replica answers: its certificate, `/readyz?verbose` and its metrics.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::bundle::certificates;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, text};
use super::part::Part;
use super::renewal::{RESTART, Renewer};
use super::workload::max_connections;
use crate::certificates::{Certificate, Validity, trust};
use crate::clock;
use crate::shell::word;
use crate::telemetry::cut;

/// The name for which the API server verifies the certificates.
pub(super) const SERVICE_NAME: &str = "boundtoken.boundtoken.svc";

/// A certificate that ends sooner is reported, as by the alert `BoundtokenCertificateExpires`.
const SOON: Duration = Duration::days(7);

/// A watch without events for longer is reported, as by the alert `BoundtokenWatchOld`. The API server sends bookmarks
/// each minute.
const OLD: std::time::Duration = std::time::Duration::from_mins(2);

/// The percentage of lookups that may fail.
const FAILED_LOOKUPS: u64 = 10;

/// The number of failed lookups from which their percentage matters.
const SOME_LOOKUPS: u64 = 10;

/// The percentage of the connections that may be open.
const OPEN_CONNECTIONS: u64 = 90;

const fn check(
    id: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    judge: fn(&CheckEntry, &Installation) -> Vec<CheckOutcome>,
) -> CheckEntry {
    let (group, field, needs) = (CheckGroup::Replicas, "", &[Part::Pods, Part::Replies]);
    CheckEntry { id, group, title, meaning, remedy, field, needs, judge }
}

pub(super) const CHECKS: &[CheckEntry] = &[
    check(
        "replicas-port-forward",
        "the API server forwards ports to each running replica",
        "Otherwise kube-apiserver does not reach the kubelet of the Node, so that `kubectl logs` and `kubectl exec` \
         fail as well. boundtoken may work all the same, but the checks of this replica are left out.",
        "kubectl get nodes -o wide",
        port_forward,
    ),
    CheckEntry {
        needs: &[Part::Pods, Part::Replies, Part::Configurations],
        ..check(
            "replicas-certificate",
            "the caBundle verifies the certificate of each replica",
            "The certificate is that of a TLS handshake with this replica, verified for the name of the Service. \
             Otherwise the API server closes the connection, and refuses Pods in labelled Namespaces. boundtoken \
             repairs the caBundle within seconds, unless it lacks the rights or the certificates are yours.",
            RESTART,
            certificate,
        )
    },
    check(
        "replicas-certificate-validity",
        "the certificate of each replica is valid for another week",
        "A replica with an expired certificate is not ready. boundtoken renews its own certificates weeks before; \
         those that you manage, you renew.",
        RESTART,
        validity,
    ),
    check(
        "replicas-readyz",
        "each check of /readyz passes in each replica",
        "The API server does not call a replica of which one fails. The value is the failed check with its reason.",
        "kubectl -n boundtoken logs -l app.kubernetes.io/name=boundtoken --tail=50 --prefix",
        readyz,
    ),
    check(
        "replicas-watch",
        "each replica sees changes of Namespaces",
        "The value is the age of the last event of the watch. Without events for two minutes, a replica uses the \
         settings of that time. It applies where boundtoken watches Namespaces.",
        RESTART,
        watch,
    ),
    check(
        "replicas-connections",
        "each replica has room for connections",
        "A replica with as many connections as `--max-connections` closes one for each new one.",
        "kubectl -n boundtoken scale deployment boundtoken --replicas=3",
        connections,
    ),
    check(
        "replicas-lookups",
        "the API server answers the lookups of each replica",
        "A replica looks up Namespaces that its watch has not seen yet. Each failed lookup refuses a Pod. It is \
         reported if ten or more lookups since the start of the replica failed, and more than a tenth of all.",
        "kubectl -n boundtoken logs -l app.kubernetes.io/name=boundtoken --tail=50 --prefix",
        lookups,
    ),
];

/// The replicas to which the API server forwards ports.
fn replies(installation: &Installation) -> impl Iterator<Item = &Value> + Clone {
    installation.list(Part::Replies).iter().filter(|reply| reply.pointer("/answers/failed").is_none())
}

fn ready_replies(installation: &Installation) -> impl Iterator<Item = &Value> + Clone {
    replies(installation).filter(|reply| reply.get("isReady").and_then(Value::as_bool).unwrap_or_default())
}

fn pod(reply: &Value) -> &str {
    text(reply, "/pod")
}

/// The faults; without any, one outcome that is fine for so many replicas, or none if there are no replicas.
fn or_ok(faults: Vec<CheckOutcome>, replicas: usize) -> Vec<CheckOutcome> {
    match replicas {
        0 => faults,
        1 => CheckOutcome::ok().with_value("1 replica").unless(faults),
        _ => CheckOutcome::ok().with_value(format!("{replicas} replicas")).unless(faults),
    }
}

fn port_forward(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let all = installation.list(Part::Replies);
    let fault = |reply: &Value| {
        let reason = reply.pointer("/answers/failed")?.as_str()?;
        let sentence = format!("the API server cannot forward ports to replica {}", pod(reply));
        let command = format!("kubectl describe node {}", word(text(reply, "/node")));
        Some(CheckOutcome::warning(sentence).with_value(reason).with_command(command))
    };
    or_ok(all.iter().filter_map(fault).collect(), all.len())
}

fn certificate(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let is_valid = |root: &Certificate| root.validity.not_after > installation.now;
    let roots: Vec<Certificate> = certificates(installation).into_iter().flatten().filter(is_valid).collect();
    // Other checks find a bundle without valid certificates.
    if roots.is_empty() {
        return Vec::new();
    }
    // A replica that starts does not listen yet.
    let silent = |reply: &Value| {
        let reason = reply.pointer("/answers/handshake")?.as_str()?;
        let sentence = format!("the TLS handshake with replica {} fails", pod(reply));
        Some(CheckOutcome::error(sentence).with_value(reason))
    };
    let presents = |reply: &&Value| !items(reply, "/answers/chain").is_empty();
    let unverified = |reply: &Value| {
        let error = verify(reply, &roots, installation.now).err()?;
        let sentence = format!("the caBundle does not verify the certificate of replica {}", pod(reply));
        Some(
            CheckOutcome::error(sentence)
                .with_value(error)
                .with_command(Renewer::of(installation).of_bundle()),
        )
    };
    let presented = replies(installation).filter(presents);
    let verified = presented.clone().count();
    let faults: Vec<CheckOutcome> =
        ready_replies(installation).filter_map(silent).chain(presented.filter_map(unverified)).collect();
    or_ok(faults, verified)
}

/// Verifies the certificate of a replica at a moment within its validity, which is a check of its own.
fn verify(reply: &Value, roots: &[Certificate], now: OffsetDateTime) -> Result<(), String> {
    let chain: Vec<CertificateDer<'_>> = items(reply, "/answers/chain").iter().filter_map(decoded).collect();
    let validity = chain.first().and_then(Certificate::parse).map(|certificate| certificate.validity);
    let Validity { not_before, not_after } = validity.ok_or("it is not a certificate")?;
    let within = now.min(not_after.saturating_sub(Duration::SECOND)).max(not_before);
    trust::verify(&chain, roots, SERVICE_NAME, within)
}

fn decoded(certificate: &Value) -> Option<CertificateDer<'static>> {
    STANDARD.decode(certificate.as_str()?).ok().map(CertificateDer::from)
}

/// When the certificate of a replica is valid.
fn valid(reply: &Value) -> Option<Validity> {
    Some(Certificate::parse(&decoded(items(reply, "/answers/chain").first()?)?)?.validity)
}

fn validity(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(first) = replies(installation).filter_map(valid).map(|validity| validity.not_after).min() else {
        return Vec::new();
    };
    let fault = |reply: &Value| {
        let validity = valid(reply)?;
        let until = clock::text(validity.not_after);
        let outcome = if !validity.contains(installation.now) {
            CheckOutcome::error(format!("the certificate of replica {} is not valid", pod(reply)))
        } else if validity.not_after < installation.now.saturating_add(SOON) {
            CheckOutcome::warning(format!("the certificate of replica {} expires soon", pod(reply)))
        } else {
            return None;
        };
        let value = format!("from {} until {until}", clock::text(validity.not_before));
        Some(outcome.with_value(value).with_command(Renewer::of(installation).of_serving()))
    };
    let faults = replies(installation).filter_map(fault).collect();
    CheckOutcome::ok().with_value(format!("until {}", clock::text(first))).unless(faults)
}

fn readyz(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let passed = replies(installation).filter(|reply| !text(reply, "/answers/readyz").is_empty()).count();
    let silent = |reply: &Value| {
        let reason = reply.pointer("/answers/admin")?.as_str()?;
        let sentence = format!("replica {} does not answer on its admin port", pod(reply));
        Some(CheckOutcome::warning(sentence).with_value(reason))
    };
    let failed = |reply: &Value| {
        let failed: Vec<&str> =
            text(reply, "/answers/readyz").lines().filter_map(|line| line.strip_prefix("[-]")).collect();
        let sentence = format!("a check of /readyz fails in replica {}", pod(reply));
        (!failed.is_empty()).then(|| CheckOutcome::warning(sentence).with_value(cut(&failed.join(", "))))
    };
    let faults: Vec<CheckOutcome> = ready_replies(installation)
        .filter_map(silent)
        .chain(replies(installation).filter_map(failed))
        .collect();
    or_ok(faults, passed)
}

/// The whole part of a metric, given with its labels.
fn metric(reply: &Value, series: &str) -> Option<u64> {
    let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.split('.').next()?.parse().ok();
    text(reply, "/answers/metrics").lines().find_map(value)
}

/// Judges a number of each replica; the value of an outcome that is fine is that of the highest number.
fn numbers(
    installation: &Installation,
    number: &dyn Fn(&Value) -> Option<u64>,
    most: u64,
    sentence: &str,
    words: &dyn Fn(u64) -> String,
) -> Vec<CheckOutcome> {
    let numbers = || replies(installation).filter_map(|reply| Some((pod(reply), number(reply)?)));
    let Some(highest) = numbers().map(|(_, number)| number).max() else { return Vec::new() };
    let faults = numbers().filter(|(_, number)| *number > most).map(|(pod, number)| {
        CheckOutcome::warning(format!("replica {pod} {sentence}")).with_value(words(number))
    });
    CheckOutcome::ok().with_value(words(highest)).unless(faults.collect())
}

fn watch(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let age = |reply: &Value| metric(reply, "boundtoken_namespace_watch_age_seconds");
    numbers(installation, &age, OLD.as_secs(), "does not see changes of Namespaces", &|age| {
        format!("{age} s")
    })
}

fn connections(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let limit = max_connections(installation);
    let open = |reply: &Value| metric(reply, "boundtoken_connections");
    let sentence = "has nearly as many connections as it may have";
    let most = limit.saturating_mul(OPEN_CONNECTIONS) / 100;
    numbers(installation, &open, most, sentence, &|open| format!("{open} of {limit}"))
}

fn lookups(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let failed = |reply: &Value| {
        let result = |result: &str| {
            metric(reply, &format!("boundtoken_namespace_lookups_total{{result=\"{result}\"}}"))
        };
        let [unavailable, others @ ..] = ["unavailable", "settings", "not-opted-in"].map(result);
        let others = others.into_iter().flatten().fold(0, u64::saturating_add);
        // The counters begin with the replica, so that a few failures at its start are no sign.
        let unavailable = unavailable.filter(|failed| *failed >= SOME_LOOKUPS).unwrap_or_default();
        unavailable.saturating_mul(100).checked_div(unavailable.saturating_add(others))
    };
    let words = |percentage: u64| format!("{percentage} % failed");
    numbers(installation, &failed, FAILED_LOOKUPS, "cannot look up Namespaces", &words)
}
