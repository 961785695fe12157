//! A night that loses every disk, and goes on: from a copy of the log and the receipts that people hold to a new
//! log that verifies, with the commands that a person would use.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::cluster::beside_this_program;
use tests::ports;
use tests::process::NodeProcess;
use tests::stage::Stage;

use crate::laptop::Laptop;

/// Reports before the copy was made, and after it.
const COPIED: usize = 4;
const LATER: usize = 3;

/// Where everything of the recovery lies, as words for the commands.
struct Folders {
    copy: String,
    receipts: String,
    recovery: String,
    bundle: String,
    again: String,
}

impl Folders {
    fn of(stage: &Stage) -> Self {
        let named = |name: &str| stage.folder().join(name).display().to_string();
        Self {
            copy: named("copy"),
            receipts: named("outbox"),
            recovery: named("recovery"),
            bundle: named("recovery/bundle"),
            again: named("again"),
        }
    }
}

/// A night of which a copy was made before its last reports came in; then every node is killed.
async fn everything_is_lost(stage: &Stage, folders: &Folders) {
    for n in 0..COPIED {
        stage.report(n).await.unwrap();
    }
    let size = u64::try_from(COPIED + 1).unwrap();
    stage.cluster.settled(size).await.unwrap();
    let laptop = laptop(stage);
    laptop.json(&["log", "archive", &folders.copy], 0);
    for n in COPIED..COPIED + LATER {
        stage.report(n).await.unwrap();
    }
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.kill(ordinal).await.unwrap();
    }
}

fn laptop(stage: &Stage) -> Laptop<'_> {
    Laptop {
        stage,
        outbox: stage.folder().join("laptop"),
    }
}

/// What is missing is known by name, from the receipts alone.
fn what_is_missing(laptop: &Laptop<'_>, folders: &Folders) {
    let list = ["recover", "list", "--from", &folders.copy];
    let alone = laptop.json(&list, 0);
    assert_eq!(alone["leaves"], COPIED + 1, "{alone}");
    assert!(alone["missing"].as_array().unwrap().is_empty(), "{alone}");
    let with = [&list[..], &["--receipts", &folders.receipts]].concat();
    let listed = laptop.json(&with, 0);
    let missing = listed["missing"].as_array().unwrap();
    assert_eq!(missing.len(), LATER, "{listed}");
    assert_eq!(listed["unaccounted"], 0, "{listed}");
    for (n, lost) in (COPIED..).zip(missing) {
        let (unit, _) = laptop.stage.unit(n).unwrap();
        assert_eq!(lost["unit"], unit.as_str(), "{listed}");
    }
}

/// The version that goes on from the copy, and new nodes for it; answers with their addresses.
fn new_nodes(laptop: &Laptop<'_>, folders: &Folders) -> (String, Vec<NodeProcess>) {
    let stage = laptop.stage;
    let free = ports::free(9).unwrap();
    let triples: Vec<String> = free
        .chunks(3)
        .map(|three| {
            three
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    let origin = format!("{}/r2", stage.cluster.made.plan.origin);
    let development = stage.cluster.written.folder.display().to_string();
    let mut words = vec!["recover", "manifest", "--from", &folders.copy];
    words.extend(["--origin", &origin, "--out", &folders.recovery]);
    words.extend(["--development", &development]);
    words.extend(triples.iter().flat_map(|three| ["--node", three.as_str()]));
    let made = laptop.json(&words, 0);
    assert_eq!(made["size"], COPIED + 1, "{made}");
    assert_eq!(made["signed"], true, "{made}");
    let binary = beside_this_program("tally-node").unwrap();
    let start = |config: &Value| {
        let config = Path::new(config.as_str().unwrap());
        let log = config.with_file_name("node.log");
        NodeProcess::start(&[], &binary, config, &log).unwrap()
    };
    let running = made["node_configs"].as_array().unwrap().iter().map(start);
    let doors: Vec<String> = free.chunks(3).map(|three| three[0].to_string()).collect();
    (doors.join(","), running.collect())
}

/// The new nodes listen some time after they were started.
async fn recovered(laptop: &Laptop<'_>, start: &[&str]) -> Value {
    let answer = async || {
        let output = laptop.tally(&[start, &["--json"]].concat());
        output.status.success().then_some(output.stdout)
    };
    let cluster = &laptop.stage.cluster;
    let patience = Duration::from_secs(20);
    let said = cluster.wait("the new nodes", patience, answer).await;
    serde_json::from_slice(&said.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_copy_and_receipts_to_a_new_log_that_verifies() {
    let stage = Stage::open(9).await.unwrap();
    let folders = Folders::of(&stage);
    everything_is_lost(&stage, &folders).await;
    let laptop = laptop(&stage);
    what_is_missing(&laptop, &folders);
    let (nodes, running) = new_nodes(&laptop, &folders);
    let there = ["--bundle", &folders.bundle, "--nodes", &nodes];
    let with = |words: &[&str]| laptop.json(&[words, &there[..]].concat(), 0);

    let admin = stage.cluster.administrators_file();
    let key = admin.to_str().unwrap();
    let start = ["recover", "start", "--from", &folders.copy, "--key", key];
    let started = recovered(&laptop, &[&start[..], &there[..]].concat()).await;
    assert_eq!(started["leaves"], COPIED + 1, "{started}");
    let results = || {
        let words = ["results", "--units", "--unreleased", "--nodes", &nodes];
        laptop.json(&words, 0)
    };
    let before = results();
    assert_eq!(before["units_reported"], COPIED, "{before}");
    let refill = ["recover", "refill", "--receipts", &folders.receipts];
    let refilled = with(&[&refill[..], &["--out", &folders.again]].concat());
    assert_eq!(refilled["sent"], LATER, "{refilled}");
    let after = results();
    assert_eq!(after["units_reported"], COPIED + LATER, "{after}");
    let verified = with(&["log", "verify"]);
    assert_eq!(verified["holds"], true, "{verified}");
    // Each new receipt holds; each old one of a lost leaf says that it was lost.
    let receipts = std::fs::read_dir(&folders.again).unwrap();
    let receipts: Vec<String> = receipts
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "receipt"))
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(receipts.len(), LATER);
    for receipt in &receipts {
        let verify = ["receipt", "verify", receipt, "--bundle", &folders.bundle];
        let checked = laptop.json(&verify, 0);
        assert_eq!(checked["receipts"][0]["verdict"], "recorded", "{checked}");
    }
    // Done twice, nothing stands twice.
    with(&[&refill[..], &["--out", &folders.again]].concat());
    let twice = results();
    assert_eq!(twice["tree_size"], after["tree_size"], "{twice}");
    drop(running);
}

/// A node of the lost log that comes back is shown where it goes on, and takes nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_nodes_that_come_back_are_retired_by_command() {
    let stage = Stage::open(9).await.unwrap();
    let folders = Folders::of(&stage);
    everything_is_lost(&stage, &folders).await;
    let (_, running) = new_nodes(&laptop(&stage), &folders);
    drop(running);
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    let next = COPIED + LATER;
    stage.report(next).await.unwrap();
    let laptop = laptop(&stage);
    let retired = laptop.json(&["recover", "retire", "--bundle", &folders.bundle], 0);
    assert_eq!(retired["retired"].as_array().unwrap().len(), 3, "{retired}");
    let (path, key) = crate::laptop::sheet(&stage, next + 1, stage.folder());
    let (path, key) = (path.display().to_string(), key.display().to_string());
    let submit = ["submit", &path, "--key", &key, "--yes", "--wait", "3"];
    let sent = laptop.json(&submit, 3);
    assert_eq!(sent["state"], "waiting", "{sent}");
}
