//! The volumes of a Pod: what becomes of those that hold tokens.

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use serde_json::{Value, json};

use super::decide::Draft;
use super::finding::Subject;
use super::patch::{join, object};
use super::plan::{self, DefaultToken, TokenVolume};
use super::roles::{Role, default_file};
use super::token::{Audience, DEFAULT_FILE, Ttl};
use super::view::{ServiceAccountTokenProjection, Volume, VolumeProjection};

/// ConfigMap with the API server's CA, in every namespace
/// (`RootCACertConfigMapName` in `pkg/controller/certificates/rootcacertpublisher/publisher.go`).
const ROOT_CA: &str = "kube-root-ca.crt";

/// `/spec/volumes`.
const VOLUMES: &Pointer = Pointer::from_static("/spec/volumes");

impl<'p> Draft<'p> {
    /// Edits the volumes that stay; what goes is only noted, so that indices hold until the end.
    pub(super) fn edit_volumes(&mut self) {
        for (index, volume) in self.spec.volumes.iter().flatten().enumerate() {
            match self.roles.at(index) {
                Role::Default => self.edit_default(index, volume),
                Role::Legacy => self.edit_legacy(index, volume),
                Role::Planned(planned) => self.complete(index, volume, planned),
                Role::Other => self.bind(index, volume, |_| None),
            }
        }
    }

    fn edit_default(&mut self, index: usize, volume: &'p Volume<'p>) {
        match self.plan.map(|plan| &plan.default_token) {
            Some(DefaultToken::Remove) => {}
            Some(DefaultToken::Rebind { audience, ttl, .. }) => {
                let file = default_file(volume);
                self.bind(index, volume, |token| (token.path.as_str() == file).then_some((audience, *ttl)));
            }
            Some(DefaultToken::Bound) | None => self.bind(index, volume, |_| None),
        }
    }

    fn edit_legacy(&mut self, index: usize, volume: &'p Volume<'p>) {
        let (audience, ttl) = match self.plan.map(|plan| (&plan.default_token, plan.bound)) {
            Some((DefaultToken::Rebind { audience, ttl, .. }, _)) => (audience, *ttl),
            Some((DefaultToken::Bound, bound)) => (&Audience::ApiServer, bound),
            Some((DefaultToken::Remove, _)) | None => return,
        };
        let mut sources = vec![token_source(DEFAULT_FILE, audience, ttl)];
        sources.extend(api_access());
        let mode = volume.secret.as_ref().and_then(|secret| secret.default_mode);
        self.patch.remove(join(VOLUMES, [index.into(), Token::from("secret")]));
        let projected = join(VOLUMES, [index.into(), Token::from("projected")]);
        self.patch.set(projected, false, projection(sources, mode));
        self.project(volume.name.as_str().into(), audience.name(), ttl.seconds());
    }

    /// Gives each token of a volume what `wanted` says, or only bounds it.
    fn bind(
        &mut self,
        index: usize,
        volume: &'p Volume<'p>,
        wanted: impl Fn(&ServiceAccountTokenProjection<'_>) -> Option<(&'p Audience, Ttl)>,
    ) {
        for (source, token) in volume.tokens() {
            let at = source_pointer(index, source);
            let (audience, seconds) = match wanted(token) {
                Some((audience, ttl)) => {
                    (self.set_audience(&at, token, audience), self.set_ttl(&at, token, ttl))
                }
                None => (token.audience(), self.bound(&at, token)),
            };
            self.project(volume.name.as_str().into(), audience, seconds);
        }
    }

    fn set_audience(
        &mut self,
        source: &Pointer,
        token: &ServiceAccountTokenProjection<'_>,
        audience: &'p Audience,
    ) -> Option<&'p str> {
        let path = || join(source, ["audience"]);
        match audience.name() {
            None if self.api.contains(token.audience()) => {}
            None => self.patch.remove(path()),
            Some(name) if token.audience() == Some(name) => {}
            Some(name) => self.patch.set(path(), token.audience.is_some(), name.into()),
        }
        audience.name()
    }

    fn set_ttl(&mut self, source: &Pointer, token: &ServiceAccountTokenProjection<'_>, ttl: Ttl) -> u64 {
        if token.seconds() != ttl.seconds() {
            let path = join(source, ["expirationSeconds"]);
            self.patch.set(path, token.expiration_seconds.is_some(), ttl.seconds().into());
        }
        ttl.seconds()
    }

    /// Bounds a year-long token, and leaves every other one.
    fn bound(&mut self, source: &Pointer, token: &ServiceAccountTokenProjection<'_>) -> u64 {
        match self.plan {
            Some(plan) if token.is_year_long(self.api) => self.set_ttl(source, token, plan.bound),
            _ => token.seconds(),
        }
    }

    /// Gives a volume of ours that is there already whatever it lacks.
    fn complete(&mut self, index: usize, volume: &'p Volume<'p>, planned: usize) {
        let Some(wanted) = self.plan.and_then(|plan| plan.volumes.get(planned)) else { return };
        self.bind(index, volume, |token| {
            let same = |wanted: &&plan::Token| *wanted.file == *token.path.as_str();
            wanted.tokens.iter().find(same).map(|wanted| (&wanted.audience, wanted.ttl))
        });
        for token in &wanted.tokens {
            if !volume.tokens().any(|(_, there)| there.path.as_str() == &*token.file) {
                self.project(volume.name.as_str().into(), token.audience.name(), token.ttl.seconds());
            }
        }
        let sources = join(VOLUMES, [index.into(), Token::from("projected"), Token::from("sources")]);
        self.patch.append(&sources, true, missing_sources(volume, wanted));
    }

    /// Removes the volumes of the default token, from the highest index down.
    pub(super) fn remove_volumes(&mut self) {
        for index in (0..self.roles.len()).rev() {
            if self.removes(index) {
                self.patch.remove(join(VOLUMES, [index]));
            }
        }
    }

    /// Appends the volumes of the plan that a container holds and the Pod lacks.
    pub(super) fn add_volumes(&mut self) {
        let mut values = Vec::new();
        for (index, volume) in self.plan.into_iter().flat_map(|plan| &plan.volumes).enumerate() {
            if self.held.contains(&Subject::Volume(index)) && !self.roles.has_planned(index) {
                let projected = projection(volume_sources(volume), None);
                values.push(object([("name", (&*volume.name).into()), ("projected", projected)]));
                for token in &volume.tokens {
                    self.project((&*volume.name).into(), token.audience.name(), token.ttl.seconds());
                }
            }
        }
        if !values.is_empty() {
            self.patch.append(VOLUMES, self.spec.volumes.is_some(), values);
        }
    }
}

fn source_pointer(volume: usize, source: usize) -> PointerBuf {
    let tokens = [
        volume.into(),
        Token::from("projected"),
        Token::from("sources"),
        source.into(),
        Token::from("serviceAccountToken"),
    ];
    join(VOLUMES, tokens)
}

/// The sources that a volume of ours lacks.
fn missing_sources(volume: &Volume<'_>, wanted: &TokenVolume) -> Vec<Value> {
    let lacks_token =
        |token: &&plan::Token| !volume.tokens().any(|(_, there)| there.path.as_str() == &*token.file);
    let mut missing: Vec<Value> = wanted.tokens.iter().filter(lacks_token).map(plan_source).collect();
    let [root_ca, namespace] = api_access();
    let has_root_ca = |source: &VolumeProjection<'_>| {
        source.config_map.as_ref().is_some_and(|config_map| config_map.name.as_str() == ROOT_CA)
    };
    if wanted.api_access && !volume.sources().iter().any(has_root_ca) {
        missing.push(root_ca);
    }
    if wanted.api_access && !volume.sources().iter().any(|source| source.downward_api.is_some()) {
        missing.push(namespace);
    }
    missing
}

fn volume_sources(volume: &TokenVolume) -> Vec<Value> {
    let mut sources: Vec<Value> = volume.tokens.iter().map(plan_source).collect();
    if volume.api_access {
        sources.extend(api_access());
    }
    sources
}

fn plan_source(token: &plan::Token) -> Value {
    token_source(&token.file, &token.audience, token.ttl)
}

fn token_source(file: &str, audience: &Audience, ttl: Ttl) -> Value {
    let seconds = ("expirationSeconds", ttl.seconds().into());
    let path = ("path", file.into());
    let token = match audience.name() {
        Some(name) => object([("audience", name.into()), seconds, path]),
        None => object([seconds, path]),
    };
    object([("serviceAccountToken", token)])
}

/// What clients of the API server expect beside the token (`TokenVolumeSource` in
/// `plugin/pkg/admission/serviceaccount/admission.go`).
fn api_access() -> [Value; 2] {
    [
        json!({"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        json!({"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        ]}}),
    ]
}

/// A projected volume source; 0644 is the API's own default mode.
fn projection(sources: Vec<Value>, mode: Option<i64>) -> Value {
    object([("sources", sources.into()), ("defaultMode", mode.unwrap_or(0o644).into())])
}
