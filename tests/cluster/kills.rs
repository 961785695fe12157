//! How long reporting pauses when a process dies or stands still, measured where a chair would feel it: from
//! one verified receipt to the next, over chairs that report without pause.

use std::time::Duration;

use anyhow::Context;
use client::clock::Clock;
use rustix::process::Signal;
use tests::figures::{self, Figures};
use tests::load::{Load, Tally, Times};
use tests::stage::Stage;

use super::failover::nothing_is_lost;

/// Receipts that show that reporting goes on.
const GOES_ON: usize = 20;
/// What counts as a cluster that does not come back.
const NEVER: Duration = Duration::from_secs(20);

/// Rounds that one cluster goes through. A node that starts applies every leaf again to check its state, and
/// these chairs report thousands an hour as no night does: later rounds would measure that.
const ROUNDS: usize = 20;

/// Units that report in a scenario: the chairs', and as many whose sheets the corrections take.
const UNITS: u64 = 16;

pub(crate) async fn stage(nodes: u64) -> Stage {
    Stage::prepare(UNITS, nodes).unwrap().run().await.unwrap()
}

/// The longest time without a receipt from `from` until reporting has gone on for a while.
pub(crate) async fn gap_after(
    stage_clock: &impl Clock,
    tally: &Tally,
    from: Duration,
) -> anyhow::Result<Duration> {
    anyhow::ensure!(
        tally.wait_for(GOES_ON, NEVER).await,
        "no receipts within {} s",
        NEVER.as_secs()
    );
    Ok(tally.longest_gap(from, stage_clock.monotonic()))
}

/// Kills and restarts `rounds` nodes, each a leader or each a follower, and gives back the gaps.
async fn kill_again_and_again(
    stage: &Stage,
    rounds: usize,
    leaders: bool,
) -> anyhow::Result<(Times, usize, usize)> {
    let ((gaps, changes), seen) = Load::STEADY
        .during(stage, async |tally| {
            let (mut gaps, mut changes) = (Times::default(), 0);
            for _round in 0..rounds {
                anyhow::ensure!(tally.wait_for(GOES_ON, NEVER).await, "nothing is reported");
                let (leader, term) = stage.cluster.leadership().await.context("no leader")?;
                let victim = if leaders {
                    leader
                } else {
                    let mut others = stage.cluster.ordinals().into_iter();
                    others.find(|one| *one != leader).context("one node")?
                };
                let from = stage.desk.clock.monotonic();
                stage.cluster.kill(victim).await?;
                gaps.push(gap_after(&stage.desk.clock, tally, from).await?);
                stage.cluster.start_node(victim)?;
                stage.cluster.caught_up(victim).await?;
                let (_, now) = stage.cluster.leadership().await.context("no leader")?;
                changes += usize::from(now != term);
            }
            Ok((gaps, changes))
        })
        .await?;
    Ok((gaps, changes, seen.receipts.len()))
}

/// Kills and restarts `rounds` nodes in all, on one cluster after the other.
async fn kill_in_many_clusters(nodes: u64, rounds: usize, leaders: bool) -> (Times, usize, usize) {
    let (mut gaps, mut changes, mut receipts) = (Times::default(), 0, 0);
    while gaps.count() < rounds {
        let stage = stage(nodes).await;
        let few = ROUNDS.min(rounds - gaps.count());
        let done = kill_again_and_again(&stage, few, leaders).await.unwrap();
        nothing_is_lost(&stage, done.2).await;
        gaps.append(&done.0);
        changes += done.1;
        receipts += done.2;
    }
    (gaps, changes, receipts)
}

async fn leaders_die(scenario: &'static str, nodes: u64) {
    let rounds = figures::times(5, 200);
    let (gaps, changes, receipts) = kill_in_many_clusters(nodes, rounds, true).await;
    assert!(
        changes >= rounds,
        "a leader was killed and none was elected"
    );
    Figures::of(scenario)
        .times("write_gap", &gaps)
        .count("receipts", receipts)
        .print();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gap_after_a_killed_leader_of_three() {
    leaders_die("leader_killed_3", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gap_after_a_killed_leader_of_five() {
    leaders_die("leader_killed_5", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_follower_changes_no_leader() {
    let rounds = figures::times(5, 50);
    let (gaps, changes, receipts) = kill_in_many_clusters(3, rounds, false).await;
    assert_eq!(changes, 0, "a follower's death changed the leader");
    Figures::of("follower_killed")
        .times("write_gap", &gaps)
        .count("receipts", receipts)
        .print();
}

/// A leader that stands still, as a virtual machine does that is moved, is replaced; awake again it shows
/// nobody old results as new ones, and signs nothing that contradicts the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stood_still_is_replaced_and_comes_back_as_a_follower() {
    let stage = stage(3).await;
    let (gap, seen) = Load::STEADY
        .during(&stage, async |tally| {
            anyhow::ensure!(tally.wait_for(GOES_ON, NEVER).await, "nothing is reported");
            let (leader, term) = stage.cluster.leadership().await.context("no leader")?;
            let signal = |signal| {
                stage
                    .cluster
                    .process(leader, |process| process.signal(signal))
            };
            let from = stage.desk.clock.monotonic();
            signal(Signal::STOP)?;
            let gap = gap_after(&stage.desk.clock, tally, from).await?;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let acknowledged = tally.count();
            signal(Signal::CONT)?;
            // The first answer after waking must hold every receipt given before, or be none.
            if let Ok(shown) = stage.cluster.results_now(leader).await {
                anyhow::ensure!(
                    shown.linearizable && shown.tree_size > u64::try_from(acknowledged)?,
                    "old results as new ones: {} leaves after {acknowledged} receipts",
                    shown.tree_size
                );
            }
            stage.cluster.caught_up(leader).await?;
            let (now, new_term) = stage.cluster.leadership().await.context("no leader")?;
            anyhow::ensure!(now != leader && new_term > term, "it was not replaced");
            Ok(gap)
        })
        .await
        .unwrap();
    nothing_is_lost(&stage, seen.receipts.len()).await;
    Figures::of("leader_frozen").time("write_gap", gap).print();
}

/// A leader dies every 400 milliseconds: nothing is lost, and something gets through in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_that_die_one_after_the_other_lose_nothing() {
    let stage = stage(3).await;
    let rounds = figures::times(15, 150);
    let (killed, seen) = Load::STEADY
        .during(&stage, async |tally| {
            let before = tally.count();
            let mut killed = 0;
            for _round in 0..rounds {
                if let Some((leader, _)) = stage.cluster.leadership().await {
                    stage.cluster.kill(leader).await?;
                    stage.cluster.start_node(leader)?;
                    killed += 1;
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            anyhow::ensure!(tally.count() > before, "nothing got through");
            anyhow::ensure!(tally.wait_for(GOES_ON, NEVER).await, "it did not recover");
            Ok(killed)
        })
        .await
        .unwrap();
    assert!(killed > rounds / 3, "only {killed} leaders were killed");
    nothing_is_lost(&stage, seen.receipts.len()).await;
    Figures::of("crash_loop")
        .count("killed", killed)
        .count("receipts", seen.receipts.len())
        .print();
}

/// A node that gets ten milliseconds of every hundred, as on an overloaded host.
async fn starve(stage: &Stage, ordinal: u64, rounds: usize) -> anyhow::Result<()> {
    for _round in 0..rounds {
        let signal = |signal| {
            stage
                .cluster
                .process(ordinal, |process| process.signal(signal))
        };
        signal(Signal::STOP)?;
        tokio::time::sleep(Duration::from_millis(90)).await;
        signal(Signal::CONT)?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn a_starved_node(scenario: &'static str, leads: bool) {
    let stage = stage(3).await;
    let (terms, seen) = Load::STEADY
        .during(&stage, async |tally| {
            anyhow::ensure!(tally.wait_for(GOES_ON, NEVER).await, "nothing is reported");
            let (leader, before) = stage.cluster.leadership().await.context("no leader")?;
            let mut nodes = stage.cluster.ordinals().into_iter();
            let starved = nodes.find(|one| (*one == leader) == leads);
            let reported = tally.count();
            starve(&stage, starved.context("a node")?, 50).await?;
            anyhow::ensure!(tally.count() > reported, "nothing got through");
            anyhow::ensure!(tally.wait_for(GOES_ON, NEVER).await, "it did not recover");
            let (_, after) = stage.cluster.leadership().await.context("no leader")?;
            Ok(after - before)
        })
        .await
        .unwrap();
    assert!(leads || terms == 0, "a starved follower changed the leader");
    nothing_is_lost(&stage, seen.receipts.len()).await;
    Figures::of(scenario)
        .count("terms", usize::try_from(terms).unwrap())
        .count("receipts", seen.receipts.len())
        .print();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starved_follower_changes_no_leader() {
    a_starved_node("follower_starved", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starved_leader_loses_nothing() {
    a_starved_node("leader_starved", true).await;
}
