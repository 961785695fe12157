//! What the result pages may show.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use caucus::{Basis, CountyId, Kind, PoolId, Results, Roster, Rules, Scale, Totals, Unit, UnitId};
use merkle::LeafIndex;
use receipt::leaf::Scope;

use super::View;
use super::unit::Release;
use crate::rows::{self, GateRow};
use crate::tables::{Fault, Table, Tables};
use crate::{assess, gate, totals};

/// The act that decides about a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateView {
    /// What it decides.
    pub release: Release,
    /// Its leaf; none while nothing was ever published or held.
    pub by: Option<LeafIndex>,
}

/// How much of an area is there, and how much of it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Units on the roster in force.
    pub units: u64,
    /// Units with a head.
    pub reported: u64,
    /// Units with a head that may be shown.
    pub released: u64,
}

/// The results that may be shown on one basis.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasedResults {
    /// The figures of released units alone.
    pub results: Results,
    /// By county, how much of it they are.
    pub counties: BTreeMap<CountyId, Coverage>,
    /// By satellite pool.
    pub pools: BTreeMap<PoolId, Coverage>,
}

impl<T: Tables> View<'_, T> {
    /// Whether the result pages may show a unit's figures; none if the roster does not have it.
    pub fn released(&self, id: &UnitId) -> Result<Option<Release>, Fault> {
        match rows::unit(self.tables, id)? {
            Some(unit) => gate::release_of(self.tables, &unit).map(Some),
            None => Ok(None),
        }
    }

    /// The act that decides about a scope as a whole: its own latest, else that of the next wider.
    pub fn gate(&self, scope: &Scope) -> Result<GateView, Fault> {
        let row = match scope {
            Scope::All => rows::gate(self.tables, scope)?,
            Scope::County(county) => gate::of_county(self.tables, county)?,
            Scope::Unit(id) => match rows::unit(self.tables, id)? {
                Some(unit) => gate::of_unit(self.tables, &unit)?,
                None => rows::gate(self.tables, scope)?,
            },
        };
        Ok(GateView {
            release: release(row),
            by: row.map(|row| row.by),
        })
    }

    /// The results of the released units on one basis; none before the first manifest.
    ///
    /// An area's row is taken whole or left out, by the gate of the area; then each unit whose own
    /// gate says otherwise is added or taken away. So the work grows with the areas and with the
    /// acts about single units, never with the units. What a site of a pool is worth goes by the
    /// attendance of the whole pool, released or not.
    pub fn released_results(&self, basis: Basis) -> Result<Option<ReleasedResults>, Fault> {
        let Some(ground) = self.ground()? else {
            return Ok(None);
        };
        let shown = self.released_totals(basis, &ground)?;
        // Coverage counts units, and a unit is released or not whatever its figures are worth.
        let released = self.released_totals(Basis::Reported, &ground)?;
        let reported = totals::read(self.tables, Basis::Reported)?;
        let Ground {
            roster,
            rules,
            scale,
        } = &ground;
        let mut covered = ReleasedResults {
            results: shown
                .results(basis, roster.counties(), rules, scale)
                .map_err(|_| TOO_LARGE)?,
            counties: BTreeMap::new(),
            pools: BTreeMap::new(),
        };
        for area in self.areas()? {
            let units = area.units;
            match area.id {
                AreaId::County(id) => {
                    let count = |sums: &Totals| sums.counties.get(&id).map_or(0, |sum| sum.units);
                    let coverage = Coverage {
                        units,
                        reported: count(&reported),
                        released: count(&released),
                    };
                    covered.counties.insert(id, coverage);
                }
                AreaId::Pool(id) => {
                    let count = |sums: &Totals| sums.pools.get(&id).map_or(0, |sum| sum.units);
                    let coverage = Coverage {
                        units,
                        reported: count(&reported),
                        released: count(&released),
                    };
                    covered.pools.insert(id, coverage);
                }
            }
        }
        Ok(Some(covered))
    }

    fn ground(&self) -> Result<Option<Ground>, Fault> {
        let (Some(roster), Some(rules), Some(scale)) =
            (self.roster()?, self.rules()?, self.scale()?)
        else {
            return Ok(None);
        };
        Ok(Some(Ground {
            roster,
            rules,
            scale,
        }))
    }

    /// The sums of the released units.
    fn released_totals(&self, basis: Basis, ground: &Ground) -> Result<Totals, Fault> {
        let Totals {
            counties: mut shown,
            mut pools,
            ..
        } = totals::read(self.tables, basis)?;
        let of_everything = release(rows::gate(self.tables, &Scope::All)?);
        if of_everything == Release::Withheld {
            pools.clear();
        }
        let mut counties = BTreeMap::new();
        for county in ground.roster.counties() {
            let gate = release(gate::of_county(self.tables, &county.id)?);
            if gate == Release::Withheld {
                shown.remove(&county.id);
            }
            counties.insert(county.id.clone(), gate);
        }
        let mut sums =
            Totals::of_areas(shown, pools, &ground.roster, &ground.scale).map_err(|_| TOO_LARGE)?;
        for (id, row) in rows::unit_gates(self.tables)? {
            let Some(unit) = rows::unit(self.tables, &id)? else {
                continue;
            };
            let of_area = match &unit.kind {
                Kind::Precinct { county, .. } => counties.get(county).copied(),
                Kind::Satellite { .. } => Some(of_everything),
            };
            if of_area != Some(row.release) {
                self.except(&mut sums, basis, &unit, row.release, ground)?;
            }
        }
        totals::share_attendance(self.tables, &mut sums)?;
        Ok(sums)
    }

    /// Adds a unit whose own gate is open to sums without it, or takes one out whose gate is shut.
    fn except(
        &self,
        sums: &mut Totals,
        basis: Basis,
        unit: &Unit,
        release: Release,
        ground: &Ground,
    ) -> Result<(), Fault> {
        let Ground {
            roster,
            rules,
            scale,
        } = ground;
        let sheet = rows::sheet(self.tables, &unit.id)?;
        let Some(head) = &sheet.head else {
            return Ok(());
        };
        let worksheet = rows::worksheet_of(self.tables, head.figures)?;
        let standing = assess::standing(&sheet);
        let Some(counts) = basis.sheet(rules, unit, &worksheet, standing) else {
            return Ok(());
        };
        match release {
            Release::Released => sums.add(unit, &counts, rules, roster, scale),
            Release::Withheld => sums.remove(unit, &counts, rules, roster, scale),
        }
        .map_err(|_| TOO_LARGE)
    }

    /// Counties and pools, and how many units each has on the roster in force.
    fn areas(&self) -> Result<Vec<Area>, Fault> {
        rows::rows_under(self.tables, Table::AreaUnits, &[], |key, value| {
            let (kind, id) = key.split_first().ok_or("an area without a kind")?;
            let id = rows::decode_text(id)?;
            let id = match kind {
                0 => AreaId::County(CountyId::parse(id).map_err(|_| "a county's id")?),
                1 => AreaId::Pool(PoolId::parse(id).map_err(|_| "a pool's id")?),
                _ => return Err("an unknown kind of area"),
            };
            Ok(Area {
                id,
                units: rows::decode_number(value)?,
            })
        })
    }
}

/// What sums are made and read with.
struct Ground {
    roster: Roster,
    rules: Rules,
    scale: Scale,
}

struct Area {
    id: AreaId,
    units: u64,
}

enum AreaId {
    County(CountyId),
    Pool(PoolId),
}

const TOO_LARGE: Fault = Fault::Corrupt {
    table: Table::CountyTotal,
    what: "the sums of the released units are beyond 64 bits",
};

fn release(row: Option<GateRow>) -> Release {
    row.map_or(Release::Withheld, |row| row.release)
}
