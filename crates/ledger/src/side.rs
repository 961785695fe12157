//! The replicated state that has no leaves: the last time, and the authentic notes that were
//! refused. Nothing here can change a published number.
//!
//! A refused note is kept as evidence: two texts with one id, or a used voucher read out again,
//! mean that something is shared or stolen. Of each key the last [`KEPT_A_KEY`] are kept, so that
//! nobody can push another's out; all of them are counted by reason.

use alloc::string::ToString;

use caucus::Refusal;

use crate::command::UnixMillis;
use crate::draft::Draft;
use crate::intake::Authentic;
use crate::rows::{self, RefusedRow};
use crate::tables::{Fault, Table, Tables};

/// How many refused notes of one key are kept. With a note's 8,192 bytes a key costs 128 KiB at
/// most.
pub const KEPT_A_KEY: u64 = 16;

/// Keeps the time from going back. It decides nothing.
pub(crate) fn advance_time<T: Tables>(
    draft: &mut Draft<'_, T>,
    at: UnixMillis,
) -> Result<(), Fault> {
    if at > rows::last_time(draft)? {
        draft.put(
            Table::Side,
            rows::SIDE_TIME.to_vec(),
            rows::number_key(at.get()),
        );
    }
    Ok(())
}

/// Counts a refused note of known signers and keeps it, unless it is the one kept last.
pub(crate) fn keep_refused<T: Tables>(
    draft: &mut Draft<'_, T>,
    at: UnixMillis,
    authentic: &Authentic,
    refusal: &Refusal,
) -> Result<(), Fault> {
    let code = refusal.code();
    let count = rows::refused_count(draft, code)?.saturating_add(1);
    draft.put(
        Table::RefusedCount,
        code.as_bytes().to_vec(),
        rows::number_key(count),
    );
    let Some(signer) = authentic.signers.first() else {
        return Ok(());
    };
    let before = rows::refused_by(draft, &signer.key)?;
    let row = RefusedRow {
        at: at.max(rows::last_time(draft)?),
        code: code.to_string(),
        note: authentic.note.bytes().to_vec(),
    };
    if let Some(last) = before.checked_sub(1)
        && rows::refused(draft, &signer.key, slot_of(last))?
            .is_some_and(|kept| kept.note == row.note)
    {
        return Ok(());
    }
    draft.put(
        Table::Refused,
        rows::refused_key(&signer.key, slot_of(before)),
        row.encode(),
    );
    let kept = rows::number_key(before.saturating_add(1));
    draft.put(Table::RefusedBy, signer.key.to_key(), kept);
    Ok(())
}

/// Where the n-th refused note of a key is kept.
fn slot_of(number: u64) -> u8 {
    u8::try_from(number.checked_rem(KEPT_A_KEY).unwrap_or(0)).unwrap_or(0)
}
