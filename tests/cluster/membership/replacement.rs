//! A dead node is replaced by a spare while reports go on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use client::connection::Connections;
use client::members::replace::{Replacement, Step};
use client::members::{View, view};
use futures::stream::{self, StreamExt};
use receipt::leaf::{Reason, Role};
use tests::spares::{prepared, until_up};
use tests::stage::Stage;

use super::{controls, every_receipt_verifies, follower, under_load, voters, with_spares};

/// The units of a whole state's night.
const NIGHT: u64 = 1_765;

/// A night of reports is in, a node dies with its disk, and a spare takes its place while reports go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_is_replaced_under_load() {
    const CHAIRS: usize = 4;
    let stage = Stage::open(NIGHT).await.unwrap();
    let (mut spares, connections, second) = with_spares(&stage).await;
    let successors = prepared(&stage.cluster, &second).unwrap();
    let reports = CHAIRS..usize::try_from(NIGHT).unwrap();
    let reporting = stream::iter(reports).for_each_concurrent(12, |n| {
        let stage = &stage;
        async move {
            stage.report(n).await.unwrap();
        }
    });
    reporting.await;
    let dead = follower(&stage).await;
    stage.cluster.kill(dead).await.unwrap();
    std::fs::remove_dir_all(stage.cluster.folder(dead).unwrap().join("data")).unwrap();
    spares.start(4).unwrap();
    until_up(&stage.cluster, &connections, "n4").await.unwrap();

    let replacement = Replacement {
        out: format!("n{dead}"),
        by: "n4".to_owned(),
        successors,
        reason: Reason::parse("its disk is gone").unwrap(),
    };
    let ((took, steps), seen) = under_load(&stage, CHAIRS, async |_| {
        replace(&stage, &connections, &replacement).await
    })
    .await;
    let in_force = steps.iter().any(|(step, _)| *step == Step::InForce(3));
    assert!(in_force, "{steps:?}");
    let others = (1..=4).filter(|one| *one != dead);
    assert_eq!(voters(&connections).await, others.collect());
    // What is done is not done twice.
    let size = largest(&stage).await;
    let (_, steps_again) = replace(&stage, &connections, &replacement).await;
    assert_eq!(steps_again.len(), steps.len());
    assert_eq!(
        size,
        largest(&stage).await,
        "nothing was recorded by doing it again"
    );
    every_receipt_verifies(&stage, &connections).await;
    anstream::println!(
        "figures {{\"scenario\":\"replace a dead node\",\"units\":{NIGHT},\"replaced_ms\":{},\"receipts_meanwhile\":{}}} {steps:?}",
        took.as_millis(),
        seen.receipts.len()
    );
}
async fn largest(stage: &Stage) -> u64 {
    let statuses = stage.cluster.statuses().await;
    let sizes = statuses.iter().flatten().map(|status| status.tree_size);
    sizes.max().unwrap()
}
/// Replaces a node and watches the voters meanwhile; how long it took, and when each step was done.
async fn replace(
    stage: &Stage,
    connections: &Connections,
    replacement: &Replacement,
) -> (Duration, Vec<(Step, Duration)>) {
    let admins = stage.people(Role::Admin).unwrap();
    let desk = controls(stage, connections, 0);
    let begun = Instant::now();
    let mut steps = Vec::new();
    tokio::select! {
        replaced = desk.replace(replacement, admins, |step| steps.push((step, begun.elapsed()))) => {
            replaced.unwrap();
        }
        few = watched_voters(connections) => panic!("only {few:?} vote"),
    }
    (begun.elapsed(), steps)
}

/// Looks at the voters for ever; ends with what it saw if there were ever fewer than three.
async fn watched_voters(connections: &Connections) -> BTreeSet<u64> {
    loop {
        let view = View::of(connections).await;
        if let Ok(leader) = view.leader() {
            let voters = view::voters(leader.says);
            if voters.len() < 3 {
                return voters;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
