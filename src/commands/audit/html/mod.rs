//! `-o html`: one file without anything from elsewhere, for a browser with or without script, and for paper.

mod markup;
mod rows;
mod words;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::footer;
use super::lifetime::age;
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
    words::glossary(document, &mut page);
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
    if let Some(line) = headline(document) {
        page.element("p", "headline", &line);
    }
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

/// How many Pods hold an extended token; `None` if there are none.
fn headline(document: &AuditDocument) -> Option<String> {
    let (extended, all) = (pods(document, "year"), document.summary.pods);
    let lifetime = age(document.cluster.extended_lifetime_seconds);
    (extended > 0)
        .then(|| format!("{extended} of {all} Pods hold a token that is valid for up to {lifetime}."))
}

/// How many Pods hold a class of token.
fn pods(document: &AuditDocument, class: &str) -> usize {
    let of = |workload: &WorkloadSection| match class {
        "none" if workload.tokens.is_empty() => workload.pods,
        _ => workload.pods_by_class.0.iter().filter(|(word, _)| *word == class).map(|(_, pods)| *pods).sum(),
    };
    document.workloads.iter().map(of).sum()
}

/// How many Pods hold which class of token.
fn classes(document: &AuditDocument, page: &mut Markup) {
    let counts: Vec<(&'static str, usize)> =
        CLASSES.iter().map(|class| (*class, pods(document, class))).filter(|(_, count)| *count > 0).collect();
    page.raw("<section>\n<h2>Pods by the class of their tokens</h2>\n");
    bar(&counts, page);
    legend(&counts, page);
    if counts.iter().map(|(_, pods)| pods).sum::<usize>() > document.summary.pods {
        page.element("p", "soft", "A Pod with tokens of several classes counts once for each.");
    }
    page.raw("</section>\n");
}

fn verdicts(counts: &Counts, page: &mut Markup) {
    page.raw("<section>\n<h2>Workloads by verdict</h2>\n");
    bar(&counts.0, page);
    legend(&counts.0, page);
    page.raw("</section>\n");
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
