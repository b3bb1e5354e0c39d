//! A plan meets a Pod: what becomes of its tokens, as an RFC 6902 patch.
//!
//! Pure, and free of annotations and modes: [`plan`] says what is wanted,
//! [`view`] is what of a Pod matters, [`decide()`] compares the two. The decision
//! comes from the spec alone, so that applying it to its own result changes
//! nothing, and a container that came later is handled like the others.

mod containers;
mod decide;
mod directories;
mod finding;
mod lists;
mod patch;
pub mod plan;
pub mod plugin;
mod roles;
pub mod text;
pub mod token;
pub mod view;
mod volumes;

pub use decide::{Decision, Projection, decide};
pub use finding::{Finding, Subject};
