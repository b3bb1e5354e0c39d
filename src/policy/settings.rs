//! The settings of one object: parsed once, with every mistake kept.

use std::sync::Arc;

use crate::pod::token::{ApiAudiences, Audience, Containers, TokenPath, Ttl};

use super::Mode;
use super::diagnostics::Code;
use super::keys::{Key, Scope, is_ours};
use super::tokens::{self, Item};
use super::violation::{Field, Origin, ValueError, Violation};
use super::{duration, values};

/// A value and the object it stands on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Setting<T> {
    /// The value.
    pub(super) value: T,
    /// The object.
    pub(super) origin: Origin,
}

/// A lifetime, and how it was written: it may turn out as a mistake only beside other settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct WrittenTtl {
    pub(super) ttl: Ttl,
    pub(super) text: Box<str>,
}

/// The settings that a Namespace may default and a Pod may override.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) mode: Option<Setting<Mode>>,
    pub(super) audience: Option<Setting<Audience>>,
    pub(super) ttl: Option<Setting<WrittenTtl>>,
    pub(super) path: Option<Setting<TokenPath>>,
    /// `containers` or `skip-containers`.
    pub(super) containers: Option<Setting<Containers>>,
    pub(super) env: Option<Setting<Arc<str>>>,
    pub(super) tokens: Option<Setting<Vec<Item>>>,
    /// The keys that the object carries, readable or not.
    pub(super) carried: Vec<Key>,
    /// Keys of ours that nobody knows.
    pub(super) unknown: Vec<String>,
    /// Keys on a Pod that only a Namespace has.
    pub(super) misplaced: Vec<Key>,
    pub(super) violations: Vec<Violation>,
}

/// The annotations that are ours, or meant to be.
pub(super) fn ours<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    annotations.into_iter().filter(|(name, _)| is_ours(name))
}

/// Most unknown keys that are remembered: each becomes a warning.
const MAX_UNKNOWN: usize = 8;

impl Settings {
    /// Parses the annotations of an object. `guardrail` takes the keys that only a Namespace has.
    pub(super) fn parse<'a>(
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
        origin: &Origin,
        api: &ApiAudiences,
        mut guardrail: impl FnMut(Key, &str) -> Result<(), ValueError>,
    ) -> Self {
        let mut settings = Self::default();
        let mut lists = 0;
        for (name, text) in annotations {
            let text = text.trim();
            lists += usize::from(matches!(Key::from_name(name), Some(Key::Containers | Key::SkipContainers)));
            match Key::from_name(name) {
                None if settings.unknown.len() < MAX_UNKNOWN => settings.unknown.push(name.to_owned()),
                None => {}
                Some(key) if key.scope() == Scope::NamespaceAndPod => {
                    settings.carried.push(key);
                    settings.read(key, text, origin, api);
                }
                Some(key) if *origin == Origin::Pod => settings.misplaced.push(key),
                Some(key) => {
                    settings.carried.push(key);
                    let result = guardrail(key, text);
                    settings.note(key, text, origin, result);
                }
            }
        }
        if lists > 1 {
            settings.violations.push(both_lists(origin));
        }
        settings
    }

    /// Whether the object says nothing to us.
    pub(super) fn is_empty(&self) -> bool {
        let Self { carried, unknown, misplaced, violations, .. } = self;
        carried.is_empty() && unknown.is_empty() && misplaced.is_empty() && violations.is_empty()
    }

    fn read(&mut self, key: Key, text: &str, origin: &Origin, api: &ApiAudiences) {
        let read_tokens = if *origin == Origin::Pod { tokens::tokens } else { tokens::remembered };
        match key {
            Key::Mode => self.mode = self.parsed(key, text, origin, values::mode(text)),
            Key::Audience => self.audience = self.parsed(key, text, origin, values::audience(text, api)),
            Key::Ttl => {
                let written = duration::ttl(text).map(|ttl| WrittenTtl { ttl, text: text.into() });
                self.ttl = self.parsed(key, text, origin, written);
            }
            Key::Path => self.path = self.parsed(key, text, origin, values::path(text)),
            Key::Env => self.env = self.parsed(key, text, origin, values::env(text)),
            Key::Containers => self.read_list(key, text, origin, Containers::Only),
            Key::SkipContainers => self.read_list(key, text, origin, Containers::Except),
            Key::Tokens => match read_tokens(text, api) {
                Ok(value) => {
                    self.tokens = Some(Setting { value, origin: origin.clone() });
                }
                Err(errors) => {
                    let violations = errors.iter().map(|error| Violation::of_value(key, origin, text, error));
                    self.violations.extend(violations);
                }
            },
            Key::AllowedAudiences | Key::DryRun | Key::MaxTtl | Key::PodOverrides => {}
        }
    }

    fn read_list(
        &mut self,
        key: Key,
        text: &str,
        origin: &Origin,
        list: impl Fn(Arc<[Box<str>]>) -> Containers,
    ) {
        let parsed = self.parsed(key, text, origin, values::containers(text, list));
        self.containers = parsed.or_else(|| self.containers.take());
    }

    fn parsed<T>(
        &mut self,
        key: Key,
        text: &str,
        origin: &Origin,
        result: Result<T, ValueError>,
    ) -> Option<Setting<T>> {
        let value = self.note(key, text, origin, result)?;
        Some(Setting { value, origin: origin.clone() })
    }

    fn note<T>(&mut self, key: Key, text: &str, origin: &Origin, result: Result<T, ValueError>) -> Option<T> {
        result.map_err(|error| self.violations.push(Violation::of_value(key, origin, text, &error))).ok()
    }

    /// The keys that are set here, in the order of the table.
    pub(super) fn keys(&self) -> Vec<(Key, &Origin)> {
        let containers = self.containers.as_ref().map(|setting| match setting.value {
            Containers::Except(_) => (Key::SkipContainers, &setting.origin),
            Containers::All | Containers::Only(_) => (Key::Containers, &setting.origin),
        });
        let keys = [
            self.mode.as_ref().map(|setting| (Key::Mode, &setting.origin)),
            self.audience.as_ref().map(|setting| (Key::Audience, &setting.origin)),
            self.ttl.as_ref().map(|setting| (Key::Ttl, &setting.origin)),
            self.path.as_ref().map(|setting| (Key::Path, &setting.origin)),
            containers,
            self.env.as_ref().map(|setting| (Key::Env, &setting.origin)),
            self.tokens.as_ref().map(|setting| (Key::Tokens, &setting.origin)),
        ];
        keys.into_iter().flatten().collect()
    }

    /// These settings, with those of the Namespace where none stands here.
    pub(super) fn over(self, namespace: &Self) -> Self {
        let Self {
            mode,
            audience,
            ttl,
            path,
            containers,
            env,
            tokens,
            carried,
            unknown,
            misplaced,
            violations,
        } = self;
        Self {
            mode: mode.or_else(|| namespace.mode.clone()),
            audience: audience.or_else(|| namespace.audience.clone()),
            ttl: ttl.or_else(|| namespace.ttl.clone()),
            path: path.or_else(|| namespace.path.clone()),
            containers: containers.or_else(|| namespace.containers.clone()),
            env: env.or_else(|| namespace.env.clone()),
            tokens: tokens.or_else(|| namespace.tokens.clone()),
            carried,
            unknown,
            misplaced,
            violations,
        }
    }
}

fn both_lists(origin: &Origin) -> Violation {
    Violation {
        code: Code::BothLists,
        field: Field::Annotation(Key::Containers),
        origin: origin.clone(),
        text: format!("{} stands on {origin} as well: keep one of the two", Key::SkipContainers),
    }
}
