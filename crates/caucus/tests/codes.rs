//! Every code there is, once raised and once narrowly not.
//!
//! The cases are one match over all codes, so a new code has no place without both. What the raised
//! finding says is in `codes.txt`: its weight, the places it points at, the words for the chair and
//! the figures for headquarters.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fmt::Write as _;

use caucus::{
    Chance, Column, County, Delegates, Finding, FindingCode, GroupId, People, Prints,
    PublishedFigure, PublishedRow, RoundedSde, Rules, Tie, TieKind, Unit, UnitId, Worksheet,
    changed_after_publication, differences, findings, published_county, published_pool,
    published_precinct, published_site, silent_while_neighbours_report,
};

fn group(id: &str) -> GroupId {
    GroupId::parse(id).unwrap()
}

fn people(count: u64) -> People {
    People::new(count).unwrap()
}

/// Rows of a group with its first and final alignment and its delegates; all others have nothing.
type Rows<'a> = &'a [(&'a str, u64, u64, u64)];

fn sheet(attendees: u64, rows: Rows<'_>) -> Worksheet {
    let of = |place: fn(&(&str, u64, u64, u64)) -> u64| {
        let rules = Rules::iowa_2020();
        let ids: Vec<GroupId> = rules.groups().iter().map(|one| one.id.clone()).collect();
        ids.into_iter().map(move |id| {
            let row = rows.iter().find(|row| row.0 == id.as_str());
            (id, row.map_or(0, place))
        })
    };
    let size = |(id, count)| (id, people(count));
    Worksheet {
        attendees: people(attendees),
        first: of(|row| row.1).map(size).collect(),
        last: of(|row| row.2).map(size).collect(),
        reported: of(|row| row.3)
            .map(|(id, count)| (id, Delegates::new(count).unwrap()))
            .collect(),
        ties: Vec::new(),
    }
}

/// The findings of a precinct that elects so many, or of a satellite where that is 0.
fn found(elect: u64, attendees: u64, rows: Rows<'_>) -> Vec<Finding> {
    judged(elect, &sheet(attendees, rows))
}

fn judged(elect: u64, sheet: &Worksheet) -> Vec<Finding> {
    let line = match elect {
        0 => "unit P-1 satellite OOS One".to_owned(),
        _ => format!("unit P-1 precinct C {elect} One"),
    };
    findings(
        &Unit::parse_line(&line).unwrap(),
        &Rules::iowa_2020(),
        sheet,
    )
}

/// The findings of two sheets side by side, by what they have in common.
fn beside(one: &Worksheet, other: &Worksheet) -> Vec<Finding> {
    let (one, other) = (Prints::of(one), Prints::of(other));
    let partner = [UnitId::parse("P-2").unwrap()];
    let same = |one: Option<String>, other| one.is_some() && one == other;
    let mut found = Vec::new();
    if same(one.both, other.both) {
        found.push(Finding::duplicate_row(&partner));
    }
    if same(one.first, other.first) {
        found.push(Finding::duplicate_half(Column::First, &partner));
    }
    if same(one.last, other.last) {
        found.push(Finding::duplicate_half(Column::Final, &partner));
    }
    found
}

fn row(cells: &[(&str, u64, u64, &str)]) -> PublishedRow {
    let cell = |(id, first, last, sde): &(&str, u64, u64, &str)| {
        let figure = PublishedFigure {
            first: people(*first),
            last: people(*last),
            sde: RoundedSde::parse(sde).unwrap(),
        };
        (group(id), figure)
    };
    cells.iter().map(cell).collect()
}

/// A site with these figures in a pool of 1,187 people that had 1,100 before.
fn site(cells: &[(&str, u64, u64, &str)]) -> Vec<Finding> {
    let rules = Rules::iowa_2020();
    let pool = rules.pools().last().unwrap();
    let site = published_site(&rules, pool, people(1187), &[people(1100)], &row(cells));
    site.finding().into_iter().collect()
}

fn one(finding: Option<Finding>) -> Vec<Finding> {
    finding.into_iter().collect()
}

/// A sheet with nothing to be said about it: 16*4/40 = 1.6 and 24*4/40 = 2.4.
const SOUND: Rows<'_> = &[("biden", 16, 16, 2), ("sanders", 24, 24, 2)];

/// What is found where the code should be raised, and where it narrowly should not.
#[expect(clippy::too_many_lines, reason = "a table with a row for each code")]
fn cases(code: FindingCode) -> [Vec<Finding>; 2] {
    match code {
        FindingCode::EmptyRow => [found(4, 40, &[]), found(4, 0, &[])],
        FindingCode::FirstMissing => [
            found(4, 40, &[("biden", 0, 40, 4)]),
            found(4, 40, &[("biden", 1, 40, 4)]),
        ],
        FindingCode::FinalMissing => [
            found(4, 40, &[("biden", 40, 0, 4)]),
            found(4, 40, &[("biden", 40, 1, 4)]),
        ],
        FindingCode::SdeMissing => [
            found(4, 40, &[("biden", 40, 40, 0)]),
            found(4, 40, &[("biden", 40, 0, 0)]),
        ],
        FindingCode::ColumnSwap => [
            found(
                4,
                40,
                &[
                    ("biden", 16, 0, 0),
                    ("sanders", 24, 24, 2),
                    ("yang", 0, 16, 2),
                ],
            ),
            found(
                4,
                40,
                &[
                    ("biden", 16, 0, 0),
                    ("sanders", 24, 25, 3),
                    ("yang", 0, 15, 1),
                ],
            ),
        ],
        FindingCode::FirstAboveAttendance => [found(4, 39, SOUND), found(4, 40, SOUND)],
        FindingCode::FinalAboveAttendance => [
            found(4, 40, &[("biden", 16, 16, 2), ("sanders", 24, 25, 2)]),
            found(4, 41, &[("biden", 16, 16, 2), ("sanders", 24, 25, 2)]),
        ],
        FindingCode::FirstBelowAttendance => [found(4, 41, SOUND), found(4, 40, SOUND)],
        FindingCode::FinalAboveFirst => [
            found(4, 50, &[("biden", 16, 16, 2), ("sanders", 24, 25, 2)]),
            found(4, 50, SOUND),
        ],
        FindingCode::TotalsDiffer => [
            found(4, 40, &[("biden", 15, 14, 2), ("sanders", 25, 25, 2)]),
            found(4, 40, &[("biden", 15, 14, 0), ("sanders", 25, 25, 0)]),
        ],
        FindingCode::DropOverTenth => [
            found(4, 40, &[("sanders", 40, 35, 4)]),
            found(4, 40, &[("sanders", 40, 36, 4)]),
        ],
        FindingCode::ViableLostVotes => [
            found(4, 40, &[("biden", 16, 15, 2), ("sanders", 24, 25, 2)]),
            // Three viable groups and two delegates: somebody had to realign.
            found(
                2,
                30,
                &[
                    ("biden", 10, 0, 0),
                    ("sanders", 10, 20, 1),
                    ("yang", 10, 10, 1),
                ],
            ),
        ],
        FindingCode::ViableToZero => [
            found(4, 40, &[("biden", 16, 0, 0), ("sanders", 24, 40, 4)]),
            found(4, 40, &[("biden", 16, 1, 0), ("sanders", 24, 39, 4)]),
        ],
        FindingCode::ZeroToViable => [
            found(
                4,
                40,
                &[
                    ("biden", 0, 6, 1),
                    ("sanders", 30, 30, 3),
                    ("yang", 5, 4, 0),
                ],
            ),
            found(
                4,
                40,
                &[
                    ("biden", 1, 6, 1),
                    ("sanders", 30, 30, 3),
                    ("yang", 5, 4, 0),
                ],
            ),
        ],
        FindingCode::NonviableRemainder => [
            found(4, 40, &[("biden", 5, 5, 0), ("sanders", 35, 35, 4)]),
            found(4, 40, &[("biden", 6, 6, 1), ("sanders", 34, 34, 3)]),
        ],
        FindingCode::MoreGroupsThanDelegates => [
            found(
                2,
                40,
                &[
                    ("biden", 20, 20, 1),
                    ("sanders", 10, 10, 1),
                    ("yang", 10, 10, 0),
                ],
            ),
            found(
                2,
                40,
                &[
                    ("biden", 20, 21, 1),
                    ("sanders", 10, 10, 1),
                    ("yang", 10, 9, 0),
                ],
            ),
        ],
        FindingCode::NoViableGroup => [
            found(2, 252, &[("biden", 62, 62, 0), ("sanders", 62, 62, 0)]),
            found(2, 252, &[("biden", 62, 62, 0), ("sanders", 63, 63, 2)]),
        ],
        FindingCode::OverAwarded => [
            found(4, 40, &[("biden", 16, 16, 2), ("sanders", 24, 24, 3)]),
            found(4, 40, SOUND),
        ],
        FindingCode::UnderAwarded => [
            found(4, 40, &[("biden", 16, 16, 1), ("sanders", 24, 24, 2)]),
            found(4, 40, SOUND),
        ],
        FindingCode::NonviableAwarded => [
            found(4, 40, &[("biden", 5, 5, 1), ("sanders", 35, 35, 3)]),
            found(4, 40, &[("biden", 6, 6, 1), ("sanders", 34, 34, 3)]),
        ],
        // 15% of 106 is 15.9; and where nobody has 16 people the threshold is not the cause.
        FindingCode::ThresholdRoundedDown => [
            found(4, 106, &[("biden", 15, 15, 1), ("sanders", 91, 91, 3)]),
            found(4, 106, &[("biden", 15, 15, 1), ("sanders", 15, 14, 3)]),
        ],
        FindingCode::AwardWithoutVotes => [
            found(4, 40, &[("biden", 5, 0, 1), ("sanders", 35, 40, 3)]),
            found(4, 40, &[("biden", 5, 1, 1), ("sanders", 35, 39, 3)]),
        ],
        FindingCode::ViableUnrewarded => [
            found(4, 40, &[("biden", 6, 6, 0), ("sanders", 34, 34, 4)]),
            found(4, 40, &[("biden", 5, 5, 0), ("sanders", 35, 35, 4)]),
        ],
        FindingCode::OrderInversion => [
            found(5, 40, &[("biden", 17, 17, 3), ("sanders", 23, 23, 2)]),
            found(5, 40, &[("biden", 20, 20, 3), ("sanders", 20, 20, 2)]),
        ],
        FindingCode::Distribution => [
            found(4, 40, &[("biden", 16, 16, 1), ("sanders", 24, 24, 3)]),
            // The right groups, and the wrong sum.
            found(4, 40, &[("biden", 16, 16, 1), ("sanders", 24, 24, 2)]),
        ],
        FindingCode::Allocation => [
            found(4, 40, &[("biden", 16, 16, 1), ("sanders", 24, 24, 3)]),
            // A coin can do this: 20*5/40 = 2.5 each.
            found(5, 40, &[("biden", 20, 20, 3), ("sanders", 20, 20, 2)]),
        ],
        FindingCode::SatelliteAllocation => [
            found(0, 20, &[("biden", 8, 8, 1), ("sanders", 12, 12, 3)]),
            found(0, 20, &[("biden", 8, 8, 2), ("sanders", 12, 12, 2)]),
        ],
        FindingCode::SingleDelegateNotTop => [
            found(1, 20, &[("biden", 8, 8, 1), ("sanders", 12, 12, 0)]),
            found(1, 20, &[("biden", 10, 10, 1), ("sanders", 10, 10, 0)]),
        ],
        FindingCode::GameOfChance => {
            let mut tied = sheet(40, &[("biden", 20, 20, 3), ("sanders", 20, 20, 2)]);
            let groups = vec![group("biden"), group("sanders")];
            let tie = Tie::new(TieKind::Reduce, groups, group("sanders"), Chance::Coin).unwrap();
            tied.ties.push(tie);
            [
                judged(5, &tied),
                found(5, 40, &[("biden", 19, 19, 2), ("sanders", 21, 21, 3)]),
            ]
        }
        FindingCode::DuplicateRow => {
            let eleven = sheet(11, &[("biden", 6, 6, 0), ("sanders", 5, 5, 0)]);
            let ten = sheet(10, &[("biden", 5, 5, 0), ("sanders", 5, 5, 0)]);
            [beside(&eleven, &eleven), beside(&ten, &ten)]
        }
        FindingCode::DuplicateHalf => {
            let four = |last| {
                let sizes: Rows<'_> = &[
                    ("biden", 6, last, 0),
                    ("sanders", 5, 0, 0),
                    ("warren", 5, 0, 0),
                    ("yang", 5, 0, 0),
                ];
                sheet(21, sizes)
            };
            let three = |last| {
                let sizes: Rows<'_> = &[
                    ("biden", 6, last, 0),
                    ("sanders", 5, 0, 0),
                    ("warren", 10, 0, 0),
                ];
                sheet(21, sizes)
            };
            [beside(&four(21), &four(20)), beside(&three(21), &three(20))]
        }
        FindingCode::SilentWhileNeighboursReport => [3, 2].map(|reported| {
            let silent = silent_while_neighbours_report(reported, 4);
            one(silent.then(|| Finding::silent_while_neighbours_report(reported, 4)))
        }),
        FindingCode::WithdrawnGroup => {
            ["biden", "yang"].map(|id| one(Finding::withdrawn_group(&group(id), &sheet(40, SOUND))))
        }
        FindingCode::RivalDiffers => [41, 40].map(|attendees| {
            let cells = differences(&sheet(40, SOUND), &sheet(attendees, SOUND));
            one((!cells.is_empty()).then(|| Finding::rival_differs(cells)))
        }),
        FindingCode::AttestDiffers => [17, 16].map(|last| {
            let seen = sheet(40, &[("biden", 16, last, 2), ("sanders", 24, 24, 2)]);
            let cells = differences(&sheet(40, SOUND), &seen);
            one((!cells.is_empty()).then(|| Finding::attest_differs(cells)))
        }),
        // What the record says is the ledger's to decide; its words are here.
        FindingCode::KeyDoubted => [vec![Finding::key_doubted("e/P-1/a")], found(4, 40, SOUND)],
        FindingCode::Asked => [vec![Finding::asked("is row 3 a 7?")], found(4, 40, SOUND)],
        FindingCode::HeldByReview => [
            vec![Finding::held_by_review("the sheet is on its way")],
            found(4, 40, SOUND),
        ],
        FindingCode::LateReport => [vec![Finding::late_report(2001, 1990)], found(4, 40, SOUND)],
        FindingCode::ReportedTwice => [vec![Finding::reported_twice(17)], found(4, 40, SOUND)],
        FindingCode::SatelliteAttendance => [
            site(&[("biden", 12, 12, "0.0455"), ("sanders", 4, 4, "0.0152")]),
            site(&[("biden", 12, 12, "0.0404"), ("sanders", 4, 4, "0.0135")]),
        ],
        FindingCode::StalePoolShare => [
            site(&[("biden", 12, 12, "0.0436"), ("sanders", 4, 4, "0.0145")]),
            site(&[("biden", 12, 12, "0.0404"), ("sanders", 4, 4, "0.0135")]),
        ],
        FindingCode::SdeNotMultiple => ["0.0794", "0.0785"].map(|sde| {
            let county = County::parse_line("county 19001 51 4 3 Adair").unwrap();
            one(published_precinct(&county, &row(&[("biden", 9, 9, sde)])).err())
        }),
        FindingCode::CountyRowDiffers => [7, 6].map(|first| {
            let precinct = row(&[("biden", 6, 6, "0.0784")]);
            one(published_county(
                &row(&[("biden", first, 6, "0.0784")]),
                [&precinct],
            ))
        }),
        FindingCode::PoolTotalDiffers => ["4.0002", "4.0001"].map(|sde| {
            let rules = Rules::iowa_2020();
            let pool = rules.pools().last().unwrap();
            one(published_pool(pool, [&row(&[("biden", 9, 9, sde)])]))
        }),
        FindingCode::ChangedAfterPublication => [7, 6].map(|last| {
            let rows = [6, last].map(|last| row(&[("biden", 6, last, "0.0784")]));
            let [earlier, later] = rows;
            one(changed_after_publication(&earlier, &later))
        }),
    }
}

#[test]
fn every_code_is_raised_where_it_should_be_and_narrowly_not_elsewhere() {
    let mut said = String::new();
    for code in FindingCode::ALL {
        let [positive, negative] = cases(code);
        let raised: Vec<Finding> = positive
            .into_iter()
            .filter(|one| one.code == code)
            .collect();
        let Some(finding) = raised.first() else {
            panic!("{code} is not raised where it should be");
        };
        assert!(
            negative.iter().all(|one| one.code != code),
            "{code}: {negative:?}"
        );
        assert!(!finding.figures.is_empty(), "{code} has no figures");
        let cells: Vec<String> = finding.cells.iter().map(ToString::to_string).collect();
        writeln!(said, "{:?}", finding.severity()).unwrap();
        writeln!(said, "  at     {}", cells.join(", ")).unwrap();
        writeln!(said, "  chair  {}", finding.for_chair()).unwrap();
        writeln!(said, "  hq     {}", finding.for_headquarters()).unwrap();
    }
    let written = include_str!("codes.txt").replace("at     \n", "at     -\n");
    let said = said.replace("at     \n", "at     -\n");
    assert!(written == said, "the texts are now:\n{said}");
}
