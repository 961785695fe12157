//! The published releases of 2020, recomputed.
//!
//! The figures expected here are those of the published analysis of the release of 8 February 2020.
//! Attendance was never published, so a first alignment's total stands in for it, as it did there.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "../../caucus/tests/second/mod.rs"]
mod second;

use std::collections::{BTreeMap, BTreeSet};

use caucus::{
    Award, Basis, FindingCode, GroupId, Kind, People, Results, Roster, Rules, Standing, Totals,
    Unit, UnitId, Worksheet, award, delegates_to_elect, findings, permitted, unit_sdes,
};
use testkit::{Night, Report, shared_data};

/// The night of the last release, or nothing with the reason printed.
fn release() -> Option<Night> {
    match shared_data("iowa2020") {
        Ok(folder) => Some(Night::from_release(&folder).unwrap()),
        Err(absent) => {
            absent.skip();
            None
        }
    }
}

fn sheets(night: &Night) -> impl Iterator<Item = (&Unit, &Worksheet, Standing)> {
    let reports = night.reports.iter();
    reports.map(|report| (night.unit(report), &report.worksheet, Standing::Received))
}

fn totals(night: &Night) -> Totals {
    Totals::of(Basis::Reported, &night.rules, &night.roster, sheets(night)).unwrap()
}

fn is_precinct(unit: &Unit) -> bool {
    matches!(unit.kind, Kind::Precinct { .. })
}

fn codes(night: &Night, report: &Report) -> BTreeSet<FindingCode> {
    findings(night.unit(report), &night.rules, &report.worksheet)
        .into_iter()
        .map(|finding| finding.code)
        .collect()
}

/// R9, R10: every unit with an award is worth what was published, to four decimals.
#[test]
fn every_unit_is_worth_what_was_published() {
    let Some(night) = release() else { return };
    let totals = totals(&night);
    let (mut precincts, mut satellites) = (0, 0);
    for report in &night.reports {
        let unit = night.unit(report);
        let published = &night.published.get(&report.unit).unwrap().cells;
        let worth = unit_sdes(
            unit,
            &report.worksheet,
            &totals,
            &night.roster,
            &night.rules,
        );
        for (group, cell) in published {
            assert_eq!(
                worth.get(group).unwrap().decimal(4),
                cell.sde.to_string(),
                "{} {group}",
                unit.id
            );
            assert_eq!(report.worksheet.first.get(group), cell.first);
            assert_eq!(report.worksheet.last.get(group), cell.last);
        }
        if report.worksheet.reported.total().get() > 0 {
            precincts += u32::from(is_precinct(unit));
            satellites += u32::from(!is_precinct(unit));
        }
    }
    assert_eq!(
        (night.reports.len(), precincts, satellites),
        (1765, 1677, 83)
    );
}

/// R9: six satellites counted other heads than they aligned, and only their equivalents say so. With
/// the inferred counts every pool has the attendance that its published figures were divided by.
#[test]
fn six_satellites_had_another_attendance() {
    let Some(night) = release() else { return };
    let mut other = BTreeMap::new();
    for report in &night.reports {
        let sheet = &report.worksheet;
        if !is_precinct(night.unit(report)) && sheet.first.total() != sheet.attendees {
            other.insert(
                report.unit.as_str().to_owned(),
                (sheet.first.total().get(), sheet.attendees.get()),
            );
        }
    }
    let expected = [
        ("sat-1118", (105, 106)),
        ("sat-1143", (50, 67)),
        ("sat-1168", (190, 192)),
        ("sat-1186", (183, 187)),
        ("sat-1187", (159, 160)),
        ("sat-1206", (103, 105)),
    ];
    let expected = expected.map(|(unit, counts)| (unit.to_owned(), counts));
    assert_eq!(other, BTreeMap::from(expected));
    let pools = totals(&night).pools;
    let pools: Vec<(u64, u64)> = pools
        .values()
        .map(|pool| (pool.units, pool.attendees.get()))
        .collect();
    assert_eq!(
        pools,
        [(12, 448), (17, 943), (20, 1567), (11, 141), (27, 1187)]
    );
}

/// R11: the statewide rows as published.
#[test]
fn the_state_adds_up() {
    let Some(night) = release() else { return };
    let results = Results::of(Basis::Reported, &night.rules, &night.roster, sheets(&night));
    let results = results.unwrap();
    let row = |id: &str| {
        let row = results
            .statewide
            .iter()
            .find(|row| row.group.as_str() == id)
            .unwrap();
        (row.first.get(), row.last.get(), row.sde.decimal(3))
    };
    assert_eq!(row("buttigieg"), (37_557, 43_195, "564.012".to_owned()));
    assert_eq!(row("sanders"), (43_671, 45_826, "562.497".to_owned()));
    let sum =
        |column: fn(&caucus::ResultRow) -> u64| results.statewide.iter().map(column).sum::<u64>();
    assert_eq!(sum(|row| row.first.get()), 176_436);
    assert_eq!(sum(|row| row.last.get()), 172_521);
    let sde: caucus::Sde = results.statewide.into_iter().map(|row| row.sde).sum();
    // The published cells add up to 2152.889: each of them was rounded before.
    assert_eq!(sde.decimal(3), "2152.893");
}

/// How well the rules reproduce what chairs reported. On the first release, which is the first four
/// batches: 1,150 of 1,154 clean precincts. On the last: 1,546 of 1,676 precincts with both alignments
/// (a single delegate counts where a largest group has it), and 1,364 of 1,421 of those with groups
/// whose totals, alignments and sums of delegates hold no contradiction.
#[test]
fn the_rules_reproduce_as_many_precincts_as_were_counted() {
    const UNCLEAN: [FindingCode; 7] = [
        FindingCode::FinalAboveFirst,
        FindingCode::ViableLostVotes,
        FindingCode::ViableToZero,
        FindingCode::ColumnSwap,
        FindingCode::NoViableGroup,
        FindingCode::OverAwarded,
        FindingCode::UnderAwarded,
    ];
    let Some(night) = release() else { return };
    let (mut all, mut clean, mut early) = ([0, 0], [0, 0], [0, 0]);
    for report in &night.reports {
        let (unit, sheet) = (night.unit(report), &report.worksheet);
        let counted = |total| total > People::ZERO;
        if !is_precinct(unit) || !counted(sheet.first.total()) || !counted(sheet.last.total()) {
            continue;
        }
        let codes = codes(&night, report);
        let reproduced = permitted(&night.rules, unit, sheet, &sheet.reported)
            && !codes.contains(&FindingCode::SingleDelegateNotTop);
        let count = |counts: &mut [u32; 2]| {
            let [right, of] = counts;
            *of += 1;
            *right += u32::from(reproduced);
        };
        count(&mut all);
        let groups = delegates_to_elect(&night.rules, unit, sheet.attendees).get() > 1;
        if groups && UNCLEAN.iter().all(|code| !codes.contains(code)) {
            count(&mut clean);
            if night.published[&report.unit].batch.as_str() < "2020-02-05" {
                count(&mut early);
            }
        }
    }
    assert_eq!(all, [1546, 1676]);
    assert_eq!(clean, [1364, 1421]);
    assert_eq!(early, [1150, 1154]);
}

/// The two implementations agree on every real unit.
#[test]
fn two_implementations_agree_on_every_real_unit() {
    let Some(night) = release() else { return };
    let mut tied = 0;
    for report in &night.reports {
        let (unit, sheet) = (night.unit(report), &report.worksheet);
        let (ids, sizes): (Vec<&GroupId>, Vec<u64>) = sheet
            .last
            .iter()
            .map(|(group, size)| (group, size.get()))
            .unzip();
        let elect = delegates_to_elect(&night.rules, unit, sheet.attendees).get();
        let room = sheet.attendees.get();
        let other = second::outcome(second::IOWA, elect, room, &ids, &sizes);
        let answer = award(&night.rules, unit, sheet);
        assert_eq!(second::in_these_words(&answer), other, "{}", unit.id);
        tied += u32::from(matches!(answer, Award::TieToBreak(_)));
    }
    assert!(tied > 100);
}

/// The files made from a release are files that parse, and batches arrive in their order.
#[test]
fn a_release_makes_files_and_an_order() {
    let Some(night) = release() else { return };
    assert_eq!(
        Roster::parse(&night.roster.to_string()).unwrap(),
        night.roster
    );
    assert_eq!(Rules::parse(&night.rules.to_string()).unwrap(), night.rules);
    assert!(night.roster.unknown_pool(&night.rules).is_none());
    let unit = UnitId::parse("19153-DM-080").unwrap();
    assert!(night.roster.unit(&unit).is_some());
    assert!(night.reports.is_sorted_by_key(|report| report.arrival_ms));
    let batches: BTreeSet<&str> = night
        .published
        .values()
        .map(|published| published.batch.as_str())
        .collect();
    assert_eq!(batches.len(), 10);
    for report in &night.reports {
        assert!(report.worksheet.lists_groups_of(&night.rules));
    }
}
