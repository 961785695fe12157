//! A reviewer's decision about a unit's head, and the head that is taken away.
//!
//! Accepting settles the named codes for that head only, and a leaf that raises one of them again
//! opens it again. Taking makes another record's figures the head. A question stays open until a
//! reviewer settles it or another head answers it; a hold until a reviewer settles it.

use alloc::vec::Vec;

use caucus::{FindingCode, Refusal, Unit, UnitId, Worksheet};
use merkle::{LeafHash, LeafIndex};
use receipt::leaf::{Decision, Leaf, Review, Void};

use crate::assess;
use crate::draft::Draft;
use crate::hands;
use crate::head::{Change, LookedAt};
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::{Head, LeafRef, Outcome};
use crate::rows::{self, HeadRow, RivalRow, SheetRow, Signer};
use crate::submit;
use crate::tables::{Fault, Table, Tables};
use crate::view::{HeadOrigin, RivalStanding};

/// Applies a review.
pub(crate) fn review<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    review: &Review,
) -> Result<Outcome, Stop> {
    let (unit, sheet, head) = standing_head(draft, &review.unit, review.of)?;
    match &review.decision {
        Decision::Accept => accept(draft, authentic, review, &unit, sheet),
        Decision::Take(leaf) => take(draft, authentic, &unit, sheet, &head, leaf),
        Decision::Ask | Decision::Hold => {
            let leaf = draft.append_note(authentic)?;
            let mut sheet = sheet;
            if review.decision == Decision::Ask {
                sheet.asked = Some(leaf.index);
                draft.did(&unit.id, Deed::Asked);
            } else {
                sheet.kept = Some(leaf.index);
                draft.did(&unit.id, Deed::HeldByReview);
            }
            settle(draft, authentic, leaf, &unit, sheet)
        }
    }
}

/// Settles the named codes, each of which must be open.
fn accept<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    review: &Review,
    unit: &Unit,
    mut sheet: SheetRow,
) -> Result<Outcome, Stop> {
    let named = review.findings.iter();
    let codes: Vec<FindingCode> = named
        .map(|name| FindingCode::parse(name.as_str()).filter(|code| sheet.held_for.contains(code)))
        .collect::<Option<_>>()
        .filter(|codes: &Vec<_>| !codes.is_empty())
        .ok_or(Refusal::NotOpen)?;

    let leaf = draft.append_note(authentic)?;
    for code in codes {
        sheet.settle(code, leaf.index);
    }
    draft.did(&unit.id, Deed::Accepted);
    settle(draft, authentic, leaf, unit, sheet)
}

fn settle<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    leaf: LeafRef,
    unit: &Unit,
    sheet: SheetRow,
) -> Result<Outcome, Stop> {
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    assess::settle(draft, unit, &rules, sheet, None)?;
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Makes the figures of another record the head.
fn take<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    unit: &Unit,
    before: SheetRow,
    head: &HeadRow,
    takes: &LeafHash,
) -> Result<Outcome, Stop> {
    let taken = takable(draft, unit, takes)?.ok_or(Refusal::NotTakable)?;
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;

    let leaf = draft.append_note(authentic)?;
    let mut signers = taken.signers;
    signers.extend(authentic.signers.iter().cloned());
    let change = Change {
        unit,
        rules: &rules,
        before,
        head: Some(HeadRow {
            head: Head {
                index: leaf.index,
                hash: leaf.hash,
                seq: head.head.seq.saturating_add(1),
            },
            figures: taken.index,
            origin: HeadOrigin::Taken,
            signers,
        }),
        figures: Some(&taken.worksheet),
        by: leaf.index,
        looked_at: LookedAt::All,
    };
    draft.did(&unit.id, Deed::Taken);
    change.apply(draft)?;
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// A record whose figures may become the head.
struct Taken {
    index: LeafIndex,
    worksheet: Worksheet,
    signers: Vec<Signer>,
}

/// A rival of the unit, or a signer's newest attestation of it that states every cell.
fn takable<T: Tables>(
    draft: &Draft<'_, T>,
    unit: &Unit,
    leaf: &LeafHash,
) -> Result<Option<Taken>, Stop> {
    let Some(index) = rows::leaf_by_hash(draft, leaf)? else {
        return Ok(None);
    };
    if let Some(rival) = rows::rival(draft, &unit.id, index)? {
        return Ok(Some(Taken {
            index,
            worksheet: rows::worksheet_of(draft, index)?,
            signers: rival.signers,
        }));
    }
    let attests = rows::attests(draft, &unit.id)?;
    let Some((signer, _)) = attests.into_iter().find(|(_, at)| *at == index) else {
        return Ok(None);
    };
    let Leaf::Attest(attest) = rows::parsed_leaf(draft, index)? else {
        return Ok(None);
    };
    Ok(attest.figures.as_worksheet().map(|worksheet| Taken {
        index,
        worksheet,
        signers: alloc::vec![signer],
    }))
}

/// Takes a unit's head away: it was reported under a wrong precinct. The record stays. The oldest
/// report of another hand that stood beside it becomes the head; without one the unit is silent.
///
/// What the old head's chain still awaits stays awaited: a late predecessor of a record that was
/// voided is none of the unit's heads either. Counts made again stay as they are.
pub(crate) fn void<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    void: &Void,
) -> Result<Outcome, Stop> {
    let (unit, before, old) = standing_head(draft, &void.unit, void.of)?;
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    let mut beside = rows::rivals(draft, &unit.id)?.into_iter();
    let next = beside.find(|(_, rival)| hands::are_others(&old.signers, &rival.signers));

    let leaf = draft.append_note(authentic)?;
    let row = RivalRow {
        hash: old.head.hash,
        standing: RivalStanding::Voided,
        signers: old.signers,
    };
    let key = rows::set_aside_key(&unit.id, old.head.index);
    draft.put(Table::Rival, key, row.encode());
    draft.did(&unit.id, Deed::Voided);
    let head = match next {
        None => None,
        Some((index, rival)) => {
            draft.delete(Table::Rival, rows::unit_number_key(&unit.id, index));
            draft.did(&unit.id, Deed::Promoted);
            Some(promoted(draft, &unit.id, index, rival)?)
        }
    };
    let change = Change {
        unit: &unit,
        rules: &rules,
        before,
        head,
        figures: None,
        by: leaf.index,
        looked_at: LookedAt::All,
    };
    change.apply(draft)?;
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// A rival as a head: its own leaf, its own number.
fn promoted<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &UnitId,
    index: LeafIndex,
    rival: RivalRow,
) -> Result<HeadRow, Stop> {
    let Leaf::Submission(submission) = rows::parsed_leaf(draft, index)? else {
        return Err(Fault::Corrupt {
            table: Table::Rival,
            what: "a rival is no submission",
        }
        .into());
    };
    if let Some(predecessor) = submission.supersedes {
        submit::name_predecessor(draft, unit, predecessor)?;
    }
    Ok(HeadRow {
        head: Head {
            index,
            hash: rival.hash,
            seq: submission.seq,
        },
        figures: index,
        origin: HeadOrigin::Submitted,
        signers: rival.signers,
    })
}

/// The unit whose head is the named leaf; otherwise the act is stale.
fn standing_head<T: Tables>(
    draft: &Draft<'_, T>,
    unit: &UnitId,
    of: LeafHash,
) -> Result<(Unit, SheetRow, HeadRow), Stop> {
    let (sheet, head) = rows::head_that_is(draft, unit, of)?;
    // A unit with a head is on the roster in force.
    let unit = rows::unit(draft, unit)?.ok_or(Refusal::Stale)?;
    Ok((unit, sheet, head))
}
