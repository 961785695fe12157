//! The incremental feed: what has changed since a place in the log, and what holds now.
//!
//! ```text
//! schema        "precinct-tally/feed/v1"
//! election mode
//! from next     the page tells of the leaves from `from` on, up to and without `next`; ask for
//!               `next` to go on
//! log           { size, root }: the log whose figures are shown; `next` of its size is the end
//! rows          [{ unit, changes: [{ leaf, kind }], now }]
//! now           the unit's row of the JSON snapshot; null when the roster has it no more
//! ```
//!
//! A row shows what its unit stands at *now*, not what each leaf made of it: a consumer that replaces
//! its unit by `now` ends with the snapshot's figures, whatever pages it has read, and however often.
//! What happened in between is in `changes`, a correction as a correction.

use std::collections::BTreeMap;

use caucus::{Kind, PoolId, UnitId};
use merkle::LeafIndex;
use serde::Serialize;

use crate::json;
use crate::publication::{LogHead, Publication, UnitRow};
use crate::words::words;

/// The name of the format.
pub const SCHEMA: &str = "precinct-tally/feed/v1";

words! {
    /// What a leaf did to a unit.
    pub ChangeKind {
        /// Its first report.
        Report "report",
        /// A later sheet of its own.
        Correction "correction",
        /// Its head was taken away: reported under a wrong unit.
        Void "void",
        /// A review took the figures of another report.
        Take "take",
        /// Figures of a recanvass or recount were adopted.
        Adopt "adopt",
        /// A rival was recorded beside its head.
        Rival "rival",
        /// A second hand has agreed, or its findings were settled.
        Verified "verified",
        /// It waits for a review.
        Held "held",
        /// It is neither verified nor held any more.
        Received "received",
        /// An observer disputes it.
        Disputed "disputed",
        /// A dispute was answered.
        Answered "answered",
        /// It was recanvassed.
        Recanvassed "recanvassed",
        /// It was recounted.
        Recounted "recounted",
        /// Its figures were released.
        Released "released",
        /// Its figures were withheld.
        Withheld "withheld",
        /// Attendance in its pool has moved, and what its delegates are worth with it (R9).
        PoolMoved "pool_moved",
        /// The roster has it now, or not any more, or with other delegates.
        Roster "roster",
    }
}

/// One change of one unit, as the ledger lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedChange {
    /// The leaf that made it.
    pub leaf: LeafIndex,
    /// The unit.
    pub unit: UnitId,
    /// What it did.
    pub kind: ChangeKind,
}

/// One page of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<'a> {
    /// The first leaf it tells of.
    pub from: LeafIndex,
    /// The first it does not tell of.
    pub next: LeafIndex,
    /// The log whose figures it shows.
    pub log: LogHead,
    /// The units that changed, ascending.
    pub rows: Vec<FeedRow<'a>>,
    publication: &'a Publication,
}

/// One unit of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedRow<'a> {
    /// The unit.
    pub unit: UnitId,
    /// What happened to it within the page, ascending by leaf.
    pub changes: Vec<(LeafIndex, ChangeKind)>,
    /// How it stands now; none when the roster has it no more.
    pub now: Option<&'a UnitRow>,
}

impl ChangeKind {
    /// Whether what is shown of the unit's attendance may have moved, and with it the worth of all
    /// sites of its pool. A withheld site counts for nothing in what is published.
    const fn moves_pool(self) -> bool {
        match self {
            Self::Report
            | Self::Correction
            | Self::Void
            | Self::Take
            | Self::Adopt
            | Self::Released
            | Self::Withheld
            | Self::Roster => true,
            Self::Rival
            | Self::Verified
            | Self::Held
            | Self::Received
            | Self::Disputed
            | Self::Answered
            | Self::Recanvassed
            | Self::Recounted
            | Self::PoolMoved => false,
        }
    }
}

impl<'a> Page<'a> {
    /// The page that tells of `changes`, all of leaves from `from` on and before `next`, with the
    /// figures of a publication of a log that has at least those leaves.
    pub fn of(
        publication: &'a Publication,
        changes: &[LoggedChange],
        from: LeafIndex,
        next: LeafIndex,
    ) -> Self {
        let mut units: BTreeMap<&UnitId, Vec<(LeafIndex, ChangeKind)>> = BTreeMap::new();
        for change in changes {
            units
                .entry(&change.unit)
                .or_default()
                .push((change.leaf, change.kind));
        }
        let moved = pools_moved(publication, changes);
        for row in &publication.units {
            let Some(leaves) = pool_of(publication, &row.unit).and_then(|pool| moved.get(pool))
            else {
                continue;
            };
            let listed = units.entry(&row.unit).or_default();
            for leaf in leaves {
                if !listed
                    .iter()
                    .any(|(other, kind)| other == leaf && kind.moves_pool())
                {
                    listed.push((*leaf, ChangeKind::PoolMoved));
                }
            }
        }
        let rows = units.into_iter().map(|(unit, mut changes)| {
            changes.sort_unstable();
            changes.dedup();
            let found = publication.units.binary_search_by(|row| row.unit.cmp(unit));
            let now = found
                .ok()
                .and_then(|position| publication.units.get(position));
            FeedRow {
                unit: unit.clone(),
                changes,
                now,
            }
        });
        Self {
            from,
            next,
            log: publication.log,
            rows: rows.collect(),
            publication,
        }
    }

    /// The page's bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.document())
    }

    fn document(&self) -> Document<'_> {
        let change = |(leaf, kind): &(LeafIndex, ChangeKind)| Change {
            leaf: leaf.get(),
            kind: kind.as_str(),
        };
        let rows = self.rows.iter().map(|row| Row {
            unit: row.unit.as_str(),
            changes: row.changes.iter().map(change).collect(),
            now: row.now.map(|now| json::unit(self.publication, now)),
        });
        Document {
            schema: SCHEMA,
            election: self.publication.election.as_str(),
            mode: self.publication.mode.as_str(),
            from: self.from.get(),
            next: self.next.get(),
            log: Log {
                size: self.log.size.get(),
                root: self.log.root.to_hex(),
            },
            rows: rows.collect(),
        }
    }
}

fn pool_of<'a>(publication: &'a Publication, unit: &UnitId) -> Option<&'a PoolId> {
    match &publication.roster.unit(unit)?.kind {
        Kind::Precinct { .. } => None,
        Kind::Satellite { pool } => Some(pool),
    }
}

/// The pools whose attendance has moved, and by which leaves. A site that the roster has no more may
/// have been of any pool.
fn pools_moved<'a>(
    publication: &'a Publication,
    changes: &[LoggedChange],
) -> BTreeMap<&'a PoolId, Vec<LeafIndex>> {
    let mut moved: BTreeMap<&PoolId, Vec<LeafIndex>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.kind.moves_pool()) {
        let gone = publication.roster.unit(&change.unit).is_none();
        let pool = pool_of(publication, &change.unit);
        let pools = publication.rules.pools().iter().map(|pool| &pool.id);
        for pool in pools.filter(|id| gone || Some(*id) == pool) {
            moved.entry(pool).or_default().push(change.leaf);
        }
    }
    moved
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    election: &'a str,
    mode: &'static str,
    from: u64,
    next: u64,
    log: Log,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Log {
    size: u64,
    root: String,
}

#[derive(Serialize)]
struct Row<'a> {
    unit: &'a str,
    changes: Vec<Change>,
    now: Option<json::Unit<'a>>,
}

#[derive(Serialize)]
struct Change {
    leaf: u64,
    kind: &'static str,
}
