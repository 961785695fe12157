//! Leadership is handed over and every node is restarted while chairs report.

use std::time::{Duration, Instant};

use client::clock::Clock;
use client::members::restart::{self, Restart};
use client::members::{Error, View};
use tests::cluster::beside_this_program;
use tests::load::Times;
use tests::stage::Stage;

use super::{controls, every_receipt_verifies, times, under_load};

/// Leadership is handed over again and again while chairs report.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_is_hardly_seen() {
    let stage = Stage::open(24).await.unwrap();
    let connections = stage.cluster.connections.clone();
    let rounds = times(6, 100);
    let desk = controls(&stage, &connections, 0);
    let (gaps, seen) = under_load(&stage, 8, async |tally| {
        let (mut gaps, mut tries) = (Times::default(), 0);
        while gaps.count() < rounds {
            let view = desk.led().await.unwrap();
            let leader = view.leader().unwrap().says;
            let heir = leader.ordinal % 3 + 1;
            tokio::time::sleep(Duration::from_millis(400)).await;
            let begun = stage.desk.clock.monotonic();
            match desk.transfer(&format!("n{heir}")).await {
                Ok(()) => {
                    tally.wait_for(8, Duration::from_secs(5)).await;
                    gaps.push(tally.longest_gap(begun, stage.desk.clock.monotonic()));
                }
                // On a busy machine another may have been elected meanwhile.
                Err(Error::Refused(_) | Error::NotInTime { .. } | Error::NoAnswer { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            tries += 1;
            assert!(
                tries < rounds * 5,
                "{tries} tries for {} rounds",
                gaps.count()
            );
        }
        gaps
    })
    .await;
    let at = |percent: usize| gaps.percentile(percent).as_millis();
    anstream::println!(
        "figures {{\"scenario\":\"hand-over\",\"rounds\":{rounds},\"receipts\":{},\"gap_p50_ms\":{},\"gap_p99_ms\":{},\"gap_max_ms\":{}}}",
        seen.receipts.len(),
        at(50),
        at(99),
        at(100)
    );
    every_receipt_verifies(&stage, &connections).await;
}

/// Processes that the restart command started: they end with the test.
struct Restarted(std::path::PathBuf);

impl Drop for Restarted {
    fn drop(&mut self) {
        for id in ["n1", "n2", "n3"] {
            let file = self.0.join(format!("{id}.pid"));
            let pid = std::fs::read_to_string(file).ok();
            let pid = pid.and_then(|pid| pid.trim().parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Every node is restarted, the leader last, while chairs report; every report gets its receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_report() {
    let stage = Stage::open(24).await.unwrap();
    let connections = stage.cluster.connections.clone();
    let folder = stage.folder().join("restart");
    std::fs::create_dir_all(&folder).unwrap();
    let _restarted = Restarted(folder.clone());
    for ordinal in stage.cluster.ordinals() {
        let id = |process: &tests::process::NodeProcess| Ok(process.id());
        let pid = stage.cluster.process(ordinal, id).unwrap().unwrap();
        std::fs::write(folder.join(format!("n{ordinal}.first")), pid.to_string()).unwrap();
    }
    let nodes = stage.cluster.folder(1).unwrap();
    let nodes = nodes.parent().unwrap().display();
    let binary = beside_this_program("tally-node").unwrap();
    // A process that has ended stays as a zombie of this test, so its state is looked at.
    let command = format!(
        "pid=$(cat {here}/{{id}}.first); kill -TERM $pid; \
         while grep -q '^State:[[:space:]]*[^Z[:space:]]' /proc/$pid/status 2>/dev/null; do sleep 0.05; done; \
         {binary} --config {nodes}/{{id}}/node.toml >>{nodes}/{{id}}/node.log 2>&1 </dev/null & \
         echo $! > {here}/{{id}}.pid",
        here = folder.display(),
        binary = binary.display(),
    );
    let plan = Restart {
        command,
        only: Vec::new(),
        patience: Duration::from_mins(2),
    };
    let desk = controls(&stage, &connections, 0);
    let view = desk.led().await.unwrap();
    let leader = view.leader().unwrap().says.node.clone();
    let ((order, took, longest), seen) = under_load(&stage, 4, async |tally| {
        let begun = (Instant::now(), stage.desk.clock.monotonic());
        let mut order = Vec::new();
        let done = desk.restart(&plan, |step| {
            if let restart::Step::Well { node, after, .. } = step {
                order.push((node.clone(), after.as_millis()));
            }
        });
        done.await.unwrap();
        let longest = tally.longest_gap(begun.1, stage.desk.clock.monotonic());
        (order, begun.0.elapsed(), longest)
    })
    .await;
    assert_eq!(order.len(), 3, "{order:?}");
    let first: Vec<&str> = order
        .iter()
        .take(1)
        .map(|(node, _)| node.as_str())
        .collect();
    assert_ne!(first, [leader.as_str()], "the leader is not the first");
    anstream::println!(
        "figures {{\"scenario\":\"rolling restart\",\"took_ms\":{},\"receipts\":{},\"longest_gap_ms\":{}}} {order:?}",
        took.as_millis(),
        seen.receipts.len(),
        longest.as_millis()
    );
    every_receipt_verifies(&stage, &connections).await;
}

/// A command that fails leaves the node at work, and nothing more is touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_that_fails_stops_at_once() {
    let stage = Stage::open(4).await.unwrap();
    let connections = stage.cluster.connections.clone();
    let desk = controls(&stage, &connections, 0);
    let plan = Restart {
        command: "exit 7".to_owned(),
        only: Vec::new(),
        patience: Duration::from_secs(30),
    };
    let mut steps = Vec::new();
    let error = desk
        .restart(&plan, |step| steps.push(step.clone()))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Command { .. }), "{error}");
    assert_eq!(steps.len(), 1, "{steps:?}");
    let view = View::of(&connections).await;
    assert!(view.seen().all(|node| !node.says.draining));
    stage.report(0).await.unwrap();
}
