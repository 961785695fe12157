//! `precincts.csv` and `counties.csv`: the roster, and how a release names its units.

use std::collections::BTreeMap;
use std::path::Path;

use caucus::{
    County, CountyId, DistrictId, Kind, MAX_DELEGATES, PoolId, Roster, Rules, Unit, UnitId,
};

use crate::arrivals::Stamp;
use crate::error::{ReleaseError, Wrong};
use crate::table::{Row, Table};

const UNIT_COLUMNS: [&str; 9] = [
    "precinct_id",
    "county",
    "county_fips",
    "congressional_district",
    "kind",
    "code",
    "name",
    "delegates",
    "published_batch_utc",
];
const COUNTY_COLUMNS: [&str; 5] = [
    "county",
    "county_fips",
    "congressional_district",
    "county_convention_delegates",
    "state_delegates",
];
/// The longest name that a roster may write.
const LONGEST_NAME: usize = 120;

/// The units of a contest, and how its releases name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Counties and units.
    pub roster: Roster,
    /// By the id in the party's feed.
    sited: BTreeMap<String, Sited>,
}

/// How a release names a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sited {
    /// The unit.
    pub unit: UnitId,
    /// The county, or the pool of a satellite, as the release calls it.
    pub county: String,
    /// The unit's code in its county.
    pub code: String,
    /// When the batch that first showed the unit was published.
    pub batch: Stamp,
}

impl Places {
    /// Reads `precincts.csv` and `counties.csv` of a folder; satellites are of pools of `rules`.
    pub fn read(dir: &Path, rules: &Rules) -> Result<Self, ReleaseError> {
        let counties = counties(&Table::read(&dir.join("counties.csv"), &COUNTY_COLUMNS)?)?;
        let table = Table::read(&dir.join("precincts.csv"), &UNIT_COLUMNS)?;
        let mut units = BTreeMap::new();
        let mut sited = BTreeMap::new();
        for row in table.rows() {
            let unit = unit(row, rules, &counties)?;
            let feed = row.text("precinct_id").to_owned();
            let site = Sited {
                unit: unit.id.clone(),
                county: row.text("county").to_owned(),
                code: row.text("code").to_owned(),
                batch: batch(row)?,
            };
            if sited.insert(feed.clone(), site).is_some() {
                return Err(row.wrong("precinct_id", Wrong::Twice(feed)));
            }
            let id = unit.id.clone();
            if units.insert(id.clone(), unit).is_some() {
                return Err(row.wrong("code", Wrong::Twice(id.to_string())));
            }
        }
        let roster = Roster::new(counties.into_values(), units.into_values());
        // Every unit's county was looked up above, so only an empty table is left to complain of.
        let roster = roster.map_err(|what| ReleaseError::Unreadable {
            path: dir.join("precincts.csv").display().to_string(),
            source: std::io::Error::other(what),
        })?;
        Ok(Self { roster, sited })
    }

    /// The unit that the feed gives this id.
    pub fn sited(&self, precinct_id: &str) -> Option<&Sited> {
        self.sited.get(precinct_id)
    }
}

fn counties(table: &Table) -> Result<BTreeMap<CountyId, County>, ReleaseError> {
    let mut counties = BTreeMap::new();
    for row in table.rows() {
        let county = County {
            id: id(row, "county_fips", CountyId::parse)?,
            convention: row.delegates("county_convention_delegates", 1)?,
            state: row.delegates("state_delegates", 0)?,
            district: district(row)?,
            name: name(row, "county")?,
        };
        let id = county.id.clone();
        if counties.insert(id.clone(), county).is_some() {
            return Err(row.wrong("county_fips", Wrong::Twice(id.to_string())));
        }
    }
    Ok(counties)
}

fn unit(
    row: Row<'_>,
    rules: &Rules,
    counties: &BTreeMap<CountyId, County>,
) -> Result<Unit, ReleaseError> {
    let kind = match row.text("kind") {
        "precinct" => precinct(row, counties)?,
        "satellite_in_state" => {
            let district = row.text("congressional_district");
            satellite(
                row,
                rules,
                "congressional_district",
                &format!("CD{district}"),
            )?
        }
        "satellite_out_of_state" => satellite(row, rules, "kind", "OOS")?,
        other => return Err(row.wrong("kind", Wrong::UnknownKind(other.to_owned()))),
    };
    Ok(Unit {
        id: unit_id(row, &kind)?,
        kind,
        name: name(row, "name")?,
    })
}

fn precinct(row: Row<'_>, counties: &BTreeMap<CountyId, County>) -> Result<Kind, ReleaseError> {
    let county = id(row, "county_fips", CountyId::parse)?;
    if !counties.contains_key(&county) {
        return Err(row.wrong("county_fips", Wrong::UnknownPlace(county.to_string())));
    }
    let delegates = row.delegates("delegates", 1)?;
    if delegates.get() > MAX_DELEGATES {
        let text = row.text("delegates").to_owned();
        return Err(row.wrong("delegates", Wrong::NotDelegates(text)));
    }
    Ok(Kind::Precinct { county, delegates })
}

fn satellite(row: Row<'_>, rules: &Rules, field: &str, pool: &str) -> Result<Kind, ReleaseError> {
    let unknown = || row.wrong(field, Wrong::UnknownPlace(pool.to_owned()));
    let pool = PoolId::parse(pool).map_err(|_| unknown())?;
    rules.pool(&pool).ok_or_else(unknown)?;
    Ok(Kind::Satellite { pool })
}

/// `<county>-<code>` for a precinct, `sat-<id>` for a satellite; what no token may hold becomes `-`.
fn unit_id(row: Row<'_>, kind: &Kind) -> Result<UnitId, ReleaseError> {
    let (field, text) = match kind {
        Kind::Precinct { county, .. } => ("code", format!("{county}-{}", row.text("code"))),
        Kind::Satellite { .. } => ("precinct_id", format!("sat-{}", row.text("precinct_id"))),
    };
    let plain = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '-',
    };
    let text: String = text.chars().map(plain).collect();
    UnitId::parse(&text).map_err(|_| row.wrong(field, Wrong::NotAnId(text)))
}

fn id<T, E>(
    row: Row<'_>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, ReleaseError> {
    let text = row.text(field);
    parse(text).map_err(|_| row.wrong(field, Wrong::NotAnId(text.to_owned())))
}

/// A county's district; a contest without districts leaves the field empty.
fn district(row: Row<'_>) -> Result<Option<DistrictId>, ReleaseError> {
    let field = "congressional_district";
    if row.text(field).is_empty() {
        return Ok(None);
    }
    id(row, field, DistrictId::parse).map(Some)
}

fn batch(row: Row<'_>) -> Result<Stamp, ReleaseError> {
    let field = "published_batch_utc";
    let text = row.text(field);
    Stamp::parse(text).ok_or_else(|| row.wrong(field, Wrong::NotAStamp(text.to_owned())))
}

fn name(row: Row<'_>, field: &str) -> Result<String, ReleaseError> {
    let name = row.text(field).trim();
    let printable = name.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if name.is_empty() || name.len() > LONGEST_NAME || !printable {
        return Err(row.wrong(field, Wrong::NotAName(name.to_owned())));
    }
    Ok(name.to_owned())
}
