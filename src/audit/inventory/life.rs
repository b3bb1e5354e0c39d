//! The time in which the containers of a Pod that hold its tokens ran, from the status of the Pod.

use serde::Deserialize;
use time::OffsetDateTime;

use super::tokens::HeldToken;
use crate::audit::timestamp::parse;
use crate::pod::text::{Text, list, nullable, object, optional};

/// The status of a Pod, reduced to its addresses and to the times of its containers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    phase: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    start_time: Text<'a>,
    #[serde(borrow, default, rename = "podIPs", deserialize_with = "list")]
    pod_ips: Vec<PodIp<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    init_container_statuses: Vec<ContainerStatus<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    container_statuses: Vec<ContainerStatus<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    ephemeral_container_statuses: Vec<ContainerStatus<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodIp<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    ip: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    state: ContainerState<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    last_state: ContainerState<'a>,
}

/// The state of a container; without its fields it is waiting.
#[derive(Clone, Debug, Default, Deserialize)]
struct ContainerState<'a> {
    #[serde(borrow, default, deserialize_with = "optional")]
    running: Option<ContainerTimes<'a>>,
    #[serde(borrow, default, deserialize_with = "optional")]
    terminated: Option<ContainerTimes<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerTimes<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    started_at: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    finished_at: Text<'a>,
}

impl<'a> PodStatus<'a> {
    /// The addresses of the Pod.
    pub fn addresses(&self) -> Vec<String> {
        self.pod_ips.iter().map(|address| address.ip.as_str().to_owned()).collect()
    }

    fn containers(&self) -> impl Iterator<Item = &ContainerStatus<'a>> {
        let init = self.init_container_statuses.iter();
        init.chain(&self.container_statuses).chain(&self.ephemeral_container_statuses)
    }
}

impl ContainerStatus<'_> {
    /// The latest start.
    fn started(&self) -> Option<OffsetDateTime> {
        let states = [&self.state, &self.last_state];
        let times = states.into_iter().flat_map(|state| [&state.running, &state.terminated]);
        times.flatten().filter_map(|times| parse(times.started_at.as_str())).max()
    }

    fn finished(&self) -> Option<OffsetDateTime> {
        parse(self.state.terminated.as_ref()?.finished_at.as_str())
    }
}

/// The time in which a Pod can use its tokens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PodLife {
    /// The latest start of the containers that hold a token; `None` if they never ran.
    pub started: Option<OffsetDateTime>,
    /// The end of the last container, if all of them ended for good.
    pub ended: Option<OffsetDateTime>,
}

impl PodLife {
    /// The life of a Pod that was created at `created` and holds these tokens. Where the status lacks the start of
    /// the containers, that of the Pod counts, or its creation; a Pod that is pending has not started.
    pub fn of(status: &PodStatus<'_>, created: OffsetDateTime, tokens: &[HeldToken]) -> Self {
        let holds =
            |name: &str| tokens.iter().any(|token| token.containers.iter().any(|other| other == name));
        let holders = status.containers().filter(|container| holds(container.name.as_str()));
        let fallback = parse(status.start_time.as_str()).unwrap_or(created);
        let is_pending = status.phase.as_str() == "Pending";
        let started = holders.filter_map(ContainerStatus::started).max();
        let has_ended = matches!(status.phase.as_str(), "Succeeded" | "Failed");
        let end = status.containers().filter_map(ContainerStatus::finished).max();
        Self {
            started: started.or_else(|| (!is_pending).then_some(fallback)),
            ended: has_ended.then(|| end.unwrap_or(fallback)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::audit::inventory::TokenClass;

    fn at(hour: u64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_hours(hour)
    }

    fn text(hour: u64) -> String {
        crate::clock::text(at(hour))
    }

    /// The start and the end, in hours, of a Pod whose container `app` holds a token, created in hour 1.
    fn life(status: &Value) -> (Option<u64>, Option<u64>) {
        let token = HeldToken {
            class: TokenClass::Year,
            seconds: Some(1),
            audience: None,
            path: String::new(),
            is_sub_path: false,
            containers: vec!["app".to_owned()],
        };
        let status = status.to_string();
        let life = PodLife::of(&serde_json::from_str(&status).unwrap(), at(1), &[token]);
        let hours = |time: OffsetDateTime| u64::try_from(time.unix_timestamp()).unwrap() / 3600;
        (life.started.map(hours), life.ended.map(hours))
    }

    #[test]
    fn a_pod_starts_with_the_latest_container_that_holds_a_token() {
        let running =
            |name: &str, hour| json!({"name": name, "state": {"running": {"startedAt": text(hour)}}});
        let status = |list: &str| json!({"phase": "Running", "startTime": text(2), list: [running("app", 5), running("other", 9)]});
        for list in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
            assert_eq!(life(&status(list)), (Some(5), None), "{list}");
        }
    }

    #[test]
    fn a_container_that_waits_for_its_restart_started_before() {
        let waiting = json!({"name": "app", "state": {"waiting": {}}, "lastState": {"terminated": {"startedAt": text(7), "finishedAt": text(8)}}});
        assert_eq!(life(&json!({"phase": "Running", "containerStatuses": [waiting]})), (Some(7), None));
    }

    #[test]
    fn the_start_of_the_pod_or_its_creation_counts_without_that_of_a_container() {
        assert_eq!(life(&json!({"phase": "Running", "startTime": text(2)})), (Some(2), None));
        assert_eq!(life(&json!({"phase": "Running"})), (Some(1), None));
        assert_eq!(life(&json!({})), (Some(1), None));
    }

    #[test]
    fn a_pending_pod_never_ran() {
        let waiting = json!({"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}});
        let status = json!({"phase": "Pending", "startTime": text(2), "containerStatuses": [waiting]});
        assert_eq!(life(&status), (None, None));
    }

    #[test]
    fn a_finished_pod_ended_with_its_last_container() {
        let ended = |name: &str, end| json!({"name": name, "state": {"terminated": {"startedAt": text(3), "finishedAt": text(end)}}});
        let status = json!({"phase": "Succeeded", "containerStatuses": [ended("app", 4), ended("other", 6)]});
        assert_eq!(life(&status), (Some(3), Some(6)));
        assert_eq!(life(&json!({"phase": "Failed", "startTime": text(2)})), (Some(2), Some(2)), "evicted");
    }
}
