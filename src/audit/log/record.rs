//! The fields of a record that can matter, in every shape of a log, in one pass and as far as the text goes.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::audit::event::{AuditEvent, LoggedPod, Staleness};
use crate::audit::timestamp;
use crate::pod::text::{Text, nullable, object};

/// What the wrapper of a record says about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wrapper<'w> {
    /// The time of the record.
    pub(super) time: Option<OffsetDateTime>,
    /// The API server that wrote it; empty if it is not known.
    pub(super) server: &'w str,
}

/// A record: an event of `audit.k8s.io/v1`, a `LogEntry` of Google Cloud, a row of a table of Azure Monitor, or an
/// object with an event in a string.
#[derive(Debug, Default)]
pub(super) struct LogRecord<'a> {
    /// `auditID`; `None` in any other shape.
    pub(super) id: Option<Text<'a>>,
    stage: Text<'a>,
    verb: Text<'a>,
    user: LoggedUser<'a>,
    source_ips: Vec<Text<'a>>,
    user_agent: Text<'a>,
    object: LoggedObject<'a>,
    status: LoggedStatus,
    received: Text<'a>,
    staged: Text<'a>,
    annotations: Option<LoggedAnnotations<'a>>,
    /// The value that holds an event: a string with its JSON text, or the object itself.
    pub(super) wrapped: Option<&'a RawValue>,
    /// `insertId` of a `LogEntry`.
    entry_id: Text<'a>,
    /// The log stream or Pod of an API server.
    server: Text<'a>,
    /// The time in a wrapper or `LogEntry`.
    pub(super) outer_time: Option<&'a RawValue>,
    /// `protoPayload` of a `LogEntry`.
    pub(super) payload: Option<ProtoPayload<'a>>,
    /// Whether it is a row of the table `AKSAudit` or `AKSAuditAdmin`.
    pub(super) is_row: bool,
}

#[derive(Debug, Default, Deserialize)]
struct LoggedUser<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    username: Text<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    extra: LoggedExtra<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct LoggedExtra<'a> {
    #[serde(
        borrow,
        default,
        rename = "authentication.kubernetes.io/pod-name",
        deserialize_with = "nullable"
    )]
    pod_names: Vec<Text<'a>>,
    #[serde(borrow, default, rename = "authentication.kubernetes.io/pod-uid", deserialize_with = "nullable")]
    pod_uids: Vec<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct LoggedObject<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    resource: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct LoggedStatus {
    #[serde(default, deserialize_with = "nullable")]
    code: i64,
}

#[derive(Debug, Default, Deserialize)]
struct LoggedAnnotations<'a> {
    #[serde(borrow, default, rename = "authentication.k8s.io/stale-token")]
    stale: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct LoggedProperties<'a> {
    #[serde(borrow, default)]
    log: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pod: Text<'a>,
}

/// `google.cloud.audit.AuditLog`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProtoPayload<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    authentication_info: AuthenticationInfo<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    method_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    request_metadata: RequestMetadata<'a>,
    #[serde(default, deserialize_with = "object")]
    status: LoggedStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationInfo<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    principal_email: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestMetadata<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    caller_ip: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    caller_supplied_user_agent: Text<'a>,
}

impl<'a> LogRecord<'a> {
    /// Reads a record. After an error, the record has the fields before it.
    pub(super) fn read(bytes: &'a [u8]) -> (Self, serde_json::Result<()>) {
        let mut record = Self::default();
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let result = (&mut record).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        (record, result)
    }

    /// The log stream that the start of a document names for all of its records; empty if it names none.
    pub(super) fn stream(start: &'a [u8]) -> Text<'a> {
        Self::read(start).0.server
    }

    /// The event, if the record is one. It takes its time from the wrapper if it lost its own.
    pub(super) fn event<'e>(&'e self, wrapper: Wrapper<'e>) -> Option<AuditEvent<'e>> {
        let user = self.user.username.as_str();
        let uid = self.user.extra.pod_uids.first().map(Text::as_str).filter(|uid| !uid.is_empty());
        let name = self.user.extra.pod_names.first().map(Text::as_str).unwrap_or_default();
        let verb = self.verb.as_str();
        let (received, staged) =
            (timestamp::parse(self.received.as_str()), timestamp::parse(self.staged.as_str()));
        Some(AuditEvent {
            id: self.id.as_ref()?.as_str(),
            time: received.or(staged).or(wrapper.time),
            logged: staged.or(received).or(wrapper.time),
            verb,
            user,
            pod: uid.map(|uid| LoggedPod { name, uid }),
            source_ip: self.source_ips.last().map(Text::as_str).unwrap_or_default(),
            user_agent: self.user_agent.as_str(),
            code: u16::try_from(self.status.code).ok().filter(|code| *code > 0),
            is_start: self.stage.as_str() == "ResponseStarted",
            is_review: verb == "create" && self.object.resource.as_str() == "tokenreviews",
            staleness: self.staleness(user),
            server: self.wrapper(wrapper).server,
        })
    }

    /// The event, if the record is a `LogEntry`.
    pub(super) fn google(&self) -> Option<AuditEvent<'_>> {
        let payload = self.payload.as_ref()?;
        let method = payload.method_name.as_str();
        let (resource, verb) = method.rsplit_once('.')?;
        let user = payload.authentication_info.principal_email.as_str();
        // `google.rpc.Code`: 16 is UNAUTHENTICATED, 7 is PERMISSION_DENIED.
        let code = match payload.status.code {
            0 => 200,
            7 => 403,
            16 => 401,
            _ => 500,
        };
        let time = self.outer_time().or_else(|| timestamp::parse(self.received.as_str()));
        Some(AuditEvent {
            id: self.entry_id.as_str(),
            time,
            logged: time,
            verb,
            user: if code == 401 { "" } else { user },
            source_ip: payload.request_metadata.caller_ip.as_str(),
            user_agent: payload.request_metadata.caller_supplied_user_agent.as_str(),
            code: Some(code),
            is_review: verb == "create" && resource.ends_with(".tokenreviews"),
            staleness: self.staleness(user),
            ..AuditEvent::default()
        })
    }

    /// The time in a wrapper: RFC 3339, or milliseconds since 1970.
    pub(super) fn outer_time(&self) -> Option<OffsetDateTime> {
        let value = self.outer_time?.get();
        match value.parse() {
            Ok(milliseconds) => timestamp::from_milliseconds(milliseconds),
            Err(_) => timestamp::parse(value.trim_matches('"')),
        }
    }

    /// What this record says about the one that it wraps, which `outer` wraps as well.
    pub(super) fn wrapper<'w>(&'w self, outer: Wrapper<'w>) -> Wrapper<'w> {
        let server = if self.server.as_str().is_empty() { outer.server } else { self.server.as_str() };
        Wrapper { time: self.outer_time().or(outer.time), server }
    }

    /// The wrapped text: the content of a string, or a value as it is.
    pub(super) fn wrapped(&self) -> Option<Cow<'a, str>> {
        let value = self.wrapped?.get();
        if value.starts_with('"') {
            serde_json::from_str(value).ok().map(Cow::Owned)
        } else {
            Some(value.into())
        }
    }

    fn staleness(&self, user: &str) -> Staleness {
        let annotations = self.annotations.as_ref();
        annotations.map_or(Staleness::Unknown, |annotations| {
            Staleness::parse(annotations.stale.as_ref().map(Text::as_str), user)
        })
    }

    /// Reads the value of a field.
    fn read_field<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "auditID" => self.id = Some(map.next_value()?),
            "stage" => self.stage = map.next_value()?,
            "verb" => self.verb = map.next_value()?,
            "user" => self.user = map.next_value()?,
            "sourceIPs" => self.source_ips = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "userAgent" => self.user_agent = map.next_value()?,
            "objectRef" => self.object = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "responseStatus" => self.status = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "requestReceivedTimestamp" | "receiveTimestamp" => self.received = map.next_value()?,
            "stageTimestamp" => self.staged = map.next_value()?,
            "annotations" | "labels" => self.annotations = map.next_value()?,
            "message" | "@message" | "log_s" | "value" => self.wrapped = Some(map.next_value()?),
            "properties" => {
                let properties: Option<LoggedProperties<'a>> = map.next_value()?;
                let properties = properties.unwrap_or_default();
                (self.wrapped, self.server) = (properties.log, properties.pod);
            }
            "logStream" | "logStreamName" | "@logStream" => self.server = map.next_value()?,
            "insertId" => self.entry_id = map.next_value()?,
            "timestamp" | "time" | "@timestamp" => self.outer_time = Some(map.next_value()?),
            "protoPayload" => self.payload = map.next_value()?,
            "AuditId" => self.is_row = map.next_value::<IgnoredAny>().map(|_| true)?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut LogRecord<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut LogRecord<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Text<'de>>()? {
            self.read_field(name.as_str(), &mut map)?;
        }
        Ok(())
    }
}
