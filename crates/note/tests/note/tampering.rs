//! No bit of a note can be changed unnoticed.

use note::{SignedCheckpoint, SignedNote, UnixSeconds};
use proptest::prelude::*;

use crate::fixtures::{checkpoint, cosigner, signer};

const TEXT: &str = "precinct-tally/submission/v1\nelection caucus-2028-ia\nattendees 90\n";

#[test]
fn every_single_flipped_bit_of_a_note_is_refused_or_fails_to_verify() {
    let chair = signer("caucus-2028-ia/19-0001/a");
    let note = SignedNote::assemble(TEXT, vec![chair.sign(TEXT)]).unwrap();
    let holds = |bytes: &[u8]| {
        SignedNote::parse(bytes).is_ok_and(|note| {
            note.signatures()
                .iter()
                .any(|line| chair.verifier().verifies(note.text(), line))
        })
    };
    assert!(holds(note.bytes()));
    for bit in 0..note.bytes().len() * 8 {
        let mut bytes = note.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !holds(&bytes),
            "bit {bit}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn every_single_flipped_bit_of_a_checkpoint_costs_it_a_signature() {
    let checkpoint = checkpoint("log.example", 13, "root");
    let log = signer("log.example");
    let nodes = ["log.example/n1", "log.example/n2"].map(cosigner);
    let mut signed = SignedCheckpoint::new(checkpoint.clone(), log.sign(&checkpoint.text()));
    for node in &nodes {
        signed = signed.with_line(node.cosign(&checkpoint, UnixSeconds::new(1_706_576_460)));
    }
    let signers = |bytes: &[u8]| {
        let Ok(signed) = SignedCheckpoint::parse(bytes) else {
            return 0;
        };
        let text = signed.checkpoint().text();
        let by_log = signed
            .line_of(log.verifier())
            .filter(|line| log.verifier().verifies(&text, line));
        let by_nodes = nodes.iter().filter(|node| {
            let key = node.verifier();
            let line = signed.line_of(key);
            line.and_then(|line| key.verify_cosignature(signed.checkpoint(), line))
                .is_some()
        });
        by_log.iter().count() + by_nodes.count()
    };
    let bytes = signed.to_bytes();
    assert_eq!(signers(&bytes), 3);
    let text_bits = checkpoint.text().len() * 8;
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let left = signers(&changed);
        assert!(left < 3, "bit {bit}");
        assert!(
            bit >= text_bits || left == 0,
            "bit {bit} of what all signed"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Bytes cut out, put in or moved: what still verifies says what was signed.
    #[test]
    fn a_note_that_verifies_says_what_was_signed(
        from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
        inserted in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..4),
    ) {
        let chair = signer("chair");
        let note = SignedNote::assemble(TEXT, vec![chair.sign(TEXT)]).unwrap();
        let len = note.bytes().len() + 1;
        let (from, to) = (from.index(len), to.index(len));
        let mut bytes = note.bytes().to_vec();
        bytes.splice(from.min(to)..from.max(to), inserted);
        if let Ok(read) = SignedNote::parse(&bytes) {
            let verified =
                read.signatures().iter().any(|line| chair.verifier().verifies(read.text(), line));
            prop_assert!(!verified || read.text() == TEXT);
        }
    }
}
