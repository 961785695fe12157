//! Every disk is lost. What a copy of the log had goes on under a new name; what came after the copy is
//! proven by the receipts, and goes in again byte for byte.

use std::sync::Arc;
use std::time::Duration;

use client::Client;
use client::cluster;
use client::connection::Connections;
use merkle::{Frontier, LeafIndex, leaf_hash};
use receipt::{Election, Receipt};
use tests::cluster::beside_this_program;
use tests::process::NodeProcess;
use tests::stage::Stage;
use tests::succession::Succession;

/// Reports before the copy was made, and after it.
const COPIED: usize = 6;
const LATER: usize = 3;

struct Loss {
    stage: Stage,
    copy: Vec<Vec<u8>>,
    receipts: Vec<Receipt>,
    /// New nodes for the copy, not started.
    succession: Succession,
}

/// A night of which a copy was made before its last reports came in; then every node is killed.
async fn everything_is_lost() -> Loss {
    let stage = Stage::open(12).await.unwrap();
    let mut receipts = Vec::new();
    for n in 0..COPIED {
        receipts.push(stage.report(n).await.unwrap().receipt);
    }
    stage.cluster.settled(7).await.unwrap();
    let copy = client::audit::fetch_log(&stage.cluster.connections, 0)
        .await
        .unwrap();
    for n in COPIED..COPIED + LATER {
        receipts.push(stage.report(n).await.unwrap().receipt);
    }
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.kill(ordinal).await.unwrap();
    }
    assert_eq!(copy.len(), COPIED + 1);
    let folder = stage.folder().join("recovery");
    let succession = Succession::prepare(&stage.cluster, &copy, &folder).unwrap();
    Loss {
        stage,
        copy,
        receipts,
        succession,
    }
}

fn start(succession: &Succession) -> Vec<NodeProcess> {
    let binary = beside_this_program("tally-node").unwrap();
    succession
        .configs
        .iter()
        .map(|config| {
            let log = config.with_file_name("node.log");
            NodeProcess::start(&[], &binary, config, &log).unwrap()
        })
        .collect()
}

async fn start_anew(
    stage: &Stage,
    succession: &Succession,
    connections: &Connections,
    copy: &[Vec<u8>],
) -> Result<(), cluster::Error> {
    let election = Election::open(&succession.bundle, stage.cluster.made.fingerprint).unwrap();
    let start = cluster::Start {
        connections,
        bundle: &succession.bundle,
        election: &election,
        key: stage.cluster.administrator().unwrap(),
    };
    let clock = client::clock::SystemClock::start();
    start.recover(&succession.manifest, copy, &clock).await
}

async fn recover(
    stage: &Stage,
    succession: &Succession,
    connections: &Connections,
    copy: &[Vec<u8>],
) {
    let started = start_anew(stage, succession, connections, copy).await;
    started.unwrap();
}

/// Long enough for an election, too short to wait for what never comes.
fn impatient() -> client::retry::Schedule {
    client::retry::Schedule {
        budget: Duration::from_secs(2),
        ..client::retry::Schedule::default()
    }
}

fn verified(receipt: &Receipt, election: &Election) -> Receipt {
    let unverified = receipt::UnverifiedReceipt::parse(&receipt.to_bytes()).unwrap();
    let verification = unverified.verify(election);
    verification.receipt().expect("it holds").clone()
}

/// The verifier in the other language marks the same receipts as lost.
fn second_verifier_agrees(stage: &Stage, succession: &Succession, receipts: &[Receipt]) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = std::process::Command::new(root.join("ops/dev/verifier.sh"))
        .arg("build")
        .status();
    assert!(built.unwrap().success(), "the second verifier builds");
    let folder = stage.folder().join("second");
    let bundle = folder.join("bundle");
    std::fs::create_dir_all(&bundle).unwrap();
    client::bundle::write_folder(&succession.bundle, &bundle).unwrap();
    for (n, receipt) in receipts.iter().enumerate() {
        let file = folder.join(format!("{n}.receipt"));
        std::fs::write(&file, receipt.to_bytes()).unwrap();
        let said = std::process::Command::new("node")
            .arg(root.join("client/verifier/bin/verify.mjs"))
            .arg(&file)
            .arg("--bundle")
            .arg(&bundle)
            .args(["--fingerprint", &stage.cluster.made.fingerprint.to_string()])
            .output()
            .unwrap();
        assert!(said.status.success(), "{said:?}");
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said.contains("LOST SINCE"), n >= COPIED, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_total_loss_the_log_goes_on_and_the_receipts_prove_what_is_missing() {
    let Loss {
        stage,
        copy,
        receipts,
        succession,
    } = everything_is_lost().await;
    let nodes = start(&succession);
    let connections = succession.connect().unwrap();
    recover(&stage, &succession, &connections, &copy).await;

    // The tree begins with the recovered leaves as they were, and goes on with the version.
    let entries = client::audit::fetch_log(&connections, 1).await.unwrap();
    assert_eq!(&entries[..copy.len()], &copy[..]);
    assert_eq!(entries.len(), copy.len() + 1);
    let mut frontier = Frontier::new();
    for entry in &entries {
        frontier.push(leaf_hash(entry));
    }
    for (_, status) in cluster::statuses(&connections).await {
        assert_eq!(status.unwrap().root.as_ref(), frontier.root().as_bytes());
    }

    // Old receipts hold under the new bundle; those of leaves that the copy lacks prove the loss.
    let election = Election::open(&succession.bundle, stage.cluster.made.fingerprint).unwrap();
    for (n, receipt) in receipts.iter().enumerate() {
        let lost = verified(receipt, &election).lost().cloned();
        assert_eq!(lost.is_some(), n >= COPIED, "report {n}");
    }

    second_verifier_agrees(&stage, &succession, &receipts);

    // They go in again, byte for byte, and get receipts of the new log.
    let election = Arc::new(election);
    let client = Client::new(connections.clone(), Arc::clone(&election));
    for receipt in &receipts {
        let note = note::SignedNote::parse(receipt.entry()).unwrap();
        let client::retry::Delivery::Receipted(again) = client.submit_signed(&note).await else {
            panic!("leaf {} does not go in again", receipt.index());
        };
        assert_eq!(again.receipt.entry(), receipt.entry());
        let origin = &again.receipt.checkpoint().checkpoint().origin;
        assert_eq!(*origin, succession.manifest.origin);
        assert_eq!(again.receipt.lost(), None);
        assert!(again.receipt.checkpoint().checkpoint().size.get() > succession.size());
    }
    let entries = client::audit::fetch_log(&connections, 0).await.unwrap();
    assert_eq!(entries.len(), COPIED + LATER + 2, "nothing stands twice");
    drop(nodes);
}

/// Before the recovered leaves are all there, nothing else is taken and nothing is signed; and a recovery that
/// broke off goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_between_the_recovered_leaves() {
    let Loss {
        stage,
        copy,
        receipts,
        succession,
    } = everything_is_lost().await;
    let nodes = start(&succession);
    let connections = succession.connect().unwrap();
    // A copy without its end: the version that names more leaves is refused at the end.
    let short = &copy[..4];
    let broken = start_anew(&stage, &succession, &connections, short).await;
    broken.unwrap_err();

    let election =
        Arc::new(Election::open(&succession.bundle, stage.cluster.made.fingerprint).unwrap());
    let note = note::SignedNote::parse(receipts[COPIED].entry()).unwrap();
    let client = Client::new(connections.clone(), election).with_schedule(impatient());
    let delivery = client.submit_signed(&note).await;
    assert!(
        matches!(&delivery, client::retry::Delivery::NotYet(known) if known.recorded.is_none()),
        "{delivery:?}"
    );
    for (node, _) in connections.addresses().enumerate() {
        let (checkpoint, size, _) = client::audit::fetch_checkpoint(&connections, node)
            .await
            .unwrap();
        assert!(checkpoint.is_empty(), "nothing is signed below the version");
        assert!(size.get() <= 4);
    }

    recover(&stage, &succession, &connections, &copy).await;
    let client::retry::Delivery::Receipted(again) = client.submit_signed(&note).await else {
        panic!("the log does not go on");
    };
    assert_eq!(again.receipt.index(), LeafIndex::new(succession.size() + 1));
    drop(nodes);
}

/// A node of the old log that comes back is shown where it goes on: it signs and accepts nothing more, also
/// after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_node_that_comes_back_is_retired() {
    let Loss {
        stage, succession, ..
    } = everything_is_lost().await;
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    stage.report(COPIED + LATER).await.unwrap();
    for (address, answer) in cluster::retire(&stage.cluster.connections, &succession.bundle).await {
        answer.unwrap_or_else(|trouble| panic!("{address}: {trouble}"));
    }
    let note = stage.note(COPIED + LATER + 1).unwrap();
    let connections = stage.cluster.connections.clone();
    let client = Client::new(connections, Arc::clone(&stage.cluster.election));
    let client = client.with_schedule(impatient());
    for round in ["at once", "after a restart"] {
        let sent = client.submit_signed(&note).await;
        assert!(
            matches!(&sent, client::retry::Delivery::NotYet(known) if known.recorded.is_none()),
            "{round}: {sent:?}"
        );
        let status = stage.cluster.statuses().await.into_iter().flatten().next();
        assert_eq!(
            status.map(|status| status.tree_size),
            Some(u64::try_from(COPIED + LATER + 2).unwrap()),
            "{round}"
        );
        for ordinal in stage.cluster.ordinals() {
            stage.cluster.stop(ordinal).await.unwrap();
            stage.cluster.start_node(ordinal).unwrap();
        }
        stage
            .cluster
            .wait("the nodes to answer", Duration::from_secs(10), async || {
                let statuses = stage.cluster.statuses().await;
                statuses.iter().all(Option::is_some).then_some(())
            })
            .await
            .unwrap();
    }
}
