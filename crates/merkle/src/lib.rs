//! Tree math of RFC 6962 (section 2.1; the same tree as RFC 9162 section 2.1): leaf and node
//! hashes over SHA-256, a frontier that grows leaf by leaf, and inclusion and consistency proofs,
//! made and checked; and the tree cut into tiles.
//!
//! There is no storage here, no signature, no checkpoint and no text form. Whoever keeps the
//! nodes shows them through [`Nodes`]; whoever signs a root does so elsewhere.
//!
//! ```text
//! leaf hash   H(0x00 || entry)
//! node hash   H(0x01 || left || right)
//! empty tree  H("")
//! node (level, index)  the root of the leaves index * 2^level .. (index + 1) * 2^level
//! ```
//!
//! Only nodes whose leaves are all present are ever stored: they never change again, so any root
//! and any proof for any past size is O(log n) reads of them.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod frontier;
mod hash;
mod nodes;
mod proof;
mod size;
mod tile;

pub use frontier::{Frontier, FrontierError, Node};
pub use hash::{EMPTY_ROOT, Hash, LeafHash, leaf_hash, node_hash, sha256};
pub use nodes::{Nodes, ProveError, prove_consistency, prove_inclusion, root_at};
pub use proof::{ConsistencyProof, InclusionProof, MAX_PROOF_HASHES, ProofError};
pub use size::{LeafIndex, TreeSize};
pub use tile::{EntryBundle, TILE_WIDTH, Tile};
