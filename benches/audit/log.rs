//! A log like that of an API server at level `Metadata`, of any size.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// The number of Pods whose requests are in the log.
pub(crate) const PODS: u64 = 2000;

/// Milliseconds between two events, so that 100 MB cover a day.
const STEP: u64 = 1000;

/// The Namespace, the workload and the name of a Pod.
pub(crate) fn pod_names(pod: u64) -> [String; 3] {
    let workload = format!("web-{:03}", pod / 10);
    let name = format!("{workload}-5d4f8c7b9-{:05}", pod % 100_000);
    [format!("team-{:02}", pod / 100), workload, name]
}

/// The UID of a Pod.
pub(crate) fn pod_uid(pod: u64) -> String {
    uuid(pod, 1)
}

/// Writes events until the file has this size. Returns its size.
pub(crate) fn write(path: &Path, size: u64) -> u64 {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let (mut line, mut written, mut event) = (String::new(), 0, 0);
    while written < size {
        line.clear();
        write_event(&mut line, event);
        file.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
        event += 1;
    }
    file.flush().unwrap();
    written
}

/// Of ten events, six are of Pods, one is of a controller, two are of nodes, and one is of a person.
fn write_event(line: &mut String, event: u64) {
    match event % 10 {
        0..=5 => write_pod(line, event),
        6 => write_other(line, event, "system:serviceaccount:kube-system:replicaset-controller", CONTROLLER),
        7 | 8 => write_other(line, event, &format!("system:node:node-{:03}", event % 100), NODE),
        _ => write_other(line, event, "alice@example.com", PERSON),
    }
}

/// Groups and the name of the credential.
const CONTROLLER: [&str; 2] =
    [r#""system:serviceaccounts","system:serviceaccounts:kube-system","system:authenticated""#, "JTI"];
const NODE: [&str; 2] = [r#""system:nodes","system:authenticated""#, "X509SHA256"];
const PERSON: [&str; 2] = [
    r#""platform:admins","platform:developers","platform:on-call","team-00:owners","system:authenticated""#,
    "X509SHA256",
];

fn write_pod(line: &mut String, event: u64) {
    let pod = event.wrapping_mul(7919) % PODS;
    let [namespace, workload, name] = pod_names(pod);
    let user = format!("system:serviceaccount:{namespace}:{workload}");
    let groups =
        format!(r#""system:serviceaccounts","system:serviceaccounts:{namespace}","system:authenticated""#);
    let extra = format!(
        r#""authentication.kubernetes.io/credential-id":["JTI={}"],"authentication.kubernetes.io/node-name":["node-{:03}"],"authentication.kubernetes.io/node-uid":["{}"],"authentication.kubernetes.io/pod-name":["{name}"],"authentication.kubernetes.io/pod-uid":["{}"]"#,
        uuid(event / 3600, 4),
        pod % 100,
        uuid(pod % 100, 2),
        pod_uid(pod),
    );
    let stale = match pod % 50 {
        0 => format!(
            r#""authentication.k8s.io/stale-token":"subject: {user}, seconds after warning threshold: {}","#,
            event % 40_000 + 1
        ),
        _ => String::new(),
    };
    let agent = "web/v1.4.2 (linux/amd64) kubernetes/8f3d1a2 leader-election";
    let object = format!("/api/v1/namespaces/{namespace}/configmaps/settings-{:02}", event % 30);
    write_line(
        line,
        event,
        &Who { user: &user, groups: &groups, extra: &extra, agent, object: &object, stale: &stale },
    );
}

fn write_other(line: &mut String, event: u64, user: &str, [groups, credential]: [&str; 2]) {
    let extra = format!(
        r#""authentication.kubernetes.io/credential-id":["{credential}={}{}"]"#,
        uuid(event, 5),
        uuid(event, 6)
    );
    let agent = "kubelet/v1.37.2 (linux/amd64) kubernetes/8f3d1a2";
    let object =
        format!("/api/v1/namespaces/team-{:02}/pods/web-{:03}-5d4f8c7b9-{event:05}", event % 20, event % 200);
    write_line(line, event, &Who { user, groups, extra: &extra, agent, object: &object, stale: "" });
}

/// The parts in which events differ.
struct Who<'w> {
    user: &'w str,
    groups: &'w str,
    extra: &'w str,
    agent: &'w str,
    object: &'w str,
    stale: &'w str,
}

fn write_line(line: &mut String, event: u64, who: &Who<'_>) {
    let Who { user, groups, extra, agent, object, stale } = who;
    let milliseconds = event * STEP;
    let time = |extra: u64| {
        let (seconds, micros) = ((milliseconds / 1000) % 86_400, event % 1000 * 1000 + extra);
        let day = 20 + milliseconds / 86_400_000 % 10;
        format!(
            "2026-11-{day:02}T{:02}:{:02}:{:02}.{micros:06}Z",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    };
    let mut parts = object.rsplit('/');
    let (name, resource) = (parts.next().unwrap(), parts.next().unwrap());
    let namespace = parts.next().unwrap();
    writeln!(
        line,
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{}","stage":"ResponseComplete","requestURI":"{object}?resourceVersion={event}\u0026timeout=10s","verb":"get","user":{{"username":"{user}","uid":"{}","groups":[{groups}],"extra":{{{extra}}}}},"sourceIPs":["10.{}.{}.{}"],"userAgent":"{agent}","objectRef":{{"resource":"{resource}","namespace":"{namespace}","name":"{name}","uid":"{}","apiVersion":"v1","resourceVersion":"{event}"}},"responseStatus":{{"metadata":{{}},"code":200}},"requestReceivedTimestamp":"{}","stageTimestamp":"{}","annotations":{{{stale}"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by RoleBinding \"settings/{namespace}\" of Role \"settings\" to ServiceAccount \"{user}\""}}}}"#,
        uuid(event, 3),
        uuid(event % 997, 7),
        event % 200,
        event % 250,
        event % 240,
        uuid(event % 911, 8),
        time(0),
        time(412),
    )
    .unwrap();
}

/// A UUID that a number determines.
fn uuid(number: u64, kind: u64) -> String {
    let mixed = number.wrapping_add(kind << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        mixed >> 32,
        mixed >> 16 & 0xffff,
        mixed & 0xfff,
        kind & 0xfff,
        number & 0xffff_ffff_ffff
    )
}
