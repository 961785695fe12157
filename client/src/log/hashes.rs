//! The tree over leaves that were read: every hash that its tiles have, and so any root and any
//! proof at any size. 32 bytes a leaf, and a little for what is above.

use merkle::{Frontier, Hash, LeafHash, Nodes, TILE_WIDTH, Tile, TreeSize, node_hash};

/// Tree levels that one tile spans.
const HEIGHT: u8 = 8;

/// The hashes of the levels on which tiles begin.
#[derive(Debug, Clone, Default)]
pub struct Hashes {
    // INVARIANT: rows[l] has every complete node of tree level 8 * l, from left to right.
    rows: Vec<Vec<Hash>>,
    frontier: Frontier,
}

/// A node that the tree is too small to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no node {index} on level {level}")]
pub struct NoNode {
    /// The tree level.
    pub level: u8,
    /// The place on it.
    pub index: u64,
}

impl Hashes {
    /// The empty tree's.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are.
    pub const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: LeafHash) {
        for node in self.frontier.push(leaf) {
            if !node.level.is_multiple_of(HEIGHT) {
                continue;
            }
            let row = usize::from(node.level / HEIGHT);
            if self.rows.len() <= row {
                self.rows.push(Vec::new());
            }
            if let Some(row) = self.rows.get_mut(row) {
                row.push(node.hash);
            }
        }
    }

    /// The root of the first `size` leaves; none beyond the tree.
    pub fn root_at(&self, size: TreeSize) -> Option<Hash> {
        if size > self.size() {
            return None;
        }
        merkle::root_at(self, size).ok()
    }

    /// The hash of a leaf.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.node(0, index).ok()
    }

    /// The hashes of a tile; none unless the tree has them all.
    pub fn tile(&self, tile: &Tile) -> Option<&[Hash]> {
        let first = tile.index.checked_mul(u64::from(TILE_WIDTH))?;
        let first = usize::try_from(first).ok()?;
        let end = first.checked_add(usize::from(tile.width))?;
        self.rows.get(usize::from(tile.level))?.get(first..end)
    }
}

impl Nodes for Hashes {
    type Error = NoNode;

    fn node(&self, level: u8, index: u64) -> Result<Hash, NoNode> {
        let missing = NoNode { level, index };
        if level.is_multiple_of(HEIGHT) {
            let row = self.rows.get(usize::from(level / HEIGHT));
            let place = usize::try_from(index).map_err(|_| missing)?;
            let found = row.and_then(|row| row.get(place));
            return found.copied().ok_or(missing);
        }
        // At most seven levels down to the next row that is kept.
        let below = level.saturating_sub(1);
        let left = index.checked_mul(2).ok_or(missing)?;
        let right = left.checked_add(1).ok_or(missing)?;
        Ok(node_hash(
            &self.node(below, left)?,
            &self.node(below, right)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use merkle::{leaf_hash, prove_consistency, root_at};

    use super::*;

    fn of(leaves: u64) -> Hashes {
        let mut hashes = Hashes::new();
        for index in 0..leaves {
            hashes.push(leaf_hash(&index.to_be_bytes()));
        }
        hashes
    }

    /// 70,000 leaves are three rows: 70,000, 273 (70,000 / 256) and 1 (70,000 / 65,536).
    #[test]
    fn roots_at_every_kind_of_size_are_those_of_a_tree_that_ended_there() {
        let whole = of(70_000);
        assert_eq!(
            whole.rows.iter().map(Vec::len).collect::<Vec<_>>(),
            [70_000, 273, 1]
        );
        for size in [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, 69_999] {
            let ended = of(size);
            let size = TreeSize::new(size);
            assert_eq!(whole.root_at(size), Some(ended.frontier.root()), "{size}");
        }
        assert_eq!(whole.root_at(TreeSize::new(70_001)), None);
    }

    #[test]
    fn a_tile_is_given_only_when_the_tree_has_all_of_it() {
        let whole = of(600);
        let tile = |level, index, width| Tile {
            level,
            index,
            width,
        };
        assert_eq!(whole.tile(&tile(0, 2, 88)).map(<[Hash]>::len), Some(88));
        assert_eq!(whole.tile(&tile(0, 2, 89)), None);
        assert_eq!(whole.tile(&tile(1, 0, 2)).map(<[Hash]>::len), Some(2));
        assert_eq!(whole.tile(&tile(1, 0, 3)), None);
        for tile in Tile::all_of(TreeSize::new(600)) {
            assert!(whole.tile(&tile).is_some(), "{}", tile.path());
        }
    }

    #[test]
    fn proofs_made_of_it_verify() {
        let whole = of(1_000);
        let (from, to) = (TreeSize::new(257), TreeSize::new(1_000));
        let proof = prove_consistency(&whole, from, to).unwrap();
        let root = |size| root_at(&whole, size).unwrap();
        assert_eq!(proof.verify(from, to, &root(from), &root(to)), Ok(()));
    }
}
