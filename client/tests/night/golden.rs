//! Receipts of an election made from a seed, against the files kept beside the conversations: what
//! is written today is what was written then, and what was written then is still read.
//!
//! `UPDATE_GOLDEN=1 cargo test -p client --test night golden` writes the files anew; that is right only
//! while a format has not been released.

use std::path::{Path, PathBuf};

use ledger::View;
use merkle::LeafIndex;
use receipt::{Election, UnverifiedReceipt, Verdict};

use crate::night::night;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/receipt.in")
}

/// One check for every kept file: equal to what is made now.
fn check(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(kept == bytes, "{name} is not what is made today");
}

/// The same bytes with the first `from` replaced.
fn tampered(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn receipts_of_a_seeded_night_are_what_they_were() {
    let mut night = night();
    let first = night.report(0, 40);
    night.record(&first, &[0, 1]);
    let second = night.report(1, 25);
    let good = night.record(&second, &[0, 2]);
    let third = night.report(2, 30);
    let lonely = night.record(&third, &[1]);
    let verdict = |receipt: &UnverifiedReceipt| receipt.verify(&night.election).verdict;
    assert!(
        matches!(verdict(&good), Verdict::Recorded(_)),
        "{:?}",
        verdict(&good)
    );
    assert_eq!(good.index(), LeafIndex::new(2));
    assert_eq!(
        verdict(&lonely),
        Verdict::NotYetWitnessed { need: 2, got: 1 }
    );
    check("good.receipt", &good.to_bytes());
    check("lonely.receipt", &lonely.to_bytes());
    check(
        "moved.receipt",
        &tampered(&good.to_bytes(), "index 2", "index 1"),
    );
    let entry = note::b64::encode(good.entry());
    let figures = tampered(good.entry(), "votes 2 biden 25", "votes 2 biden 52");
    let figures = note::b64::encode(figures);
    check(
        "figures.receipt",
        &tampered(&good.to_bytes(), &entry, &figures),
    );
    check("torn.receipt", &good.to_bytes()[..200]);
    check("bundle/manifest-1.note", night.made.manifest.bytes());
    check("bundle/roster.txt", night.made.files.roster.as_bytes());
    check("bundle/rules.txt", night.made.files.rules.as_bytes());
    check("bundle/roll.txt", night.made.files.roll.as_bytes());
    check(
        "bundle/policy.receipt.txt",
        night.made.files.receipt_policy.as_bytes(),
    );
    check(
        "bundle/policy.final.txt",
        night.made.files.final_policy.as_bytes(),
    );
}

#[test]
fn a_kept_bundle_and_a_kept_receipt_are_still_read() {
    let bundle = client::bundle::read_folder(&folder().join("bundle")).unwrap();
    let night = night();
    let election = Election::open(&bundle, night.made.fingerprint).unwrap();
    let kept = std::fs::read(folder().join("good.receipt")).unwrap();
    let receipt = UnverifiedReceipt::parse(&kept).unwrap();
    assert!(receipt.verify(&election).receipt().is_some());
    assert_eq!(receipt.to_bytes(), kept);
}

/// A bundle survives the folder and the wire, file for file.
#[test]
fn a_bundle_survives_folder_and_wire() {
    let night = night();
    let folder = tempfile::tempdir().unwrap();
    client::bundle::write_folder(&night.made.bundle, folder.path()).unwrap();
    let read = client::bundle::read_folder(folder.path()).unwrap();
    assert_eq!(read.files, night.made.bundle.files);
    let wired = client::bundle::from_wire(client::bundle::to_wire(&read)).unwrap();
    assert_eq!(wired.files, read.files);
    assert!(Election::open(&wired, night.made.fingerprint).is_ok());
}

/// The whole night recomputed from leaves and bundle alone is the night.
#[test]
fn the_leaves_alone_lead_to_the_same_state() {
    let mut night = night();
    for place in 0..5 {
        let note = night.report(place, 10 + i64::try_from(place).unwrap());
        night.record(&note, &[0, 1]);
    }
    let view = View::new(&night.state);
    let entries: Vec<Vec<u8>> = (0..6)
        .map(|index| view.leaf(LeafIndex::new(index)).unwrap().unwrap())
        .collect();
    let again = client::audit::recompute(&night.made.bundle, &entries).unwrap();
    let recomputed = View::new(&again);
    assert_eq!(recomputed.root().unwrap(), view.root().unwrap());
    for basis in caucus::Basis::ALL {
        assert_eq!(
            recomputed.totals(basis).unwrap(),
            view.totals(basis).unwrap()
        );
    }
    let mut changed = entries;
    changed[3].reverse();
    assert!(client::audit::recompute(&night.made.bundle, &changed).is_err());
}
