//! Notes for a unit that was closed or merged: they are recorded and receipted, and count nowhere.

use caucus::{Refusal, UnitId};

use crate::draft::Draft;
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows::{self, RivalRow};
use crate::submit::MAX_RIVALS;
use crate::tables::{Table, Tables};
use crate::view::RivalStanding;

/// One key sends no more of them than it may send rivals.
pub(crate) fn check<T: Tables>(
    draft: &Draft<'_, T>,
    authentic: &Authentic,
    unit: &UnitId,
) -> Result<(), Stop> {
    let before = rows::set_aside(draft, unit)?;
    for signer in &authentic.signers {
        let signed = before.iter().filter(|(_, row)| {
            row.standing == RivalStanding::Stray
                && row.signers.iter().any(|other| other.key == signer.key)
        });
        if signed.count() >= MAX_RIVALS {
            return Err(Refusal::TooMany.into());
        }
    }
    Ok(())
}

/// Records a note for a unit that has gone.
pub(crate) fn record<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    unit: &UnitId,
) -> Result<Outcome, Stop> {
    let leaf = draft.append_note(authentic)?;
    let row = RivalRow {
        hash: leaf.hash,
        standing: RivalStanding::Stray,
        signers: authentic.signers.clone(),
    };
    let key = rows::set_aside_key(unit, leaf.index);
    draft.put(Table::Rival, key, row.encode());
    draft.did(unit, Deed::Stray);
    draft.seal_leaf(leaf.index)?;
    Ok(Outcome::Stray { leaf })
}
