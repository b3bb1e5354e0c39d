//! The input: files, directories, standard input, and what kubectl makes of a kustomization.

mod kustomize;
mod notes;
mod packages;
mod skip;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::kustomize::KustomizeError;
use self::packages::Packages;
use self::skip::Skip;
use super::Args;
use super::place::Place;
use super::report::{Level, Report};
use crate::manifest::{self, Document, Object};
use crate::policy::diagnostics::Code;

/// The documents of the input, and the files of directories that are not among them.
#[derive(Default)]
pub(super) struct PreviewInput {
    pub(super) documents: Vec<Document>,
    /// The files and directories as given.
    names: Vec<String>,
    /// The files whose documents are all in the input: one that is given again counts once.
    complete: HashSet<PathBuf>,
    /// The files of directories that are read or skipped.
    listed: HashSet<PathBuf>,
    packages: Packages,
    skipped: BTreeMap<PathBuf, Skip>,
    /// Files of directories that are meant to be manifests and cannot be read.
    errors: Vec<manifest::Error>,
}

impl PreviewInput {
    /// Reads the input. Within directories no error hides another file.
    ///
    /// # Errors
    /// When a file that is named is not a manifest, the kustomization cannot be rendered, or there is no object.
    pub(super) fn read(&mut self, args: &Args, stdin: &mut dyn Read) -> Result<(), super::Error> {
        for path in &args.filename {
            if let Some(directory) = packages::kustomization(path) {
                let (file, directory) = (path.display().to_string(), directory.display().to_string());
                return Err(KustomizeError::Named { file, directory }.into());
            }
            match manifest::read(path, stdin)? {
                Some(file) => self.add_named_file(packages::normal(path), &file)?,
                None => self.add_directory(path, args.recursive)?,
            }
        }
        if let Some(directory) = &args.kustomize {
            self.add_named(&kustomize::render(directory)?)?;
        }
        if self.documents.is_empty() && self.errors.is_empty() {
            return Err(manifest::Error::Empty { path: self.names.join(", ") }.into());
        }
        Ok(())
    }

    /// Adds a file that is named, unless it is in the input already. A directory may have skipped it, or may skip it
    /// later: its name says that it is meant as a manifest.
    fn add_named_file(&mut self, path: PathBuf, file: &manifest::Input) -> Result<(), manifest::Error> {
        if !self.complete.contains(&path) {
            self.add_named(file)?;
            self.skipped.retain(|skipped, _| packages::normal(skipped) != path);
            self.complete.insert(path);
        }
        Ok(())
    }

    /// Adds an input that is named, in which all has to be right.
    fn add_named(&mut self, file: &manifest::Input) -> Result<(), manifest::Error> {
        self.names.push(file.name.clone());
        for document in manifest::parse(&file.name, &file.text)? {
            manifest::objects(&document)?;
            self.documents.push(document);
        }
        Ok(())
    }

    fn add_directory(&mut self, path: &Path, recursive: bool) -> Result<(), manifest::Error> {
        let name = path.display().to_string();
        let manifest::FileList { mut files, errors } = manifest::list(path, recursive);
        if files.is_empty() && errors.is_empty() {
            return Err(manifest::Error::NoManifest { path: name });
        }
        self.names.push(name);
        self.errors.extend(errors);
        self.packages.extend(&files);
        files.retain(|file| {
            let file = packages::normal(file);
            !self.complete.contains(&file) && self.listed.insert(file)
        });
        for file in files {
            if let Err(skip) = self.packages.check(&file).and_then(|()| self.add_file(&file)) {
                self.skipped.insert(file, skip);
            }
        }
        Ok(())
    }

    /// Adds a file of a directory, or says why it is skipped.
    fn add_file(&mut self, path: &Path) -> Result<(), Skip> {
        let file = match manifest::read_file(path) {
            Ok(file) => file,
            Err(error) => {
                self.errors.push(error);
                return Ok(());
            }
        };
        let documents = match manifest::parse(&file.name, &file.text) {
            Ok(documents) => documents,
            Err(error) => {
                Skip::of_text(&file.text)?;
                self.errors.push(error);
                return Ok(());
            }
        };
        Skip::of_documents(&documents)?;
        let known_errors = self.errors.len();
        for document in documents {
            match manifest::objects(&document) {
                Ok(_) => self.documents.push(document),
                Err(error) => self.errors.push(error),
            }
        }
        if self.errors.len() == known_errors {
            self.complete.insert(packages::normal(path));
        }
        Ok(())
    }

    /// The objects in the order of the input.
    pub(super) fn objects(&self) -> Vec<Object<'_>> {
        self.documents.iter().flat_map(|document| manifest::objects(document).unwrap_or_default()).collect()
    }

    /// Reports the files that cannot be read.
    pub(super) fn report_errors(&self, report: &mut Report) {
        for error in &self.errors {
            let (path, line, column) = error.place();
            report.add(Level::Error, Code::Unreadable, Place::of_file(path, line, column), error.reason());
        }
    }

    /// The names of the files with documents or errors, each once.
    pub(super) fn files(&self) -> Vec<Arc<str>> {
        let documents = self.documents.iter().map(|document| Arc::clone(&document.file));
        let files = documents.chain(self.errors.iter().map(|error| error.place().0.into()));
        let mut seen = HashSet::new();
        files.filter(|file| seen.insert(Arc::clone(file))).collect()
    }

    /// Writes what else there is in the input: kustomizations, Helm charts, and the files that are skipped.
    pub(super) fn write_notes(&self, is_verbose: bool, err: &mut dyn Write) -> io::Result<()> {
        notes::write(&self.packages, &self.skipped, is_verbose, err)
    }
}
