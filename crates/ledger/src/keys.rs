//! Keys that come and go on the night: enrol, revoke, and the spare that suspends its chair's.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};

use caucus::{Refusal, Slot, UnitId};
use note::VerifierKey;
use receipt::leaf::{Earlier, Enrol, KeyReference, Place, Revoke, Role};

use crate::assess;
use crate::draft::Draft;
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows::{self, KeyRef, KeyRow, LeafIndexRow, Revocation, Signer, Tenure, Use};
use crate::tables::{Fault, Table, Tables};

/// No revocation may leave fewer: enrol, revoke and roster need two.
const LEAST_REGISTRARS: usize = 2;

/// Puts a key into a place, from the next leaf on.
///
/// A key that was revoked never comes back, and a key stands in one place only: two names for one
/// key would be two signers.
pub(crate) fn enrol<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    enrol: &Enrol,
) -> Result<Outcome, Stop> {
    let place = enrol.place.clone();
    let key = KeyRef::of(&enrol.key);
    let known = rows::key(draft, &key)?;
    if known.as_ref().is_some_and(|row| row.revoked.is_some()) {
        return Err(Refusal::RevokedKey.into());
    }
    if stands_elsewhere(draft, &enrol.key, &place)? {
        let line = match &enrol.place {
            Place::Slot { .. } => 8,
            Place::Role(_) => 7,
        };
        let what = "the key stands in another place already".to_string();
        return Err(Refusal::Malformed { line, what }.into());
    }
    let replaced = match &enrol.replaces {
        Some(reference) => Some(holder(draft, reference, &place)?),
        None => None,
    };

    let leaf = draft.append_note(authentic)?;
    if let Place::Slot { unit, .. } = &place {
        draft.did(unit, Deed::Enrolled);
    }
    if let Some((replaced, mut row)) = replaced {
        row.end(&place);
        put_key(draft, &replaced, &row);
    }
    let registrars_change = place == Place::Role(Role::Registrar);
    grant(draft, &enrol.key, place)?;
    // Who replaces one registrar by another who is one already leaves fewer.
    if registrars_change && are_few(registrars(draft)?) {
        return Err(Refusal::FewRegistrars.into());
    }
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Takes a key out of every place, from the next leaf on. If it was stolen, what it signed is in
/// doubt, and the units concerned are held.
pub(crate) fn revoke<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    revoke: &Revoke,
) -> Result<Outcome, Stop> {
    let key = KeyRef {
        id: revoke.key.id,
        name: revoke.key.name.clone(),
    };
    let mut row = rows::key(draft, &key)?.ok_or(Refusal::UnknownTarget)?;
    // Who signs manifests is the manifests' own business.
    if row.grant(&Place::Role(Role::Authority)).is_some() {
        return Err(Refusal::UnknownTarget.into());
    }
    let was_registrar = row.grant(&Place::Role(Role::Registrar)).is_some();
    if was_registrar && registrars_without(draft, &key)? < LEAST_REGISTRARS {
        return Err(Refusal::FewRegistrars.into());
    }

    let leaf = draft.append_note(authentic)?;
    // A key once in doubt stays in doubt.
    row.revoked = Some(match (row.revoked, revoke.earlier) {
        (Some(Revocation::Doubted(by)), _) => Revocation::Doubted(by),
        (Some(Revocation::Stands) | None, Earlier::Doubt) => Revocation::Doubted(leaf.index),
        (Some(Revocation::Stands) | None, Earlier::Stand) => Revocation::Stands,
    });
    put_key(draft, &key, &row);
    for grant in &row.grants {
        if let Place::Slot { unit, .. } = &grant.place {
            draft.did(unit, Deed::Revoked);
        }
    }
    if revoke.earlier == Earlier::Doubt {
        let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
        for id in units_signed_by(draft, &key)? {
            if let Some(unit) = rows::unit(draft, &id)? {
                draft.did(&id, Deed::Doubted);
                let sheet = rows::sheet(draft, &id)?;
                assess::settle(draft, &unit, &rules, sheet, None)?;
            }
        }
    }
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Notes that a chair's key was used. The first leaf of a spare suspends the key it stands in for:
/// from then on the two can not be told apart from two people.
pub(crate) fn note_use<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &UnitId,
    signer: &Signer,
) -> Result<(), Fault> {
    if signer.slot != Some(Slot::B) {
        return Ok(());
    }
    let spare = Place::Slot {
        unit: unit.clone(),
        slot: Slot::B,
    };
    let Some(mut row) = rows::key(draft, &signer.key)? else {
        return Ok(());
    };
    if !row.take_first_use(&spare) {
        return Ok(());
    }
    put_key(draft, &signer.key, &row);
    let chair = Place::Slot {
        unit: unit.clone(),
        slot: Slot::A,
    };
    let name = slot_name(draft, unit, Slot::A)?;
    for (key, mut row) in rows::keys_named(draft, &name)? {
        if row.suspend(&chair) {
            put_key(draft, &key, &row);
        }
    }
    Ok(())
}

/// Whether what this chair's key signs is recorded as a rival.
pub(crate) fn is_suspended<T: Tables>(
    tables: &T,
    unit: &UnitId,
    signer: &Signer,
) -> Result<bool, Fault> {
    let Some(slot) = signer.slot else {
        return Ok(false);
    };
    let place = Place::Slot {
        unit: unit.clone(),
        slot,
    };
    let row = rows::key(tables, &signer.key)?;
    let tenure = row
        .as_ref()
        .and_then(|row| row.grant(&place))
        .map(|grant| grant.tenure);
    Ok(tenure == Some(Tenure::Suspended))
}

/// How the key of a unit's slot is named.
pub(crate) fn slot_name<T: Tables>(tables: &T, unit: &UnitId, slot: Slot) -> Result<String, Fault> {
    let election = rows::election(tables)?.unwrap_or_default();
    Ok(alloc::format!("{election}/{unit}/{slot}"))
}

/// Puts a key into a place, or back into it.
pub(crate) fn grant<T: Tables>(
    draft: &mut Draft<'_, T>,
    key: &VerifierKey,
    place: Place,
) -> Result<(), Fault> {
    let name = KeyRef::of(key);
    let mut row = rows::key(draft, &name)?.unwrap_or_else(|| KeyRow::new(key.to_string()));
    row.put_in(place);
    put_key(draft, &name, &row);
    Ok(())
}

/// Takes a key out of a place.
pub(crate) fn end<T: Tables>(
    draft: &mut Draft<'_, T>,
    key: &KeyRef,
    place: &Place,
) -> Result<(), Fault> {
    if let Some(mut row) = rows::key(draft, key)? {
        row.end(place);
        put_key(draft, key, &row);
    }
    Ok(())
}

fn put_key<T: Tables>(draft: &mut Draft<'_, T>, key: &KeyRef, row: &KeyRow) {
    draft.put(Table::Key, key.to_key(), row.encode());
}

/// How many registrars may sign.
pub(crate) fn registrars<T: Tables>(tables: &T) -> Result<usize, Fault> {
    let registrar = Place::Role(Role::Registrar);
    let keys = rows::keys(tables)?;
    Ok(keys
        .iter()
        .filter(|(_, row)| row.is_active(&registrar))
        .count())
}

/// Fewer registrars than this may not be left.
pub(crate) const fn are_few(registrars: usize) -> bool {
    registrars < LEAST_REGISTRARS
}

fn registrars_without<T: Tables>(tables: &T, key: &KeyRef) -> Result<usize, Fault> {
    let registrar = Place::Role(Role::Registrar);
    let keys = rows::keys(tables)?;
    let others = keys
        .iter()
        .filter(|(other, row)| other != key && row.is_active(&registrar));
    Ok(others.count())
}

/// The key that a note replaces, which must hold the place.
fn holder<T: Tables>(
    tables: &T,
    reference: &KeyReference,
    place: &Place,
) -> Result<(KeyRef, KeyRow), Stop> {
    let key = KeyRef {
        id: reference.id,
        name: reference.name.clone(),
    };
    let row = rows::key(tables, &key)?.ok_or(Refusal::UnknownTarget)?;
    if row.grant(place).is_none() {
        return Err(Refusal::UnknownTarget.into());
    }
    Ok((key, row))
}

/// Whether the same public key has another name or another place.
fn stands_elsewhere<T: Tables>(
    tables: &T,
    key: &VerifierKey,
    place: &Place,
) -> Result<bool, Fault> {
    let public = public_part(&key.to_string()).map(ToString::to_string);
    let name = KeyRef::of(key);
    let keys = rows::keys(tables)?;
    Ok(keys.iter().any(|(other, row)| {
        public_part(&row.vkey) == public.as_deref()
            && (*other != name || row.grants.iter().any(|grant| grant.place != *place))
    }))
}

/// The type and public key of a key's text: what stands behind its name and id.
pub(crate) fn public_part(vkey: &str) -> Option<&str> {
    vkey.splitn(3, '+').nth(2)
}

/// Every unit about which this key signed a leaf. Each leaf has taken an id from its signers, so a
/// key's leaves are one prefix.
fn units_signed_by<T: Tables>(tables: &T, key: &KeyRef) -> Result<BTreeSet<UnitId>, Fault> {
    let leaves = rows::rows_under(tables, Table::SignerId, &key.to_key(), |_, value| {
        Ok(LeafIndexRow::decode(value)?.0)
    })?;
    let mut units = BTreeSet::new();
    for index in leaves {
        units.extend(rows::parsed_leaf(tables, index)?.unit().cloned());
    }
    Ok(units)
}

impl KeyRow {
    fn end(&mut self, place: &Place) {
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.place == *place) {
            grant.tenure = Tenure::Ended;
        }
    }

    /// Whether this was an active chair's key until now.
    fn suspend(&mut self, place: &Place) -> bool {
        let mut grants = self.grants.iter_mut();
        let active = grants.find(|grant| grant.place == *place && grant.tenure == Tenure::Active);
        match active {
            Some(grant) => {
                grant.tenure = Tenure::Suspended;
                true
            }
            None => false,
        }
    }

    /// Whether this is the first use of the place.
    fn take_first_use(&mut self, place: &Place) -> bool {
        let mut grants = self.grants.iter_mut();
        let unused = grants.find(|grant| grant.place == *place && grant.use_so_far == Use::Unused);
        match unused {
            Some(grant) => {
                grant.use_so_far = Use::Used;
                true
            }
            None => false,
        }
    }
}
