//! Reads a cluster into a snapshot, with nothing but `get` and `list`. What may not be read is noted, and the rest is
//! read all the same.

mod objects;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use serde_json::value::RawValue;

use super::snapshot::{
    AccountRecord, OwnerName, OwnerRecord, PodRecord, ReadFailure, SNAPSHOT_VERSION, Snapshot,
    TemplateRecord, specification,
};
use crate::cluster::reader::{ApiReader, Listed, RequestError, encoded};
use crate::workload_kinds::{self, OwnerPlace, WorkloadKind};
use objects::{AccountFields, OwnedFields, WorkloadFields, namespace};

const CORE: &str = "/api/v1";

const NAMESPACES: Listed = Listed { group: CORE, name: "namespaces", metadata_only: true };
const ACCOUNTS: Listed = Listed { group: CORE, name: "serviceaccounts", metadata_only: false };
const SECRETS: Listed = Listed { group: CORE, name: "secrets", metadata_only: true };
const PODS: Listed = Listed { group: CORE, name: "pods", metadata_only: false };

/// Selects the Secrets with a token.
const OF_TOKENS: &str = "&fieldSelector=type%3Dkubernetes.io%2Fservice-account-token";

/// The Pods of kube-apiserver where the control plane consists of static Pods.
const CONTROL_PLANE: &str = "&labelSelector=component%3Dkube-apiserver";

/// The namespace of these Pods.
const KUBE_SYSTEM: &str = "kube-system";

const VERSION: &str = "/version";
const METRICS: &str = "/metrics";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// How long one response may take: a page of large Pods takes an API server seconds.
const LIMIT: Duration = Duration::from_mins(1);

const USER_AGENT: &str = concat!("boundtoken-audit/", env!("CARGO_PKG_VERSION"));

/// The part of a cluster that is read.
#[derive(Clone, Debug, Default)]
pub struct ReadScope {
    /// The namespaces; none means each one.
    pub namespaces: Vec<String>,
    /// The label selector for Pods, and for workloads without Pods; empty means each one.
    pub selector: String,
}

/// An error that ends the reading of a cluster.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {resource}")]
pub struct CollectError {
    resource: String,
    #[source]
    source: RequestError,
}

/// The number of objects that were read so far, and of which resource the last ones are.
pub type Progress<'p> = &'p dyn Fn(usize, &str);

/// Reads a cluster.
///
/// # Errors
/// When the API server cannot be reached, or does not know the user.
pub async fn collect(
    client: Client,
    scope: &ReadScope,
    progress: Progress<'_>,
) -> Result<Snapshot, CollectError> {
    let snapshot = Snapshot { snapshot_version: SNAPSHOT_VERSION, ..Snapshot::default() };
    let mut collector =
        Collector { reader: ApiReader::new(client, LIMIT, USER_AGENT), scope, progress, count: 0, snapshot };
    collector.server().await?;
    collector.namespaces().await?;
    collector.accounts().await?;
    collector.token_secrets().await?;
    for kind in workload_kinds::at(OwnerPlace::Between) {
        collector.owners(kind.name, listed(kind, true)).await?;
    }
    for kind in workload_kinds::at(OwnerPlace::Top) {
        collector.templates(kind.name, listed(kind, false)).await?;
    }
    collector.pods().await?;
    Ok(collector.snapshot)
}

fn listed(kind: &WorkloadKind, metadata_only: bool) -> Listed {
    Listed { group: kind.path, name: kind.resource, metadata_only }
}

struct Collector<'c> {
    reader: ApiReader,
    scope: &'c ReadScope,
    progress: Progress<'c>,
    count: usize,
    snapshot: Snapshot,
}

impl Collector<'_> {
    async fn server(&mut self) -> Result<(), CollectError> {
        if let Some(version) = self.path(VERSION).await? {
            self.snapshot.server.read_version(&version);
        }
        let server = &mut self.snapshot.server;
        let mut read_flags = |pod: &RawValue| server.read_flags(pod);
        // Many users may not read them, and many control planes have none: other sources then show the lifetime.
        let _ = self.reader.list(PODS, Some(KUBE_SYSTEM), CONTROL_PLANE, &mut read_flags, &|_| {}).await;
        if let Some(metrics) = self.path(METRICS).await? {
            self.snapshot.server.read_metrics(&metrics);
        }
        if self.snapshot.server.flags.is_none()
            && let Some(discovery) = self.path(DISCOVERY).await?
        {
            self.snapshot.server.read_issuer(&discovery);
        }
        Ok(())
    }

    /// The body of a path; `None` if it may not be read.
    async fn path(&mut self, path: &'static str) -> Result<Option<String>, CollectError> {
        match self.reader.text(path).await {
            Ok(text) => Ok(Some(text)),
            Err(error) => self.fail(path, None, "get", error).map(|()| None),
        }
    }

    async fn namespaces(&mut self) -> Result<(), CollectError> {
        if self.scope.namespaces.is_empty() {
            let mut found = Vec::new();
            self.list(NAMESPACES, None, "", &mut |text| found.extend(namespace(text.get()))).await?;
            self.snapshot.namespaces = found;
            return Ok(());
        }
        for name in &self.scope.namespaces {
            match self.reader.metadata(&format!("{CORE}/namespaces/{}", encoded(name))).await {
                Ok(text) => self.snapshot.namespaces.extend(namespace(&text)),
                Err(error) => self.fail(NAMESPACES.name, Some(name), "get", error)?,
            }
        }
        Ok(())
    }

    async fn accounts(&mut self) -> Result<(), CollectError> {
        let mut found = Vec::new();
        self.each(ACCOUNTS, "", &mut |account| {
            let account: AccountFields<'_> = serde_json::from_str(account.get())?;
            found.extend(account.automount_service_account_token.map(|automount| AccountRecord {
                namespace: account.metadata.namespace.as_str().to_owned(),
                name: account.metadata.name.as_str().to_owned(),
                automount,
            }));
            Ok(())
        })
        .await?;
        self.snapshot.accounts = found;
        Ok(())
    }

    async fn token_secrets(&mut self) -> Result<(), CollectError> {
        let mut found = BTreeMap::<_, std::collections::BTreeSet<String>>::new();
        self.each(SECRETS, OF_TOKENS, &mut |secret| {
            let OwnedFields { metadata } = serde_json::from_str(secret.get())?;
            let names = found.entry(metadata.namespace.as_str().to_owned()).or_default();
            names.insert(metadata.name.as_str().to_owned());
            Ok(())
        })
        .await?;
        self.snapshot.token_secrets = found;
        Ok(())
    }

    async fn owners(&mut self, kind: &str, resource: Listed) -> Result<(), CollectError> {
        let mut found = Vec::new();
        self.each(resource, "", &mut |object| {
            let OwnedFields { metadata } = serde_json::from_str(object.get())?;
            let of = OwnerName { kind: kind.to_owned(), name: metadata.name.as_str().to_owned() };
            let namespace = metadata.namespace.as_str().to_owned();
            if let Some(owner) = metadata.controller() {
                found.push(OwnerRecord { namespace, of, owner, created: metadata.created()? });
            }
            Ok(())
        })
        .await?;
        self.snapshot.owners.append(&mut found);
        Ok(())
    }

    async fn templates(&mut self, kind: &str, resource: Listed) -> Result<(), CollectError> {
        let mut found = Vec::new();
        let mut specifications = std::mem::take(&mut self.snapshot.specifications);
        let selector = self.selector();
        self.each(resource, &selector, &mut |object| {
            let WorkloadFields { metadata, spec } = serde_json::from_str(object.get())?;
            let Some(template) = spec.template() else { return Ok(()) };
            found.push(TemplateRecord {
                namespace: metadata.namespace.as_str().to_owned(),
                kind: kind.to_owned(),
                name: metadata.name.as_str().to_owned(),
                created: metadata.created()?,
                specification: specifications.index_of(specification(template)?)?,
            });
            Ok(())
        })
        .await?;
        self.snapshot.specifications = specifications;
        self.snapshot.templates.append(&mut found);
        Ok(())
    }

    async fn pods(&mut self) -> Result<(), CollectError> {
        let mut found = Vec::new();
        let mut specifications = std::mem::take(&mut self.snapshot.specifications);
        let selector = self.selector();
        self.each(PODS, &selector, &mut |pod| {
            let index = specifications.index_of(specification(pod)?)?;
            found.push(PodRecord::read(pod, index)?);
            Ok(())
        })
        .await?;
        self.snapshot.specifications = specifications;
        self.snapshot.server.is_aks |= found.iter().filter_map(|pod| pod.node.as_deref()).any(is_aks_node);
        self.snapshot.pods = found;
        Ok(())
    }

    fn selector(&self) -> String {
        match self.scope.selector.as_str() {
            "" => String::new(),
            selector => format!("&labelSelector={}", encoded(selector)),
        }
    }

    /// Passes on each object of a resource in the scope. One that cannot be read is noted.
    async fn each(
        &mut self,
        resource: Listed,
        query: &str,
        read: &mut dyn FnMut(&RawValue) -> serde_json::Result<()>,
    ) -> Result<(), CollectError> {
        let mut malformed = None;
        let mut keep = |object: &RawValue| {
            if let Err(error) = read(object) {
                malformed.get_or_insert(error);
            }
        };
        if self.scope.namespaces.is_empty() {
            self.list(resource, None, query, &mut keep).await?;
        }
        for namespace in &self.scope.namespaces {
            self.list(resource, Some(namespace), query, &mut keep).await?;
        }
        match malformed {
            Some(error) => self.fail(resource.name, None, "list", error.into()),
            None => Ok(()),
        }
    }

    async fn list(
        &mut self,
        resource: Listed,
        namespace: Option<&str>,
        query: &str,
        each: &mut dyn FnMut(&RawValue),
    ) -> Result<(), CollectError> {
        let count = std::cell::Cell::new(self.count);
        let page_read = |objects| {
            count.set(count.get() + objects);
            (self.progress)(count.get(), resource.name);
        };
        let read = self.reader.list(resource, namespace, query, each, &page_read).await;
        self.count = count.get();
        read.or_else(|error| self.fail(resource.name, namespace, "list", error))
    }

    /// Notes what cannot be read, and goes on if possible.
    fn fail(
        &mut self,
        resource: &str,
        namespace: Option<&str>,
        verb: &str,
        error: RequestError,
    ) -> Result<(), CollectError> {
        let Some(reason) = error.reason() else { return Err(failure(resource, error)) };
        let needs = format!("{verb} {resource}");
        let namespace = namespace.map(str::to_owned);
        self.snapshot.errors.push(ReadFailure { resource: resource.to_owned(), namespace, reason, needs });
        Ok(())
    }
}

/// Whether a node has a name as AKS gives them: `aks-nodepool1-12345678-vmss000000`.
fn is_aks_node(name: &str) -> bool {
    name.starts_with("aks-") && name.contains("-vmss")
}

fn failure(resource: &str, source: RequestError) -> CollectError {
    CollectError { resource: resource.to_owned(), source }
}
