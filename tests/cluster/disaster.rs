//! Disks are lost: all of them with a backup, all of them without one, two of three. Each time the
//! commands of the runbook, as people type them, and at the end every report stands in the new log once,
//! with the bytes that its chair signed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use client::connection::{Connections, NodeAddress};
use client::outbox::EntryName;
use receipt::Leaf;
use serde_json::json;
use tests::audit::verify_receipts;
use tests::cluster::{Cluster, beside_this_program};
use tests::ports;
use tests::process::NodeProcess;
use tests::program::{Answer, tally};
use tests::stage::Stage;

/// The words of a command line.
struct Words(Vec<OsString>);

impl Words {
    fn of(verb: &str) -> Words {
        Words(verb.split(' ').map(OsString::from).collect())
    }

    fn with(mut self, flag: &str, value: impl Into<OsString>) -> Words {
        self.0.push(flag.into());
        self.0.push(value.into());
        self
    }

    /// How to reach these nodes, and whose certificates to believe.
    fn at(self, cluster: &Cluster, nodes: &str) -> Words {
        self.with("--nodes", nodes)
            .with("--ca", &cluster.written.authority)
    }

    fn pinned(self, cluster: &Cluster) -> Words {
        self.with("--fingerprint", cluster.made.fingerprint.to_string())
    }

    async fn run(self) -> Answer {
        tally(&self.0).await.unwrap()
    }

    async fn done(self) -> Answer {
        let answer = self.run().await;
        answer.done().unwrap()
    }
}

/// The addresses of all nodes of the stage, or of one.
fn addresses(stage: &Stage, only: Option<u64>) -> String {
    let nodes = &stage.cluster.made.plan.nodes;
    let wanted = nodes
        .iter()
        .filter(|node| only.is_none_or(|only| only == node.ordinal));
    wanted
        .map(|node| node.api.to_string())
        .collect::<Vec<_>>()
        .join(",")
}

/// Kills a node and takes its disk.
async fn lose(stage: &Stage, ordinal: u64) {
    stage.cluster.kill(ordinal).await.unwrap();
    let data = stage.cluster.folder(ordinal).unwrap().join("data");
    std::fs::remove_dir_all(data).unwrap();
}

/// New nodes that run for the recovered log.
struct Again {
    nodes: Vec<NodeProcess>,
    addresses: String,
    bundle: PathBuf,
    connections: Connections,
}

/// The version that goes on from a copy, new nodes for it, and the copy's leaves on them.
async fn go_on(stage: &Stage, copy: &Path) -> Again {
    let cluster = &stage.cluster;
    let folder = stage.folder().join("recovery");
    let mut manifest = Words::of("recover manifest")
        .with("--origin", "tally.example/rehearsal-2028/r2")
        .with("--from", copy)
        .with("--out", &folder)
        .with("--development", &cluster.written.folder)
        .with("--bundle", &cluster.written.bundle)
        .pinned(cluster);
    let ports: Vec<String> = ports::free(9)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    for node in ports.chunks(3) {
        manifest = manifest.with("--node", node.join(","));
    }
    let written = manifest.done().await;
    let binary = beside_this_program("tally-node").unwrap();
    let nodes = written
        .list("node_configs")
        .iter()
        .map(|config| {
            let config = Path::new(config.as_str().unwrap());
            let log = config.with_file_name("node.log");
            NodeProcess::start(&[], &binary, config, &log).unwrap()
        })
        .collect();
    let api: Vec<String> = ports.iter().step_by(3).cloned().collect();
    let known: Vec<NodeAddress> = api
        .iter()
        .map(|address| NodeAddress::parse(address).unwrap())
        .collect();
    let authority = std::fs::read(&cluster.written.authority).unwrap();
    let connections = Connections::open(&known, &authority).unwrap();
    let again = Again {
        nodes,
        addresses: api.join(","),
        bundle: folder.join("bundle"),
        connections,
    };
    let all_answer = cluster.wait("the new nodes", Duration::from_secs(20), async || {
        let statuses = client::cluster::statuses(&again.connections).await;
        statuses
            .iter()
            .all(|(_, status)| status.is_ok())
            .then_some(())
    });
    all_answer.await.unwrap();
    Words::of("recover start")
        .with("--from", copy)
        .at(cluster, &again.addresses)
        .with("--bundle", &again.bundle)
        .with("--key", cluster.administrators_file())
        .pinned(cluster)
        .done()
        .await;
    again
}

impl Again {
    /// Sends again what the outbox of the stage holds.
    async fn refill(&self, stage: &Stage) -> Answer {
        Words::of("recover refill")
            .with("--receipts", stage.desk.outbox.disk().path())
            .with("--out", stage.folder().join("again"))
            .with("--bundle", &self.bundle)
            .with("--wait", "60")
            .at(&stage.cluster, &self.addresses)
            .pinned(&stage.cluster)
            .done()
            .await
    }

    /// Every node has the same leaves: each note once, byte for byte, and one version more than before.
    async fn holds_each_once(&self, notes: &[Vec<u8>]) -> usize {
        let mut logs = Vec::new();
        for node in 0..3 {
            let log = client::audit::fetch_log(&self.connections, node).await;
            logs.push(log.unwrap());
        }
        assert!(logs.iter().all(|log| *log == logs[0]), "the nodes differ");
        let leaves: BTreeSet<&Vec<u8>> = logs[0].iter().collect();
        assert_eq!(leaves.len(), logs[0].len(), "a leaf stands twice");
        for note in notes {
            assert!(leaves.contains(note), "a report is not in the new log");
        }
        let manifests = logs[0].iter().filter(|leaf| {
            let leaf = Leaf::parse_entry(leaf);
            matches!(leaf, Ok((Leaf::Manifest(_), _)))
        });
        assert_eq!(manifests.count(), 2);
        logs[0].len()
    }

    async fn end(self) {
        for node in self.nodes {
            node.kill().await.unwrap();
        }
    }
}

/// Every old receipt still verifies with the new bundle.
fn receipts_hold(stage: &Stage, bundle: &Path, count: usize) {
    let outbox = stage.desk.outbox.disk().path();
    let receipts = verify_receipts(outbox, bundle, stage.cluster.made.fingerprint).unwrap();
    assert_eq!(
        (receipts.failed.as_slice(), receipts.verified.len()),
        (&[][..], count)
    );
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap()
}

/// Saves a backup while these units report; how many leaves it has, and how long it took.
async fn save_while(stage: &Stage, file: &Path, reports: Range<usize>) -> (u64, u64) {
    let saving = Instant::now();
    let save = Words::of("backup save")
        .with("--out", file)
        .at(&stage.cluster, &addresses(stage, None))
        .pinned(&stage.cluster)
        .done();
    let reporting = async {
        for n in reports {
            stage.report(n).await.unwrap();
        }
    };
    let (saved, ()) = tokio::join!(save, reporting);
    (saved.number("leaves").unwrap(), milliseconds(saving))
}

/// A chair has signed her report, and it never leaves her machine.
fn keep_unsent(stage: &Stage, n: usize) {
    let unsent = stage.note(n).unwrap();
    let leaf = Leaf::parse(&unsent).unwrap();
    let name = EntryName::new(leaf.unit().unwrap().as_str(), &leaf.header().unwrap().id);
    stage.desk.outbox.keep(&name, unsent.bytes()).unwrap();
}

/// The only receipt of a unit is lost, too.
fn lose_receipt(outbox: &Path, unit: &str) {
    let entries = std::fs::read_dir(outbox).unwrap();
    let lost: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "receipt"))
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("{unit}."))
        })
        .collect();
    assert_eq!(lost.len(), 1);
    std::fs::remove_file(&lost[0]).unwrap();
}

/// How many leaves a copy has, as `log verify` proves them.
async fn verified_leaves(stage: &Stage, copy: &Path) -> u64 {
    let judged = Words::of("log verify")
        .with("--from", copy)
        .pinned(&stage.cluster)
        .done()
        .await;
    judged.number("leaves").unwrap()
}

/// The notes of the first `count` units, byte for byte.
fn notes(stage: &Stage, count: usize) -> Vec<Vec<u8>> {
    let note = |n| stage.note(n).unwrap().bytes().to_vec();
    (0..count).map(note).collect()
}

/// A backup is taken while reports come in; more come after it; a last one never leaves the chair's
/// machine. Then every disk is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_and_then_every_disk_is_lost() {
    const BEFORE: usize = 6;
    const DURING: usize = 8;
    const AFTER: usize = 4;
    const REPORTS: usize = BEFORE + DURING + AFTER;
    let stage = Stage::open(24).await.unwrap();
    for n in 0..BEFORE {
        stage.report(n).await.unwrap();
    }
    let file = stage.folder().join("night.tar");
    let (held, save_ms) = save_while(&stage, &file, BEFORE..BEFORE + DURING).await;
    assert!(held > u64::try_from(BEFORE).unwrap());
    for n in BEFORE + DURING..REPORTS {
        stage.report(n).await.unwrap();
    }
    keep_unsent(&stage, REPORTS);
    for ordinal in stage.cluster.ordinals() {
        lose(&stage, ordinal).await;
    }

    // No cluster is left, and the file proves itself.
    let verify = Words(vec!["backup".into(), "verify".into(), file.clone().into()]);
    let verified = verify.pinned(&stage.cluster).done().await;
    assert_eq!(verified.number("leaves").unwrap(), held);
    let restoring = Instant::now();
    let copy = stage.folder().join("copy");
    let outbox = stage.desk.outbox.disk().path().to_owned();
    let restored = Words(vec!["backup".into(), "restore".into(), file.clone().into()])
        .with("--out", &copy)
        .with("--receipts", &outbox)
        .pinned(&stage.cluster)
        .done()
        .await;
    // All that came after the backup is named, and what never came is, too.
    let all = u64::try_from(REPORTS).unwrap() + 1;
    let missing: Vec<u64> = restored
        .list("missing")
        .iter()
        .map(|leaf| leaf["leaf_index"].as_u64().unwrap())
        .collect();
    assert_eq!(missing, (held..all).collect::<Vec<_>>());
    assert_eq!(restored.number("unaccounted").unwrap(), 0);
    assert_eq!(restored.list("waiting").len(), 1);

    let again = go_on(&stage, &copy).await;
    let refilled = again.refill(&stage).await;
    let restore_ms = milliseconds(restoring);
    let sent = refilled.number("sent").unwrap();
    assert_eq!(sent, all - held + 1);
    let notes = notes(&stage, REPORTS + 1);
    let leaves = again.holds_each_once(&notes).await;
    assert_eq!(leaves, REPORTS + 3, "two manifests and every report");
    receipts_hold(&stage, &again.bundle, REPORTS);
    again.end().await;
    println!(
        "figures {}",
        json!({
            "scenario": "all disks lost, with a backup", "reports": REPORTS,
            "backup_leaves": held, "backup_bytes": std::fs::metadata(&file).unwrap().len(),
            "save_ms": save_ms, "lost_and_named": all - held, "sent_again": sent,
            "restore_and_refill_ms": restore_ms,
        })
    );
}

/// There is no copy of the log anywhere. The receipts put it together as far as they go without a gap;
/// each leaf behind that is named; what nobody has a receipt of comes from its chair's outbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_disk_is_lost_and_there_is_no_backup() {
    const REPORTS: usize = 8;
    const GAP: u64 = 5;
    let stage = Stage::open(10).await.unwrap();
    let mut gap_of = None;
    for n in 0..REPORTS {
        let receipted = stage.report(n).await.unwrap();
        if receipted.receipt.index().get() == GAP {
            gap_of = Some(receipted.receipt.leaf().unit().unwrap().to_string());
        }
    }
    for ordinal in stage.cluster.ordinals() {
        lose(&stage, ordinal).await;
    }
    let outbox = stage.desk.outbox.disk().path().to_owned();
    let unit = gap_of.unwrap();
    lose_receipt(&outbox, &unit);

    let begun = Instant::now();
    let copy = stage.folder().join("copy");
    let rebuilt = Words::of("recover rebuild")
        .with("--receipts", &outbox)
        .with("--out", &copy)
        .with("--bundle", &stage.cluster.written.bundle)
        .pinned(&stage.cluster)
        .done()
        .await;
    assert_eq!(rebuilt.number("leaves").unwrap(), GAP);
    assert_eq!(rebuilt.list("gaps"), [json!(GAP)]);
    assert_eq!(verified_leaves(&stage, &copy).await, GAP);
    let listed = Words::of("recover list")
        .with("--from", &copy)
        .with("--receipts", &outbox)
        .with("--bundle", &stage.cluster.written.bundle)
        .pinned(&stage.cluster)
        .done()
        .await;
    let behind = u64::try_from(REPORTS).unwrap() - GAP;
    assert_eq!(
        listed.list("missing").len(),
        usize::try_from(behind).unwrap()
    );
    assert_eq!(listed.number("unaccounted").unwrap(), 1);
    assert_eq!(
        listed.list("waiting").len(),
        1,
        "the chair still has the note"
    );

    let again = go_on(&stage, &copy).await;
    let refilled = again.refill(&stage).await;
    assert_eq!(refilled.number("sent").unwrap(), behind + 1);
    let notes = notes(&stage, REPORTS);
    again.holds_each_once(&notes).await;
    receipts_hold(&stage, &again.bundle, REPORTS - 1);
    again.end().await;
    println!(
        "figures {}",
        json!({
            "scenario": "all disks lost, no backup", "reports": REPORTS, "put_together": GAP,
            "lost_and_named": behind, "sent_again": behind + 1, "all_ms": milliseconds(begun),
        })
    );
}

/// Two of three disks are lost. The third node is started alone: it acknowledges nothing and still gives
/// its log, from which the others go on; then it is told that its log is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_disks_are_lost() {
    const REPORTS: usize = 7;
    let stage = Stage::open(8).await.unwrap();
    for n in 0..REPORTS {
        stage.report(n).await.unwrap();
    }
    let all = u64::try_from(REPORTS).unwrap() + 1;
    stage.cluster.settled(all).await.unwrap();
    stage.cluster.kill(2).await.unwrap();
    lose(&stage, 1).await;
    lose(&stage, 3).await;
    stage.cluster.start_node(2).unwrap();
    let survivor = addresses(&stage, Some(2));
    stage
        .cluster
        .wait("the survivor", Duration::from_secs(20), async || {
            stage.cluster.statuses().await.into_iter().flatten().next()
        })
        .await
        .unwrap();
    let begun = Instant::now();
    let file = stage.folder().join("survivor.tar");
    let saved = Words::of("backup save")
        .with("--out", &file)
        .at(&stage.cluster, &survivor)
        .pinned(&stage.cluster)
        .done()
        .await;
    assert_eq!(saved.number("leaves").unwrap(), all);
    let copy = stage.folder().join("copy");
    Words(vec!["backup".into(), "restore".into(), file.into()])
        .with("--out", &copy)
        .with("--receipts", stage.desk.outbox.disk().path())
        .pinned(&stage.cluster)
        .done()
        .await;
    let again = go_on(&stage, &copy).await;
    let refilled = again.refill(&stage).await;
    assert_eq!(refilled.number("sent").unwrap(), 0, "nothing was lost");
    let retired = Words::of("recover retire")
        .at(&stage.cluster, &survivor)
        .with("--bundle", &again.bundle)
        .pinned(&stage.cluster)
        .done()
        .await;
    assert_eq!(retired.list("retired").len(), 1);
    let notes = notes(&stage, REPORTS);
    again.holds_each_once(&notes).await;
    receipts_hold(&stage, &again.bundle, REPORTS);
    again.end().await;
    println!(
        "figures {}",
        json!({
            "scenario": "two of three disks lost", "reports": REPORTS,
            "recovered_leaves": all, "lost": 0, "all_ms": milliseconds(begun),
        })
    );
}
