//! What a release does not say: head counts and delegates, from what it does say.

use std::collections::BTreeMap;

use caucus::{Delegates, Kind, People, Pool, Roster, Rules, Sde, Unit, UnitId, Worksheet};

use super::{ReleaseError, content};
use crate::published::Published;

/// Attendance of each pool on the night (R9): the divisor behind every published satellite figure.
const POOL_ATTENDANCE: [(&str, u64); 5] = [
    ("CD1", 448),
    ("CD2", 943),
    ("CD3", 1567),
    ("CD4", 141),
    ("OOS", 1187),
];

/// The largest head count looked for. The largest site of 2020 had fewer than three hundred.
const LARGEST_SITE: u64 = 1000;

/// The sheets behind the published figures.
pub(super) fn worksheets(
    rules: &Rules,
    roster: &Roster,
    published: &BTreeMap<UnitId, Published>,
) -> Result<BTreeMap<UnitId, Worksheet>, ReleaseError> {
    let mut sheets = BTreeMap::new();
    for (id, published) in published {
        let unknown = || content("precincts.csv", format!("unit `{id}`"));
        let unit = roster.unit(id).ok_or_else(unknown)?;
        let counted = counted(published);
        let (attendees, given) = match &unit.kind {
            Kind::Precinct { county, .. } => {
                let county = roster.county(county).ok_or_else(unknown)?;
                let worth = |given| Sde::precinct(given, county.state, county.convention);
                (counted, delegates(unit, published, worth)?)
            }
            Kind::Satellite { pool } => {
                let pool = rules.pool(pool).ok_or_else(unknown)?;
                site(rules, unit, pool, published, counted)?
            }
        };
        sheets.insert(id.clone(), worksheet(published, attendees, given));
    }
    Ok(sheets)
}

/// The first alignment's total, or the final one's where the first is empty.
fn counted(published: &Published) -> People {
    let first: u64 = published.cells.values().map(|cell| cell.first).sum();
    let last: u64 = published.cells.values().map(|cell| cell.last).sum();
    people(if first > 0 { first } else { last })
}

fn people(count: u64) -> People {
    People::new(count).expect("a published count is small")
}

type Given = Vec<Delegates>;

fn worksheet(published: &Published, attendees: People, given: Given) -> Worksheet {
    let cells = || published.cells.iter();
    Worksheet {
        attendees,
        first: cells()
            .map(|(group, cell)| (group.clone(), people(cell.first)))
            .collect(),
        last: cells()
            .map(|(group, cell)| (group.clone(), people(cell.last)))
            .collect(),
        reported: published.cells.keys().cloned().zip(given).collect(),
        ties: Vec::new(),
    }
}

/// Delegates by group: the whole numbers that are worth exactly what was published.
fn delegates(
    unit: &Unit,
    published: &Published,
    worth: impl Fn(Delegates) -> Sde,
) -> Result<Given, ReleaseError> {
    let find = |sde: &String| {
        exact_worth(sde, &worth).ok_or_else(|| ReleaseError::NoSuchWorth {
            unit: unit.id.clone(),
            sde: sde.clone(),
        })
    };
    published
        .cells
        .values()
        .map(|cell| find(&cell.sde))
        .collect()
}

/// The smallest number of delegates that is worth these decimals. A unit's worth grows with each
/// delegate, so the first number that is worth more ends the search.
fn exact_worth(sde: &str, worth: impl Fn(Delegates) -> Sde) -> Option<Delegates> {
    let wanted = in_ten_thousandths(sde)?;
    for count in 0..=100 {
        let count = Delegates::new(count)?;
        let here = in_ten_thousandths(&worth(count).decimal(4))?;
        if here == wanted {
            return Some(count);
        }
        if here > wanted {
            return None;
        }
    }
    None
}

fn in_ten_thousandths(decimal: &str) -> Option<u64> {
    decimal.replacen('.', "", 1).parse().ok()
}

/// A satellite's head count and delegates.
///
/// Every site's rate is `worth * A / (pool attendance * D)` for one delegate (R9), where A is its
/// head count and D follows from A. The first alignment's total is kept where it reproduces all of
/// the site's published figures; else the nearest head count that does so, and gives out exactly
/// the site's delegates if any such count exists, is taken.
fn site(
    rules: &Rules,
    unit: &Unit,
    pool: &Pool,
    published: &Published,
    counted: People,
) -> Result<(People, Given), ReleaseError> {
    let fits = |attendees: u64| {
        let attendees = people(attendees);
        let all = pool_attendance(pool)?;
        let elect = rules.satellite_delegates(attendees);
        let worth = |given| Sde::satellite(pool.worth, attendees, all, given, elect);
        let given = delegates(unit, published, worth).ok()?;
        let sum: u64 = given.iter().map(|count| count.get()).sum();
        Some((attendees, given, sum == elect.get()))
    };
    let counted = counted.get();
    let mut found = None;
    if let Some((attendees, given, _)) = fits(counted) {
        return Ok((attendees, given));
    }
    let mut nearest: Vec<u64> = (1..=LARGEST_SITE).collect();
    nearest.sort_by_key(|attendees| attendees.abs_diff(counted));
    for attendees in nearest {
        match fits(attendees) {
            Some((attendees, given, true)) => return Ok((attendees, given)),
            Some((attendees, given, false)) => {
                found.get_or_insert((attendees, given));
            }
            None => {}
        }
    }
    found.ok_or_else(|| ReleaseError::NoSuchWorth {
        unit: unit.id.clone(),
        sde: published
            .cells
            .values()
            .map(|cell| cell.sde.as_str())
            .collect::<Vec<_>>()
            .join(" "),
    })
}

fn pool_attendance(pool: &Pool) -> Option<People> {
    let known = POOL_ATTENDANCE
        .iter()
        .find(|(id, _)| *id == pool.id.as_str());
    known.and_then(|(_, attendance)| People::new(*attendance))
}
