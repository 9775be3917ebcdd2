//! The metric families, as they are registered.

use prometheus::core::Collector;
use prometheus::proto::MetricType;
use prometheus::{IntCounterVec, Opts, Registry, TextEncoder};

/// A metric family: what `/metrics` exposes under one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricFamily {
    /// The name, such as `modelgate_decisions_total`.
    pub name: String,
    /// The type, as Prometheus' text format writes it: `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// The help text.
    pub help: String,
}

/// A registry that also keeps the description of each family. A registry alone exposes only families that have samples.
#[derive(Debug, Default)]
pub(super) struct Families {
    registry: Registry,
    families: Vec<MetricFamily>,
}

impl Families {
    /// Registers a collector.
    pub(super) fn add<C: Collector + Clone + 'static>(&mut self, collector: C) -> prometheus::Result<C> {
        self.registry.register(Box::new(collector.clone()))?;
        let kind = collector.collect().first().map_or("untyped", |family| match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            _ => "untyped",
        });
        for described in collector.desc() {
            let fixed = described.const_label_pairs.iter().map(|pair| pair.name().to_owned());
            self.families.push(MetricFamily {
                name: described.fq_name.clone(),
                kind,
                labels: fixed.chain(described.variable_labels.iter().cloned()).collect(),
                help: described.help.clone(),
            });
        }
        Ok(collector)
    }

    /// Registers a family of counters with one label.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
    ) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    /// The description of each family, in the order of registration.
    pub(super) fn list(&self) -> &[MetricFamily] {
        &self.families
    }

    /// The samples in Prometheus' text format.
    pub(super) fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
