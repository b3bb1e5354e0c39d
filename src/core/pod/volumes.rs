//! The volumes of a Pod that hold tokens.

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use serde_json::Value;

use super::api_access::api_access;
use super::finding::Subject;
use super::patch::{join, object};
use super::plan::{self, DefaultToken, TokenVolume};
use super::pod_patch::{Draft, ProjectionOrigin};
use super::token::{Audience, DEFAULT_FILE, Ttl};
use super::view::{ServiceAccountTokenProjection, Volume};
use super::volume_index::{IndexedVolume, VolumeKind};

/// `/spec/volumes`.
const VOLUMES: &Pointer = Pointer::from_static("/spec/volumes");

impl<'p> Draft<'p> {
    /// Edits the volumes that stay. Removals come last, so that the positions remain valid until then.
    pub(super) fn edit_volumes(&mut self) {
        for position in 0..self.volumes.len() {
            let Some(IndexedVolume { kind, source, volume, .. }) = self.volumes.at(position) else {
                continue;
            };
            match kind {
                VolumeKind::Default | VolumeKind::HandMade => self.edit_default(position, volume, source),
                VolumeKind::Legacy => self.convert_legacy(position, volume),
                VolumeKind::Planned(index) => self.keep_planned(index, volume),
                VolumeKind::Other => self.edit_tokens(position, volume, |_| None),
            }
        }
    }

    fn edit_default(&mut self, position: usize, volume: &'p Volume<'p>, source: usize) {
        match self.plan.map(|plan| &plan.default_token) {
            Some(DefaultToken::Remove) => {}
            Some(DefaultToken::Replace { audience, ttl, .. }) => {
                self.edit_tokens(position, volume, |other| (other == source).then_some((audience, *ttl)));
            }
            Some(DefaultToken::Cap) | None => self.edit_tokens(position, volume, |_| None),
        }
    }

    /// Keeps a volume that an earlier patch added: no source of it is year-long.
    fn keep_planned(&mut self, index: usize, volume: &'p Volume<'p>) {
        let origin = ProjectionOrigin::Plan(Subject::Volume(index));
        for (_, token) in volume.tokens() {
            self.project(volume.name.as_str().into(), token.audience(), token.seconds(), origin);
        }
    }

    /// Replaces the Secret of a volume with the sources that the ServiceAccount plugin uses today.
    fn convert_legacy(&mut self, position: usize, volume: &'p Volume<'p>) {
        let (audience, ttl) = match self.plan.map(|plan| (&plan.default_token, plan.cap)) {
            Some((DefaultToken::Replace { audience, ttl, .. }, _)) => (audience, *ttl),
            Some((DefaultToken::Cap, cap)) => (&Audience::ApiServer, cap),
            Some((DefaultToken::Remove, _)) | None => return,
        };
        let mut sources = vec![token_source(DEFAULT_FILE, audience, ttl)];
        sources.extend(api_access());
        let mode = volume.secret.as_ref().and_then(|secret| secret.default_mode);
        let member = |name| join(VOLUMES.to_buf(), [position.into(), Token::from(name)]);
        self.patch.remove(member("secret"));
        self.patch.set(member("projected"), false, projected_volume(sources, mode));
        let origin = ProjectionOrigin::Plan(Subject::DefaultToken);
        self.project(volume.name.as_str().into(), audience.name(), ttl.seconds(), origin);
    }

    /// Sets the tokens of a volume for whose source `wanted` returns values, and caps the others.
    fn edit_tokens(
        &mut self,
        position: usize,
        volume: &'p Volume<'p>,
        wanted: impl Fn(usize) -> Option<(&'p Audience, Ttl)>,
    ) {
        for (source, token) in volume.tokens() {
            let pointer = source_pointer(position, source);
            let (audience, seconds, origin) = match wanted(source) {
                Some((audience, ttl)) => (
                    self.set_audience(&pointer, token, audience),
                    self.set_ttl(&pointer, token, ttl),
                    ProjectionOrigin::Plan(Subject::DefaultToken),
                ),
                None => (
                    token.audience(),
                    self.cap(&pointer, token),
                    ProjectionOrigin::Pod { volume: position, source },
                ),
            };
            self.project(volume.name.as_str().into(), audience, seconds, origin);
        }
    }

    fn set_audience(
        &mut self,
        source: &Pointer,
        token: &ServiceAccountTokenProjection<'_>,
        audience: &'p Audience,
    ) -> Option<&'p str> {
        let path = || join(source.to_buf(), ["audience"]);
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
            let path = join(source.to_buf(), ["expirationSeconds"]);
            self.patch.set(path, token.expiration_seconds.is_some(), ttl.seconds().into());
        }
        ttl.seconds()
    }

    /// Lowers the lifetime of a year-long token, and leaves every other token as it is.
    fn cap(&mut self, source: &Pointer, token: &ServiceAccountTokenProjection<'_>) -> u64 {
        match self.plan {
            Some(plan) if token.is_year_long() => self.set_ttl(source, token, plan.cap),
            _ => token.seconds(),
        }
    }

    /// Removes the volumes of the default token, from the last to the first.
    pub(super) fn remove_volumes(&mut self) {
        for position in (0..self.volumes.len()).rev() {
            if self.removes(self.volumes.kind(position)) {
                self.patch.remove(join(VOLUMES.to_buf(), [position]));
            }
        }
    }

    /// Appends the volumes of the plan that some container mounts and that the Pod lacks.
    pub(super) fn add_volumes(&mut self) {
        let mut values = Vec::new();
        for (index, volume) in self.plan.into_iter().flat_map(|plan| &plan.volumes).enumerate() {
            let is_there = self.volumes.get(&volume.name).is_some();
            if self.held.contains(&Subject::Volume(index)) && !is_there {
                let projected = projected_volume(volume_sources(volume), None);
                values.push(object([("name", (&*volume.name).into()), ("projected", projected)]));
                let origin = ProjectionOrigin::Plan(Subject::Volume(index));
                for token in &volume.tokens {
                    self.project((&*volume.name).into(), token.audience.name(), token.ttl.seconds(), origin);
                }
            }
        }
        if !values.is_empty() {
            self.patch.append(VOLUMES.to_buf(), self.spec.volumes.is_some(), values);
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
    join(VOLUMES.to_buf(), tokens)
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

/// A projected volume source; 0644 is the API's own default mode.
fn projected_volume(sources: Vec<Value>, mode: Option<i64>) -> Value {
    object([("sources", sources.into()), ("defaultMode", mode.unwrap_or(0o644).into())])
}
