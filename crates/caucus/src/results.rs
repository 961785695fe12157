//! What the sums are worth: the published rows (R9 to R11).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::basis::Basis;
use crate::count::{Delegates, People};
use crate::delegates::delegates_to_elect;
use crate::id::{CountyId, DistrictId, GroupId, PoolId};
use crate::roster::{County, Kind, Roster, Unit};
use crate::rules::{Pool, Rules};
use crate::scale::Scale;
use crate::sde::Sde;
use crate::standing::Standing;
use crate::totals::{
    CountyTotal, FinalTotal, FirstTotal, GroupTotal, PoolTotal, PrecinctsTotal, Sign, Totals,
    TotalsError,
};
use crate::worksheet::Worksheet;

/// One group's published row: the three data sets, and the delegates behind the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// The group.
    pub group: GroupId,
    /// First alignment.
    pub first: FirstTotal,
    /// Final alignment.
    pub last: FinalTotal,
    /// Delegates on the basis of the results: to the county convention, or of a satellite.
    pub delegates: Delegates,
    /// State delegate equivalents.
    pub sde: Sde,
}

/// All published rows, every group of the rules in each list, ascending by group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// What the rows are built on.
    pub basis: Basis,
    /// The whole contest.
    pub statewide: Vec<ResultRow>,
    /// By district: its precincts and the pools that count for it, only those with a counted unit.
    pub districts: BTreeMap<DistrictId, Vec<ResultRow>>,
    /// By county, only those with a counted precinct.
    pub counties: BTreeMap<CountyId, Vec<ResultRow>>,
    /// By pool, only those with a counted site.
    pub pools: BTreeMap<PoolId, Vec<ResultRow>>,
}

impl Results {
    /// What these sheets are worth on one basis.
    pub fn of<'s>(
        basis: Basis,
        rules: &Rules,
        roster: &Roster,
        sheets: impl IntoIterator<Item = (&'s Unit, &'s Worksheet, Standing)>,
    ) -> Result<Self, TotalsError> {
        let scale = Scale::of(roster.counties());
        let totals = Totals::of(basis, rules, roster, sheets)?;
        totals.results(basis, roster.counties(), rules, &scale)
    }
}

impl Totals {
    /// The published rows. The sums are those of `basis`, over the `scale` of `counties`, which tell
    /// what a county's delegates are worth: [`Roster::counties`]. A county or pool that is not known is
    /// worth nothing. The only error is [`TotalsError::TooLarge`].
    pub fn results<'c>(
        &self,
        basis: Basis,
        counties: impl IntoIterator<Item = &'c County>,
        rules: &Rules,
        scale: &Scale,
    ) -> Result<Results, TotalsError> {
        let pools: BTreeMap<PoolId, Vec<ResultRow>> = self
            .pools
            .iter()
            .map(|(id, total)| (id.clone(), total.rows(rules.pool(id), rules)))
            .collect();
        let mut districts: BTreeMap<DistrictId, Vec<ResultRow>> = self
            .districts
            .iter()
            .map(|(id, total)| (id.clone(), total.rows(rules, scale)))
            .collect();
        let mut statewide = self.precincts.rows(rules, scale);
        for (id, rows) in &pools {
            add_rows(&mut statewide, rows)?;
            if let Some(district) = rules.pool(id).and_then(|pool| pool.district.as_ref()) {
                let empty = || PrecinctsTotal::default().rows(rules, scale);
                let sums = districts.entry(district.clone()).or_insert_with(empty);
                add_rows(sums, rows)?;
            }
        }
        let known: BTreeMap<&CountyId, &County> = counties
            .into_iter()
            .map(|county| (&county.id, county))
            .collect();
        let counties = self.counties.iter().map(|(id, total)| {
            let rows = total.rows(known.get(id).copied(), rules);
            (id.clone(), rows)
        });
        Ok(Results {
            basis,
            statewide,
            districts,
            counties: counties.collect(),
            pools,
        })
    }
}

impl CountyTotal {
    /// The county's rows; worth nothing if the county is not known.
    pub fn rows(&self, county: Option<&County>, rules: &Rules) -> Vec<ResultRow> {
        let worth = |total: &GroupTotal| {
            county.map_or_else(Sde::zero, |county| county_worth(county, total.delegates))
        };
        let sums = self.groups.iter().map(|total| (*total, worth(total)));
        rows(rules, sums)
    }
}

impl PrecinctsTotal {
    /// The rows of these precincts.
    pub fn rows(&self, rules: &Rules, scale: &Scale) -> Vec<ResultRow> {
        let sums = self.groups.iter();
        rows(rules, sums.map(|(total, worth)| (*total, scale.sde(worth))))
    }
}

impl PoolTotal {
    /// The pool's rows (R9); worth nothing if the pool is not known or nobody came.
    pub fn rows(&self, pool: Option<&Pool>, rules: &Rules) -> Vec<ResultRow> {
        let worth = pool.map_or(Delegates::ZERO, |pool| pool.worth);
        let sums = self.groups.iter().enumerate().map(|(place, total)| {
            let weights = self.weights.iter().map(|(elect, weight)| {
                let weight = weight.groups.get(place).copied().unwrap_or(0);
                Sde::pool(worth, weight, self.attendees, *elect)
            });
            (*total, weights.sum())
        });
        rows(rules, sums)
    }
}

/// One row for every group; a group beyond the sums has nothing.
fn rows(rules: &Rules, sums: impl Iterator<Item = (GroupTotal, Sde)>) -> Vec<ResultRow> {
    let none = core::iter::repeat_with(|| (GroupTotal::default(), Sde::zero()));
    let rows = rules.groups().iter().zip(sums.chain(none));
    rows.map(|(group, (total, sde))| ResultRow {
        group: group.id.clone(),
        first: total.first,
        last: total.last,
        delegates: total.delegates,
        sde,
    })
    .collect()
}

fn add_rows(sums: &mut [ResultRow], rows: &[ResultRow]) -> Result<(), TotalsError> {
    for (sum, row) in sums.iter_mut().zip(rows) {
        sum.first = sum.first.plus(row.first)?;
        sum.last = sum.last.plus(row.last)?;
        sum.delegates = Sign::Add.delegates(sum.delegates, row.delegates)?;
        sum.sde = sum.sde.plus(&row.sde);
    }
    Ok(())
}

fn county_worth(county: &County, delegates: Delegates) -> Sde {
    Sde::precinct(delegates, county.state, county.convention)
}

/// What a unit's reported delegates are worth, by group of the sheet. A satellite's depend on the
/// attendance of its whole pool, so one more site changes them all (R9).
pub fn unit_sdes(
    unit: &Unit,
    worksheet: &Worksheet,
    totals: &Totals,
    roster: &Roster,
    rules: &Rules,
) -> BTreeMap<GroupId, Sde> {
    let worth = |delegates| match &unit.kind {
        Kind::Precinct { county, .. } => roster
            .county(county)
            .map_or_else(Sde::zero, |county| county_worth(county, delegates)),
        Kind::Satellite { pool: id } => {
            let worth = rules.pool(id).map_or(Delegates::ZERO, |pool| pool.worth);
            let pool = totals.pools.get(id);
            let attendance = pool.map_or(People::ZERO, |pool| pool.attendees);
            let elect = delegates_to_elect(rules, unit, worksheet.attendees);
            Sde::satellite(worth, worksheet.attendees, attendance, delegates, elect)
        }
    };
    worksheet
        .reported
        .iter()
        .map(|(group, delegates)| (group.clone(), worth(delegates)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two sites of 30 and 10 people only one is verified: it has its quarter of the pool's six, not
    /// all of it.
    #[test]
    fn a_verified_site_is_worth_its_share_of_the_whole_pool() {
        let rules = Rules::iowa_2020();
        let [one, two] = ["S-1", "S-2"]
            .map(|id| Unit::parse_line(&alloc::format!("unit {id} satellite CD1 {id}")).unwrap());
        let roster = Roster::new([], [one.clone(), two.clone()]).unwrap();
        let biden = GroupId::parse("biden").unwrap();
        let sheet = |room, given| Worksheet {
            attendees: People::of_sum(room),
            first: [(biden.clone(), People::of_sum(room))]
                .into_iter()
                .collect(),
            last: [(biden.clone(), People::of_sum(room))]
                .into_iter()
                .collect(),
            reported: [(biden.clone(), Delegates::of_sum(given))]
                .into_iter()
                .collect(),
            ties: Vec::new(),
        };
        let (large, small) = (sheet(30, 5), sheet(10, 4));
        let sheets = [
            (&one, &large, Standing::Received),
            (&two, &small, Standing::Verified),
        ];
        let worth = |basis| {
            let results = Results::of(basis, &rules, &roster, sheets).unwrap();
            let sdes = results.statewide.iter().map(|row| row.sde.clone());
            sdes.sum::<Sde>().exact()
        };
        assert_eq!(worth(Basis::Reported), "6/1");
        assert_eq!(worth(Basis::Verified), "3/2");
    }

    /// A site to which nobody came is a report, and its pool is worth nothing until somebody comes.
    #[test]
    fn a_pool_without_attendance_is_worth_nothing() {
        let rules = Rules::iowa_2020();
        let unit = Unit::parse_line("unit S-1 satellite CD1 One").unwrap();
        let roster = Roster::new([], [unit.clone()]).unwrap();
        let nobody = Worksheet {
            attendees: People::ZERO,
            first: [].into_iter().collect(),
            last: [].into_iter().collect(),
            reported: [].into_iter().collect(),
            ties: Vec::new(),
        };
        for basis in Basis::ALL {
            let sheets = [(&unit, &nobody, Standing::Verified)];
            let results = Results::of(basis, &rules, &roster, sheets).unwrap();
            assert_eq!(results.basis, basis);
            let rows = results.pools.values().chain(results.districts.values());
            for row in rows.chain([&results.statewide]).flatten() {
                assert_eq!((row.first.get(), &row.sde), (0, &Sde::zero()));
            }
            assert_eq!((results.pools.len(), results.districts.len()), (1, 1));
        }
    }
}
