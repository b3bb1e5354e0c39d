//! A plan meets a Pod: what becomes of its tokens, as an RFC 6902 patch.
//!
//! Pure, and free of annotations and modes: [`Plan`] says what is wanted,

mod patch;
pub mod plan;
pub mod plugin;
pub mod token;
pub mod view;

pub use plan::{DefaultToken, Plan};
