//! The tokens that Pods hold: each service account token in each container, by its source and not by the name of its volume; and
//! whether it is what the webhook would give them.

mod admission;
mod lifetime;
mod spec;
mod tokens;

pub use admission::{AdmissionState, Deviation};
pub use lifetime::{ExtendedLifetime, LifetimeSource};
pub use spec::AuditedSpec;
pub use tokens::{HeldToken, LegacySecrets, TokenClass, held_tokens};
