//! The six releases of February 2020, in their order and each against the rules.
//!
//! Expected are the counts of the published analysis; where it counted by precinct what satellites trip
//! as well, those stand beside.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::PathBuf;

use caucus::{FindingCode, Rules};
use release::{Audit, Part, Places, Series, Sheets, Snapshot};
use testkit::shared_data;

/// The folder, or nothing with the reason printed.
fn folder() -> Option<PathBuf> {
    match shared_data("iowa2020") {
        Ok(folder) => Some(folder),
        Err(absent) => {
            absent.skip();
            None
        }
    }
}

fn read() -> Option<(Rules, Places, Series)> {
    let folder = folder()?;
    let rules = Rules::iowa_2020_published();
    let places = Places::read(&folder, &rules).unwrap();
    let series = Series::read(&folder, &places, &rules).unwrap();
    Some((rules, places, series))
}

/// The audit of the first so many releases' last.
fn audit(releases: usize) -> Option<Audit> {
    let (rules, places, series) = read()?;
    let steps = series.steps.into_iter().take(releases);
    let snapshots: Vec<Snapshot> = steps.map(|step| step.snapshot).collect();
    let series = Series::of(snapshots);
    Some(Audit::of(&rules, &places.roster, &series).unwrap().unwrap())
}

fn part(are: u64, of: u64) -> Part {
    Part { are, of }
}

/// Units, and the sums of both alignments.
const RELEASES: [(&str, usize, u64, u64); 6] = [
    ("01_2020-02-05_071pct", 1250, 128_285, 124_484),
    ("02_2020-02-05_075pct", 70, 134_210, 130_567),
    ("03_2020-02-05_086pct", 200, 156_233, 152_899),
    ("04_2020-02-06_092pct", 104, 164_346, 160_864),
    ("05_2020-02-06_097pct", 87, 172_510, 168_685),
    ("06_2020-02-08_100pct", 54, 176_436, 172_521),
];

/// Each release adds units, and no cell that was published changed before the review of 9 February.
#[test]
fn six_releases_add_units_and_change_nothing() {
    let Some((.., series)) = read() else { return };
    assert_eq!(series.steps.len(), RELEASES.len());
    for (step, (name, added, first, last)) in series.steps.iter().zip(RELEASES) {
        assert_eq!(
            (step.snapshot.name.as_str(), step.added.len()),
            (name, added)
        );
        assert!(step.gone.is_empty(), "{:?}", step.gone);
        let units = step.snapshot.units.values();
        let sums = units.fold((0, 0), |(first, last), unit| {
            (
                first + unit.first_total().get(),
                last + unit.final_total().get(),
            )
        });
        assert_eq!(sums, (first, last), "{name}");
    }
    assert_eq!(series.changed().count(), 0);
}

/// R9: the attendance of each pool is what all its sites were divided by, in every release that shows it.
#[test]
fn the_attendance_of_every_pool_is_found() {
    let Some((rules, places, series)) = read() else {
        return;
    };
    let known = [
        ("CD1", 448),
        ("CD2", 943),
        ("CD3", 1567),
        ("CD4", 141),
        ("OOS", 1187),
    ];
    let mut seen = 0;
    for step in &series.steps {
        let sheets = Sheets::infer(&rules, &places.roster, &step.snapshot);
        for (pool, people) in sheets.pools {
            assert!(
                known.contains(&(pool.as_str(), people.get())),
                "{pool} {people}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 3 + 4 + 5);
}

/// Counts of the last release by code, and what satellites add to a count by precinct.
const CONTRADICTIONS: [(FindingCode, u64, u64); 33] = [
    (FindingCode::EmptyRow, 4, 0),
    (FindingCode::FirstMissing, 1, 0),
    (FindingCode::FinalMissing, 1, 0),
    (FindingCode::SdeMissing, 1, 0),
    (FindingCode::ColumnSwap, 4, 0),
    (FindingCode::DuplicateRow, 6, 0),
    (FindingCode::DuplicateHalf, 14, 0),
    (FindingCode::FinalAboveFirst, 83, 0),
    (FindingCode::TotalsDiffer, 692, 0),
    (FindingCode::DropOverTenth, 116, 2),
    (FindingCode::SatelliteAttendance, 6, 0),
    (FindingCode::ViableLostVotes, 30, 1),
    (FindingCode::ViableToZero, 23, 1),
    (FindingCode::ZeroToViable, 14, 0),
    (FindingCode::NonviableRemainder, 407, 21),
    (FindingCode::MoreGroupsThanDelegates, 56, 0),
    (FindingCode::NoViableGroup, 2, 0),
    (FindingCode::OverAwarded, 23, 0),
    (FindingCode::UnderAwarded, 22, 0),
    (FindingCode::NonviableAwarded, 31, 0),
    (FindingCode::ThresholdRoundedDown, 20, 2),
    (FindingCode::AwardWithoutVotes, 8, 0),
    (FindingCode::ViableUnrewarded, 9, 0),
    (FindingCode::OrderInversion, 5, 0),
    (FindingCode::Distribution, 43, 1),
    (FindingCode::Allocation, 111, 0),
    (FindingCode::SatelliteAllocation, 5, 0),
    (FindingCode::SingleDelegateNotTop, 19, 0),
    (FindingCode::GameOfChance, 143, 4),
    (FindingCode::SdeNotMultiple, 0, 0),
    (FindingCode::CountyRowDiffers, 0, 0),
    (FindingCode::StalePoolShare, 0, 0),
    (FindingCode::PoolTotalDiffers, 2, 0),
];

#[test]
fn every_contradiction_of_the_last_release_is_counted() {
    let Some(audit) = audit(6) else { return };
    let mut wrong = Vec::new();
    for code in FindingCode::ALL {
        let listed = CONTRADICTIONS.iter().find(|(listed, ..)| *listed == code);
        let expected = listed.map_or((0, 0), |(_, count, beside)| (*count, *beside));
        let found = (audit.count(code), audit.satellites_beside(code));
        if found != expected {
            wrong.push(format!("{code}: {found:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One satellite more has nothing but an alignment's error.
    assert_eq!(
        (audit.any_error().len(), audit.any_error_at_all().len()),
        (222, 223)
    );
}

#[test]
fn the_rules_reproduce_what_they_did_and_every_equivalent_is_exact() {
    let Some(last) = audit(6) else { return };
    assert_eq!(last.units, part(1765, 1765));
    assert_eq!(last.reproduction.clean, part(1364, 1421));
    assert_eq!(last.reproduction.all, part(1546, 1676));
    assert_eq!(last.worth.precincts, part(1677, 1677));
    assert_eq!(last.worth.satellites, part(83, 83));
    let Some(first) = audit(1) else { return };
    assert_eq!(first.units, part(1250, 1765));
    assert_eq!(first.reproduction.clean, part(1150, 1154));
    assert_eq!(first.reproduction.clean.percent().as_deref(), Some("99.65"));
    // The published 40 count Scott B52, whose double D52 came with a later release.
    assert_eq!(first.any_error().len(), 39);
    assert_eq!(first.worth.precincts, part(1250, 1250));
}
