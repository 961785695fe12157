//! A night that goes on and on at four fifths of what the cluster can take: no election, whatever the load,
//! and what the nodes say that they did keeps the rules of Raft and of cosigning from its first line to its last.

use std::time::Duration;

use anyhow::Context;
use client::clock::Clock;
use tests::figures::{self, Figures};
use tests::load::Load;
use tests::stage::Stage;
use tests::trace;

use super::failover::nothing_is_lost;
use super::traces::{have_traces, lines};

/// Chairs at work: enough that nodes and disk are busy all the time.
const CHAIRS: usize = 48;

/// How long the cluster shows what it can take.
const FULL: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_fifths_of_the_load_it_can_take_change_no_leader() {
    let units = u64::try_from(2 * CHAIRS).unwrap();
    let stage = Stage::prepare(units, 3).unwrap().run().await.unwrap();
    let full = Load {
        chairs: CHAIRS,
        rest: Duration::ZERO,
    };
    let ((), at_full) = full
        .during(&stage, async |_tally| {
            tokio::time::sleep(FULL).await;
            Ok(())
        })
        .await
        .unwrap();
    let (full_receipts, took) = (at_full.receipts.len(), at_full.lasted());
    // A chair's turn takes `turn` at full load; resting a quarter of it makes four turns of five.
    let chairs = u32::try_from(CHAIRS).unwrap();
    let turn = took * chairs / u32::try_from(full_receipts).unwrap();
    let steady = Load {
        chairs: CHAIRS,
        rest: turn / 4,
    };
    let seconds = u64::try_from(figures::times(20, 600)).unwrap();
    let stage = Stage::prepare(units, 3).unwrap();
    have_traces(&stage);
    let stage = stage.run().await.unwrap();
    let ((gap, terms), seen) = steady
        .during(&stage, async |tally| {
            let before = stage.cluster.leadership().await.context("no leader")?;
            let from = stage.desk.clock.monotonic();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let gap = tally.longest_gap(from, stage.desk.clock.monotonic());
            let after = stage.cluster.leadership().await.context("no leader")?;
            anyhow::ensure!(before == after, "from {before:?} to {after:?}");
            Ok((gap, after.1 - before.1))
        })
        .await
        .unwrap();
    nothing_is_lost(&stage, seen.receipts.len()).await;
    let lines = lines(&stage).await;
    let traced = lines.len();
    trace::check(lines, 3).unwrap_or_else(|broken| panic!("{broken}"));
    Figures::of("soak")
        .count("seconds", usize::try_from(seconds).unwrap())
        .count("receipts", seen.receipts.len())
        .count("receipts_at_full_load", full_receipts)
        .time("full_load", took)
        .time("longest_gap", gap)
        .count("trace_lines", traced)
        .count("leader_changes", usize::try_from(terms).unwrap())
        .print();
}
