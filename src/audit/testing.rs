//! Pods and events for unit tests.

use time::{Duration, OffsetDateTime};

use super::event::{AuditEvent, LoggedPod, Staleness};
use super::inventory::{HeldToken, KnownPod, PodAdmission, PodLife, TokenClass, WorkloadName};

/// The service account of every Pod.
pub(super) const USER: &str = "system:serviceaccount:shop:web";

/// A time, in seconds after the moment at which every Pod begins.
pub(super) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::hours(500_000) + Duration::seconds(seconds)
}

pub(super) fn workload(kind: &str, name: &str) -> WorkloadName {
    WorkloadName { namespace: "shop".to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

/// A token of a container `app`.
pub(super) fn token(class: TokenClass) -> HeldToken {
    HeldToken {
        class,
        seconds: (class != TokenClass::Legacy).then_some(3600),
        audience: None,
        path: "/t/token".to_owned(),
        is_sub_path: false,
        containers: vec!["app".to_owned()],
    }
}

/// A Pod of the Deployment `web` with a token of a year.
pub(super) fn pod(uid: &str) -> KnownPod {
    KnownPod {
        uid: uid.to_owned(),
        name: format!("web-5d4f8c7b9-{uid:0>5}"),
        workload: workload("Deployment", "web"),
        job: None,
        account: "web".to_owned(),
        node: Some("node".to_owned()),
        addresses: vec![format!("10.0.0.{uid}")],
        created: at(0),
        life: PodLife { started: Some(at(0)), ended: None },
        tokens: [token(TokenClass::Year)].into(),
        has_unread_secret: false,
        admission: PodAdmission::default(),
        elsewhere: std::collections::BTreeSet::new(),
    }
}

/// A request of a Pod, with a token that is stale by `excess` seconds.
pub(super) fn request(uid: &str, seconds: i64, excess: u64) -> AuditEvent<'_> {
    AuditEvent {
        id: "request",
        time: Some(at(seconds)),
        logged: Some(at(seconds)),
        verb: "list",
        user: USER,
        pod: Some(LoggedPod { name: "web-5d4f8c7b9-abcde", uid }),
        staleness: if excess == 0 { Staleness::Fresh } else { Staleness::Stale(excess) },
        ..AuditEvent::default()
    }
}

/// The reads of a controller, twice an hour for as many hours.
pub(super) fn reads(hours: i64) -> Vec<AuditEvent<'static>> {
    let read = |half: i64| AuditEvent {
        id: "read",
        time: Some(at(half * 1800)),
        logged: Some(at(half * 1800)),
        verb: "watch",
        user: "system:serviceaccount:kube-system:controller",
        pod: Some(LoggedPod { name: "controller-0", uid: "controller" }),
        staleness: Staleness::Fresh,
        ..AuditEvent::default()
    };
    (0..=2 * hours).map(read).collect()
}
