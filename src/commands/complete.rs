//! The values that shells offer for flags: keys, modes, levels, contexts and Namespaces.

use std::ffi::OsStr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Arg;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ApiResource, ListParams};
use kube::config::Kubeconfig;

use crate::cluster;
use crate::cluster::object::LenientObject;
use crate::policy::Mode;
use crate::policy::keys::{self, Entry, Form, OPT_IN_LABEL, OPT_IN_VALUE};
use crate::telemetry::logs::LEVELS;

/// How long a person waits for Namespaces.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Most Namespaces that are offered.
const MOST_NAMESPACES: u32 = 500;

/// Adds the values of a flag, by its name, whichever command has it.
pub(super) fn with_values(flag: Arg) -> Arg {
    match flag.get_long() {
        Some("annotate") => flag.add(ArgValueCompleter::new(annotations)),
        Some("context") => flag.add(ArgValueCandidates::new(contexts)),
        Some("default-mode") => flag.add(ArgValueCandidates::new(|| words(Mode::ALL.map(Mode::as_str)))),
        Some("label") => flag.add(ArgValueCandidates::new(label)),
        Some("log-level") => flag.add(ArgValueCandidates::new(|| words(LEVELS))),
        Some("namespace") => flag.add(ArgValueCandidates::new(namespaces)),
        _ => flag,
    }
}

fn label() -> Vec<CompletionCandidate> {
    vec![CompletionCandidate::new(format!("{OPT_IN_LABEL}={OPT_IN_VALUE}"))]
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Vec<CompletionCandidate> {
    words.into_iter().map(CompletionCandidate::new).collect()
}

/// The keys, and after a key its words, of `KEY=VALUE`.
fn annotations(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let settings = keys::all().flat_map(|entry| match current.strip_prefix(entry.name) {
        Some(rest) if rest.starts_with('=') => values(entry),
        _ => vec![
            CompletionCandidate::new(format!("{}=", entry.name)).help(Some(first_sentence(entry).into())),
        ],
    });
    settings.filter(|setting| setting.get_value().to_string_lossy().starts_with(&*current)).collect()
}

/// The settings with each word that a key accepts.
fn values(entry: &Entry) -> Vec<CompletionCandidate> {
    let words = match entry.form {
        Form::Words(words) => words(),
        Form::Text { .. } => Vec::new(),
    };
    words.into_iter().map(|word| CompletionCandidate::new(format!("{}={word}", entry.name))).collect()
}

fn first_sentence(entry: &Entry) -> &'static str {
    entry.meaning.split_once(". ").map_or(entry.meaning, |(first, _)| first)
}

/// The contexts of the kubeconfig that kubectl uses; none if it cannot be read.
fn contexts() -> Vec<CompletionCandidate> {
    let contexts = Kubeconfig::read().map(|kubeconfig| kubeconfig.contexts).unwrap_or_default();
    contexts.into_iter().map(|context| CompletionCandidate::new(context.name)).collect()
}

/// The Namespaces of the current context; none if its API server does not list them in time.
fn namespaces() -> Vec<CompletionCandidate> {
    let (sender, receiver) = mpsc::channel();
    // On a thread of its own, because a credential plugin or a DNS lookup blocks.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let listed = runtime.ok().and_then(|runtime| runtime.block_on(list_namespaces()));
        // Fails if the list is too late.
        let _ = sender.send(listed.unwrap_or_default());
    });
    let listed = receiver.recv_timeout(TIMEOUT).unwrap_or_default();
    listed.into_iter().map(CompletionCandidate::new).collect()
}

async fn list_namespaces() -> Option<Vec<String>> {
    let client = cluster::client(cluster::config(None, None).await.ok()?).ok()?;
    let resource = ApiResource::erase::<Namespace>(&());
    let namespaces: Api<LenientObject> = Api::all_with(client, &resource);
    let page = namespaces.list(&ListParams::default().limit(MOST_NAMESPACES)).await.ok()?;
    Some(page.items.into_iter().filter_map(|LenientObject(namespace)| namespace.metadata.name).collect())
}
