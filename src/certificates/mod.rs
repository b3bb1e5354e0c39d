//! Certificates: made here or read from files, checked, served, swapped while connections are open.
//!
//! Where they are kept: [`cluster`] in a Secret that all replicas share, [`directory`] in files that
//! we make ourselves, [`files`] in files of somebody else. [`authority`] signs, [`trust`] verifies as
//! a client does, [`serving`] holds what the next TLS handshake gets.

pub mod authority;
pub mod cluster;
pub mod directory;
pub mod facts;
pub mod files;
pub mod serving;
pub mod trust;

pub use authority::Pem;
pub use directory::Directory;
pub use directory::self_made::SelfMade;
pub use facts::Facts;
pub use files::{CertificateFiles, PairError};

pub use serving::ServingCertificate;
