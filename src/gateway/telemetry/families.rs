//! The metric families, as they are registered.

use std::fmt;

use prometheus::core::{Collector, Desc};
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

/// A registry that also keeps its collectors. A registry alone exposes only families that have samples.
#[derive(Default)]
pub(super) struct Families {
    registry: Registry,
    collectors: Vec<Box<dyn Collector>>,
}

impl Families {
    /// Registers a collector.
    pub(super) fn add<C: Collector + Clone + 'static>(&mut self, collector: C) -> prometheus::Result<C> {
        self.registry.register(Box::new(collector.clone()))?;
        self.collectors.push(Box::new(collector.clone()));
        Ok(collector)
    }

    /// Registers a family of counters with these labels.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// The description of each family, in the order of registration.
    pub(super) fn list(&self) -> Vec<MetricFamily> {
        self.collectors.iter().flat_map(|collector| described(&**collector)).collect()
    }

    /// The samples in Prometheus' text format.
    pub(super) fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Families").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// The families of a collector, which all have one type.
fn described(collector: &dyn Collector) -> Vec<MetricFamily> {
    let kind = collector.collect().first().map_or("untyped", |family| match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        _ => "untyped",
    });
    let family = |desc: &Desc| {
        let fixed = desc.const_label_pairs.iter().map(|pair| pair.name().to_owned());
        MetricFamily {
            name: desc.fq_name.clone(),
            kind,
            labels: fixed.chain(desc.variable_labels.iter().cloned()).collect(),
            help: desc.help.clone(),
        }
    };
    collector.desc().into_iter().map(family).collect()
}
