//! Where a unit stands: what its head, the records beside it and the keys behind them say taken
//! together.
//!
//! The standing is a function of what is recorded, not of how it came about: it is computed anew
//! whenever one of these changes. One thing is kept on purpose: a rival that once differed from a
//! head holds the unit until a review, even if the head is then corrected to agree with it.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use caucus::{Kind, Rules, Severity, Slot, Standing, Unit, Worksheet};
use merkle::LeafIndex;
use receipt::leaf::{AttestedFigures, Earlier, Leaf};

use crate::draft::Draft;
use crate::rows::{self, HeadRow, SheetRow, Signer};
use crate::tables::{Fault, Table, Tables};
use crate::view::{Counts, RivalStanding};

/// Held because a rival's figures differ from the head's. A reviewer names this code.
pub const RIVAL_DIFFERS: &str = "rival_differs";

/// Held because an attestation states a cell that differs from the head's.
pub const ATTEST_DIFFERS: &str = "attest_differs";

/// Held because the key behind the head or behind a witness was revoked as stolen.
pub const KEY_DOUBTED: &str = "key_doubted";

/// Writes a unit's sheet with its reasons for being held and its witnesses computed anew, and
/// moves the counts accordingly. `figures` are the head's, where the caller has them at hand.
pub(crate) fn settle<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &Unit,
    rules: &Rules,
    sheet: SheetRow,
    figures: Option<&Worksheet>,
) -> Result<(), Fault> {
    let before = standing(&rows::sheet(draft, &unit.id)?);
    let mut held_for = BTreeSet::new();
    let mut witnesses = Vec::new();
    if let Some(head) = &sheet.head {
        let stored;
        let worksheet = if let Some(worksheet) = figures {
            worksheet
        } else {
            stored = rows::worksheet_of(draft, head.head.index)?;
            &stored
        };
        for finding in caucus::findings(unit, rules, worksheet) {
            if finding.code.severity() == Severity::Error {
                held_for.insert(finding.code.as_str().to_string());
            }
        }
        if is_doubted(draft, &head.signers)? {
            held_for.insert(KEY_DOUBTED.to_string());
        }
        let mut beside = Beside {
            unit,
            head,
            worksheet,
            held_for,
            witnesses,
        };
        beside.compare_rivals(draft)?;
        beside.compare_attests(draft)?;
        (held_for, witnesses) = (beside.held_for, beside.witnesses);
    }
    witnesses.sort_unstable();
    let sheet = SheetRow {
        head: sheet.head,
        held_for: held_for.into_iter().collect(),
        witnesses,
    };
    let after = standing(&sheet);
    draft.put(
        Table::UnitSheet,
        unit.id.as_str().as_bytes().to_vec(),
        sheet.encode(),
    );
    move_counts(draft, before, after)
}

/// Where a unit with this sheet stands.
pub(crate) fn standing(sheet: &SheetRow) -> Standing {
    if sheet.head.is_none() {
        Standing::Silent
    } else if !sheet.held_for.is_empty() {
        Standing::Held
    } else if sheet.witnesses.is_empty() {
        Standing::Received
    } else {
        Standing::Verified
    }
}

/// A head and what is being found out about it.
#[derive(Debug)]
struct Beside<'s> {
    unit: &'s Unit,
    head: &'s HeadRow,
    worksheet: &'s Worksheet,
    held_for: BTreeSet<String>,
    witnesses: Vec<LeafIndex>,
}

impl Beside<'_> {
    fn compare_rivals<T: Tables>(&mut self, draft: &mut Draft<'_, T>) -> Result<(), Fault> {
        for (index, mut rival) in rows::rivals(draft, &self.unit.id)? {
            if rival.standing == RivalStanding::Agrees
                && !same_cells(&rows::worksheet_of(draft, index)?, self.worksheet)
            {
                rival.standing = RivalStanding::Differs;
                let key = rows::unit_number_key(&self.unit.id, index);
                draft.put(Table::Rival, key, rival.encode());
            }
            match rival.standing {
                RivalStanding::Agrees => self.add_witness(draft, index, &rival.signers)?,
                RivalStanding::Differs => {
                    self.held_for.insert(RIVAL_DIFFERS.to_string());
                }
                RivalStanding::Superseded => {}
            }
        }
        Ok(())
    }

    fn compare_attests<T: Tables>(&mut self, draft: &Draft<'_, T>) -> Result<(), Fault> {
        for (signer, index) in rows::attests(draft, &self.unit.id)? {
            let Leaf::Attest(attest) = rows::parsed_leaf(draft, index)? else {
                return Err(Fault::Corrupt {
                    table: Table::Attest,
                    what: "a row names a leaf that is no attestation",
                });
            };
            let figures = &attest.figures;
            if differs_from(figures, self.worksheet) {
                self.held_for.insert(ATTEST_DIFFERS.to_string());
            } else if states_enough(figures, self.unit) {
                self.add_witness(draft, index, &[signer])?;
            }
        }
        Ok(())
    }

    /// Another hand's record agrees. A stolen key's word counts for nothing, and somebody has to
    /// look at what it did.
    fn add_witness<T: Tables>(
        &mut self,
        draft: &Draft<'_, T>,
        index: LeafIndex,
        signers: &[Signer],
    ) -> Result<(), Fault> {
        if is_doubted(draft, signers)? {
            self.held_for.insert(KEY_DOUBTED.to_string());
        } else if are_other_hands(&self.head.signers, signers) {
            self.witnesses.push(index);
        }
        Ok(())
    }
}

/// Whether two sheets agree in every compared cell: attendees, votes, delegates; never ties.
pub(crate) fn same_cells(one: &Worksheet, other: &Worksheet) -> bool {
    one.attendees == other.attendees
        && one.first == other.first
        && one.last == other.last
        && one.reported == other.reported
}

/// Whether a stated cell differs from the sheet's.
fn differs_from(figures: &AttestedFigures, sheet: &Worksheet) -> bool {
    figures
        .attendees
        .is_some_and(|stated| stated != sheet.attendees)
        || figures
            .first
            .iter()
            .any(|(group, stated)| stated.is_some_and(|stated| stated != sheet.first.get(group)))
        || figures
            .last
            .iter()
            .any(|(group, stated)| stated.is_some_and(|stated| stated != sheet.last.get(group)))
        || figures
            .reported
            .iter()
            .any(|(group, stated)| stated.is_some_and(|stated| stated != sheet.reported.get(group)))
}

/// Whether an attestation states enough to be a witness: all votes and delegates, and for a
/// satellite the attendees, on which its delegates depend.
fn states_enough(figures: &AttestedFigures, unit: &Unit) -> bool {
    figures.is_complete()
        && match &unit.kind {
            Kind::Precinct { .. } => true,
            Kind::Satellite { .. } => figures.attendees.is_some(),
        }
}

/// Whether none of the one's hands is one of the other's. Chair and spare are one hand, and the
/// secretary, who may hold the spare's envelope, is none beside the spare.
fn are_other_hands(head: &[Signer], other: &[Signer]) -> bool {
    head.iter().all(|one| {
        other.iter().all(|two| {
            let same_hand = match (one.slot, two.slot) {
                (Some(Slot::A), Some(Slot::A | Slot::B))
                | (Some(Slot::B), Some(Slot::A | Slot::B | Slot::S))
                | (Some(Slot::S), Some(Slot::B | Slot::S)) => true,
                (Some(Slot::A), Some(Slot::S) | None)
                | (Some(Slot::S), Some(Slot::A) | None)
                | (Some(Slot::B), None)
                | (None, _) => false,
            };
            !same_hand && one.key != two.key
        })
    })
}

/// Whether one of these keys was revoked as stolen.
fn is_doubted<T: Tables>(tables: &T, signers: &[Signer]) -> Result<bool, Fault> {
    for signer in signers {
        let key = rows::key(tables, &signer.key)?;
        if key.is_some_and(|key| key.revoked == Some(Earlier::Doubt)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn move_counts<T: Tables>(
    draft: &mut Draft<'_, T>,
    before: Standing,
    after: Standing,
) -> Result<(), Fault> {
    if before == after {
        return Ok(());
    }
    let counts = rows::counts(draft)?;
    let moved = counts
        .without(before)
        .and_then(|counts| counts.with(after))
        .ok_or(Fault::Corrupt {
            table: Table::Meta,
            what: "counts below nothing",
        })?;
    draft.put(Table::Meta, rows::META_COUNTS.to_vec(), moved.encode());
    Ok(())
}

impl Counts {
    /// The counts with one more unit standing so.
    pub(crate) fn with(self, standing: Standing) -> Option<Self> {
        self.moved(standing, |count| count.checked_add(1))
    }

    fn without(self, standing: Standing) -> Option<Self> {
        self.moved(standing, |count| count.checked_sub(1))
    }

    fn moved(self, standing: Standing, by_one: impl Fn(u64) -> Option<u64>) -> Option<Self> {
        let mut counts = self;
        match standing {
            Standing::Silent => return Some(counts),
            Standing::Received => {}
            Standing::Verified => counts.verified = by_one(counts.verified)?,
            Standing::Held => counts.held = by_one(counts.held)?,
        }
        counts.reported = by_one(counts.reported)?;
        Some(counts)
    }
}
