//! What the tests here share: where the vectors lie, and RFC 9162's recursive definitions, as a
//! second implementation to compare with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use merkle::{EMPTY_ROOT, Frontier, Hash, LeafHash, Nodes, leaf_hash, node_hash};

/// The folder of test vectors, which lies beside the checkout, or where `TALLY_SHARED` says.
/// Absent, the test that asked says so and proves nothing; in CI that is a failure.
pub(crate) fn vectors() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("TALLY_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("data/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no test vectors in {}",
        folder.display()
    );
    println!("skipped: no test vectors in {}", folder.display());
    None
}

/// Distinct leaves.
pub(crate) fn leaves(count: u64) -> Vec<LeafHash> {
    (0..count)
        .map(|index| leaf_hash(format!("leaf {index}").as_bytes()))
        .collect()
}

/// Every completed node of a tree, and its frontier.
pub(crate) struct Tree {
    pub(crate) frontier: Frontier,
    nodes: BTreeMap<(u8, u64), Hash>,
}

impl Tree {
    pub(crate) fn of(leaves: &[LeafHash]) -> Self {
        let mut tree = Self {
            frontier: Frontier::new(),
            nodes: BTreeMap::new(),
        };
        for leaf in leaves {
            for node in tree.frontier.push(*leaf) {
                let before = tree.nodes.insert((node.level, node.index), node.hash);
                assert_eq!(before, None, "a completed node never changes");
            }
        }
        tree
    }
}

/// The error names a node that was asked for though it is not complete.
impl Nodes for Tree {
    type Error = (u8, u64);

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        self.nodes
            .get(&(level, index))
            .copied()
            .ok_or((level, index))
    }
}

/// MTH of RFC 9162 section 2.1.1, as it is written there.
pub(crate) fn reference_root(leaves: &[LeafHash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf.as_hash(),
        _ => {
            let (left, right) = leaves.split_at(split(leaves));
            node_hash(&reference_root(left), &reference_root(right))
        }
    }
}

/// PATH of RFC 9162 section 2.1.3.1.
pub(crate) fn reference_inclusion(index: usize, leaves: &[LeafHash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (reference_inclusion(index, left), right)
    } else {
        (reference_inclusion(index - k, right), left)
    };
    path.push(reference_root(sibling));
    path
}

/// PROOF of RFC 9162 section 2.1.4.1.
pub(crate) fn reference_consistency(from: usize, leaves: &[LeafHash]) -> Vec<Hash> {
    subproof(from, leaves, true)
}

fn subproof(from: usize, leaves: &[LeafHash], whole: bool) -> Vec<Hash> {
    if from == leaves.len() {
        return if whole {
            vec![]
        } else {
            vec![reference_root(leaves)]
        };
    }
    let k = split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if from <= k {
        (subproof(from, left, whole), right)
    } else {
        (subproof(from - k, right, false), left)
    };
    proof.push(reference_root(sibling));
    proof
}

/// The largest power of two smaller than the number of leaves.
fn split(leaves: &[LeafHash]) -> usize {
    leaves.len().next_power_of_two() / 2
}
