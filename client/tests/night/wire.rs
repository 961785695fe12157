//! The client and the program over TLS against a stand-in node: what is believed, what is not, and
//! what never leaves the machine.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::bundle::{FetchError, fetch};
use client::certificate::Authority;
use client::connection::{Connections, NodeAddress};
use client::retry::{Delivery, Schedule};
use client::sheet::Sheet;
use client::{Client, answer::Effect};
use receipt::Leaf;

use crate::night::{Night, night, night_of};
use crate::node::{Manner, authority, start};

/// Nobody listens there: port 1 is reserved and unused.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

fn connect(addresses: &[SocketAddr], authority: &Authority) -> Connections {
    let addresses: Vec<NodeAddress> = addresses
        .iter()
        .map(|address| NodeAddress::parse(&address.to_string()).unwrap())
        .collect();
    Connections::open(&addresses, authority.pair().certificate.as_bytes()).unwrap()
}

fn impatient(connections: Connections, night: &Arc<Mutex<Night>>) -> Client {
    let election = Arc::new(night.lock().unwrap().election.clone());
    Client::new(connections, election).with_schedule(Schedule {
        budget: Duration::from_secs(2),
        hedge: Duration::from_millis(100),
        ..Schedule::default()
    })
}

#[tokio::test]
async fn one_living_node_among_dead_and_mute_ones_is_enough() {
    let night = Arc::new(Mutex::new(night()));
    let authority = authority(&night.lock().unwrap());
    let mute = start(&night, &authority, Manner::Mute).await;
    let honest = start(&night, &authority, Manner::Honest).await;
    let client = impatient(
        connect(&[NOBODY, mute.address, honest.address], &authority),
        &night,
    );
    for place in 0..4 {
        let note = night.lock().unwrap().report(place, 30);
        let Delivery::Receipted(receipted) = client.submit_signed(&note).await else {
            panic!("no receipt")
        };
        assert_eq!(receipted.receipt.entry(), note.bytes());
        assert_eq!(receipted.effect, Effect::Recorded);
    }
}

/// A certificate by another authority: the note must not even be handed over.
#[tokio::test]
async fn a_node_of_another_authority_never_sees_a_note() {
    let night = Arc::new(Mutex::new(night()));
    let ours = authority(&night.lock().unwrap());
    let theirs = authority(&night.lock().unwrap());
    let stranger = start(&night, &theirs, Manner::Honest).await;
    let client = impatient(connect(&[stranger.address], &ours), &night);
    let note = night.lock().unwrap().report(0, 30);
    let Delivery::NotYet(known) = client.submit_signed(&note).await else {
        panic!("it was sent")
    };
    assert_eq!(stranger.calls(), 0);
    assert!(known.attempts > 0);
}

#[tokio::test]
async fn a_receipt_for_another_note_is_not_believed() {
    let night = Arc::new(Mutex::new(night()));
    let authority = authority(&night.lock().unwrap());
    let old = {
        let mut night = night.lock().unwrap();
        let note = night.report(0, 30);
        night.record(&note, &[0, 1]).to_bytes()
    };
    let liar = start(&night, &authority, Manner::SameReceipt(old)).await;
    let client = impatient(connect(&[liar.address], &authority), &night);
    let note = night.lock().unwrap().report(1, 20);
    let Delivery::NotYet(known) = client.submit_signed(&note).await else {
        panic!("it was believed")
    };
    let trouble = known.troubles[&0].to_string();
    assert!(trouble.contains("receipt for another note"), "{trouble}");
}

#[tokio::test]
async fn a_bundle_of_another_election_is_refused() {
    let (ours, theirs) = (night(), Arc::new(Mutex::new(night_of(1))));
    let authority = authority(&ours);
    let node = start(&theirs, &authority, Manner::Honest).await;
    let connections = connect(&[NOBODY, node.address], &authority);
    let fetched = fetch(&connections, ours.made.fingerprint).await;
    assert!(matches!(fetched, Err(FetchError::Untrusted(_))));
    let own = theirs.lock().unwrap().made.fingerprint;
    assert!(fetch(&connections, own).await.is_ok());
}

/// The program as a chair runs it, with its files in `folder`.
pub(crate) fn tally(folder: &Path, arguments: &[&str]) -> (i32, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tally"));
    command.current_dir(folder).arg("--json").args(arguments);
    let output = command.output().unwrap();
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), json)
}

/// Writes key, certificate and sheet of a unit for the program to find.
fn prepare(folder: &Path, night: &mut Night, authority: &Authority, people: i64) {
    let note = night.report(1, people);
    let Ok(Leaf::Submission(submission)) = Leaf::parse(&note) else {
        panic!("a report")
    };
    let sheet = Sheet::of(&submission.unit, &submission.figures.worksheet);
    let keys = &night.made.units[&submission.unit];
    std::fs::write(
        folder.join("sheet.json"),
        serde_json::to_vec(&sheet).unwrap(),
    )
    .unwrap();
    std::fs::write(folder.join("a.key"), keys.a.to_secret_text()).unwrap();
    std::fs::write(folder.join("ca.crt"), &authority.pair().certificate).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_ends_with_a_receipt_that_verifies_offline() {
    let night = Arc::new(Mutex::new(night()));
    let authority = authority(&night.lock().unwrap());
    let node = start(&night, &authority, Manner::Honest).await;
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), &mut night.lock().unwrap(), &authority, 24);
    let nodes = format!("{NOBODY},{}", node.address);
    let code = night.lock().unwrap().made.fingerprint.to_string();
    let submit = [
        "submit",
        "sheet.json",
        "--key",
        "a.key",
        "--yes",
        "--outbox",
        "box",
        "--nodes",
        &nodes,
        "--ca",
        "ca.crt",
        "--fingerprint",
        &code,
    ];
    let (exit, sent) = tally(folder.path(), &submit);
    assert_eq!(
        (exit, sent["state"].as_str()),
        (0, Some("receipted")),
        "{sent}"
    );
    // The same command again: the same note, the same leaf.
    let (exit, again) = tally(folder.path(), &submit);
    assert_eq!(
        (exit, &again["leaf_index"]),
        (0, &sent["leaf_index"]),
        "{again}"
    );
    assert_eq!(again["effect"], "already_recorded");
    // Offline, with the bundle that was fetched and kept on the way.
    let (receipt, bundle) = (
        sent["receipt"].as_str().unwrap(),
        format!("box/bundle-{code}"),
    );
    let (exit, verified) = tally(
        folder.path(),
        &[
            "receipt",
            "verify",
            receipt,
            "--bundle",
            &bundle,
            "--fingerprint",
            &code,
        ],
    );
    assert_eq!(
        (exit, &verified["receipts"][0]["verdict"]),
        (0, &"recorded".into())
    );
    // Another hand's figures for the same unit, from another outbox: a rival, and that is said.
    prepare(folder.path(), &mut night.lock().unwrap(), &authority, 18);
    let mut rival = submit;
    rival[6] = "other-box";
    let (exit, sent) = tally(folder.path(), &rival);
    assert_eq!((exit, &sent["effect"]), (6, &"rival".into()), "{sent}");
}

/// The fingerprint decides before anything is signed or sent.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_sends_nothing_to_another_election() {
    let night = Arc::new(Mutex::new(night()));
    let authority = authority(&night.lock().unwrap());
    let node = start(&night, &authority, Manner::Honest).await;
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), &mut night.lock().unwrap(), &authority, 24);
    let (nodes, code) = (
        node.address.to_string(),
        night_of(1).made.fingerprint.to_string(),
    );
    let (exit, error) = tally(
        folder.path(),
        &[
            "submit",
            "sheet.json",
            "--key",
            "a.key",
            "--yes",
            "--outbox",
            "box",
            "--nodes",
            &nodes,
            "--ca",
            "ca.crt",
            "--fingerprint",
            &code,
        ],
    );
    assert_eq!(
        (exit, &error["schema"]),
        (10, &"tally.error/v1".into()),
        "{error}"
    );
    assert_eq!(node.calls(), 0);
    let kept = std::fs::read_dir(folder.path().join("box"))
        .unwrap()
        .count();
    assert_eq!(kept, 0, "nothing was kept either");
}
