//! A campaign's claim that a recorded figure is wrong, and the answer to it. Neither changes a
//! figure: that is a review's.

use caucus::{Refusal, Rules};
use receipt::leaf::{Answer, Dispute, Leaf};

use crate::assess;
use crate::draft::Draft;
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows::{self, DisputeRow};
use crate::tables::{Table, Tables};

/// The most disputes of one key about one unit that may be open at a time.
pub const MAX_DISPUTES: usize = 16;

/// Lists a dispute, until it is answered. It stays with its unit when the head changes: whether
/// the new figures meet the claim is for the reviewer who answers.
pub(crate) fn dispute<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    dispute: &Dispute,
) -> Result<Outcome, Stop> {
    let unit = &dispute.unit;
    rows::head_that_is(draft, unit, dispute.of)?;
    let open = rows::disputes(draft, unit)?;
    for signer in &authentic.signers {
        let by_signer = open
            .iter()
            .filter(|(_, row)| row.answer.is_none() && row.by == signer.key);
        if by_signer.count() >= MAX_DISPUTES {
            return Err(Refusal::TooMany.into());
        }
    }
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    if !names_groups_of(dispute, &rules) {
        return Err(Refusal::WrongGroups.into());
    }
    let by = authentic.signers.first().ok_or(Refusal::UnknownKey)?;

    let leaf = draft.append_note(authentic)?;
    let row = DisputeRow {
        hash: leaf.hash,
        of: dispute.of,
        by: by.key.clone(),
        answer: None,
    };
    draft.put(
        Table::Dispute,
        rows::unit_number_key(unit, leaf.index),
        row.encode(),
    );
    if open.iter().all(|(_, row)| row.answer.is_some()) {
        assess::count_disputed(draft, |count| count.checked_add(1))?;
    }
    draft.did(unit, Deed::Disputed);
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Closes a dispute.
pub(crate) fn answer<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    answer: &Answer,
) -> Result<Outcome, Stop> {
    let index = rows::leaf_by_hash(draft, &answer.to)?.ok_or(Refusal::UnknownTarget)?;
    let Leaf::Dispute(dispute) = rows::parsed_leaf(draft, index)? else {
        return Err(Refusal::UnknownTarget.into());
    };
    let unit = &dispute.unit;
    let mut row = rows::dispute(draft, unit, index)?.ok_or(Refusal::UnknownTarget)?;
    if row.answer.is_some() {
        return Err(Refusal::Answered.into());
    }

    let leaf = draft.append_note(authentic)?;
    row.answer = Some((leaf.index, answer.upheld));
    draft.put(
        Table::Dispute,
        rows::unit_number_key(unit, index),
        row.encode(),
    );
    let disputes = rows::disputes(draft, unit)?;
    if disputes.iter().all(|(_, row)| row.answer.is_some()) {
        assess::count_disputed(draft, |count| count.checked_sub(1))?;
    }
    draft.did(unit, Deed::Answered);
    draft.seal_leaf(leaf.index)?;
    let head = rows::head_of(draft, Some(unit))?;
    Ok(Outcome::Applied { leaf, head })
}

/// Whether every cell that has a group has one of the rules.
fn names_groups_of(dispute: &Dispute, rules: &Rules) -> bool {
    let mut named = dispute.cells.iter().filter_map(|cell| cell.group.as_ref());
    named.all(|group| rules.group(group).is_some())
}
