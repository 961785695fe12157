//! What is published at one size of the log, as plain facts: the one input of every format.
//!
//! Whoever fills a [`Publication`] copies, it decides nothing here. Two rules bind it, and
//! [`crate::checked`] holds it to them before anything is written: every unit of the roster has its
//! row, and the results are the sums of the units that are *released*. Were a withheld unit part of
//! a sum, anyone could find its figures by subtracting its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use caucus::{
    Basis, Delegates, ElectionId, FindingCode, GroupId, Recomputed, Results, Roster, Rules, Sde,
    Standing, UnitId, Worksheet,
};
use merkle::{Hash, LeafHash, LeafIndex, TreeSize};

use crate::day::{Day, Moment};
use crate::words::words;

/// Everything that is published about one contest at one size of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The contest.
    pub election: ElectionId,
    /// What people call it.
    pub title: String,
    /// Whether this is the night itself.
    pub mode: Mode,
    /// Who publishes.
    pub issuer: Issuer,
    /// The day of the caucuses, by the calendar of the place.
    pub day: Day,
    /// When the publication was put together; an argument, since nothing here reads a clock.
    pub generated: Moment,
    /// The program and its version.
    pub build: String,
    /// SHA-256 of the rule file in force.
    pub rules_hash: Hash,
    /// The log it was read from.
    pub log: LogHead,
    /// Counties and units in force.
    pub roster: Roster,
    /// The rules in force.
    pub rules: Rules,
    /// Every unit of the roster, ascending by id.
    pub units: Vec<UnitRow>,
    /// The sums of the released units, on every basis.
    pub results: BTreeMap<Basis, Results>,
    /// National delegates, on every basis that has them, in the order of the rules.
    pub national: BTreeMap<Basis, Vec<NationalRow>>,
}

/// Who publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The party, in full.
    pub name: String,
    /// Its short form.
    pub abbreviation: String,
    /// What people call the state.
    pub state: String,
}

/// The log's size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// How many leaves it has.
    pub size: TreeSize,
    /// The root of these leaves.
    pub root: Hash,
}

/// One unit of the roster.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitRow {
    /// The unit.
    pub unit: UnitId,
    /// Where it stands.
    pub standing: Standing,
    /// What stands beside that.
    pub marks: BTreeSet<Mark>,
    /// What is wrong or worth knowing about it.
    pub findings: BTreeSet<FindingCode>,
    /// What is shown of its sheet.
    pub report: Report,
}

/// What is shown of a unit's sheet. A withheld one has no place for a figure, so none gets out.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// No report counts for it yet.
    Silent,
    /// A report counts, and its figures are not released.
    Withheld(Head),
    /// The figures are released.
    Released(Head, Box<Figures>),
}

/// The leaf whose figures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Where it stands in the log.
    pub leaf: LeafIndex,
    /// Its hash: what the chair's receipt names.
    pub hash: LeafHash,
    /// Which version of the unit's sheet it is, from 1.
    pub seq: u64,
}

/// A released unit's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The sheet as delivered.
    pub worksheet: Worksheet,
    /// What the reported delegates are worth.
    pub sde: BTreeMap<GroupId, Sde>,
    /// What the rules give.
    pub recomputed: Recomputed,
    /// What the recomputed delegates are worth.
    pub recomputed_sde: BTreeMap<GroupId, Sde>,
}

/// One group's national delegates in one part of the delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NationalRow {
    /// The part, as the rules name it: a district's id, `at-large`, `leaders`.
    pub part: String,
    /// The group.
    pub group: GroupId,
    /// Its delegates.
    pub delegates: Delegates,
}

words! {
    /// Whether it counts.
    pub Mode {
        /// The night itself.
        Live "live",
        /// A rehearsal; every file says so, so that it is never taken for the night.
        Rehearsal "rehearsal",
    }

    /// What stands beside a unit's standing.
    pub Mark {
        /// Its figures are not those first reported.
        Corrected "corrected",
        /// An observer's dispute is open.
        Disputed "disputed",
        /// It was recanvassed.
        Recanvassed "recanvassed",
        /// Its preference cards were counted again.
        Recounted "recounted",
        /// Its report came after the night was closed.
        Late "late",
    }

    /// What is shown of a unit, as a word.
    pub Published {
        /// Nothing has been reported.
        Silent "silent",
        /// Reported, and not shown.
        Withheld "withheld",
        /// Shown.
        Released "released",
    }

    /// Which figure a cell holds.
    pub Set {
        /// First alignment, in people.
        First "first",
        /// Final alignment, in people.
        Final "final",
        /// Delegates to the county convention, or of the satellite.
        Delegates "delegates",
        /// State delegate equivalents, with four decimals.
        Sde "sde",
    }
}

impl Report {
    /// As a word.
    pub const fn published(&self) -> Published {
        match self {
            Self::Silent => Published::Silent,
            Self::Withheld(_) => Published::Withheld,
            Self::Released(..) => Published::Released,
        }
    }

    /// The head, where there is one.
    pub const fn head(&self) -> Option<&Head> {
        match self {
            Self::Silent => None,
            Self::Withheld(head) | Self::Released(head, _) => Some(head),
        }
    }

    /// The figures, where they are released.
    pub fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Silent | Self::Withheld(_) => None,
            Self::Released(_, figures) => Some(figures),
        }
    }
}
