//! The receipt of a QR code says what the file says, and proves as much.

use merkle::TreeSize;
use note::UnixSeconds;
use receipt::{
    CompactError, CompactReceipt, Fingerprint, ReceiptLevel, UnverifiedReceipt, Verdict,
};

use crate::fixture::{
    Log, ORIGIN, SIGNED_AT, bundle, election, manifest, receipt, report, signed, witness,
};

/// The largest QR code that a receipt may need, version 25: alphanumeric characters at error
/// correction L, M, Q and H by ISO/IEC 18004, table 7.
const VERSION_25: [usize; 4] = [1_853, 1_451, 1_033, 787];

fn compact() -> CompactReceipt {
    CompactReceipt::of(&receipt(), &election()).unwrap()
}

/// Three nodes and the outside witness, in a log of `size` leaves.
fn final_receipt(size: u64) -> UnverifiedReceipt {
    let log = Log::with(report().bytes(), size);
    let checkpoint = log.checkpoint(ORIGIN);
    let line = witness().cosign(&checkpoint, UnixSeconds::new(SIGNED_AT));
    let signed = signed(&checkpoint, &["n1", "n2", "n3"]).with_line(line);
    log.receipt(1, signed)
}

#[test]
fn the_text_of_a_qr_code_gives_the_file_again() {
    let receipt = receipt();
    let text = compact().to_text();
    let read = CompactReceipt::parse(&format!("{text}\r\n")).unwrap();
    assert_eq!(read, compact());
    let expanded = read.expand(&election(), receipt.entry().to_vec());
    assert_eq!(expanded.unwrap().to_bytes(), receipt.to_bytes());
}

/// Every character of the text is one that a QR code packs into five and a half bits.
#[test]
fn its_text_is_alphanumeric() {
    let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    for text in [
        compact().to_text(),
        CompactReceipt::of(&final_receipt(300), &election())
            .unwrap()
            .to_text(),
    ] {
        assert!(text.starts_with("PT1:"));
        assert!(text.chars().all(|character| alphabet.contains(character)));
    }
}

#[test]
fn with_its_note_it_is_a_receipt_and_without_it_names_the_leaf() {
    let election = election();
    let verification = compact()
        .verify(&election, Some(receipt().entry()))
        .unwrap();
    let held = verification.receipt().unwrap();
    assert_eq!(held.to_bytes(), receipt().to_bytes());

    let unread = compact().verify(&election, None).unwrap();
    let Verdict::RecordedUnread(leaf) = &unread.verdict else {
        panic!("{}", unread.summary());
    };
    assert_eq!(leaf.leaf, receipt().leaf_hash());
    assert_eq!(leaf.level, ReceiptLevel::Receipt);
    assert!(unread.receipt().is_none());
    assert!(unread.summary().contains(&receipt().code().to_string()));
}

#[test]
fn the_final_level_survives_the_short_form() {
    let receipt = final_receipt(300);
    let election = election();
    let level = |receipt: &UnverifiedReceipt| receipt.verify(&election).receipt().unwrap().level();
    assert_eq!(level(&receipt), ReceiptLevel::Final);
    let short = CompactReceipt::of(&receipt, &election).unwrap();
    let again = short.expand(&election, receipt.entry().to_vec()).unwrap();
    assert_eq!(level(&again), ReceiptLevel::Final);
    assert_eq!(again, receipt);
}

#[test]
fn another_note_or_another_election_is_refused_by_name() {
    let mut other = receipt().entry().to_vec();
    other.push(b'\n');
    assert_eq!(
        compact().verify(&election(), Some(&other)).unwrap_err(),
        CompactError::OtherEntry
    );
    let mut rehearsal = manifest();
    rehearsal.header.time = UnixSeconds::new(7);
    let pin = Fingerprint::of(merkle::sha256(rehearsal.text().as_bytes()));
    let rehearsal = receipt::Election::open(&bundle(&[(&rehearsal, None)]), pin).unwrap();
    assert_eq!(
        compact().verify(&rehearsal, None).unwrap_err(),
        CompactError::OtherElection
    );
}

/// A line is never merely ignored here: each refers to a key, and every bit of it counts.
#[test]
fn no_flipped_bit_of_the_text_passes() {
    let election = election();
    for text in [
        compact().to_text(),
        CompactReceipt::of(&final_receipt(13), &election)
            .unwrap()
            .to_text(),
    ] {
        for position in 0..text.len() * 8 {
            let mut flipped = text.clone().into_bytes();
            flipped[position / 8] ^= 1 << (position % 8);
            let Ok(flipped) = String::from_utf8(flipped) else {
                continue;
            };
            let Ok(read) = CompactReceipt::parse(&flipped) else {
                continue;
            };
            if let Ok(verification) = read.verify(&election, None) {
                assert!(
                    matches!(verification.verdict, Verdict::Invalid(_)),
                    "bit {position}: {}",
                    verification.summary()
                );
            }
        }
    }
}

/// A million leaves: 20 hashes. Two of three nodes, and all three with a witness.
#[test]
fn a_receipt_of_a_million_leaves_fits_version_25() {
    let election = election();
    let receipt_level = {
        let log = Log::with(report().bytes(), 1_000_000);
        let checkpoint = log.checkpoint(ORIGIN);
        assert_eq!(checkpoint.size, TreeSize::new(1_000_000));
        log.receipt(1, signed(&checkpoint, &["n2", "n3"]))
    };
    assert!(receipt_level.to_bytes().len() - report().bytes().len() * 4 / 3 <= 1_843);
    let [low, medium, ..] = VERSION_25;
    let characters = |receipt| {
        let short = CompactReceipt::of(&receipt, &election).unwrap();
        short.to_text().len()
    };
    assert!(characters(receipt_level) <= medium);
    assert!(characters(final_receipt(1_000_000)) <= low);
}
