//! Nodes are killed, stopped, cut down to a minority; reports go on, and nothing acknowledged is lost.

use std::time::Duration;

use client::answer::Effect;
use tests::audit::{Log, verify_receipts};
use tests::stage::Stage;

/// Every receipt in the outbox verifies, every node has its leaf at its place, and nothing stands twice.
pub(crate) async fn nothing_is_lost(stage: &Stage, reports: usize) {
    let statuses = stage
        .cluster
        .settled(u64::try_from(reports + 1).unwrap())
        .await
        .unwrap();
    let made = &stage.cluster.made;
    let receipts = verify_receipts(
        stage.desk.outbox.disk().path(),
        &stage.cluster.written.bundle,
        made.fingerprint,
    )
    .unwrap();
    assert_eq!(
        (receipts.failed.as_slice(), receipts.verified.len()),
        (&[][..], reports)
    );
    for (index, status) in statuses.iter().enumerate() {
        let entries = client::audit::fetch_log(&stage.cluster.connections, index)
            .await
            .unwrap();
        let log = Log::new(entries);
        assert_eq!(log.root.as_bytes().as_slice(), status.root.as_ref());
        assert_eq!(log.duplicates().unwrap(), 0);
        for (hash, place) in &receipts.verified {
            assert_eq!(
                log.index_of(hash),
                Some(*place),
                "leaf {place} on node {}",
                status.ordinal
            );
        }
    }
    let first = &statuses[0];
    for other in &statuses[1..] {
        assert_eq!(
            (&first.leaf_digest, &first.root),
            (&other.leaf_digest, &other.root)
        );
    }
}

/// The leader is killed again and again, each time with reports under way; each report gets its receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_loses_nothing() {
    let stage = Stage::open(24).await.unwrap();
    for round in 0..4 {
        let leader = stage.cluster.leader().await.unwrap();
        let numbers = [0, 1, 2, 3, 4, 5].map(|n| round * 6 + n);
        let notes = numbers.map(|n| stage.note(n).unwrap());
        let (desk, cluster) = (&stage.desk, &stage.cluster);
        let reports = futures::future::try_join_all(notes.iter().map(|note| desk.send(note)));
        let (sent, killed) = tokio::join!(reports, cluster.kill(leader));
        killed.unwrap();
        for one in sent.unwrap() {
            // A chair whose node died asks another, which may know the report already.
            let effect = one.receipted().unwrap().effect;
            assert!(
                matches!(effect, Effect::Recorded | Effect::AlreadyRecorded),
                "{effect:?}"
            );
        }
        stage.cluster.start_node(leader).unwrap();
        stage
            .cluster
            .settled(u64::try_from(numbers[5] + 2).unwrap())
            .await
            .unwrap();
    }
    nothing_is_lost(&stage, 24).await;
}

/// All nodes are killed in the same moment, as in a power cut of the processes; what had a receipt is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_killed_at_once_lose_nothing() {
    let stage = Stage::open(12).await.unwrap();
    for n in 0..8 {
        stage.report(n).await.unwrap();
    }
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.kill(ordinal).await.unwrap();
    }
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    for n in 8..12 {
        stage.report(n).await.unwrap();
    }
    nothing_is_lost(&stage, 12).await;
}

/// A minority acknowledges nothing, says that it is alive and not ready, and goes on when it is no minority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_acknowledges_nothing() {
    let stage = Stage::open(4).await.unwrap();
    stage.report(0).await.unwrap();
    stage.cluster.kill(1).await.unwrap();
    stage.cluster.kill(2).await.unwrap();

    let answer = super::doors::carry(&stage, 2, stage.note(1).unwrap().bytes()).await;
    assert!(
        answer.is_err(),
        "a single node of three recorded a report: {answer:?}"
    );
    let operations = stage.cluster.operations(3).unwrap();
    let ready = stage
        .cluster
        .wait("not ready", Duration::from_secs(5), async || {
            let (code, _) = super::doors::get(operations, "/readyz").await.ok()?;
            (code == 503).then_some(code)
        })
        .await;
    assert_eq!(ready.unwrap(), 503);
    assert_eq!(
        super::doors::get(operations, "/livez").await.unwrap().0,
        200
    );
    let results = stage.cluster.results(3).await.unwrap();
    assert!(!results.linearizable && results.leader_heard_ms_ago > 0);

    stage.cluster.start_node(1).unwrap();
    stage.report(1).await.unwrap();
    stage.cluster.start_node(2).unwrap();
    nothing_is_lost(&stage, 2).await;
}

/// SIGTERM: the leader hands over, ends with 0, and reports go on meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_leader_hands_over() {
    let stage = Stage::open(8).await.unwrap();
    stage.report(0).await.unwrap();
    let leader = stage.cluster.leader().await.unwrap();
    let notes = [1, 2, 3, 4].map(|n| stage.note(n).unwrap());
    let (desk, cluster) = (&stage.desk, &stage.cluster);
    let reports = futures::future::try_join_all(notes.iter().map(|note| desk.send(note)));
    let (sent, status) = tokio::join!(reports, cluster.stop(leader));
    assert_eq!(status.unwrap().code(), Some(0));
    for one in sent.unwrap() {
        one.receipted().unwrap();
    }
    assert_ne!(stage.cluster.leader().await, Some(leader));
    stage.cluster.start_node(leader).unwrap();
    nothing_is_lost(&stage, 5).await;
}

/// A node that was away gets what it missed, and its results are the others'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_catches_up() {
    let stage = Stage::open(16).await.unwrap();
    let leader = stage.cluster.leader().await.unwrap();
    let follower = stage
        .cluster
        .ordinals()
        .into_iter()
        .find(|one| *one != leader)
        .unwrap();
    stage.cluster.kill(follower).await.unwrap();
    for n in 0..16 {
        stage.report(n).await.unwrap();
    }
    assert_eq!(
        stage.cluster.leader().await,
        Some(leader),
        "a follower's death changes no leader"
    );
    stage.cluster.start_node(follower).unwrap();
    nothing_is_lost(&stage, 16).await;
    let (one, other) = (
        stage.cluster.results(leader).await.unwrap(),
        stage.cluster.results(follower).await.unwrap(),
    );
    assert_eq!((one.statewide, one.units), (other.statewide, other.units));
}
