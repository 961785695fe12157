//! What real nodes say that they did, replayed in the order in which they did it: it keeps the rules
//! of Raft and of cosigning, while leaders and followers are killed and come back.

use std::io::Write as _;

use anyhow::Context;
use tests::figures::{self, Figures};
use tests::load::Load;
use tests::stage::Stage;
use tests::trace::{self, Line};

use super::failover::nothing_is_lost;
use super::kills::gap_after;

const NODES: u64 = 3;
const UNITS: u64 = 16;

/// Where a node of `stage` writes what it does.
fn file(stage: &Stage, ordinal: u64) -> std::path::PathBuf {
    let folder = stage.cluster.folder(ordinal).unwrap();
    folder.join("trace.jsonl")
}

/// Has every node write one, from its start on.
pub(super) fn have_traces(stage: &Stage) {
    let configs = &stage.cluster.written.node_configs;
    for (config, ordinal) in configs.iter().zip(1..) {
        let mut config = std::fs::File::options().append(true).open(config).unwrap();
        writeln!(config, "\n[log]\ntrace = {:?}", file(stage, ordinal)).unwrap();
    }
}

/// Every line of every node, which are stopped for it.
pub(super) async fn lines(stage: &Stage) -> Vec<Line> {
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.stop(ordinal).await.unwrap();
    }
    let nodes = stage.cluster.ordinals().into_iter();
    let texts = nodes.map(|ordinal| std::fs::read_to_string(file(stage, ordinal)).unwrap());
    texts
        .flat_map(|text| {
            let lines = text.lines().map(|line| Line::parse(line).unwrap());
            lines.collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_traces_of_nodes_that_are_killed_keep_the_rules() {
    let stage = Stage::prepare(UNITS, NODES).unwrap();
    have_traces(&stage);
    let stage = stage.run().await.unwrap();
    let rounds = figures::times(2, 20);
    let ((), seen) = Load::STEADY
        .during(&stage, async |tally| {
            for _round in 0..rounds {
                for of_leader in [true, false] {
                    let (leader, _) = stage.cluster.leadership().await.context("no leader")?;
                    let mut others = stage.cluster.ordinals().into_iter();
                    let other = others.find(|one| *one != leader).context("one node")?;
                    let victim = if of_leader { leader } else { other };
                    let from = client::clock::Clock::monotonic(&stage.desk.clock);
                    stage.cluster.kill(victim).await?;
                    gap_after(&stage.desk.clock, tally, from).await?;
                    stage.cluster.start_node(victim)?;
                    stage.cluster.caught_up(victim).await?;
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    nothing_is_lost(&stage, seen.receipts.len()).await;
    let lines = lines(&stage).await;
    let checked = trace::check(lines.clone(), 3).unwrap_or_else(|broken| panic!("{broken}"));
    let many = |event: &str| checked.events.get(event).copied().unwrap_or_default();
    let starts = NODES + 2 * u64::try_from(rounds).unwrap();
    assert_eq!(many("started"), starts, "starts: {:?}", checked.events);
    for event in [
        "voted",
        "flushed",
        "committed",
        "applied",
        "answered",
        "cosigned",
    ] {
        assert!(many(event) > 0, "no `{event}` in {:?}", checked.events);
    }
    let elections = usize::try_from(many("leads")).unwrap();
    assert!(
        elections > rounds,
        "{elections} elections, {rounds} leaders killed"
    );
    // The same lines without the flushes are no history that can be.
    let unflushed = lines.iter().filter(|line| line.event != "flushed");
    assert!(trace::check(unflushed.cloned().collect(), 3).is_err());
    Figures::of("traces")
        .count("lines", lines.len())
        .count(
            "rules_applied",
            usize::try_from(checked.evaluations).unwrap(),
        )
        .count("starts", usize::try_from(starts).unwrap())
        .count("elections", elections)
        .count("receipts", seen.receipts.len())
        .print();
}
