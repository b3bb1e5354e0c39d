//! Reads events of level `Metadata` as an API server writes them, several times faster than a parse of their JSON.
//!
//! Go writes the fields in the order of the struct `Event` (`k8s.io/apiserver/pkg/apis/audit/v1/types.go`), and the
//! entries of maps in the order of their keys. JSON escapes the quotes in strings, so a pattern with the quotes of two
//! fields occurs between fields only. An event with any other form is left to [`super::record`].

use memchr::memmem::Finder;
use memchr::{memchr, memchr2, memrchr};

use super::record::Wrapper;
use crate::audit::event::{AuditEvent, LoggedPod, Staleness};
use crate::audit::timestamp;

/// The fields before the level, which events in a list lack.
const KIND: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","#;

/// The level, and the next field.
const LEVEL: &[u8] = br#""level":"Metadata","auditID":""#;

/// The field after the user agent of a request that concerns no object.
const STATUS: &[u8] = br#","responseStatus":{"#;

/// Reads such events.
pub(super) struct PlainReader {
    verb: Finder<'static>,
    object: Finder<'static>,
    sources: Finder<'static>,
    pod_name: Finder<'static>,
    pod_uid: Finder<'static>,
    status: Finder<'static>,
    received: Finder<'static>,
    stale: Finder<'static>,
}

impl PlainReader {
    pub(super) fn new() -> Self {
        Self {
            verb: Finder::new(r#"","verb":""#),
            object: Finder::new(r#"},""#),
            sources: Finder::new(r#"},"sourceIPs":[""#),
            pod_name: Finder::new(r#""authentication.kubernetes.io/pod-name":[""#),
            pod_uid: Finder::new(r#""authentication.kubernetes.io/pod-uid":[""#),
            status: Finder::new(STATUS),
            received: Finder::new(r#","requestReceivedTimestamp":""#),
            stale: Finder::new(r#""authentication.k8s.io/stale-token":""#),
        }
    }

    /// The event of a line; `None` if the line has any other form.
    pub(super) fn event<'e>(&self, line: &'e [u8], wrapper: Wrapper<'e>) -> Option<AuditEvent<'e>> {
        let start = line.strip_prefix(KIND).or_else(|| line.strip_prefix(b"{"))?;
        let mut text = Cursor(start.strip_prefix(LEVEL)?);
        let id = text.string()?;
        let stage = text.after(br#","stage":""#)?.string()?;
        text.until(&self.verb)?;
        let verb = text.string()?;
        let user = text.after(br#","user":{"username":""#)?.string()?;
        let extra = text.until(&self.sources)?;
        let pod = self.pod(extra)?;
        let source_ip = text.last_of_list()?;
        let user_agent = text.after(br#","userAgent":""#)?.string()?;
        let resource = if text.0.starts_with(STATUS) {
            ""
        } else {
            text.after(br#","objectRef":{"resource":""#)?.string()?
        };
        let code = self.code(text.until(&self.received)?)?;
        let received = timestamp::parse(text.string()?);
        let staged = timestamp::parse(text.after(br#","stageTimestamp":""#)?.string()?);
        Some(AuditEvent {
            id,
            time: received.or(staged).or(wrapper.time),
            logged: staged.or(received).or(wrapper.time),
            verb,
            user,
            pod,
            source_ip,
            user_agent,
            code,
            is_start: stage == "ResponseStarted",
            is_review: verb == "create" && resource == "tokenreviews",
            staleness: self.staleness(text.0, user)?,
            server: wrapper.server,
        })
    }

    /// The Pod in the rest of the user.
    #[expect(clippy::option_option, reason = "the outer one is of a line with another form")]
    fn pod<'e>(&self, user: &'e [u8]) -> Option<Option<LoggedPod<'e>>> {
        // Another object before the addresses, such as the impersonated user, may have such fields as well.
        if self.object.find(user).is_some() {
            return None;
        }
        let name = value(&self.pod_name, user)?.unwrap_or_default();
        let uid = value(&self.pod_uid, user)?.filter(|uid| !uid.is_empty());
        Some(uid.map(|uid| LoggedPod { name, uid }))
    }

    /// The status code in the fields between the object and the times. It is the last field of the status.
    #[expect(clippy::option_option, reason = "the outer one is of a line with another form")]
    fn code(&self, fields: &[u8]) -> Option<Option<u16>> {
        if self.status.find(fields).is_none() {
            return Some(None);
        }
        let status = fields.strip_suffix(b"}")?;
        let (before, digits) = status.split_at_checked(memrchr(b':', status)? + 1)?;
        let code: u16 = str::from_utf8(digits).ok()?.parse().ok()?;
        before.ends_with(br#","code":"#).then_some(Some(code).filter(|code| *code > 0))
    }

    /// Whether the token was stale, from the end of the line.
    fn staleness(&self, end: &[u8], user: &str) -> Option<Staleness> {
        if end == b"}" {
            return Some(Staleness::Unknown);
        }
        let annotations = end.strip_prefix(br#","annotations":{"#)?.strip_suffix(b"}}")?;
        Some(Staleness::parse(value(&self.stale, annotations)?, user))
    }
}

/// The string after a pattern; `Some(None)` without the pattern, and `None` if it has any other form.
#[expect(clippy::option_option, reason = "the outer one is of a line with another form")]
fn value<'e>(pattern: &Finder<'_>, text: &'e [u8]) -> Option<Option<&'e str>> {
    let mut text = Cursor(text);
    match text.until(pattern) {
        Some(_) => text.string().map(Some),
        None => Some(None),
    }
}

/// The rest of a line.
struct Cursor<'e>(&'e [u8]);

impl<'e> Cursor<'e> {
    /// Moves behind a text, if it is next.
    fn after(&mut self, text: &[u8]) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(text)?;
        Some(self)
    }

    /// The bytes before a pattern. Moves behind the pattern.
    fn until(&mut self, pattern: &Finder<'_>) -> Option<&'e [u8]> {
        let (before, rest) = self.0.split_at_checked(pattern.find(self.0)?)?;
        self.0 = rest.get(pattern.needle().len()..)?;
        Some(before)
    }

    /// The rest of a string without escapes. Moves behind its quote.
    fn string(&mut self) -> Option<&'e str> {
        let (before, rest) = self.0.split_at_checked(memchr2(b'"', b'\\', self.0)?)?;
        self.0 = rest.strip_prefix(b"\"")?;
        str::from_utf8(before).ok()
    }

    /// The last string of a list whose first quote is behind. Moves behind the list.
    fn last_of_list(&mut self) -> Option<&'e str> {
        let (strings, rest) = self.0.split_at_checked(memchr(b']', self.0)?)?;
        self.0 = rest.get(1..)?;
        let strings = strings.strip_suffix(b"\"")?;
        let last = memrchr(b'"', strings).map_or(Some(strings), |quote| strings.get(quote + 1..))?;
        str::from_utf8(last).ok().filter(|_| memchr(b'\\', strings).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::LogRecord;
    use super::*;

    const LOGS: [&str; 2] = [
        include_str!("../../../tests/audit-log/kube-apiserver.jsonl"),
        include_str!("../../../tests/audit-log/api-server.jsonl"),
    ];

    const WRAPPER: Wrapper<'_> = Wrapper { time: None, server: "a" };

    /// What a whole parse of the JSON reads.
    fn parsed(line: &[u8]) -> Option<String> {
        let (record, result) = LogRecord::read(line);
        result.ok()?;
        record.event(WRAPPER).map(|event| format!("{event:?}"))
    }

    fn read(line: &[u8]) -> Option<String> {
        PlainReader::new().event(line, WRAPPER).map(|event| format!("{event:?}"))
    }

    fn lines() -> impl Iterator<Item = &'static str> {
        LOGS.iter().flat_map(|log| log.lines())
    }

    #[test]
    fn an_event_has_the_fields_of_a_whole_parse() {
        let mut count = 0;
        for line in lines() {
            if let Some(found) = read(line.as_bytes()) {
                assert_eq!(Some(found), parsed(line.as_bytes()), "{line}");
                count += 1;
            }
            let in_list = line.replacen(r#""kind":"Event","apiVersion":"audit.k8s.io/v1","#, "", 1);
            assert_eq!(read(in_list.as_bytes()), read(line.as_bytes()), "{line}");
        }
        // Requests without a user have another form.
        assert!(count >= 25, "{count} of {}", lines().count());
    }

    /// Each part is left out, doubled, or replaced: the event is that of a whole parse, or is left to it.
    #[test]
    fn a_line_with_another_form_is_not_misread() {
        let pieces = [
            r#""impersonatedUser":{"username":"system:serviceaccount:a:b"},"#,
            r#""requestObject":{"user":{"username":"x"},"code":401,"requestReceivedTimestamp":"y"},"#,
            r#"","verb":""#,
            r#"\","#,
            r#"\\","verb":"x"#,
            "\u{e9}",
            "}",
            "",
        ];
        for line in lines().take(12) {
            let parts: Vec<&str> = line.split_inclusive(',').collect();
            for (index, part) in parts.iter().enumerate() {
                for piece in pieces.iter().copied().chain([*part]) {
                    for new in [piece.to_owned(), format!("{part}{piece}"), format!("{piece}{part}")] {
                        let line = [&parts[..index], &[new.as_str()], &parts[index + 1..]].concat().concat();
                        if let (Some(found), Some(expected)) =
                            (read(line.as_bytes()), parsed(line.as_bytes()))
                        {
                            assert_eq!(found, expected, "{line}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_that_is_cut_is_left_to_the_whole_parse() {
        for line in lines() {
            for end in 0..line.len() {
                assert_eq!(read(line.get(..end).unwrap_or_default().as_bytes()), None, "{line} at {end}");
            }
        }
    }
}
