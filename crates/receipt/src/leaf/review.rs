//! What is said about a report once it is recorded: review, void, dispute, answer.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use caucus::{GroupId, UnitId, parse_number};
use merkle::LeafHash;
use note::b64;

use super::header::{self, Answered, Header, Reason};
use crate::lines::{self, Lines, Malformed};
use crate::words::words;

/// The most findings one review may settle and the most cells one dispute may claim: as many
/// lines as a note holds beside its header.
const MAX_LISTED: usize = 256;

/// A reviewer's decision about a unit's head.
///
/// ```text
/// unit <unit>
/// of <leaf hash of the head>
/// decision accept|ask|hold|take
/// [takes <leaf hash>]            if and only if the decision is take
/// finding <code>                 *
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Which election, which note.
    pub header: Header,
    /// The precinct or satellite.
    pub unit: UnitId,
    /// The head that the reviewer looked at.
    pub of: LeafHash,
    /// What was decided.
    pub decision: Decision,
    /// The findings that the decision is about, ascending.
    pub findings: Vec<FindingName>,
    /// Why.
    pub reason: Reason,
}

/// What a reviewer may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The named findings are settled for this head.
    Accept,
    /// The unit stays held, with a question to the chair.
    Ask,
    /// The unit stays held.
    Hold,
    /// The figures of another leaf become the head.
    Take(LeafHash),
}

words! {
    /// The word of a decision.
    pub enum DecisionWord {
        /// [`Decision::Accept`]
        Accept = "accept",
        /// [`Decision::Ask`]
        Ask = "ask",
        /// [`Decision::Hold`]
        Hold = "hold",
        /// [`Decision::Take`]
        Take = "take",
    }
}

impl Decision {
    /// The word that stands behind `decision`.
    pub const fn word(&self) -> DecisionWord {
        match self {
            Self::Accept => DecisionWord::Accept,
            Self::Ask => DecisionWord::Ask,
            Self::Hold => DecisionWord::Hold,
            Self::Take(_) => DecisionWord::Take,
        }
    }

    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        let word = lines.value("decision", "<accept|ask|hold|take>", DecisionWord::parse)?;
        Ok(match word {
            DecisionWord::Accept => Self::Accept,
            DecisionWord::Ask => Self::Ask,
            DecisionWord::Hold => Self::Hold,
            DecisionWord::Take => Self::Take(header::leaf_hash(lines, "takes")?),
        })
    }
}

/// The code of a finding, as a review names it: 1 to 64 letters, digits and underscores.
///
/// Not the closed list of `caucus`: every reason for being held has a code, and a log outlives
/// the list of the day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingName(String);

impl FindingName {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        sound.then(|| Self(text.into()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Review {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            unit: header::unit(lines)?,
            of: header::leaf_hash(lines, "of")?,
            decision: Decision::read(lines)?,
            findings: lines.list("finding", "<code>", MAX_LISTED, |text| {
                let name = FindingName::parse(text)?;
                Some((name.clone(), name))
            })?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unit {}", self.unit)?;
        writeln!(f, "of {}", b64::encode_hash(self.of.as_hash()))?;
        writeln!(f, "decision {}", self.decision.word())?;
        if let Decision::Take(leaf) = &self.decision {
            writeln!(f, "takes {}", b64::encode_hash(leaf.as_hash()))?;
        }
        for finding in &self.findings {
            writeln!(f, "finding {}", finding.as_str())?;
        }
        writeln!(f, "reason {}", self.reason)
    }
}

/// Takes a unit's head away: it was reported under a wrong precinct. The record stays.
///
/// ```text
/// unit <unit>
/// of <leaf hash of the head>
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// Which election, which note.
    pub header: Header,
    /// The precinct or satellite.
    pub unit: UnitId,
    /// The head that goes.
    pub of: LeafHash,
    /// Why.
    pub reason: Reason,
}

impl Void {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            unit: header::unit(lines)?,
            of: header::leaf_hash(lines, "of")?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unit {}", self.unit)?;
        writeln!(f, "of {}", b64::encode_hash(self.of.as_hash()))?;
        writeln!(f, "reason {}", self.reason)
    }
}

/// A campaign's claim that a recorded figure is wrong.
///
/// ```text
/// unit <unit>
/// of <leaf hash of the head>
/// cell <attendees|delegates|final|first> <group, or '-' for attendees> <number claimed>   1*
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Which election, which note.
    pub header: Header,
    /// The precinct or satellite.
    pub unit: UnitId,
    /// The head that is disputed.
    pub of: LeafHash,
    /// What it should say: at least one cell, ascending by column and group.
    pub cells: Vec<ClaimedCell>,
    /// Why.
    pub reason: Reason,
}

words! {
    /// A column of the sheet, in the order in which `cell` lines ascend.
    pub enum Column {
        /// Heads counted at the start; has no group.
        Attendees = "attendees",
        /// Delegates as reported.
        Delegates = "delegates",
        /// Final alignment.
        Final = "final",
        /// First alignment.
        First = "first",
    }
}

/// One cell and what it should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedCell {
    /// Which column.
    pub column: Column,
    /// Which row; none for the attendees.
    pub group: Option<GroupId>,
    /// The number claimed.
    pub claimed: u64,
}

impl ClaimedCell {
    fn parse(text: &str) -> Option<((Column, Option<GroupId>), Self)> {
        let [column, group, claimed] = lines::fields(text)?;
        let column = Column::parse(column)?;
        let group = lines::dash(group, |group| GroupId::parse(group).ok()).ok()?;
        if group.is_none() != (column == Column::Attendees) {
            return None;
        }
        let claimed = parse_number(claimed)?;
        Some((
            (column, group.clone()),
            Self {
                column,
                group,
                claimed,
            },
        ))
    }
}

impl Dispute {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        const SHAPE: &str = "<attendees|delegates|final|first> <group or -> <number>";
        let unit = header::unit(lines)?;
        let of = header::leaf_hash(lines, "of")?;
        let cells = lines.list("cell", SHAPE, MAX_LISTED, ClaimedCell::parse)?;
        if cells.is_empty() {
            return Err(lines.fault(alloc::format!("expected `cell {SHAPE}`")));
        }
        Ok(Self {
            header,
            unit,
            of,
            cells,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unit {}", self.unit)?;
        writeln!(f, "of {}", b64::encode_hash(self.of.as_hash()))?;
        for cell in &self.cells {
            let group = cell
                .group
                .as_ref()
                .map_or_else(|| "-".to_string(), ToString::to_string);
            writeln!(f, "cell {} {group} {}", cell.column, cell.claimed)?;
        }
        writeln!(f, "reason {}", self.reason)
    }
}

/// Closes a dispute. A change of figures is a review.
///
/// ```text
/// to <leaf hash of the dispute>
/// upheld yes|no
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which election, which note.
    pub header: Header,
    /// The dispute.
    pub to: LeafHash,
    /// Whether the campaign was right.
    pub upheld: Answered,
    /// Why.
    pub reason: Reason,
}

impl Answer {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            to: header::leaf_hash(lines, "to")?,
            upheld: lines.value("upheld", "<yes|no>", Answered::parse)?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "to {}", b64::encode_hash(self.to.as_hash()))?;
        writeln!(f, "upheld {}", self.upheld)?;
        writeln!(f, "reason {}", self.reason)
    }
}
