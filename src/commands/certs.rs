//! `boundtoken certs`: creates a CA and a serving certificate as files.

use std::io::{self, Write};
use std::path::PathBuf;

use super::stdio::{StreamError, stderr, stdout};
use super::{CommandError, Exit};
use crate::certificates::Directory;
use crate::certificates::directory::Ensured;
use crate::certificates::directory::plan::Renewal;
use crate::clock;
use crate::shell::word;

/// Write a CA and a serving certificate for installs that bring their own
///
/// Present files are reused: a valid CA is never replaced, and the serving certificate
/// only when a third of its life is left or a name is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of ca.crt, ca.key, tls.crt and tls.key; a new one is private and ignored by Git
    #[arg(long, value_name = "DIR", default_value = "boundtoken-tls")]
    tls_dir: PathBuf,
    /// Names that the certificate covers, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "boundtoken.boundtoken.svc")]
    tls_dns: Vec<String>,
}

/// Creates the certificates that are missing or due for renewal.
///
/// # Errors
/// When the directory cannot be written, or a name is not valid.
pub fn run(args: Args) -> Result<Exit, CommandError> {
    let directory = Directory::new(args.tls_dir, args.tls_dns);
    let ensured = directory.ensure(clock::now())?;
    write(&directory, &ensured, &mut stdout(), &mut stderr()).map_err(StreamError::from)?;
    Ok(Exit::Done)
}

/// Writes the names of the new files to `out`, and what to do with them to `err`.
fn write(
    directory: &Directory,
    ensured: &Ensured,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    let written: &[&str] = match ensured.renewal {
        Renewal::Ca => &["ca.crt", "ca.key", "tls.crt", "tls.key"],
        Renewal::Serving => &["tls.crt", "tls.key"],
        Renewal::None => &[],
    };
    for name in written {
        writeln!(out, "{}", directory.file(name).display())?;
    }
    if written.is_empty() {
        writeln!(err, "nothing to do: the certificates are valid and cover these names")?;
    }
    let expiry = clock::text(ensured.serving.certificate.validity.not_after);
    writeln!(err, "the serving certificate expires at {expiry}")?;
    let ca = directory.file("ca.crt");
    let ca = ca.display().to_string();
    writeln!(err, "caBundle of the webhook configuration: base64 -w0 < {}", word(&ca))
}
