//! `boundtoken preview`: shows what admission would do to manifests, offline.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;

use clap::ArgGroup;
use clap::builder::{BoolishValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;

use self::cluster::SimulatedCluster;
use self::findings::RunFindings;
use self::input::PreviewInput;
use self::output::Output;
use self::overrides::Overrides;
use self::pods::{Admitter, CheckedWorkload};
use self::report::{Grouping, Level, Report};
use super::defaults::DefaultsArgs;
use super::stdio::{self, Pipe};
use super::{CommandError, Exit, values};
use crate::manifest::{self, Document, Object};
use crate::policy::Defaults;
use crate::printable::printable;
use crate::shell::word;

mod checks;
mod cluster;
mod diff;
mod effect;
mod explain;
mod fail_on;
mod findings;
mod input;
mod json;
mod merge;
mod output;
mod overrides;
mod place;
mod pods;
mod report;
mod slips;
mod summary;
mod templates;
mod workload;

pub use self::fail_on::FailOn;
pub use self::findings::schema as findings_schema;
pub use self::input::KustomizeError;
pub use self::output::{Format, OutputError};
pub use self::overrides::{AnnotationError, Annotations, LabelError, LabelValue};

/// Show what admission would do to manifests, without a cluster
///
/// Pods, and the Pod templates of objects of any kind, go through the ServiceAccount plugin and the webhook as they
/// would in a cluster. Namespaces and service accounts among the manifests count. Exit codes: 0 done, 1 found
/// something that --fail-on names, 2 failure.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("input").args(["filename", "kustomize"]).required(true).multiple(true))]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Args {
    /// Manifest, directory of manifests, or - for standard input; separated by commas, or repeated
    #[arg(
        short,
        long,
        value_name = "FILE|DIR|-",
        value_delimiter = ',',
        value_parser = values::input(),
        allow_hyphen_values = true
    )]
    filename: Vec<PathBuf>,
    /// Kustomization directory, which kubectl renders
    #[arg(short = 'k', long, value_name = "DIR")]
    kustomize: Option<PathBuf>,
    /// Put -f before it
    #[arg(value_name = "POSITIONAL", hide = true, value_parser = PositionalParser)]
    positional: Vec<String>,
    /// Read subdirectories as well
    #[arg(short = 'R', long, value_parser = BoolishValueParser::new())]
    recursive: bool,
    /// List each finding that shares a line with others, and each file of a directory that is not a manifest
    #[arg(short, long, value_parser = BoolishValueParser::new())]
    verbose: bool,
    /// Namespace for objects without one
    #[arg(short, long, value_name = "NAME", default_value = "default", value_parser = values::namespace)]
    namespace: String,
    /// Try a setting: on each Pod, or on each Namespace if only Namespaces have it; may be repeated;
    /// the variable `BOUNDTOKEN_ANNOTATE` holds one per line
    #[arg(long, value_name = "KEY=VALUE")]
    annotate: Vec<Annotations>,
    /// Try the label on each Namespace: boundtoken.dev/webhook=enabled, or another value that does not opt in
    #[arg(long, value_name = "KEY=VALUE")]
    label: Option<LabelValue>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "diff")]
    output: Format,
    /// Which results give exit code 1; an object that cannot be previewed gives 2 in any case
    /// [default: change with -o diff, name, summary and patch, refused with yaml and json, otherwise warning]
    #[arg(long, value_name = "RESULT")]
    fail_on: Option<FailOn>,
    /// Show where each setting comes from
    #[arg(long, value_parser = BoolishValueParser::new())]
    explain: bool,
    /// Print neither notes nor the count of Pods
    #[arg(short, long, value_parser = BoolishValueParser::new())]
    quiet: bool,
    #[command(flatten)]
    defaults: DefaultsArgs,
}

/// An error of `boundtoken preview`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifests cannot be read.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The kustomization cannot be rendered.
    #[error(transparent)]
    Kustomize(#[from] KustomizeError),
    /// The result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The findings cannot be written.
    #[error("failed to write to standard error")]
    Report(#[from] io::Error),
}

/// Previews manifests. Data goes to standard output, messages go to standard error.
///
/// # Errors
/// When manifests cannot be read, or the result cannot be written.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let defaults = args.defaults.resolve(Vec::new())?;
    // Findings for programs have no colours, and anstream would remove characters that look like them.
    let stdout: Box<dyn Write> =
        if args.output.is_findings() { Box::new(Pipe::new(io::stdout())) } else { Box::new(stdio::stdout()) };
    // Buffered, because standard output is otherwise flushed after each line.
    let mut out = BufWriter::new(stdout);
    Ok(preview(args, &defaults, &mut io::stdin(), &mut out, &mut stdio::stderr())?)
}

fn preview(
    args: &Args,
    defaults: &Arc<Defaults>,
    stdin: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Error> {
    let mut input = PreviewInput::default();
    let read = input.read(args, stdin);
    if !args.quiet {
        input.write_notes(args.verbose, err)?;
    }
    read?;
    let objects = input.objects();
    let overrides = Overrides::new(&args.annotate, args.label.as_ref());
    let cluster = SimulatedCluster::new(&objects, &args.namespace, &overrides, defaults);
    let mut report = Report::default();
    input.report_errors(&mut report);
    let (admitter, workloads) = Admitter::new(&objects, &args.namespace, &cluster, &mut report);
    let mut previewer = Previewer { args, cluster: &cluster, admitter, report, output: Output::default() };
    let (mut objects, mut workloads) = (objects.as_slice(), workloads.as_slice());
    // Document by document, so that only one at a time is in memory as a tree of values.
    for document in &input.documents {
        let of_document = |object: &Object<'_>| ptr::eq(object.document, document);
        let objects = split_off(&mut objects, of_document);
        let workloads = split_off(&mut workloads, |(workload, _)| of_document(&workload.object));
        previewer.preview(document, objects, workloads)?;
    }
    let Previewer { report, output, .. } = previewer;
    let fail_on = args.fail_on.unwrap_or_else(|| FailOn::default_of(args.output));
    let findings = RunFindings { report: &report, files: input.files(), pods: output.pods(), fail_on };
    write(args, &findings, &output, out, err)?;
    Ok(fail_on.exit(report.worst(), output.has_changes()))
}

/// Takes the items at the start of a list for which `is_wanted` is true.
fn split_off<'s, T>(items: &mut &'s [T], is_wanted: impl Fn(&T) -> bool) -> &'s [T] {
    let (wanted, rest) = items.split_at(items.iter().take_while(|item| is_wanted(item)).count());
    *items = rest;
    wanted
}

/// The findings and the output so far, and what the next document needs.
struct Previewer<'p> {
    args: &'p Args,
    cluster: &'p SimulatedCluster<'p>,
    admitter: Admitter<'p>,
    report: Report,
    output: Output,
}

impl<'p> Previewer<'p> {
    /// Takes the Pods of a document through admission, and adds it to the output.
    fn preview(
        &mut self,
        document: &Document,
        objects: &[Object<'_>],
        workloads: &[CheckedWorkload<'p>],
    ) -> Result<(), OutputError> {
        let Self { args, cluster, admitter, report, output } = self;
        // After a refusal no document is printed: part of a manifest is worse than none.
        let is_wanted = args.output.is_documents() && report.worst() < Some(Level::Refused);
        let mut rendered = is_wanted.then(|| document.root.to_value());
        for (workload, error) in workloads {
            let preview = admitter.preview(workload, error.as_ref(), report);
            output.count(preview.as_ref());
            let Some(preview) = preview else { continue };
            if args.explain {
                output.explain(&preview, cluster);
            }
            output.add_pod(args.output, &preview, rendered.as_mut(), cluster)?;
        }
        let Some(mut rendered) = rendered else { return Ok(()) };
        for object in objects.iter().filter(|object| object.is_core("Namespace")) {
            output::render_namespace(&mut rendered, object, cluster.overrides);
        }
        output.add_document(args.output, &rendered)
    }
}

fn write(
    args: &Args,
    findings: &RunFindings<'_>,
    output: &Output,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Error> {
    let (report, format) = (findings.report, args.output);
    // The workflow commands are in the same log and show the same findings.
    if format != Format::Github {
        let least = if args.quiet { Level::Warning } else { Level::Note };
        let grouping = match format {
            _ if args.verbose => Grouping::Nothing,
            Format::Summary => Grouping::Codes,
            _ => Grouping::Notes,
        };
        report.write(grouping, least, err)?;
    }
    output.write_explanations(err)?;
    if format.is_documents() && report.worst() >= Some(Level::Refused) {
        output.write_reason(report, err)?;
    } else if format.is_findings() {
        findings.write(format, out).map_err(OutputError::from)?;
    } else {
        output.write(out, err)?;
    }
    let has_count = matches!(format, Format::Diff | Format::Name | Format::Summary) || format.is_findings();
    if has_count && !args.quiet {
        output.write_counts(err)?;
    }
    Ok(())
}

/// Rejects a file without `-f`, as in `preview pod.yaml`, and suggests the flag.
#[derive(Clone, Debug)]
struct PositionalParser;

impl TypedValueParser for PositionalParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let value = value.to_string_lossy();
        let value = printable(&value);
        let sentence = format!("unexpected argument '{value}'; did you mean -f {}?\n", word(&value));
        Err(clap::Error::raw(ErrorKind::UnknownArgument, sentence).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(std::iter::empty()))
    }
}
