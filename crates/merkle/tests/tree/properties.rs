//! Trees of every small size and of some large ones: proofs are what RFC 9162 says, verify, and no
//! longer do when anything in them is changed.

use merkle::{
    ConsistencyProof, Frontier, Hash, InclusionProof, LeafIndex, ProofError, ProveError, TreeSize,
    leaf_hash, prove_consistency, prove_inclusion, root_at,
};
use proptest::prelude::*;

use crate::reference::{Tree, leaves, reference_consistency, reference_inclusion, reference_root};

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(u64::try_from(leaves).unwrap_or(u64::MAX))
}

fn index(leaf: usize) -> LeafIndex {
    LeafIndex::new(u64::try_from(leaf).unwrap_or(u64::MAX))
}

#[test]
fn every_root_of_every_past_size_is_the_references() {
    let leaves = leaves(130);
    let tree = Tree::of(&leaves);
    let mut frontier = Frontier::new();
    for count in 0..=leaves.len() {
        let root = reference_root(&leaves[..count]);
        assert_eq!(frontier.root(), root);
        assert_eq!(root_at(&tree, size(count)), Ok(root));
        if let Some(leaf) = leaves.get(count) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(frontier, tree.frontier);
}

#[test]
fn every_inclusion_proof_is_the_references_and_verifies_at_its_place_only() {
    let leaves = leaves(70);
    let tree = Tree::of(&leaves);
    for count in 1..=leaves.len() {
        let root = reference_root(&leaves[..count]);
        for leaf in 0..count {
            let proof = prove_inclusion(&tree, index(leaf), size(count)).unwrap();
            assert_eq!(proof.hashes, reference_inclusion(leaf, &leaves[..count]));
            for place in 0..=count {
                let verified = proof.verify(index(place), size(count), leaves[leaf], &root);
                assert_eq!(
                    verified.is_ok(),
                    place == leaf,
                    "{leaf} of {count} at {place}"
                );
            }
        }
    }
}

#[test]
fn every_consistency_proof_is_the_references_and_verifies_from_its_size_only() {
    let leaves = leaves(70);
    let tree = Tree::of(&leaves);
    let roots: Vec<_> = (0..=leaves.len())
        .map(|count| reference_root(&leaves[..count]))
        .collect();
    for to in 1..=leaves.len() {
        for from in 1..=to {
            let proof = prove_consistency(&tree, size(from), size(to)).unwrap();
            assert_eq!(proof.hashes, reference_consistency(from, &leaves[..to]));
            for stated in 0..=to + 1 {
                let verified = proof.verify(size(stated), size(to), &roots[from], &roots[to]);
                assert_eq!(
                    verified.is_ok(),
                    stated == from,
                    "{from} to {to} as {stated}"
                );
            }
        }
    }
}

#[test]
fn a_frontier_read_back_goes_on_as_the_one_written() {
    let leaves = leaves(100);
    for stop in 0..leaves.len() {
        let mut frontier = Tree::of(&leaves[..stop]).frontier;
        frontier = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
        for leaf in &leaves[stop..] {
            frontier.push(*leaf);
        }
        assert_eq!(frontier.root(), reference_root(&leaves));
    }
}

#[test]
fn what_cannot_be_proven_is_refused_by_name() {
    let tree = Tree::of(&leaves(5));
    let (three, five) = (TreeSize::new(3), TreeSize::new(5));
    let index = LeafIndex::new(3);
    assert_eq!(
        prove_inclusion(&tree, index, three),
        Err(ProveError::NotInTree { index, size: three })
    );
    for (from, to) in [
        (TreeSize::ZERO, five),
        (five, three),
        (TreeSize::ZERO, TreeSize::ZERO),
    ] {
        assert_eq!(
            prove_consistency(&tree, from, to),
            Err(ProveError::NotAnExtension { from, to })
        );
    }
    // A tree that was never stored: the first node missing is what the storage names.
    assert_eq!(root_at(&tree, TreeSize::new(8)), Err((3, 0)));
    assert_eq!(
        prove_inclusion(&tree, LeafIndex::new(0), TreeSize::new(8)),
        Err(ProveError::Nodes((2, 1)))
    );
}

#[test]
fn no_size_or_index_makes_a_verifier_fall_over() {
    let proof = InclusionProof {
        hashes: vec![Hash::from_bytes([7; 32]); 64],
    };
    let growth = ConsistencyProof {
        hashes: proof.hashes.clone(),
    };
    let leaf = leaf_hash(b"");
    let root = *leaf.as_hash();
    let edges = [
        0,
        1,
        2,
        1 << 53,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    for a in edges {
        for b in edges {
            assert!(
                proof
                    .verify(LeafIndex::new(a), TreeSize::new(b), leaf, &root)
                    .is_err()
            );
            assert!(
                growth
                    .verify(TreeSize::new(a), TreeSize::new(b), &root, &root)
                    .is_err()
            );
        }
    }
}

/// One way to change a list of hashes.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    FlipBit,
    Drop,
    Repeat,
    Append,
    Swap,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![
        Just(Tampering::FlipBit),
        Just(Tampering::Drop),
        Just(Tampering::Repeat),
        Just(Tampering::Append),
        Just(Tampering::Swap),
    ]
}

/// The hashes changed; as they were, where this way of changing them has nothing to change.
fn tampered(hashes: &[Hash], way: Tampering, at: usize, bit: usize) -> Vec<Hash> {
    let mut hashes = hashes.to_vec();
    let len = hashes.len();
    match way {
        Tampering::FlipBit if len > 0 => hashes[at % len] = flipped(&hashes[at % len], bit),
        Tampering::Drop if len > 0 => drop(hashes.remove(at % len)),
        Tampering::Repeat if len > 0 => hashes.insert(at % len, hashes[at % len]),
        Tampering::Append => hashes.push(Hash::from_bytes([0; 32])),
        Tampering::Swap if len > 1 => hashes.swap(at % len, (at + 1) % len),
        Tampering::FlipBit | Tampering::Drop | Tampering::Repeat | Tampering::Swap => {}
    }
    hashes
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_tampered_inclusion_proof_is_refused(
        count in 1_usize..3_000, leaf in any::<prop::sample::Index>(),
        way in tampering(), at in 0_usize..64, bit in 0_usize..256,
    ) {
        let leaves = leaves(size(count).get());
        let (leaf, tree) = (leaf.index(count), Tree::of(&leaves));
        let root = tree.frontier.root();
        let proof = prove_inclusion(&tree, index(leaf), size(count)).unwrap();
        let verify = |proof: &InclusionProof, leaf_hash, root: &Hash| {
            proof.verify(index(leaf), size(count), leaf_hash, root)
        };
        prop_assert_eq!(verify(&proof, leaves[leaf], &root), Ok(()));
        let hashes = tampered(&proof.hashes, way, at, bit);
        if hashes != proof.hashes {
            let proof = InclusionProof { hashes };
            prop_assert!(verify(&proof, leaves[leaf], &root).is_err());
        }
        let other_root = flipped(&root, bit);
        prop_assert_eq!(verify(&proof, leaves[leaf], &other_root), Err(ProofError::WrongRoot));
        let other_leaf = leaf_hash(b"another");
        prop_assert_eq!(verify(&proof, other_leaf, &root), Err(ProofError::WrongRoot));
    }

    #[test]
    fn a_tampered_consistency_proof_is_refused(
        to in 2_usize..3_000, from in any::<prop::sample::Index>(),
        way in tampering(), at in 0_usize..64, bit in 0_usize..256,
    ) {
        let leaves = leaves(size(to).get());
        let (from, tree) = (1 + from.index(to - 1), Tree::of(&leaves));
        let (old_root, new_root) = (root_at(&tree, size(from)).unwrap(), tree.frontier.root());
        let proof = prove_consistency(&tree, size(from), size(to)).unwrap();
        let verify = |proof: &ConsistencyProof, old: &Hash, new: &Hash| {
            proof.verify(size(from), size(to), old, new)
        };
        prop_assert_eq!(verify(&proof, &old_root, &new_root), Ok(()));
        let hashes = tampered(&proof.hashes, way, at, bit);
        if hashes != proof.hashes {
            let proof = ConsistencyProof { hashes };
            prop_assert!(verify(&proof, &old_root, &new_root).is_err());
        }
        prop_assert!(verify(&proof, &flipped(&old_root, bit), &new_root).is_err());
        prop_assert!(verify(&proof, &old_root, &flipped(&new_root, bit)).is_err());
        prop_assert!(verify(&proof, &new_root, &old_root).is_err());
    }

    /// A tree whose past was rewritten at one leaf is not consistent with what it was.
    #[test]
    fn a_rewritten_leaf_breaks_consistency(
        to in 2_usize..600, from in any::<prop::sample::Index>(),
        rewritten in any::<prop::sample::Index>(),
    ) {
        let honest = leaves(size(to).get());
        let from = 1 + from.index(to - 1);
        let mut forged = honest.clone();
        forged[rewritten.index(from)] = leaf_hash(b"forged");
        let old_root = reference_root(&honest[..from]);
        let tree = Tree::of(&forged);
        let proof = prove_consistency(&tree, size(from), size(to)).unwrap();
        let verified = proof.verify(size(from), size(to), &old_root, &tree.frontier.root());
        prop_assert_eq!(verified, Err(ProofError::WrongRoot));
    }
}
