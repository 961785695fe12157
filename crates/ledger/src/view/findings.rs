//! All findings of a unit: those of its sheet, those beside it, and those that other units raise.
//!
//! What holds a unit is kept in its row and moved with every leaf. What only flags it (warnings, and
//! what asks for evidence) is derived here when it is read.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use caucus::{
    Column, FinalAlignment, Finding, FindingCode, FirstAlignment, GroupId, Kind, People, Reported,
    Severity, Unit, UnitId, Worksheet,
};
use merkle::LeafIndex;
use receipt::Leaf;
use receipt::leaf::AttestedFigures;

use super::View;
use super::unit::{Membership, RivalStanding};
use crate::prints::{self, Hashed};
use crate::rows::{self, HeadRow, KeyRef, Revocation, SheetRow};
use crate::tables::{Fault, Tables};
use crate::{hands, totals};

/// A finding and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFinding {
    /// What there is to say.
    pub finding: Finding,
    /// Whether it still holds the unit.
    pub state: FindingState,
}

/// Whether a finding holds its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    /// It holds the unit until people settle it.
    Open,
    /// This review settled it.
    Settled(LeafIndex),
    /// It travels with the figures and holds nothing.
    Noted,
}

impl<T: Tables> View<'_, T> {
    /// All findings of a unit, those of its sheet first; none if the roster never had it.
    pub fn findings(&self, id: &UnitId) -> Result<Vec<UnitFinding>, Fault> {
        Ok(self.unit(id)?.map(|unit| unit.findings).unwrap_or_default())
    }

    pub(super) fn findings_of(
        &self,
        unit: &Unit,
        membership: &Membership,
        sheet: &SheetRow,
        worksheet: Option<&Worksheet>,
    ) -> Result<Vec<UnitFinding>, Fault> {
        let mut found = match (&sheet.head, worksheet) {
            (Some(head), Some(worksheet)) => self.findings_of_head(unit, sheet, head, worksheet)?,
            (Some(_) | None, _) => self.findings_of_silence(unit, membership)?,
        };
        if let Some(by) = sheet.changed_after {
            let figures = format!("leaf {} changed figures that had been shown", by.get());
            let code = FindingCode::ChangedAfterPublication;
            found.push(Finding::new(code, Vec::new(), figures));
        }
        let state = |code: FindingCode| match code.severity() {
            Severity::Warning | Severity::Evidence => FindingState::Noted,
            Severity::Error if sheet.held_for.contains(&code) => FindingState::Open,
            Severity::Error => sheet
                .settled_by(code)
                .map_or(FindingState::Noted, FindingState::Settled),
        };
        Ok(found
            .into_iter()
            .map(|finding| UnitFinding {
                state: state(finding.code),
                finding,
            })
            .collect())
    }

    fn findings_of_silence(
        &self,
        unit: &Unit,
        membership: &Membership,
    ) -> Result<Vec<Finding>, Fault> {
        let (Kind::Precinct { county, .. }, Membership::InForce) = (&unit.kind, membership) else {
            return Ok(Vec::new());
        };
        let reported = totals::reported_of(self.tables, county)?;
        let units = rows::area_units(self.tables, &rows::area_units_key(&unit.kind))?;
        Ok(if caucus::silent_while_neighbours_report(reported, units) {
            alloc::vec![Finding::silent_while_neighbours_report(reported, units)]
        } else {
            Vec::new()
        })
    }

    fn findings_of_head(
        &self,
        unit: &Unit,
        sheet: &SheetRow,
        head: &HeadRow,
        worksheet: &Worksheet,
    ) -> Result<Vec<Finding>, Fault> {
        let mut found = match self.rules()? {
            Some(rules) => caucus::findings(unit, &rules, worksheet),
            None => Vec::new(),
        };
        self.add_duplicates(unit, worksheet, &mut found)?;
        for (group, _) in rows::withdrawn_groups(self.tables)? {
            found.extend(Finding::withdrawn_group(&group, worksheet));
        }
        self.add_records_beside(unit, worksheet, &mut found)?;
        for key in self.doubted_keys(unit, sheet, head)? {
            found.push(Finding::key_doubted(key.name.as_str()));
        }
        if let Some(asked) = sheet.asked {
            found.push(Finding::asked(&self.words_of(asked)?));
        }
        if let Some(kept) = sheet.kept {
            found.push(Finding::held_by_review(&self.words_of(kept)?));
        }
        if let Some(closed) = self.late_by(sheet)? {
            found.push(Finding::late_report(head.figures.get(), closed.get()));
        }
        Ok(found)
    }

    /// The units with the same counts, as far as they are looked at.
    fn add_duplicates(
        &self,
        unit: &Unit,
        worksheet: &Worksheet,
        found: &mut Vec<Finding>,
    ) -> Result<(), Fault> {
        let partners = |print| -> Result<Vec<UnitId>, Fault> {
            let partners = prints::partners(self.tables, &unit.id, print)?;
            Ok(partners.into_iter().map(|(partner, _)| partner).collect())
        };
        let hashed = Hashed::of(worksheet);
        let same_row = partners(hashed.both)?;
        for (column, print) in [(Column::First, hashed.first), (Column::Final, hashed.last)] {
            let mut same_half = partners(print)?;
            same_half.retain(|partner| !same_row.contains(partner));
            if !same_half.is_empty() {
                found.push(Finding::duplicate_half(column, &same_half));
            }
        }
        if !same_row.is_empty() {
            found.push(Finding::duplicate_row(&same_row));
        }
        Ok(())
    }

    /// Rivals and attestations: what differs from the head, and what repeats it.
    fn add_records_beside(
        &self,
        unit: &Unit,
        head: &Worksheet,
        found: &mut Vec<Finding>,
    ) -> Result<(), Fault> {
        for (index, rival) in rows::rivals(self.tables, &unit.id)? {
            match rival.standing {
                RivalStanding::Agrees => found.push(Finding::reported_twice(index.get())),
                RivalStanding::Differs => {
                    let figures = rows::worksheet_of(self.tables, index)?;
                    let differences = caucus::differences(head, &figures);
                    found.push(Finding::rival_differs(differences));
                }
                RivalStanding::Superseded | RivalStanding::Voided | RivalStanding::Stray => {}
            }
        }
        for (_, index) in rows::attests(self.tables, &unit.id)? {
            let Leaf::Attest(attest) = rows::parsed_leaf(self.tables, index)? else {
                continue;
            };
            if hands::differs_from(&attest.figures, head) {
                let stated = as_read(&attest.figures, head);
                let differences = caucus::differences(head, &stated);
                found.push(Finding::attest_differs(differences));
            }
        }
        Ok(())
    }

    /// The stolen keys behind the head, behind what would be its witness, and behind its reviews.
    fn doubted_keys(
        &self,
        unit: &Unit,
        sheet: &SheetRow,
        head: &HeadRow,
    ) -> Result<BTreeSet<KeyRef>, Fault> {
        let mut keys: BTreeSet<KeyRef> = hands::keys(&head.signers).cloned().collect();
        for (_, rival) in rows::rivals(self.tables, &unit.id)? {
            if rival.standing == RivalStanding::Agrees {
                keys.extend(hands::keys(&rival.signers).cloned());
            }
        }
        keys.extend(
            rows::attests(self.tables, &unit.id)?
                .into_iter()
                .map(|(signer, _)| signer.key),
        );
        for (_, review) in &sheet.settled {
            keys.extend(hands::signers_of_leaf(self.tables, *review)?);
        }
        let mut doubted = BTreeSet::new();
        for key in keys {
            let row = rows::key(self.tables, &key)?;
            if matches!(
                row.and_then(|row| row.revoked),
                Some(Revocation::Doubted(_))
            ) {
                doubted.insert(key);
            }
        }
        Ok(doubted)
    }

    /// The reason that a review states.
    fn words_of(&self, review: LeafIndex) -> Result<String, Fault> {
        let Leaf::Review(review) = rows::parsed_leaf(self.tables, review)? else {
            return Ok(String::new());
        };
        Ok(review.reason.as_str().into())
    }
}

/// An attestation as a sheet: what could not be read stands as the head has it.
fn as_read(figures: &AttestedFigures, head: &Worksheet) -> Worksheet {
    let people = |cells: &BTreeMap<GroupId, Option<People>>,
                  of_head: &dyn Fn(&GroupId) -> People| {
        let cells = cells.iter();
        cells
            .map(|(group, stated)| (group.clone(), stated.unwrap_or_else(|| of_head(group))))
            .collect()
    };
    Worksheet {
        attendees: figures.attendees.unwrap_or(head.attendees),
        first: FirstAlignment::new(people(&figures.first, &|group| head.first.get(group))),
        last: FinalAlignment::new(people(&figures.last, &|group| head.last.get(group))),
        reported: Reported::new(
            figures
                .reported
                .iter()
                .map(|(group, stated)| {
                    let stated = stated.unwrap_or_else(|| head.reported.get(group));
                    (group.clone(), stated)
                })
                .collect(),
        ),
        ties: figures.ties.clone(),
    }
}
