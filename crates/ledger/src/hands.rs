//! Whose hands are behind a record, and whether two sheets say the same.

use alloc::vec::Vec;

use caucus::{Kind, Slot, Unit, Worksheet};
use merkle::LeafIndex;
use receipt::leaf::AttestedFigures;

use crate::rows::{self, KeyRef, Revocation, Signer};
use crate::tables::{Fault, Tables};

/// Whether none of the one's hands is one of the other's. Chair and spare are one hand, and the
/// secretary, who may hold the spare's envelope, is none beside the spare.
pub(crate) fn are_others(head: &[Signer], other: &[Signer]) -> bool {
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

/// The last leaf that revoked one of these keys as stolen, if one did.
pub(crate) fn doubted_by<'k, T: Tables>(
    tables: &T,
    keys: impl IntoIterator<Item = &'k KeyRef>,
) -> Result<Option<LeafIndex>, Fault> {
    let mut last = None;
    for key in keys {
        match rows::key(tables, key)?.and_then(|row| row.revoked) {
            Some(Revocation::Doubted(by)) => last = last.max(Some(by)),
            Some(Revocation::Stands) | None => {}
        }
    }
    Ok(last)
}

/// The keys of these signers.
pub(crate) fn keys(signers: &[Signer]) -> impl Iterator<Item = &KeyRef> {
    signers.iter().map(|signer| &signer.key)
}

/// Whether two sheets agree in every compared cell: attendees, votes, delegates; never ties.
pub(crate) fn same_cells(one: &Worksheet, other: &Worksheet) -> bool {
    one.attendees == other.attendees
        && one.first == other.first
        && one.last == other.last
        && one.reported == other.reported
}

/// Whether a stated cell differs from the sheet's.
pub(crate) fn differs_from(figures: &AttestedFigures, sheet: &Worksheet) -> bool {
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
pub(crate) fn states_enough(figures: &AttestedFigures, unit: &Unit) -> bool {
    figures.is_complete()
        && match &unit.kind {
            Kind::Precinct { .. } => true,
            Kind::Satellite { .. } => figures.attendees.is_some(),
        }
}

/// The keys whose signatures a leaf carries, in the note's order.
pub(crate) fn signers_of_leaf<T: Tables>(
    tables: &T,
    index: LeafIndex,
) -> Result<Vec<KeyRef>, Fault> {
    let (_, note) = rows::parsed_entry(tables, index)?;
    let lines = note.iter().flat_map(note::SignedNote::signatures);
    Ok(lines
        .map(|line| KeyRef {
            id: line.id,
            name: line.name.clone(),
        })
        .collect())
}
