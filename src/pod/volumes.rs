//! The volumes of a Pod that hold tokens.

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use serde_json::Value;

use super::api_access::{API_ACCESS, api_access};
use super::finding::Subject;
use super::patch::{join, object};
use super::plan::{self, DefaultToken, TokenVolume};
use super::pod_patch::Draft;
use super::token::{Audience, DEFAULT_FILE, Ttl};
use super::view::{ServiceAccountTokenProjection, Volume, VolumeProjection};
use super::volume_index::{VolumeKind, default_file};

/// `/spec/volumes`.
const VOLUMES: &Pointer = Pointer::from_static("/spec/volumes");

impl<'p> Draft<'p> {
    /// Edits the volumes that stay. Removals come last, so that the positions remain valid until then.
    pub(super) fn edit_volumes(&mut self) {
        for (position, volume) in self.spec.volumes.iter().flatten().enumerate() {
            match self.volumes.kind(position) {
                VolumeKind::Default => self.edit_default(position, volume),
                VolumeKind::Legacy => self.convert_legacy(position, volume),
                VolumeKind::Planned(planned) => self.complete(position, volume, planned),
                VolumeKind::Other => self.edit_tokens(position, volume, |_| None),
            }
        }
    }

    fn edit_default(&mut self, position: usize, volume: &'p Volume<'p>) {
        match self.plan.map(|plan| &plan.default_token) {
            Some(DefaultToken::Remove) => {}
            Some(DefaultToken::Replace { audience, ttl, .. }) => {
                let file = default_file(volume);
                let is_default = |token: &ServiceAccountTokenProjection<'_>| token.path.as_str() == file;
                self.edit_tokens(position, volume, |token| is_default(token).then_some((audience, *ttl)));
            }
            Some(DefaultToken::Cap) | None => self.edit_tokens(position, volume, |_| None),
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
        self.patch.remove(join(VOLUMES, [position.into(), Token::from("secret")]));
        let projected = join(VOLUMES, [position.into(), Token::from("projected")]);
        self.patch.set(projected, false, projected_volume(sources, mode));
        self.project(volume.name.as_str().into(), audience.name(), ttl.seconds());
    }

    /// Sets the tokens of a volume for which `wanted` returns values, and caps the others.
    fn edit_tokens(
        &mut self,
        position: usize,
        volume: &'p Volume<'p>,
        wanted: impl Fn(&ServiceAccountTokenProjection<'_>) -> Option<(&'p Audience, Ttl)>,
    ) {
        for (source, token) in volume.tokens() {
            let pointer = source_pointer(position, source);
            let (audience, seconds) = match wanted(token) {
                Some((audience, ttl)) => {
                    (self.set_audience(&pointer, token, audience), self.set_ttl(&pointer, token, ttl))
                }
                None => (token.audience(), self.cap(&pointer, token)),
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

    /// Lowers the lifetime of a year-long token, and leaves every other token as it is.
    fn cap(&mut self, source: &Pointer, token: &ServiceAccountTokenProjection<'_>) -> u64 {
        match self.plan {
            Some(plan) if token.is_year_long() => self.set_ttl(source, token, plan.cap),
            _ => token.seconds(),
        }
    }

    /// Adds the missing sources to a volume of the plan that the Pod already has.
    fn complete(&mut self, position: usize, volume: &'p Volume<'p>, planned: usize) {
        let Some(wanted) = self.plan.and_then(|plan| plan.volumes.get(planned)) else { return };
        self.edit_tokens(position, volume, |token| {
            let same = |wanted: &&plan::Token| *wanted.file == *token.path.as_str();
            wanted.tokens.iter().find(same).map(|wanted| (&wanted.audience, wanted.ttl))
        });
        for token in missing_tokens(volume, wanted) {
            self.project(volume.name.as_str().into(), token.audience.name(), token.ttl.seconds());
        }
        let sources = join(VOLUMES, [position.into(), Token::from("projected"), Token::from("sources")]);
        self.patch.append(&sources, true, missing_sources(volume, wanted));
    }

    /// Removes the volumes of the default token, from the last to the first.
    pub(super) fn remove_volumes(&mut self) {
        for position in (0..self.volumes.len()).rev() {
            if self.removes(position) {
                self.patch.remove(join(VOLUMES, [position]));
            }
        }
    }

    /// Appends the volumes of the plan that some container mounts and that the Pod lacks.
    pub(super) fn add_volumes(&mut self) {
        let mut values = Vec::new();
        for (index, volume) in self.plan.into_iter().flat_map(|plan| &plan.volumes).enumerate() {
            if self.mounted.contains(&Subject::Volume(index)) && !self.volumes.has_planned(index) {
                let projected = projected_volume(volume_sources(volume), None);
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

fn missing_tokens<'p>(volume: &Volume<'_>, wanted: &'p TokenVolume) -> impl Iterator<Item = &'p plan::Token> {
    let has = |file: &str| volume.tokens().any(|(_, token)| token.path.as_str() == file);
    wanted.tokens.iter().filter(move |token| !has(&token.file))
}

fn missing_sources(volume: &Volume<'_>, wanted: &TokenVolume) -> Vec<Value> {
    let mut missing: Vec<Value> = missing_tokens(volume, wanted).map(plan_source).collect();
    if wanted.api_access {
        let lacks = |matches: fn(&VolumeProjection<'_>) -> bool| !volume.sources().iter().any(matches);
        missing.extend(API_ACCESS.iter().filter(|file| lacks(file.matches)).map(|file| (file.source)()));
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

/// A projected volume source; 0644 is the API's own default mode.
fn projected_volume(sources: Vec<Value>, mode: Option<i64>) -> Value {
    object([("sources", sources.into()), ("defaultMode", mode.unwrap_or(0o644).into())])
}
