//! Deserialises JSON like the API server's decoder, and borrows its strings.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};

/// Longest part of a string that an error quotes, in bytes. Messages are cut as a whole, and the line and the column
/// come last.
const MAX_QUOTED: usize = 64;

/// A string, borrowed unless the JSON contains escapes.
///
/// `Option<Cow<str>>` would always be a copy (serde-rs/json#587).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Deserialises `null` as the default value, like Go's decoder.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A `T` from a JSON object. A derived implementation would also accept an array.
struct FromMap<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FromMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
                Err(unexpected_text(text, &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        // `deserialize_map` would copy a string that is no map into its error.
        deserializer.deserialize_any(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// Deserialises an object or `null`.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<FromMap<T>>::deserialize(deserializer)?.map(|FromMap(value)| value))
}

/// Deserialises an object, and `null` as the default value.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(optional(deserializer)?.unwrap_or_default())
}

/// The items of a JSON list of objects.
struct Items<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsVisitor<T> {
            type Value = Vec<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a sequence")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
                Err(unexpected_text(text, &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(FromMap(item)) = list.next_element()? {
                    if items.is_empty() {
                        // A Vec would reserve room for four items, in thousands of lists of one.
                        items.reserve_exact(1);
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }

        deserializer.deserialize_any(ItemsVisitor(PhantomData)).map(Self)
    }
}

/// Deserialises a list of objects or `null`.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn optional_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Items<T>>::deserialize(deserializer)?.map(|Items(items)| items))
}

/// Deserialises a list of objects, and `null` as an empty list.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(optional_list(deserializer)?.unwrap_or_default())
}

/// Deserialises a boolean or `null`.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor { expected: "a boolean", value: PhantomData::<bool> })
}

/// Deserialises a whole number or `null`.
///
/// # Errors
/// When the value has another type, or the document is malformed.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor { expected: "i64", value: PhantomData::<i64> })
}

/// Visits a `T`, which is not a string, or `null`.
struct ScalarVisitor<T> {
    expected: &'static str,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ScalarVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(Some)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(Some)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(Some)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(Some)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        Err(unexpected_text(text, &self))
    }
}

/// The error for a string where another type is expected. Serde's own would copy the whole string, with
/// escapes of up to six times its size.
pub fn unexpected_text<E: Error>(text: &str, expected: &dyn Expected) -> E {
    E::invalid_type(Unexpected::Str(start(text, MAX_QUOTED)), expected)
}

/// The start of a text, in at most `max` bytes.
pub fn start(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}
