//! The published examples, made by an independent implementation. Their trees, checkpoints and
//! cosignatures bind; their submissions and manifest are of an older grammar.

use std::path::{Path, PathBuf};

use merkle::{TreeSize, leaf_hash};
use note::{SignedCheckpoint, VerifierKey};
use receipt::{Leaf, Policy, ShortCode, UnverifiedReceipt};

/// The folder of examples, or none with the reason said.
fn examples() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("TALLY_SHARED").map_or(checkout, PathBuf::from);
    let folder = root.join("receipts/examples");
    if folder.is_dir() {
        return Some(folder);
    }
    let why = format!("`{}` is not there: set TALLY_SHARED", folder.display());
    let must_run = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!must_run, "{why}");
    println!("skipped: {why}");
    None
}

fn read(name: &str) -> Option<String> {
    Some(std::fs::read_to_string(examples()?.join(name)).unwrap())
}

#[test]
fn the_published_receipts_read_back_and_prove_their_leaf() {
    for name in [
        "receipt.tlog-proof",
        "receipt.final.tlog-proof",
        "receipt.weak.tlog-proof",
    ] {
        let Some(text) = read(name) else { return };
        let receipt = UnverifiedReceipt::parse(text.as_bytes()).unwrap();
        assert_eq!(receipt.to_bytes(), text.as_bytes(), "{name}");
        let checkpoint = receipt.checkpoint().checkpoint();
        let proven = receipt.proof().verify(
            receipt.index(),
            checkpoint.size,
            leaf_hash(receipt.entry()),
            &checkpoint.root,
        );
        assert_eq!(proven, Ok(()), "{name}");
        assert_eq!(
            receipt.code(),
            ShortCode::parse("G2HP-YXPC-V819-BHS9-FA").unwrap()
        );
    }
}

/// Two of three nodes are receipt level, all three and the witness final, one is neither.
#[test]
fn the_published_policies_judge_the_published_checkpoints() {
    let (Some(receipt), Some(strong)) = (read("policy.receipt.txt"), read("policy.final.txt"))
    else {
        return;
    };
    let [receipt, strong] = [receipt, strong].map(|text| {
        let policy = Policy::parse(&text).unwrap();
        assert_eq!(policy.to_string(), text);
        policy
    });
    for (name, level) in [
        ("receipt.weak.tlog-proof", [false, false]),
        ("receipt.tlog-proof", [true, false]),
        ("receipt.final.tlog-proof", [true, true]),
    ] {
        let Some(text) = read(name) else { return };
        let proof = UnverifiedReceipt::parse(text.as_bytes()).unwrap();
        let satisfied = [&receipt, &strong].map(|policy| policy.satisfied(proof.checkpoint()));
        assert_eq!(satisfied, level, "{name}");
        assert!(receipt.evaluate(proof.checkpoint()).failing.is_empty());
    }
}

/// The log at 7 and at 13 leaves: both are receipt level, and neither has all three nodes.
#[test]
fn the_published_checkpoints_are_of_receipt_level() {
    let Some(policy) = read("policy.receipt.txt") else {
        return;
    };
    let policy = Policy::parse(&policy).unwrap();
    for (name, size) in [("checkpoint.old", 7), ("checkpoint.new", 13)] {
        let Some(text) = read(name) else { return };
        let signed = SignedCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(signed.checkpoint().size, TreeSize::new(size));
        let evaluation = policy.evaluate(&signed);
        assert!(
            evaluation.met && evaluation.unknown.is_empty(),
            "{name}: {evaluation:?}"
        );
    }
}

#[test]
fn the_older_grammar_is_refused() {
    for name in ["submission.note", "manifest.note"] {
        let Some(text) = read(name) else { return };
        assert!(Leaf::parse_entry(text.as_bytes()).is_err(), "{name}");
    }
}

#[test]
fn the_published_roll_names_sound_keys() {
    let Some(text) = read("roll.txt") else { return };
    let roll = caucus::Roll::parse(&text).unwrap();
    assert_eq!(roll.to_string(), text);
    for (unit, slot, vkey) in roll.keys() {
        let key = VerifierKey::parse(vkey).unwrap();
        assert_eq!(key.name().as_str(), format!("caucus-2028-ia/{unit}/{slot}"));
    }
}
