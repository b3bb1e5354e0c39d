//! A JSON schema of the annotations, for editors.

use serde_json::{Map, Value, json};

use super::keys::{self, Entry, Form, PREFIX};

/// The schema (draft 2020-12) of `metadata.annotations`.
///
/// It accepts every value that the parser accepts, without white space around it. It cannot express all
/// the rules: the parser refuses more, such as lifetimes out of range.
pub fn annotations() -> Value {
    let properties: Map<String, Value> =
        keys::all().map(|entry| (entry.name.to_owned(), property(entry))).collect();
    let names: Vec<&str> = keys::all().map(|entry| entry.name).collect();
    let exclusive = keys::all().filter_map(|entry| Some([entry.name, entry.excludes?.name()]));
    let exclusive: Vec<Value> = exclusive.map(|pair| json!({"not": {"required": pair}})).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Annotations of boundtoken",
        "description": "metadata.annotations of a Namespace, a Pod or a Pod template",
        "type": "object",
        "properties": properties,
        "propertyNames": {
            "if": {"pattern": format!("^{}", PREFIX.replace('.', "\\."))},
            "then": {"enum": names},
        },
        "allOf": exclusive,
    })
}

fn property(entry: &Entry) -> Value {
    let mut property = Map::new();
    let description = format!("{} Value: {}. Default: {}.", entry.meaning, entry.value(), entry.default);
    property.insert("description".to_owned(), description.into());
    property.insert("type".to_owned(), "string".into());
    match entry.form {
        Form::Words(words) => {
            property.insert("enum".to_owned(), words().into());
        }
        Form::Text { max_length, pattern, .. } => {
            property.insert("pattern".to_owned(), pattern.into());
            // The schema counts characters: at most as many as bytes.
            property.insert("maxLength".to_owned(), max_length.into());
        }
    }
    property.insert("examples".to_owned(), json!([entry.example]));
    Value::Object(property)
}
