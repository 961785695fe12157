//! The disk of one node fails while reports come in: an fsync that answers EIO, and a file system without room.
//! The node ends with 74 and acknowledges nothing more; the others go on; when the disk is well again the node
//! has what it missed.
//!
//! EIO comes from a shim that is loaded into the real program and compiled here, since the kernel of a build
//! machine has neither dm-flakey nor fault injection; a C compiler is there, as RocksDB needs one. ENOSPC comes
//! from the kernel: the data directory lies on a small tmpfs, for which the test has to be root, as those with
//! networks have to.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use client::answer::Trouble;
use serde_json::json;
use tests::audit::{Log, verify_receipts};
use tests::cluster::Cluster;
use tests::program::Program;
use tests::stage::Stage;

/// How long a node may take to end after its disk failed, in a test that shares its machine.
const END: Duration = Duration::from_secs(20);

/// Three nodes whose fsyncs can be made to fail.
struct Switched {
    stage: Stage,
    nodes: BTreeMap<u64, Program>,
    shim: PathBuf,
}

impl Switched {
    async fn set_up(units: u64) -> Switched {
        let stage = Stage::prepare(units, 3).unwrap();
        let shim = stage.folder().join("fsync.so");
        let source = xtask::root().join("tests/cluster/faults/fsync.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&shim)
            .arg(source)
            .status()
            .unwrap();
        assert!(compiled.success(), "the shim does not compile");
        let mut switched = Switched {
            stage,
            nodes: BTreeMap::new(),
            shim,
        };
        for ordinal in switched.stage.cluster.ordinals() {
            switched.start(ordinal);
        }
        switched.stage.cluster.initialize().await.unwrap();
        switched
    }

    fn start(&mut self, ordinal: u64) {
        let place = usize::try_from(ordinal).unwrap() - 1;
        let config = &self.stage.cluster.written.node_configs[place];
        let variables: [(&str, &Path); 2] = [
            ("LD_PRELOAD", &self.shim),
            ("TALLY_FAULT_SWITCH", &self.switch(ordinal)),
        ];
        let node = Program::node(config, &variables).unwrap();
        self.nodes.insert(ordinal, node);
    }

    fn switch(&self, ordinal: u64) -> PathBuf {
        self.stage.folder().join(format!("fail-{ordinal}"))
    }
}

/// Waits until these nodes, by place, hold one tree of at least so many leaves.
async fn agree(cluster: &Cluster, nodes: &[usize], size: u64) {
    cluster
        .wait("the nodes to hold the same tree", END, async || {
            let statuses = cluster.statuses().await;
            let mut trees = Vec::new();
            for place in nodes {
                let status = statuses[*place].clone()?;
                trees.push((status.tree_size, status.root, status.leaf_digest));
            }
            (trees[0].0 >= size && trees.iter().all(|tree| *tree == trees[0])).then_some(())
        })
        .await
        .unwrap();
}

/// Every receipt of the outbox verifies and names a leaf that these nodes have at its place.
async fn nothing_is_lost(stage: &Stage, nodes: &[usize], reports: usize) {
    let receipts = verify_receipts(
        stage.desk.outbox.disk().path(),
        &stage.cluster.written.bundle,
        stage.cluster.made.fingerprint,
    )
    .unwrap();
    assert_eq!(
        (receipts.failed.as_slice(), receipts.verified.len()),
        (&[][..], reports)
    );
    for node in nodes {
        let entries = client::audit::fetch_log(&stage.cluster.connections, *node).await;
        let log = Log::new(entries.unwrap());
        assert_eq!(log.duplicates().unwrap(), 0);
        for (hash, place) in &receipts.verified {
            assert_eq!(log.index_of(hash), Some(*place), "leaf {place}");
        }
    }
}

/// The one sentence with which a node ended.
fn sentence(printed: &str) -> &str {
    let mut said = printed
        .lines()
        .filter(|line| line.starts_with("tally-node: "));
    let last = said.next_back();
    last.unwrap_or_else(|| panic!("the node said nothing: {printed}"))
}

/// Once the leader's disk fails and once a follower's. Nobody tries an fsync again: of each file at most
/// one call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_fsync_fails_ends_and_acknowledges_nothing_more() {
    let mut switched = Switched::set_up(24).await;
    let mut reported = 0;
    for leads in [true, false] {
        for _ in 0..3 {
            switched.stage.report(reported).await.unwrap();
            reported += 1;
        }
        let cluster = &switched.stage.cluster;
        let leader = cluster.leader().await.unwrap();
        let mut ordinals = cluster.ordinals().into_iter();
        let victim = ordinals.find(|one| (*one == leader) == leads).unwrap();
        let switch = switched.switch(victim);
        let process = switched.nodes.remove(&victim).unwrap();
        let failed = Instant::now();
        fs::write(&switch, "").unwrap();
        let stage = &switched.stage;
        let numbers = [0, 1, 2, 3].map(|n| reported + n);
        let reports = async {
            for n in numbers {
                stage.report(n).await.unwrap();
            }
        };
        let (ended, ()) = tokio::join!(tokio::time::timeout(END, process.ended()), reports);
        let all_ms = failed.elapsed().as_millis();
        reported += numbers.len();
        let (status, printed) = ended.expect("the node still runs").unwrap();
        let said = sentence(&printed);
        assert_eq!(status.code(), Some(74), "{said}");
        assert!(said.contains("the disk failed"), "{said}");

        // What is written anew into another file may be fsynced; a database's log may not, once it failed.
        let log = fs::read_to_string(switch.with_extension("log")).unwrap();
        let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
        for line in log.lines().filter(|line| line.ends_with(".log")) {
            *calls.entry(line.split_once(' ').unwrap().1).or_default() += 1;
        }
        let again: Vec<_> = calls.iter().filter(|(_, count)| **count > 1).collect();
        assert!(again.is_empty(), "fsync was tried again: {again:?}");

        let others: Vec<usize> = (0..3)
            .filter(|place| u64::try_from(place + 1) != Ok(victim))
            .collect();
        let size = u64::try_from(reported).unwrap() + 1;
        agree(&switched.stage.cluster, &others, size).await;
        nothing_is_lost(&switched.stage, &others, reported).await;
        fs::remove_file(&switch).unwrap();
        switched.start(victim);
        agree(&switched.stage.cluster, &[0, 1, 2], size).await;
        println!(
            "figures {}",
            json!({
                "scenario": "EIO on fsync", "victim": if leads { "leader" } else { "follower" },
                "exit": 74, "failed_calls": log.lines().count(), "reports_meanwhile": numbers.len(),
                "ended_and_reported_ms": u64::try_from(all_ms).unwrap(),
            })
        );
    }
    nothing_is_lost(&switched.stage, &[0, 1, 2], reported).await;
}

/// A small file system of its own; unmounted when it is dropped.
struct Small(PathBuf);

impl Small {
    fn mount(path: &Path, megabytes: u64) -> Small {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(path)
            .status()
            .unwrap();
        assert!(mounted.success(), "mounting a tmpfs takes root");
        Small(path.to_owned())
    }

    /// Writes a file until so many bytes are left, or none.
    fn fill(&self, leave: u64) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(&ballast)
            .unwrap();
        let page = [0x5a_u8; 64 * 1024];
        loop {
            let space = rustix::fs::statvfs(&self.0).unwrap();
            let free = space.f_bavail * space.f_frsize;
            if free <= leave {
                return ballast;
            }
            let next = usize::try_from(free - leave).unwrap().min(page.len());
            if file.write_all(&page[..next]).is_err() {
                return ballast;
            }
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The room on a node's disk goes below the floor, and it takes no report; then all of it goes, and it
/// ends. With the room back it has what it missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_room_ends_and_the_others_go_on() {
    const FLOOR: u64 = 64 << 20;
    let mut stage = Stage::prepare(24, 3).unwrap();
    let small = Small::mount(&stage.folder().join("small"), 160);
    let own = small.0.join("data");
    fs::create_dir(&own).unwrap();
    let data = stage.cluster.folder(1).unwrap().join("data");
    std::os::unix::fs::symlink(&own, &data).unwrap();
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    stage.cluster.initialize().await.unwrap();
    stage.report(0).await.unwrap();

    small.fill(FLOOR - (4 << 20));
    let note = stage.note(1).unwrap();
    let refused = stage
        .cluster
        .wait("the floor to be seen", END, async || {
            let answer = super::doors::carry(&stage, 0, note.bytes()).await;
            matches!(answer, Err(Trouble::Busy(_))).then_some(())
        })
        .await;
    refused.unwrap();
    stage.report(1).await.unwrap();

    let filled = Instant::now();
    let ballast = small.fill(0);
    let reports = async {
        for n in 2..8 {
            stage.report(n).await.unwrap();
        }
    };
    reports.await;
    let (status, printed) = stage.cluster.ended(1).await.unwrap();
    let ended_ms = u64::try_from(filled.elapsed().as_millis()).unwrap();
    let said = sentence(&printed);
    assert_eq!(status.code(), Some(74), "{said}");
    stage.report(8).await.unwrap();
    agree(&stage.cluster, &[1, 2], 10).await;
    nothing_is_lost(&stage, &[1, 2], 9).await;

    fs::remove_file(ballast).unwrap();
    stage.cluster.start_node(1).unwrap();
    agree(&stage.cluster, &[0, 1, 2], 10).await;
    nothing_is_lost(&stage, &[0, 1, 2], 9).await;
    println!(
        "figures {}",
        json!({ "scenario": "ENOSPC", "exit": 74, "reports_meanwhile": 6, "ended_ms": ended_ms })
    );
    stage.cluster.stop(1).await.unwrap();
}
