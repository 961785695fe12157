//! The gate of the result pages and feeds: publish and hold. The log itself shows every leaf at all
//! times, and the totals that each of these acts derives are those of all heads.
//!
//! Nothing is released before a publish. The latest act of the narrowest scope decides: a unit's
//! own, else its county's, else that about everything; so an act about everything writes one row,
//! whatever the number of units.

use caucus::{CountyId, Kind, Refusal, Unit};
use merkle::LeafIndex;
use receipt::leaf::{Gate, Scope};

use crate::close;
use crate::draft::Draft;
use crate::history::Deed;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows::{self, GateRow};
use crate::tables::{Fault, Table, Tables};
use crate::view::Release;

/// Sets a gate and derives the totals.
pub(crate) fn set<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    gate: &Gate,
    release: Release,
) -> Result<Outcome, Stop> {
    let scope = &gate.scope;
    let before = match scope {
        Scope::All => deciding(draft, None, None)?,
        Scope::County(county) => {
            if !rows::has_county(draft, county)? {
                return Err(Refusal::UnknownTarget.into());
            }
            deciding(draft, Some(county), None)?
        }
        // Of a unit that has gone nothing is shown; its gate is set all the same.
        Scope::Unit(id) => match rows::unit(draft, id)? {
            Some(unit) => of_unit(draft, &unit)?,
            None => deciding(draft, None, None)?,
        },
    };

    let leaf = draft.append_note(authentic)?;
    let shown = before.is_some_and(|row| row.release == Release::Released);
    let row = GateRow {
        release,
        by: leaf.index,
        shown_until: if shown && release == Release::Withheld {
            Some(leaf.index)
        } else {
            before.and_then(|row| row.shown_until)
        },
    };
    draft.put(Table::Gate, rows::gate_key(scope), row.encode());
    match scope {
        Scope::Unit(unit) => draft.did(
            unit,
            match release {
                Release::Released => Deed::Released,
                Release::Withheld => Deed::Withheld,
            },
        ),
        Scope::All | Scope::County(_) => draft.about(scope.clone()),
    }
    draft.seal_leaf(leaf.index)?;
    close::derive_totals(draft, leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// The act that decides about a unit; none before the first publish or hold that concerns it.
pub(crate) fn of_unit<T: Tables>(tables: &T, unit: &Unit) -> Result<Option<GateRow>, Fault> {
    let county = match &unit.kind {
        Kind::Precinct { county, .. } => Some(county),
        Kind::Satellite { .. } => None,
    };
    deciding(tables, county, Some(unit))
}

/// The act that decides about a county's units which have none of their own.
pub(crate) fn of_county<T: Tables>(
    tables: &T,
    county: &CountyId,
) -> Result<Option<GateRow>, Fault> {
    deciding(tables, Some(county), None)
}

fn deciding<T: Tables>(
    tables: &T,
    county: Option<&CountyId>,
    unit: Option<&Unit>,
) -> Result<Option<GateRow>, Fault> {
    if let Some(unit) = unit
        && let Some(row) = rows::gate(tables, &Scope::Unit(unit.id.clone()))?
    {
        return Ok(Some(row));
    }
    if let Some(county) = county
        && let Some(row) = rows::gate(tables, &Scope::County(county.clone()))?
    {
        return Ok(Some(row));
    }
    rows::gate(tables, &Scope::All)
}

/// Whether the result pages may show a unit.
pub(crate) fn release_of<T: Tables>(tables: &T, unit: &Unit) -> Result<Release, Fault> {
    Ok(of_unit(tables, unit)?.map_or(Release::Withheld, |row| row.release))
}

/// Whether a head that has stood since the leaf `since` was ever shown.
pub(crate) fn was_shown<T: Tables>(
    tables: &T,
    unit: &Unit,
    since: LeafIndex,
) -> Result<bool, Fault> {
    Ok(of_unit(tables, unit)?.is_some_and(|row| {
        row.release == Release::Released || row.shown_until.is_some_and(|until| until > since)
    }))
}
