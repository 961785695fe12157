//! What one command is about to change: reads see the command's own writes, and nothing leaves
//! the draft until the command has been accepted whole.
//!
//! Leaves are appended here, and here each leaf's rows enter the leaf digest.

use alloc::sync::Arc;
use alloc::vec::Vec;

use caucus::{Rules, UnitId};
use merkle::{Frontier, Hash, LeafHash, LeafIndex, TreeSize};
use note::{KeyError, SignatureLine, VerifierKey};
use receipt::Leaf;
use receipt::leaf::Scope;

use crate::assess;
use crate::changes::{self, Changes};
use crate::codec::Writer;
use crate::history::{self, Deed, Moves, UnitState};
use crate::intake::{self, Authentic};
use crate::outcome::{LeafRef, Outcome};
use crate::overlay::Overlay;
use crate::rows::{self, LeafIndexRow};
use crate::tables::{Fault, Table, Tables, Visit};

/// Tables with one command's writes on top.
#[derive(Debug)]
pub(crate) struct Draft<'a, T> {
    /// What is fresh in it was written since the last leaf was sealed: the next digest covers it.
    overlay: Overlay<'a, T>,
    /// What the leaf being applied does to units.
    moves: Moves,
}

impl<'a, T: Tables> Draft<'a, T> {
    pub(crate) fn new(tables: &'a T) -> Self {
        Self {
            overlay: Overlay::new(tables),
            moves: Moves::default(),
        }
    }

    pub(crate) fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.overlay.put(table, key, Some(value));
    }

    pub(crate) fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.overlay.put(table, key, None);
    }

    /// Appends a leaf of these exact bytes, and of their hash, to the tree. What it changes besides
    /// is written next, and [`Draft::seal_leaf`] ends it.
    pub(crate) fn append_leaf(
        &mut self,
        bytes: &[u8],
        hash: LeafHash,
        text: &Hash,
    ) -> Result<LeafRef, Fault> {
        let mut frontier = rows::frontier(self)?;
        let leaf = LeafRef {
            index: LeafIndex::new(frontier.size().get()),
            hash,
        };
        for node in frontier.push(leaf.hash) {
            let mut key = Writer::new();
            key.small(node.level).number(node.index);
            self.put(Table::Node, key.finish(), node.hash.as_bytes().to_vec());
        }
        self.put_frontier(&frontier);
        self.put(
            Table::Leaf,
            rows::number_key(leaf.index.get()),
            bytes.to_vec(),
        );
        let index = LeafIndexRow(leaf.index).encode();
        self.put(
            Table::LeafHash,
            leaf.hash.as_bytes().to_vec(),
            index.clone(),
        );
        self.put(Table::Text, text.as_bytes().to_vec(), index);
        Ok(leaf)
    }

    /// Appends the leaf that a note is, and takes its id from its signers.
    pub(crate) fn append_note(&mut self, authentic: &Authentic) -> Result<LeafRef, Fault> {
        let leaf = self.append_leaf(
            authentic.note.bytes(),
            authentic.leaf_hash,
            &authentic.text_hash,
        )?;
        for signer in &authentic.signers {
            let key = rows::signer_id_key(&signer.key, &authentic.id);
            self.put(Table::SignerId, key, LeafIndexRow(leaf.index).encode());
        }
        Ok(leaf)
    }

    /// The answer to an act that took effect: its leaf, and the head of the unit it speaks of.
    pub(crate) fn applied(&self, authentic: &Authentic, leaf: LeafRef) -> Result<Outcome, Fault> {
        let head = rows::head_of(self, intake::subject(&authentic.leaf))?;
        Ok(Outcome::Applied { leaf, head })
    }

    /// Notes what the leaf being applied does to a unit.
    pub(crate) fn did(&mut self, unit: &UnitId, deed: Deed) {
        self.moves.did(unit, deed);
    }

    /// Notes where a unit was and is.
    pub(crate) fn moved(&mut self, unit: &UnitId, before: UnitState, after: UnitState) {
        self.moves.moved(unit, before, after);
    }

    /// Notes that the leaf being applied is about a county or about everything.
    pub(crate) fn about(&mut self, scope: Scope) {
        self.moves.about(scope);
    }

    /// Writes what the leaf has done to units: a row for each in its trail, one for the feed.
    fn write_moves(&mut self, index: LeafIndex) -> Result<(), Fault> {
        let moves = core::mem::take(&mut self.moves);
        if moves.is_empty() {
            return Ok(());
        }
        for key in moves.trail(index) {
            self.put(Table::Trail, key, Vec::new());
        }
        let changes = moves.changes(|unit| Ok(assess::state(&rows::sheet(self, unit)?)))?;
        if !changes.is_empty() {
            let key = rows::number_key(index.get());
            self.put(Table::Moved, key, history::encode(&changes));
        }
        Ok(())
    }

    fn put_frontier(&mut self, frontier: &Frontier) {
        self.put(
            Table::Meta,
            rows::META_FRONTIER.to_vec(),
            frontier.to_bytes(),
        );
    }

    /// Ends a leaf: everything written since the one before enters the digest under its index.
    pub(crate) fn seal_leaf(&mut self, index: LeafIndex) -> Result<(), Fault> {
        self.write_moves(index)?;
        let before =
            rows::leaf_digest(self, TreeSize::new(index.get()))?.ok_or(Fault::Corrupt {
                table: Table::LeafDigest,
                what: "the digest of the leaf before is missing",
            })?;
        let digest = changes::leaf_digest(&before, index, self.overlay.fresh());
        self.overlay.put(
            Table::LeafDigest,
            rows::number_key(index.get()),
            Some(digest.as_bytes().to_vec()),
        );
        self.overlay.seal();
        Ok(())
    }

    /// Ends the side state's part of a command: what was written to it enters the side digest.
    pub(crate) fn seal_side(&mut self) -> Result<(), Fault> {
        if self.overlay.fresh().next().is_none() {
            return Ok(());
        }
        let before = rows::side_digest(self)?;
        let digest = changes::side_digest(&before, self.overlay.fresh());
        self.overlay.put(
            Table::Side,
            rows::SIDE_DIGEST.to_vec(),
            Some(digest.as_bytes().to_vec()),
        );
        self.overlay.seal();
        Ok(())
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.overlay.into_changes()
    }
}

impl<T: Tables> Tables for Draft<'_, T> {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.overlay.read(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        self.overlay.scan(table, prefix, visit)
    }

    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        self.overlay.accepts(key, text, line)
    }

    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        self.overlay.rules(hash)
    }

    fn sound_key(&self, vkey: &str) -> Result<VerifierKey, KeyError> {
        self.overlay.sound_key(vkey)
    }

    fn leaf_at(&self, index: LeafIndex) -> Option<Arc<Leaf>> {
        self.overlay.leaf_at(index)
    }
}
