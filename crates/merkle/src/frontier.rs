//! The right edge of a growing tree: what is needed to add a leaf and to know the root, and no more.

use alloc::vec::Vec;

use crate::{EMPTY_ROOT, Hash, LeafHash, TreeSize, node_hash};

/// A node all of whose leaves are present; it never changes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// 0 for leaves, one more for each step towards the root; at most 63.
    pub level: u8,
    /// Place among the nodes of its level, from 0.
    pub index: u64,
    /// The leaf hash at level 0, else the hash of the two nodes below.
    pub hash: Hash,
}

/// The roots of the complete subtrees that make up a tree, at most one a level.
///
/// At rest it is 8 bytes of size, big-endian, then the roots, lowest level first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    // INVARIANT: peaks[level] is present exactly where bit `level` of the size is set.
    peaks: Vec<Option<Hash>>,
    size: u64,
}

impl Frontier {
    /// The empty tree's.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves were pushed.
    pub const fn size(&self) -> TreeSize {
        TreeSize::new(self.size)
    }

    /// Adds a leaf. Answers with every node that this leaf completed, its own first, each to be
    /// stored for good.
    pub fn push(&mut self, leaf: LeafHash) -> Vec<Node> {
        let mut node = Node {
            level: 0,
            index: self.size,
            hash: *leaf.as_hash(),
        };
        // 2^64 leaves never come: TreeSize::MAX_STATED ends every log long before.
        self.size = self.size.saturating_add(1);
        let mut completed = Vec::new();
        for peak in &mut self.peaks {
            completed.push(node);
            let Some(left) = peak.take() else {
                *peak = Some(node.hash);
                return completed;
            };
            node = Node {
                level: node.level.saturating_add(1),
                index: node.index >> 1,
                hash: node_hash(&left, &node.hash),
            };
        }
        completed.push(node);
        self.peaks.push(Some(node.hash));
        completed
    }

    /// The root of all leaves pushed so far.
    pub fn root(&self) -> Hash {
        fold_peaks(self.peaks.iter().flatten().copied()).unwrap_or(EMPTY_ROOT)
    }

    /// The form kept at rest.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for peak in self.peaks.iter().flatten() {
            bytes.extend_from_slice(peak.as_bytes());
        }
        bytes
    }

    /// Reads the form kept at rest.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, hashes) = bytes.split_first_chunk().ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<{ Hash::LEN }>();
        let mut hashes = hashes.iter();
        let mut peaks = Vec::new();
        let mut left = size;
        while left > 0 {
            peaks.push(match left & 1 {
                0 => None,
                _ => Some(Hash::from_bytes(*hashes.next().ok_or(FrontierError)?)),
            });
            left >>= 1;
        }
        if hashes.next().is_some() || !rest.is_empty() {
            return Err(FrontierError);
        }
        Ok(Self { peaks, size })
    }
}

/// The root over complete subtrees, given from the lowest (rightmost) up; none if there is none.
pub(crate) fn fold_peaks(peaks: impl IntoIterator<Item = Hash>) -> Option<Hash> {
    peaks
        .into_iter()
        .reduce(|right, left| node_hash(&left, &right))
}

/// Bytes that are no frontier: the hashes do not match the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tree's frontier does not have the hashes its size asks for")]
pub struct FrontierError;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf_hash;

    /// 11 leaves are three complete subtrees of 8, 2 and 1.
    #[test]
    fn a_leaf_completes_as_many_nodes_as_its_size_has_trailing_zeros_and_one() {
        let mut frontier = Frontier::new();
        for size in 1..=64_u64 {
            let nodes = frontier.push(leaf_hash(&size.to_be_bytes()));
            assert_eq!(
                nodes.len(),
                usize::try_from(size.trailing_zeros()).unwrap() + 1
            );
            for (level, node) in nodes.iter().enumerate() {
                assert_eq!(usize::from(node.level), level);
                assert_eq!((node.index + 1) << level, size);
            }
            assert_eq!(frontier.size(), TreeSize::new(size));
        }
    }

    #[test]
    fn the_form_at_rest_reads_back_and_nothing_else_does() {
        let mut frontier = Frontier::new();
        for size in 0..40_u64 {
            let bytes = frontier.to_bytes();
            assert_eq!(Frontier::from_bytes(&bytes), Ok(frontier.clone()));
            let longer = [bytes.as_slice(), &[0]].concat();
            assert_eq!(Frontier::from_bytes(&longer), Err(FrontierError));
            assert_eq!(Frontier::from_bytes(&bytes[1..]), Err(FrontierError));
            let hash_more = [bytes.as_slice(), &[0; 32]].concat();
            assert_eq!(Frontier::from_bytes(&hash_more), Err(FrontierError));
            frontier.push(leaf_hash(&size.to_be_bytes()));
        }
    }
}
