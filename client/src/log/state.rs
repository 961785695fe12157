//! What the rules lead to, in bounded memory: the leaves stay in the folder, the tree is the one
//! whose tiles were held against the checkpoint, and what only readers of histories ask for is not
//! kept. A leaf that is read again is held against the tree again.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use ledger::{Absorb, Changes, Fault, Memory, Row, Table, Tables, Visit};
use merkle::{EntryBundle, Nodes as _, TILE_WIDTH, TreeSize, leaf_hash};

use super::folder::Folder;
use super::hashes::Hashes;
use super::ids::Ids;

/// The state while a folder's leaves are replayed.
#[derive(Debug)]
pub(super) struct State<'f> {
    memory: Memory,
    folder: &'f Folder,
    tree: &'f Hashes,
    /// Leaf hashes and hashes of texts, with the leaf's index.
    by_hash: HashMap<[u8; 32], u64>,
    by_text: HashMap<[u8; 32], u64>,
    ids: Ids,
    /// Where a leaf lies in its file, and its length.
    places: Vec<(u32, u16)>,
    /// The leaves whose place is not known yet: those of the file being replayed, and what was
    /// derived behind it.
    fresh: BTreeMap<u64, Vec<u8>>,
    /// The newest leaf digest with its key: each is made from the one before it, so no other is read.
    digest: Option<(Vec<u8>, Vec<u8>)>,
}

impl<'f> State<'f> {
    pub(super) fn new(folder: &'f Folder, tree: &'f Hashes) -> Self {
        Self {
            memory: Memory::new(),
            folder,
            tree,
            by_hash: HashMap::new(),
            by_text: HashMap::new(),
            ids: Ids::default(),
            places: Vec::new(),
            fresh: BTreeMap::new(),
            digest: None,
        }
    }

    /// A file of leaves was replayed: from now on they are read there. `lengths` are theirs.
    pub(super) fn settle(&mut self, lengths: &[usize]) {
        let mut offset = 0_u32;
        for length in lengths {
            let length = u16::try_from(*length).unwrap_or(u16::MAX);
            offset = offset.saturating_add(2);
            self.places.push((offset, length));
            offset = offset.saturating_add(u32::from(length));
        }
        let settled = u64::try_from(self.places.len()).unwrap_or(u64::MAX);
        self.fresh = self.fresh.split_off(&settled);
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Fault> {
        if let Some(fresh) = self.fresh.get(&index) {
            return Ok(Some(fresh.clone()));
        }
        let place = usize::try_from(index).ok();
        let Some((offset, length)) = place.and_then(|place| self.places.get(place)) else {
            return Ok(None);
        };
        let file = bundle_of(index, self.tree.size()).path();
        let bytes = self
            .folder
            .read_within(&file, u64::from(*offset), usize::from(*length))
            .map_err(|error| storage(error.to_string()))?;
        if Some(*leaf_hash(&bytes).as_hash()) != self.tree.leaf(index) {
            return Err(storage(format!("`{file}` changed while it was read")));
        }
        Ok(Some(bytes))
    }

    fn put(&mut self, row: Row) {
        let index = |key: &[u8]| key.try_into().map(u64::from_be_bytes).ok();
        match (row.table, row.value) {
            (Table::Leaf, Some(bytes)) => {
                if let Some(index) = index(&row.key) {
                    self.fresh.insert(index, bytes);
                }
            }
            (Table::LeafHash, Some(value)) => {
                if let (Ok(hash), Some(index)) = (row.key.as_slice().try_into(), index(&value)) {
                    self.by_hash.insert(hash, index);
                }
            }
            (Table::Text, Some(value)) => {
                if let (Ok(hash), Some(index)) = (row.key.as_slice().try_into(), index(&value)) {
                    self.by_text.insert(hash, index);
                }
            }
            (Table::SignerId, value) => {
                let (table, key) = (row.table, row.key);
                if let Some(other) = self.ids.put(Row { table, key, value }) {
                    self.memory.write(other);
                }
            }
            (Table::LeafDigest, Some(value)) => self.digest = Some((row.key, value)),
            // The tree is the one of the tiles. Trails and moves are for histories: no rule reads
            // them, and every leaf adds some.
            (Table::Node | Table::Trail | Table::Moved, _) => {}
            (table, value) => self.memory.write(Row {
                table,
                key: row.key,
                value,
            }),
        }
    }
}

impl Absorb for State<'_> {
    fn absorb(&mut self, changes: Changes) {
        for row in changes.rows {
            self.put(row);
        }
    }
}

impl Tables for State<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a table that is not named here is one that memory keeps, whichever come"
    )]
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let by = |rows: &HashMap<[u8; 32], u64>| {
            let hash: Option<[u8; 32]> = key.try_into().ok();
            let index = hash.and_then(|hash| rows.get(&hash));
            index.map(|index| index.to_be_bytes().to_vec())
        };
        match table {
            Table::Leaf => match key.try_into().map(u64::from_be_bytes) {
                Ok(index) => self.leaf(index),
                Err(_) => Ok(None),
            },
            Table::LeafHash => Ok(by(&self.by_hash)),
            Table::Text => Ok(by(&self.by_text)),
            Table::SignerId => match self.ids.read(key) {
                Some(leaf) => Ok(Some(leaf)),
                None => self.memory.read(table, key),
            },
            Table::Node => Ok(node_key(key)
                .and_then(|(level, index)| self.tree.node(level, index).ok())
                .map(|hash| hash.as_bytes().to_vec())),
            Table::LeafDigest => Ok(self
                .digest
                .as_ref()
                .filter(|(of, _)| of == key)
                .map(|(_, digest)| digest.clone())),
            _ => self.memory.read(table, key),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        let mut flow = ControlFlow::Continue(());
        if table == Table::SignerId {
            self.ids.scan(prefix, &mut |key, value| {
                flow = visit(key, value);
                flow
            });
        }
        if flow.is_break() {
            return Ok(());
        }
        self.memory.scan(table, prefix, visit)
    }
}

/// The bundle of entries that holds a leaf, in a tree of that size.
pub(super) fn bundle_of(leaf: u64, size: TreeSize) -> EntryBundle {
    let width = u64::from(TILE_WIDTH);
    let index = leaf / width;
    let left = size.get().saturating_sub(index.saturating_mul(width));
    EntryBundle {
        index,
        width: u16::try_from(left.min(width)).unwrap_or(TILE_WIDTH),
    }
}

fn node_key(key: &[u8]) -> Option<(u8, u64)> {
    let (level, index) = key.split_first()?;
    Some((*level, u64::from_be_bytes(index.try_into().ok()?)))
}

const fn storage(what: String) -> Fault {
    Fault::Storage {
        table: Table::Leaf,
        what,
    }
}
