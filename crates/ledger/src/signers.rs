//! Who must sign what, and whether they have: steps 5 and 6 of the order of refusals.
//!
//! What each type needs is [`Signers`](receipt::leaf::Signers); which keys are whose is here.
//! Every signature line must be of an active key of the role. A surplus line that is not refuses
//! the note; its text may be signed anew.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use caucus::{Refusal, Slot};
use note::VerifierKey;
use receipt::Manifest;
use receipt::leaf::{Leaf, Place, Role, Signers};

use crate::examined::ReadNote;
use crate::gate;
use crate::intake::Stop;
use crate::rows::{self, Grant, KeyRef, KeyRow, Signer, Tenure};
use crate::tables::{Fault, Table, Tables};
use crate::view::Release;

/// How many reviewers sign a review of a unit whose figures are released.
const REVIEWERS_OF_RELEASED: usize = 2;

/// Checks the signers of a note and answers with who they are, in the note's order. `first` is the
/// manifest that makes the election, which is signed by its own authority.
pub(crate) fn check<T: Tables>(
    tables: &T,
    read: &ReadNote,
    first: Option<&Manifest>,
) -> Result<Vec<Signer>, Stop> {
    let (note, leaf) = (&read.note, &*read.leaf);
    let known = match first {
        Some(manifest) => Known::Manifest(authority_of(manifest)),
        None => Known::Tables(tables),
    };
    let required = leaf.signers();
    let mut keys = Vec::with_capacity(note.signatures().len());
    for line in note.signatures() {
        let key = KeyRef {
            id: line.id,
            name: line.name.clone(),
        };
        let row = known.key(&key)?.ok_or(Refusal::UnknownKey)?;
        keys.push((key, row));
    }
    let mut held = Vec::with_capacity(keys.len());
    for (_, row) in &keys {
        held.push(best_grant(row, required, leaf).ok_or(Refusal::WrongRole)?);
    }
    if keys.len() > required.most() {
        return Err(Refusal::WrongRole.into());
    }
    // A note has no key twice, so this counts hands.
    let (need, got) = (least(tables, required, leaf)?, count(keys.len()));
    if got < need {
        return Err(Refusal::TooFewSigners { need, got }.into());
    }
    let may_sign =
        |(row, grant): (&KeyRow, &Grant)| row.revoked.is_none() && grant.tenure != Tenure::Ended;
    if !keys
        .iter()
        .map(|(_, row)| row)
        .zip(held.iter().copied())
        .all(may_sign)
    {
        return Err(Refusal::RevokedKey.into());
    }
    for ((_, row), (line, accepted)) in keys.iter().zip(read.lines()) {
        if accepted == Some(row.vkey.as_str()) {
            continue;
        }
        let verifier = VerifierKey::parse_enrolled(&row.vkey).map_err(|_| Fault::Corrupt {
            table: Table::Key,
            what: "a key that does not parse",
        })?;
        if !tables.accepts(&verifier, note.text(), line) {
            return Err(Refusal::BadSignature.into());
        }
    }
    let slots: Vec<Option<Slot>> = held.iter().map(|grant| slot_of(&grant.place)).collect();
    let signers = keys
        .into_iter()
        .zip(slots)
        .map(|((key, _), slot)| Signer { key, slot });
    Ok(signers.collect())
}

/// Where a signer's key is looked up.
enum Known<'a, T> {
    Tables(&'a T),
    Manifest(BTreeMap<KeyRef, KeyRow>),
}

impl<T: Tables> Known<'_, T> {
    fn key(&self, key: &KeyRef) -> Result<Option<KeyRow>, Fault> {
        match self {
            Self::Tables(tables) => rows::key(*tables, key),
            Self::Manifest(keys) => Ok(keys.get(key).cloned()),
        }
    }
}

fn authority_of(manifest: &Manifest) -> BTreeMap<KeyRef, KeyRow> {
    manifest
        .keys_of(Role::Authority)
        .map(|key| {
            let mut row = KeyRow::new(key.to_string());
            row.put_in(Place::Role(Role::Authority));
            (KeyRef::of(key), row)
        })
        .collect()
}

/// The best of the key's places in which it may sign this; none if it never held one.
fn best_grant<'k>(key: &'k KeyRow, required: Signers, leaf: &Leaf) -> Option<&'k Grant> {
    let held = key
        .grants
        .iter()
        .filter(|grant| required.allows(leaf.unit(), &grant.place));
    // A suspended chair may still sign: the report is recorded, as a rival.
    held.min_by_key(|grant| grant.tenure)
}

const fn slot_of(place: &Place) -> Option<Slot> {
    match place {
        Place::Slot { slot, .. } => Some(*slot),
        Place::Role(_) => None,
    }
}

/// How many must sign. For a manifest the version before says it, and the first for itself.
/// A review of figures that the result pages show needs a second reviewer.
fn least<T: Tables>(tables: &T, required: Signers, leaf: &Leaf) -> Result<u32, Fault> {
    if let Leaf::Review(review) = leaf
        && let Some(unit) = rows::unit(tables, &review.unit)?
        && gate::release_of(tables, &unit)? == Release::Released
    {
        return Ok(count(REVIEWERS_OF_RELEASED));
    }
    let Leaf::Manifest(manifest) = leaf else {
        return Ok(count(required.least()));
    };
    let threshold = match rows::manifest_in_force(tables)? {
        Some(in_force) => in_force.authority.threshold,
        None => manifest.authority.threshold,
    };
    Ok(u32::try_from(threshold).unwrap_or(u32::MAX))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
