//! The areas that figures are summed over, and how complete each is.

use std::collections::BTreeSet;

use caucus::{Basis, CountyId, DistrictId, Kind, PoolId, ResultRow, Results, Standing, Unit};

use crate::facts::Place;
use crate::publication::{Publication, Published, UnitRow};

/// How many units of an area are where. Percent reporting and percent verified are two numbers,
/// and neither is ever written under the other's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Units of the roster.
    pub units: u64,
    /// Units whose figures are released.
    pub reported: u64,
    /// Of these, verified.
    pub verified: u64,
    /// Of these, held.
    pub held: u64,
    /// Units that have reported and are not released.
    pub withheld: u64,
}

impl Counts {
    /// Percent reporting with two decimals.
    pub fn percent_reporting(&self) -> String {
        percent(self.reported, self.units)
    }

    /// Percent verified with two decimals.
    pub fn percent_verified(&self) -> String {
        percent(self.verified, self.units)
    }

    fn count(&mut self, row: &UnitRow) {
        self.units += 1;
        match row.report.published() {
            Published::Silent => {}
            Published::Withheld => self.withheld += 1,
            Published::Released => {
                self.reported += 1;
                match row.standing {
                    Standing::Silent | Standing::Received => {}
                    Standing::Verified => self.verified += 1,
                    Standing::Held => self.held += 1,
                }
            }
        }
    }
}

/// Rounded down, so that 100.00 means all of them and nothing less does.
fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part) * 10_000;
    let hundredths = hundredths.checked_div(u128::from(whole)).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// One area.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) name: &'a str,
    /// The district it counts for.
    pub(crate) within: Option<&'a DistrictId>,
    pub(crate) counts: Counts,
}

/// All areas of a publication: the state, then districts, counties and pools, each ascending.
pub(crate) fn areas(publication: &Publication) -> Vec<Area<'_>> {
    let mut areas = vec![area(Place::State, &publication.issuer.state, None)];
    for district in districts(publication) {
        areas.push(area(
            Place::District(district.as_str()),
            district.as_str(),
            None,
        ));
    }
    for county in publication.roster.counties() {
        let place = Place::County(county.id.as_str());
        areas.push(area(place, &county.name, county.district.as_ref()));
    }
    for pool in publication.rules.pools() {
        let place = Place::Pool(pool.id.as_str());
        areas.push(area(place, &pool.name, pool.district.as_ref()));
    }
    for row in &publication.units {
        let Some(unit) = publication.roster.unit(&row.unit) else {
            continue;
        };
        let places = places_of(publication, unit);
        for area in areas.iter_mut().filter(|area| places.contains(&area.place)) {
            area.counts.count(row);
        }
    }
    areas
}

const fn area<'a>(place: Place<'a>, name: &'a str, within: Option<&'a DistrictId>) -> Area<'a> {
    let counts = Counts {
        units: 0,
        reported: 0,
        verified: 0,
        held: 0,
        withheld: 0,
    };
    Area {
        place,
        name,
        within,
        counts,
    }
}

fn districts(publication: &Publication) -> BTreeSet<&DistrictId> {
    let counties = publication.roster.counties();
    let counties = counties.filter_map(|county| county.district.as_ref());
    let pools = publication.rules.pools().iter();
    counties
        .chain(pools.filter_map(|pool| pool.district.as_ref()))
        .collect()
}

/// The areas a unit is part of: the state, its county or pool, and the district of that.
pub(crate) fn places_of<'a>(publication: &'a Publication, unit: &'a Unit) -> Vec<Place<'a>> {
    let (place, district) = match &unit.kind {
        Kind::Precinct { county, .. } => {
            let of = publication.roster.county(county);
            (
                Place::County(county.as_str()),
                of.and_then(|of| of.district.as_ref()),
            )
        }
        Kind::Satellite { pool } => {
            let of = publication.rules.pool(pool);
            (
                Place::Pool(pool.as_str()),
                of.and_then(|of| of.district.as_ref()),
            )
        }
    };
    let district = district.map(|district| Place::District(district.as_str()));
    [Some(Place::State), district, Some(place)]
        .into_iter()
        .flatten()
        .collect()
}

/// The rows of an area on a basis; none where nothing has been counted.
pub(crate) fn rows<'a>(
    publication: &'a Publication,
    basis: Basis,
    place: Place<'_>,
) -> Option<&'a [ResultRow]> {
    let results: &Results = publication.results.get(&basis)?;
    let rows = match place {
        // A statewide sum of nothing is no zero.
        Place::State if results.counties.is_empty() && results.pools.is_empty() => None,
        Place::State => Some(&results.statewide),
        Place::District(id) => results.districts.get(&DistrictId::parse(id).ok()?),
        Place::County(id) => results.counties.get(&CountyId::parse(id).ok()?),
        Place::Pool(id) => results.pools.get(&PoolId::parse(id).ok()?),
        Place::Whole | Place::Unit(_) | Place::National(_) | Place::Group(_) => None,
    };
    rows.map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_percent_is_all_of_them() {
        assert_eq!(percent(1764, 1765), "99.94");
        assert_eq!(percent(199_999, 200_000), "99.99");
        assert_eq!(percent(1765, 1765), "100.00");
        assert_eq!(percent(0, 1765), "0.00");
        assert_eq!(percent(0, 0), "0.00");
    }
}
