//! Settings become a plan: what each mode means.

use std::sync::Arc;

use crate::pod::plan::{DefaultToken, Plan, Token, TokenVolume};
use crate::pod::token::{Audience, Containers, DEFAULT_DIRECTORY, TokenPath, Ttl, is_year_long};

use super::diagnostics::Code;
use super::keys::Key;
use super::settings::{Setting, Settings, WrittenTtl};
use super::violation::{BECOMES_A_YEAR, Field, Origin, Violation, quote};
use super::{Defaults, Mode};

/// Where mode `add` mounts the token: an API that never changes.
pub(super) const ADD_DIRECTORY: &str = "/var/run/secrets/tokens";

/// File name of the token of mode `add`.
const ADD_FILE: &str = "token";

/// The settings in force for a Pod, and the plan that follows from them.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) mode: Mode,
    pub(super) audience: Audience,
    pub(super) ttl: Ttl,
    /// `None` in mode `off`.
    pub(super) plan: Option<Plan>,
    /// The settings, merged.
    pub(super) settings: Arc<Settings>,
    /// Whether the first volume of the plan is that of `path`, and not one of `tokens`.
    pub(super) has_main_volume: bool,
}

/// Works out the plan under merged settings.
///
/// # Errors
/// Every contradiction between settings that are valid one by one.
pub(super) fn compile(
    settings: Arc<Settings>,
    defaults: &Defaults,
    max_ttl: Option<Ttl>,
) -> Result<Compiled, Vec<Violation>> {
    let mode = settings.mode.as_ref().map_or(defaults.mode, |setting| setting.value);
    let audience =
        settings.audience.as_ref().map_or_else(|| defaults.audience.clone(), |setting| setting.value.clone());
    let default_ttl = default_ttl(defaults, max_ttl);
    let ttl = settings.ttl.as_ref().map_or(default_ttl, |setting| setting.value.ttl);
    let mut compiler = Compiler { settings: &settings, defaults, default_ttl, violations: Vec::new() };
    if mode.has_token() {
        compiler.check_year_long(&audience, ttl);
    }
    let main = compiler.main_token(mode, &audience, ttl);
    let has_main_volume = main.is_some();
    let default_token = compiler.default_token(mode, &audience, ttl, has_main_volume);
    let plan = (mode != Mode::Off).then(|| Plan {
        volumes: compiler.volumes(main, &default_token),
        default_token,
        cap: max_ttl.map_or(Ttl::HOUR, |max| max.min(Ttl::HOUR)),
    });
    let violations = compiler.violations;
    if violations.is_empty() {
        Ok(Compiled { mode, audience, ttl, plan, settings, has_main_volume })
    } else {
        Err(violations)
    }
}

/// The contradictions in settings of which some cannot be read: those that do not depend on them.
pub(super) fn contradictions(
    settings: Arc<Settings>,
    defaults: &Defaults,
    max_ttl: Option<Ttl>,
    unreadable: &[Violation],
) -> Vec<Violation> {
    let depends = |violation: &Violation| {
        let keys = premises(violation.code);
        unreadable.iter().any(|other| keys.iter().any(|key| other.field == Field::Annotation(*key)))
    };
    let mut violations = compile(settings, defaults, max_ttl).err().unwrap_or_default();
    violations.retain(|violation| !depends(violation));
    violations
}

/// The keys that a contradiction follows from.
fn premises(contradiction: Code) -> &'static [Key] {
    match contradiction {
        Code::YearLong => &[Key::Mode, Key::Audience, Key::Ttl, Key::Tokens],
        Code::DefaultDirectory => &[Key::Mode, Key::Path, Key::Tokens],
        Code::Conflict => {
            &[Key::Mode, Key::Path, Key::Tokens, Key::Containers, Key::SkipContainers, Key::Env]
        }
        _ => &[],
    }
}

/// Name of the volume at an index of the plan: an API that never changes.
fn volume_name(index: usize) -> Arc<str> {
    match index {
        0 => "boundtoken".into(),
        _ => format!("boundtoken-{}", index + 1).into(),
    }
}

/// The lifetime where nobody says one; never the one that the API server might extend to a year.
fn default_ttl(defaults: &Defaults, max_ttl: Option<Ttl>) -> Ttl {
    match max_ttl.map_or(defaults.ttl, |max| max.min(defaults.ttl)) {
        Ttl::YEAR_LONG_REQUEST => Ttl::HOUR,
        ttl => ttl,
    }
}

/// A token on its way into a volume.
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
    pub(super) fn refuse(&mut self, code: Code, key: Key, origin: &Origin, text: String) {
        self.violations.push(Violation { code, field: Field::Annotation(key), origin: origin.clone(), text });
    }

    fn check_year_long(&mut self, audience: &Audience, ttl: Ttl) {
        let Some(Setting { origin, value: WrittenTtl { text, .. } }) = &self.settings.ttl else { return };
        if is_year_long(audience.name(), ttl.seconds(), &self.defaults.api_audiences) {
            self.refuse(Code::YearLong, Key::Ttl, origin, year_long(text, origin));
        }
    }

    /// The path that is asked for, unless it is where the default token is anyway.
    fn path(&self) -> Option<&TokenPath> {
        self.settings.path.as_ref().map(|setting| &setting.value).filter(|path| !path.is_default())
    }

    fn containers(&self) -> Containers {
        self.settings.containers.as_ref().map_or(Containers::All, |setting| setting.value.clone())
    }

    fn env(&self) -> Option<Arc<str>> {
        self.settings.env.as_ref().map(|setting| setting.value.clone())
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

    /// The token of `add`, or that of `replace` with a path.
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

    /// Who asks for the main token to be where it is.
    fn path_origin(&self) -> (Key, Origin) {
        match (&self.settings.path, &self.settings.mode) {
            (Some(path), _) => (Key::Path, path.origin.clone()),
            (None, Some(mode)) => (Key::Mode, mode.origin.clone()),
            (None, None) => (Key::Mode, Origin::Pod),
        }
    }

    fn further_tokens(&mut self) -> Vec<Wanted> {
        let Some(Setting { value: items, origin, .. }) = &self.settings.tokens else { return Vec::new() };
        let mut wanted = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let audience = item.audience.as_ref().unwrap_or(&self.defaults.audience);
            let ttl = item.ttl.unwrap_or(self.default_ttl);
            if is_year_long(audience.name(), ttl.seconds(), &self.defaults.api_audiences) {
                let text = format!("[{index}].ttl {}", year_long(&ttl.seconds().to_string(), origin));
                self.refuse(Code::YearLong, Key::Tokens, origin, text);
            }
            wanted.push(Wanted {
                path: item.path.clone(),
                token: Token {
                    audience: audience.clone(),
                    ttl,
                    file: item.path.file.clone(),
                    env: item.env.clone(),
                },
                containers: item.containers.clone(),
                // Whoever looks for the default token looks for these beside it.
                api_access: *audience == Audience::ApiServer && *item.path.directory == *DEFAULT_DIRECTORY,
                key: Key::Tokens,
                origin: origin.clone(),
            });
        }
        wanted
    }

    /// Groups the tokens by directory: one volume each.
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
        // They are kept for as long as the Namespace is.
        volumes.shrink_to_fit();
        volumes
    }
}

fn year_long(value: &str, origin: &Origin) -> String {
    format!("{} on {origin} {BECOMES_A_YEAR}", quote(value))
}
