//! Receipts of a real cluster, given to programs of other authors from a package registry, and its public
//! log, read by one of them over HTTPS.
//!
//! `cargo test -p tests --test interop -- --nocapture` prints what each accepts and refuses. Needs Python
//! 3.12 and, the first time, the registry; `ops/dev/interop.sh` has the pinned versions, `check.py` the
//! programs and the changes that they must refuse.
#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect should stop there"
)]

use std::path::Path;
use std::process::Command;

use client::answer::Effect;
use client::chair::Report;
use client::connection::Connections;
use client::members::replace::{Replacement, Successor};
use client::members::{Controls, View};
use merkle::LeafHash;
use receipt::leaf::{Reason, Role};
use tests::chairs::Receipted;
use tests::spares::{Spares, named, prepared, until_up};
use tests::stage::Stage;

/// Three nodes, six reports, the leader killed in between, a correction under its successor, the dead node
/// replaced by a spare under the next manifest, two reports more: every receipt is accepted by every program
/// under the policy of its version, and every changed form refused. One program reads the whole log of each
/// node at work, the new one's too, and refuses it with any file changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_of_other_authors_accept_our_receipts_and_nothing_else() {
    let stage = Stage::open(8).await.unwrap();
    let mut receipts = Vec::new();
    for number in 0..3 {
        receipts.push(stage.report(number).await.unwrap());
    }
    let leader = stage.cluster.leader().await.unwrap();
    stage.cluster.kill(leader).await.unwrap();
    for number in 3..6 {
        receipts.push(stage.report(number).await.unwrap());
    }
    receipts.push(correct(&stage, receipts.first().unwrap()).await);
    let folder = stage.folder().join("interop");
    std::fs::create_dir_all(&folder).unwrap();
    let first_policy = stage.cluster.made.files.receipt_policy.as_bytes();
    keep(&folder, "v1", first_policy, &receipts);

    let (spares, connections, third) = replaced(&stage, leader).await;
    let mut later = Vec::new();
    for number in 6..8 {
        later.push(stage.report(number).await.unwrap());
    }
    keep(&folder, "v3", third.files.first().unwrap(), &later);
    let addresses: Vec<_> = connections.addresses().collect();
    let view = View::of(&connections).await;
    let urls: Vec<String> = view
        .seen()
        .map(|node| format!("https://{}", addresses[node.index]))
        .collect();
    assert_eq!(urls.len(), 3, "two that were left and the spare");
    std::fs::write(folder.join("nodes.txt"), urls.join("\n")).unwrap();
    let authority = &stage.cluster.written.authority;
    std::fs::copy(authority, folder.join("authority.pem")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/dev/interop.sh");
    let said = Command::new(script).arg(&folder).output().unwrap();
    println!("{}", String::from_utf8_lossy(&said.stdout));
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{complaint}");
    drop(spares);
}

/// Writes receipts of one manifest version and the policy that they must satisfy.
fn keep(folder: &Path, version: &str, policy: &[u8], receipts: &[Receipted]) {
    for (number, receipted) in receipts.iter().enumerate() {
        let file = folder.join(format!("{number}.{version}.receipt"));
        std::fs::write(file, receipted.receipt.to_bytes()).unwrap();
    }
    std::fs::write(folder.join(format!("policy.{version}.txt")), policy).unwrap();
}

/// A spare takes the place of a dead node, by orders of administrators under a version that was signed before.
async fn replaced(stage: &Stage, dead: u64) -> (Spares, Connections, Successor) {
    let cluster = &stage.cluster;
    let folder = stage.folder().join("spares");
    let (mut spares, connections, second) = named(cluster, &stage.desk.clock, &[4], &folder)
        .await
        .unwrap();
    spares.start(4).unwrap();
    until_up(cluster, &connections, "n4").await.unwrap();
    let replacement = Replacement {
        out: format!("n{dead}"),
        by: "n4".to_owned(),
        successors: prepared(cluster, &second).unwrap(),
        reason: Reason::parse("it does not start again").unwrap(),
    };
    let admins = stage.people(Role::Admin).unwrap();
    let desk = Controls {
        connections: &connections,
        election: &cluster.election,
        key: admins.first().unwrap(),
        clock: stage.desk.clock,
    };
    desk.replace(&replacement, admins, |_| ()).await.unwrap();
    let mut successors = replacement.successors.into_iter();
    let has_left = |one: &Successor| one.manifest.nodes.iter().all(|node| node.ordinal != dead);
    let third = successors.find(has_left).unwrap();
    (spares, connections, third)
}

/// The first unit reports other figures.
async fn correct(stage: &Stage, first: &Receipted) -> Receipted {
    let (unit, _) = stage.unit(0).unwrap();
    let (_, worksheet) = stage.unit(1).unwrap();
    let mut report = Report::first(unit.clone(), worksheet);
    report.seq = 2;
    report.supersedes = Some(LeafHash::from_hash(*first.receipt.leaf_hash().as_hash()));
    let key = stage.chair(&unit).unwrap();
    let note = stage.desk.sign(report, key, 7).unwrap();
    let receipted = stage.desk.send(&note).await.unwrap().receipted().unwrap();
    assert!(
        matches!(receipted.effect, Effect::Corrected),
        "{:?}",
        receipted.effect
    );
    receipted
}
