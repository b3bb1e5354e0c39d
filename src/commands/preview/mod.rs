//! `boundtoken preview`: what admission would do to manifests, offline.

use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::BoolishValueParser;

use self::admission::Admission;
use self::cluster::Cluster;
use self::report::{Report, Severity};
use self::workload::Workload;
use super::defaults::DefaultsArgs;
use super::{CommandError, Exit};
use crate::manifest::{self, Document};
use crate::policy::{Defaults, NamespaceSettings};

mod admission;
mod annotate;
mod checks;
mod cluster;
mod diff;
mod metadata;
mod output;
mod pods;
mod report;
mod rewrite;
mod settings;
mod shape;
mod stray;
mod webhook;
mod workload;

pub use self::annotate::{AnnotationError, Annotations};
pub use self::output::{Format, OutputError};

/// Show what admission would do to manifests, without a cluster
///
/// Pods, and everything with a Pod template, go through the ServiceAccount plugin and the webhook as they
/// would in a cluster. Namespaces and service accounts among the manifests count. Exit codes: 0 nothing would
/// change, 1 a diff, a warning or a refusal, 2 failure; with -o yaml and -o json: 0 done, 1 something is
/// refused, 2 failure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifest, directory of manifests, or - for standard input; separated by commas, or repeated
    #[arg(short, long, value_name = "FILE|DIR|-", value_delimiter = ',', required = true)]
    filename: Vec<PathBuf>,
    /// Put -f before it
    #[arg(value_name = "STRAY", hide = true, value_parser = stray::StrayParser)]
    stray: Vec<String>,
    /// Look into subdirectories, too
    #[arg(
        short = 'R',
        long,
        value_parser = BoolishValueParser::new()
    )]
    recursive: bool,
    /// Namespace of objects that name none
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// Try a setting: on each Pod, or on each Namespace if only Namespaces have it; may be repeated;
    /// the variable `BOUNDTOKEN_ANNOTATE` holds one per line
    #[arg(long, value_name = "KEY=VALUE")]
    annotate: Vec<Annotations>,
    /// Form of the output
    #[arg(short, long, value_name = "FORM", default_value = "diff")]
    output: Format,
    /// Tell for each setting where it comes from
    #[arg(
        long,
        value_parser = BoolishValueParser::new()
    )]
    explain: bool,
    #[command(flatten)]
    defaults: DefaultsArgs,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifests cannot be read.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The findings cannot be written.
    #[error("failed to write to standard error")]
    Report(#[from] io::Error),
}

/// A workload and what becomes of its Pods.
struct Preview<'a> {
    workload: Workload<'a>,
    admission: Admission,
    /// Those of its Namespace, if it opted in.
    settings: Option<NamespaceSettings>,
}

/// Annotations to try.
struct Trial<'a> {
    namespace: Vec<(&'a str, &'a str)>,
    pod: Vec<(&'a str, &'a str)>,
}

/// Previews manifests: data to standard output, words for people to standard error.
///
/// # Errors
/// When manifests cannot be read, or the result cannot be written.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let defaults = args.defaults.clone().resolve(Vec::new())?;
    // One write for all, since standard output is written line by line otherwise.
    let mut out = BufWriter::new(anstream::stdout());
    match preview(args, &defaults, &mut io::stdin(), &mut out, &mut anstream::stderr()) {
        // Whoever reads the output has seen enough, such as `head`.
        Err(Error::Output(OutputError::Io(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Exit::Done)
        }
        result => Ok(result?),
    }
}

fn preview(
    args: &Args,
    defaults: &Arc<Defaults>,
    stdin: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Error> {
    let documents = documents(args, stdin)?;
    let objects = documents.iter().map(manifest::objects).collect::<Result<Vec<_>, _>>()?.concat();
    let trial =
        Trial { namespace: annotate::on(true, &args.annotate), pod: annotate::on(false, &args.annotate) };
    let cluster = Cluster::new(&objects, &args.namespace, &trial, defaults);
    let mut report = Report::default();
    let previews = pods::preview(&objects, &args.namespace, &cluster, &trial, &mut report);
    report.write(err)?;
    if args.explain {
        settings::write_settings(&previews.known, &cluster, &trial, err)?;
    }
    let rewritten =
        || documents.iter().map(|document| rewrite::rewrite(document, &objects, &previews.known, &trial));
    match args.output {
        Format::Diff => output::write_diffs(&previews.known, out)?,
        Format::Patch => output::write_patches(&previews.known, out, err)?,
        // Half of a manifest is worse than none.
        Format::Json | Format::Yaml if report.worst() >= Some(Severity::Refused) => {
            output::write_reason(&previews, &report, err)?;
        }
        Format::Json => output::write_json(rewritten(), out)?,
        Format::Yaml => output::write_yaml(rewritten(), out)?,
    }
    out.flush().map_err(OutputError::from)?;
    if args.output == Format::Diff {
        output::write_summary(&previews, err)?;
    }
    Ok(exit(args.output, &report, &previews.known))
}

fn documents(args: &Args, stdin: &mut dyn Read) -> Result<Vec<Document>, manifest::Error> {
    let mut documents = Vec::new();
    let mut names = Vec::new();
    for path in &args.filename {
        for source in manifest::read(path, args.recursive, stdin)? {
            documents.extend(manifest::parse(&source.name, &source.text)?);
            names.push(source.name);
        }
    }
    if documents.is_empty() {
        return Err(manifest::Error::Empty { path: names.join(", ") });
    }
    Ok(documents)
}

fn exit(format: Format, report: &Report, previews: &[Preview<'_>]) -> Exit {
    let changes = || previews.iter().any(|preview| preview.admission.changes());
    let threshold = match format {
        Format::Diff | Format::Patch => Severity::Warning,
        Format::Json | Format::Yaml => Severity::Refused,
    };
    match report.worst() {
        Some(Severity::Error) => Exit::Failed,
        Some(severity) if severity >= threshold => Exit::Found,
        _ if threshold == Severity::Warning && changes() => Exit::Found,
        _ => Exit::Done,
    }
}
