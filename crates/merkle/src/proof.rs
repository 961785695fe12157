//! Proofs, checked exactly as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say and no more leniently.

use alloc::vec::Vec;

use crate::{Hash, LeafHash, LeafIndex, TreeSize, node_hash};

/// Hashes a proof may have. Readers of proofs refuse more before any work; the sizes that texts
/// may state need at most 54.
pub const MAX_PROOF_HASHES: usize = 63;

/// The siblings from a leaf up to a root, the leaf's own first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// At most [`MAX_PROOF_HASHES`].
    pub hashes: Vec<Hash>,
}

impl InclusionProof {
    /// Checks that `leaf` stands at `index` of the tree of `size` leaves with this root.
    pub fn verify(
        &self,
        index: LeafIndex,
        size: TreeSize,
        leaf: LeafHash,
        root: &Hash,
    ) -> Result<(), ProofError> {
        if self.root(index, size, leaf)? == *root {
            Ok(())
        } else {
            Err(ProofError::WrongRoot)
        }
    }

    /// The root of the tree of `size` leaves in which `leaf` stands at `index`, if these are its
    /// siblings. It proves nothing until it is compared with a root that someone signed.
    pub fn root(
        &self,
        index: LeafIndex,
        size: TreeSize,
        leaf: LeafHash,
    ) -> Result<Hash, ProofError> {
        let last = size.last_leaf().ok_or(ProofError::EmptyTree)?;
        if index > last {
            return Err(ProofError::NotInTree);
        }
        let mut climb = Climb::new(index.get(), last.get());
        let mut root = *leaf.as_hash();
        for sibling in &self.hashes {
            root = match climb.step()? {
                Side::Left => node_hash(sibling, &root),
                Side::Right => node_hash(&root, sibling),
            };
        }
        climb.finish()?;
        Ok(root)
    }
}

/// That a larger tree begins with a smaller one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The node where both trees meet, unless it is the whole old tree, then its siblings upwards.
    pub hashes: Vec<Hash>,
}

impl ConsistencyProof {
    /// Checks that the tree of `to` leaves with `new_root` begins with the tree of `from` leaves
    /// with `old_root`. Equal sizes need equal roots and no hashes. The empty tree is no start:
    /// a proof from it would say nothing, so it is refused.
    pub fn verify(
        &self,
        from: TreeSize,
        to: TreeSize,
        old_root: &Hash,
        new_root: &Hash,
    ) -> Result<(), ProofError> {
        let (Some(old_last), Some(new_last)) = (from.last_leaf(), to.last_leaf()) else {
            return Err(ProofError::EmptyTree);
        };
        if from > to {
            return Err(ProofError::Shrinks);
        }
        if from == to {
            if !self.hashes.is_empty() {
                return Err(ProofError::WrongLength);
            }
            return if old_root == new_root {
                Ok(())
            } else {
                Err(ProofError::WrongRoot)
            };
        }
        let mut hashes = self.hashes.iter();
        let start = if from.get().is_power_of_two() {
            old_root
        } else {
            hashes.next().ok_or(ProofError::WrongLength)?
        };
        let mut climb = Climb::new(old_last.get(), new_last.get());
        climb.rise_to_left_child();
        let (mut old, mut new) = (*start, *start);
        for sibling in hashes {
            match climb.step()? {
                Side::Left => {
                    old = node_hash(sibling, &old);
                    new = node_hash(sibling, &new);
                }
                Side::Right => new = node_hash(&new, sibling),
            }
        }
        climb.finish()?;
        if old == *old_root && new == *new_root {
            Ok(())
        } else {
            Err(ProofError::WrongRoot)
        }
    }
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A tree without leaves holds no leaf, and every tree extends it.
    #[error("nothing is proven of an empty tree")]
    EmptyTree,
    /// The leaf's index is not below the tree's size.
    #[error("the leaf lies beyond the tree")]
    NotInTree,
    /// The new tree has fewer leaves than the old.
    #[error("the new tree is smaller than the old")]
    Shrinks,
    /// Too few or too many hashes for these sizes.
    #[error("the proof has a wrong number of hashes for these sizes")]
    WrongLength,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    WrongRoot,
}

/// On which side of the node the sibling stands.
enum Side {
    Left,
    Right,
}

/// The walk up both verifications share: RFC 9162's `fn` and `sn`.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    fn new(node: u64, last: u64) -> Self {
        Self { node, last }
    }

    /// Goes up until the node is a left child, where a consistency proof begins.
    fn rise_to_left_child(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    /// Takes one sibling and goes up; where the last node has no sibling, further up at once.
    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::WrongLength);
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Ok(side)
    }

    /// The root must have been reached.
    fn finish(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::WrongLength)
        }
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
