//! What operations rely on: every metric that a rule or a dashboard names exists, every alert has a runbook, and
//! every runbook an alert.

use std::collections::BTreeSet;
use std::fs;

/// Every metric that is asked for is one that a node has.
#[test]
fn every_metric_asked_for_exists() {
    let root = xtask::root();
    let listed = fs::read_to_string(root.join("crates/telemetry/metrics.txt")).unwrap();
    let exist: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let asked = xtask::dashboards::metrics_named(&root).unwrap();
    assert!(asked.len() > 10, "{asked:?}");
    let missing: Vec<&String> = asked
        .iter()
        .filter(|name| !exist.contains(name.as_str()))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

/// An alert that nobody can act on wakes people for nothing; a runbook without an alert is never opened.
#[test]
fn every_alert_has_a_runbook() {
    let root = xtask::root();
    let rules = fs::read_to_string(root.join("ops/prometheus/rules/alerts.yml")).unwrap();
    let alerts: BTreeSet<String> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .map(str::to_owned)
        .collect();
    let runbooks: BTreeSet<String> = fs::read_dir(root.join("ops/runbooks"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "README")
        .collect();
    assert_eq!(alerts, runbooks);
    for alert in &alerts {
        let page = fs::read_to_string(root.join(format!("ops/runbooks/{alert}.md"))).unwrap();
        for part in [
            "Meaning",
            "Impact on the night",
            "Diagnose",
            "Act",
            "Verify",
            "Escalate",
        ] {
            assert!(
                page.contains(&format!("**{part}.**")),
                "{alert} does not say: {part}"
            );
        }
    }
}

/// The alerts' tests name every alert, so that none is untested.
#[test]
fn every_alert_is_tested() {
    let root = xtask::root();
    let rules = fs::read_to_string(root.join("ops/prometheus/rules/alerts.yml")).unwrap();
    let tests = fs::read_to_string(root.join("ops/prometheus/tests/alerts.yml")).unwrap();
    for alert in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        let cases: Vec<&str> = tests
            .split("alertname: ")
            .filter(|case| case.starts_with(alert))
            .collect();
        let fires = cases.iter().any(|case| case.contains("exp_labels"));
        let is_quiet = cases.iter().any(|case| {
            case.lines()
                .nth(1)
                .is_some_and(|l| l.trim() == "exp_alerts: []")
        });
        assert!(
            fires && is_quiet,
            "{alert}: fires {fires}, quiet {is_quiet}"
        );
        assert!(!cases[0].is_empty());
    }
}
