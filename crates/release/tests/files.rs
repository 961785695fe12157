//! A small release made in the test: read as it is, and refused with file, line and field where one
//! thing is wrong.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::path::Path;

use caucus::{Rules, UnitId};
use release::{Places, ReleaseError, Series, Sheets, Snapshot, Wrong, numbered};
use tempfile::TempDir;

const RULES: &str = "\
precinct-tally/rules/v1
title A small contest
viability 1 whole-room
viability 2 1/4
viability 3 1/6
viability 4 15/100
rounding up
half up
satellite 1 4
satellite 21 5
pool CD1 6 1 Satellites
group biden Joe Biden
group sanders Bernie Sanders
";

const COUNTIES: &str = "\
county,county_fips,congressional_district,county_convention_delegates,state_delegates
Adair,19001,1,51,4
";

const PRECINCTS: &str = "\
precinct_id,county,county_fips,congressional_district,kind,code,name,delegates,published_batch_utc
7,Adair,19001,1,precinct,1 NW,\"Adair, 1 NW\",4,2020-02-04T03:21:29
8,Adair,19001,1,precinct,2SE,Two,5,2020-02-04T18:52:35
11,CD1 Satellite,,1,satellite_in_state,Hall,Hall,,2020-02-04T18:52:35
12,CD1 Satellite,,1,satellite_in_state,Home,Home,,2020-02-04T18:52:35
13,CD1 Satellite,,1,satellite_in_state,Mill,Mill,,2020-02-04T18:52:35
";

const FIRST: &str = "\
precinct_id,county,code,candidate,first_alignment,final_alignment,sde
7,Adair,1 NW,Biden,20,22,0.1569
7,Adair,1 NW,Sanders,20,18,0.1569
";

/// The sites' 20, 24 and 36 people are 80 to the worth of 6; the mill aligned only 34 of its 36.
const SECOND: &str = "\
precinct_id,county,code,candidate,first_alignment,final_alignment,sde
7,Adair,1 NW,Biden,20,22,0.1569
7,Adair,1 NW,Sanders,20,18,0.1569
8,Adair,2SE,Biden,0,0,0
8,Adair,2SE,Sanders,30,30,0.3922
11,CD1 Satellite,Hall,Biden,10,10,0.75
11,CD1 Satellite,Hall,Sanders,10,10,0.75
12,CD1 Satellite,Home,Biden,24,24,1.8
12,CD1 Satellite,Home,Sanders,0,0,0
13,CD1 Satellite,Mill,Biden,34,34,2.7
13,CD1 Satellite,Mill,Sanders,0,0,0
";

fn rules() -> Rules {
    Rules::parse(RULES).unwrap()
}

fn unit(text: &str) -> UnitId {
    UnitId::parse(text).unwrap()
}

/// The folder with one file changed.
fn folder(file: &str, from: &str, to: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("snapshots")).unwrap();
    for (name, text) in [
        ("counties.csv", COUNTIES),
        ("precincts.csv", PRECINCTS),
        ("snapshots/01_first.csv", FIRST),
        ("snapshots/02_second.csv", SECOND),
    ] {
        let text = if name == file {
            assert!(text.contains(from), "{from:?} is not in {name}");
            text.replacen(from, to, 1)
        } else {
            text.to_owned()
        };
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn read(dir: &Path) -> Result<(Places, Series), ReleaseError> {
    let rules = rules();
    let places = Places::read(dir, &rules)?;
    let series = Series::read(dir, &places, &rules)?;
    Ok((places, series))
}

/// What is said about a changed file after its name, and what is wrong. Every sentence ends with what
/// to do.
fn refused(file: &str, from: &str, to: &str) -> (String, Wrong) {
    let dir = folder(file, from, to);
    let error = read(dir.path()).unwrap_err();
    let text = error.to_string();
    let wrong = wrong(error);
    assert!(text.ends_with(wrong.advice()), "{text}");
    let name = format!("`{}`, ", dir.path().join(file).display());
    let after = text.strip_prefix(&name);
    (after.unwrap_or(&text).to_owned(), wrong)
}

/// What is wrong with the field that an error names.
fn wrong(error: ReleaseError) -> Wrong {
    let field = match error {
        ReleaseError::Field { wrong, .. } => Some(wrong),
        ReleaseError::Unreadable { .. } | ReleaseError::NoSnapshot { .. } => None,
    };
    field.unwrap()
}

#[test]
fn all_snapshots_are_read_in_order_with_what_each_adds() {
    let dir = folder("counties.csv", "Adair", "Adair");
    let (places, series) = read(dir.path()).unwrap();
    assert_eq!(places.roster.unit_count(), 5);
    let added: Vec<(&str, usize)> = series
        .steps
        .iter()
        .map(|step| (step.snapshot.name.as_str(), step.added.len()))
        .collect();
    assert_eq!(added, [("01_first", 1), ("02_second", 4)]);
    assert_eq!(series.changed().count(), 0);
    assert_eq!(numbered(&dir.path().join("snapshots")).unwrap().len(), 2);
}

#[test]
fn a_cell_that_changes_between_two_releases_is_named_with_both_figures() {
    let dir = folder("snapshots/02_second.csv", "Biden,20,22", "Biden,20,23");
    let (_, series) = read(dir.path()).unwrap();
    let changed: Vec<String> = series
        .changed()
        .map(|(unit, finding)| format!("{unit} {}", finding.for_headquarters()))
        .collect();
    assert_eq!(
        changed,
        ["19001-1-NW I_changed_after_publication [biden]: biden final: 22, now 23"]
    );
}

#[test]
fn a_unit_that_vanishes_is_gone() {
    let dir = folder("counties.csv", "Adair", "Adair");
    let snapshots = dir.path().join("snapshots");
    fs::rename(
        snapshots.join("01_first.csv"),
        snapshots.join("03_third.csv"),
    )
    .unwrap();
    let (_, series) = read(dir.path()).unwrap();
    assert_eq!(series.steps.last().unwrap().gone.len(), 4);
}

/// R9 backwards: the pool's 80 people are found, and of the three sites only the mill had others than
/// it aligned.
#[test]
fn head_counts_and_delegates_are_inferred_from_what_they_were_worth() {
    let dir = folder("counties.csv", "Adair", "Adair");
    let (places, series) = read(dir.path()).unwrap();
    let snapshot = &series.steps.last().unwrap().snapshot;
    let sheets = Sheets::infer(&rules(), &places.roster, snapshot);
    let pools: Vec<u64> = sheets.pools.values().map(|people| people.get()).collect();
    assert_eq!(pools, [80]);
    let findings: Vec<(&str, &str)> = sheets
        .findings
        .iter()
        .map(|(unit, finding)| (unit.as_str(), finding.code.as_str()))
        .collect();
    assert_eq!(findings, [("sat-13", "E_sat_attendance_vs_sde")]);
    for (id, attendees, given) in [
        ("19001-1-NW", 40, [2, 2]),
        ("19001-2SE", 30, [0, 5]),
        ("sat-11", 20, [2, 2]),
        ("sat-12", 24, [5, 0]),
        ("sat-13", 36, [5, 0]),
    ] {
        let sheet = sheets.units.get(&unit(id)).unwrap();
        let reported: Vec<u64> = sheet.reported.iter().map(|(_, n)| n.get()).collect();
        assert_eq!(
            (sheet.attendees.get(), reported.as_slice()),
            (attendees, &given[..]),
            "{id}"
        );
    }
}

#[test]
fn equivalents_of_no_whole_delegates_are_kept_beside_the_nearest() {
    let dir = folder("snapshots/01_first.csv", "22,0.1569", "22,0.1769");
    let (places, series) = read(dir.path()).unwrap();
    let snapshot = &series.steps.first().unwrap().snapshot;
    let sheets = Sheets::infer(&rules(), &places.roster, snapshot);
    let id = unit("19001-1-NW");
    let finding = sheets.findings.get(&id).unwrap();
    assert_eq!(
        finding.for_headquarters(),
        "E_sde_not_multiple [biden]: biden 0.1769; one delegate is worth 4/51"
    );
    let sheet = sheets.units.get(&id).unwrap();
    assert_eq!(sheet.reported.total().get(), 4);
}

/// What is written, what is written instead, and what is said about it.
const WRONG_SNAPSHOTS: &str = "\
22,0.1569    | 22,-0.1569   | line 2, field `sde`: `-0.1569` is negative
Biden,20     | Biden,-20    | line 2, field `first_alignment`: `-20` is negative
20,22        | 20,22.5      | line 2, field `final_alignment`: `22.5` is no count
Biden,20     | Biden,       | line 2, field `first_alignment`: `` is no count
Biden,20     | Biden,9007199254740992 | line 2, field `first_alignment`: `9007199254740992` is too large
Biden,20     | Biden,9007199254740991 | line 3, field `first_alignment`: `9007199254741011` is too large
0.1569       | 0.15686      | line 2, field `sde`: `0.15686` is no decimal number
8,Adair      | 9,Adair      | line 4, field `precinct_id`: unit `9` is not listed
8,Adair,2SE  | 7,Adair,2SE  | line 4, field `code`: `2SE`, but this unit is listed as `1 NW`
8,Adair,2SE  | 8,Adams,2SE  | line 4, field `county`: `Adams`, but this unit is listed as `Adair`
Sanders      | Sander       | line 3, field `candidate`: `Sander` is no group of the rules
Sanders      | Biden        | line 3, field `candidate`: the unit has `Biden` twice
8,Adair,2SE,Biden,0,0,0\\n | | line 4, field `candidate`: the unit's rows end without `biden`
22,0.1569    | 22           | line 2, field `sde`: the row ends before this column
22,0.1569    | 22,0,1569    | line 2, field `sde`: the row has more fields than the header
final_align  | finale       | line 1, field `final_alignment`: the header lacks this column
county,code  | county,county,code | line 1, field `county`: the header has this column twice
";

const WRONG_UNITS: &str = "\
precinct,1 NW | city,1 NW   | line 2, field `kind`: `city` is no kind of unit
8,Adair,19001 | 8,Adair,19003 | line 3, field `county_fips`: `19003` is not known
,1,satellite | ,3,satellite | line 4, field `congressional_district`: `CD3` is not known
Two,5        | Two,0        | line 3, field `delegates`: `0` is no number of delegates that can be
Two,5        | Two,10001    | line 3, field `delegates`: `10001` is no number of delegates that can be
8,Adair      | 7,Adair      | line 3, field `precinct_id`: `7` stands in an earlier row
2SE          | 1-NW         | line 3, field `code`: `19001-1-NW` stands in an earlier row
,Two,        | ,,           | line 3, field `name`: `` cannot be a name
2020-02-04T18 | 4 Feb 18    | line 3, field `published_batch_utc`: `4 Feb 18:52:35` is no time of February 2020
";

const WRONG_COUNTIES: &str = "\
51,4         | 0,4          | line 2, field `county_convention_delegates`: `0` is no number of delegates
19001        | 19 001       | line 2, field `county_fips`: `19 001` cannot be an id
";

#[test]
fn wrong_input_is_refused_with_file_line_and_field() {
    for (file, cases) in [
        ("snapshots/02_second.csv", WRONG_SNAPSHOTS),
        ("precincts.csv", WRONG_UNITS),
        ("counties.csv", WRONG_COUNTIES),
    ] {
        for case in cases.lines() {
            let mut parts = case.split('|').map(|part| part.trim().replace("\\n", "\n"));
            let mut part = || parts.next().unwrap();
            let (from, to, expected) = (part(), part(), part());
            let said = refused(file, &from, &to).0;
            assert!(said.starts_with(&expected), "{case}\n{said}");
        }
    }
}

/// Where a file says who signed in, no group can be larger; in 2020 none did.
#[test]
fn a_count_above_attendance_is_refused() {
    let with = |room: &str| {
        format!(
            "precinct_id,county,code,candidate,first_alignment,final_alignment,sde,attendees\n\
             7,Adair,1 NW,Biden,20,22,0.1569,{room}\n7,Adair,1 NW,Sanders,20,18,0.1569,40\n"
        )
    };
    let (said, wrong) = refused("snapshots/01_first.csv", FIRST, &with("21"));
    let above = Wrong::AboveAttendance {
        count: 22,
        attendees: 21,
    };
    assert_eq!(wrong, above);
    assert!(
        said.starts_with("line 2, field `final_alignment`"),
        "{said}"
    );
    let (said, _) = refused("snapshots/01_first.csv", FIRST, &with("41"));
    assert!(said.starts_with("line 3, field `attendees`"), "{said}");
    let dir = folder("snapshots/01_first.csv", FIRST, &with("40"));
    let (_, series) = read(dir.path()).unwrap();
    let first = &series.steps.first().unwrap().snapshot;
    let published = first.units.values().next().unwrap();
    assert_eq!(published.attendees, caucus::People::new(40));
}

#[test]
fn bytes_that_are_no_text_are_refused_at_their_field() {
    let dir = folder("counties.csv", "Adair", "Adair");
    let file = dir.path().join("snapshots/01_first.csv");
    let mut bytes = FIRST.as_bytes().to_vec();
    bytes.extend(b"8,Adair,2SE,Bid\xffn,0,0,0\n");
    fs::write(&file, bytes).unwrap();
    let error = read(dir.path()).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("line 4, field `candidate`"), "{said}");
    assert_eq!(wrong(error), Wrong::NotText);
}

#[test]
fn what_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("counties.csv"), "{error}");
    let error = numbered(dir.path()).unwrap_err().to_string();
    assert!(error.contains("holds no snapshot"), "{error}");
    let rules = rules();
    let whole = folder("counties.csv", "Adair", "Adair");
    let places = Places::read(whole.path(), &rules).unwrap();
    let gone = Snapshot::read(&dir.path().join("06.csv"), &places, &rules);
    assert!(gone.unwrap_err().to_string().contains("06.csv"));
}
