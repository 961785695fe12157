//! Counts made again afterwards: recanvass and recount. Each is a column of its own beside the
//! reported one; adopted, its figures become the head.

use caucus::Refusal;
use receipt::leaf::{Answered, CountAgain};

use crate::draft::Draft;
use crate::head::{Change, LookedAt};
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::{Head, Outcome};
use crate::rows::{self, CountAgainRow, HeadRow};
use crate::stray;
use crate::tables::{Table, Tables};
use crate::view::{CountKind, HeadOrigin};

/// Records what was counted again. It needs no head: a silent unit that was counted has one then,
/// if the count is adopted.
pub(crate) fn record<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    count: &CountAgain,
    kind: CountKind,
) -> Result<Outcome, Stop> {
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    let unit = rows::unit(draft, &count.unit)?;
    if unit.is_none() {
        stray::check(draft, authentic, &count.unit)?;
    }
    if !count.figures.worksheet.lists_groups_of(&rules) {
        return Err(Refusal::WrongGroups.into());
    }
    let Some(unit) = unit else {
        return stray::record(draft, authentic, &count.unit);
    };
    let before = rows::sheet(draft, &unit.id)?;

    let leaf = draft.append_note(authentic)?;
    let row = CountAgainRow {
        hash: leaf.hash,
        kind,
        adopted: count.adopt,
    };
    let key = rows::unit_number_key(&unit.id, leaf.index);
    draft.put(Table::CountAgain, key, row.encode());
    draft.did(
        &unit.id,
        match kind {
            CountKind::Recanvass => Deed::Recanvassed,
            CountKind::Recount => Deed::Recounted,
        },
    );
    if count.adopt == Answered::Yes {
        let seq = before.head().map_or(0, |head| head.seq).saturating_add(1);
        draft.did(&unit.id, Deed::Adopted);
        let change = Change {
            unit: &unit,
            rules: &rules,
            before,
            head: Some(HeadRow {
                head: Head {
                    index: leaf.index,
                    hash: leaf.hash,
                    seq,
                },
                figures: leaf.index,
                origin: HeadOrigin::Adopted,
                signers: authentic.signers.clone(),
            }),
            figures: Some(&count.figures.worksheet),
            by: leaf.index,
            looked_at: LookedAt::All,
        };
        change.apply(draft)?;
    }
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}
