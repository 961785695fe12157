//! The disk of one node fails while reports come in: an fsync that answers EIO, a disk without room, a file
//! system that turns read-only. The node ends with 74 and acknowledges nothing more; the others go on; when the
//! disk is well again the node has what it missed.
//!
//! EIO comes from a shim that is loaded into the real program and compiled here, since the kernel of a build
//! machine has neither dm-flakey nor fault injection; the compiler is `cc`, with which Rust's own linker is called.
//! The other two come from the kernel, on a file system of the node's own, for which the test has to be root, as
//! those with networks have to.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use client::answer::Trouble;
use tests::audit::{Log, verify_receipts};
use tests::cluster::Cluster;
use tests::figures::Figures;
use tests::stage::Stage;
use tests::volume::{self, Volume};

/// What counts as a cluster that does not come back.
const END: Duration = Duration::from_secs(20);

/// Three nodes whose fsyncs can be made to fail.
struct Switched {
    stage: Stage,
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
            .expect("this test needs a C compiler as `cc`");
        assert!(compiled.success(), "the shim does not compile");
        let switched = Switched { stage, shim };
        for ordinal in switched.stage.cluster.ordinals() {
            switched.start(ordinal);
        }
        switched.stage.cluster.initialize().await.unwrap();
        switched
    }

    fn start(&self, ordinal: u64) {
        let preload = format!("LD_PRELOAD={}", self.shim.display());
        let switch = format!("TALLY_FAULT_SWITCH={}", self.switch(ordinal).display());
        let words = ["env", &preload, &switch];
        self.stage.cluster.start_behind(ordinal, &words).unwrap();
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

/// Reports of these units come in while a node ends with 74; the one sentence that it said.
async fn ended_while(stage: &Stage, ordinal: u64, reports: Range<usize>) -> String {
    let reporting = async {
        for n in reports {
            stage.report(n).await.unwrap();
        }
    };
    let (ended, ()) = tokio::join!(stage.cluster.ended(ordinal), reporting);
    let (status, printed) = ended.unwrap();
    let mut said = printed
        .lines()
        .filter(|line| line.starts_with("tally-node: "));
    let last = said.next_back().unwrap_or_default();
    assert_eq!(status.code(), Some(74), "{last}");
    last.to_owned()
}

/// Once the leader's disk fails and once a follower's. Nobody tries an fsync again: of each file at most
/// one call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_fsync_fails_ends_and_acknowledges_nothing_more() {
    let switched = Switched::set_up(24).await;
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
        let failed = Instant::now();
        fs::write(&switch, "").unwrap();
        let reports = reported..reported + 4;
        reported = reports.end;
        let said = ended_while(&switched.stage, victim, reports).await;
        let took = failed.elapsed();
        assert!(said.contains("the disk failed"), "{said}");

        // What is written anew into another file may be fsynced; a database's log may not, once it failed.
        let log = fs::read_to_string(switch.with_extension("log")).unwrap();
        let paths = log.lines().filter_map(|line| Some(line.split_once(' ')?.1));
        let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
        for path in paths.filter(|path| Path::new(path).extension().is_some_and(|it| it == "log")) {
            *calls.entry(path).or_default() += 1;
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
        let scenario = if leads {
            "disk: fsync of the leader fails"
        } else {
            "disk: fsync of a follower fails"
        };
        Figures::of(scenario)
            .count("failed_calls", log.lines().count())
            .count("reports_meanwhile", 4)
            .time("ended_and_reported", took)
            .print();
    }
    nothing_is_lost(&switched.stage, &[0, 1, 2], reported).await;
}

/// Three nodes, the first of them on a disk of its own.
struct Own {
    stage: Stage,
    volume: Volume,
}

impl Own {
    /// `None`, and a sentence that says why, where this machine cannot have one.
    async fn set_up(units: u64) -> Option<Own> {
        if let Some(what) = volume::lacking() {
            println!("skipped: this test needs {what}");
            return None;
        }
        let stage = Stage::prepare(units, 3).unwrap();
        let data = stage.cluster.folder(1).unwrap().join("data");
        let volume = Volume::open(&stage.folder().join("disk"), &data, 192).unwrap();
        let own = Own { stage, volume };
        own.start();
        for ordinal in [2, 3] {
            own.stage.cluster.start_node(ordinal).unwrap();
        }
        own.stage.cluster.initialize().await.unwrap();
        Some(own)
    }

    fn start(&self) {
        let prefix = self.volume.prefix();
        let words: Vec<&str> = prefix.iter().map(String::as_str).collect();
        self.stage.cluster.start_behind(1, &words).unwrap();
    }

    /// Reports of these units come in while node 1 ends with 74; how long both took.
    async fn ends_while(&self, reports: Range<usize>) -> Duration {
        let begun = Instant::now();
        let ended = ended_while(&self.stage, 1, reports);
        let said = ended.await;
        assert!(said.contains("the disk failed"), "{said}");
        begun.elapsed()
    }
}

/// The room on a node's disk goes below the floor, and it takes no report; then all of it goes, and it
/// ends. With the room back it has what it missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_room_ends_and_the_others_go_on() {
    const FLOOR: u64 = 64 << 20;
    const UNITS: usize = 60;
    let Some(own) = Own::set_up(64).await else {
        return;
    };
    let stage = &own.stage;
    stage.report(0).await.unwrap();

    own.volume.fill(FLOOR - (4 << 20)).unwrap();
    let note = stage.note(1).unwrap();
    let refused = stage.cluster.wait("the floor to be seen", END, async || {
        let answer = super::doors::carry(stage, 0, note.bytes()).await;
        matches!(answer, Err(Trouble::Busy(_))).then_some(())
    });
    refused.await.unwrap();
    stage.report(1).await.unwrap();

    // What the node itself gives back meanwhile is taken again, until it has ended.
    let (ended, begun) = (AtomicBool::new(false), Instant::now());
    let ending = async {
        let said = ended_while(stage, 1, 0..0).await;
        ended.store(true, Ordering::Relaxed);
        (said, begun.elapsed())
    };
    let reporting = async {
        let mut next = 2;
        while next < 8 || (!ended.load(Ordering::Relaxed) && next < UNITS) {
            own.volume.fill(0).unwrap();
            stage.report(next).await.unwrap();
            next += 1;
        }
        next
    };
    let ((said, took), reports) = tokio::join!(ending, reporting);
    assert!(said.contains("the disk failed"), "{said}");
    let size = u64::try_from(reports).unwrap() + 1;
    agree(&stage.cluster, &[1, 2], size).await;
    nothing_is_lost(stage, &[1, 2], reports).await;
    own.volume.empty().unwrap();
    own.start();
    agree(&stage.cluster, &[0, 1, 2], size).await;
    nothing_is_lost(stage, &[0, 1, 2], reports).await;
    Figures::of("disk: no room")
        .count("reports_meanwhile", reports - 2)
        .time("ended", took)
        .print();
    stage.cluster.stop(1).await.unwrap();
}

/// The kernel takes a node's file system for broken and writes nothing more to it. Mended and mounted anew, it
/// has all that the node acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_file_system_turns_read_only_ends_and_the_others_go_on() {
    let Some(own) = Own::set_up(24).await else {
        return;
    };
    let stage = &own.stage;
    for n in 0..3 {
        stage.report(n).await.unwrap();
    }
    own.volume.fail().unwrap();
    let took = own.ends_while(3..8).await;
    agree(&stage.cluster, &[1, 2], 9).await;
    nothing_is_lost(stage, &[1, 2], 8).await;
    own.volume.mend().unwrap();
    own.start();
    agree(&stage.cluster, &[0, 1, 2], 9).await;
    nothing_is_lost(stage, &[0, 1, 2], 8).await;
    Figures::of("disk: read only")
        .count("reports_meanwhile", 5)
        .time("ended_and_reported", took)
        .print();
    stage.cluster.stop(1).await.unwrap();
}
