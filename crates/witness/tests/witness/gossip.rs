//! What a node remembers of signed heads, and the evidence it makes of them.

use merkle::{Hash, TreeSize, sha256};
use note::{
    Checkpoint, CosignerKey, KeyName, Origin, SignedCheckpoint, SignerKey, UnixSeconds, VerifierKey,
};
use witness::gossip::{
    Comparison, Contradiction, EvidenceError, Gossip, HEADS_A_SIGNER, Heads, NodeKeys, Stand,
};

use std::time::Duration;

const ORIGIN: &str = "tally.example/split";

fn origin() -> Origin {
    Origin::parse(ORIGIN).unwrap()
}

fn cosigner(node: u8) -> CosignerKey {
    let name = KeyName::parse(&format!("{ORIGIN}/n{node}")).unwrap();
    CosignerKey::from_seed(name, [node; 32])
}

fn log(node: u8) -> SignerKey {
    SignerKey::from_seed(origin().key_name().clone(), [100 + node; 32])
}

fn nodes() -> Vec<NodeKeys> {
    (1..=3)
        .map(|node| NodeKeys {
            ordinal: node.into(),
            log: log(node).verifier().clone(),
            cosigner: cosigner(node).verifier().clone(),
        })
        .collect()
}

fn keys() -> Vec<VerifierKey> {
    let nodes = nodes().into_iter();
    nodes.flat_map(|node| [node.log, node.cosigner]).collect()
}

fn root(name: &str) -> Hash {
    sha256(name.as_bytes())
}

/// A head cosigned by these nodes.
fn head(size: u64, name: &str, signers: &[u8]) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: origin(),
        size: TreeSize::new(size),
        root: root(name),
    };
    let mut lines = signers
        .iter()
        .map(|node| cosigner(*node).cosign(&checkpoint, UnixSeconds::new(9)));
    let first = lines.next().unwrap();
    lines.fold(
        SignedCheckpoint::new(checkpoint.clone(), first),
        SignedCheckpoint::with_line,
    )
}

fn named(found: &Contradiction) -> Vec<String> {
    let names = found.double_signers().iter();
    names.map(|key| key.name().to_string()).collect()
}

#[test]
fn two_heads_above_the_own_tree_name_who_signed_both() {
    let mut heads = Heads::new(origin());
    let first = heads.hear(&keys(), None, &head(9, "x", &[1, 2])).unwrap();
    assert_eq!((first.own, first.contradiction), (None, None));
    let second = heads.hear(&keys(), None, &head(9, "y", &[3, 1])).unwrap();
    let found = second.contradiction.unwrap();
    assert_eq!(named(&found), [format!("{ORIGIN}/n1")]);
    assert!(heads.equivocators().contains(cosigner(1).verifier()));
    assert_eq!(heads.equivocators().len(), 1);
}

/// A head of one signer alone is heard first, the published one later: the one that names more is
/// told.
#[test]
fn the_heaviest_contradiction_is_told() {
    let mut heads = Heads::new(origin());
    for known in [head(9, "y", &[3]), head(9, "y", &[1, 3])] {
        heads.hear(&keys(), None, &known).unwrap();
    }
    let own = head(9, "y", &[3]);
    let heard = heads.hear(&keys(), Some(&own), &head(9, "x", &[1, 2]));
    let heard = heard.unwrap();
    assert_eq!(heard.own, Some(Comparison::Differs));
    assert_eq!(
        named(&heard.contradiction.unwrap()),
        [format!("{ORIGIN}/n1")]
    );
}

#[test]
fn a_log_key_that_signed_two_roots_is_named_too() {
    let signed = |name| {
        let head = head(9, name, &[2]);
        let line = log(1).sign(&head.checkpoint().text());
        head.with_line(line)
    };
    let found = Contradiction::between(&keys(), &signed("x"), &signed("y")).unwrap();
    assert!(found.double_signers().contains(log(1).verifier()));
    assert_eq!(found.double_signers().len(), 2);
}

#[test]
fn nobody_is_accused_by_a_line_that_does_not_verify() {
    let (mine, theirs) = (head(9, "x", &[1, 2]), head(9, "y", &[3]));
    // n1's line of one tree under the other one's text.
    let borrowed = mine.line_of(cosigner(1).verifier()).unwrap().clone();
    let forged = theirs.with_line(borrowed);
    let found = Contradiction::between(&keys(), &mine, &forged).unwrap();
    assert_eq!(named(&found), [""; 0]);
    assert_eq!(found.notes().1.lines().len(), 1);

    let mut heads = Heads::new(origin());
    let stranger = head(9, "x", &[7]);
    assert_eq!(heads.hear(&keys(), None, &stranger), None);
    let mut elsewhere = Heads::new(Origin::parse("tally.example/other").unwrap());
    assert_eq!(elsewhere.hear(&keys(), None, &mine), None);
}

#[test]
fn equal_heads_and_heads_of_two_sizes_do_not_contradict_each_other() {
    for other in [head(9, "x", &[1, 3]), head(10, "y", &[1, 3])] {
        let one = head(9, "x", &[1, 2]);
        assert_eq!(Contradiction::between(&keys(), &one, &other), None);
    }
}

#[test]
fn a_head_is_compared_once_the_own_tree_reaches_it() {
    let mut gossip = Gossip::new(3, origin());
    let (nodes, now) = (nodes(), Duration::from_secs(7));
    let far = head(9, "x", &[1, 2]);
    gossip.hear(&nodes, None, &far, now).unwrap();
    assert_eq!(gossip.due(TreeSize::new(8)), []);
    let due = gossip.due(TreeSize::new(9));
    assert_eq!(due, [far]);
    assert_eq!(gossip.stand(3, now), Stand::Sound);
    let own = head(9, "y", &[3]);
    let heard = gossip.hear(&nodes, Some(&own), &due[0], now).unwrap();
    assert_eq!(heard.own, Some(Comparison::Differs));
    assert_eq!(gossip.due(TreeSize::new(99)), []);
    // Two nodes signed another root than this one holds.
    assert_eq!(gossip.stand(3, now), Stand::Outvoted);
}

#[test]
fn a_flood_drives_out_its_own_signers_heads_only() {
    let mut heads = Heads::new(origin());
    heads.hear(&keys(), None, &head(5, "x", &[2])).unwrap();
    let limit = u64::try_from(HEADS_A_SIGNER).unwrap();
    for size in 5..=5 + limit {
        heads.hear(&keys(), None, &head(size, "f", &[1])).unwrap();
    }
    let due = heads.due(TreeSize::new(5));
    assert_eq!(due, [head(5, "x", &[2])]);
    assert_eq!(heads.due(TreeSize::new(u64::MAX)).len(), HEADS_A_SIGNER + 1);
}

#[test]
fn evidence_reads_back_with_the_public_keys_and_no_changed_byte_does() {
    let (one, other) = (head(9, "x", &[1, 2]), head(9, "y", &[1, 3]));
    let found = Contradiction::between(&keys(), &one, &other).unwrap();
    let text = found.to_text();
    assert!(text.contains(&format!("both {}\n", cosigner(1).verifier())));
    assert_eq!(Contradiction::parse(&text, &keys()), Ok(found));
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(changed) = String::from_utf8(bytes) {
            assert!(Contradiction::parse(&changed, &keys()).is_err(), "{at}");
        }
        if let Some((torn, _)) = text.split_at_checked(at) {
            assert!(Contradiction::parse(torn, &keys()).is_err());
        }
    }
    let others: Vec<_> = keys().into_iter().skip(2).collect();
    assert_eq!(
        Contradiction::parse(&text, &others),
        Err(EvidenceError::NotProven)
    );
    assert_eq!(
        Contradiction::parse("tally-split-view/v2\n", &keys()),
        Err(EvidenceError::Version)
    );
}
