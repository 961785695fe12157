//! Machines come and go while reports come in: a dead node is replaced, a cluster grows, leadership is handed
//! over, every node is restarted. Receipts go on, and no vote is counted twice.

mod growth;
mod orders;
mod replacement;
mod rolling;
mod shut_out;

use std::collections::BTreeSet;
use std::time::Duration;

use client::connection::Connections;
use client::members::{Controls, Error, View, view};
use receipt::leaf::Role;
use tests::audit::verify_receipts;
use tests::load::{Load, Seen, Tally};
use tests::spares::{Spares, named};
use tests::stage::Stage;

/// How often something is done: `few` in the gate, `many` in the nightly run.
fn times(few: usize, many: usize) -> usize {
    std::env::var_os("TALLY_NIGHTLY").map_or(few, |_| many)
}

fn controls<'d>(stage: &'d Stage, connections: &'d Connections, admin: usize) -> Controls<'d> {
    Controls {
        connections,
        election: &stage.cluster.election,
        key: &stage.people(Role::Admin).unwrap()[admin],
        clock: stage.desk.clock,
    }
}

/// Does `work` while chairs report; every report gets its receipt.
async fn under_load<T>(
    stage: &Stage,
    chairs: usize,
    work: impl AsyncFnOnce(&Tally) -> T,
) -> (T, Seen) {
    let load = Load {
        chairs,
        ..Load::STEADY
    };
    let during = load.during(stage, async |tally| Ok(work(tally).await));
    during.await.unwrap()
}

/// Every receipt in the outbox verifies under the newest bundle. The node that is asked may be one that
/// has just joined, and learn of the newest version a moment later.
async fn every_receipt_verifies(stage: &Stage, connections: &Connections) {
    let fingerprint = stage.cluster.made.fingerprint;
    let folder = stage.folder().join("newest-bundle");
    let outbox = stage.desk.outbox.disk().path();
    let mut failed = Vec::new();
    let all = async || {
        let fetched = client::bundle::fetch_to_keep(connections, fingerprint).await;
        let (bundle, _) = fetched.ok()?;
        client::bundle::write_folder(&bundle, &folder).unwrap();
        let kept = client::bundle::read_folder(&folder).unwrap();
        let election = receipt::Election::open(&kept, fingerprint).unwrap();
        let placed = election.versions().iter().all(|one| one.leaf().is_some());
        if !placed {
            return None;
        }
        let receipts = verify_receipts(outbox, &folder, fingerprint).unwrap();
        failed.clone_from(&receipts.failed);
        (receipts.failed.is_empty() && !receipts.verified.is_empty()).then_some(())
    };
    let patience = Duration::from_secs(20);
    let verified = stage.cluster.wait("all receipts to verify", patience, all);
    let verified = verified.await;
    assert!(verified.is_ok(), "{failed:?}");
}

async fn voters(connections: &Connections) -> BTreeSet<u64> {
    let view = View::of(connections).await;
    view::voters(view.leader().unwrap().says)
}

/// Spares 4 and 5 for a cluster of three, named by version 2, which is in force.
async fn with_spares(stage: &Stage) -> (Spares, Connections, receipt::Manifest) {
    let folder = stage.folder().join("spares");
    named(&stage.cluster, &stage.desk.clock, &[4, 5], &folder)
        .await
        .unwrap()
}

fn code(error: &Error) -> &str {
    let Error::Refused(refused) = error else {
        panic!("{error}");
    };
    &refused.code
}
/// A node that does not lead.
async fn follower(stage: &Stage) -> u64 {
    stage.cluster.leader().await.unwrap() % 3 + 1
}
