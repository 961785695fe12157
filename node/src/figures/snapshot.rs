//! The three data sets of the night at one size of the log, on three bases side by side.

use std::collections::BTreeMap;

use caucus::{
    Basis, CountyId, DistrictId, Kind, PoolId, ResultRow, Results, Roster, Rules, Totals,
};
use ledger::{Fault, Tables, View};
use proto::v1::{AreaResult, NationalResult, ResultsSnapshot};

use super::unit::{self, Worth};
use super::{Shown, rows};

/// The results on every basis, as far as they may be shown.
struct Bases {
    reported: Results,
    recomputed: Results,
    verified: Results,
}

/// How many units of an area are there, have reported, and are verified.
#[derive(Debug, Clone, Copy, Default)]
struct Covered {
    total: u64,
    reported: u64,
    verified: u64,
}

/// Fills in what the state shows.
pub(crate) fn fill<T: Tables>(
    snapshot: &mut ResultsSnapshot,
    view: &View<'_, T>,
    units: bool,
    shown: Shown,
) -> Result<(), Fault> {
    snapshot.unreleased = shown == Shown::Everything;
    let Some(worth) = Worth::read(view)? else {
        return Ok(());
    };
    let Some(bases) = Bases::read(view, shown)? else {
        return Ok(());
    };
    let counts = view.counts()?;
    snapshot.units_total = u64::try_from(worth.roster.unit_count()).unwrap_or(u64::MAX);
    snapshot.units_reported = counts.reported;
    snapshot.units_held = counts.held;
    snapshot.units_verified = counts.verified;
    snapshot.units_disputed = counts.disputed;
    if let Some(released) = view.released_results(Basis::Reported)? {
        let areas = released.counties.values().chain(released.pools.values());
        snapshot.units_released = areas.map(|area| area.released).sum();
    }
    let rules = &worth.rules;
    snapshot.statewide = rows::of_area(rules, &bases.reported.statewide);
    snapshot.recomputed = rows::of_area(rules, &bases.recomputed.statewide);
    snapshot.verified = rows::of_area(rules, &bases.verified.statewide);
    snapshot.national = national(rules, &bases.reported);
    areas(snapshot, &bases, &worth, &view.totals(Basis::Verified)?);
    if units {
        for unit in view.units()? {
            let recorded = view.unit(&unit.id)?.filter(|unit| unit.head.is_some());
            let row = recorded.map(|unit| unit::result(&unit, &worth, shown));
            snapshot.units.extend(row);
        }
    }
    Ok(())
}

impl Bases {
    fn read<T: Tables>(view: &View<'_, T>, shown: Shown) -> Result<Option<Self>, Fault> {
        let on = |basis| match shown {
            Shown::Everything => view.results(basis),
            Shown::Released => Ok(view.released_results(basis)?.map(|shown| shown.results)),
        };
        let bases = (
            on(Basis::Reported)?,
            on(Basis::Recomputed)?,
            on(Basis::Verified)?,
        );
        Ok(match bases {
            (Some(reported), Some(recomputed), Some(verified)) => Some(Self {
                reported,
                recomputed,
                verified,
            }),
            (_, _, _) => None,
        })
    }

    /// One area's rows on each basis.
    fn area<'r>(
        &'r self,
        rules: &Rules,
        rows: impl Fn(&'r Results) -> Option<&'r Vec<ResultRow>>,
    ) -> AreaResult {
        let on = |results| {
            rows(results)
                .map(|rows| rows::of_area(rules, rows))
                .unwrap_or_default()
        };
        AreaResult {
            groups: on(&self.reported),
            recomputed: on(&self.recomputed),
            verified: on(&self.verified),
            ..AreaResult::default()
        }
    }
}

/// Every area with what there is of it and what is shown of it.
fn areas(snapshot: &mut ResultsSnapshot, bases: &Bases, worth: &Worth, verified: &Totals) {
    let Worth {
        roster,
        rules,
        totals,
    } = worth;
    let on_roster = OnRoster::of(roster);
    let mut districts: BTreeMap<&DistrictId, Covered> = BTreeMap::new();
    for county in roster.counties() {
        let units = |totals: &Totals| totals.counties.get(&county.id).map_or(0, |sum| sum.units);
        let covered = Covered {
            total: on_roster.counties.get(&county.id).copied().unwrap_or(0),
            reported: units(totals),
            verified: units(verified),
        };
        if let Some(district) = &county.district {
            districts.entry(district).or_default().add(covered);
        }
        let area = bases.area(rules, |results| results.counties.get(&county.id));
        snapshot
            .counties
            .push(named(area, county.id.as_str(), &county.name, covered));
    }
    for pool in rules.pools() {
        let units = |totals: &Totals| totals.pools.get(&pool.id).map_or(0, |sum| sum.units);
        let covered = Covered {
            total: on_roster.pools.get(&pool.id).copied().unwrap_or(0),
            reported: units(totals),
            verified: units(verified),
        };
        if let Some(district) = &pool.district {
            districts.entry(district).or_default().add(covered);
        }
        let area = bases.area(rules, |results| results.pools.get(&pool.id));
        snapshot
            .pools
            .push(named(area, pool.id.as_str(), &pool.name, covered));
    }
    for (id, covered) in districts {
        let area = bases.area(rules, |results| results.districts.get(id));
        let name = format!("Congressional district {id}");
        snapshot
            .districts
            .push(named(area, id.as_str(), &name, covered));
    }
}

impl Covered {
    fn add(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.reported = self.reported.saturating_add(other.reported);
        self.verified = self.verified.saturating_add(other.verified);
    }
}

fn named(area: AreaResult, id: &str, name: &str, covered: Covered) -> AreaResult {
    AreaResult {
        id: id.to_owned(),
        name: name.to_owned(),
        units_total: covered.total,
        units_reported: covered.reported,
        units_verified: covered.verified,
        ..area
    }
}

/// Units of the roster, by what they belong to.
#[derive(Debug, Default)]
struct OnRoster<'r> {
    counties: BTreeMap<&'r CountyId, u64>,
    pools: BTreeMap<&'r PoolId, u64>,
}

impl<'r> OnRoster<'r> {
    fn of(roster: &'r Roster) -> Self {
        let mut units = Self::default();
        for unit in roster.units() {
            let count = match &unit.kind {
                Kind::Precinct { county, .. } => units.counties.entry(county).or_default(),
                Kind::Satellite { pool } => units.pools.entry(pool).or_default(),
            };
            *count = count.saturating_add(1);
        }
        units
    }
}

/// Every group's national delegates, those without any as well; none where the rules allocate none.
fn national(rules: &Rules, results: &Results) -> Vec<NationalResult> {
    let Some(national) = caucus::national(rules, results) else {
        return Vec::new();
    };
    let of_group = |group: &caucus::Group| {
        let id = &group.id;
        let districts = national.districts.iter();
        NationalResult {
            group: id.to_string(),
            delegates: national.of(id).get(),
            districts: districts
                .map(|(district, allocation)| (district.to_string(), allocation.of(id).get()))
                .collect(),
            at_large: national.at_large.of(id).get(),
            leaders: national.leaders.of(id).get(),
        }
    };
    rules.groups().iter().map(of_group).collect()
}
