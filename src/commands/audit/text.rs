//! Tables as text for terminals, CSV and Markdown, and the names of the workloads.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::cells::{Column, cells, columns};
use crate::audit::document::AuditDocument;
use crate::printable::printable;

/// The width between two columns.
const GAP: usize = 3;

/// Characters with which spreadsheets begin a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A table with aligned columns.
pub(super) fn table(document: &AuditDocument, is_wide: bool) -> String {
    let heading = columns(is_wide).map(|column| column.name.to_owned()).collect();
    let rows = document.workloads.iter().map(|workload| cells(document, workload, is_wide));
    let rows: Vec<Vec<String>> =
        std::iter::once(heading).chain(rows).map(|row| printable_cells(&row)).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<usize> = (0..columns(is_wide).count()).filter_map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let padding = width + GAP - self::width(cell);
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell}{:padding$}", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// CSV (RFC 4180), with a heading. A cell that a spreadsheet could take for a formula begins with an apostrophe.
pub(super) fn csv(document: &AuditDocument) -> String {
    let heading = columns(true).map(|column| column.name.to_owned()).collect();
    let rows = document.workloads.iter().map(|workload| cells(document, workload, true));
    let mut text = String::new();
    for row in std::iter::once(heading).chain(rows) {
        let cells: Vec<String> = printable_cells(&row).iter().map(|cell| csv_cell(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn csv_cell(cell: &str) -> String {
    // A single hyphen marks an empty cell.
    let is_formula = cell != "-" && cell.starts_with(FORMULA);
    let quote = if is_formula { "'" } else { "" };
    format!("\"{quote}{}\"", cell.replace('"', "\"\""))
}

/// A table in GitHub's Markdown.
pub(super) fn markdown(document: &AuditDocument) -> String {
    let headings: Vec<&str> = columns(false).map(|column| column.name).collect();
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), " --- |".repeat(headings.len()));
    for workload in &document.workloads {
        let row = printable_cells(&cells(document, workload, false));
        let cells = columns(false).zip(&row).map(|(column, cell)| markdown_cell(column, cell));
        let cells: Vec<Cow<'_, str>> = cells.collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Text from elsewhere is code, in which neither HTML nor a link nor a mention has a meaning.
fn markdown_cell<'c>(column: &Column, cell: &'c str) -> Cow<'c, str> {
    if !column.is_foreign {
        return Cow::Borrowed(cell);
    }
    let longest = cell.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if cell.contains('`') { " " } else { "" };
    Cow::Owned(format!("{fence}{space}{}{space}{fence}", cell.replace('|', "\\|")))
}

/// The names, one per line: `shop/deployment/web`.
pub(super) fn names(document: &AuditDocument) -> String {
    document.workloads.iter().fold(String::new(), |mut text, workload| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", printable_cell(&format!("{}/{}", workload.namespace, workload.title())));
        text
    })
}

fn printable_cells(cells: &[String]) -> Vec<String> {
    cells.iter().map(|cell| printable_cell(cell)).collect()
}

/// A text without characters that move the cursor, not even tabs.
fn printable_cell(cell: &str) -> String {
    printable(cell).replace('\t', "\\t")
}

/// The width on a terminal, in columns: one per character, which holds for names, and nearly for the rest.
fn width(text: &str) -> usize {
    text.chars().count()
}
