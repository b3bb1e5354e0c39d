//! Times in a snapshot, as RFC 3339.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use time::OffsetDateTime;

use crate::audit::timestamp::parse;
use crate::clock;
use crate::pod::text::start;

/// Longest part of a malformed time that an error quotes, in bytes.
const MAX_QUOTED: usize = 64;

/// Parses a time.
pub(super) fn parse_text<E: Error>(text: &str) -> Result<OffsetDateTime, E> {
    parse(text).ok_or_else(|| E::custom(format_args!("{:?} is not a time", start(text, MAX_QUOTED))))
}

pub(super) fn serialize<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::text(*time))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    parse_text(&String::deserialize(deserializer)?)
}

/// The same for times that may be absent.
pub(super) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};
    use time::OffsetDateTime;

    use crate::clock;

    #[expect(clippy::ref_option, reason = "serde passes the field")]
    pub(in crate::audit::snapshot) fn serialize<S: Serializer>(
        time: &Option<OffsetDateTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&clock::text(*time)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::audit::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<OffsetDateTime>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| super::parse_text(&text)).transpose()
    }
}
