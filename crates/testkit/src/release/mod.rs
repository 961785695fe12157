//! Real nights from published releases: the layout of a folder with `precincts.csv`,
//! `counties.csv` and `snapshots/*.csv`.
//!
//! ```text
//! precincts.csv   precinct_id, county, county_fips, congressional_district, kind, code, …, name, delegates, …, published_batch_utc
//! counties.csv    county, county_fips, congressional_district, …, county_convention_delegates, state_delegates, …
//! snapshots/…     precinct_id, county, code, candidate, first_alignment, final_alignment, sde
//! ```
//!
//! A release holds less than a chair reports. Attendance was never published: a unit's first
//! alignment stands in for it (its final one, where the first is empty), except where a satellite's
//! published equivalents are those of another head count. Delegates were published only as
//! equivalents: the whole number that is worth exactly the published decimals is taken. Coins were
//! not published at all, so sheets with ties lack their records.

mod files;
mod infer;

use std::collections::BTreeMap;
use std::path::Path;

use caucus::{
    County, CountyId, Delegates, DistrictId, GroupId, Kind, PoolId, Roster, Rules, Unit, UnitId,
};

use crate::night::{Night, Report};
use crate::published::{Published, PublishedCell};
use files::{CellRow, CountyRow, UnitRow};

/// Why a release cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file is not there or cannot be read.
    #[error("read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// What the system or the CSV reader says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is there and says something that does not fit.
    #[error("`{path}`: {what}")]
    Content {
        /// The file, or the part of it.
        path: String,
        /// What does not fit.
        what: String,
    },
    /// No delegates are worth what was published for a unit.
    #[error("unit `{unit}`: no whole number of delegates is worth `{sde}`")]
    NoSuchWorth {
        /// The unit.
        unit: UnitId,
        /// The published equivalents.
        sde: String,
    },
}

fn content(path: &str, what: impl Into<String>) -> ReleaseError {
    ReleaseError::Content {
        path: path.to_owned(),
        what: what.into(),
    }
}

/// Reads the last snapshot of a folder as a night.
pub(crate) fn read(dir: &Path) -> Result<Night, ReleaseError> {
    let rules = Rules::iowa_2020_published();
    let units = files::units(dir)?;
    let roster = roster(&files::counties(dir)?, &units)?;
    let mut cells = cells_by_unit(files::last_snapshot(dir)?, &rules)?;
    let mut published = BTreeMap::new();
    let mut order = Vec::new();
    for row in &units {
        let id = unit_id(row)?;
        // A unit that the snapshot does not show yet has not reported.
        if let Some(cells) = cells.remove(&row.precinct_id) {
            order.push((row.published_batch_utc.clone(), id.clone()));
            let entry = Published {
                precinct_id: row.precinct_id.clone(),
                batch_utc: row.published_batch_utc.clone(),
                cells,
            };
            published.insert(id, entry);
        }
    }
    if let Some(stray) = cells.keys().next() {
        return Err(content(
            "snapshot",
            format!("unit `{stray}` is not in precincts.csv"),
        ));
    }
    let mut sheets = infer::worksheets(&rules, &roster, &published)?;
    let reports = in_order(order)?
        .into_iter()
        .filter_map(|(unit, arrival_ms)| {
            Some(Report {
                worksheet: sheets.remove(&unit)?,
                unit,
                arrival_ms,
                slip: None,
            })
        })
        .collect();
    Ok(Night {
        rules,
        roster,
        reports,
        published,
    })
}

fn roster(counties: &[CountyRow], units: &[UnitRow]) -> Result<Roster, ReleaseError> {
    let county = |row: &CountyRow| {
        Some(County {
            id: CountyId::parse(&row.county_fips).ok()?,
            convention: Delegates::parse(&row.county_convention_delegates)?,
            state: Delegates::parse(&row.state_delegates)?,
            district: DistrictId::parse(&row.congressional_district).ok(),
            name: row.county.clone(),
        })
    };
    let mut places = Vec::new();
    for row in counties {
        let wrong = || content("counties.csv", format!("the row of `{}`", row.county));
        places.push(county(row).ok_or_else(wrong)?);
    }
    let units = units.iter().map(unit).collect::<Result<Vec<_>, _>>()?;
    let expected = units.len();
    let roster = Roster::new(places, units).map_err(|what| content("precincts.csv", what))?;
    if roster.unit_count() == expected {
        Ok(roster)
    } else {
        Err(content(
            "precincts.csv",
            "two units have the same county and code",
        ))
    }
}

fn unit(row: &UnitRow) -> Result<Unit, ReleaseError> {
    let wrong = || content("precincts.csv", format!("the row of `{}`", row.precinct_id));
    let kind = match row.kind.as_str() {
        "precinct" => Kind::Precinct {
            county: CountyId::parse(&row.county_fips).map_err(|_| wrong())?,
            delegates: Delegates::parse(&row.delegates).ok_or_else(wrong)?,
        },
        "satellite_in_state" => Kind::Satellite {
            pool: PoolId::parse(&format!("CD{}", row.congressional_district))
                .map_err(|_| wrong())?,
        },
        "satellite_out_of_state" => Kind::Satellite {
            pool: PoolId::parse("OOS").map_err(|_| wrong())?,
        },
        _ => return Err(wrong()),
    };
    Ok(Unit {
        id: unit_id(row)?,
        kind,
        name: row.name.trim().to_owned(),
    })
}

/// `<county>-<code>` for a precinct, `sat-<id>` for a satellite; what no token may hold becomes `-`.
fn unit_id(row: &UnitRow) -> Result<UnitId, ReleaseError> {
    let text = match row.kind.as_str() {
        "precinct" => format!("{}-{}", row.county_fips, row.code),
        _ => format!("sat-{}", row.precinct_id),
    };
    let plain = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '-',
    };
    let text: String = text.chars().map(plain).collect();
    UnitId::parse(&text).map_err(|bad| content("precincts.csv", bad.to_string()))
}

type CellsByUnit = BTreeMap<String, BTreeMap<GroupId, PublishedCell>>;

fn cells_by_unit(rows: Vec<CellRow>, rules: &Rules) -> Result<CellsByUnit, ReleaseError> {
    let mut units = CellsByUnit::new();
    for row in rows {
        let wrong = |what: &str| {
            let place = format!("snapshot, unit {}, {}", row.precinct_id, row.candidate);
            content(&place, what)
        };
        let group = GroupId::parse(&row.candidate.to_lowercase())
            .ok()
            .filter(|group| rules.group(group).is_some())
            .ok_or_else(|| wrong("is no group of the rules"))?;
        let cell = PublishedCell {
            first: row.first_alignment,
            last: row.final_alignment,
            sde: four_decimals(&row.sde).ok_or_else(|| wrong("is no decimal number"))?,
        };
        let unit = units.entry(row.precinct_id.clone()).or_default();
        if unit.insert(group, cell).is_some() {
            return Err(wrong("stands there twice"));
        }
    }
    match units
        .iter()
        .find(|(_, cells)| cells.len() != rules.groups().len())
    {
        Some((unit, _)) => Err(content("snapshot", format!("unit {unit} lacks a group"))),
        None => Ok(units),
    }
}

/// `0.24` as `0.2400`: a decimal number with at most four places, written with four.
fn four_decimals(text: &str) -> Option<String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound = !whole.is_empty() && digits(whole) && digits(part) && part.len() <= 4;
    sound.then(|| format!("{whole}.{part:0<4}"))
}

/// Batches in the order of their stamps, at their distance in time; within a batch by unit, a
/// millisecond apart.
fn in_order(mut order: Vec<(String, UnitId)>) -> Result<Vec<(UnitId, u64)>, ReleaseError> {
    order.sort();
    let mut start = None;
    let mut reports = Vec::new();
    for (position, (stamp, unit)) in (0_u64..).zip(order) {
        let wrong = || {
            content(
                "precincts.csv",
                format!("`{stamp}` is no time of February 2020"),
            )
        };
        let at = files::february_2020_ms(&stamp).ok_or_else(wrong)?;
        let start = *start.get_or_insert(at);
        reports.push((unit, at.saturating_sub(start).saturating_add(position)));
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_padded_and_anything_else_is_refused() {
        assert_eq!(four_decimals("0.24").as_deref(), Some("0.2400"));
        assert_eq!(four_decimals("0").as_deref(), Some("0.0000"));
        assert_eq!(four_decimals("12.0693").as_deref(), Some("12.0693"));
        for bad in ["", ".5", "1.23456", "-1", "1e-5", "1.2.3"] {
            assert_eq!(four_decimals(bad), None, "{bad:?}");
        }
    }
}
