//! What must hold of the state at any time. Tests ask after every command, a node when it starts;
//! a node whose state does not hold it stops.
//!
//! ```text
//! leaves      numbered without a gap; each hash and text points back at its leaf
//! tree        nodes and frontier are those of the leaves
//! heads       each is a submission of its unit, its counts and standing those of the records
//! totals      the sums over all heads, and nothing else
//! replay      the leaves, applied again, give every row that is derived from leaves, and so the
//!             leaf digest
//! ```
//! Signatures are taken for checked: they were when the leaves were applied, and
//! [`replay`](crate::replay()) checks them again for whoever does not trust the node. What this
//! cannot see is a log that was rewritten whole; checkpoints that others hold show that.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use caucus::{Totals, Unit};
use merkle::{Frontier, Hash, LeafIndex};
use receipt::Leaf;

use crate::assess;
use crate::replay::{self, ReplayError};
use crate::rows::{self, LeafIndexRow, SheetRow};
use crate::tables::{Fault, Origin, Table, Tables};
use crate::totals;
use crate::view::{Counts, View};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A row does not fit the rest.
    #[error("table `{table}` does not hold: {what}")]
    Row {
        /// The table.
        table: Table,
        /// What does not fit.
        what: &'static str,
    },
    /// The leaves do not give this state.
    #[error("the leaves can not be applied again: {0}")]
    Replay(#[from] ReplayError),
    /// The state can not be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Checks everything. Its time grows with the leaves: it is a start-up check and a test.
pub fn check<T: Tables>(tables: &T) -> Result<(), Broken> {
    let leaves = leaves(tables)?;
    tree(tables, &leaves)?;
    heads(tables)?;
    let files = rows::rows_under(tables, Table::File, &[], |key, value| {
        let hash = Hash::from_slice(key).ok_or("a file's key is no hash")?;
        Ok((hash, value.to_vec()))
    })?;
    let files: BTreeMap<_, _> = files.into_iter().collect();
    if files
        .iter()
        .any(|(hash, bytes)| merkle::sha256(bytes) != *hash)
    {
        return Err(broken(Table::File, "a file is not what its hash says"));
    }
    same_rows(tables, &replay::replay_trusting(&leaves, &files)?)
}

fn broken(table: Table, what: &'static str) -> Broken {
    Broken::Row { table, what }
}

/// All leaves in their order.
fn leaves<T: Tables>(tables: &T) -> Result<Vec<Vec<u8>>, Broken> {
    let numbered = rows::rows_under(tables, Table::Leaf, &[], |key, value| {
        Ok((LeafIndexRow::decode(key)?.0, value.to_vec()))
    })?;
    let in_order = (0_u64..)
        .zip(&numbered)
        .all(|(place, (index, _))| index.get() == place);
    if !in_order {
        return Err(broken(
            Table::Leaf,
            "the leaves are not numbered without a gap",
        ));
    }
    Ok(numbered.into_iter().map(|(_, leaf)| leaf).collect())
}

/// The tree again from the leaves, node by node.
fn tree<T: Tables>(tables: &T, leaves: &[Vec<u8>]) -> Result<(), Broken> {
    let mut frontier = Frontier::new();
    let mut nodes = 0_usize;
    for (place, leaf) in (0_u64..).zip(leaves) {
        let hash = merkle::leaf_hash(leaf);
        if rows::leaf_by_hash(tables, &hash)? != Some(LeafIndex::new(place)) {
            return Err(broken(
                Table::LeafHash,
                "a leaf's hash does not point at it",
            ));
        }
        for node in frontier.push(hash) {
            nodes = nodes.saturating_add(1);
            if rows::node(tables, node.level, node.index)? != Some(node.hash) {
                return Err(broken(
                    Table::Node,
                    "a node is not the hash of what is below it",
                ));
            }
        }
    }
    if rows::frontier(tables)? != frontier {
        return Err(broken(
            Table::Meta,
            "the frontier is not that of the leaves",
        ));
    }
    let stored = rows::rows_under(tables, Table::Node, &[], |_, _| Ok(()))?.len();
    if stored != nodes {
        return Err(broken(
            Table::Node,
            "there are nodes of leaves that are not there",
        ));
    }
    Ok(())
}

/// The heads: that each is a report of its unit, and that counts and sums are theirs.
fn heads<T: Tables>(tables: &T) -> Result<(), Broken> {
    let units: BTreeMap<_, Unit> = View::new(tables)
        .units()?
        .into_iter()
        .map(|unit| (unit.id.clone(), unit))
        .collect();
    let sheets = rows::rows_under(tables, Table::UnitSheet, &[], |key, value| {
        Ok((rows::unit_of_key(key)?, SheetRow::decode(value)?))
    })?;
    let Some(rules) = rows::rules(tables)? else {
        return if sheets.is_empty() {
            Ok(())
        } else {
            Err(broken(
                Table::UnitSheet,
                "there are reports before the first manifest",
            ))
        };
    };
    let mut sums = Totals::default();
    let mut counts = Counts::default();
    for (id, sheet) in sheets {
        let unit = units
            .get(&id)
            .ok_or_else(|| broken(Table::UnitSheet, "a report of a unit that is not there"))?;
        counts = counts
            .with(assess::standing(&sheet))
            .ok_or_else(|| broken(Table::Meta, "more reports than can be counted"))?;
        let Some(head) = sheet.head() else {
            continue;
        };
        let bytes = rows::leaf(tables, head.index)?.unwrap_or_default();
        if merkle::leaf_hash(&bytes) != head.hash {
            return Err(broken(Table::UnitSheet, "a head's hash is not its leaf's"));
        }
        let Leaf::Submission(submission) = rows::parsed_leaf(tables, head.index)? else {
            return Err(broken(Table::UnitSheet, "a head is no submission"));
        };
        if submission.unit != id || submission.seq != head.seq {
            return Err(broken(
                Table::UnitSheet,
                "a head is another unit's or number's",
            ));
        }
        sums.add(unit, &submission.figures.worksheet, &rules)
            .map_err(|_| broken(Table::CountyTotal, "the heads can not be added up"))?;
    }
    if rows::counts(tables)? != counts {
        return Err(broken(Table::Meta, "the counts are not those of the heads"));
    }
    if totals::read(tables)? != sums {
        return Err(broken(
            Table::CountyTotal,
            "the sums are not those of the heads",
        ));
    }
    Ok(())
}

/// Whether every table derived from leaves has the same rows as the replayed one.
fn same_rows<T: Tables>(tables: &T, replayed: &impl Tables) -> Result<(), Broken> {
    let row = |key: &[u8], value: &[u8]| Ok((key.to_vec(), value.to_vec()));
    for table in Table::ALL
        .iter()
        .copied()
        .filter(|table| table.origin() == Origin::Leaves)
    {
        let ours = rows::rows_under(tables, table, &[], row)?;
        let theirs = rows::rows_under(replayed, table, &[], row)?;
        if ours != theirs {
            return Err(broken(table, "its rows are not those that the leaves give"));
        }
    }
    Ok(())
}
