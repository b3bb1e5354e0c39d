//! The fields of a Pod's specification that decide which tokens its containers hold, borrowed from the JSON text.
//!
//! The webhook reads fewer fields: it neither changes Secrets nor sees ephemeral containers.

use serde::Deserialize;

use crate::pod::text::{Text, list, nullable, optional};
use crate::pod::view::ServiceAccountTokenProjection;

/// The specification of a Pod or of a Pod template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpec<'a> {
    /// `volumes`.
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) volumes: Vec<MountedVolume<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    init_containers: Vec<TokenHolder<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    containers: Vec<TokenHolder<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    ephemeral_containers: Vec<TokenHolder<'a>>,
}

impl<'a> TokenSpec<'a> {
    /// Every container: init containers and sidecars, regular and ephemeral ones.
    pub(super) fn all_containers(&self) -> impl Iterator<Item = &TokenHolder<'a>> {
        self.init_containers.iter().chain(&self.containers).chain(&self.ephemeral_containers)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct MountedVolume<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) projected: Option<MountedProjection<'a>>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) secret: Option<MountedSecret<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct MountedProjection<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) sources: Vec<ProjectedSource<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectedSource<'a> {
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) service_account_token: Option<ServiceAccountTokenProjection<'a>>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) secret: Option<SecretReference<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MountedSecret<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) secret_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) items: Vec<KeyToPath<'a>>,
}

/// A Secret by name: in a projected volume or of a variable.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct SecretReference<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    /// The key, of a variable.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) key: Text<'a>,
    /// The files, in a projected volume.
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) items: Vec<KeyToPath<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct KeyToPath<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) key: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) path: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenHolder<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) volume_mounts: Vec<HolderMount<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) env: Vec<EnvironmentVariable<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) env_from: Vec<EnvFromSource<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HolderMount<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    mount_path: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_path: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_path_expr: Text<'a>,
}

impl HolderMount<'_> {
    /// The path at which the container sees a file of the volume, and whether it is mounted with `subPath`; `None` if
    /// it does not see the file.
    pub(super) fn sees(&self, file: &str) -> Option<(String, bool)> {
        let mount = self.mount_path.as_str().trim_end_matches('/');
        if !self.sub_path_expr.as_str().is_empty() {
            // The value depends on the container's variables.
            return Some((mount.to_owned(), true));
        }
        let sub_path = self.sub_path.as_str().trim_end_matches('/');
        match file.strip_prefix(sub_path)? {
            _ if sub_path.is_empty() => Some((format!("{mount}/{file}"), false)),
            "" => Some((mount.to_owned(), true)),
            rest if rest.starts_with('/') => Some((format!("{mount}{rest}"), true)),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentVariable<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) value_from: Option<EnvVarSource<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvVarSource<'a> {
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) secret_key_ref: Option<SecretReference<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvFromSource<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) prefix: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub(super) secret_ref: Option<SecretReference<'a>>,
}
