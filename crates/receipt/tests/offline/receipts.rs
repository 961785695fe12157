//! A receipt holds for one report in one log, and for nothing else.

use merkle::{InclusionProof, LeafIndex, TreeSize, sha256};
use note::{Checkpoint, Origin, SignatureLine, SignedCheckpoint, SignedNote, UnixSeconds};
use receipt::leaf::{Channel, Place, Role, Submission};
use receipt::{
    Author, CheckName, CheckResult, CosignerPlace, Fingerprint, Leaf, Reason, ReceiptLevel,
    UnverifiedReceipt, Verdict,
};

use crate::fixture::{
    Log, ORIGIN, SIGNED_AT, bundle, chair, cosigner, election, genesis, log_key, manifest, next,
    node_cosignature, person, receipt, report, sign, signed, submission, with_policies, witness,
};

/// The parts of the minimal receipt, to be put together otherwise.
struct Parts {
    entry: Vec<u8>,
    index: u64,
    proof: InclusionProof,
    checkpoint: Checkpoint,
    lines: Vec<SignatureLine>,
}

fn parts() -> Parts {
    let receipt = receipt();
    Parts {
        entry: receipt.entry().to_vec(),
        index: receipt.index().get(),
        proof: receipt.proof().clone(),
        checkpoint: receipt.checkpoint().checkpoint().clone(),
        lines: receipt.checkpoint().lines().to_vec(),
    }
}

impl Parts {
    fn verdict(self) -> Verdict {
        let mut lines = self.lines.into_iter();
        let first = SignedCheckpoint::new(self.checkpoint, lines.next().unwrap());
        let signed = lines.fold(first, SignedCheckpoint::with_line);
        let index = LeafIndex::new(self.index);
        let receipt = UnverifiedReceipt::build(self.entry, index, self.proof, signed);
        let again = UnverifiedReceipt::parse(&receipt.to_bytes()).unwrap();
        assert_eq!(again, receipt);
        receipt.verify(&election()).verdict
    }

    /// Signs the changed checkpoint anew, as a majority of dishonest nodes could.
    fn resigned(mut self) -> Self {
        self.lines = signed(&self.checkpoint, &["n2", "n3"]).lines().to_vec();
        self
    }
}

fn verdict_with(nodes: &[&str]) -> Verdict {
    let mut parts = parts();
    parts.lines = signed(&parts.checkpoint, nodes).lines().to_vec();
    parts.verdict()
}

#[test]
fn the_minimal_receipt_holds() {
    let verification = receipt().verify(&election());
    for check in &verification.checks {
        assert_eq!(check.result, CheckResult::Passed, "{}", check.sentence);
    }
    assert!(verification.ignored.is_empty());
    let held = verification.receipt().unwrap();
    assert_eq!(held.level(), ReceiptLevel::Receipt);
    assert_eq!(held.index(), LeafIndex::new(1));
    assert_eq!(held.manifest(), 1);
    assert_eq!(held.earliest(), Some(UnixSeconds::new(SIGNED_AT)));
    let places: Vec<_> = held.signers().iter().map(|signer| signer.place).collect();
    assert_eq!(places, [CosignerPlace::Node(2), CosignerPlace::Node(3)]);
    let Author::Known(people) = held.author() else {
        panic!("the chair's key is in the roll")
    };
    assert!(matches!(&people[0].place, Place::Slot { unit, .. } if unit.as_str() == "P-1"));
    assert_eq!(held.leaf(), &Leaf::from(submission("P-1")));
    assert!(
        verification
            .summary()
            .starts_with("RECORDED: the submission of unit P-1")
    );
}

#[test]
fn the_sentences_name_what_was_checked() {
    let verification = receipt().verify(&election());
    let all: Vec<&str> = verification
        .checks
        .iter()
        .map(|check| check.sentence.as_str())
        .collect();
    let all = all.join("\n");
    for part in [
        "leaf 1 of a log that had 13 leaves",
        ORIGIN,
        "2 of 3 nodes (n2, n3)",
        "2 are needed",
        "No outside witness",
        "First church",
        "50 people signed in",
        "the chair of unit P-1",
    ] {
        assert!(all.contains(part), "{part:?} is missing in:\n{all}");
    }
}

/// The whole file, bit by bit. Either it is no receipt any more, or it does not hold.
#[test]
fn no_flipped_bit_of_a_minimal_receipt_passes() {
    let (election, bytes) = (election(), receipt().to_bytes());
    for position in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[position / 8] ^= 1 << (position % 8);
        if let Ok(receipt) = UnverifiedReceipt::parse(&flipped) {
            let verification = receipt.verify(&election);
            assert!(
                verification.receipt().is_none(),
                "bit {position}: {}",
                verification.summary()
            );
        }
    }
}

/// Where more have signed than are needed, a flipped bit may make a surplus line one of an unknown
/// key. Then the receipt holds without it and says so; entry, index, root and signers are never
/// others than before.
#[test]
fn no_flipped_bit_of_a_final_receipt_changes_what_it_proves() {
    let election = election();
    let log = Log::with(report().bytes(), 13);
    let checkpoint = log.checkpoint(ORIGIN);
    let line = witness().cosign(&checkpoint, UnixSeconds::new(SIGNED_AT));
    let signed = signed(&checkpoint, &["n1", "n2", "n3"]).with_line(line);
    let receipt = log.receipt(1, signed);
    let whole = receipt.verify(&election).receipt().unwrap().clone();
    let bytes = receipt.to_bytes();
    let mut weakened = 0;
    for position in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[position / 8] ^= 1 << (position % 8);
        let Ok(receipt) = UnverifiedReceipt::parse(&flipped) else {
            continue;
        };
        let verification = receipt.verify(&election);
        let Some(held) = verification.receipt() else {
            continue;
        };
        weakened += 1;
        assert_eq!(held.entry(), whole.entry(), "bit {position}");
        assert_eq!(held.index(), whole.index(), "bit {position}");
        let (root, before) = (held.checkpoint().checkpoint(), whole.checkpoint());
        assert_eq!(root, before.checkpoint(), "bit {position}");
        let lost = whole.signers().len() - held.signers().len();
        assert_eq!(lost, 1, "bit {position}");
        assert!(
            held.signers()
                .iter()
                .all(|one| whole.signers().contains(one))
        );
        assert_eq!(verification.ignored.len(), 1, "bit {position}");
    }
    assert!(
        weakened > 0,
        "there are surplus lines, so some flips are survived"
    );
}

#[test]
fn one_cosignature_short_is_not_yet_a_receipt() {
    for node in ["n1", "n2", "n3"] {
        let verdict = verdict_with(&[node]);
        assert_eq!(verdict, Verdict::NotYetWitnessed { need: 2, got: 1 });
    }
    assert_eq!(
        verdict_with(&[]),
        Verdict::NotYetWitnessed { need: 2, got: 0 }
    );
}

/// The parser takes one line of a key; were it to take two, the key would still count once.
#[test]
fn one_key_twice_is_one_key() {
    let mut parts = parts();
    let at = |time| cosigner("n2").cosign(&parts.checkpoint, UnixSeconds::new(time));
    let (one, two) = (at(SIGNED_AT), at(SIGNED_AT + 1));
    let log = log_key("n1").sign(&parts.checkpoint.text());
    parts.lines = vec![log.clone(), one.clone(), two.clone()];
    let text = parts.checkpoint.text();
    assert_eq!(
        parts.verdict(),
        Verdict::NotYetWitnessed { need: 2, got: 1 }
    );
    let twice = format!("{text}\n{log}\n{one}\n{two}\n");
    assert!(SignedCheckpoint::parse(twice.as_bytes()).is_err());
}

#[test]
fn a_witness_does_not_stand_for_a_node() {
    let mut parts = parts();
    let outside = witness().cosign(&parts.checkpoint, UnixSeconds::new(SIGNED_AT));
    parts.lines = signed(&parts.checkpoint, &["n2"])
        .with_line(outside)
        .lines()
        .to_vec();
    assert_eq!(
        parts.verdict(),
        Verdict::NotYetWitnessed { need: 2, got: 1 }
    );
}

#[test]
fn final_level_takes_the_strong_quorum_and_an_outside_witness() {
    let with = |nodes: &[&str], outside: bool| {
        let mut parts = parts();
        let mut signed = signed(&parts.checkpoint, nodes);
        if outside {
            signed = signed.with_line(witness().cosign(&parts.checkpoint, UnixSeconds::new(9)));
        }
        parts.lines = signed.lines().to_vec();
        let Verdict::Recorded(receipt) = parts.verdict() else {
            panic!("{nodes:?}")
        };
        receipt.level()
    };
    assert_eq!(with(&["n1", "n2", "n3"], true), ReceiptLevel::Final);
    assert_eq!(with(&["n1", "n2", "n3"], false), ReceiptLevel::Receipt);
    assert_eq!(with(&["n1", "n2"], true), ReceiptLevel::Receipt);
}

#[test]
fn another_origin_is_another_log() {
    let mut parts = parts();
    parts.checkpoint.origin = Origin::parse("tally.example/other").unwrap();
    let parts = parts.resigned();
    assert_eq!(parts.verdict(), Verdict::Invalid(Reason::WrongLog));
}

#[test]
fn another_log_key_cannot_stand_for_the_log() {
    let wrong = |line: SignatureLine| {
        let mut parts = parts();
        parts.lines[0] = line;
        parts.verdict()
    };
    let text = parts().checkpoint.text();
    // A key that nobody named: the bundle may be old, but this is no receipt.
    let unnamed = wrong(log_key("nobody").sign(&text));
    assert_eq!(unnamed, Verdict::NeedsNewerBundle { manifest: 1 });
    // A known key's line with the signature of another key.
    let mut forged = log_key("n2").sign(&text);
    forged.body = log_key("nobody").sign(&text).body;
    assert!(matches!(
        wrong(forged),
        Verdict::Invalid(Reason::BadLine { .. })
    ));
    // No line of the log at all.
    let mut parts = parts();
    parts.lines.remove(0);
    assert_eq!(parts.verdict(), Verdict::Invalid(Reason::NoLogSignature));
}

#[test]
fn another_place_or_another_size_is_not_proven() {
    let change = |change: fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        parts.resigned().verdict()
    };
    let not_included = Verdict::Invalid(Reason::NotIncluded);
    assert_eq!(change(|it| it.index += 1), not_included);
    assert_eq!(change(|it| it.index -= 1), not_included);
    assert_eq!(
        change(|it| it.checkpoint.size = TreeSize::new(17)),
        not_included
    );
    assert_eq!(
        change(|it| it.checkpoint.root = sha256(b"root")),
        not_included
    );
    assert_eq!(change(|it| it.proof.hashes.truncate(3)), not_included);
    assert_eq!(change(|it| it.proof.hashes.rotate_left(1)), not_included);
    assert_eq!(change(|it| it.proof.hashes.reverse()), not_included);
    assert_eq!(
        change(|it| it.proof.hashes.push(sha256(b"more"))),
        not_included
    );
    assert_eq!(
        change(|it| it.index = 13),
        Verdict::Invalid(Reason::OutsideTree)
    );
    assert_eq!(
        change(|it| it.index = u64::from(u32::MAX)),
        Verdict::Invalid(Reason::OutsideTree)
    );
}

/// Size 14 has the same path for leaf 1 as size 13 would need it, but another root.
#[test]
fn a_root_of_another_size_does_not_fit() {
    let (small, large) = (
        Log::with(report().bytes(), 13),
        Log::with(report().bytes(), 14),
    );
    let (one, other) = (small.checkpoint(ORIGIN), large.checkpoint(ORIGIN));
    let swap = |log: &Log, root| {
        let mut checkpoint = log.checkpoint(ORIGIN);
        checkpoint.root = root;
        log.receipt(1, signed(&checkpoint, &["n1", "n2"]))
            .verify(&election())
            .verdict
    };
    assert_eq!(
        swap(&small, other.root),
        Verdict::Invalid(Reason::NotIncluded)
    );
    assert_eq!(
        swap(&large, one.root),
        Verdict::Invalid(Reason::NotIncluded)
    );
    assert!(matches!(swap(&large, other.root), Verdict::Recorded(_)));
}

#[test]
fn a_line_of_a_known_key_that_fails_spoils_the_receipt() {
    for spoiled in [0, 1, 2] {
        let mut parts = parts();
        let other = Checkpoint {
            root: sha256(b"other"),
            ..parts.checkpoint.clone()
        };
        parts.lines[spoiled].body = signed(&other, &["n2", "n3"]).lines()[spoiled].body.clone();
        assert!(
            matches!(parts.verdict(), Verdict::Invalid(Reason::BadLine { .. })),
            "{spoiled}"
        );
    }
    // Even where there are enough without it, and even of a key that would count for nothing.
    for node in ["n1", "n4"] {
        let mut parts = parts();
        let mut line = node_cosignature(&parts.checkpoint, node);
        let last = line.body.len() - 1;
        line.body[last] ^= 1;
        parts.lines.push(line);
        assert!(
            matches!(parts.verdict(), Verdict::Invalid(Reason::BadLine { .. })),
            "{node}"
        );
    }
}

#[test]
fn lines_of_strangers_are_reported_and_change_nothing() {
    let receipt = receipt();
    let checkpoint = receipt.checkpoint().checkpoint();
    let stranger = note::CosignerKey::from_seed(
        note::KeyName::parse("campaign-b.example/witness").unwrap(),
        [3; 32],
    );
    let signed = receipt
        .checkpoint()
        .clone()
        .with_line(stranger.cosign(checkpoint, UnixSeconds::new(SIGNED_AT)))
        .with_line(node_cosignature(checkpoint, "n4"));
    let verification = UnverifiedReceipt::build(
        receipt.entry().to_vec(),
        receipt.index(),
        receipt.proof().clone(),
        signed,
    )
    .verify(&election());
    assert!(verification.receipt().is_some());
    assert_eq!(verification.ignored.len(), 2, "{:?}", verification.ignored);
    assert!(
        verification
            .ignored
            .iter()
            .any(|line| line.contains("campaign-b.example"))
    );
}

/// n4 replaced n2 at leaf 7. With the old bundle its cosignature is a stranger's.
#[test]
fn an_old_bundle_says_that_it_is_old() {
    let mut second = next(&manifest());
    let spare = second.spares.pop().unwrap();
    second.nodes[1] = spare;
    second.nodes.sort_by_key(|node| node.ordinal);
    let second = with_policies(second);
    let newer = receipt::Election::open(
        &bundle(&[(&manifest(), None), (&second, Some(7))]),
        Fingerprint::of(genesis()),
    )
    .unwrap();
    let log = Log::with(report().bytes(), 13);
    let receipt = log.receipt(1, signed(&log.checkpoint(ORIGIN), &["n1", "n4"]));
    let verdict = receipt.verify(&election()).verdict;
    assert_eq!(verdict, Verdict::NeedsNewerBundle { manifest: 1 });
    let verification = receipt.verify(&newer);
    assert_eq!(
        verification.receipt().map(receipt::Receipt::manifest),
        Some(2)
    );
    // And the node that was replaced counts no longer, though it once did.
    let receipt = log.receipt(1, signed(&log.checkpoint(ORIGIN), &["n1", "n2"]));
    assert!(receipt.verify(&election()).receipt().is_some());
    assert!(receipt.verify(&newer).receipt().is_none());
}

/// The verdict on leaf 1 of a log with two nodes' cosignatures.
fn verdict_of(entry: &[u8]) -> receipt::Verification {
    let log = Log::with(entry, 5);
    log.receipt(1, signed(&log.checkpoint(ORIGIN), &["n1", "n2"]))
        .verify(&election())
}

fn verdict_of_text(leaf: Submission, signers: &[note::SignerKey]) -> receipt::Verification {
    verdict_of(sign(&Leaf::from(leaf).text(), signers).bytes())
}

#[test]
fn a_report_of_another_election_is_none_of_ours() {
    let mut other = submission("P-1");
    other.header.genesis = Some(sha256(b"rehearsal"));
    let verification = verdict_of_text(other, &[chair("P-1", "a")]);
    assert_eq!(
        verification.verdict,
        Verdict::Invalid(Reason::WrongElection)
    );
    let mut other = submission("P-1");
    other.header.election = caucus::ElectionId::parse("another").unwrap();
    let verification = verdict_of_text(other, &[chair("P-1", "a")]);
    assert_eq!(
        verification.verdict,
        Verdict::Invalid(Reason::WrongElection)
    );
    let verification = verdict_of(b"not a leaf");
    assert!(matches!(
        verification.verdict,
        Verdict::Invalid(Reason::MalformedEntry(_))
    ));
}

#[test]
fn a_report_is_signed_by_its_own_chair() {
    let wrong = |verification: receipt::Verification| {
        assert!(
            matches!(
                verification.verdict,
                Verdict::Invalid(Reason::WrongSigner { .. })
            ),
            "{}",
            verification.summary()
        );
    };
    wrong(verdict_of_text(submission("P-1"), &[chair("P-2", "a")]));
    wrong(verdict_of_text(submission("P-1"), &[chair("P-1", "s")]));
    wrong(verdict_of_text(
        submission("P-1"),
        &[person(Role::Operator, 1)],
    ));
    let two = [chair("P-1", "a"), chair("P-1", "b")];
    let verification = verdict_of_text(submission("P-1"), &two);
    assert_eq!(
        verification.verdict,
        Verdict::Invalid(Reason::WrongCount { got: 2 })
    );
    let by_paper = Submission {
        channel: Some(Channel::Paper),
        ..submission("P-1")
    };
    let operators = [person(Role::Operator, 1), person(Role::Operator, 2)];
    assert!(
        verdict_of_text(by_paper.clone(), &operators)
            .receipt()
            .is_some()
    );
    let one = [person(Role::Operator, 1)];
    assert!(verdict_of_text(by_paper, &one).receipt().is_none());
    assert!(
        verdict_of_text(submission("P-1"), &[chair("P-1", "b")])
            .receipt()
            .is_some()
    );
}

#[test]
fn a_forged_signature_of_a_known_key_is_found_even_if_the_nodes_let_it_pass() {
    let text = Leaf::from(submission("P-1")).text();
    let line = chair("P-1", "a").sign(&Leaf::from(submission("P-2")).text());
    let forged = SignedNote::assemble(&text, vec![line]).unwrap();
    let verification = verdict_of(forged.bytes());
    assert!(matches!(
        verification.verdict,
        Verdict::Invalid(Reason::BadSignature { .. })
    ));
}

#[test]
fn a_key_enrolled_on_the_night_is_said_to_be_unknown_not_guessed() {
    let name = chair("P-1", "a").verifier().name().clone();
    let enrolled = note::SignerKey::from_seed(name.clone(), [5; 32]);
    let verification = verdict_of_text(submission("P-1"), &[enrolled]);
    let author = verification
        .checks
        .iter()
        .find(|check| check.name == CheckName::Author)
        .unwrap();
    assert_eq!(author.result, CheckResult::NotChecked);
    assert!(
        author.sentence.contains("enrolled later"),
        "{}",
        author.sentence
    );
    let receipt = verification.receipt().expect("the log has it all the same");
    assert_eq!(receipt.author(), &Author::NotKnown { name: Some(name) });
    assert!(
        verification.summary().contains("cannot tell"),
        "{}",
        verification.summary()
    );
}

#[test]
fn every_type_of_leaf_can_have_a_receipt() {
    for leaf in crate::samples::every_leaf() {
        let text = leaf.text();
        if leaf.kind() == receipt::LeafKind::Totals {
            assert!(verdict_of(text.as_bytes()).receipt().is_some());
            continue;
        }
        let verification = verdict_of(sign(&text, &signers_of(leaf)).bytes());
        assert!(
            verification.receipt().is_some(),
            "{}: {}",
            leaf.kind(),
            verification.summary()
        );
    }
}

/// Those who may sign a leaf, as many as it takes.
fn signers_of(leaf: &Leaf) -> Vec<note::SignerKey> {
    use receipt::leaf::Signers;
    let unit = leaf.unit().map_or("P-1", |unit| unit.as_str());
    match leaf.signers() {
        Signers::Authority => [1, 2].map(|number| person(Role::Authority, number)).into(),
        Signers::Chair => vec![chair(unit, "a")],
        Signers::OperatorOrSecretary => vec![chair(unit, "s")],
        Signers::Of { role, count } => (1..=u8::try_from(count).unwrap())
            .map(|number| person(role, number))
            .collect(),
        Signers::Nobody => Vec::new(),
    }
}
