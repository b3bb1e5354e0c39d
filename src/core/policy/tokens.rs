//! Parses `tokens`: a YAML list of further tokens.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::pod::token::{ApiAudiences, Audience, Containers, TokenPath, Ttl};

use super::diagnostics::Code;
use super::duration;
use super::nearest::nearest;
use super::origin::Origin;
use super::value_error::{ValueError, did_you_mean, quote};
use super::values;
use super::values::Context;

/// Most tokens in one list.
const MAX_TOKENS: usize = 16;

/// Longest text on a Namespace, in bytes, which is kept in memory.
const MAX_ON_NAMESPACE: usize = 16 * 1024;

/// Longest text on a Pod, in bytes: room for [`MAX_TOKENS`] of the longest lists of containers. The API accepts
/// 256 KiB for all annotations together.
pub(super) const MAX_ON_POD: usize = 128 * 1024;

/// Most errors that are reported one by one.
const MAX_ERRORS: usize = 32;

/// Most nodes of the YAML text, several times what a full list needs.
const MAX_NODES: usize = 4096;

/// Deepest nesting of the YAML text: a list of maps with lists.
const MAX_DEPTH: usize = 8;

/// An item as messages show it.
const EXAMPLE: &str = "{audience: vault, path: /var/run/secrets/tokens/vault}";

/// The fields of an item.
const FIELDS: [&str; 5] = ["audience", "containers", "env", "path", "ttl"];

/// One item of the list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Item {
    pub(super) audience: Option<Audience>,
    pub(super) ttl: Option<Ttl>,
    pub(super) path: TokenPath,
    pub(super) containers: Containers,
    pub(super) env: Option<Arc<str>>,
}

/// Parses the list. Reports at most the first [`MAX_ERRORS`] errors, then the number of the others.
pub(super) fn tokens(text: &str, context: &Context<'_>) -> Result<Vec<Item>, Vec<ValueError>> {
    let (max, object) = match context.origin {
        Origin::Namespace(_) => (MAX_ON_NAMESPACE, "Namespace"),
        Origin::Pod => (MAX_ON_POD, "Pod"),
    };
    if text.len() > max {
        let sentence = format!("has {} bytes: must have at most {max} on a {object}", text.len());
        return Err(vec![ValueError::new(Code::Tokens, sentence)]);
    }
    let list = list(text).map_err(|error| vec![error])?;
    let mut items = Vec::new();
    let mut errors = Vec::new();
    if list.more > 0 {
        let count = list.first.len() + list.more;
        let sentence = format!("has {count} tokens: must have at most {MAX_TOKENS}");
        errors.push(ValueError::new(Code::Tokens, sentence));
    }
    for (index, value) in list.first.iter().enumerate() {
        match value.as_object().map(|map| Reader::new(index, map).item(context.api)) {
            Some(Ok(item)) => items.push(item),
            Some(Err(found)) => errors.extend(found),
            None => errors.push(
                ValueError::new(Code::Tokens, format!("is not a map: must be such as {EXAMPLE}"))
                    .in_item(format!("[{index}]"), &value.to_string()),
            ),
        }
    }
    let more = errors.len().saturating_sub(MAX_ERRORS);
    if more > 0 {
        errors.truncate(MAX_ERRORS);
        errors.push(ValueError::new(Code::Tokens, format!("has {more} more errors")));
    }
    if errors.is_empty() { Ok(items) } else { Err(errors) }
}

/// The items of a list, of which only [`MAX_TOKENS`] are kept.
#[derive(Debug, Default)]
struct TokenList {
    first: Vec<Value>,
    /// How many follow.
    more: usize,
}

impl<'de> Deserialize<'de> for TokenList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = TokenList;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<TokenList, A::Error> {
                let mut list = TokenList::default();
                while list.first.len() < MAX_TOKENS {
                    match items.next_element()? {
                        Some(item) => list.first.push(item),
                        None => return Ok(list),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    list.more += 1;
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(ListVisitor)
    }
}

fn list(text: &str) -> Result<TokenList, ValueError> {
    let invalid = |sentence: String| Err(ValueError::new(Code::Tokens, sentence));
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_depth: MAX_DEPTH, max_aliases: 0 },
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Option<TokenList>>(text, options) {
        // A comment or a byte order mark alone is no list. `[]` is one.
        Ok(None) => invalid("is empty: write a YAML list of tokens, or remove the annotation".to_owned()),
        Ok(Some(list)) => Ok(list),
        Err(error) => invalid(format!(
            "is not a valid YAML list of tokens ({}): must be a list such as [{EXAMPLE}]",
            place(&error)
        )),
    }
}

/// The position of a YAML error. The library's own message may quote the whole text.
fn place(error: &serde_saphyr::Error) -> String {
    error.location().map_or_else(
        || "as a whole".to_owned(),
        |location| format!("line {} column {}", location.line(), location.column()),
    )
}

/// Parses the fields of one item and collects the errors.
struct Reader<'m> {
    index: usize,
    map: &'m Map<String, Value>,
    errors: Vec<ValueError>,
}

impl<'m> Reader<'m> {
    fn new(index: usize, map: &'m Map<String, Value>) -> Self {
        Self { index, map, errors: Vec::new() }
    }

    fn item(mut self, api: &ApiAudiences) -> Result<Item, Vec<ValueError>> {
        self.check_names();
        let audience = self.read("audience", |text| values::audience(text, api));
        let ttl = self.read("ttl", duration::ttl);
        let path = self.read("path", values::path);
        let containers = self.read("containers", |text| values::container_names(text).map(Containers::Only));
        let env = self.read("env", values::env);
        match path {
            Some(path) if self.errors.is_empty() => {
                Ok(Item { audience, ttl, path, containers: containers.unwrap_or_default(), env })
            }
            _ => Err(self.errors),
        }
    }

    fn check_names(&mut self) {
        for name in self.map.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            let guess = nearest(name, FIELDS).map(quote);
            let sentence =
                format!("is not a valid field: must be one of {}{}", FIELDS.join(", "), did_you_mean(guess));
            self.errors
                .push(ValueError::new(Code::Tokens, sentence).in_item(format!("[{}]", self.index), name));
        }
        if !self.map.contains_key("path") {
            let sentence = "lacks path: each further token needs the path of its file";
            self.errors
                .push(ValueError::new(Code::Tokens, sentence).in_item("item", &format!("[{}]", self.index)));
        }
    }

    fn read<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, ValueError>) -> Option<T> {
        let value = self.map.get(name)?;
        let item = format!("[{}].{name}", self.index);
        let Some(text) = text(name, value) else {
            let error = ValueError::new(Code::Tokens, "is not a string: put it in quotes");
            self.errors.push(error.in_item(item, &value.to_string()));
            return None;
        };
        match parse(text.trim()) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.errors.push(error.in_item(item, &text));
                None
            }
        }
    }
}

/// The text of a field. YAML may parse an unquoted value as another type (`012` as a number), so only
/// strings, whole seconds and lists of container names are accepted.
fn text(name: &str, value: &Value) -> Option<String> {
    match (name, value) {
        (_, Value::String(text)) => Some(text.clone()),
        ("ttl", Value::Number(seconds)) => seconds.as_u64().map(|seconds| seconds.to_string()),
        ("containers", Value::Array(names)) => {
            let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
            names.map(|names| names.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, origin: &Origin) -> Result<Vec<Item>, Vec<ValueError>> {
        tokens(text, &Context { origin, api: &ApiAudiences::default() })
    }

    fn read(text: &str) -> Result<Vec<Item>, Vec<ValueError>> {
        parse(text, &Origin::Pod)
    }

    #[test]
    fn a_list_is_read_in_flow_and_in_block_style() {
        let flow = "[{audience: vault, ttl: 7200, path: /t/vault, containers: 'app, log', env: VAULT}]";
        let block =
            "- audience: vault\n  ttl: 2h\n  path: /t/vault\n  containers: [app, log]\n  env: VAULT\n";
        let expected = Item {
            audience: Some(Audience::Named("vault".into())),
            ttl: Ttl::from_seconds(7200),
            path: TokenPath { directory: "/t".into(), file: "vault".into() },
            containers: Containers::Only(["app".into(), "log".into()].into()),
            env: Some("VAULT".into()),
        };
        assert_eq!(read(flow), Ok(vec![expected.clone()]));
        assert_eq!(read(block), Ok(vec![expected]));
    }

    #[test]
    fn every_error_of_every_item_is_reported() {
        let errors = read("[{path: /t/a, ttl: 5m}, {audience: x, pth: /t/b}, {path: t, containers: {}}]");
        let items: Vec<_> = errors
            .expect_err("five errors")
            .into_iter()
            .map(|error| (error.item.unwrap_or_default(), error.quoted.unwrap_or_default(), error.code))
            .collect();
        let expected = [
            ("[0].ttl", "5m", Code::Range),
            ("[1]", "pth", Code::Tokens),
            ("item", "[1]", Code::Tokens),
            ("[2].path", "t", Code::Path),
            ("[2].containers", "{}", Code::Tokens),
        ];
        assert_eq!(items, expected.map(|(item, value, code)| (item.to_owned(), quote(value), code)));
    }

    #[test]
    fn the_number_of_errors_is_bounded() {
        let fields: Vec<_> = (0..100).map(|field| format!("k{field}: 1")).collect();
        let errors = read(&format!("[{{path: /t/a, {}}}]", fields.join(", "))).expect_err("many errors");
        assert_eq!(errors.len(), MAX_ERRORS + 1);
        assert_eq!(errors.last().map(|error| error.sentence.as_str()), Some("has 68 more errors"));
    }

    #[test]
    fn no_more_items_are_kept_than_a_list_may_have() {
        for count in [MAX_TOKENS, MAX_TOKENS + 1, 1000] {
            let list = list(&"- {path: t}\n".repeat(count)).unwrap();
            assert_eq!((list.first.len(), list.more), (MAX_TOKENS, count - MAX_TOKENS));
        }
        let errors = read(&"- {path: t}\n".repeat(100)).expect_err("too many");
        assert_eq!(errors.len(), 1 + MAX_TOKENS);
        assert_eq!(
            errors.first().map(|error| &*error.sentence),
            Some("has 100 tokens: must have at most 16")
        );
    }

    #[test]
    fn the_length_of_a_list_is_bounded() {
        let namespace = Origin::Namespace("shop".into());
        let padded = |length: usize| format!("[{{path: /t/a}}] #{}", " ".repeat(length));
        let (long, longer) = (padded(MAX_ON_NAMESPACE), padded(MAX_ON_POD));
        assert_eq!(read(&long).map(|items| items.len()), Ok(1));
        for errors in [parse(&long, &namespace), read(&longer), parse(&longer, &namespace)] {
            assert_eq!(errors.expect_err("too long").len(), 1);
        }
    }

    #[test]
    fn a_text_without_a_value_is_refused_like_an_empty_one() {
        for text in ["", "# x", "\u{feff}", "\u{feff}# x", "---", "null"] {
            let errors = read(text).expect_err(text);
            let sentences: Vec<_> = errors.iter().map(|error| error.sentence.as_str()).collect();
            assert_eq!(
                sentences,
                ["is empty: write a YAML list of tokens, or remove the annotation"],
                "{text:?}"
            );
        }
        assert_eq!(read("[]"), Ok(Vec::new()));
    }

    #[test]
    fn anything_but_a_list_of_maps_is_refused() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]";
        let deep = "[".repeat(10_000);
        let long = "- {path: /t/x}\n".repeat(17);
        for text in
            ["", "vault", "{path: /t/x}", "[[]]", "- path: /t/x\n  path: /t/y", "[", bomb, &deep, &long]
        {
            let errors = read(text).expect_err(text);
            assert_eq!(errors.first().map(|error| error.code), Some(Code::Tokens), "{text}");
        }
    }
}
