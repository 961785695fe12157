//! Policies read, written and evaluated.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};

use note::{
    Checkpoint, CosignerKey, KeyName, Origin, SignedCheckpoint, SignerKey, UnixSeconds, VerifierKey,
};

use super::Policy;

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

fn log() -> SignerKey {
    SignerKey::from_seed(name("log.example"), [1; 32])
}

fn witness(number: u8) -> CosignerKey {
    CosignerKey::from_seed(name(&format!("w{number}.example")), [number + 10; 32])
}

fn vkey(number: u8) -> VerifierKey {
    witness(number).verifier().clone()
}

/// Five witnesses; 2 of the first three and any of the last two.
fn nested() -> String {
    let witnesses = [1, 2, 3, 4, 5]
        .map(|n| format!("witness W{n} {}\n", vkey(n)))
        .concat();
    format!(
        "log {}\n{witnesses}group X 2 W1 W2 W3\ngroup Y any W4 W5\ngroup both all X Y\nquorum both\n",
        log().verifier()
    )
}

fn met(policy: &str, signed_by: &[&str]) -> bool {
    let signed_by: BTreeSet<&str> = signed_by.iter().copied().collect();
    Policy::parse(policy).unwrap().quorum_met(&signed_by)
}

#[test]
fn groups_of_groups_are_counted() {
    let policy = nested();
    for (signed_by, enough) in [
        (&["W1", "W2", "W4"][..], true),
        (&["W2", "W3", "W5"], true),
        (&["W1", "W2", "W3"], false),
        (&["W1", "W4", "W5"], false),
        (&["W1", "W2", "W3", "W4", "W5"], true),
        (&[], false),
        (&["both"], false),
    ] {
        assert_eq!(met(&policy, signed_by), enough, "{signed_by:?}");
    }
}

#[test]
fn all_any_none_and_a_single_witness() {
    let two = format!("witness A {}\nwitness B {}\n", vkey(1), vkey(2));
    assert!(met(&format!("{two}quorum none\n"), &[]));
    assert!(met(&format!("{two}quorum A\n"), &["A"]));
    assert!(!met(&format!("{two}quorum A\n"), &["B"]));
    assert!(met(&format!("{two}group g any A B\nquorum g\n"), &["B"]));
    assert!(!met(&format!("{two}group g all A B\nquorum g\n"), &["B"]));
    assert!(met(
        &format!("{two}group g all A B\nquorum g\n"),
        &["A", "B"]
    ));
}

#[test]
fn a_policy_is_written_as_it_is_read() {
    let text = nested();
    assert_eq!(Policy::parse(&text).unwrap().to_string(), text);
    let with_urls = text.replacen(
        &format!("W1 {}", vkey(1)),
        &format!("W1 {} https://w1.example/", vkey(1)),
        1,
    );
    let policy = Policy::parse(&with_urls).unwrap();
    assert_eq!(policy.to_string(), with_urls);
    assert_eq!(
        policy.witnesses()[0].url.as_deref(),
        Some("https://w1.example/")
    );
    let loose = format!(
        "# a comment\n\n \t\n{}",
        text.replace(' ', " \t ").replace('\n', " \n")
    );
    assert_eq!(Policy::parse(&loose).unwrap().to_string(), text);
}

#[test]
fn what_the_specification_forbids_is_refused() {
    let text = nested();
    let log_line = format!("log {}\n", log().verifier());
    let same_key = CosignerKey::from_seed(name("other.example"), [11; 32]);
    for (from, to) in [
        ("quorum both\n", ""),
        ("quorum both\n", "quorum both\nquorum X\n"),
        ("quorum both\n", "quorum all\n"),
        ("quorum both\n", "quorum\n"),
        ("quorum both\n", "quorum both"),
        ("group X 2 W1", "group X 0 W1"),
        ("group X 2 W1", "group X 4 W1"),
        ("group X 2 W1", "group X 02 W1"),
        ("group X 2 W1", "group X some W1"),
        ("group X 2 W1 W2 W3", "group X 2"),
        ("group X 2 W1", "group X 2 W9"),
        ("group X 2 W1", "group X 2 none"),
        ("group X 2 W1 W2 W3", "group X 2 W1 W2 W2"),
        ("group Y any W4 W5", "group Y any W4 W1"),
        ("group Y any", "group W1 any"),
        ("group Y any", "group none any"),
        ("group Y any", "party Y any"),
        ("witness W2 ", "witness W1 "),
        (&vkey(2).to_string(), &same_key.verifier().to_string()),
        (&vkey(2).to_string(), &log().verifier().to_string()),
        (&log_line, &log_line.repeat(2)),
        (&log().verifier().to_string(), &vkey(9).to_string()),
        ("log ", "log\u{1}"),
        ("witness W2", "witness\rW2"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from:?}");
        assert!(Policy::parse(&broken).is_err(), "{from:?} -> {to:?}");
    }
    assert!(Policy::parse("").is_err());
}

#[test]
fn a_complaint_names_its_line() {
    let broken = nested().replacen("group Y any", "group Y 3", 1);
    assert_eq!(Policy::parse(&broken).unwrap_err().line, 8);
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: Origin::parse("log.example").unwrap(),
        size: merkle::TreeSize::new(9),
        root: merkle::sha256(b"root"),
    }
}

fn signed(witnesses: &[u8]) -> SignedCheckpoint {
    let checkpoint = checkpoint();
    let first = SignedCheckpoint::new(checkpoint.clone(), log().sign(&checkpoint.text()));
    witnesses.iter().fold(first, |signed, number| {
        signed.with_line(witness(*number).cosign(&checkpoint, UnixSeconds::new(7)))
    })
}

#[test]
fn signatures_are_verified_before_they_count() {
    let policy = Policy::parse(&nested()).unwrap();
    assert!(policy.satisfied(&signed(&[1, 2, 4])));
    assert!(!policy.satisfied(&signed(&[1, 4])));
    let evaluation = policy.evaluate(&signed(&[1, 2, 4, 9]));
    assert!(evaluation.met);
    assert_eq!(evaluation.witnesses.get("W4"), Some(&UnixSeconds::new(7)));
    assert_eq!(evaluation.unknown.len(), 1);

    let other = Checkpoint {
        root: merkle::sha256(b"other"),
        ..checkpoint()
    };
    let mut forged = witness(3).cosign(&other, UnixSeconds::new(7));
    forged.name = name("w3.example");
    let spoiled = signed(&[1, 2, 4]).with_line(forged);
    assert_eq!(policy.evaluate(&spoiled).failing.len(), 1);
    assert!(
        !policy.satisfied(&spoiled),
        "a failing line of a known key spoils the checkpoint"
    );
}

#[test]
fn a_checkpoint_without_the_logs_own_line_does_not_count() {
    let policy = Policy::parse(&nested()).unwrap();
    let checkpoint = checkpoint();
    let stranger = SignerKey::from_seed(name("log.example"), [99; 32]).sign(&checkpoint.text());
    let signed = [1, 2, 4].iter().fold(
        SignedCheckpoint::new(checkpoint.clone(), stranger),
        |signed, number| {
            signed.with_line(witness(*number).cosign(&checkpoint, UnixSeconds::new(7)))
        },
    );
    assert!(!policy.satisfied(&signed));
}

/// A log's key signs for the origin that it is named after, and for no other.
#[test]
fn a_log_key_counts_for_its_own_origin_only() {
    let policy = Policy::parse(&nested()).unwrap();
    let other = Checkpoint {
        origin: Origin::parse("other.example").unwrap(),
        ..checkpoint()
    };
    let signed = [1, 2, 4].iter().fold(
        SignedCheckpoint::new(other.clone(), log().sign(&other.text())),
        |signed, number| signed.with_line(witness(*number).cosign(&other, UnixSeconds::new(7))),
    );
    assert!(!policy.satisfied(&signed));
}
