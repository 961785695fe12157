//! What checking costs, as a ratio within one run: a receipt against the signatures that have to be checked.

use std::hint::black_box;
use std::time::{Duration, Instant};

use note::SignedNote;

use crate::log::Log;

/// Receipts checked for one figure.
const ROUNDS: u32 = 400;
/// Log signature, two cosignatures, the chair's.
const SIGNATURES: u32 = 4;

fn timed(mut work: impl FnMut(u32)) -> Duration {
    // The quickest of five: what else runs on the machine only adds.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        for round in 0..ROUNDS {
            work(round);
        }
        best = best.min(began.elapsed() / ROUNDS);
    }
    best
}

#[test]
fn a_receipt_costs_little_more_than_its_signatures() {
    let log = Log::of_night(1_765, 3);
    let files: Vec<_> = (1..=u64::from(ROUNDS))
        .map(|index| log.receipt(index, &[1, 2]).to_bytes())
        .collect();
    let whole = timed(|round| {
        let bytes = &files[usize::try_from(round).unwrap()];
        let receipt = receipt::UnverifiedReceipt::parse(bytes).unwrap();
        assert!(black_box(receipt.verify(&log.election)).receipt().is_some());
    });
    let note = SignedNote::parse(log.fixture.manifest.bytes()).unwrap();
    let line = &note.signatures()[0];
    let keys: Vec<_> = log
        .fixture
        .content
        .keys_of(receipt::leaf::Role::Authority)
        .collect();
    let key = keys.iter().find(|key| key.claims(line)).unwrap();
    let one = timed(|_| assert!(black_box(key.verifies(note.text(), line))));
    println!(
        "one receipt of a night of 1,765 units: {} us to read and verify; one signature of a manifest: {} us",
        whole.as_micros(),
        one.as_micros()
    );
    // Reading, hashing and sentences must not cost as much again as twice the signatures.
    assert!(
        whole < one * SIGNATURES * 3,
        "{whole:?} for four signatures of {one:?}"
    );
}
