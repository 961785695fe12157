//! A second record of a sheet, made blind: it needs no head, and is compared with the head now and
//! with every later one.

use caucus::{GroupId, Refusal, Rules};
use receipt::leaf::Attest;

use crate::assess;
use crate::draft::Draft;
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows;
use crate::stray;
use crate::tables::{Table, Tables};

/// Records an attestation. A signer's newer one takes the place of the older.
pub(crate) fn record<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    attest: &Attest,
) -> Result<Outcome, Stop> {
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    let unit = rows::unit(draft, &attest.unit)?;
    if unit.is_none() {
        stray::check(draft, authentic, &attest.unit)?;
    }
    if !lists_groups(attest, &rules) {
        return Err(Refusal::WrongGroups.into());
    }
    let Some(unit) = unit else {
        return stray::record(draft, authentic, &attest.unit);
    };

    let leaf = draft.append_note(authentic)?;
    for signer in &authentic.signers {
        let key = rows::unit_signer_key(&unit.id, &signer.key);
        draft.put(Table::Attest, key, rows::encode_attest(leaf.index, signer));
    }
    draft.did(&unit.id, Deed::Attested);
    let sheet = rows::sheet(draft, &unit.id)?;
    assess::settle(draft, &unit, &rules, sheet, None)?;
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Whether all columns list exactly the groups of the rules, readable or not.
fn lists_groups(attest: &Attest, rules: &Rules) -> bool {
    let are_all = |listed: &mut dyn Iterator<Item = &GroupId>| {
        listed.eq(rules.groups().iter().map(|group| &group.id))
    };
    are_all(&mut attest.figures.first.keys())
        && are_all(&mut attest.figures.last.keys())
        && are_all(&mut attest.figures.reported.keys())
}
