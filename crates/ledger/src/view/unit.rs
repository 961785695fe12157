//! Everything that is recorded of one unit.

use alloc::vec::Vec;

use caucus::{FindingCode, Recomputed, Slot, Standing, Unit, UnitId, Worksheet};
use merkle::{LeafHash, LeafIndex};
use receipt::Leaf;
use receipt::leaf::{Answered, KeyReference};

use super::View;
use super::findings::UnitFinding;
use crate::hands;
use crate::outcome::{Head, LeafRef};
use crate::rows::{self, GoneRow, KeyRef, RivalRow, SheetRow, Signer};
use crate::tables::{Fault, Table, Tables};
use crate::{assess, gate};

/// Everything recorded of one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitView {
    /// The unit, as the roster in force has it, or had it last.
    pub unit: Unit,
    /// Whether it is on the roster in force.
    pub membership: Membership,
    /// Where it stands.
    pub standing: Standing,
    /// What stands beside its standing.
    pub marks: Marks,
    /// Its head.
    pub head: Option<Head>,
    /// How its head came about.
    pub source: Option<HeadSource>,
    /// The head's figures as reported.
    pub worksheet: Option<Worksheet>,
    /// The award as the rules give it, beside the reported one.
    pub recomputed: Option<Recomputed>,
    /// Why it is held, ascending.
    pub held_for: Vec<FindingCode>,
    /// Everything there is to say about it, open or settled.
    pub findings: Vec<UnitFinding>,
    /// Leaves of other hands whose compared cells equal the head's, ascending.
    pub witnesses: Vec<LeafIndex>,
    /// The last review that settled something of this head and counts.
    pub accepted: Option<LeafIndex>,
    /// Recorded notes that are not on the head's way, ascending by leaf.
    pub rivals: Vec<RivalView>,
    /// The newest attestation of each signer, ascending by leaf.
    pub attests: Vec<AttestView>,
    /// Campaigns' disputes, ascending by leaf.
    pub disputes: Vec<DisputeView>,
    /// What was counted again, ascending by leaf: columns of their own.
    pub counts_again: Vec<CountAgainView>,
    /// Whether the result pages may show its figures.
    pub release: Release,
}

/// Whether a unit is on the roster in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// It meets.
    InForce,
    /// It was closed. Notes for it are strays.
    Closed {
        /// The act that closed it.
        by: LeafIndex,
    },
    /// It meets together with another unit. Notes for it are strays.
    Merged {
        /// The act that merged it.
        by: LeafIndex,
        /// The unit it meets with.
        into: UnitId,
    },
}

/// Whether a mark is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is not.
    Unset,
    /// It is.
    Set,
}

/// Marks beside a unit's standing: they say what happened and decide nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Its head is not the first record of its chain.
    pub corrected: Mark,
    /// A dispute is open.
    pub disputed: Mark,
    /// It was counted again by the party.
    pub recanvassed: Mark,
    /// Its cards were counted again.
    pub recounted: Mark,
    /// The head's figures came after the close.
    pub late: Mark,
}

/// How a head came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSource {
    /// Whether it was submitted, taken or adopted.
    pub origin: HeadOrigin,
    /// The leaf whose figures count: another than the head where a review took them.
    pub figures: LeafIndex,
    /// Every hand behind the figures.
    pub signers: Vec<SignerView>,
}

/// How a head came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadOrigin {
    /// A report: its own leaf is the head.
    Submitted,
    /// A review took the figures of another record: the review's leaf is the head.
    Taken,
    /// A recanvass or recount was adopted: its leaf is the head.
    Adopted,
}

/// One who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerView {
    /// The key.
    pub key: KeyReference,
    /// The slot, for a key of the unit's chair or secretary.
    pub slot: Option<Slot>,
}

/// A recorded note that is not the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RivalView {
    /// Its leaf.
    pub leaf: LeafRef,
    /// How it stands to the head.
    pub standing: RivalStanding,
    /// Who signed it.
    pub signers: Vec<SignerView>,
}

/// How a recorded note beside the head stands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RivalStanding {
    /// Its compared cells equal the head's, and those of every head since it was looked at last.
    Agrees,
    /// Its compared cells differed from a head; the unit is held until a review.
    Differs,
    /// The head's own chain names it as a predecessor.
    Superseded,
    /// It was the head and was taken away.
    Voided,
    /// It came for a unit that was closed or merged.
    Stray,
}

/// A second record of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestView {
    /// Its leaf.
    pub leaf: LeafIndex,
    /// Who signed it.
    pub signer: SignerView,
    /// How it stands to the head.
    pub standing: AttestStanding,
}

/// How a second record of the sheet stands to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttestStanding {
    /// There is no head to compare it with.
    Waits,
    /// What it states equals the head, and it states all that a witness must.
    Agrees,
    /// What it states equals the head, and it states too little.
    Incomplete,
    /// A cell that it states differs.
    Differs,
}

/// A campaign's dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeView {
    /// Its leaf.
    pub leaf: LeafRef,
    /// The head it was about.
    pub of: LeafHash,
    /// Who raised it.
    pub by: KeyReference,
    /// The leaf that answered it and what it said; none while it is open.
    pub answer: Option<(LeafIndex, Answered)>,
}

/// A recanvass or recount.
#[derive(Debug, Clone, PartialEq)]
pub struct CountAgainView {
    /// Its leaf.
    pub leaf: LeafRef,
    /// Which of the two.
    pub kind: CountKind,
    /// Whether its figures became the head.
    pub adopted: Answered,
    /// What was found.
    pub worksheet: Worksheet,
}

/// Which count made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountKind {
    /// The party's own, of the sheets.
    Recanvass,
    /// On demand of a campaign, of the cards.
    Recount,
}

/// Whether the result pages and feeds may show figures. The log shows every leaf at all times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// They may.
    Released,
    /// They may not.
    Withheld,
}

impl Mark {
    /// Whether it is set.
    pub const fn is_set(self) -> bool {
        match self {
            Self::Set => true,
            Self::Unset => false,
        }
    }

    const fn of(set: bool) -> Self {
        if set { Self::Set } else { Self::Unset }
    }
}

impl From<&Signer> for SignerView {
    fn from(signer: &Signer) -> Self {
        Self {
            key: KeyReference::from(&signer.key),
            slot: signer.slot,
        }
    }
}

impl From<&KeyRef> for KeyReference {
    fn from(key: &KeyRef) -> Self {
        Self {
            name: key.name.clone(),
            id: key.id,
        }
    }
}

impl<T: Tables> View<'_, T> {
    /// Everything recorded of a unit; none if the roster never had it.
    pub fn unit(&self, id: &UnitId) -> Result<Option<UnitView>, Fault> {
        if let Some(unit) = rows::unit(self.tables, id)? {
            return self.unit_view(unit, Membership::InForce).map(Some);
        }
        let Some(gone) = rows::gone(self.tables, id)? else {
            return Ok(None);
        };
        let unit = gone.unit()?;
        let GoneRow { by, into, .. } = gone;
        let membership = match into {
            None => Membership::Closed { by },
            Some(into) => Membership::Merged { by, into },
        };
        self.unit_view(unit, membership).map(Some)
    }

    fn unit_view(&self, unit: Unit, membership: Membership) -> Result<UnitView, Fault> {
        let tables = self.tables;
        let sheet = rows::sheet(tables, &unit.id)?;
        let worksheet = match &sheet.head {
            Some(row) => Some(rows::worksheet_of(tables, row.figures)?),
            None => None,
        };
        let rules = self.rules()?;
        let recomputed = rules.as_ref().zip(worksheet.as_ref());
        let disputes = self.disputes(&unit.id)?;
        let counts_again = self.counts_again(&unit.id)?;
        Ok(UnitView {
            standing: assess::standing(&sheet),
            marks: self.marks(&sheet, &disputes, &counts_again)?,
            head: sheet.head(),
            source: sheet.head.as_ref().map(|row| HeadSource {
                origin: row.origin,
                figures: row.figures,
                signers: row.signers.iter().map(SignerView::from).collect(),
            }),
            recomputed: recomputed.map(|(rules, sheet)| caucus::recomputed(rules, &unit, sheet)),
            findings: self.findings_of(&unit, &membership, &sheet, worksheet.as_ref())?,
            rivals: self.rivals(&unit.id)?,
            attests: self.attests(&unit, worksheet.as_ref())?,
            release: gate::release_of(tables, &unit)?,
            worksheet,
            held_for: sheet.held_for,
            witnesses: sheet.witnesses,
            accepted: sheet.accepted,
            disputes,
            counts_again,
            membership,
            unit,
        })
    }

    fn marks(
        &self,
        sheet: &SheetRow,
        disputes: &[DisputeView],
        counts_again: &[CountAgainView],
    ) -> Result<Marks, Fault> {
        let counted = |kind| Mark::of(counts_again.iter().any(|count| count.kind == kind));
        Ok(Marks {
            corrected: Mark::of(sheet.head().is_some_and(|head| head.seq > 1)),
            disputed: Mark::of(disputes.iter().any(|dispute| dispute.answer.is_none())),
            recanvassed: counted(CountKind::Recanvass),
            recounted: counted(CountKind::Recount),
            late: Mark::of(self.late_by(sheet)?.is_some()),
        })
    }

    /// The close after which the head's figures came, if they did. A count made again is no report.
    pub(super) fn late_by(&self, sheet: &SheetRow) -> Result<Option<LeafIndex>, Fault> {
        let Some(row) = &sheet.head else {
            return Ok(None);
        };
        Ok(match row.origin {
            HeadOrigin::Adopted => None,
            HeadOrigin::Submitted | HeadOrigin::Taken => {
                rows::closed(self.tables)?.filter(|closed| row.figures > *closed)
            }
        })
    }

    fn rivals(&self, unit: &UnitId) -> Result<Vec<RivalView>, Fault> {
        let mut rows = rows::rivals(self.tables, unit)?;
        rows.extend(rows::superseded(self.tables, unit)?);
        rows.extend(rows::set_aside(self.tables, unit)?);
        rows.sort_unstable_by_key(|(index, _)| *index);
        let view = |(index, row): (LeafIndex, RivalRow)| RivalView {
            leaf: LeafRef {
                index,
                hash: row.hash,
            },
            standing: row.standing,
            signers: row.signers.iter().map(SignerView::from).collect(),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    fn attests(&self, unit: &Unit, head: Option<&Worksheet>) -> Result<Vec<AttestView>, Fault> {
        let mut views = Vec::new();
        for (signer, leaf) in rows::attests(self.tables, &unit.id)? {
            let Leaf::Attest(attest) = rows::parsed_leaf(self.tables, leaf)? else {
                continue;
            };
            let figures = &attest.figures;
            let standing = match head {
                None => AttestStanding::Waits,
                Some(head) if hands::differs_from(figures, head) => AttestStanding::Differs,
                Some(_) if hands::states_enough(figures, unit) => AttestStanding::Agrees,
                Some(_) => AttestStanding::Incomplete,
            };
            views.push(AttestView {
                leaf,
                signer: SignerView::from(&signer),
                standing,
            });
        }
        views.sort_unstable_by_key(|view| view.leaf);
        Ok(views)
    }

    fn disputes(&self, unit: &UnitId) -> Result<Vec<DisputeView>, Fault> {
        let rows = rows::disputes(self.tables, unit)?.into_iter();
        Ok(rows
            .map(|(index, row)| DisputeView {
                leaf: LeafRef {
                    index,
                    hash: row.hash,
                },
                of: row.of,
                by: KeyReference::from(&row.by),
                answer: row.answer,
            })
            .collect())
    }

    fn counts_again(&self, unit: &UnitId) -> Result<Vec<CountAgainView>, Fault> {
        let mut views = Vec::new();
        for (index, row) in rows::counts_again(self.tables, unit)? {
            views.push(CountAgainView {
                leaf: LeafRef {
                    index,
                    hash: row.hash,
                },
                kind: row.kind,
                adopted: row.adopted,
                worksheet: rows::worksheet_of(self.tables, index)?,
            });
        }
        Ok(views)
    }

    /// The units that are held, disputed or silent, ascending by id: what the desk has before it.
    pub fn open_questions(&self) -> Result<Vec<OpenUnit>, Fault> {
        let mut disputed: Vec<(UnitId, u64)> = Vec::new();
        let open = rows::rows_under(self.tables, Table::Dispute, &[], rows::open_dispute_of)?;
        for unit in open.into_iter().flatten() {
            match disputed.last_mut() {
                Some((last, count)) if *last == unit => *count = count.saturating_add(1),
                Some(_) | None => disputed.push((unit, 1)),
            }
        }
        let mut found = Vec::new();
        for unit in self.units()? {
            let sheet = rows::sheet(self.tables, &unit.id)?;
            let disputes = disputed
                .binary_search_by(|(id, _)| id.cmp(&unit.id))
                .ok()
                .and_then(|place| disputed.get(place))
                .map_or(0, |(_, count)| *count);
            let standing = assess::standing(&sheet);
            let is_open = match standing {
                Standing::Silent | Standing::Held => true,
                Standing::Received | Standing::Verified => disputes > 0,
            };
            if is_open {
                found.push(OpenUnit {
                    unit,
                    standing,
                    held_for: sheet.held_for,
                    disputes,
                });
            }
        }
        Ok(found)
    }
}

/// A unit about which something is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUnit {
    /// The unit.
    pub unit: Unit,
    /// Where it stands.
    pub standing: Standing,
    /// Why it is held, ascending.
    pub held_for: Vec<FindingCode>,
    /// How many of its disputes are open.
    pub disputes: u64,
}
