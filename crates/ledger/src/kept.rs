//! What a replay keeps of what it has read, so that no leaf costs the reading of the same bytes
//! again: the rules in force, keys that are sound, and the newest leaves, whose figures are taken
//! away from the sums when a correction comes.
//!
//! Everything here is read from bytes that its name determines (a file's hash, a key's text, a
//! leaf's index), so what is kept is what would be read.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;

use caucus::Rules;
use merkle::{Hash, LeafIndex};
use note::{KeyError, SignatureLine, VerifierKey};
use receipt::Leaf;

use crate::examined::KnownKeys;
use crate::tables::{Fault, Table, Tables, Visit};

/// How many leaves with figures are kept: two for each unit of a large state's night, a few
/// kilobytes each. An older one is read from its bytes again.
const MOST_LEAVES: usize = 4_096;

/// What has been read so far.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    keys: Arc<KnownKeys>,
    rules: RefCell<Option<(Hash, Arc<Rules>)>>,
    leaves: BTreeMap<LeafIndex, Arc<Leaf>>,
}

impl Kept {
    /// Keeps the keys that are known from elsewhere.
    pub(crate) fn know(&mut self, keys: Arc<KnownKeys>) {
        self.keys = keys;
    }

    /// Keeps a leaf that was recorded, if figures may be asked of it.
    pub(crate) fn keep(&mut self, index: LeafIndex, leaf: Arc<Leaf>) {
        if !matches!(
            *leaf,
            Leaf::Submission(_) | Leaf::Attest(_) | Leaf::Recanvass(_) | Leaf::Recount(_)
        ) {
            return;
        }
        self.leaves.insert(index, leaf);
        if self.leaves.len() > MOST_LEAVES {
            self.leaves.pop_first();
        }
    }

    /// The tables, with what is kept in front of them.
    pub(crate) const fn over<'k>(&'k self, tables: &'k dyn Tables) -> Remembering<'k> {
        Remembering { tables, kept: self }
    }
}

/// Tables that read nothing twice that is kept.
pub(crate) struct Remembering<'k> {
    tables: &'k dyn Tables,
    kept: &'k Kept,
}

impl Tables for Remembering<'_> {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.tables.read(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        self.tables.scan(table, prefix, visit)
    }

    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        self.tables.accepts(key, text, line)
    }

    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        if let Some((of, rules)) = self.kept.rules.borrow().as_ref()
            && of == hash
        {
            return Ok(Some(Arc::clone(rules)));
        }
        let found = self.tables.rules(hash)?;
        if let Some(rules) = &found {
            self.kept.rules.replace(Some((*hash, Arc::clone(rules))));
        }
        Ok(found)
    }

    fn sound_key(&self, vkey: &str) -> Result<VerifierKey, KeyError> {
        match self.kept.keys.named(vkey) {
            Some(key) => Ok(key.clone()),
            None => self.tables.sound_key(vkey),
        }
    }

    fn leaf_at(&self, index: LeafIndex) -> Option<Arc<Leaf>> {
        let kept = self.kept.leaves.get(&index);
        kept.map(Arc::clone).or_else(|| self.tables.leaf_at(index))
    }
}
