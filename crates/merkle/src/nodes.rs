//! Roots and proofs from stored nodes, for any size up to what is stored. Nothing here is verified:
//! a prover trusts its own nodes, and `proof` checks what it makes.

use alloc::vec::Vec;

use crate::frontier::fold_peaks;
use crate::{ConsistencyProof, EMPTY_ROOT, Hash, InclusionProof, LeafIndex, TreeSize};

/// Where completed nodes are kept, as [`Frontier::push`](crate::Frontier::push) gave them.
pub trait Nodes {
    /// Why a node cannot be had: the storage failed, or the node is not there.
    type Error;

    /// The hash of the node at this level and index. Asked only for nodes whose leaves are all
    /// within the size that the caller named.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    type Error = N::Error;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        (**self).node(level, index)
    }
}

/// The root of the first `size` leaves.
pub fn root_at<N: Nodes>(nodes: &N, size: TreeSize) -> Result<Hash, N::Error> {
    Ok(right_edge(nodes, size.get(), LEVELS)?.unwrap_or(EMPTY_ROOT))
}

/// The way from a leaf to the root of the first `size` leaves (RFC 9162 section 2.1.3.1).
pub fn prove_inclusion<N: Nodes>(
    nodes: &N,
    index: LeafIndex,
    size: TreeSize,
) -> Result<InclusionProof, ProveError<N::Error>> {
    if index.get() >= size.get() {
        return Err(ProveError::NotInTree { index, size });
    }
    let mut hashes = Vec::new();
    siblings(nodes, 0, index.get(), size.get(), &mut hashes).map_err(ProveError::Nodes)?;
    Ok(InclusionProof { hashes })
}

/// That the first `from` of `to` leaves are the tree of size `from` (RFC 9162 section 2.1.4.1).
/// Empty when the sizes are equal. From the empty tree there is nothing to prove and no proof.
pub fn prove_consistency<N: Nodes>(
    nodes: &N,
    from: TreeSize,
    to: TreeSize,
) -> Result<ConsistencyProof, ProveError<N::Error>> {
    if from.get() == 0 || from > to {
        return Err(ProveError::NotAnExtension { from, to });
    }
    let mut hashes = Vec::new();
    if from < to {
        // The largest complete subtree at the right end of the old tree is where both trees meet.
        let level = trailing_zeros(from.get());
        let index = (from.get() >> level) - 1;
        // When it is the whole old tree its hash is the old root, which the verifier has.
        if index > 0 {
            hashes.push(nodes.node(level, index).map_err(ProveError::Nodes)?);
        }
        siblings(nodes, level, index, to.get(), &mut hashes).map_err(ProveError::Nodes)?;
    }
    Ok(ConsistencyProof { hashes })
}

/// Why a proof was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// The leaf asked for lies beyond the tree.
    #[error("leaf {index} is not in a tree of {size}")]
    NotInTree {
        /// The leaf asked for.
        index: LeafIndex,
        /// The tree asked for.
        size: TreeSize,
    },
    /// The new tree is smaller than the old, or the old one is empty.
    #[error("no tree of {to} is proven to extend one of {from}")]
    NotAnExtension {
        /// The old tree's size.
        from: TreeSize,
        /// The new tree's size.
        to: TreeSize,
    },
    /// The nodes could not be read.
    #[error("read the tree's nodes")]
    Nodes(E),
}

/// Levels that a tree of `u64` leaves can have.
const LEVELS: u8 = 64;

/// Appends the siblings met on the way up from a node to the root of `size` leaves.
fn siblings<N: Nodes>(
    nodes: &N,
    level: u8,
    index: u64,
    size: u64,
    hashes: &mut Vec<Hash>,
) -> Result<(), N::Error> {
    let (mut level, mut index) = (level, index);
    let mut last = size.saturating_sub(1) >> level;
    while last > 0 {
        let sibling = index ^ 1;
        let complete = size >> level;
        if sibling < complete {
            hashes.push(nodes.node(level, sibling)?);
        } else if sibling == last {
            // The rightmost node of this level has leaves missing: it stands for the root of
            // those that are there, made of the complete subtrees below it.
            hashes.extend(right_edge(nodes, size, level)?);
        }
        // Else the node has no sibling here and goes up as it is.
        level = level.saturating_add(1);
        index >>= 1;
        last >>= 1;
    }
    Ok(())
}

/// The root over the complete subtrees of `size` leaves that lie below a level; none if no leaf
/// does.
fn right_edge<N: Nodes>(nodes: &N, size: u64, below: u8) -> Result<Option<Hash>, N::Error> {
    let mut peaks = Vec::new();
    for level in (0..below).filter(|level| size >> level & 1 == 1) {
        // The bit is set, so the subtree before this one in its level is the complete one.
        peaks.push(nodes.node(level, (size >> level) - 1)?);
    }
    Ok(fold_peaks(peaks))
}

/// The level of the smallest complete subtree of a tree that is not empty.
fn trailing_zeros(size: u64) -> u8 {
    u8::try_from(size.trailing_zeros()).unwrap_or(LEVELS)
}
