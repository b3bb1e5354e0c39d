//! Writes the manual pages of the program and of each command: `man DIRECTORY DATE`.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use clap::Command;
use clap_mangen::Man;

fn main() -> Result<(), Box<dyn Error>> {
    let [directory, date] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: man DIRECTORY DATE")?;
    fs::create_dir_all(&directory)?;
    // Without the commit: the pages follow from the version alone.
    let mut command =
        boundtoken::commands::command().version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
    command.build();
    write(&command, Path::new(&directory), &date)
}

/// Writes the page of a command and those of the commands below it.
fn write(command: &Command, directory: &Path, date: &str) -> Result<(), Box<dyn Error>> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, directory, date)?;
    }
    let source = concat!("boundtoken ", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command.clone()).date(date).source(source).manual("boundtoken manual");
    let mut text = Vec::new();
    page.render(&mut text)?;
    // The examples, below the heading that `--help` has, are all that follows the options.
    let text = String::from_utf8(text)?.replace("\n.SH EXTRA\nExamples:\n", "\n.SH EXAMPLES\n");
    Ok(fs::write(directory.join(page.get_filename()), text)?)
}
