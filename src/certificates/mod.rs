//! Certificates: made here or read from files, checked, served, and replaced while connections are open.
//!
//! [`cluster`] keeps them in a Secret that all replicas share, [`directory`] in files that we write, and
//! [`files`] reads files that others write; [`watcher`] reloads both kinds of files. [`ca`] signs,
//! [`trust`] verifies as a client does, [`serving`] holds the certificate of the next TLS handshake, and
//! [`client_ca`] verifies the certificates of clients.
//! There are three forms of a certificate: the [`Certificate`] alone, the [`Pem`] text with its key, and
//! the [`pair::CheckedPair`] that can be served.

pub mod ca;
pub mod certificate;
pub mod client_ca;
pub mod cluster;
pub mod directory;
pub mod files;
pub mod pair;
pub mod pem;
pub mod serving;
pub mod trust;
pub mod watcher;

pub use self::pem::Pem;
pub use ca::Ca;
pub use certificate::{Certificate, Validity};
pub use client_ca::{ClientCaFile, ClientVerifier};
pub use directory::Directory;
pub use files::{PairError, PairFiles};
pub use serving::ServingCertificate;
pub use watcher::PairWatcher;
