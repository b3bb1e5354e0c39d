//! The rows of a table: one per workload, the same in every format.

use crate::audit::document::{AuditDocument, ReasonSection, TokenSection, WorkloadSection};
use crate::commands::audit::lifetime::age;

/// A cell whose content cannot be known, because it could not be read.
const NOT_KNOWN: &str = "?";

/// A cell without content.
const NONE: &str = "-";

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// The heading.
    pub(super) name: &'static str,
    /// Whether only `-o wide` has it.
    pub(super) is_wide: bool,
    /// Whether the text comes from objects or logs, and not from boundtoken.
    pub(super) is_foreign: bool,
    cell: fn(&Row<'_>) -> String,
}

/// A workload with what else its cells depend on.
struct Row<'d> {
    workload: &'d WorkloadSection,
    document: &'d AuditDocument,
}

const fn own(name: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column { name, is_wide: false, is_foreign: false, cell }
}

const fn foreign(name: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column { name, is_wide: false, is_foreign: true, cell }
}

const fn wide(column: Column) -> Column {
    Column { is_wide: true, ..column }
}

/// The columns, in order.
const COLUMNS: [Column; 16] = [
    foreign("NAMESPACE", |row| row.workload.namespace.clone()),
    foreign("WORKLOAD", |row| row.workload.title()),
    own("PODS", pods),
    foreign("SERVICEACCOUNT", |row| row.workload.service_account.clone()),
    own("TOKEN", token),
    own("LIFETIME", |row| row.each_token(lifetime)),
    foreign("AUDIENCE", |row| row.each_token(audience)),
    own("USE", usage),
    own("VERDICT", verdict),
    wide(own("MODE", mode)),
    wide(foreign("CONTAINERS", |row| row.each_token(|token| token.containers.join("+")))),
    wide(foreign("PATH", |row| row.each_token(|token| token.path.clone()))),
    wide(own("LAST-SEEN", |row| or_none(row.workload.usage.last.clone()))),
    wide(own("MAX-AGE", |row| or_none(row.workload.usage.oldest_token_seconds.map(seconds)))),
    wide(foreign("CLIENT", |row| joined(row.workload.usage.user_agents.iter().cloned()))),
    wide(own("REASON", |row| joined(row.workload.reasons.iter().map(reason)))),
];

/// The columns of the table, or of the wide one.
pub(super) fn columns(is_wide: bool) -> impl Iterator<Item = &'static Column> + Clone {
    COLUMNS.iter().filter(move |column| is_wide || !column.is_wide)
}

/// The cells of a workload, one for each column.
pub(super) fn cells(document: &AuditDocument, workload: &WorkloadSection, is_wide: bool) -> Vec<String> {
    let row = Row { workload, document };
    columns(is_wide).map(|column| (column.cell)(&row)).collect()
}

impl WorkloadSection {
    /// The workload as `kubectl` takes it: `deployment/web`.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

impl Row<'_> {
    /// The texts of the tokens, each once, in the order of the classes.
    fn each_token(&self, text: impl Fn(&TokenSection) -> String) -> String {
        joined(self.workload.tokens.iter().map(text))
    }

    /// Whether a resource could not be read in the namespace of the workload.
    fn lacks(&self, resource: &str) -> bool {
        self.document.errors.iter().any(|error| {
            let namespace = error.namespace.as_deref();
            error.resource == resource && namespace.is_none_or(|name| name == self.workload.namespace)
        })
    }
}

fn pods(row: &Row<'_>) -> String {
    match row.workload.pods {
        _ if row.lacks("pods") => NOT_KNOWN.to_owned(),
        0 if row.workload.predicted => "0 (predicted)".to_owned(),
        count => count.to_string(),
    }
}

/// The classes; with the number of Pods where only some hold it.
fn token(row: &Row<'_>) -> String {
    let workload = row.workload;
    let class = |token: &TokenSection| {
        if token.pods < workload.pods {
            format!("{} {}/{}", token.class, token.pods, workload.pods)
        } else {
            token.class.to_owned()
        }
    };
    let unknown = workload.tokens_incomplete.then(|| NOT_KNOWN.to_owned());
    match joined(workload.tokens.iter().map(class).chain(unknown)) {
        none if none == NONE => "none".to_owned(),
        classes => classes,
    }
}

fn lifetime(token: &TokenSection) -> String {
    token.seconds.map_or_else(|| "unlimited".to_owned(), age)
}

fn audience(token: &TokenSection) -> String {
    token.audience.clone().unwrap_or_else(|| "api-server".to_owned())
}

fn usage(row: &Row<'_>) -> String {
    row.workload.usage.state.to_owned()
}

fn verdict(row: &Row<'_>) -> String {
    let WorkloadSection { verdict, min_ttl_seconds, .. } = row.workload;
    match min_ttl_seconds {
        Some(ttl) => format!("{verdict} {}", seconds(*ttl)),
        None => (*verdict).to_owned(),
    }
}

fn mode(row: &Row<'_>) -> String {
    match (row.workload.opted_in, row.workload.mode) {
        (None, _) => NOT_KNOWN.to_owned(),
        (Some(_), mode) => mode.unwrap_or(NONE).to_owned(),
    }
}

fn reason(reason: &ReasonSection) -> String {
    format!("{}: {}", reason.code, reason.text)
}

fn seconds(seconds: i64) -> String {
    age(u64::try_from(seconds).unwrap_or_default())
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_owned())
}

/// Texts, each once, separated by commas.
fn joined(texts: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    if distinct.is_empty() { NONE.to_owned() } else { distinct.join(", ") }
}
