//! The standard `process_*` metrics, read from `/proc` at each scrape.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::table::{self, MetricEntry};

/// Collects the metrics; what cannot be read is left out.
#[derive(Debug)]
pub(super) struct Process;

/// Fields of `/proc/self/stat`, in its own units.
struct Stat {
    ticks: u64,
    threads: u64,
    started: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// Parses the line after the command in parentheses, which may contain any character (proc(5)).
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Field 3 of proc(5), the state, is the first here.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            encode_stat(&mut encoder, &stat)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            gauge(&mut encoder, &table::OPEN_FDS, open.count() as u64)?;
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            gauge(&mut encoder, &table::MAX_FDS, limit)?;
        }
        Ok(())
    }
}

fn encode_stat(encoder: &mut DescriptorEncoder<'_>, stat: &Stat) -> std::fmt::Result {
    let resident = stat.resident_pages * page_size() as u64;
    encode_metric(encoder, &table::CPU, &ConstCounter::new(seconds(stat.ticks)))?;
    gauge(encoder, &table::RESIDENT_MEMORY, resident)?;
    gauge(encoder, &table::VIRTUAL_MEMORY, stat.virtual_bytes)?;
    gauge(encoder, &table::THREADS, stat.threads)?;
    if let Some(booted) = boot_time() {
        encode_metric(encoder, &table::START_TIME, &ConstGauge::new(booted + seconds(stat.started)))?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, entry: &MetricEntry, value: u64) -> std::fmt::Result {
    encode_metric(encoder, entry, &ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// Encodes a metric that a collector reads at each scrape.
pub(super) fn encode_metric(
    encoder: &mut DescriptorEncoder<'_>,
    entry: &MetricEntry,
    metric: &impl EncodeMetric,
) -> std::fmt::Result {
    metric.encode(encoder.encode_descriptor(entry.name, entry.help, None, entry.kind)?)
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ticks are millions of years")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

/// When the machine booted, as Unix time.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let numbers: Vec<String> = (4..=30).map(|number| number.to_string()).collect();
        let stat = Stat::parse(&format!("1 (a) b (c) S {}", numbers.join(" "))).unwrap();
        assert_eq!((stat.ticks, stat.threads, stat.started), (14 + 15, 20, 22));
        assert_eq!((stat.virtual_bytes, stat.resident_pages), (23, 24));
    }

    #[test]
    fn a_short_line_is_refused() {
        assert!(Stat::parse("1 (boundtoken) S 1 2").is_none());
    }
}
