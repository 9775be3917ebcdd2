//! Writes the metrics: stored counters, and values that are read for each scrape.

use std::fs;
use std::time::UNIX_EPOCH;

use prometheus::{Gauge, GaugeVec, IntCounter, IntGauge, IntGaugeVec, Opts};

use super::families::{Families, MetricFamily};
use super::metrics::Metrics;
use super::observers::Observers;
use super::process;
use crate::gateway::auth::stats::{KeySource, OpaqueStats};
use crate::gateway::limits::admission::AdmissionControl;

impl Observers {
    /// All metrics, in Prometheus' text format.
    pub(in crate::gateway) fn scrape(
        &self,
        generation: u64,
        sources: &[KeySource],
        cache: OpaqueStats,
        load: &AdmissionControl,
        references: usize,
        deployments: &[DeploymentSample<'_>],
    ) -> prometheus::Result<String> {
        let values = Values {
            generation,
            sources,
            cache,
            connections: load.connections.taken() as u64,
            body_bytes: load.body_bytes.taken() as u64,
            references: references as u64,
            deployments,
            log: self.log().map(|log| LogValues {
                written: log.written(),
                dropped: log.dropped(),
                waiting: log.waiting() as u64,
            }),
        };
        let mut text = self.metrics().families.encode()?;
        text += &values.read()?.encode()?;
        Ok(text)
    }
}

impl MetricFamily {
    /// Every family that `/metrics` can expose, sorted by name.
    ///
    /// # Errors
    ///
    /// A family that cannot be registered, which the start of the gateway reports too.
    pub fn all() -> std::io::Result<Vec<Self>> {
        let values = Values { log: Some(LogValues::default()), ..Values::default() };
        let kept = Metrics::new().map_err(std::io::Error::other)?;
        let read = values.read().map_err(std::io::Error::other)?;
        let mut families = [kept.families.list(), read.list()].concat();
        families.sort();
        Ok(families)
    }
}

/// The health of a deployment.
pub(in crate::gateway) struct DeploymentSample<'d> {
    pub(in crate::gateway) label: &'d str,
    pub(in crate::gateway) is_cooling: bool,
    pub(in crate::gateway) succeeded: u64,
    pub(in crate::gateway) failed: u64,
}

/// The values that are read for each scrape.
#[derive(Default)]
struct Values<'a> {
    generation: u64,
    sources: &'a [KeySource],
    cache: OpaqueStats,
    connections: u64,
    body_bytes: u64,
    references: u64,
    deployments: &'a [DeploymentSample<'a>],
    log: Option<LogValues>,
}

#[derive(Clone, Copy, Default)]
struct LogValues {
    written: u64,
    dropped: u64,
    waiting: u64,
}

impl Values<'_> {
    fn read(&self) -> prometheus::Result<Families> {
        let mut read = Reading(Families::default());
        read.gauge(
            "modelgate_snapshot_generation",
            "The generation of the active configuration.",
            self.generation,
        )?;
        read.gauge("modelgate_connections", "Open connections of callers.", self.connections)?;
        let bytes = "Bytes of request bodies that are being read, decided or forwarded.";
        read.gauge("modelgate_body_bytes_in_flight", bytes, self.body_bytes)?;
        let references = "Ids at upstreams whose caller and models are remembered.";
        read.gauge("modelgate_references", references, self.references)?;
        read.deployments(self.deployments)?;
        read.keys(self.sources)?;
        read.cache(self.cache)?;
        if let Some(log) = self.log {
            let lines = "modelgate_decision_log_lines_total";
            read.counter(lines, "Lines written to the decision log.", log.written)?;
            let dropped = "modelgate_decision_log_dropped_total";
            read.counter(dropped, "Lines of the decision log that were lost.", log.dropped)?;
            let queue = "modelgate_decision_log_queue";
            read.gauge(queue, "Lines of the decision log that wait to be written.", log.waiting)?;
        }
        read.process()?;
        Ok(read.0)
    }
}

/// Families that are filled once.
struct Reading(Families);

impl Reading {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        self.0.add(IntGauge::new(name, help)?)?.set(i64::try_from(value).unwrap_or(i64::MAX));
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        self.0.add(IntCounter::new(name, help)?)?.inc_by(value);
        Ok(())
    }

    fn deployments(&mut self, samples: &[DeploymentSample<'_>]) -> prometheus::Result<()> {
        let cooling = "1 if the deployment cools down after failures, else 0. Only deployments whose calls are \
                       counted have this metric.";
        let cooling = Opts::new("modelgate_deployment_cooling_down", cooling);
        let cooling = self.0.add(IntGaugeVec::new(cooling, &["deployment"])?)?;
        let calls = "Calls of a deployment by outcome, since it was configured: success or failure. Calls are \
                     counted if something else can be tried after a failure.";
        let calls = self.0.counters("modelgate_deployment_calls_total", calls, &["deployment", "outcome"])?;
        for sample in samples {
            cooling.get_metric_with_label_values(&[sample.label])?.set(i64::from(sample.is_cooling));
            calls.get_metric_with_label_values(&[sample.label, "success"])?.inc_by(sample.succeeded);
            calls.get_metric_with_label_values(&[sample.label, "failure"])?.inc_by(sample.failed);
        }
        Ok(())
    }

    fn keys(&mut self, sources: &[KeySource]) -> prometheus::Result<()> {
        let labels = ["issuer", "provider"];
        let age =
            "Seconds since the keys of a provider were fetched. `issuer` is empty for JWT_PUBLIC_KEY_URL.";
        let age = self.0.add(GaugeVec::new(Opts::new("modelgate_jwks_age_seconds", age), &labels)?)?;
        let keys = Opts::new("modelgate_jwks_keys", "Usable keys of a provider.");
        let keys = self.0.add(IntGaugeVec::new(keys, &labels)?)?;
        let fetches = "Attempts to fetch the keys of a provider.";
        let fetches = self.0.counters("modelgate_jwks_fetches_total", fetches, &labels)?;
        let failures = "Failed attempts to fetch the keys of a provider.";
        let failures = self.0.counters("modelgate_jwks_fetch_failures_total", failures, &labels)?;
        for source in sources {
            let values = [source.issuer.as_deref().unwrap_or_default(), source.provider.as_str()];
            if let Some(since) = source.age {
                age.get_metric_with_label_values(&values)?.set(since.as_secs_f64());
            }
            let count = i64::try_from(source.keys).unwrap_or(i64::MAX);
            keys.get_metric_with_label_values(&values)?.set(count);
            fetches.get_metric_with_label_values(&values)?.inc_by(source.fetches);
            failures.get_metric_with_label_values(&values)?.inc_by(source.failures);
        }
        Ok(())
    }

    fn cache(&mut self, cache: OpaqueStats) -> prometheus::Result<()> {
        let OpaqueStats { entries, asking, hits, misses } = cache;
        self.gauge("modelgate_token_cache_entries", "Opaque tokens in the cache.", entries as u64)?;
        let questions = "modelgate_token_questions_in_flight";
        self.gauge(questions, "Requests to a provider about an opaque token.", asking as u64)?;
        self.counter("modelgate_token_cache_hits_total", "Opaque tokens that were in the cache.", hits)?;
        self.counter(
            "modelgate_token_cache_misses_total",
            "Opaque tokens that were not in the cache.",
            misses,
        )
    }

    /// The metrics that Prometheus' client libraries expose by convention, if the system provides the values in files.
    fn process(&mut self) -> prometheus::Result<()> {
        let since = process::start_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Gauge::new("process_start_time_seconds", "Start time of the process, in Unix time.")?;
        self.0.add(start)?.set(since.as_secs_f64());
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.gauge("process_open_fds", "Open file descriptors.", open.count() as u64)?;
        }
        if let Some(bytes) = resident_bytes() {
            self.gauge("process_resident_memory_bytes", "Resident memory in bytes.", bytes)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
