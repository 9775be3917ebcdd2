//! What is read off when somebody asks for metrics, in Prometheus' text format.

use std::fs;
use std::time::UNIX_EPOCH;

use prometheus::{
    Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::observers::Observers;
use super::process;
use crate::gateway::auth::stats::{KeySource, OpaqueStats};
use crate::gateway::limits::admission::AdmissionControl;

impl Observers {
    /// Everything, in Prometheus' text format.
    pub(in crate::gateway) fn scrape(
        &self,
        generation: u64,
        sources: &[KeySource],
        cache: OpaqueStats,
        load: &AdmissionControl,
    ) -> prometheus::Result<String> {
        let read = Reading(Registry::new());
        read.gauge("modelgate_snapshot_generation", "The generation of the rules in force.", generation)?;
        let connections = load.connections.taken() as u64;
        read.gauge("modelgate_connections", "Connections of callers.", connections)?;
        let bytes = load.body_bytes.taken() as u64;
        read.gauge(
            "modelgate_body_bytes_in_flight",
            "Bytes of bodies that are read, judged and sent on.",
            bytes,
        )?;
        read.keys(sources)?;
        read.cache(cache)?;
        if let Some(log) = self.log() {
            let lines = "modelgate_decision_log_lines_total";
            read.counter(lines, "Lines of the decision log that were written.", log.written())?;
            let dropped = "modelgate_decision_log_dropped_total";
            read.counter(dropped, "Lines of the decision log that were lost.", log.dropped())?;
            let waiting = log.waiting() as u64;
            read.gauge("modelgate_decision_log_queue", "Lines of the decision log that wait.", waiting)?;
        }
        read.process()?;
        let mut text = TextEncoder::new().encode_to_string(&self.metrics().registry.gather())?;
        text += &TextEncoder::new().encode_to_string(&read.0.gather())?;
        Ok(text)
    }
}

/// Values of this moment.
struct Reading(Registry);

impl Reading {
    fn gauge(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.0.register(Box::new(gauge))
    }

    fn counter(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        let counter = IntCounter::new(name, help)?;
        counter.inc_by(value);
        self.0.register(Box::new(counter))
    }

    fn keys(&self, sources: &[KeySource]) -> prometheus::Result<()> {
        let labels = ["issuer", "provider"];
        let age = Opts::new("modelgate_jwks_age_seconds", "Time since a provider's keys were fetched.");
        let age = GaugeVec::new(age, &labels)?;
        let keys = IntGaugeVec::new(Opts::new("modelgate_jwks_keys", "Usable keys of a provider."), &labels)?;
        let counter = |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &labels);
        let fetches = counter("modelgate_jwks_fetches_total", "Attempts to fetch a provider's keys.")?;
        let failures = counter("modelgate_jwks_fetch_failures_total", "Attempts that failed.")?;
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
        self.0.register(Box::new(age))?;
        self.0.register(Box::new(keys))?;
        self.0.register(Box::new(fetches))?;
        self.0.register(Box::new(failures))
    }

    fn cache(&self, cache: OpaqueStats) -> prometheus::Result<()> {
        let OpaqueStats { entries, asking, hits, misses } = cache;
        self.gauge("modelgate_token_cache_entries", "Opaque tokens that are known.", entries as u64)?;
        let questions = "modelgate_token_questions_in_flight";
        self.gauge(questions, "Opaque tokens that a provider is being asked about.", asking as u64)?;
        self.counter("modelgate_token_cache_hits_total", "Opaque tokens that were known.", hits)?;
        self.counter("modelgate_token_cache_misses_total", "Opaque tokens that were not.", misses)
    }

    /// What the conventions of Prometheus' client libraries ask for, as far as the system says it in a file.
    fn process(&self) -> prometheus::Result<()> {
        let since = process::start_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Gauge::new("process_start_time_seconds", "When the process started, in Unix time.")?;
        start.set(since.as_secs_f64());
        self.0.register(Box::new(start))?;
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.gauge("process_open_fds", "Open file descriptors.", open.count() as u64)?;
        }
        if let Some(bytes) = resident_bytes() {
            self.gauge("process_resident_memory_bytes", "Resident memory.", bytes)?;
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
