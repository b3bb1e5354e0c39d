//! `-o html`: one file without anything from elsewhere, for a browser with or without script, and for paper.

mod markup;
mod rows;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::footer;
use crate::audit::document::{AuditDocument, ClusterSection, Counts, WorkloadSection};
use markup::{Markup, bar, legend};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The classes of tokens, in the order of the picture; `none` is for Pods without a token.
const CLASSES: [&str; 5] = ["legacy", "year", "bounded", "audience", "none"];

/// The page.
pub(super) fn page(document: &AuditDocument) -> String {
    let mut page = Markup::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw(&format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; script-src '{}'; \
         base-uri 'none'; form-action 'none'\">\n",
        source(STYLE),
        source(SCRIPT)
    ));
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<title>Service account tokens</title>\n");
    page.raw(&format!("<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"));
    heading(document, &mut page);
    page.raw("<div class=\"charts\">\n");
    classes(document, &mut page);
    verdicts(&document.summary.by_verdict, &mut page);
    page.raw("</div>\n");
    words(document, &mut page);
    namespaces(document, &mut page);
    rows::workloads(document, &mut page);
    page.raw(&format!("</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    page.into_string()
}

/// The hash of an inline style or script, as the Content-Security-Policy names it.
fn source(text: &str) -> String {
    let hash = TLS13_AES_128_GCM_SHA256.tls13().map(|suite| suite.common.hash_provider.hash(text.as_bytes()));
    let digest = hash.as_ref().map(AsRef::as_ref).unwrap_or_default();
    format!("sha256-{}", BASE64_STANDARD.encode(digest))
}

fn heading(document: &AuditDocument, page: &mut Markup) {
    page.raw("<h1>Service account tokens</h1>\n");
    page.element("p", "soft", &origin(&document.cluster));
    for line in footer::facts(document) {
        page.element("p", "", &line);
    }
    if !document.errors.is_empty() {
        page.raw("<h2>What could not be read</h2>\n<ul>\n");
        for error in &document.errors {
            page.element("li", "", &footer::unreadable(error));
        }
        page.raw("</ul>\n");
    }
}

/// Which cluster the page is about, and when it was read.
fn origin(cluster: &ClusterSection) -> String {
    let version = match cluster.server_version.as_str() {
        "" => "unknown version".to_owned(),
        version => format!("Kubernetes {version}"),
    };
    let name = cluster.context.as_ref().map(|context| format!(" {context}")).unwrap_or_default();
    let address = cluster.address.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
    let read = cluster.read.as_ref().map(|read| format!(", read at {read}")).unwrap_or_default();
    let program = env!("CARGO_PKG_VERSION");
    format!("Cluster{name}{address} with {version}{read}, audited with boundtoken {program}")
}

/// How many Pods hold which class of token.
fn classes(document: &AuditDocument, page: &mut Markup) {
    let pods = |class: &str| -> usize {
        let of = |workload: &WorkloadSection| match class {
            "none" if workload.tokens.is_empty() => workload.pods,
            _ => workload
                .pods_by_class
                .0
                .iter()
                .filter(|(word, _)| *word == class)
                .map(|(_, pods)| *pods)
                .sum(),
        };
        document.workloads.iter().map(of).sum()
    };
    let counts: Vec<(&'static str, usize)> =
        CLASSES.iter().map(|class| (*class, pods(class))).filter(|(_, count)| *count > 0).collect();
    page.raw("<section>\n<h2>Pods by the class of their tokens</h2>\n");
    bar(&counts, page);
    legend(&counts, page);
    page.raw("</section>\n");
}

fn verdicts(counts: &Counts, page: &mut Markup) {
    page.raw("<section>\n<h2>Workloads by verdict</h2>\n");
    bar(&counts.0, page);
    legend(&counts.0, page);
    page.raw("</section>\n");
}

/// What the words of this page mean, for a reader who has only the page.
fn words(document: &AuditDocument, page: &mut Markup) {
    page.raw("<details>\n<summary>What the words mean</summary>\n<dl>\n");
    let verdicts = document.summary.by_verdict.0.iter().map(|(word, _)| *word);
    for word in CLASSES.into_iter().chain(verdicts) {
        page.element("dt", "", word);
        page.element("dd", "", meaning(word));
    }
    page.raw("</dl>\n</details>\n");
}

/// The meaning of a class of tokens or of a verdict.
fn meaning(word: &str) -> &'static str {
    match word {
        "legacy" => "a token of a Secret, which never expires",
        "year" => "a token for the API server that is extended to up to a year",
        "bounded" => "a token for the API server with another lifetime",
        "audience" => "a token for another recipient",
        "none" => "no token",
        "fix-first" => "is broken, or would break with a token of an hour",
        "restart" => "the namespace opted in, and a Pod holds something else than its settings ask for",
        "unknown" => "the evidence does not decide it; the reasons name what is missing",
        "replace-from" => "reads its token again, but late: survives tokens of this lifetime or more",
        "replace" => "reads its token again in time: survives tokens of an hour or more",
        "disable" => "never used its token, so it can be removed",
        "done" => "the namespace opted in, and every Pod holds what its settings ask for",
        _ => "holds no token",
    }
}

fn namespaces(document: &AuditDocument, page: &mut Markup) {
    page.raw("<h2>Namespaces by verdict</h2>\n");
    for namespace in &document.namespaces {
        page.raw("<div class=\"space\"><span>");
        page.text(&namespace.name);
        let state = match (namespace.opted_in, namespace.ready) {
            (Some(true), _) => "opted in",
            (_, true) => "ready",
            (_, false) => "not ready",
        };
        page.raw(" ");
        page.element("span", "soft", &format!("{state}: {}", footer::words(&namespace.by_verdict)));
        page.raw("</span>");
        bar(&namespace.by_verdict.0, page);
        page.raw("</div>\n");
    }
}
