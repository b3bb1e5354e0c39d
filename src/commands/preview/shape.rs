//! The shape of objects, as far as plugin and webhook read them, so that a wrong one is found with its line.

use json_patch::jsonptr::PointerBuf;
use serde_json::Value;

/// What a value has to be; `null` counts as absent everywhere.
pub(super) enum Shape {
    /// Anything that the webhook does not read.
    Any,
    /// A map with these fields, among others.
    Map(&'static [(&'static str, Self)]),
    /// A list.
    List(&'static Self),
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

const CONTAINERS: Shape = Shape::List(&Shape::Map(&[
    ("name", Shape::Text),
    (
        "volumeMounts",
        Shape::List(&Shape::Map(&[
            ("name", Shape::Text),
            ("mountPath", Shape::Text),
            ("subPath", Shape::Text),
            ("subPathExpr", Shape::Text),
        ])),
    ),
    ("env", Shape::List(&Shape::Map(&[("name", Shape::Text), ("value", Shape::Text)]))),
]));

const VOLUMES: Shape = Shape::List(&Shape::Map(&[
    ("name", Shape::Text),
    ("secret", Shape::Map(&[("secretName", Shape::Text), ("defaultMode", Shape::Integer)])),
    (
        "projected",
        Shape::Map(&[
            ("defaultMode", Shape::Integer),
            (
                "sources",
                Shape::List(&Shape::Map(&[
                    (
                        "serviceAccountToken",
                        Shape::Map(&[
                            ("audience", Shape::Text),
                            ("expirationSeconds", Shape::Integer),
                            ("path", Shape::Text),
                        ]),
                    ),
                    ("configMap", Shape::Map(&[("name", Shape::Text)])),
                    ("downwardAPI", Shape::Map(&[("items", Shape::List(&Shape::Any))])),
                ])),
            ),
        ]),
    ),
]));

const METADATA: Shape = Shape::Map(&[("annotations", Shape::Map(&[])), ("labels", Shape::Map(&[]))]);

/// Any object.
pub(super) const OBJECT: Shape = Shape::Map(&[("metadata", METADATA)]);

/// A Pod or a Pod template.
pub(super) const POD: Shape = Shape::Map(&[
    ("metadata", METADATA),
    (
        "spec",
        Shape::Map(&[
            ("serviceAccountName", Shape::Text),
            ("serviceAccount", Shape::Text),
            ("automountServiceAccountToken", Shape::Boolean),
            ("volumes", VOLUMES),
            ("initContainers", CONTAINERS),
            ("containers", CONTAINERS),
        ]),
    ),
]);

impl Shape {
    /// The first value that is not what it has to be: its place, and what it has to be.
    pub(super) fn fault(&self, value: &Value) -> Option<(PointerBuf, &'static str)> {
        match (self, value) {
            (Self::Any, _)
            | (_, Value::Null)
            | (Self::Text, Value::String(_))
            | (Self::Boolean, Value::Bool(_)) => None,
            (Self::Integer, Value::Number(number)) if number.is_i64() => None,
            (Self::Map(fields), Value::Object(map)) => {
                fields.iter().find_map(|(name, shape)| within(*name, shape.fault(map.get(*name)?)))
            }
            (Self::List(shape), Value::Array(items)) => {
                items.iter().enumerate().find_map(|(index, item)| within(index, shape.fault(item)))
            }
            _ => Some((PointerBuf::root(), self.name())),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Map(_) => "a map",
            Self::List(_) => "a list",
            Self::Text => "a string",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
        }
    }
}

fn within<'t>(
    token: impl Into<json_patch::jsonptr::Token<'t>>,
    fault: Option<(PointerBuf, &'static str)>,
) -> Option<(PointerBuf, &'static str)> {
    fault.map(|(mut place, expected)| {
        place.push_front(token);
        (place, expected)
    })
}
