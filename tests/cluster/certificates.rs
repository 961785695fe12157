//! Certificates are exchanged while nodes run: new connections get the new one, what cannot be
//! used is said and changes nothing, and no report is lost meanwhile.

use std::path::Path;
use std::time::Duration;

use caucus::ElectionId;
use client::certificate::{Authority, NodeName, Pair};
use client::clock::{Clock, SystemClock};
use note::UnixSeconds;
use tests::figures;
use tests::stage::Stage;

use super::overload::metric;

/// Several looks at the files, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn now() -> UnixSeconds {
    SystemClock::start().unix()
}

fn put(folder: &Path, kind: &str, pair: &Pair) {
    std::fs::write(folder.join(format!("{kind}.crt")), &pair.certificate).unwrap();
    std::fs::write(folder.join(format!("{kind}.key")), &pair.key).unwrap();
}

fn name<'a>(election: &'a ElectionId, ordinal: u64, id: &'a str) -> NodeName<'a> {
    NodeName {
        election,
        id,
        ordinal,
    }
}

async fn trusts(stage: &Stage, authority: &str) -> bool {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let api = stage.cluster.made.plan.nodes[0].api;
    http.get(format!("https://{api}/livez"))
        .send()
        .await
        .is_ok()
}

/// A new API certificate, of another authority even, is shown to those who come after it; a broken
/// one is counted and the one before stays in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_api_certificate_is_shown_and_a_broken_one_is_not() {
    let stage = Stage::open(4).await.unwrap();
    let folder = stage.cluster.folder(1).unwrap();
    let election = stage.cluster.made.plan.election.clone();
    let old = std::fs::read_to_string(&stage.cluster.written.authority).unwrap();
    let authority = Authority::new(&election, now()).unwrap();
    let new = authority.pair().certificate.clone();
    let hosts = ["127.0.0.1".to_owned()];
    let pair = authority
        .api(&name(&election, 1, "n1"), &hosts, now())
        .unwrap();
    assert!(trusts(&stage, &old).await && !trusts(&stage, &new).await);

    put(&folder, "api", &pair);
    let shown = async || trusts(&stage, &new).await.then_some(());
    stage
        .cluster
        .wait("the new one", PATIENCE, shown)
        .await
        .unwrap();
    assert!(!trusts(&stage, &old).await);
    // Channels that are open go on; the others reach another node.
    stage.report(0).await.unwrap();

    std::fs::write(folder.join("api.crt"), "no certificate").unwrap();
    let failed = "tally_certificate_reload_failed{use=\"api\"}";
    let counted = async |expected| {
        let figure = metric(&stage, 1, failed).await.ok()?;
        (figure == expected).then_some(())
    };
    let seen = stage
        .cluster
        .wait("the fault", PATIENCE, async || counted(1).await);
    seen.await.unwrap();
    assert!(trusts(&stage, &new).await);
    if figures::times(0, 1) == 0 {
        return;
    }
    put(&folder, "api", &pair);
    let mended = stage
        .cluster
        .wait("the mend", PATIENCE, async || counted(0).await);
    mended.await.unwrap();
    stage.report(1).await.unwrap();
}

/// The nodes change over to certificates of a new authority, as an operator does it: first every
/// node believes both, then each shows the new one, then the old authority goes. A restart in the
/// end makes new connections with nothing but the new ones. A certificate of another node is not
/// taken. It waits for four looks at the files, so it runs at night.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nodes_change_over_to_a_new_authority_without_a_restart() {
    if figures::times(0, 1) == 0 {
        println!("runs with TALLY_NIGHTLY");
        return;
    }
    let mut stage = Stage::open(4).await.unwrap();
    let election = stage.cluster.made.plan.election.clone();
    let old = std::fs::read_to_string(stage.cluster.folder(1).unwrap().join("ca.crt")).unwrap();
    let authority = Authority::new(&election, now()).unwrap();
    let new = authority.pair().certificate.clone();
    let folders: Vec<_> = (1..=3)
        .map(|ordinal| stage.cluster.folder(ordinal).unwrap())
        .collect();
    let taken_up = async |stage: &Stage, times: usize| {
        let all = async || {
            let logs = folders.iter().map(|folder| folder.join("node.log"));
            let mut logs = logs.map(|log| std::fs::read_to_string(log).unwrap());
            let said = |log: String| {
                let lines = log.lines().filter(|line| {
                    line.contains("a new certificate is in use") && line.contains("peers")
                });
                lines.count() >= times
            };
            logs.all(said).then_some(())
        };
        let waited = stage.cluster.wait("the nodes to take it up", PATIENCE, all);
        waited.await.unwrap();
    };

    for folder in &folders {
        std::fs::write(folder.join("ca.crt"), format!("{old}{new}")).unwrap();
    }
    taken_up(&stage, 1).await;
    for (folder, ordinal) in folders.iter().zip(1..) {
        let id = format!("n{ordinal}");
        let pair = authority
            .peer(&name(&election, ordinal, &id), now())
            .unwrap();
        put(folder, "peer", &pair);
    }
    taken_up(&stage, 2).await;
    for folder in &folders {
        std::fs::write(folder.join("ca.crt"), &new).unwrap();
    }
    taken_up(&stage, 3).await;
    stage.report(0).await.unwrap();
    restart(&mut stage, 3).await;
    stage.report(1).await.unwrap();
    stage.cluster.settled(3).await.unwrap();

    let other = authority.peer(&name(&election, 1, "n1"), now()).unwrap();
    put(&folders[1], "peer", &other);
    let failed = "tally_certificate_reload_failed{use=\"peers\"}";
    let refused = async || {
        let figure = metric(&stage, 2, failed).await.ok()?;
        (figure == 1).then_some(())
    };
    stage
        .cluster
        .wait("the refusal", PATIENCE, refused)
        .await
        .unwrap();
    stage.report(2).await.unwrap();
}

async fn restart(stage: &mut Stage, ordinal: u64) {
    let ended = stage.cluster.stop(ordinal).await.unwrap();
    assert!(ended.success());
    stage.cluster.start_node(ordinal).unwrap();
}
