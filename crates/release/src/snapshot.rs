//! One snapshot: every cell that a release showed, by unit and group.

use std::collections::BTreeMap;
use std::path::Path;

use caucus::{GroupId, MAX_WRITTEN, People, PublishedFigure, PublishedRow, Rules, UnitId};

use crate::error::{ReleaseError, Wrong};
use crate::places::{Places, Sited};
use crate::published::{Published, four_decimals};
use crate::table::{Row, Table};

const COLUMNS: [&str; 7] = [
    "precinct_id",
    "county",
    "code",
    "candidate",
    "first_alignment",
    "final_alignment",
    "sde",
];

/// What one release showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The file's name without its ending.
    pub name: String,
    /// The units it shows; all others had not reported.
    pub units: BTreeMap<UnitId, Published>,
}

impl Snapshot {
    /// Reads a snapshot. Every unit in it is one of `places` and has every group of `rules` once.
    pub fn read(path: &Path, places: &Places, rules: &Rules) -> Result<Self, ReleaseError> {
        let table = Table::read(path, &COLUMNS)?;
        let mut units: BTreeMap<UnitId, (Published, Row<'_>)> = BTreeMap::new();
        for row in table.rows() {
            let sited = sited(row, places)?;
            let attendees = attendees(row)?;
            let cell = cell(row, attendees)?;
            let group = group(row, rules)?;
            let (published, last) = units.entry(sited.unit.clone()).or_insert_with(|| {
                let published = Published {
                    precinct_id: row.text("precinct_id").to_owned(),
                    batch: sited.batch.clone(),
                    attendees,
                    cells: PublishedRow::new(),
                };
                (published, row)
            });
            if published.attendees != attendees {
                return Err(row.wrong("attendees", other_attendance(attendees, published)));
            }
            if published.cells.insert(group, cell).is_some() {
                let text = row.text("candidate").to_owned();
                return Err(row.wrong("candidate", Wrong::GroupTwice(text)));
            }
            let totals = [
                ("first_alignment", published.first_total()),
                ("final_alignment", published.final_total()),
            ];
            for (field, total) in totals {
                if total.get() > MAX_WRITTEN {
                    return Err(row.wrong(field, Wrong::TooLarge(total.to_string())));
                }
            }
            *last = row;
        }
        for (published, last) in units.values() {
            let has = |group: &&caucus::Group| published.cells.contains_key(&group.id);
            if let Some(missing) = rules.groups().iter().find(|group| !has(group)) {
                let wrong = Wrong::GroupMissing(missing.id.clone());
                return Err(last.wrong("candidate", wrong));
            }
        }
        let units = units.into_iter();
        Ok(Self {
            name: path
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
            units: units
                .map(|(unit, (published, _))| (unit, published))
                .collect(),
        })
    }
}

/// The row's unit. Its county and code are written out in every row and must be the unit's, for a
/// wrong id with sound figures would pass every other check.
fn sited<'a>(row: Row<'_>, places: &'a Places) -> Result<&'a Sited, ReleaseError> {
    let id = row.text("precinct_id");
    let unknown = || row.wrong("precinct_id", Wrong::UnknownUnit(id.to_owned()));
    let sited = places.sited(id).ok_or_else(unknown)?;
    for (field, listed) in [("county", &sited.county), ("code", &sited.code)] {
        let here = row.text(field);
        if here != listed {
            let wrong = Wrong::OtherUnit {
                here: here.to_owned(),
                listed: listed.clone(),
            };
            return Err(row.wrong(field, wrong));
        }
    }
    Ok(sited)
}

/// Candidates are written as names; the groups' ids are the same in small letters.
fn group(row: Row<'_>, rules: &Rules) -> Result<GroupId, ReleaseError> {
    let text = row.text("candidate");
    GroupId::parse(&text.to_lowercase())
        .ok()
        .filter(|group| rules.group(group).is_some())
        .ok_or_else(|| row.wrong("candidate", Wrong::UnknownGroup(text.to_owned())))
}

fn attendees(row: Row<'_>) -> Result<Option<People>, ReleaseError> {
    match row.optional("attendees") {
        None | Some("") => Ok(None),
        Some(_) => row.count("attendees").map(People::new),
    }
}

fn cell(row: Row<'_>, attendees: Option<People>) -> Result<PublishedFigure, ReleaseError> {
    let people = |field| {
        let count = row.count(field)?;
        match attendees {
            Some(room) if count > room.get() => {
                let attendees = room.get();
                Err(row.wrong(field, Wrong::AboveAttendance { count, attendees }))
            }
            Some(_) | None => Ok(People::of_sum(count)),
        }
    };
    Ok(PublishedFigure {
        first: people("first_alignment")?,
        last: people("final_alignment")?,
        sde: four_decimals(row.text("sde")).map_err(|wrong| row.wrong("sde", wrong))?,
    })
}

fn other_attendance(here: Option<People>, before: &Published) -> Wrong {
    let shown = |attendees: Option<People>| {
        attendees.map_or_else(String::new, |attendees| attendees.to_string())
    };
    Wrong::OtherAttendance {
        here: shown(here),
        before: shown(before.attendees),
    }
}
