//! Log lines on stderr: as text for people, as JSON for machines.

use std::io::{self, Write};

use anstream::AutoStream;
use clap::ValueEnum;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::policy::nearest::nearest;

/// The levels, from the calmest.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How a log line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Flags about logs.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Least level of log lines, also per module: `debug`, `info,boundtoken::server=trace`
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        value_parser = levels
    )]
    log_level: Targets,
    /// How log lines are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// Reads `--log-level`. A word that is no level would count as a module, and silence everything.
fn levels(text: &str) -> Result<Targets, String> {
    for item in text.split(',').map(str::trim).filter(|item| !item.contains('=')) {
        if !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(item)) {
            let guess =
                nearest(item, LEVELS).map(|level| format!("; did you mean {level}?")).unwrap_or_default();
            return Err(format!("{item:?} is no level: allowed are {}{guess}", LEVELS.join(", ")));
        }
    }
    let levels: Targets = text.parse().map_err(|error| format!("{error}"))?;
    // At any level below, kube writes whole bodies of responses, and the Secret with our keys is one;
    // and whatever fails, which those who asked tell once.
    Ok(levels
        .with_target("kube_runtime", LevelFilter::ERROR)
        .with_target("kube_client", LevelFilter::ERROR)
        .with_target("kube_client::client", LevelFilter::ERROR))
}

impl LogArgs {
    /// Writes log lines to stderr from here on, in colour only where `--color` and the terminal allow it.
    pub fn start(self) {
        let colour = AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        let registry = tracing_subscriber::registry().with(self.layer(colour, io::stderr));
        // Only a second call can fail, and then the first subscriber does the work.
        let _ = registry.try_init();
    }

    /// What writes log lines, as the flags say.
    pub fn layer<S, W>(self, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'l> tracing_subscriber::registry::LookupSpan<'l>,
        W: for<'w> MakeWriter<'w, Writer: Write> + Send + Sync + 'static,
    {
        let layer = fmt::layer().with_writer(writer).with_ansi(colour);
        match self.log_format {
            LogFormat::Json => layer.json().flatten_event(true).with_filter(self.log_level).boxed(),
            LogFormat::Text => layer.with_filter(self.log_level).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn no_level_shows_the_bodies_of_responses() {
        for text in
            ["trace", "kube_client=trace", "kube_client::client=trace", "off,kube_client::client=warn"]
        {
            let levels = levels(text).unwrap();
            assert!(!levels.would_enable("kube_client::client", &Level::WARN), "{text}");
        }
        assert!(!levels("trace").unwrap().would_enable("kube_runtime::watcher", &Level::WARN));
        assert!(levels("trace").unwrap().would_enable("boundtoken::server", &Level::TRACE));
    }
}
