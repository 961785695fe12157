//! What must hold of the state at any time. Tests ask after every command, a node when it starts;
//! a node whose state does not hold it stops.
//!
//! ```text
//! leaves      numbered without a gap; each hash and text points back at its leaf
//! tree        nodes and frontier are those of the leaves
//! heads       each is what its leaf makes of it, its counts and standing those of the records
//! totals      the sums over all heads on each basis, and nothing else
//! replay      the leaves, applied again, give every row that is derived from leaves, and so the
//!             leaf digest
//! ```
//! Signatures are taken for checked: they were when the leaves were applied, and
//! [`replay`](crate::replay()) checks them again for whoever does not trust the node. What this
//! cannot see is a log that was rewritten whole; checkpoints that others hold show that.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use caucus::{Basis, Kind, Roster, Scale, Standing, Totals, Unit, UnitId, Worksheet};
use merkle::{Frontier, Hash, LeafIndex};
use receipt::Leaf;
use receipt::leaf::{Answered, Decision};

use crate::assess;
use crate::replay::{self, ReplayError};
use crate::rows::{self, HeadRow, LeafIndexRow, SheetRow};
use crate::tables::{Fault, Origin, Table, Tables};
use crate::totals;
use crate::view::{Counts, HeadOrigin, HeldUnits, View};

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
    let sheets = rows::rows_under(tables, Table::UnitSheet, &[], |key, value| {
        Ok((rows::unit_of_key(key)?, SheetRow::decode(value)?))
    })?;
    let Some(roster) = View::new(tables).roster()? else {
        return if sheets.is_empty() {
            Ok(())
        } else {
            Err(broken(
                Table::UnitSheet,
                "there are reports before the first manifest",
            ))
        };
    };
    let mut counted = Vec::new();
    let mut counts = Counts::default();
    for (id, sheet) in sheets {
        counts = counts
            .with(assess::standing(&sheet))
            .ok_or_else(|| broken(Table::Meta, "more reports than can be counted"))?;
        let Some(row) = &sheet.head else {
            continue;
        };
        // Of a unit that was closed or merged there may be records, and no head.
        let unit = roster
            .unit(&id)
            .ok_or_else(|| broken(Table::UnitSheet, "a head of a unit that does not meet"))?;
        let head = row.head;
        let bytes = rows::leaf(tables, head.index)?.unwrap_or_default();
        if merkle::leaf_hash(&bytes) != head.hash {
            return Err(broken(Table::UnitSheet, "a head's hash is not its leaf's"));
        }
        let worksheet = figures_of(tables, &id, row)?;
        let standing = assess::standing(&sheet);
        counted.push((unit, worksheet, standing));
    }
    let open = rows::rows_under(tables, Table::Dispute, &[], rows::open_dispute_of)?;
    let disputed: BTreeSet<UnitId> = open.into_iter().flatten().collect();
    counts.disputed = u64::try_from(disputed.len()).unwrap_or(u64::MAX);
    if rows::counts(tables)? != counts {
        return Err(broken(Table::Meta, "the counts are not those of the heads"));
    }
    sums(tables, &roster, &counted)
}

/// The sums: that on each basis, and for the units held, they are those of these heads.
fn sums<T: Tables>(
    tables: &T,
    roster: &Roster,
    counted: &[(&Unit, Worksheet, Standing)],
) -> Result<(), Broken> {
    let scale = Scale::of(roster.counties());
    if rows::scale(tables)?.as_ref() != Some(&scale) {
        return Err(broken(Table::Meta, "the scale is not that of the counties"));
    }
    let missing = || broken(Table::File, "there are reports without rules");
    let rules = rows::rules(tables)?.ok_or_else(missing)?;
    for basis in Basis::ALL {
        let mut sums = Totals::default();
        for (unit, worksheet, standing) in counted {
            if let Some(sheet) = basis.sheet(&rules, unit, worksheet, *standing) {
                sums.add(unit, &sheet, &rules, roster, &scale)
                    .map_err(|_| broken(Table::CountyTotal, "the heads can not be added up"))?;
            }
        }
        if totals::read(tables, basis)? != sums {
            return Err(broken(
                Table::CountyTotal,
                "the sums are not those of the heads",
            ));
        }
    }
    let mut held = HeldUnits::default();
    for (unit, _, standing) in counted {
        if *standing == Standing::Held {
            let count: &mut u64 = match &unit.kind {
                Kind::Precinct { county, .. } => held.counties.entry(county.clone()).or_default(),
                Kind::Satellite { pool } => held.pools.entry(pool.clone()).or_default(),
            };
            *count = count.saturating_add(1);
        }
    }
    if totals::held(tables)? != held {
        return Err(broken(
            Table::AreaHeld,
            "the units held are not counted there",
        ));
    }
    Ok(())
}

/// The figures of a head, which must come from where the head says.
fn figures_of<T: Tables>(tables: &T, unit: &UnitId, row: &HeadRow) -> Result<Worksheet, Broken> {
    let is_of = |leaf: &Leaf| leaf.unit() == Some(unit);
    let head = rows::parsed_leaf(tables, row.head.index)?;
    let fits = is_of(&head)
        && match (row.origin, &head) {
            (HeadOrigin::Submitted, Leaf::Submission(submission)) => {
                submission.seq == row.head.seq && row.figures == row.head.index
            }
            (HeadOrigin::Adopted, Leaf::Recanvass(count) | Leaf::Recount(count)) => {
                count.adopt == Answered::Yes && row.figures == row.head.index
            }
            (HeadOrigin::Taken, Leaf::Review(review)) => {
                let taken = rows::leaf(tables, row.figures)?.unwrap_or_default();
                is_of(&rows::parsed_leaf(tables, row.figures)?)
                    && review.decision == Decision::Take(merkle::leaf_hash(&taken))
            }
            (HeadOrigin::Submitted | HeadOrigin::Taken | HeadOrigin::Adopted, _) => false,
        };
    if fits {
        Ok(rows::worksheet_of(tables, row.figures)?)
    } else {
        Err(broken(
            Table::UnitSheet,
            "a head is not what its leaf makes of it",
        ))
    }
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
