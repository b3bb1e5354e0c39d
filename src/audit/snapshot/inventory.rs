//! Joins the records of a snapshot: Pods with their workloads, tokens and settings.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use super::{NamespaceRecord, OwnerName, OwnerRecord, PodRecord, Snapshot, TemplateRecord};
use crate::admission::Pod;
use crate::audit::inventory::{
    ExtendedLifetime, HeldToken, Inventory, KnownNamespace, KnownPod, KnownTemplate, KnownWorkload,
    LegacySecrets, PodAdmission, PodLife, TokenContext, TokenSpec, WorkloadName, has_unread_secret,
    held_tokens, signs_of_use_elsewhere,
};
use crate::namespaces::{EXCLUDED_NAMESPACES, opts_in};
use crate::pod::plugin::ServiceAccount;
use crate::pod::text::{nullable, object};
use crate::policy::{Defaults, NamespaceSettings};

/// The kind of the owner of a mirror Pod. Each static Pod is a workload of its own.
const NODE: &str = "Node";

/// The kind of a Pod without a controller.
const POD: &str = "Pod";

impl Snapshot {
    /// The inventory for these defaults of the cluster and this lifetime of extended tokens.
    pub fn inventory(&self, defaults: &Arc<Defaults>, extended: &ExtendedLifetime) -> Inventory {
        let mut joiner = Joiner::new(self, defaults, extended);
        let pods = self.pods.iter().filter_map(|pod| joiner.pod(pod)).collect();
        Inventory {
            pods,
            workloads: joiner.workloads(),
            namespaces: joiner.namespaces(),
            servers: Some(self.server.replicas).filter(|replicas| *replicas > 0),
        }
    }
}

/// A specification, reduced to its tokens and to the annotations that are signs of their use.
#[derive(Deserialize)]
struct HeldFields<'a> {
    #[serde(default, deserialize_with = "object")]
    metadata: AnnotationNames,
    #[serde(borrow, default, deserialize_with = "object")]
    spec: TokenSpec<'a>,
}

#[derive(Default, Deserialize)]
struct AnnotationNames {
    #[serde(default, deserialize_with = "nullable")]
    annotations: serde_json::Map<String, serde_json::Value>,
}

/// What follows from the specification of a Pod in its namespace.
#[derive(Clone)]
struct SpecificationFacts {
    tokens: Arc<[HeldToken]>,
    has_unread_secret: bool,
    admission: PodAdmission,
    elsewhere: BTreeSet<String>,
}

struct Joiner<'s> {
    snapshot: &'s Snapshot,
    defaults: &'s Arc<Defaults>,
    extended: &'s ExtendedLifetime,
    namespaces: HashMap<&'s str, &'s NamespaceRecord>,
    settings: HashMap<&'s str, NamespaceSettings>,
    /// `automountServiceAccountToken` by namespace and name.
    accounts: HashMap<(&'s str, &'s str), bool>,
    owners: HashMap<(&'s str, &'s OwnerName), &'s OwnerRecord>,
    /// By namespace and name; of several kinds, one.
    templates: HashMap<(&'s str, &'s str), &'s TemplateRecord>,
    /// Replicas share their specification.
    facts: HashMap<(usize, &'s str), Option<SpecificationFacts>>,
    no_secrets: LegacySecrets,
}

impl<'s> Joiner<'s> {
    fn new(snapshot: &'s Snapshot, defaults: &'s Arc<Defaults>, extended: &'s ExtendedLifetime) -> Self {
        let settings = snapshot.namespaces.iter().map(|namespace| {
            let annotations = namespace.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            (namespace.name.as_str(), NamespaceSettings::parse(&namespace.name, annotations, defaults))
        });
        let owners = snapshot.owners.iter().map(|owner| ((owner.namespace.as_str(), &owner.of), owner));
        // Deployments come first, and the last one of a name is kept.
        let templates = snapshot.templates.iter().rev();
        let templates =
            templates.map(|template| ((template.namespace.as_str(), template.name.as_str()), template));
        let accounts = snapshot
            .accounts
            .iter()
            .map(|account| ((account.namespace.as_str(), account.name.as_str()), account.automount));
        Self {
            namespaces: snapshot
                .namespaces
                .iter()
                .map(|namespace| (namespace.name.as_str(), namespace))
                .collect(),
            settings: settings.collect(),
            accounts: accounts.collect(),
            owners: owners.collect(),
            templates: templates.collect(),
            facts: HashMap::new(),
            no_secrets: LegacySecrets::new(),
            snapshot,
            defaults,
            extended,
        }
    }

    /// A Pod; `None` if its specification is malformed, which the API server does not send.
    fn pod(&mut self, pod: &'s PodRecord) -> Option<KnownPod> {
        let facts = self.facts(pod.specification, &pod.namespace)?;
        let (workload, job) = self.workload_of(pod);
        let status = serde_json::from_str(pod.status.get()).ok()?;
        Some(KnownPod {
            uid: pod.uid.clone(),
            name: pod.name.clone(),
            workload,
            job,
            account: pod.account.clone(),
            node: pod.node.clone(),
            addresses: if pod.host_network {
                Vec::new()
            } else {
                crate::audit::inventory::PodStatus::addresses(&status)
            },
            created: pod.created,
            life: PodLife::of(&status, pod.created, &facts.tokens),
            tokens: facts.tokens,
            has_unread_secret: facts.has_unread_secret,
            admission: facts.admission,
            elsewhere: facts.elsewhere,
        })
    }

    fn facts(&mut self, specification: usize, namespace: &'s str) -> Option<SpecificationFacts> {
        if let Some(known) = self.facts.get(&(specification, namespace)) {
            return known.clone();
        }
        let text = self.snapshot.specifications.text(specification);
        let facts = self.read_facts(text, namespace).ok();
        self.facts.insert((specification, namespace), facts.clone());
        facts
    }

    fn read_facts(&mut self, text: &str, namespace: &'s str) -> serde_json::Result<SpecificationFacts> {
        let HeldFields { metadata, spec } = serde_json::from_str(text)?;
        let pod: Pod<'_> = serde_json::from_str(text)?;
        let defaults = self.defaults;
        let settings = self
            .settings
            .entry(namespace)
            .or_insert_with(|| NamespaceSettings::parse(namespace, [], defaults));
        let admission = PodAdmission::of(&pod, settings);
        let context = self.context(namespace);
        Ok(SpecificationFacts {
            tokens: held_tokens(&spec, &context).into(),
            has_unread_secret: has_unread_secret(&spec, &context),
            admission,
            elsewhere: signs_of_use_elsewhere(
                metadata.annotations.iter().map(|(name, _)| name.as_str()),
                &spec,
            ),
        })
    }

    fn context(&self, namespace: &str) -> TokenContext<'_> {
        let secrets = self.snapshot.token_secrets.get(namespace).unwrap_or(&self.no_secrets);
        TokenContext {
            secrets: Some(secrets).filter(|_| !self.snapshot.lacks("secrets", namespace)),
            api: &self.defaults.api_audiences,
            extended: self.extended,
        }
    }

    /// The workload of a Pod, and the Job between them.
    fn workload_of(&self, pod: &PodRecord) -> (WorkloadName, Option<String>) {
        let named = |kind: &str, name: &str| WorkloadName {
            namespace: pod.namespace.clone(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        let Some(owner) = pod.owner.as_ref().filter(|owner| owner.kind != NODE) else {
            return (named(POD, &pod.name), None);
        };
        match self.owners.get(&(pod.namespace.as_str(), owner)) {
            Some(record) => {
                let job = (owner.kind == "Job").then(|| owner.name.clone());
                (named(&record.owner.kind, &record.owner.name), job)
            }
            None => match self.guessed(&pod.namespace, owner) {
                Some(template) => (named(&template.kind, &template.name), None),
                None => (named(&owner.kind, &owner.name), None),
            },
        }
    }

    /// The workload above an owner by its name, where owners could not be read: a ReplicaSet has the name of its
    /// Deployment and a hash, a Job that of its `CronJob` and a number.
    fn guessed(&self, namespace: &str, owner: &OwnerName) -> Option<&'s TemplateRecord> {
        let (resource, kind) = match owner.kind.as_str() {
            "ReplicaSet" => ("replicasets", "Deployment"),
            "Job" => ("jobs", "CronJob"),
            _ => return None,
        };
        let (name, _) = owner.name.rsplit_once('-')?;
        let template = self.templates.get(&(namespace, name)).copied();
        template.filter(|template| template.kind == kind && self.snapshot.lacks(resource, namespace))
    }

    /// The workloads with a template, and what else is known of them.
    fn workloads(&mut self) -> Vec<KnownWorkload> {
        let mut runs: HashMap<(&str, &str), BTreeMap<String, _>> = HashMap::new();
        for record in self.snapshot.owners.iter().filter(|record| record.of.kind == "Job") {
            let runs = runs.entry((&record.namespace, &record.owner.name)).or_default();
            runs.insert(record.of.name.clone(), record.created);
        }
        let templates = self.snapshot.templates.iter().map(|template| {
            let name = (template.namespace.as_str(), template.name.as_str());
            let runs = (template.kind == "CronJob").then(|| runs.remove(&name)).flatten();
            self.workload(template, runs.unwrap_or_default())
        });
        templates.collect()
    }

    fn workload(
        &mut self,
        template: &'s TemplateRecord,
        runs: BTreeMap<String, time::OffsetDateTime>,
    ) -> KnownWorkload {
        let (account, predicted) = self.predict(template);
        KnownWorkload {
            name: WorkloadName {
                namespace: template.namespace.clone(),
                kind: template.kind.clone(),
                name: template.name.clone(),
            },
            account: Some(account),
            created: Some(template.created),
            runs,
            template: predicted,
        }
    }

    /// The service account of a template, and the Pod that it would create.
    fn predict(&mut self, template: &'s TemplateRecord) -> (String, Option<KnownTemplate>) {
        let namespace = template.namespace.as_str();
        let text = self.snapshot.specifications.text(template.specification);
        let pod: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let name = crate::pod::plugin::service_account_name(&pod).to_owned();
        let automount = self.accounts.get(&(namespace, name.as_str())).copied();
        let account = ServiceAccount { automount, ..ServiceAccount::default() };
        let is_in_force = self.namespace(namespace).is_in_force();
        let defaults = self.defaults;
        self.settings.entry(namespace).or_insert_with(|| NamespaceSettings::parse(namespace, [], defaults));
        let settings = self.settings.get(namespace);
        let predicted = settings.and_then(|settings| {
            KnownTemplate::predict(pod, &account, settings, is_in_force, &self.context(namespace)).ok()
        });
        (name, predicted)
    }

    fn namespace(&self, name: &str) -> KnownNamespace {
        self.namespaces.get(name).map_or_else(KnownNamespace::default, |namespace| KnownNamespace {
            opted_in: opts_in(namespace.label.as_deref()) && !EXCLUDED_NAMESPACES.contains(&name),
            dry_run: self.settings.get(name).is_some_and(NamespaceSettings::is_dry_run),
            changed: namespace.changed,
        })
    }

    fn namespaces(&self) -> BTreeMap<String, KnownNamespace> {
        let names = self.snapshot.namespaces.iter().map(|namespace| namespace.name.clone());
        names.map(|name| (name.clone(), self.namespace(&name))).collect()
    }
}
