//! A node that must not run says why in one sentence and ends with a code of its own.

use std::path::Path;

use tests::stage::Stage;

/// Starts node 1, expects it to end with `code`, and gives back the one sentence it said.
async fn refuses_to_start(stage: &Stage, code: i32) -> String {
    let log = stage.cluster.folder(1).unwrap().join("node.log");
    let before = std::fs::read_to_string(&log).unwrap_or_default().len();
    stage.cluster.start_node(1).unwrap();
    let (status, printed) = stage.cluster.ended(1).await.unwrap();
    let said = printed
        .get(before..)
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("tally-node: "))
        .collect::<Vec<_>>();
    assert_eq!((status.code(), said.len()), (Some(code), 1), "{printed}");
    said[0].to_owned()
}

async fn a_night_then_stop(units: u64) -> Stage {
    let stage = Stage::open(units).await.unwrap();
    for n in 0..usize::try_from(units).unwrap() {
        stage.report(n).await.unwrap();
    }
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.stop(ordinal).await.unwrap();
    }
    stage
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Another node's data directory, this node's keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_nodes_directory_is_refused() {
    let stage = a_night_then_stop(2).await;
    let (one, two) = (
        stage.cluster.folder(1).unwrap(),
        stage.cluster.folder(2).unwrap(),
    );
    std::fs::remove_dir_all(one.join("data")).unwrap();
    copy(&two.join("data"), &one.join("data"));
    let said = refuses_to_start(&stage, 78).await;
    assert!(
        said.contains("node 2") || said.contains("ordinal 2"),
        "{said}"
    );
}

/// Another node's key beside this node's directory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused() {
    let stage = a_night_then_stop(2).await;
    let (one, two) = (
        stage.cluster.folder(1).unwrap(),
        stage.cluster.folder(2).unwrap(),
    );
    for key in ["log.key", "cosigner.key"] {
        let own = std::fs::read(one.join(key)).unwrap();
        std::fs::copy(two.join(key), one.join(key)).unwrap();
        let said = refuses_to_start(&stage, 78).await;
        assert!(said.contains("key"), "{said}");
        std::fs::write(one.join(key), own).unwrap();
    }
}

/// Bits of the log database are flipped, and one of its files is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_is_refused() {
    let stage = a_night_then_stop(6).await;
    let data = stage.cluster.folder(1).unwrap().join("data");
    let keep = stage.folder().join("keep");
    copy(&data, &keep);
    let log = log_file(&data);
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&log, bytes).unwrap();
    refuses_to_start(&stage, 78).await;

    std::fs::remove_dir_all(&data).unwrap();
    copy(&keep, &data);
    std::fs::remove_file(log_file(&data)).unwrap();
    refuses_to_start(&stage, 78).await;

    // The directory as it was is accepted.
    std::fs::remove_dir_all(&data).unwrap();
    copy(&keep, &data);
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    stage.cluster.settled(7).await.unwrap();
}

/// The largest file of the log database that holds entries: its write-ahead log or a table.
fn log_file(data: &Path) -> std::path::PathBuf {
    let folder = data.join("log");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "log" || e == "sst"))
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap()
}

/// A port that somebody else listens on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occupied_port_is_named() {
    let stage = Stage::prepare(2, 3).unwrap();
    let plan = stage.cluster.made.plan.nodes[0].clone();
    for address in [plan.api, plan.peers, plan.operations] {
        let _taken = std::net::TcpListener::bind(address).unwrap();
        let said = refuses_to_start(&stage, 73).await;
        assert!(said.contains(&address.to_string()), "{said}");
    }
}

/// A node whose disk was lost has forgotten what it promised: it waits outside, and the others go on
/// without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_directory_does_not_start_by_itself() {
    let stage = a_night_then_stop(2).await;
    let data = stage.cluster.folder(1).unwrap().join("data");
    std::fs::remove_dir_all(&data).unwrap();
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    stage.report(0).await.unwrap();
    let status = stage
        .cluster
        .wait(
            "the empty node to answer",
            std::time::Duration::from_secs(10),
            async || stage.cluster.statuses().await.into_iter().next().flatten(),
        )
        .await
        .unwrap();
    assert_eq!(
        (status.role.as_str(), status.tree_size),
        ("uninitialized", 0)
    );
}
