//! Compiles settings into a plan.

use std::sync::Arc;

use crate::pod::Subject;
use crate::pod::plan::{DefaultToken, Plan, Token, TokenVolume};
use crate::pod::token::{Audience, Containers, DEFAULT_DIRECTORY, TokenPath, Ttl};

use super::diagnostics::Code;
use super::keys::Key;
use super::origin::Origin;
use super::settings::Settings;
use super::value::Value;
use super::violation::{Field, Violation};
use super::{Defaults, Mode};

/// Directory of the token in mode `add`. It is part of the API and never changes.
pub(super) const ADD_DIRECTORY: &str = "/var/run/secrets/tokens";

/// File name of the token in mode `add`.
const ADD_FILE: &str = "token";

/// The settings in force for a Pod, and the resulting plan.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) mode: Mode,
    pub(super) audience: Audience,
    pub(super) ttl: Ttl,
    /// `None` in mode `off`.
    pub(super) plan: Option<Plan>,
    /// The merged settings.
    pub(super) settings: Arc<Settings>,
    /// Whether the first volume of the plan comes from `path` rather than from `tokens`.
    pub(super) has_main_volume: bool,
}

impl Compiled {
    /// Whether a part of the plan comes from `tokens` rather than from the keys for a single token.
    pub(super) fn is_further(&self, subject: Subject) -> bool {
        match subject {
            Subject::DefaultToken => false,
            Subject::Volume(index) => index > 0 || !self.has_main_volume,
        }
    }

    /// The key that a part of the plan comes from: `key`, or `tokens`.
    pub(super) fn key(&self, subject: Subject, key: Key) -> Key {
        if self.is_further(subject) { Key::Tokens } else { key }
    }
}

/// Compiles merged settings.
///
/// # Errors
/// Every contradiction between settings that are valid on their own.
pub(super) fn compile(settings: Arc<Settings>, defaults: &Defaults) -> Result<Compiled, Vec<Violation>> {
    let (compiled, violations) = compile_all(settings, defaults);
    if violations.is_empty() { Ok(compiled) } else { Err(violations) }
}

/// Compiles merged settings, and lists every contradiction between them.
pub(super) fn compile_all(settings: Arc<Settings>, defaults: &Defaults) -> (Compiled, Vec<Violation>) {
    let mode = settings.find(Value::mode).copied().unwrap_or(defaults.mode);
    let audience = settings.find(Value::audience).unwrap_or(&defaults.audience).clone();
    let max_ttl = settings.find(Value::max_ttl).copied();
    let default_ttl = default_ttl(defaults, max_ttl);
    let ttl = settings.find(Value::ttl).copied().unwrap_or(default_ttl);
    let mut compiler = Compiler { settings: &settings, defaults, default_ttl, violations: Vec::new() };
    let main = compiler.main_token(mode, &audience, ttl);
    let has_main_volume = main.is_some();
    let default_token = compiler.default_token(mode, &audience, ttl, has_main_volume);
    let plan = (mode != Mode::Off).then(|| Plan {
        volumes: compiler.volumes(main, &default_token),
        default_token,
        cap: max_ttl.map_or(Ttl::HOUR, |max| max.min(Ttl::HOUR)),
    });
    let violations = compiler.violations;
    (Compiled { mode, audience, ttl, plan, settings, has_main_volume }, violations)
}

/// Name of the volume at an index of the plan. It is part of the API and never changes.
fn volume_name(index: usize) -> Arc<str> {
    match index {
        0 => "boundtoken".into(),
        _ => format!("boundtoken-{}", index + 1).into(),
    }
}

/// The lifetime if `ttl` is not set: the default, lowered to `max_ttl`. It is never the one that the API
/// server might extend to a year.
fn default_ttl(defaults: &Defaults, max_ttl: Option<Ttl>) -> Ttl {
    match max_ttl.map_or(defaults.ttl, |max| max.min(defaults.ttl)) {
        Ttl::YEAR_LONG_REQUEST => Ttl::HOUR,
        ttl => ttl,
    }
}

/// A token to be placed in a volume.
pub(super) struct Wanted {
    pub(super) path: TokenPath,
    pub(super) token: Token,
    pub(super) containers: Containers,
    pub(super) api_access: bool,
    pub(super) key: Key,
    pub(super) origin: Origin,
}

pub(super) struct Compiler<'s> {
    settings: &'s Settings,
    defaults: &'s Defaults,
    default_ttl: Ttl,
    violations: Vec<Violation>,
}

impl Compiler<'_> {
    pub(super) fn add_violation(&mut self, code: Code, key: Key, origin: &Origin, text: String) {
        self.violations.push(Violation::new(code, Field::Annotation(key), origin.clone(), text));
    }

    /// The requested path, unless it is that of the default token.
    fn path(&self) -> Option<&TokenPath> {
        self.settings.find(Value::path).filter(|path| !path.is_default())
    }

    fn containers(&self) -> Containers {
        self.settings.find(Value::containers).cloned().unwrap_or_default()
    }

    fn env(&self) -> Option<Arc<str>> {
        self.settings.find(Value::env).cloned()
    }

    fn default_token(&self, mode: Mode, audience: &Audience, ttl: Ttl, moves: bool) -> DefaultToken {
        match mode {
            Mode::Add | Mode::Off => DefaultToken::Cap,
            Mode::Disable => DefaultToken::Remove,
            Mode::Replace if moves => DefaultToken::Remove,
            Mode::Replace => DefaultToken::Replace {
                audience: audience.clone(),
                ttl,
                containers: self.containers(),
                env: self.env(),
            },
        }
    }

    /// The token of mode `add`, or that of `replace` with a path.
    fn main_token(&self, mode: Mode, audience: &Audience, ttl: Ttl) -> Option<Wanted> {
        let path = match (mode, self.path()) {
            (Mode::Add | Mode::Replace, Some(path)) => path.clone(),
            (Mode::Add, None) => TokenPath { directory: ADD_DIRECTORY.into(), file: ADD_FILE.into() },
            _ => return None,
        };
        let (key, origin) = self.path_origin();
        Some(Wanted {
            token: Token { audience: audience.clone(), ttl, file: path.file.clone(), env: self.env() },
            path,
            containers: self.containers(),
            api_access: mode == Mode::Replace && *audience == Audience::ApiServer,
            key,
            origin,
        })
    }

    /// The setting that determines the path of the main token.
    fn path_origin(&self) -> (Key, Origin) {
        let setting = self.settings.get(Key::Path).or_else(|| self.settings.get(Key::Mode));
        setting.map_or((Key::Mode, Origin::Pod), |setting| (setting.key, setting.origin.clone()))
    }

    fn further_tokens(&self) -> Vec<Wanted> {
        let (Some(items), Some(setting)) =
            (self.settings.find(Value::tokens), self.settings.get(Key::Tokens))
        else {
            return Vec::new();
        };
        let origin = &setting.origin;
        let mut wanted = Vec::new();
        for item in items.iter() {
            let audience = item.audience.as_ref().unwrap_or(&self.defaults.audience);
            wanted.push(Wanted {
                path: item.path.clone(),
                token: Token {
                    audience: audience.clone(),
                    ttl: item.ttl.unwrap_or(self.default_ttl),
                    file: item.path.file.clone(),
                    env: item.env.clone(),
                },
                containers: item.containers.clone(),
                // Clients of the API server look for its CA and the namespace beside the token.
                api_access: *audience == Audience::ApiServer && *item.path.directory == *DEFAULT_DIRECTORY,
                key: Key::Tokens,
                origin: origin.clone(),
            });
        }
        wanted
    }

    /// Groups the tokens by directory, one volume each.
    fn volumes(&mut self, main: Option<Wanted>, default_token: &DefaultToken) -> Vec<TokenVolume> {
        let wanted: Vec<Wanted> = main.into_iter().chain(self.further_tokens()).collect();
        let mut volumes: Vec<TokenVolume> = Vec::new();
        for (index, token) in wanted.iter().enumerate() {
            self.check_directory(token, default_token);
            self.check_default_env(token, default_token);
            for other in wanted.iter().take(index) {
                self.check_conflict(token, other);
            }
            match volumes.iter_mut().find(|volume| volume.directory == token.path.directory) {
                Some(volume) => {
                    volume.api_access |= token.api_access;
                    volume.tokens.push(token.token.clone());
                }
                None => volumes.push(TokenVolume {
                    name: volume_name(volumes.len()),
                    directory: token.path.directory.clone(),
                    tokens: vec![token.token.clone()],
                    api_access: token.api_access,
                    containers: token.containers.clone(),
                }),
            }
        }
        // The plan is kept as long as the Namespace exists, so spare capacity would waste memory.
        volumes.shrink_to_fit();
        volumes
    }
}
