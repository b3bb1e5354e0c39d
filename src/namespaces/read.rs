//! Reads a manifest of Namespaces, document by document.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use serde_saphyr::{Error as YamlError, Location, Spanned};

use super::error::Error;
use super::manifest::{Fields, Metadata, Object, Scalar};
use super::ours::Ours;
use super::{Known, SettingsByName, known};
use crate::files::BoundedReader;
use crate::manifest::{self, EXPECTED, Place, TypeMeta};
use crate::policy::Defaults;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};

/// Most values in the file: roomy enough for every Namespace of the largest clusters.
const MAX_NODES: usize = 10_000_000;

/// Reads the Namespaces that opted in, and what to pass the next time.
///
/// # Errors
/// Each mistake is an [`Error`] of its own.
pub fn read(path: &Path, defaults: &Arc<Defaults>, before: &Known) -> Result<(SettingsByName, Known), Error> {
    let file = BoundedReader::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => manifest::Error::Io { path: path.display().to_string(), source }.into(),
    })?;
    let name = path.display().to_string();
    let written = |place| written(BufReader::new(BoundedReader::open(path).ok()?), place);
    manifest::on_large_stack(&name, || {
        let (seen, settings, known) = Default::default();
        let reader = Reader { name: &name, written: &written, seen, settings, known, before, defaults };
        reader.read(BufReader::new(file))
    })
}

/// A scalar as it is written in the file, which nobody keeps in memory.
fn written(file: impl BufRead, place: Location) -> Option<String> {
    let (line, column) = (place.line().checked_sub(1)?, place.column().checked_sub(1)?);
    let text = file.lines().nth(usize::try_from(line).ok()?)?.ok()?;
    let length = usize::try_from(place.span().len()).ok()?;
    Some(text.chars().skip(usize::try_from(column).ok()?).take(length).collect())
}

struct Reader<'d> {
    /// The name of the file.
    name: &'d str,
    /// What stands at a place of the file.
    written: &'d dyn Fn(Location) -> Option<String>,
    seen: HashSet<Arc<str>>,
    settings: SettingsByName,
    known: Known,
    before: &'d Known,
    defaults: &'d Arc<Defaults>,
}

impl Reader<'_> {
    /// Document by document, so that a large file never stands in memory as a whole.
    fn read(mut self, mut content: impl Read) -> Result<(SettingsByName, Known), Error> {
        let options = manifest::options(MAX_NODES);
        for object in serde_saphyr::read_with_options::<_, Spanned<Object>>(&mut content, options) {
            let object = object.map_err(|error| parse_error(self.name, &error))?;
            self.add(object, None)?;
        }
        if self.seen.is_empty() {
            return Err(manifest::Error::Empty { path: self.name.to_owned() }.into());
        }
        Ok((self.settings, self.known))
    }

    fn add(&mut self, object: Spanned<Object>, list: Option<TypeMeta<'_>>) -> Result<(), Error> {
        let line = object.referenced.line();
        let Some(Fields { api_version, kind, metadata, items }) = object.value.0 else {
            return Err(not_an_object(self.name, line, EXPECTED));
        };
        let type_meta = TypeMeta::new(kind.as_deref(), api_version.as_deref(), list)
            .map_err(|reason| not_an_object(self.name, line, reason))?;
        if type_meta.is_list() {
            let mut items = items.unwrap_or_default().into_iter();
            return items.try_for_each(|item| self.add(item, Some(type_meta)));
        }
        if type_meta.kind != "Namespace" || !type_meta.group().is_empty() {
            return Err(Error::Kind { place: self.place(line), kind: type_meta.kind.to_owned() });
        }
        self.add_namespace(metadata.unwrap_or_default(), line)
    }

    fn add_namespace(&mut self, metadata: Metadata, line: u64) -> Result<(), Error> {
        let Metadata { name, labels, annotations } = metadata;
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Error::Nameless { place: self.place(line) })?;
        let annotations = self.texts(annotations, Place::Annotations)?;
        let labels = self.texts(labels, Place::Labels)?;
        let name: Arc<str> = name.into();
        if !self.seen.insert(Arc::clone(&name)) {
            return Err(Error::Duplicate { place: self.place(line), name: name.as_ref().to_owned() });
        }
        if labels.iter().any(|(key, value)| key == OPT_IN_LABEL && value == OPT_IN_VALUE) {
            let parsed = known::parse(&name, &annotations, self.before.get(&name), self.defaults);
            self.settings.insert(Arc::clone(&name), Arc::clone(&parsed.1));
            self.known.insert(name, parsed);
        }
        Ok(())
    }

    /// Entries that are strings, as the API server wants them.
    fn texts(
        &self,
        entries: Option<Ours<Spanned<Scalar>>>,
        place: Place,
    ) -> Result<Vec<(String, String)>, Error> {
        let entries = entries.unwrap_or_default().0.into_iter();
        entries
            .map(|(key, entry)| match entry.value {
                Scalar::Text(text) => Ok((key, text)),
                Scalar::NoString(no_string, read) => {
                    let written = (self.written)(entry.referenced);
                    let sentence = no_string.sentence(place, &key, written.as_deref(), &read);
                    Err(Error::NotAString { place: self.place(entry.referenced.line()), sentence })
                }
            })
            .collect()
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.name)
    }
}

fn not_an_object(file: &str, line: u64, reason: &str) -> Error {
    manifest::Error::NotAnObject { path: file.to_owned(), line, reason: reason.to_owned() }.into()
}

/// Never quotes a value: it may be what does not belong into logs.
fn parse_error(file: &str, error: &YamlError) -> Error {
    let line = error.location().map_or(1, |location| location.line());
    let path = || file.to_owned();
    match error.without_snippet() {
        YamlError::Unexpected { expected, .. } => not_an_object(file, line, &format!("expected {expected}")),
        YamlError::SerdeInvalidType { expected, .. } => {
            not_an_object(file, line, &format!("expected {expected}"))
        }
        YamlError::IOError { cause } if cause.kind() == io::ErrorKind::InvalidData => {
            manifest::Error::NotText { path: path() }.into()
        }
        YamlError::IOError { cause } => {
            let source = io::Error::new(cause.kind(), cause.to_string());
            manifest::Error::Io { path: path(), source }.into()
        }
        _ => manifest::syntax_error(file, error).into(),
    }
}

#[cfg(test)]
mod tests;
