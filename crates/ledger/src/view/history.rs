//! The history of the night, leaf by leaf and unit by unit: what the trace and the feed are made of.

use alloc::vec::Vec;

use caucus::{Kind, UnitId};
use merkle::LeafIndex;
use note::UnixSeconds;
use receipt::leaf::{KeyReference, Leaf, LeafKind, Scope};

use super::View;
use crate::history::{self, UnitChange};
use crate::outcome::LeafRef;
use crate::rows;
use crate::tables::{Fault, Table, Tables};

/// One leaf and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafChange {
    /// The leaf.
    pub leaf: LeafRef,
    /// Which row of the table of leaves it is.
    pub kind: LeafKind,
    /// Who signed it, in the note's order; nobody signs derived totals.
    pub signers: Vec<KeyReference>,
    /// When the signer says it was signed. No decision rests on it.
    pub claimed: Option<UnixSeconds>,
    /// What a publish or hold opened or shut.
    pub scope: Option<Scope>,
    /// The units that the leaf touched, ascending by id.
    pub units: Vec<UnitChange>,
}

impl<T: Tables> View<'_, T> {
    /// What each leaf from `from` on did, at most `limit` of them: the feed, whose cursor is the
    /// index of a leaf. A leaf that touched no unit is listed as well.
    pub fn changes(&self, from: LeafIndex, limit: usize) -> Result<Vec<LeafChange>, Fault> {
        let size = self.tree_size()?.get();
        let mut changes = Vec::new();
        let indices = (from.get()..size).take(limit);
        for index in indices.map(LeafIndex::new) {
            changes.push(self.leaf_change(index)?);
        }
        Ok(changes)
    }

    /// Every leaf about a unit in its order: its own, and the publishes, holds, withdrawals and
    /// closes that concern its county or everything. Of other units nothing is said.
    pub fn trail(&self, id: &UnitId) -> Result<Vec<LeafChange>, Fault> {
        let unit = match rows::unit(self.tables, id)? {
            Some(unit) => unit,
            None => match rows::gone(self.tables, id)? {
                Some(gone) => gone.unit()?,
                None => return Ok(Vec::new()),
            },
        };
        let mut leaves = history::trail(self.tables, &Scope::Unit(unit.id))?;
        if let Kind::Precinct { county, .. } = unit.kind {
            leaves.extend(history::trail(self.tables, &Scope::County(county))?);
        }
        leaves.extend(history::trail(self.tables, &Scope::All)?);
        leaves.sort_unstable();
        let mut trail = Vec::with_capacity(leaves.len());
        for index in leaves {
            let mut change = self.leaf_change(index)?;
            change.units.retain(|change| change.unit == *id);
            trail.push(change);
        }
        Ok(trail)
    }

    fn leaf_change(&self, index: LeafIndex) -> Result<LeafChange, Fault> {
        let bytes = rows::leaf(self.tables, index)?.ok_or(Fault::Corrupt {
            table: Table::Leaf,
            what: "a leaf of a trail is missing",
        })?;
        let (leaf, note) = rows::parsed_entry(self.tables, index)?;
        let signatures = note.iter().flat_map(note::SignedNote::signatures);
        Ok(LeafChange {
            leaf: LeafRef {
                index,
                hash: merkle::leaf_hash(&bytes),
            },
            kind: leaf.kind(),
            signers: signatures
                .map(|line| KeyReference {
                    name: line.name.clone(),
                    id: line.id,
                })
                .collect(),
            claimed: leaf.header().map(|header| header.time),
            scope: scope_of(leaf),
            units: history::changes_of(self.tables, index)?,
        })
    }
}

fn scope_of(leaf: Leaf) -> Option<Scope> {
    match leaf {
        Leaf::Publish(gate) | Leaf::Hold(gate) => Some(gate.scope),
        Leaf::Manifest(_)
        | Leaf::Activate(_)
        | Leaf::Submission(_)
        | Leaf::Attest(_)
        | Leaf::Review(_)
        | Leaf::Void(_)
        | Leaf::Dispute(_)
        | Leaf::Answer(_)
        | Leaf::Recanvass(_)
        | Leaf::Recount(_)
        | Leaf::Enrol(_)
        | Leaf::Revoke(_)
        | Leaf::Roster(_)
        | Leaf::Close(_)
        | Leaf::Totals(_) => None,
    }
}
