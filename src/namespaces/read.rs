//! Reads a manifest of Namespaces, document by document.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use serde_saphyr::{Error as YamlError, Options, Spanned};

use super::manifest::{Metadata, Object, Ours, Scalar};
use super::mistake::{FileError, Mistake};
use super::{ENABLED, LABEL, SettingsByName};
use crate::policy::{Defaults, NamespaceSettings};

/// Settings by the hash of a Namespace's name and annotations: what did not change is not parsed,
/// and not held in memory, a second time.
pub type Known = HashMap<u64, Arc<NamespaceSettings>>;

/// Reads the Namespaces that opted in, and what to pass the next time.
///
/// # Errors
/// Each mistake is a [`FileError`] or [`Mistake`] of its own.
pub fn read(
    path: &Path,
    defaults: &Arc<Defaults>,
    before: &Known,
) -> Result<(SettingsByName, Known), FileError> {
    let file = open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::Unreadable(path.to_owned(), error),
    })?;
    let wrong = |(line, mistake)| FileError::Wrong { file: path.to_owned(), line, mistake };
    read_manifest(BufReader::new(file), defaults, before).map_err(wrong)
}

/// Linux opens a directory like a file and fails only later, without a name.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

/// Document by document, so that a large file never stands in memory as a whole.
fn read_manifest(
    mut content: impl Read,
    defaults: &Arc<Defaults>,
    before: &Known,
) -> Result<(SettingsByName, Known), Located> {
    let (seen, settings, known) = Default::default();
    let mut manifest = Manifest { seen, settings, known, before, defaults };
    for document in serde_saphyr::read_with_options::<_, Spanned<Object>>(&mut content, limits()) {
        manifest.add(document.map_err(|error| mistake(&error))?, None)?;
    }
    if manifest.seen.is_empty() { Err((1, Mistake::Empty)) } else { Ok((manifest.settings, manifest.known)) }
}

/// A line and what is wrong there.
type Located = (u64, Mistake);

struct Manifest<'d> {
    seen: HashSet<Box<str>>,
    settings: SettingsByName,
    known: Known,
    before: &'d Known,
    defaults: &'d Arc<Defaults>,
}

impl Manifest<'_> {
    /// Items of a `NamespaceList` may leave their kind out.
    fn add(&mut self, object: Spanned<Object>, implied: Option<&str>) -> Result<(), Located> {
        let line = object.referenced.line();
        let Object { kind, metadata, items } = object.value;
        match kind.as_deref().or(implied) {
            Some("Namespace") => self.add_namespace(metadata.unwrap_or_default(), line),
            Some("List") => self.add_all(items, None),
            Some("NamespaceList") => self.add_all(items, Some("Namespace")),
            Some(other) => Err((line, Mistake::Kind(other.to_owned()))),
            None => Err((line, Mistake::NoObject("its kind is missing".to_owned()))),
        }
    }

    fn add_all(&mut self, items: Option<Vec<Spanned<Object>>>, implied: Option<&str>) -> Result<(), Located> {
        items.unwrap_or_default().into_iter().try_for_each(|item| self.add(item, implied))
    }

    fn add_namespace(&mut self, metadata: Metadata, line: u64) -> Result<(), Located> {
        let Metadata { name, labels, annotations } = metadata;
        let name = name.filter(|name| !name.is_empty()).ok_or((line, Mistake::Nameless))?;
        let labels = texts(labels)?;
        let annotations = texts(annotations)?;
        if !self.seen.insert(name.as_str().into()) {
            return Err((line, Mistake::Duplicate(name)));
        }
        if labels.iter().any(|(key, value)| key == LABEL && value == ENABLED) {
            let settings = self.settings_of(&name, &annotations);
            self.settings.insert(name.into(), settings);
        }
        Ok(())
    }

    fn settings_of(&mut self, name: &str, annotations: &[(String, String)]) -> Arc<NamespaceSettings> {
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one((name, annotations));
        let settings = self.before.get(&hash).cloned().unwrap_or_else(|| {
            let annotations = annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            Arc::new(NamespaceSettings::parse(name, annotations, self.defaults))
        });
        self.known.insert(hash, Arc::clone(&settings));
        settings
    }
}

/// Entries that are strings, as the API server wants them.
fn texts(entries: Option<Ours>) -> Result<Vec<(String, String)>, Located> {
    let entries = entries.unwrap_or_default().0.into_iter();
    entries
        .map(|(key, entry)| match entry.value {
            Scalar::Text(text) => Ok((key, text)),
            Scalar::NoString { what, quoted } => {
                let quoted = meant(&key, quoted);
                Err((entry.referenced.line(), Mistake::NoString { key, what, quoted }))
            }
        })
        .collect()
}

/// YAML 1.1, which kubectl reads, takes `off` for `false` and `yes` for `true`.
fn meant(key: &str, quoted: String) -> String {
    match (key, quoted.as_str()) {
        (LABEL, "\"true\"") => format!("{ENABLED:?}"),
        ("boundtoken.dev/mode", "\"false\"") => "\"off\"".to_owned(),
        _ => quoted,
    }
}

/// Roomy enough for every Namespace of the largest clusters, tight enough for aliases that multiply.
fn limits() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1_000_000,
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_recorded_anchor_events: 10_000,
        },
        with_snippet: false,
    }
}

/// Never quotes the file: it may hold what does not belong into logs.
fn mistake(error: &YamlError) -> Located {
    let line = error.location().map_or(1, |location| location.line());
    let no_object = match error.without_snippet() {
        YamlError::Unexpected { expected, .. } => Some(format!("{expected} is expected here")),
        YamlError::SerdeInvalidType { expected, .. } => Some(format!("{expected} is expected here")),
        YamlError::DuplicateMappingKey { .. } => Some("a key stands here a second time".to_owned()),
        _ => None,
    };
    match no_object {
        Some(reason) => (line, Mistake::NoObject(reason)),
        None => (line, Mistake::NoYaml(reason(error))),
    }
}

/// The reason without the position, which stands before it already.
fn reason(error: &YamlError) -> String {
    let text = match error.without_snippet() {
        YamlError::IOError { cause } => cause.to_string(),
        error => error.to_string(),
    };
    let text = text.split_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that opted in, or the mistake with its line.
    fn read_text(text: &str) -> Result<Vec<String>, String> {
        let settings = read_manifest(text.as_bytes(), &Arc::default(), &Known::new());
        let (settings, _) = settings.map_err(|(line, mistake)| format!("{line}: {mistake}"))?;
        let mut names: Vec<String> = settings.into_keys().map(String::from).collect();
        names.sort();
        Ok(names)
    }

    fn namespace(name: &str, label: &str) -> String {
        format!(
            "kind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    boundtoken.dev/webhook: {label}\n"
        )
    }

    #[test]
    fn only_labelled_namespaces_opt_in() {
        let text = format!("{}---\n{}", namespace("a", "enabled"), namespace("b", "disabled"));
        assert_eq!(read_text(&text), Ok(vec!["a".to_owned()]));
    }

    #[test]
    fn lists_and_json_are_read_as_kubectl_writes_them() {
        let item =
            r#"{"kind":"Namespace","metadata":{"name":"a","labels":{"boundtoken.dev/webhook":"enabled"}}}"#;
        let untyped = item.replace(r#""kind":"Namespace","#, "");
        for text in [
            item.to_owned(),
            format!("{{\n\t\"apiVersion\": \"v1\",\n\t\"items\": [{item}],\n\t\"kind\": \"List\"\n}}\n"),
            format!(r#"{{"items":[{untyped}],"kind":"NamespaceList"}}"#),
        ] {
            assert_eq!(read_text(&text), Ok(vec!["a".to_owned()]), "{text}");
        }
    }

    #[test]
    fn each_mistake_has_a_sentence_with_its_line() {
        let twice = format!("{}---\n{}", namespace("a", "enabled"), namespace("a", "enabled"));
        for (text, expected) in [
            ("", "1: the file is empty: at least one Namespace is expected"),
            ("# nothing\n---\n", "1: the file is empty: at least one Namespace is expected"),
            ("a: b: c\n", "1: this is not YAML: mapping values are not allowed in this context"),
            ("hello\n", "1: this is not a Kubernetes object: mapping start is expected here"),
            ("a: b\n", "1: this is not a Kubernetes object: its kind is missing"),
            ("kind: List\n---\nkind: Pod\n", "3: a Pod stands here: only Namespaces belong into this file"),
            (
                "kind: List\nitems:\n- kind: Pod\n",
                "3: a Pod stands here: only Namespaces belong into this file",
            ),
            ("kind: Namespace\n", "1: a Namespace without metadata.name stands here: give it its name"),
            (&twice, "7: Namespace a stands here a second time: remove one of the two"),
        ] {
            assert_eq!(read_text(text), Err(expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_yaml_takes_for_a_number_or_a_boolean_is_named_with_its_fix() {
        for (entry, what, fix) in [
            ("ttl: 3600", "a number", "\"3600\""),
            ("max-ttl: 1.5", "a number", "\"1.5\""),
            ("dry-run: true", "a boolean", "\"true\""),
            ("mode: off", "a boolean", "\"off\""),
            ("audience:", "nothing at all", "\"\""),
        ] {
            let text = format!(
                "kind: Namespace\nmetadata:\n  name: a\n  annotations:\n    boundtoken.dev/{entry}\n"
            );
            let key = entry.split(':').next().unwrap();
            let expected = format!(
                "5: the value of boundtoken.dev/{key} is {what}, but must be a string: write boundtoken.dev/{key}: {fix}"
            );
            assert_eq!(read_text(&text), Err(expected));
        }
        let label = read_text(&namespace("a", "yes")).unwrap_err();
        assert!(label.ends_with("write boundtoken.dev/webhook: \"enabled\""), "{label}");
    }

    #[test]
    fn what_did_not_change_is_kept() {
        let text = format!("{}---\n{}", namespace("a", "enabled"), namespace("b", "enabled"));
        let (first, known) = read_manifest(text.as_bytes(), &Arc::default(), &Known::new()).unwrap();
        let changed = format!("{text}  annotations:\n    boundtoken.dev/ttl: 2h\n");
        let (second, known) = read_manifest(changed.as_bytes(), &Arc::default(), &known).unwrap();
        assert!(Arc::ptr_eq(&first["a"], &second["a"]));
        assert!(!Arc::ptr_eq(&first["b"], &second["b"]));
        assert_eq!(known.len(), 2);
    }

    #[test]
    fn annotations_of_others_may_be_anything() {
        let text = "kind: Namespace\nmetadata:\n  name: a\n  annotations:\n    other.example/count: 3\n";
        assert_eq!(read_text(text), Ok(Vec::new()));
    }

    #[test]
    fn aliases_that_multiply_are_cut_off() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        text.extend((1..9).map(|level| {
            let before = format!("*a{},", level - 1).repeat(9);
            format!("a{level}: &a{level} [{before}]\n")
        }));
        let error = read_text(&text).unwrap_err();
        assert!(error.contains("budget breached"), "{error}");
    }

    #[test]
    fn values_of_the_file_never_stand_in_a_message() {
        let text = "kind: Namespace\nmetadata:\n  name: [marker]\n";
        assert!(!read_text(text).unwrap_err().contains("marker"));
    }
}
