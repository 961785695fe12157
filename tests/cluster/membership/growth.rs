//! A cluster grows, and shrinks again.

use std::collections::BTreeSet;
use std::time::Duration;

use client::connection::Connections;
use client::members::View;
use client::members::replace::{Successor, succeed};
use tests::spares::{Spares, next_version, until_up};
use tests::stage::Stage;

use super::{code, controls, every_receipt_verifies, voters};

/// One node, then three, then five; then the one that leads is taken out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_grows_from_one_to_five_and_loses_its_leader() {
    let stage = Stage::prepare(24, 1).unwrap();
    stage.cluster.start_node(1).unwrap();
    stage.cluster.initialize().await.unwrap();
    let folder = stage.folder().join("spares");
    let mut spares = Spares::prepare(&stage.cluster, &[2, 3, 4, 5], &folder).unwrap();
    let connections = spares.connect(&stage.cluster).unwrap();
    let mut all = stage.cluster.made.content.nodes.clone();
    all.extend(spares.lines());
    for ordinal in 2..=5 {
        spares.start(ordinal).unwrap();
        until_up(&stage.cluster, &connections, &format!("n{ordinal}"))
            .await
            .unwrap();
    }
    let mut manifest = stage.cluster.made.content.clone();
    let sizes = [vec![], vec!["n2", "n3"], vec!["n4", "n5"]];
    let mut report = 0;
    for (nodes, joining) in [1, 3, 5].into_iter().zip(sizes) {
        let (voting, waiting) = all.split_at(nodes);
        let next = next_version(&stage.cluster, &manifest, voting, waiting).unwrap();
        grow(&stage, &connections, &next, &joining).await;
        manifest = next.manifest;
        assert_eq!(voters(&connections).await, ordinals(voting));
        for _ in 0..4 {
            stage.report(report).await.unwrap();
            report += 1;
        }
    }
    let view = View::of(&connections).await;
    let leader = view.leader().unwrap().says.node.clone();
    all.retain(|line| line.id.as_str() != leader);
    let next = next_version(&stage.cluster, &manifest, &all, &[]).unwrap();
    succeed(&connections, &next, &stage.desk.clock)
        .await
        .unwrap();
    let desk = controls(&stage, &connections, 0);
    desk.remove(&leader).await.unwrap();
    assert_eq!(voters(&connections).await, ordinals(&all));
    let election = std::sync::Arc::clone(&stage.cluster.election);
    let everybody = client::Client::new(connections.clone(), election);
    let delivery = everybody.submit_signed(&stage.note(report).unwrap()).await;
    let receipted = matches!(delivery, client::retry::Delivery::Receipted(_));
    assert!(receipted, "{delivery:?}");
    // Who has left does not come back, whatever its directory holds.
    let again = desk.add(&leader).await.unwrap_err();
    assert_eq!(code(&again), "has_left");
    every_receipt_verifies(&stage, &connections).await;
}

/// Lets nodes join, brings the version that counts them into the log, and gives them their votes.
async fn grow(stage: &Stage, connections: &Connections, next: &Successor, joining: &[&str]) {
    let desk = controls(stage, connections, 0);
    for id in joining {
        desk.add(id).await.unwrap();
        desk.caught_up(id, Duration::from_secs(20)).await.unwrap();
    }
    succeed(connections, next, &stage.desk.clock).await.unwrap();
    let ids: Vec<String> = joining.iter().map(|id| (*id).to_owned()).collect();
    desk.promote(&ids).await.unwrap();
}

fn ordinals(lines: &[receipt::NodeLine]) -> BTreeSet<u64> {
    lines.iter().map(|line| line.ordinal).collect()
}
