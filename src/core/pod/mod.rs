//! Applies a plan for tokens to a Pod, as an RFC 6902 patch.
//!
//! [`plan`] describes the wanted tokens, [`view`] the fields of a Pod that matter, and [`PodPatch::new`]
//! compares the two. This module is pure and does not depend on annotations or modes. A patch follows from
//! the spec alone: applying it to its own result changes nothing, and a container that another webhook
//! appends later is treated like the others.

mod api_access;
mod containers;
mod directories;
mod facts;
mod finding;
mod obstacles;
mod patch;
pub mod paths;
pub mod plan;
pub mod plugin;
mod pod_patch;
mod selectors;
mod sub_paths;
pub mod text;
pub mod token;
pub mod view;
mod volume_index;
mod volume_paths;
mod volumes;

pub use api_access::{is_api_access_file, is_default_file};
pub use finding::{Finding, Obstacle, Subject};
pub use pod_patch::{PodPatch, Projection, ProjectionOrigin};
pub use volume_paths::is_kubelets_own;
