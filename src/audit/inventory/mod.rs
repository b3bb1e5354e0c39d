//! The Pods and workloads of a cluster: each service account token in each container, by its source and not by the
//! name of its volume; and whether it is what the webhook would give them.

mod admission;
mod elsewhere;
mod life;
mod lifetime;
mod spec;
mod template;
mod tokens;
mod workload;

pub use admission::{AdmissionEffect, PodAdmission};
pub use elsewhere::signs_of_use_elsewhere;
pub use life::{PodLife, PodStatus};
pub use lifetime::{ExtendedLifetime, LifetimeSource};
pub use spec::TokenSpec;
pub use tokens::{HeldToken, LegacySecrets, TokenClass, TokenContext, has_unread_secret, held_tokens};
pub use workload::{Inventory, KnownNamespace, KnownPod, KnownTemplate, KnownWorkload, WorkloadName};
