//! The rows of a release's files, as they are written.

use std::path::{Path, PathBuf};

use super::{ReleaseError, content};

/// One row of `precincts.csv`.
pub(super) struct UnitRow {
    pub(super) precinct_id: String,
    pub(super) county_fips: String,
    pub(super) congressional_district: String,
    pub(super) kind: String,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) delegates: String,
    pub(super) published_batch_utc: String,
}

/// One row of `counties.csv`.
pub(super) struct CountyRow {
    pub(super) county: String,
    pub(super) county_fips: String,
    pub(super) congressional_district: String,
    pub(super) county_convention_delegates: String,
    pub(super) state_delegates: String,
}

/// One row of a snapshot.
pub(super) struct CellRow {
    pub(super) precinct_id: String,
    pub(super) candidate: String,
    pub(super) first_alignment: u64,
    pub(super) final_alignment: u64,
    pub(super) sde: String,
}

pub(super) fn units(dir: &Path) -> Result<Vec<UnitRow>, ReleaseError> {
    table(&dir.join("precincts.csv"), |cell| {
        Some(UnitRow {
            precinct_id: cell("precinct_id")?,
            county_fips: cell("county_fips")?,
            congressional_district: cell("congressional_district")?,
            kind: cell("kind")?,
            code: cell("code")?,
            name: cell("name")?,
            delegates: cell("delegates")?,
            published_batch_utc: cell("published_batch_utc")?,
        })
    })
}

pub(super) fn counties(dir: &Path) -> Result<Vec<CountyRow>, ReleaseError> {
    table(&dir.join("counties.csv"), |cell| {
        Some(CountyRow {
            county: cell("county")?,
            county_fips: cell("county_fips")?,
            congressional_district: cell("congressional_district")?,
            county_convention_delegates: cell("county_convention_delegates")?,
            state_delegates: cell("state_delegates")?,
        })
    })
}

/// The rows of the snapshot whose name is last; names begin with the release's number.
pub(super) fn last_snapshot(dir: &Path) -> Result<Vec<CellRow>, ReleaseError> {
    let folder = dir.join("snapshots");
    let entries = std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&folder, error))?.path();
        let numbered = path.file_name().is_some_and(|name| {
            name.to_string_lossy()
                .starts_with(|first: char| first.is_ascii_digit())
        });
        if numbered {
            files.push(path);
        }
    }
    let last = files.into_iter().max();
    let shown = folder.display().to_string();
    let last = last.ok_or_else(|| content(&shown, "there is no numbered snapshot"))?;
    table(&last, |cell| {
        Some(CellRow {
            precinct_id: cell("precinct_id")?,
            candidate: cell("candidate")?,
            first_alignment: cell("first_alignment")?.parse().ok()?,
            final_alignment: cell("final_alignment")?.parse().ok()?,
            sde: cell("sde")?,
        })
    })
}

/// All rows of a file; `read` is given a way to look up a cell by its column's name.
fn table<T>(
    path: &Path,
    read: impl Fn(&dyn Fn(&str) -> Option<String>) -> Option<T>,
) -> Result<Vec<T>, ReleaseError> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| unreadable(path, error))?;
    let header = reader
        .headers()
        .map_err(|error| unreadable(path, error))?
        .clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(path, error))?;
        let cell = |name: &str| {
            let column = header.iter().position(|column| column == name)?;
            record.get(column).map(str::to_owned)
        };
        let row = read(&cell).ok_or_else(|| {
            let line = record.position().map_or(0, csv::Position::line);
            content(
                &path.display().to_string(),
                format!("line {line} lacks a column or a number"),
            )
        })?;
        rows.push(row);
    }
    Ok(rows)
}

fn unreadable(
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ReleaseError {
    ReleaseError::Read {
        path: path.display().to_string(),
        source: error.into(),
    }
}

/// Milliseconds from the beginning of February 2020 of a stamp such as `2020-02-06T01:00:19.232032`.
pub(super) fn february_2020_ms(stamp: &str) -> Option<u64> {
    let (day, time) = stamp.strip_prefix("2020-02-")?.split_once('T')?;
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let (second, fraction) = second.split_once('.').unwrap_or((second, "000"));
    let day: u64 = day.parse().ok().filter(|day| (1..=29).contains(day))?;
    let hours = (day - 1) * 24 + hour.parse::<u64>().ok().filter(|hour| *hour < 24)?;
    let minutes = hours * 60 + minute.parse::<u64>().ok().filter(|minute| *minute < 60)?;
    let seconds = minutes * 60 + second.parse::<u64>().ok().filter(|second| *second < 60)?;
    let thousandths: u64 = fraction.get(..3)?.parse().ok()?;
    Some(seconds * 1000 + thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_milliseconds_of_february() {
        assert_eq!(february_2020_ms("2020-02-01T00:00:00.000000"), Some(0));
        assert_eq!(
            february_2020_ms("2020-02-06T01:00:19.232032"),
            Some((((5 * 24 + 1) * 60) * 60 + 19) * 1000 + 232)
        );
        assert_eq!(february_2020_ms("2020-03-01T00:00:00"), None);
        assert_eq!(february_2020_ms("2020-02-06"), None);
    }
}
