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

/// The levels, from none to most verbose.
pub const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How a log line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// One line of text per event.
    Text,
}

/// Flags about logs.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Minimum log level, also per module: `debug`, `info,boundtoken::server=trace`
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        value_parser = levels
    )]
    log_level: Targets,
    /// Format of log lines
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// Parses `--log-level`. Without this check, `Targets` takes a misspelled level for a module, and logs
/// nothing.
fn levels(text: &str) -> Result<Targets, String> {
    for item in text.split(',').map(str::trim).filter(|item| !item.contains('=')) {
        if !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(item)) {
            let guess =
                nearest(item, LEVELS).map(|level| format!("; did you mean {level}?")).unwrap_or_default();
            return Err(format!("{item:?} is not a valid level: allowed are {}{guess}", LEVELS.join(", ")));
        }
    }
    let levels: Targets = text.parse().map_err(|error| format!("{error}"))?;
    // Below ERROR, kube logs whole response bodies, the Secret with our keys among them, and errors,
    // which our callers already log.
    Ok(levels
        .with_target("kube_runtime", LevelFilter::ERROR)
        .with_target("kube_client", LevelFilter::ERROR)
        .with_target("kube_client::client", LevelFilter::ERROR))
}

impl LogArgs {
    /// Starts to log to stderr, in colour only if `--color` and the terminal allow it.
    pub fn start(self) {
        let colour = AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        let registry = tracing_subscriber::registry().with(self.layer(colour, io::stderr));
        // Fails only on a second call, and then the first subscriber stays in place.
        let _ = registry.try_init();
    }

    /// The layer that writes log lines as the flags ask for.
    pub fn layer<S, W>(self, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'l> tracing_subscriber::registry::LookupSpan<'l>,
        W: for<'w> MakeWriter<'w, Writer: Write> + Send + Sync + 'static,
    {
        // By default, the layer prints an error to write a line, and panics if that fails as well.
        let layer = fmt::layer().with_writer(writer).with_ansi(colour).log_internal_errors(false);
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
    fn no_level_enables_response_bodies() {
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
