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
use merkle::LeafHash;
use tests::chairs::Receipted;
use tests::stage::Stage;

/// Three nodes, six reports, the leader killed in between, a correction under its successor: every
/// receipt is accepted by every program, and every changed form refused. One program reads the whole log of
/// each node that is left, and refuses it with any file changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_of_other_authors_accept_our_receipts_and_nothing_else() {
    let stage = Stage::open(6).await.unwrap();
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
    for (number, receipted) in receipts.iter().enumerate() {
        let file = folder.join(format!("{number}.receipt"));
        std::fs::write(file, receipted.receipt.to_bytes()).unwrap();
    }
    let policy = stage.cluster.made.files.receipt_policy.as_bytes();
    std::fs::write(folder.join("policy.receipt.txt"), policy).unwrap();
    let nodes = stage.cluster.made.plan.nodes.iter();
    let left = nodes.filter(|node| node.ordinal != leader);
    let urls: Vec<String> = left.map(|node| format!("https://{}", node.api)).collect();
    std::fs::write(folder.join("nodes.txt"), urls.join("\n")).unwrap();
    let authority = &stage.cluster.written.authority;
    std::fs::copy(authority, folder.join("authority.pem")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/dev/interop.sh");
    let said = Command::new(script).arg(&folder).output().unwrap();
    println!("{}", String::from_utf8_lossy(&said.stdout));
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{complaint}");
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
