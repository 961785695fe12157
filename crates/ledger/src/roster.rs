//! Amendments of the roster on the night: a site is added or closed, precincts meet together, a
//! group withdraws.
//!
//! A unit that was closed or merged leaves the roster in force and stays known: notes for it are
//! strays. Its id is never given to another.

use alloc::format;
use alloc::string::String;

use caucus::{CountyId, Delegates, GroupId, Kind, MAX_DELEGATES, Refusal, Rules, Unit, UnitId};
use merkle::LeafIndex;
use receipt::leaf::{Amendment, RosterChange};

use crate::assess;
use crate::draft::Draft;
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows::{self, GoneRow, LeafIndexRow};
use crate::tables::{Fault, Table, Tables};

/// Applies an amendment.
pub(crate) fn amend<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    change: &RosterChange,
) -> Result<Outcome, Stop> {
    let rules = rows::rules(draft)?.ok_or(Refusal::NoManifest)?;
    match &change.amendment {
        Amendment::Add(unit) => add(draft, authentic, &rules, unit),
        Amendment::Close(unit) => close(draft, authentic, unit),
        Amendment::Merge {
            from,
            into,
            delegates,
        } => {
            let (from, into) = (in_force(draft, from)?, in_force(draft, into)?);
            merge(draft, authentic, &rules, &from, &into, *delegates)
        }
        Amendment::Withdraw(group) => withdraw(draft, authentic, &rules, group),
    }
}

fn bad(what: impl Into<String>) -> Stop {
    Refusal::BadAmendment { what: what.into() }.into()
}

/// A unit that meets.
fn in_force<T: Tables>(tables: &T, id: &UnitId) -> Result<Unit, Stop> {
    if let Some(unit) = rows::unit(tables, id)? {
        return Ok(unit);
    }
    match rows::gone(tables, id)? {
        Some(_) => Err(bad(format!("unit `{id}` was closed or merged before"))),
        None => Err(Refusal::UnknownUnit { unit: id.clone() }.into()),
    }
}

fn add<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    rules: &Rules,
    unit: &Unit,
) -> Result<Outcome, Stop> {
    if rows::is_known(draft, &unit.id)? {
        return Err(bad(format!("there is a unit `{}` already", unit.id)));
    }
    match &unit.kind {
        Kind::Precinct { county, .. } if !rows::has_county(draft, county)? => {
            return Err(bad(format!("there is no county `{county}`")));
        }
        Kind::Satellite { pool } if rules.pool(pool).is_none() => {
            return Err(bad(format!("the rules have no pool `{pool}`")));
        }
        Kind::Precinct { .. } | Kind::Satellite { .. } => {}
    }

    let leaf = draft.append_note(authentic)?;
    put_unit(draft, unit);
    count_units(draft, unit, |count| count.checked_add(1))?;
    draft.did(&unit.id, Deed::Added);
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

fn close<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    id: &UnitId,
) -> Result<Outcome, Stop> {
    let unit = in_force(draft, id)?;
    without_head(draft, id)?;

    let leaf = draft.append_note(authentic)?;
    remove(draft, &unit, leaf.index, None)?;
    draft.did(id, Deed::Closed);
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Two precincts of one county meet as one: what a delegate is worth stays the same, and only the
/// number that the one which stays elects changes.
fn merge<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    rules: &Rules,
    from: &Unit,
    into: &Unit,
    delegates: Delegates,
) -> Result<Outcome, Stop> {
    without_head(draft, &from.id)?;
    let county = match (county_of(from), county_of(into)) {
        (Some(one), Some(other)) if one == other => one.clone(),
        (Some(_), Some(_)) => return Err(bad("the two units are in different counties")),
        (None, _) | (_, None) => return Err(bad("a satellite does not merge")),
    };
    if !(1..=MAX_DELEGATES).contains(&delegates.get()) {
        return Err(bad(format!(
            "a precinct elects 1 to {MAX_DELEGATES} delegates"
        )));
    }

    let leaf = draft.append_note(authentic)?;
    remove(draft, from, leaf.index, Some(&into.id))?;
    let now = Unit {
        kind: Kind::Precinct { county, delegates },
        ..into.clone()
    };
    put_unit(draft, &now);
    draft.did(&from.id, Deed::Merged);
    draft.did(&into.id, Deed::Joined);
    let sheet = rows::sheet(draft, &into.id)?;
    if sheet.head.is_some() {
        assess::settle_as(draft, into, &now, rules, sheet, None)?;
    }
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Cells of the group that are not zero are flagged from now on, on every sheet; none of them is
/// malformed for it.
fn withdraw<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    rules: &Rules,
    group: &GroupId,
) -> Result<Outcome, Stop> {
    if rules.group(group).is_none() {
        return Err(bad(format!("there is no group `{group}`")));
    }
    if rows::withdrawn(draft, group)?.is_some() {
        return Err(bad(format!("group `{group}` has withdrawn before")));
    }

    let leaf = draft.append_note(authentic)?;
    draft.put(
        Table::Withdrawn,
        group.as_str().as_bytes().to_vec(),
        LeafIndexRow(leaf.index).encode(),
    );
    draft.about(receipt::leaf::Scope::All);
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

fn without_head<T: Tables>(tables: &T, unit: &UnitId) -> Result<(), Stop> {
    if rows::sheet(tables, unit)?.head.is_some() {
        return Err(Refusal::HasHead.into());
    }
    Ok(())
}

const fn county_of(unit: &Unit) -> Option<&CountyId> {
    match &unit.kind {
        Kind::Precinct { county, .. } => Some(county),
        Kind::Satellite { .. } => None,
    }
}

fn put_unit<T: Tables>(draft: &mut Draft<'_, T>, unit: &Unit) {
    let key = unit.id.as_str().as_bytes().to_vec();
    draft.put(Table::Unit, key, unit.to_line().into_bytes());
}

/// Takes a unit off the roster in force.
fn remove<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &Unit,
    by: LeafIndex,
    into: Option<&UnitId>,
) -> Result<(), Fault> {
    let key = unit.id.as_str().as_bytes().to_vec();
    draft.delete(Table::Unit, key.clone());
    let row = GoneRow {
        line: unit.to_line(),
        by,
        into: into.cloned(),
    };
    draft.put(Table::Gone, key, row.encode());
    count_units(draft, unit, |count| count.checked_sub(1))
}

/// Counts the units of a unit's county or pool on the roster in force.
fn count_units<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &Unit,
    by_one: impl Fn(u64) -> Option<u64>,
) -> Result<(), Fault> {
    let area = rows::area_units_key(&unit.kind);
    let count = by_one(rows::area_units(draft, &area)?).ok_or(Fault::Corrupt {
        table: Table::AreaUnits,
        what: "a count below nothing",
    })?;
    draft.put(Table::AreaUnits, area, rows::number_key(count));
    Ok(())
}
