//! Nodes whose clocks are wrong: an hour ahead, an hour behind, too fast, too slow. Time of day orders nothing,
//! so reporting goes on; a node that leads the others by more than a minute does not state times.

use std::time::Duration;

use anyhow::{Context, ensure};
use tests::figures::Figures;
use tests::load::Load;
use tests::stage::Stage;

use super::doors::get;
use super::failover::nothing_is_lost;

/// Receipts that show that reporting goes on.
const GOES_ON: usize = 20;
/// What counts as a cluster that does not come back.
const NEVER: Duration = Duration::from_secs(20);

/// The library of faketime; a sentence where it is not there. In CI that is a failure. The program of that
/// name is not used: it stays the parent of what it starts, and a killed parent leaves a node behind.
fn faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let libraries =
        folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    let found = libraries.into_iter().find(|library| library.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "this test needs faketime");
        println!("skipped: this test needs faketime (ops/dev/install.sh test installs it)");
    }
    found.map(|library| format!("LD_PRELOAD={}", library.display()))
}

/// Three nodes of which one lives in another time; a night under load; nothing is lost.
async fn a_node_in_another_time(
    scenario: &'static str,
    ordinal: u64,
    words: &[&str],
    work: impl AsyncFnOnce(&Stage) -> anyhow::Result<()>,
) {
    let stage = Stage::prepare(16, 3).unwrap();
    for node in stage.cluster.ordinals() {
        let words = if node == ordinal { words } else { &[] };
        stage.cluster.start_behind(node, words).unwrap();
    }
    stage.cluster.initialize().await.unwrap();
    let ((), seen) = Load::STEADY
        .during(&stage, async |tally| {
            let before = stage.cluster.leadership().await.context("no leader")?;
            for _round in 0..4 {
                ensure!(tally.wait_for(GOES_ON, NEVER).await, "nothing is reported");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            work(&stage).await?;
            let after = stage.cluster.leadership().await.context("no leader")?;
            ensure!(before == after, "from {before:?} to {after:?}");
            Ok(())
        })
        .await
        .unwrap();
    nothing_is_lost(&stage, seen.receipts.len()).await;
    Figures::of(scenario)
        .count("receipts", seen.receipts.len())
        .print();
}

async fn clock_of_day(scenario: &'static str, shift: &str) {
    let Some(library) = faketime() else { return };
    let shift = format!("FAKETIME={shift}");
    // The time of day alone: timers go on as they were.
    let words = ["env", &library, &shift, "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    a_node_in_another_time(scenario, 2, &words, async |stage| {
        let (_, metrics) = get(stage.cluster.operations(1)?, "/metrics").await?;
        let skew = metrics
            .lines()
            .find(|line| line.starts_with("tally_peer_clock_skew_seconds{peer=\"n2\"}"))
            .context("no figure for the clock of n2")?;
        let seconds: f64 = skew.rsplit(' ').next().context("a figure")?.parse()?;
        ensure!(seconds.abs() > 3_500.0, "the clock is not shifted: {skew}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_ahead_costs_nothing_but_its_own_cosignatures() {
    clock_of_day("clock_hour_ahead", "+1h").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_behind_costs_nothing() {
    clock_of_day("clock_hour_behind", "-1h").await;
}

/// Five per cent fast and slow, timers included: elections and confirmed reads are as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_that_drift_change_no_leader() {
    let Some(library) = faketime() else { return };
    let rates = [
        ("timers_fast", "FAKETIME=+0 x1.05"),
        ("timers_slow", "FAKETIME=+0 x0.95"),
    ];
    for (scenario, rate) in rates {
        let words = ["env", &library, rate];
        a_node_in_another_time(scenario, 3, &words, async |_stage| Ok(())).await;
    }
}
