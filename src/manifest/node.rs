//! A YAML node with its position in the file.

use std::fmt;
use std::ops::Range;

use granit_parser::Marker;
use json_patch::jsonptr::Pointer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

/// A value and its position in the file.
///
/// A file may have four million nodes, so a node takes only 40 bytes: positions have 32 bits, as a file has
/// at most 64 MiB, and lists have no spare capacity. A [`Value`] takes three times as much.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) content: Content,
    position: TextPosition,
    start: u32,
    /// Length of the text in bytes; 0 for a map or list.
    length: u32,
}

/// A position in the text of a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextPosition {
    /// Line, counted from 1; for a map or list in block style that of its first entry.
    pub(super) line: u32,
    /// Column, counted from 1 in characters; for a map or list in block style that of its first entry.
    pub(super) column: u32,
}

impl TextPosition {
    /// The position that the parser reports.
    pub(super) fn of(marker: &Marker) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: number(marker.line()), column: number(marker.col().saturating_add(1)) }
    }
}

/// The content of a node.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    List(Box<[Node]>),
    Map(Box<[(Box<str>, Node)]>),
}

impl Node {
    /// A value without a position.
    pub(super) fn new(content: Content) -> Self {
        Self { content, position: TextPosition::default(), start: 0, length: 0 }
    }

    /// The value at another position.
    pub(super) fn at_position(self, position: TextPosition) -> Self {
        Self { position, ..self }
    }

    /// The value with the byte range of its text in the file.
    pub(super) fn with_range(self, range: Range<usize>) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(0);
        Self { start: number(range.start), length: number(range.len()), ..self }
    }

    /// The position in the text of the document.
    pub(super) fn position(&self) -> TextPosition {
        self.position
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Content::List(items) = &self.content { Some(items) } else { None }
    }

    /// The entries in the order of the file, if it is a map.
    pub fn as_map(&self) -> Option<&[(Box<str>, Self)]> {
        if let Content::Map(entries) = &self.content { Some(entries) } else { None }
    }

    /// The value of a key, or the item at an index.
    pub fn get(&self, token: &str) -> Option<&Self> {
        match &self.content {
            Content::List(items) => items.get(token.parse::<usize>().ok()?),
            Content::Map(entries) => entries.iter().find(|(key, _)| **key == *token).map(|(_, node)| node),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => None,
        }
    }

    /// The value at a pointer (RFC 6901).
    pub fn at(&self, pointer: &Pointer) -> Option<&Self> {
        pointer.tokens().try_fold(self, |node, token| node.get(&token.decoded()))
    }

    /// The value without positions, keys in the order of the file.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::from(&**text),
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                map.extend(entries.iter().map(|(key, node)| (key.to_string(), node.to_value())));
                Value::Object(map)
            }
        }
    }

    /// The byte range of its text in the file.
    pub(super) fn range(&self) -> Option<Range<usize>> {
        let (start, length) = (usize::try_from(self.start).ok()?, usize::try_from(self.length).ok()?);
        (length > 0).then_some(start..start + length)
    }
}

/// A type mismatch, such as `must be a string`. The message never contains a value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TypeError(String);

impl de::Error for TypeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(match expected.to_string().as_str() {
            "a sequence" => "must be a list".to_owned(),
            "an object" => "must be a map".to_owned(),
            "i64" => "must be a whole number".to_owned(),
            expected => format!("must be {expected}"),
        })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}

/// Deserialises a type from a node as from JSON, borrowing its strings.
impl<'de> Deserializer<'de> for &'de Node {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match &self.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => visitor.visit_i64(value),
                (None, Some(value)) => visitor.visit_u64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Content::Text(text) => visitor.visit_borrowed_str(text),
            Content::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Content::Map(entries) => {
                visitor.visit_map(MapDeserializer::new(entries.iter().map(|(key, node)| (&**key, node))))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'de> IntoDeserializer<'de, TypeError> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
