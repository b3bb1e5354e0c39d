//! Certificates: made here or read from files, checked, served, swapped while connections are open.
//!
//! [`plan`] decides (pure), [`authority`] signs, [`files`] and [`directory`] read and
//! write, [`serving`] holds what the next TLS handshake gets.

pub mod authority;
pub mod directory;
pub mod facts;
pub mod files;
pub mod plan;
pub mod self_made;
pub mod serving;

pub use authority::Pem;
pub use directory::Directory;
pub use facts::Facts;
pub use files::{CertificateFiles, PairError};
pub use self_made::SelfMade;
pub use serving::ServingCertificate;
