//! `boundtoken certs`: an authority and a serving certificate as files.

use std::path::PathBuf;

use anstream::{eprintln, println};

use super::{CommandError, Exit};
use crate::certificates::Directory;
use crate::certificates::directory::plan::Action;
use crate::clock;

/// Writes an authority and a serving certificate for installs that bring their own
///
/// What is there is used again: an authority that is valid is never replaced, and the
/// serving certificate only when a third of its life is left or a name is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of ca.crt, ca.key, tls.crt and tls.key
    #[arg(long, value_name = "DIR", default_value = ".")]
    tls_dir: PathBuf,
    /// Names that the certificate speaks for, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "boundtoken.boundtoken.svc")]
    tls_dns: Vec<String>,
}

/// Makes what is missing or due.
///
/// # Errors
/// When the directory cannot be written or a name is none.
pub fn run(args: Args) -> Result<Exit, CommandError> {
    let directory = Directory::new(args.tls_dir, args.tls_dns);
    let ensured = directory.ensure(clock::now())?;
    let written: &[&str] = match ensured.action {
        Action::NewAuthority => &["ca.crt", "ca.key", "tls.crt", "tls.key"],
        Action::RenewLeaf => &["tls.crt", "tls.key"],
        Action::Reuse => &[],
    };
    for name in written {
        println!("{}", directory.file(name).display());
    }
    if written.is_empty() {
        eprintln!("nothing to do: the certificates are valid and speak for these names");
    }
    eprintln!("the serving certificate expires at {}", clock::text(ensured.leaf.facts.not_after));
    let authority = directory.file("ca.crt");
    eprintln!("caBundle of the webhook configuration: base64 -w0 < {}", authority.display());
    Ok(Exit::Done)
}
