//! The metrics reference lists all metric families.

use std::fmt::Write as _;

use modelgate::gateway::MetricFamily;

use crate::is_generated;

const INTRODUCTION: &str = "\
<!-- Generated from the registered metrics by tests/book. Do not edit. -->

# Metrics

`GET /metrics` on the [admin listener](admin.md) exposes these metrics in Prometheus' text format.

No label contains data of a request. The label `policy` contains only policies of the active configuration. Health checks are not counted. The
metrics of the [decision log](decision-log.md) exist only if it is on. [Limits](limits.md) lists the values of the label `limit`, and
[the rules](rules.md) those of the label `rule`.

| metric | type | labels | meaning |
|---|---|---|---|
";

#[test]
fn the_reference_of_metrics_is_the_list_of_families() {
    let mut page = INTRODUCTION.to_owned();
    for MetricFamily { name, kind, labels, help } in MetricFamily::all().unwrap() {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
    }
    is_generated("reference/metrics.md", &page);
}
