//! The files of `examples`, and the results in the comments at their ends.

use std::fs;
use std::path::{Path, PathBuf};

use boundtoken::manifest;
use serde_json::Value;

use super::pages::sessions;

/// The directory.
pub(crate) const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// A manifest or another file to start from.
pub(crate) struct Example {
    /// The name of the file.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Example {
    /// The example in this file.
    pub(crate) fn named(name: &str) -> Self {
        let text = fs::read_to_string(Path::new(EXAMPLES).join(name)).unwrap();
        Self { name: name.to_owned(), text }
    }

    /// The lines of the comment after the first empty one.
    pub(crate) fn comment(&self) -> Vec<&str> {
        let lines = self.text.lines().skip_while(|line| *line != "#");
        lines.map(|line| line.strip_prefix('#').unwrap().trim_start_matches(' ')).collect()
    }

    /// Each command of the comment, with the lines that it prints.
    pub(crate) fn results(&self) -> Vec<(String, Vec<String>)> {
        let lines = self.text.lines().skip_while(|line| *line != "#");
        let lines = lines.map(|line| line.strip_prefix("# ").unwrap_or_default());
        let results = sessions(&lines.collect::<Vec<_>>().join("\n"));
        let printed = |lines: Vec<String>| lines.into_iter().take_while(|line| !line.is_empty()).collect();
        results.into_iter().map(|(command, lines)| (command, printed(lines))).collect()
    }

    /// The objects of a manifest.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let documents = manifest::parse(&self.name, &self.text).unwrap();
        let objects = documents.iter().flat_map(|document| manifest::objects(document).unwrap());
        objects.map(|object| object.value.to_value()).collect()
    }
}

/// Every example, by name.
pub(crate) fn examples() -> Vec<Example> {
    let files = fs::read_dir(EXAMPLES).unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let mut files: Vec<PathBuf> = files.filter(|path| !is_page(path)).collect();
    files.sort();
    files.iter().map(|path| Example::named(path.file_name().unwrap().to_str().unwrap())).collect()
}

/// The examples that are manifests.
pub(crate) fn manifests() -> Vec<Example> {
    examples().into_iter().filter(|example| is_manifest(&example.name)).collect()
}

fn is_manifest(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml")
}
