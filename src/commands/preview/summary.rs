//! `-o summary`: what happens to the tokens, with the Pods that change in the same way in one group.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};

use super::effect::{TokenChange, TokenEffect, write_effects};
use super::place::Location;
use super::report::{BOLD, MAX_NAMED, first_of};
use super::workload::Workload;
use crate::printable::printable;

/// The groups, in the order of their first Pods.
#[derive(Default)]
pub(super) struct Summary {
    groups: Vec<Group>,
    known: HashMap<GroupKey, usize>,
}

/// What the Pods of a group have in common.
#[derive(Clone, Eq, Hash, PartialEq)]
struct GroupKey {
    /// What happens to their tokens; the names of containers do not matter.
    changes: Vec<TokenChange>,
    /// Whether only `dry-run` keeps boundtoken from changing them.
    is_held_back: bool,
}

/// Pods that change in the same way.
struct Group {
    key: GroupKey,
    /// The kind of all, such as `Deployment`; `None` if they differ.
    kind: Option<String>,
    /// The first ones, with their kinds.
    names: Vec<(String, String)>,
    /// The location of the first one.
    location: Location,
    count: usize,
    /// What happens to the first one.
    effects: Vec<TokenEffect>,
    /// Whether the same happens to all of them, names of containers included.
    is_uniform: bool,
    /// How many containers hold each token.
    containers: BTreeMap<TokenChange, usize>,
}

impl Summary {
    /// Adds a Pod that changes.
    pub(super) fn add(&mut self, workload: &Workload<'_>, effects: &[TokenEffect], is_held_back: bool) {
        let mut changes: Vec<_> = effects.iter().map(|effect| effect.change.clone()).collect();
        changes.sort_unstable();
        changes.dedup();
        let key = GroupKey { changes, is_held_back };
        let index = *self.known.entry(key.clone()).or_insert(self.groups.len());
        if index == self.groups.len() {
            self.groups.push(Group::new(key, workload, effects.to_owned()));
        }
        if let Some(group) = self.groups.get_mut(index) {
            group.add(workload, effects);
        }
    }

    /// Writes the groups.
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        self.groups.iter().try_for_each(|group| group.write(out))
    }
}

impl Group {
    /// An empty group for the Pods that change as the first one does.
    fn new(key: GroupKey, first: &Workload<'_>, effects: Vec<TokenEffect>) -> Self {
        Self {
            key,
            kind: Some(first.kind().to_owned()),
            names: Vec::new(),
            location: first.location(),
            count: 0,
            effects,
            is_uniform: true,
            containers: BTreeMap::new(),
        }
    }

    fn add(&mut self, workload: &Workload<'_>, effects: &[TokenEffect]) {
        self.is_uniform &= self.effects == effects;
        self.count += 1;
        let kind = workload.kind();
        self.kind = self.kind.take().filter(|common| common == kind);
        if self.names.len() < MAX_NAMED {
            self.names.push((kind.to_owned(), workload.path()));
        }
        for effect in effects {
            *self.containers.entry(effect.change.clone()).or_default() += 1;
        }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let dry_run = if self.key.is_held_back { ", without dry-run" } else { "" };
        writeln!(out, "{BOLD}{}{dry_run}{BOLD:#}", printable(&self.title()))?;
        if self.is_uniform {
            let effects = self.effects.iter().map(|effect| (effect.container.as_str(), &effect.change));
            return write_effects(effects, out);
        }
        let counts = self.containers.iter().map(|(change, count)| {
            let plural = if *count == 1 { "" } else { "s" };
            (format!("{count} container{plural}"), change)
        });
        let counts: Vec<_> = counts.collect();
        write_effects(counts.iter().map(|(containers, change)| (containers.as_str(), *change)), out)
    }

    /// `Deployment shop/web a.yaml:1`, or `40 Deployments: shop/a, shop/b, shop/c and 37 more`.
    fn title(&self) -> String {
        let with_kind = |(kind, name): &(String, String)| format!("{kind} {name}");
        if let ([only], 1) = (self.names.as_slice(), self.count) {
            return format!("{} {}", with_kind(only), self.location);
        }
        let (what, names): (_, Vec<String>) = match &self.kind {
            Some(kind) => (format!("{kind}s"), self.names.iter().map(|(_, name)| name.clone()).collect()),
            None => ("workloads".to_owned(), self.names.iter().map(with_kind).collect()),
        };
        format!("{} {what}: {}", self.count, first_of(names.iter().map(String::as_str), self.count))
    }
}
