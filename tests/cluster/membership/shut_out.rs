//! Directories that have forgotten something are kept out.

use std::time::Duration;

use client::members::View;
use tests::spares::until_up;
use tests::stage::Stage;

use super::{code, controls, follower, with_spares};
use crate::identity::copy;

/// Whoever lost its directory has forgotten what it promised: it waits outside, and no order lets it in again
/// under its ordinal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_node_is_refused_by_itself_and_by_the_leader() {
    let stage = Stage::open(4).await.unwrap();
    let (mut spares, connections, _) = with_spares(&stage).await;
    spares.start(4).unwrap();
    let wiped = follower(&stage).await;
    until_up(&stage.cluster, &connections, "n4").await.unwrap();
    let desk = controls(&stage, &connections, 0);
    let up = desk.caught_up("n4", Duration::ZERO);
    assert!(
        up.await.is_err(),
        "a spare that was not added follows nobody"
    );
    desk.add("n4").await.unwrap();
    desk.caught_up("n4", Duration::from_secs(20)).await.unwrap();

    stage.cluster.kill(wiped).await.unwrap();
    std::fs::remove_dir_all(stage.cluster.folder(wiped).unwrap().join("data")).unwrap();
    stage.cluster.start_node(wiped).unwrap();
    spares.kill(4).await.unwrap();
    std::fs::remove_dir_all(spares.folder(4).unwrap().join("data")).unwrap();
    spares.start(4).unwrap();
    let desk = controls(&stage, &connections, 0);
    for id in [format!("n{wiped}"), "n4".to_owned()] {
        until_up(&stage.cluster, &connections, &id).await.unwrap();
        let refused = desk.add(&id).await.unwrap_err();
        assert_eq!(code(&refused), "impossible", "{refused}");
        let said = refused.to_string();
        assert!(said.contains("an ordinal is never used again"), "{said}");
        let view = View::of(&connections).await;
        let node = view.node(&id).unwrap().says;
        assert_eq!(
            (node.role.as_str(), node.admitted),
            ("uninitialized", false)
        );
    }
    stage.report(0).await.unwrap();
}
/// A follower's directory is put back as it was an hour ago: what it has signed since proves that it has
/// forgotten, so it ends, and does not start again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_a_directory_is_shut_out() {
    let stage = Stage::open(24).await.unwrap();
    for n in 0..4 {
        stage.report(n).await.unwrap();
    }
    stage.cluster.settled(5).await.unwrap();
    let leader = stage.cluster.leader().await.unwrap();
    let follower = leader % 3 + 1;
    let data = stage.cluster.folder(follower).unwrap().join("data");
    stage.cluster.stop(follower).await.unwrap();
    let copied = stage.folder().join("copy");
    copy(&data, &copied);
    stage.cluster.start_node(follower).unwrap();
    for n in 4..16 {
        stage.report(n).await.unwrap();
    }
    stage.cluster.settled(17).await.unwrap();
    stage.cluster.stop(follower).await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&copied, &data);
    for round in ["when it hears of it", "at its start"] {
        stage.cluster.start_node(follower).unwrap();
        let (status, printed) = stage.cluster.ended(follower).await.unwrap();
        // Its tasks may log a line more while it ends.
        let mut said = printed.lines().rev();
        let last = said.find(|line| line.starts_with("tally-node: "));
        let last = last.unwrap_or_default();
        assert_eq!(status.code(), Some(78), "{round}: {printed}");
        assert!(last.contains("an old copy"), "{round}: {printed}");
    }
    stage.report(16).await.unwrap();
    let statuses = stage.cluster.statuses().await;
    assert_eq!(statuses.iter().flatten().count(), 2, "the others go on");
}
