//! A unit's report: first, correction, rival, or a predecessor that arrived late.
//!
//! An authentic report is always recorded. Its arithmetic, its lateness and its rank refuse
//! nothing: they decide where it stands.

use alloc::vec::Vec;

use caucus::{Refusal, Rules, Standing, Unit, UnitId};
use merkle::{Hash, LeafHash};
use receipt::leaf::{Channel, Leaf, Submission};

use crate::assess;
use crate::draft::Draft;
use crate::gate;
use crate::head::{Change, LookedAt};
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::keys;
use crate::outcome::{Head, LeafRef, Outcome};
use crate::rows::{self, HeadRow, RivalRow, SheetRow, VoucherRow};
use crate::stray;
use crate::tables::{Fault, Table, Tables};
use crate::view::{HeadOrigin, Release, RivalStanding};

/// The most rivals of one key on one unit. A chair whose correction does not fit tries a few
/// times; more than this is a key that is shared or stolen, and would flood the desk.
pub const MAX_RIVALS: usize = 16;

/// Where a report stands when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// The first of its unit.
    First,
    /// It extends the head by one.
    Extends,
    /// The head's own chain names it.
    Superseded,
    /// None of these: it is recorded beside the head.
    Rival,
}

/// Records a submission.
pub(crate) fn record<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    submission: &Submission,
) -> Result<Outcome, Stop> {
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    let unit = rows::unit(draft, &submission.unit)?;
    let sheet = rows::sheet(draft, &submission.unit)?;
    let rank = match &unit {
        Some(unit) => Some(rank(draft, authentic, submission, unit, &sheet)?),
        None => None,
    };

    let voucher = check_voucher(draft, submission)?;
    match rank {
        Some(Rank::Rival) => check_rivals(draft, authentic, &submission.unit)?,
        Some(Rank::First | Rank::Extends | Rank::Superseded) => {}
        None => stray::check(draft, authentic, &submission.unit)?,
    }
    if !submission.figures.worksheet.lists_groups_of(&rules) {
        return Err(Refusal::WrongGroups.into());
    }
    if matches!(submission.channel, Some(Channel::Paper | Channel::Photo))
        && submission.figures.evidence.is_empty()
    {
        return Err(Refusal::EvidenceMissing.into());
    }
    let Some((unit, rank)) = unit.zip(rank) else {
        return stray::record(draft, authentic, &submission.unit);
    };

    let leaf = draft.append_note(authentic)?;
    if let Some(voucher) = voucher {
        let key = rows::unit_hash_key(&unit.id, &voucher);
        draft.put(Table::Voucher, key, VoucherRow::Used(leaf.index).encode());
    }
    for signer in &authentic.signers {
        keys::note_use(draft, &unit.id, signer)?;
    }
    let report = Report {
        unit: &unit,
        rules: &rules,
        submission,
        authentic,
        leaf,
    };
    let outcome = match rank {
        Rank::First | Rank::Extends => report.become_head(draft, sheet)?,
        Rank::Superseded => report.enter_chain(draft)?,
        Rank::Rival => report.stand_beside(draft)?,
    };
    draft.seal_leaf(leaf.index)?;
    Ok(outcome)
}

fn rank<T: Tables>(
    draft: &Draft<'_, T>,
    authentic: &Authentic,
    submission: &Submission,
    unit: &Unit,
    sheet: &SheetRow,
) -> Result<Rank, Fault> {
    if rows::is_awaited(draft, &submission.unit, &authentic.leaf_hash)? {
        return Ok(Rank::Superseded);
    }
    for signer in &authentic.signers {
        if keys::is_suspended(draft, &submission.unit, signer)? {
            return Ok(Rank::Rival);
        }
    }
    let Some(row) = &sheet.head else {
        return Ok(Rank::First);
    };
    let head = row.head;
    let next = head.seq.checked_add(1) == Some(submission.seq);
    let names_head = submission.supersedes == Some(head.hash);
    // What people have put in a chair's place, or looked at and shown, a chair alone does not
    // replace.
    let is_chairs = row.origin == HeadOrigin::Submitted
        && !(assess::standing(sheet) == Standing::Verified
            && gate::release_of(draft, unit)? == Release::Released);
    Ok(if next && names_head && is_chairs {
        Rank::Extends
    } else {
        Rank::Rival
    })
}

/// The hash of the voucher to use up, if the report carries one. A report taken by telephone must.
fn check_voucher<T: Tables>(
    draft: &Draft<'_, T>,
    submission: &Submission,
) -> Result<Option<Hash>, Stop> {
    let Some(code) = &submission.voucher else {
        return match submission.channel {
            Some(Channel::Phone) => Err(Refusal::VoucherMissing.into()),
            None | Some(Channel::Paper | Channel::Photo | Channel::Room) => Ok(None),
        };
    };
    let voucher = code.hash(&submission.unit);
    match rows::voucher(draft, &submission.unit, &voucher)? {
        None => Err(Refusal::VoucherUnknown.into()),
        Some(VoucherRow::Used(leaf)) => Err(Refusal::VoucherUsed { leaf: leaf.get() }.into()),
        Some(VoucherRow::Unused) => Ok(Some(voucher)),
    }
}

fn check_rivals<T: Tables>(
    draft: &Draft<'_, T>,
    authentic: &Authentic,
    unit: &UnitId,
) -> Result<(), Stop> {
    let rivals = rows::rivals(draft, unit)?;
    for signer in &authentic.signers {
        let signed = rivals
            .iter()
            .filter(|(_, rival)| rival.signers.iter().any(|other| other.key == signer.key));
        if signed.count() >= MAX_RIVALS {
            return Err(Refusal::TooMany.into());
        }
    }
    Ok(())
}

/// A report that has become a leaf, about to find its place.
#[derive(Debug)]
struct Report<'r> {
    unit: &'r Unit,
    rules: &'r Rules,
    submission: &'r Submission,
    authentic: &'r Authentic,
    leaf: LeafRef,
}

impl Report<'_> {
    fn become_head<T: Tables>(
        &self,
        draft: &mut Draft<'_, T>,
        before: SheetRow,
    ) -> Result<Outcome, Stop> {
        let is_first = before.head.is_none();
        let head = Head {
            index: self.leaf.index,
            hash: self.leaf.hash,
            seq: self.submission.seq,
        };
        if is_first && let Some(predecessor) = self.submission.supersedes {
            name_predecessor(draft, &self.unit.id, predecessor)?;
        }
        let leaf = self.leaf;
        let (deed, outcome) = if is_first {
            (Deed::Reported, Outcome::Recorded { leaf, head })
        } else {
            (Deed::Corrected, Outcome::Corrected { leaf, head })
        };
        draft.did(&self.unit.id, deed);
        let change = Change {
            unit: self.unit,
            rules: self.rules,
            before,
            head: Some(HeadRow {
                head,
                figures: leaf.index,
                origin: HeadOrigin::Submitted,
                signers: self.authentic.signers.clone(),
            }),
            figures: Some(&self.submission.figures.worksheet),
            by: leaf.index,
            looked_at: LookedAt::Accepted,
        };
        change.apply(draft)?;
        Ok(outcome)
    }

    /// The head's chain was waiting for this report: it stands behind the head, not against it.
    fn enter_chain<T: Tables>(&self, draft: &mut Draft<'_, T>) -> Result<Outcome, Stop> {
        draft.delete(
            Table::Awaited,
            rows::unit_hash_key(&self.unit.id, self.leaf.hash.as_hash()),
        );
        self.put_beside(draft, RivalStanding::Superseded);
        draft.did(&self.unit.id, Deed::Superseded);
        if let Some(predecessor) = self.submission.supersedes {
            name_predecessor(draft, &self.unit.id, predecessor)?;
        }
        let sheet = rows::sheet(draft, &self.unit.id)?;
        let head = sheet.head();
        assess::settle(draft, self.unit, self.rules, sheet, None)?;
        let leaf = self.leaf;
        // A chain hangs on a head, so there is one, unless it was voided.
        Ok(match head {
            Some(head) => Outcome::Superseded { leaf, head },
            None => Outcome::Rival { leaf, head: None },
        })
    }

    fn stand_beside<T: Tables>(&self, draft: &mut Draft<'_, T>) -> Result<Outcome, Stop> {
        self.put_beside(draft, RivalStanding::Agrees);
        draft.did(&self.unit.id, Deed::Rival);
        let sheet = rows::sheet(draft, &self.unit.id)?;
        let head = sheet.head();
        assess::settle(draft, self.unit, self.rules, sheet, None)?;
        Ok(Outcome::Rival {
            leaf: self.leaf,
            head,
        })
    }

    /// [`assess::settle`] turns `Agrees` into `Differs` where the figures say so.
    fn put_beside<T: Tables>(&self, draft: &mut Draft<'_, T>, standing: RivalStanding) {
        let key = match standing {
            RivalStanding::Superseded => rows::superseded_key(&self.unit.id, self.leaf.index),
            RivalStanding::Voided | RivalStanding::Stray => {
                rows::set_aside_key(&self.unit.id, self.leaf.index)
            }
            RivalStanding::Agrees | RivalStanding::Differs => {
                rows::unit_number_key(&self.unit.id, self.leaf.index)
            }
        };
        let signers = self.authentic.signers.clone();
        let row = RivalRow {
            hash: self.leaf.hash,
            standing,
            signers,
        };
        draft.put(Table::Rival, key, row.encode());
    }
}

/// A head's chain names a predecessor. If that is recorded as a rival it never was one, and what it
/// names in turn belongs to the chain as well; if it has not arrived, it is awaited.
pub(crate) fn name_predecessor<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &UnitId,
    predecessor: LeafHash,
) -> Result<(), Fault> {
    let mut named = Some(predecessor);
    while let Some(hash) = named.take() {
        let Some(index) = rows::leaf_by_hash(draft, &hash)? else {
            let key = rows::unit_hash_key(unit, hash.as_hash());
            draft.put(Table::Awaited, key, Vec::new());
            return Ok(());
        };
        let Some(mut rival) = rows::rival(draft, unit, index)? else {
            return Ok(());
        };
        draft.delete(Table::Rival, rows::unit_number_key(unit, index));
        rival.standing = RivalStanding::Superseded;
        let key = rows::superseded_key(unit, index);
        draft.put(Table::Rival, key, rival.encode());
        if let Leaf::Submission(submission) = rows::parsed_leaf(draft, index)? {
            named = submission.supersedes;
        }
    }
    Ok(())
}
