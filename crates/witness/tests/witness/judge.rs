//! What an outside witness refuses, one reason after the other, and that it signs the rest.

use merkle::{
    ConsistencyProof, Frontier, Hash, LeafHash, Nodes, TreeSize, leaf_hash, prove_consistency,
};
use note::{
    Checkpoint, CosignerKey, KeyName, Origin, SignedCheckpoint, SignerKey, UnixSeconds, VerifierKey,
};
use proptest::prelude::*;
use witness::{
    AddCheckpoint, Considered, Decline, LastSeen, MAX_REQUEST_BYTES, NoWitness, RequestError,
    Witness,
};

const ORIGIN: &str = "log.example/2028";
const NOW: UnixSeconds = UnixSeconds::new(1_706_576_460);

fn log_key(node: &str) -> SignerKey {
    SignerKey::from_seed(KeyName::parse(ORIGIN).unwrap(), seed(node))
}

fn cosigner(node: &str) -> CosignerKey {
    CosignerKey::from_seed(
        KeyName::parse(&format!("{ORIGIN}/{node}")).unwrap(),
        seed(node),
    )
}

fn seed(name: &str) -> [u8; 32] {
    *merkle::sha256(name.as_bytes()).as_bytes()
}

fn origin() -> Origin {
    Origin::parse(ORIGIN).unwrap()
}

/// Knows three log keys, and wants two of three nodes.
fn witness() -> Witness {
    let nodes = ["n1", "n2", "n3"];
    let log_keys = nodes.map(|node| log_key(node).verifier().clone()).to_vec();
    let cosigners = nodes.map(|node| cosigner(node).verifier().clone()).to_vec();
    Witness::new(origin(), log_keys, cosigners, 2).unwrap()
}

/// A tree of so many leaves, of which those from `fork` on are another history's.
struct Tree(Vec<LeafHash>);

impl Tree {
    fn new(size: u64, fork: u64) -> Self {
        let leaf = |index| leaf_hash(format!("{} {index}", index >= fork).as_bytes());
        Self((0..size).map(leaf).collect())
    }

    fn frontier(leaves: &[LeafHash]) -> Frontier {
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.push(*leaf);
        }
        frontier
    }

    fn root(&self) -> Hash {
        Self::frontier(&self.0).root()
    }

    fn seen(&self, size: u64) -> LastSeen {
        let root = Self::frontier(&self.0[..usize::try_from(size).unwrap()]).root();
        LastSeen {
            size: TreeSize::new(size),
            root,
        }
    }

    /// A request from an old size, signed by n1's log key and cosigned by these nodes.
    fn request(&self, old: u64, nodes: &[&str]) -> AddCheckpoint {
        let size = TreeSize::new(u64::try_from(self.0.len()).unwrap());
        let checkpoint = Checkpoint {
            origin: origin(),
            size,
            root: self.root(),
        };
        let from = TreeSize::new(old);
        let proof = prove_consistency(self, from, size)
            .unwrap_or_else(|_| ConsistencyProof { hashes: vec![] });
        AddCheckpoint {
            old: from,
            proof,
            checkpoint: signed(&checkpoint, nodes),
        }
    }
}

impl Nodes for Tree {
    type Error = ();

    fn node(&self, level: u8, index: u64) -> Result<Hash, ()> {
        let leaves = usize::try_from(index << level).unwrap();
        let leaves = self.0.get(leaves..leaves + (1 << level)).ok_or(())?;
        Ok(Self::frontier(leaves).root())
    }
}

fn signed(checkpoint: &Checkpoint, nodes: &[&str]) -> SignedCheckpoint {
    let mut signed =
        SignedCheckpoint::new(checkpoint.clone(), log_key("n1").sign(&checkpoint.text()));
    for node in nodes {
        signed = signed.with_line(cosigner(node).cosign(checkpoint, NOW));
    }
    signed
}

fn declined(last: Option<&LastSeen>, request: &AddCheckpoint) -> Decline {
    match witness().consider(last, request, NOW) {
        Considered::Decline(decline) => decline,
        signed @ Considered::Cosign { .. } => panic!("{signed:?}"),
    }
}

#[test]
fn a_tree_that_grows_is_cosigned() {
    let tree = Tree::new(9, 9);
    let checkpoint = tree
        .request(0, &["n1", "n2"])
        .checkpoint
        .checkpoint()
        .clone();
    let cosign = Considered::Cosign {
        checkpoint,
        time: NOW,
        seen: tree.seen(9),
    };
    for nodes in [["n1", "n2"].as_slice(), &["n3", "n2"], &["n1", "n2", "n3"]] {
        let first = tree.request(0, nodes);
        assert_eq!(witness().consider(None, &first, NOW), cosign);
        for old in 1..=9 {
            let next = tree.request(old, nodes);
            assert_eq!(
                witness().consider(Some(&tree.seen(old)), &next, NOW),
                cosign,
                "{old}"
            );
        }
    }
}

#[test]
fn too_few_or_unknown_signers_are_refused() {
    let tree = Tree::new(9, 9);
    let below = |have| Decline::BelowQuorum { have, need: 2 };
    assert_eq!(declined(None, &tree.request(0, &[])), below(0));
    assert_eq!(declined(None, &tree.request(0, &["n1"])), below(1));
    // One key twice is one; nodes that are not of this log are none.
    assert_eq!(declined(None, &tree.request(0, &["n1", "n1"])), below(1));
    assert_eq!(declined(None, &tree.request(0, &["n1", "n4"])), below(1));

    let mut request = tree.request(0, &["n1", "n2"]);
    let checkpoint = request.checkpoint.checkpoint().clone();
    let stranger = log_key("n4").sign(&checkpoint.text());
    request.checkpoint = SignedCheckpoint::new(checkpoint.clone(), stranger)
        .with_line(cosigner("n1").cosign(&checkpoint, NOW))
        .with_line(cosigner("n2").cosign(&checkpoint, NOW));
    assert_eq!(declined(None, &request), Decline::NoLogSignature);
}

#[test]
fn a_bad_line_of_a_known_key_spoils_enough_good_ones() {
    let tree = Tree::new(9, 9);
    let mut request = tree.request(0, &["n1", "n2"]);
    let mut line = cosigner("n3").cosign(request.checkpoint.checkpoint(), NOW);
    line.body[20] ^= 1;
    request.checkpoint = request.checkpoint.with_line(line);
    assert_eq!(declined(None, &request), Decline::BadSignature);

    let mut request = tree.request(0, &["n1", "n2"]);
    let mut line = log_key("n2").sign(&request.checkpoint.checkpoint().text());
    line.body[0] ^= 1;
    request.checkpoint = request.checkpoint.with_line(line);
    assert_eq!(declined(None, &request), Decline::BadSignature);
}

#[test]
fn another_log_is_unknown() {
    let mut request = Tree::new(9, 9).request(0, &[]);
    let mut checkpoint = request.checkpoint.checkpoint().clone();
    checkpoint.origin = Origin::parse("log.example/2024").unwrap();
    request.checkpoint = signed(&checkpoint, &["n1", "n2"]);
    assert_eq!(declined(None, &request), Decline::UnknownOrigin);
    assert_eq!(Decline::UnknownOrigin.status(), 404);
}

#[test]
fn an_old_size_that_is_not_the_last_seen_is_told_the_last_seen() {
    let tree = Tree::new(9, 9);
    let nodes = ["n1", "n2"].as_slice();
    let seen = TreeSize::new(5);
    let conflict = Decline::Conflict { seen };
    for old in [0, 1, 4, 6, 9] {
        assert_eq!(
            declined(Some(&tree.seen(5)), &tree.request(old, nodes)),
            conflict,
            "{old}"
        );
    }
    let first = Decline::Conflict {
        seen: TreeSize::ZERO,
    };
    assert_eq!(declined(None, &tree.request(5, nodes)), first);
    assert_eq!(conflict.status(), 409);
    assert_eq!(declined(None, &tree.request(10, nodes)), Decline::Shrinks);
    assert_eq!(Decline::Shrinks.status(), 400);
}

#[test]
fn a_second_history_is_refused_wherever_it_forks() {
    let honest = Tree::new(9, 9);
    let nodes = ["n1", "n2"].as_slice();
    for fork in 0..9 {
        let forged = Tree::new(9, fork);
        assert_eq!(
            declined(Some(&honest.seen(9)), &forged.request(9, nodes)),
            Decline::OtherRoot
        );
        for old in 1..9 {
            let request = forged.request(old, nodes);
            let considered = witness().consider(Some(&honest.seen(old)), &request, NOW);
            let refused = considered == Considered::Decline(Decline::Inconsistent);
            assert_eq!(refused, fork < old, "fork at {fork}, seen {old}");
        }
    }
    assert_eq!(
        (Decline::OtherRoot.status(), Decline::Inconsistent.status()),
        (422, 422)
    );
}

#[test]
fn a_proof_where_there_is_nothing_to_prove_is_refused() {
    let tree = Tree::new(9, 9);
    let nodes = ["n1", "n2"].as_slice();
    let mut first = tree.request(0, nodes);
    first.proof.hashes.push(tree.root());
    assert_eq!(declined(None, &first), Decline::Inconsistent);
    let mut same = tree.request(9, nodes);
    same.proof.hashes.push(tree.root());
    assert_eq!(declined(Some(&tree.seen(9)), &same), Decline::Inconsistent);
    // The empty tree has one root only.
    let mut empty = Tree::new(0, 0).request(0, nodes);
    let considered = witness().consider(None, &empty, NOW);
    assert!(
        matches!(considered, Considered::Cosign { .. }),
        "{considered:?}"
    );
    let mut checkpoint = empty.checkpoint.checkpoint().clone();
    checkpoint.root = tree.root();
    empty.checkpoint = signed(&checkpoint, nodes);
    assert_eq!(declined(None, &empty), Decline::OtherRoot);
}

#[test]
fn keys_that_make_no_witness_are_refused() {
    let key = |node| log_key(node).verifier().clone();
    let node = |name| cosigner(name).verifier().clone();
    let new = |log_keys: Vec<VerifierKey>, cosigners: Vec<VerifierKey>, quorum| {
        Witness::new(origin(), log_keys, cosigners, quorum).map(|_| ())
    };
    assert_eq!(new(vec![key("n1")], vec![node("n1")], 1), Ok(()));
    assert_eq!(new(vec![], vec![node("n1")], 1), Err(NoWitness::LogKeys));
    assert_eq!(
        new(vec![node("n1")], vec![node("n1")], 1),
        Err(NoWitness::LogKeys)
    );
    let other = SignerKey::from_seed(KeyName::parse("other").unwrap(), seed("n1"));
    assert_eq!(
        new(vec![other.verifier().clone()], vec![], 0),
        Err(NoWitness::LogKeys)
    );
    assert_eq!(
        new(vec![key("n1")], vec![key("n1")], 1),
        Err(NoWitness::Cosigners)
    );
    assert_eq!(
        new(vec![key("n1")], vec![node("n1"), node("n1")], 2),
        Err(NoWitness::Cosigners)
    );
    let alias = CosignerKey::from_seed(KeyName::parse("another-name").unwrap(), seed("n1"));
    assert_eq!(
        new(
            vec![key("n1")],
            vec![node("n1"), alias.verifier().clone()],
            2
        ),
        Err(NoWitness::Cosigners),
        "one key under two names is one node"
    );
}

#[test]
fn bodies_that_are_no_request_are_refused() {
    let request = Tree::new(9, 9).request(5, &["n1", "n2"]);
    let body = String::from_utf8(request.to_bytes()).unwrap();
    assert_eq!(AddCheckpoint::parse(body.as_bytes()), Ok(request));
    for (changed, error) in [
        (String::new(), RequestError::Header),
        (body.replacen("old 5", "old 05", 1), RequestError::Header),
        (body.replacen("old 5", "old -5", 1), RequestError::Header),
        (body.replacen("old 5", "Old 5", 1), RequestError::Header),
        (
            body.replacen("old 5", "old 9007199254740993", 1),
            RequestError::Header,
        ),
        (body.replacen("old 5\n", "", 1), RequestError::Header),
        (body.replacen("old 5\n", "old 5\n ", 1), RequestError::Proof),
        (
            body.replacen("old 5\n", "old 5\nAAAA\n", 1),
            RequestError::Proof,
        ),
        (
            body.replacen("old 5\n", "old 5\r\n", 1),
            RequestError::Header,
        ),
    ] {
        assert_eq!(
            AddCheckpoint::parse(changed.as_bytes()),
            Err(error),
            "{changed:?}"
        );
    }
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    let many = |count| body.replacen("old 5\n", &format!("old 5\n{}", hash.repeat(count)), 1);
    let in_proof = body.split("\n\n").next().unwrap().lines().count() - 1;
    assert!(AddCheckpoint::parse(many(63 - in_proof).as_bytes()).is_ok());
    let refused = AddCheckpoint::parse(many(64 - in_proof).as_bytes());
    assert_eq!(refused, Err(RequestError::Proof));
    let bytes = MAX_REQUEST_BYTES + 1;
    let large = "x".repeat(bytes);
    assert_eq!(
        AddCheckpoint::parse(large.as_bytes()),
        Err(RequestError::TooLarge { bytes })
    );
    let broken = AddCheckpoint::parse(format!("{body}x").as_bytes());
    assert!(
        matches!(broken, Err(RequestError::Checkpoint(_))),
        "{broken:?}"
    );
}

proptest! {
    /// Whatever is read gives back exactly the bytes it was read from.
    #[test]
    fn a_request_has_one_text(old in 0..9_u64, cut in any::<prop::sample::Index>(), byte: u8) {
        let mut body = Tree::new(9, 9).request(old, &["n1"]).to_bytes();
        let at = cut.index(body.len());
        body[at] = byte;
        if let Ok(read) = AddCheckpoint::parse(&body) {
            prop_assert_eq!(read.to_bytes(), body);
        }
    }
}
