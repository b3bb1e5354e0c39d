//! The table of the page: a row per workload, with its evidence in a fold.

use super::super::cells::{cells, columns};
use super::super::lifetime::age;
use super::markup::{Markup, mark};
use crate::audit::document::{AuditDocument, TokenSection, WorkloadSection};

/// The heading of the column with the verdict, whose cell holds the fold.
const VERDICT: &str = "VERDICT";

/// Adds the table.
pub(super) fn workloads(document: &AuditDocument, page: &mut Markup) {
    page.raw("<h2>Workloads</h2>\n");
    tools(document, page);
    page.raw("<table>\n<thead><tr>");
    for column in columns(false) {
        page.raw(&format!("<th scope=\"col\">{}</th>", column.name));
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for (rank, workload) in document.workloads.iter().enumerate() {
        page.raw(&format!("<tr data-verdict=\"{}\">", workload.verdict));
        for (column, cell) in columns(false).zip(cells(document, workload, false)) {
            if column.name == VERDICT {
                // The rows are sorted by the urgency of the verdict.
                page.raw(&format!("<td data-name=\"{}\" data-sort=\"{rank}\"><div>", column.name));
                fold(workload, &cell, page);
            } else {
                let class = if column.is_foreign { "" } else { " class=\"own\"" };
                page.raw(&format!("<td{class} data-name=\"{}\"><div>", column.name));
                page.text(&cell);
            }
            page.raw("</div></td>");
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody>\n</table>\n");
}

/// Adds what filters the table, which the script shows.
fn tools(document: &AuditDocument, page: &mut Markup) {
    page.raw(
        "<div class=\"tools\" hidden><input type=\"search\" placeholder=\"Filter\" aria-label=\"Filter workloads\">\
         <select aria-label=\"Verdict\"><option value=\"\">all verdicts</option>",
    );
    for (verdict, _) in &document.summary.by_verdict.0 {
        page.raw(&format!("<option>{verdict}</option>"));
    }
    page.raw("</select><output class=\"soft\"></output></div>\n");
}

/// Adds the verdict with its evidence.
fn fold(workload: &WorkloadSection, verdict: &str, page: &mut Markup) {
    page.raw("<details><summary>");
    mark(workload.verdict, page);
    page.text(verdict);
    page.raw("</summary>\n<ul>\n");
    for reason in &workload.reasons {
        page.raw("<li>");
        page.element("code", "", reason.code);
        page.text(&reason.text);
        if let Some(id) = &reason.audit_id {
            page.raw(" <span class=\"soft\">auditID ");
            page.element("code", "", id);
            page.raw("</span>");
        }
        page.raw("</li>\n");
    }
    page.raw("</ul>\n<dl>\n");
    for token in &workload.tokens {
        term("token", &held(token), page);
    }
    usage(workload, page);
    page.raw("</dl>\n");
    for command in &workload.next {
        page.element("pre", "", command);
    }
    page.raw("</details>");
}

fn usage(workload: &WorkloadSection, page: &mut Markup) {
    let usage = &workload.usage;
    if usage.requests > 0 {
        let (first, last) = (usage.first.as_deref().unwrap_or("?"), usage.last.as_deref().unwrap_or("?"));
        term("requests", &format!("{} from {first} to {last}", usage.requests), page);
    }
    if let Some(seconds) = usage.oldest_token_seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        term("oldest token", &age(seconds), page);
    }
    for client in &usage.user_agents {
        term("client", client, page);
    }
}

fn held(token: &TokenSection) -> String {
    let sub_path = if token.sub_path { ", with subPath" } else { "" };
    format!("{} at {} in {}{sub_path}", token.class, token.path, token.containers.join(", "))
}

fn term(name: &str, text: &str, page: &mut Markup) {
    page.raw(&format!("<dt>{name}</dt><dd>"));
    page.text(text);
    page.raw("</dd>\n");
}
