//! A tree's size and a leaf's place, which do not add to each other.

use core::fmt;

/// How many leaves a tree has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u64);

impl TreeSize {
    /// The tree without leaves.
    pub const ZERO: Self = Self(0);

    /// The largest size that any text of ours may state: 2^53, so that every reader, JavaScript's
    /// numbers included, holds it exactly. Parsers refuse more; the arithmetic here stands all of
    /// `u64`.
    pub const MAX_STATED: Self = Self(1 << 53);

    /// A tree of so many leaves.
    pub const fn new(leaves: u64) -> Self {
        Self(leaves)
    }

    /// The number of leaves.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The last leaf, or none in the empty tree.
    pub fn last_leaf(self) -> Option<LeafIndex> {
        self.0.checked_sub(1).map(LeafIndex)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Where a leaf stands, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u64);

impl LeafIndex {
    /// The leaf at this place.
    pub const fn new(index: u64) -> Self {
        Self(index)
    }

    /// The place.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The smallest tree that has this leaf.
    pub const fn size_with(self) -> TreeSize {
        TreeSize(self.0.saturating_add(1))
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}
