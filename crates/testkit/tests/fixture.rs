//! A fixture's election is one that a verifier opens, and what its people sign is accepted.

use caucus::Slot;
use merkle::{InclusionProof, LeafIndex, TreeSize, node_hash};
use receipt::leaf::Role;
use receipt::{Election, Leaf, UnverifiedReceipt, Verdict};
use testkit::{Fixture, Night, Person};

#[test]
fn its_bundle_opens_under_its_own_fingerprint_and_no_other() {
    let fixture = Fixture::small();
    let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
    assert_eq!(election.first().roster(), &fixture.night.roster);
    assert_eq!(election.first().rules(), &fixture.night.rules);
    let other = Fixture::new(Night::small(20), 3, 1);
    assert!(Election::open(&fixture.bundle(), other.fingerprint()).is_err());
}

#[test]
fn every_report_is_signed_by_the_chair_on_the_roll() {
    let fixture = Fixture::small();
    let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
    for report in &fixture.night.reports {
        let note = fixture.submission(report);
        let Leaf::Submission(submission) = Leaf::parse(&note).unwrap() else {
            panic!("a submission was signed");
        };
        assert_eq!(submission.figures.worksheet, report.worksheet);
        let chair = election.first().chair_key(&report.unit, Slot::A).unwrap();
        let [line] = note.signatures() else {
            panic!("one signature was made");
        };
        assert!(chair.verifies(note.text(), line));
    }
}

#[test]
fn a_receipt_over_two_leaves_verifies_with_a_majority_and_not_without() {
    let fixture = Fixture::small();
    let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
    let report = fixture.night.reports.first().unwrap();
    let note = fixture.submission(report);
    let first = *fixture.manifest.leaf_hash().as_hash();
    let root = node_hash(&first, note.leaf_hash().as_hash());
    let size = TreeSize::new(2);
    let verdict = |nodes: &[u64]| {
        let receipt = UnverifiedReceipt::build(
            note.bytes().to_vec(),
            LeafIndex::new(1),
            InclusionProof {
                hashes: vec![first],
            },
            fixture.checkpoint(size, root, nodes),
        );
        receipt.verify(&election).verdict
    };
    assert!(matches!(verdict(&[1, 3]), Verdict::Recorded(_)));
    assert!(matches!(verdict(&[2]), Verdict::NotYetWitnessed { .. }));
}

#[test]
fn people_and_strangers_have_different_keys() {
    let fixture = Fixture::small();
    let key = |person: &Person| fixture.key(person).verifier().clone();
    let operator = key(&Person::Of(Role::Operator, 1));
    assert!(
        fixture
            .content
            .keys_of(Role::Operator)
            .any(|known| *known == operator)
    );
    let stranger = key(&Person::Of(Role::Operator, 9));
    assert!(
        fixture
            .content
            .keys_of(Role::Operator)
            .all(|known| *known != stranger)
    );
}
