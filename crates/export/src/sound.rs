//! Whether a publication agrees with itself, asked before anything is written.
//!
//! Results are summed by the ledger as reports arrive; here they are added up again from the units
//! that the same publication shows. People and delegates are whole numbers and equivalents exact
//! fractions, so nothing may differ, not by a ten-thousandth.

use std::collections::BTreeMap;

use caucus::{Basis, DistrictId, GroupId, ResultRow, Sde, Standing};

use crate::Format;
use crate::areas::{Area, areas, places_of, rows};
use crate::facts::{Column, Fact, Key, Place};
use crate::fault::{Difference, ExportFault};
use crate::publication::{Figures, Publication, Report, Set};

/// The sums of one group in one area.
#[derive(Default)]
struct Sum {
    first: u128,
    last: u128,
    delegates: u128,
    sde: Sde,
}

type Sums<'a> = BTreeMap<(Place<'a>, Basis, &'a GroupId), Sum>;

/// Answers with the first contradiction.
pub(crate) fn sound(publication: &Publication, format: Format) -> Result<(), ExportFault> {
    let roster = publication.roster.units().map(|unit| &unit.id);
    if !publication.units.iter().map(|row| &row.unit).eq(roster) {
        let what = "the rows are not the units of the roster, ascending".to_owned();
        return Err(ExportFault::whole(format, Difference::Broken(what)));
    }
    for row in &publication.units {
        let silent = matches!(row.report, Report::Silent);
        if silent != (row.standing == Standing::Silent) {
            let key = Key {
                place: Place::Unit(row.unit.as_str()),
                column: Column::Fact(Fact::Standing),
            };
            return Err(broken(
                format,
                key,
                "a unit is silent exactly while no report counts for it",
            ));
        }
    }
    let sums = sums(publication);
    let areas = areas(publication);
    for basis in Basis::ALL {
        for area in &areas {
            area_is_sum(publication, format, basis, area, &sums)?;
        }
    }
    Ok(())
}

fn broken(format: Format, key: Key<'_>, what: &str) -> ExportFault {
    ExportFault {
        format,
        place: key.place.to_string(),
        cell: key.column.to_string(),
        what: Difference::Broken(what.to_owned()),
    }
}

/// The released units added up, by area, basis and group.
fn sums(publication: &Publication) -> Sums<'_> {
    let mut sums = Sums::new();
    for row in &publication.units {
        let unit = publication.roster.unit(&row.unit);
        let (Some(unit), Some(figures)) = (unit, row.report.figures()) else {
            continue;
        };
        for place in places_of(publication, unit) {
            for basis in Basis::ALL {
                let counts = basis != Basis::Verified || row.standing == Standing::Verified;
                if counts {
                    add(publication, &mut sums, place, basis, figures);
                }
            }
        }
    }
    sums
}

fn add<'a>(
    publication: &'a Publication,
    sums: &mut Sums<'a>,
    place: Place<'a>,
    basis: Basis,
    figures: &Figures,
) {
    let Figures {
        worksheet,
        sde,
        recomputed,
        recomputed_sde,
    } = figures;
    for group in publication.rules.groups() {
        let id = &group.id;
        let (delegates, worth) = match basis {
            Basis::Reported | Basis::Verified => (worksheet.reported.get(id), sde.get(id)),
            Basis::Recomputed => {
                let delegates = recomputed.by.get(id);
                (delegates, recomputed_sde.get(id))
            }
        };
        let sum = sums.entry((place, basis, id)).or_default();
        sum.first += u128::from(worksheet.first.get(id).get());
        sum.last += u128::from(worksheet.last.get(id).get());
        sum.delegates += u128::from(delegates.get());
        // The state is the sum of its counties and pools, and so is a district; most cells are 0.
        let part = matches!(place, Place::County(_) | Place::Pool(_));
        if let Some(worth) = worth.filter(|worth| part && **worth != Sde::zero()) {
            sum.sde = sum.sde.plus(worth);
        }
    }
}

fn area_is_sum(
    publication: &Publication,
    format: Format,
    basis: Basis,
    area: &Area<'_>,
    sums: &Sums<'_>,
) -> Result<(), ExportFault> {
    let place = area.place;
    let listed = rows(publication, basis, place).unwrap_or_default();
    let groups = publication.rules.groups();
    let all = listed
        .iter()
        .map(|row| &row.group)
        .eq(groups.iter().map(|group| &group.id));
    if !listed.is_empty() && !all {
        let column = Column::Fact(Fact::Units);
        let what = format!("the {basis} rows are not those of the groups, ascending");
        return Err(broken(format, Key { place, column }, &what));
    }
    for group in groups {
        let row = listed.iter().find(|row| row.group == group.id);
        let sum = sums.get(&(place, basis, &group.id));
        let worth = match place {
            Place::State | Place::District(_) => {
                worth_of_parts(publication, basis, place, &group.id)
            }
            Place::County(_)
            | Place::Pool(_)
            | Place::Whole
            | Place::Unit(_)
            | Place::National(_)
            | Place::Group(_) => sum.map(|sum| sum.sde.clone()).unwrap_or_default(),
        };
        let zero = Sum::default();
        let sum = sum.unwrap_or(&zero);
        for (set, meant, summed) in [
            (Set::First, row.map_or(0, |row| row.first.get()), sum.first),
            (Set::Final, row.map_or(0, |row| row.last.get()), sum.last),
            (
                Set::Delegates,
                row.map_or(0, |row| row.delegates.get()),
                sum.delegates,
            ),
        ] {
            if u128::from(meant) != summed {
                let column = Column::Cell(basis, set, group.id.as_str());
                let what = format!("`{meant}` is listed, and its units add up to `{summed}`");
                return Err(broken(format, Key { place, column }, &what));
            }
        }
        // Whose attendance a site's worth is measured by on that basis is the ledger's to say.
        if matches!((basis, place), (Basis::Verified, Place::Pool(_))) {
            continue;
        }
        let listed = row.map_or_else(Sde::zero, |row| row.sde.clone());
        if listed != worth {
            let column = Column::Cell(basis, Set::Sde, group.id.as_str());
            let (listed, worth) = (listed.exact(), worth.exact());
            let what = format!("`{listed}` is listed, and its parts add up to `{worth}`");
            return Err(broken(format, Key { place, column }, &what));
        }
    }
    Ok(())
}

/// What the counties and pools of the state, or of one district, are worth together.
fn worth_of_parts(
    publication: &Publication,
    basis: Basis,
    whole: Place<'_>,
    group: &GroupId,
) -> Sde {
    let counties = publication.roster.counties();
    let counties = counties.map(|county| (Place::County(county.id.as_str()), &county.district));
    let pools = publication.rules.pools().iter();
    let pools = pools.map(|pool| (Place::Pool(pool.id.as_str()), &pool.district));
    let within = |district: Option<&DistrictId>| {
        whole == Place::State
            || district.is_some_and(|district| whole == Place::District(district.as_str()))
    };
    counties
        .chain(pools)
        .filter(|(_, district)| within(district.as_ref()))
        .filter_map(|(place, _)| rows(publication, basis, place))
        .filter_map(|rows| rows.iter().find(|row| row.group == *group))
        .map(|row: &ResultRow| row.sde.clone())
        .sum()
}
