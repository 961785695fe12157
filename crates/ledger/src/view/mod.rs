//! What may be read of the state, typed. Nothing here changes anything, and nothing here is
//! remembered: a view is a borrow of tables.

mod findings;
mod history;
mod released;
mod unit;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use caucus::{Basis, CountyId, PoolId, Results, Roster, Rules, Scale, Totals, Unit, UnitId};
use merkle::{
    ConsistencyProof, Hash, InclusionProof, LeafHash, LeafIndex, Nodes, ProveError, TreeSize,
};
use note::SignatureLine;
use receipt::leaf::{Place, Role};
use receipt::{Manifest, ShortCode};

pub use findings::{FindingState, UnitFinding};
pub use history::LeafChange;
pub use released::{Coverage, GateView, ReleasedResults};
pub use unit::{
    AttestStanding, AttestView, CountAgainView, CountKind, DisputeView, HeadOrigin, HeadSource,
    Mark, Marks, Membership, OpenUnit, Release, RivalStanding, RivalView, SignerView, UnitView,
};

use crate::command::UnixMillis;
use crate::intake::Stop;
use crate::outcome::{Head, LeafRef};
use crate::tables::{Fault, Table, Tables};
use crate::{rows, totals};

/// Typed reads over tables.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    tables: &'a T,
}

/// How many units stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Units with a head.
    pub reported: u64,
    /// Of these, units with a witness of equal figures and nothing open.
    pub verified: u64,
    /// Units held for a person to look at.
    pub held: u64,
    /// Units with an open dispute, whatever their standing.
    pub disputed: u64,
}

/// How many units are held, by area; areas without any are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeldUnits {
    /// Precincts, by county.
    pub counties: BTreeMap<CountyId, u64>,
    /// Sites, by pool.
    pub pools: BTreeMap<PoolId, u64>,
}

/// A manifest version and the leaf that put it in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestVersion {
    /// Its version, from 1.
    pub version: u64,
    /// Its leaf.
    pub index: LeafIndex,
    /// Hash of its text.
    pub text_hash: Hash,
}

impl<'a, T: Tables> View<'a, T> {
    /// A view of `tables`.
    pub const fn new(tables: &'a T) -> Self {
        Self { tables }
    }

    /// Whether the key that a signature line names may sign something now. Nothing is said about
    /// the signature.
    pub fn is_key_in_force(&self, line: &SignatureLine) -> Result<bool, Fault> {
        let key = rows::KeyRef {
            id: line.id,
            name: line.name.clone(),
        };
        let row = rows::key(self.tables, &key)?;
        Ok(row.is_some_and(|row| row.is_in_force()))
    }

    /// How many leaves there are.
    pub fn tree_size(&self) -> Result<TreeSize, Fault> {
        Ok(rows::frontier(self.tables)?.size())
    }

    /// The root of all leaves.
    pub fn root(&self) -> Result<Hash, Fault> {
        Ok(rows::frontier(self.tables)?.root())
    }

    /// The root of the first `size` leaves; none beyond the tree.
    pub fn root_at(&self, size: TreeSize) -> Result<Option<Hash>, Fault> {
        if size > self.tree_size()? {
            return Ok(None);
        }
        merkle::root_at(&StoredNodes(self.tables), size).map(Some)
    }

    /// A leaf's exact bytes.
    pub fn leaf(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, Fault> {
        rows::leaf(self.tables, index)
    }

    /// The leaf with this hash.
    pub fn leaf_by_hash(&self, hash: &LeafHash) -> Result<Option<LeafIndex>, Fault> {
        rows::leaf_by_hash(self.tables, hash)
    }

    /// The leaves that a spoken code names: none or one, and more only where somebody who signs
    /// has searched for two notes with one code.
    pub fn leaves_by_code(&self, code: &ShortCode) -> Result<Vec<LeafRef>, Fault> {
        rows::leaves_by_prefix(self.tables, code.prefix())
    }

    /// The hash of a complete subtree, by its level and its place on it; none where leaves of it
    /// are missing.
    pub fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, Fault> {
        rows::node(self.tables, level, index)
    }

    /// The leaf whose note has this text, by the text's SHA-256.
    pub fn leaf_by_text(&self, text_hash: &Hash) -> Result<Option<LeafRef>, Fault> {
        rows::leaf_by_text(self.tables, text_hash)
    }

    /// The proof that a leaf is among the first `size`.
    pub fn inclusion(
        &self,
        index: LeafIndex,
        size: TreeSize,
    ) -> Result<InclusionProof, ProveError<Fault>> {
        let held = self.tree_size().map_err(ProveError::Nodes)?;
        if size > held {
            return Err(ProveError::NotInTree { index, size: held });
        }
        merkle::prove_inclusion(&StoredNodes(self.tables), index, size)
    }

    /// The proof that the first `to` leaves begin with the first `from`.
    pub fn consistency(
        &self,
        from: TreeSize,
        to: TreeSize,
    ) -> Result<ConsistencyProof, ProveError<Fault>> {
        let held = self.tree_size().map_err(ProveError::Nodes)?;
        if to > held {
            return Err(ProveError::NotAnExtension { from, to: held });
        }
        merkle::prove_consistency(&StoredNodes(self.tables), from, to)
    }

    /// A unit's head.
    pub fn head(&self, unit: &UnitId) -> Result<Option<Head>, Fault> {
        Ok(rows::sheet(self.tables, unit)?.head())
    }

    /// Every unit of the roster in force, ascending by id.
    pub fn units(&self) -> Result<Vec<Unit>, Fault> {
        rows::rows_under(self.tables, Table::Unit, &[], |_, line| {
            rows::decode_unit(line)
        })
    }

    /// How many units stand where.
    pub fn counts(&self) -> Result<Counts, Fault> {
        rows::counts(self.tables)
    }

    /// The sums of all heads that count on this basis.
    pub fn totals(&self, basis: Basis) -> Result<Totals, Fault> {
        totals::read(self.tables, basis)
    }

    /// What the sums on this basis are worth; none before the first manifest. This reads counties and
    /// pools, never the units.
    pub fn results(&self, basis: Basis) -> Result<Option<Results>, Fault> {
        totals::results(self.tables, basis).map_err(|stop| match stop {
            Stop::Fault(fault) => fault,
            Stop::Refused(_) => Fault::Corrupt {
                table: Table::CountyTotal,
                what: "the statewide sums are beyond 64 bits",
            },
        })
    }

    /// How many units are held, by county and by pool. How many have
    /// reported or are verified is the `units` of the [`totals`](View::totals) on that basis.
    pub fn held(&self) -> Result<HeldUnits, Fault> {
        totals::held(self.tables)
    }

    /// The common denominator of the counties' ratios; none before the first manifest.
    pub fn scale(&self) -> Result<Option<Scale>, Fault> {
        rows::scale(self.tables)
    }

    /// The roster in force; none before the first manifest.
    pub fn roster(&self) -> Result<Option<Roster>, Fault> {
        let units = self.units()?;
        if units.is_empty() {
            return Ok(None);
        }
        let counties = rows::counties(self.tables)?;
        Roster::new(counties, units)
            .map(Some)
            .map_err(|_| Fault::Corrupt {
                table: Table::County,
                what: "a unit's county is missing",
            })
    }

    /// The rules in force; none before the first manifest.
    pub fn rules(&self) -> Result<Option<Rules>, Fault> {
        Ok(rows::rules(self.tables)?.map(Arc::unwrap_or_clone))
    }

    /// All manifest versions in their order.
    pub fn manifests(&self) -> Result<Vec<ManifestVersion>, Fault> {
        let rows = rows::manifests(self.tables)?.into_iter();
        Ok(rows
            .map(|(version, row)| ManifestVersion {
                version,
                index: row.index,
                text_hash: row.text_hash,
            })
            .collect())
    }

    /// The manifest in force for a checkpoint of this size: the last one among its leaves.
    pub fn manifest_at(&self, size: TreeSize) -> Result<Option<Manifest>, Fault> {
        let versions = self.manifests()?;
        let last = versions
            .iter()
            .rfind(|version| version.index.get() < size.get());
        match last {
            Some(version) => rows::manifest_at_leaf(self.tables, version.index).map(Some),
            None => Ok(None),
        }
    }

    /// A file that a manifest binds, by its SHA-256.
    pub fn file(&self, hash: &Hash) -> Result<Option<Vec<u8>>, Fault> {
        rows::file(self.tables, hash)
    }

    /// The hash of the first manifest's text; none before it.
    pub fn genesis(&self) -> Result<Option<Hash>, Fault> {
        rows::genesis(self.tables)
    }

    /// The keys that may sign for a role now, as text.
    pub fn keys_of(&self, role: Role) -> Result<Vec<String>, Fault> {
        let place = Place::Role(role);
        let keys = rows::keys(self.tables)?.into_iter();
        Ok(keys
            .filter(|(_, row)| row.is_active(&place))
            .map(|(_, row)| row.vkey)
            .collect())
    }

    /// The leaf that closed the night, if it is closed.
    pub fn closed(&self) -> Result<Option<LeafIndex>, Fault> {
        rows::closed(self.tables)
    }

    /// The leaf digest after the first `size` leaves; none beyond the tree.
    pub fn leaf_digest(&self, size: TreeSize) -> Result<Option<Hash>, Fault> {
        rows::leaf_digest(self.tables, size)
    }

    /// The digest of the state without leaves, after the last command applied.
    pub fn side_digest(&self) -> Result<Hash, Fault> {
        rows::side_digest(self.tables)
    }

    /// The latest time that came with a command.
    pub fn last_time(&self) -> Result<UnixMillis, Fault> {
        rows::last_time(self.tables)
    }

    /// How many authentic notes met each refusal, by code.
    pub fn refused_counts(&self) -> Result<Vec<(String, u64)>, Fault> {
        rows::refused_counts(self.tables)
    }
}

/// The stored nodes, as proofs ask for them.
struct StoredNodes<'a, T>(&'a T);

impl<T: Tables> Nodes for StoredNodes<'_, T> {
    type Error = Fault;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Fault> {
        rows::node(self.0, level, index)?.ok_or(Fault::Corrupt {
            table: Table::Node,
            what: "a node of the tree is missing",
        })
    }
}
