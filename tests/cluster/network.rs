//! Faults of the network between nodes that live in namespaces of their own: cuts in every shape, slow and
//! lossy links. Chairs report all the while, from a network that reaches every node, as on the night.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use client::clock::Clock;
use tests::figures::{self, Figures};
use tests::load::{Load, Tally, Times};
use tests::net::link::Link;
use tests::net::{self, Network};
use tests::stage::Stage;

use super::doors::get;
use super::failover::nothing_is_lost;
use super::kills::gap_after;

/// Receipts that show that reporting goes on.
const GOES_ON: usize = 20;
/// What counts as a cluster that does not come back.
const NEVER: Duration = Duration::from_secs(20);

/// A cluster with its network; the nodes end before the network does.
struct Lab {
    stage: Stage,
    network: Arc<Network>,
}

impl Lab {
    /// `None`, and a sentence that says why, where this machine cannot have one.
    async fn open(nodes: u64) -> Option<Self> {
        if let Some(what) = net::lacking() {
            println!("skipped: this test needs {what}");
            return None;
        }
        let network = Arc::new(Network::open(nodes, 2020).unwrap());
        let stage = Stage::open_in(Arc::clone(&network), 16, nodes)
            .await
            .unwrap();
        Some(Self { stage, network })
    }

    /// Lets chairs report while `work` goes on; then heals the network, and checks what a stranger could.
    async fn under_load<T>(&self, work: impl AsyncFnOnce(&Tally) -> anyhow::Result<T>) -> T {
        let (done, seen) = Load::STEADY
            .during(&self.stage, async |tally| {
                ensure!(tally.wait_for(GOES_ON, NEVER).await, "nothing is reported");
                let done = work(tally).await?;
                self.network.heal();
                ensure!(tally.wait_for(GOES_ON, NEVER).await, "it did not recover");
                Ok(done)
            })
            .await
            .unwrap();
        nothing_is_lost(&self.stage, seen.receipts.len()).await;
        done
    }

    async fn leadership(&self) -> anyhow::Result<(u64, u64)> {
        self.stage.cluster.leadership().await.context("no leader")
    }

    fn now(&self) -> Duration {
        self.stage.desk.clock.monotonic()
    }

    async fn gap(&self, tally: &Tally, from: Duration) -> anyhow::Result<Duration> {
        gap_after(&self.stage.desk.clock, tally, from).await
    }

    /// Every pair of different nodes, in both orders.
    fn directions(&self) -> Vec<(u64, u64)> {
        let nodes = self.stage.cluster.ordinals();
        let pairs = nodes
            .iter()
            .flat_map(|from| nodes.iter().map(|to| (*from, *to)));
        pairs.filter(|(from, to)| from != to).collect()
    }

    /// Sets every link between nodes.
    fn between_all(&self, link: Link) {
        for (from, to) in self.directions() {
            self.network.set(from, to, link);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolated_leader_is_replaced_and_confirms_nothing() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let gaps = lab
        .under_load(async |tally| {
            let mut gaps = Times::default();
            for _round in 0..figures::times(2, 50) {
                let (leader, term) = lab.leadership().await?;
                let from = lab.now();
                lab.network.isolate(leader);
                gaps.push(lab.gap(tally, from).await?);
                let shown = lab.stage.cluster.results_now(leader).await;
                ensure!(shown.is_err(), "it confirms results with nobody behind it");
                let (now, new_term) = lab.leadership().await?;
                ensure!(now != leader && new_term > term, "it was not replaced");
                lab.network.heal();
                lab.stage.cluster.caught_up(leader).await?;
            }
            Ok(gaps)
        })
        .await;
    assert!(lab.network.count().dropped > 0, "nothing was cut");
    Figures::of("leader_isolated")
        .times("write_gap", &gaps)
        .print();
}

/// A follower that comes back asks before it stands for election, and disturbs nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_isolated_and_healed_changes_no_leader() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let gaps = lab
        .under_load(async |tally| {
            let before = lab.leadership().await?;
            let mut nodes = lab.stage.cluster.ordinals().into_iter();
            let follower = nodes.find(|one| *one != before.0).context("one node")?;
            let (mut cut, mut healed) = (Times::default(), Times::default());
            for _round in 0..figures::times(4, 50) {
                let from = lab.now();
                lab.network.isolate(follower);
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                cut.push(tally.longest_gap(from, lab.now()));
                let from = lab.now();
                lab.network.heal();
                lab.stage.cluster.caught_up(follower).await?;
                healed.push(lab.gap(tally, from).await?);
            }
            let after = lab.leadership().await?;
            ensure!(before == after, "from {before:?} to {after:?}");
            Ok((cut, healed))
        })
        .await;
    assert!(lab.network.count().dropped > 0, "nothing was cut");
    let (cut, healed) = gaps;
    Figures::of("follower_isolated")
        .times("write_gap_cut", &cut)
        .times("write_gap_healed", &healed)
        .print();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_dead_one_way_stops_nobody() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let gaps = lab
        .under_load(async |tally| {
            let mut gaps = Times::default();
            for (from, to) in lab.directions() {
                let began = lab.now();
                lab.network.set(from, to, Link::CUT);
                tokio::time::sleep(Duration::from_secs(2)).await;
                gaps.push(lab.gap(tally, began).await?);
                lab.network.heal();
                lab.stage.cluster.caught_up(to).await?;
            }
            Ok(gaps)
        })
        .await;
    assert!(lab.network.count().dropped > 0, "nothing was cut");
    Figures::of("one_way_cuts")
        .times("write_gap", &gaps)
        .print();
}

/// Without a majority nothing is acknowledged, nodes say that they live and are not ready, and results are
/// stamped with their age; with one again reporting goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_nothing_is_acknowledged_and_healing_is_enough() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let recovered = lab
        .under_load(async |tally| {
            lab.between_all(Link::CUT);
            // What was under way when the links went may still be answered.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let before = tally.count();
            tokio::time::sleep(Duration::from_secs(3)).await;
            ensure!(tally.count() == before, "a minority gave a receipt");
            for ordinal in lab.stage.cluster.ordinals() {
                let operations = lab.stage.cluster.operations(ordinal)?;
                ensure!(get(operations, "/livez").await?.0 == 200, "alive");
                ensure!(get(operations, "/readyz").await?.0 == 503, "not ready");
                let stale = lab.stage.cluster.results(ordinal).await?;
                ensure!(
                    !stale.linearizable && stale.leader_heard_ms_ago > 1_000,
                    "old results without their age"
                );
            }
            let healed = lab.now();
            lab.network.heal();
            ensure!(tally.wait_for(1, NEVER).await, "it did not recover");
            Ok(lab.now().saturating_sub(healed))
        })
        .await;
    Figures::of("quorum_lost")
        .time("recovery", recovered)
        .print();
}

/// Two halves of five nodes that only the fifth hears: it stays one cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_nodes_joined_by_one_stay_a_cluster() {
    let Some(lab) = Lab::open(5).await else {
        return;
    };
    let gaps = lab
        .under_load(async |tally| {
            let mut gaps = Times::default();
            for bridge in lab.stage.cluster.ordinals() {
                let from = lab.now();
                let rest: Vec<u64> = lab
                    .stage
                    .cluster
                    .ordinals()
                    .into_iter()
                    .filter(|one| *one != bridge)
                    .collect();
                let (left, right) = rest.split_at(rest.len() / 2);
                for one in left {
                    for other in right {
                        lab.network.set_both(*one, *other, Link::CUT);
                    }
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
                gaps.push(lab.gap(tally, from).await?);
                lab.network.heal();
            }
            Ok(gaps)
        })
        .await;
    assert!(lab.network.count().dropped > 0, "nothing was cut");
    Figures::of("bridge_of_five")
        .times("write_gap", &gaps)
        .print();
}

/// Nodes are cut off one by one in one order and let back in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_drop_out_in_turn_and_come_back_in_another_lose_nothing() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    lab.under_load(async |tally| {
        for round in 0..figures::times(3, 30) {
            let mut nodes = lab.stage.cluster.ordinals();
            nodes.rotate_left(round % 3);
            for out in &nodes {
                lab.network.isolate(*out);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            nodes.rotate_left(1 + round % 2);
            for back in &nodes {
                for other in &nodes {
                    lab.network.set_both(*back, *other, Link::PERFECT);
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            ensure!(tally.wait_for(GOES_ON, NEVER).await, "it did not recover");
        }
        Ok(())
    })
    .await;
    assert!(lab.network.count().dropped > 0, "nothing was cut");
}

/// A leader whose links come and go: reporting gets through more often than not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_come_and_go_do_not_stop_reporting() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let (changes, receipts) = lab
        .under_load(async |tally| {
            let (leader, before) = lab.leadership().await?;
            let began = tally.count();
            for round in 0..figures::times(30, 300) {
                let other = 1 + (leader + u64::try_from(round)?) % 3;
                if other != leader {
                    lab.network.set_both(leader, other, Link::CUT);
                }
                let ms = 50 + u64::try_from(round * 37 % 250)?;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                lab.network.heal();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let receipts = tally.count() - began;
            ensure!(receipts > 0, "nothing got through");
            let (_, after) = lab.leadership().await?;
            Ok((after - before, receipts))
        })
        .await;
    assert!(lab.network.count().dropped > 0, "nothing was cut");
    Figures::of("flapping_links")
        .count("terms", usize::try_from(changes).unwrap())
        .count("receipts", receipts)
        .print();
}

/// Ten milliseconds a packet change no leader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_links_change_no_leader() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let gap = lab
        .under_load(async |tally| {
            let before = lab.leadership().await?;
            lab.between_all(Link::slow(Duration::from_millis(10)));
            let from = lab.now();
            tokio::time::sleep(Duration::from_secs(5)).await;
            let gap = lab.gap(tally, from).await?;
            let after = lab.leadership().await?;
            ensure!(before == after, "from {before:?} to {after:?}");
            Ok(gap)
        })
        .await;
    assert!(lab.network.count().delayed > 0, "nothing was delayed");
    Figures::of("slow_links_10ms")
        .time("write_gap", gap)
        .print();
}

/// Packets that are lost, overtake each other and come twice cost time and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lossy_links_lose_no_report() {
    let Some(lab) = Lab::open(3).await else {
        return;
    };
    let gaps = lab
        .under_load(async |tally| {
            let mut gaps = Times::default();
            for lost in [10, 50, 200] {
                lab.between_all(Link {
                    jitter: Duration::from_millis(4),
                    doubled: 20,
                    ..Link::lossy(lost)
                });
                let from = lab.now();
                tokio::time::sleep(Duration::from_secs(3)).await;
                gaps.push(lab.gap(tally, from).await?);
            }
            Ok(gaps)
        })
        .await;
    let count = lab.network.count();
    assert!(count.dropped > 0 && count.doubled > 0, "{count:?}");
    Figures::of("lossy_links").times("write_gap", &gaps).print();
}
