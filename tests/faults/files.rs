//! The configuration file is deleted or replaced while it is active.

use crate::process::{Gate, MASTER_KEY, Upstream, config, until};

const REFUSED: &str = "modelgate_reloads_total{outcome=\"failure\"}";
const LOADED: &str = "modelgate_reloads_total{outcome=\"success\"}";

/// The old rules stay active, and the log, the metrics and the admin listener report the reason.
fn assert_old_rules_active(gate: &Gate, why: &str) {
    until(|| gate.snapshot()["last_error"]["message"].as_str()?.contains(why).then_some(()));
    gate.log.times("the old rules stay active", 1);
    let snapshot = gate.snapshot();
    assert_eq!(snapshot["reloads"], 0, "{snapshot}");
    assert!(snapshot["failures"].as_u64().unwrap() >= 1, "{snapshot}");
    assert!(gate.metric(REFUSED) >= 1.0 && gate.metric(LOADED).abs() < 0.1);
    assert_eq!(gate.models_as(MASTER_KEY).status(), 200);
    assert_eq!(gate.models_as("sk-next").status(), 401);
}

/// The file that replaces the bad one becomes active.
fn assert_recovers(gate: &Gate, upstream: &Upstream) {
    gate.write("config.yaml", &config(upstream.address, "", "").replace(MASTER_KEY, "sk-next"));
    until(|| (gate.models_as("sk-next").status() == 200).then_some(()));
    assert_eq!(gate.models_as(MASTER_KEY).status(), 401);
    // The rules are active a moment before the log reports it.
    until(|| gate.snapshot()["last_error"].is_null().then_some(()));
    gate.counts(LOADED, 1.0);
}

#[test]
fn a_configuration_that_is_deleted_stays_in_force() {
    let upstream = Upstream::start();
    let gate = Gate::start(&config(upstream.address, "", ""));
    std::fs::remove_file(gate.path("config.yaml")).unwrap();
    assert_old_rules_active(&gate, "cannot read");
    assert_recovers(&gate, &upstream);
}

#[test]
fn garbage_in_the_place_of_a_configuration_changes_nothing() {
    let upstream = Upstream::start();
    let garbage = [
        "",
        "\0\x01\u{fffd}",
        "general_settings: [",
        "{}",
        "<html>502</html>",
        "general_settings: {master_key: sk-next}\nmodelgate: {uptream: {}}",
    ];
    for text in garbage {
        let gate = Gate::start(&config(upstream.address, "", ""));
        gate.write("config.yaml", text);
        assert_old_rules_active(&gate, "");
        assert_recovers(&gate, &upstream);
    }
}

#[test]
fn a_directory_in_the_place_of_a_configuration_changes_nothing() {
    let upstream = Upstream::start();
    let gate = Gate::start(&config(upstream.address, "", ""));
    std::fs::remove_file(gate.path("config.yaml")).unwrap();
    std::fs::create_dir(gate.path("config.yaml")).unwrap();
    assert_old_rules_active(&gate, "cannot read");
    std::fs::remove_dir(gate.path("config.yaml")).unwrap();
    assert_recovers(&gate, &upstream);
}
