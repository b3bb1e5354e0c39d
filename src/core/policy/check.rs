//! Checks a single value of a key, without an object that sets it.

use crate::pod::token::ApiAudiences;

use super::diagnostics::Code;
use super::keys::Key;
use super::origin::Origin;
use super::value_error::quote;
use super::values::Context;

/// The mistakes in a value of a key, each with its code and the sentence of a refusal; none if it is valid.
pub fn check_value(key: Key, value: &str) -> Vec<(Code, String)> {
    let (value, api) = (value.trim(), ApiAudiences::default());
    let context = Context { origin: &Origin::Pod, api: &api };
    let errors = (key.entry().read)(value, &context).err().unwrap_or_default();
    let sentence = |item: Option<String>, quoted: Option<String>, sentence: &str| {
        let item = item.map(|item| format!("{item} ")).unwrap_or_default();
        format!("{key}: {item}{} {sentence}", quoted.unwrap_or_else(|| quote(value)))
    };
    errors
        .into_iter()
        .map(|error| (error.code, sentence(error.item, error.quoted, &error.sentence)))
        .collect()
}
