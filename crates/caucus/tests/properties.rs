//! What holds for every award and every total, whatever the sheet.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod second;

use std::collections::BTreeMap;

use caucus::{
    Award, Basis, Chance, Delegates, FinalAlignment, FirstAlignment, GroupId, Kind, People, PoolId,
    Reported, Roster, Rules, Scale, Standing, Tie, Totals, Unit, UnitId, Worksheet, award,
    delegates_to_elect, findings, permitted, recomputed, unit_sdes,
};
use proptest::prelude::*;
use second::{IOWA, Outcome, in_these_words, outcome};

fn people(count: u64) -> People {
    People::new(count).unwrap()
}

fn delegates(count: u64) -> Delegates {
    Delegates::new(count).unwrap()
}

/// A precinct with these delegates; a satellite where there are none.
fn unit(elect: u64) -> Unit {
    let line = match elect {
        0 => "unit P-1 satellite CD1 One".to_owned(),
        _ => format!("unit P-1 precinct C {elect} One"),
    };
    Unit::parse_line(&line).unwrap()
}

/// A sheet of these group sizes at both alignments; groups beyond the list have zeros.
fn sheet(rules: &Rules, attendees: u64, sizes: &[u64], given: &[u64]) -> Worksheet {
    let ids = || rules.groups().iter().map(|group| group.id.clone());
    let column = |cells: &[u64]| {
        let cells = cells.iter().copied().chain(std::iter::repeat(0));
        ids().zip(cells).collect::<Vec<_>>()
    };
    let sizes = column(sizes);
    let count = |(group, size): &(GroupId, u64)| (group.clone(), people(*size));
    Worksheet {
        attendees: people(attendees),
        first: sizes.iter().map(count).collect::<FirstAlignment>(),
        last: sizes.iter().map(count).collect::<FinalAlignment>(),
        reported: column(given)
            .into_iter()
            .map(|(group, count)| (group, delegates(count)))
            .collect::<Reported>(),
        ties: Vec::new(),
    }
}

/// Plays every game of chance for the first group in line, until the award is settled.
fn played(
    rules: &Rules,
    unit: &Unit,
    sheet: &mut Worksheet,
) -> Option<BTreeMap<GroupId, Delegates>> {
    loop {
        match award(rules, unit, sheet) {
            Award::Settled { by, .. } => return Some(by),
            Award::TieToBreak(tie) => {
                let winner = tie.groups[0].clone();
                let record = Tie::new(tie.kind, tie.groups, winner, Chance::Straws).unwrap();
                sheet.ties.push(record);
            }
            Award::OneDelegate { .. } | Award::NobodyViable { .. } | Award::Nothing => return None,
        }
    }
}

/// Delegates, attendance and up to twelve group sizes that often tie and often leave people out.
fn rooms() -> impl Strategy<Value = (u64, u64, Vec<u64>)> {
    (
        0_u64..=36,
        proptest::collection::vec(0_u64..60, 1..=12),
        0_u64..20,
    )
        .prop_map(|(elect, sizes, gone)| (elect, sizes.iter().sum::<u64>() + gone, sizes))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Once every game of chance is played, exactly the unit's delegates are awarded, each viable
    /// group has at least one unless there are too many groups, and no other group has any.
    #[test]
    fn delegates_all_awarded((elect, room, sizes) in rooms()) {
        let rules = Rules::iowa_2020();
        let unit = unit(elect);
        let mut sheet = sheet(&rules, room, &sizes, &[]);
        let elect = delegates_to_elect(&rules, &unit, sheet.attendees);
        let Some(by) = played(&rules, &unit, &mut sheet) else { return Ok(()) };
        prop_assert_eq!(by.values().map(|count| count.get()).sum::<u64>(), elect.get());
        let needed = caucus::threshold(&rules, elect, sheet.attendees).people().unwrap();
        let viable: Vec<_> = sheet.last.iter().filter(|(_, size)| *size >= needed).collect();
        for (group, size) in sheet.last.iter() {
            let given = by.get(group).is_some_and(|count| count.get() > 0);
            prop_assert!(!given || size >= needed);
            prop_assert!(given || size < needed || viable.len() > usize::try_from(elect.get()).unwrap());
        }
    }

    /// Whatever is awarded is permitted; one delegate moved to a group that has none left to tie is not.
    #[test]
    fn what_is_awarded_is_permitted((elect, room, sizes) in rooms()) {
        let rules = Rules::iowa_2020();
        let unit = unit(elect);
        let mut sheet = sheet(&rules, room, &sizes, &[]);
        let Some(by) = played(&rules, &unit, &mut sheet) else { return Ok(()) };
        let reported: Reported = by.clone().into_iter().collect();
        prop_assert!(permitted(&rules, &unit, &sheet, &reported));
        let over = by.iter().map(|(group, count)| (group.clone(), count.get() + 1));
        let over: Reported = over.map(|(group, count)| (group, delegates(count))).collect();
        prop_assert!(!permitted(&rules, &unit, &sheet, &over));
        sheet.reported = reported;
        for finding in findings(&unit, &rules, &sheet) {
            let code = finding.code.as_str();
            prop_assert!(!code.contains("allocation") && !code.contains("award"), "{}", code);
        }
    }

    /// What the rules give and what they leave open are the unit's delegates, whatever was reported;
    /// and what they give is part of every way in which chance can go.
    #[test]
    fn recomputed_and_undecided_are_all_delegates(
        (elect, room, sizes) in rooms(),
        given in proptest::collection::vec(0_u64..3, 12),
    ) {
        let rules = Rules::iowa_2020();
        let unit = unit(elect);
        let mut sheet = sheet(&rules, room, &sizes, &given);
        let elect = delegates_to_elect(&rules, &unit, sheet.attendees);
        let found = recomputed(&rules, &unit, &sheet);
        let sum = found.by.total().get() + found.undecided.get();
        prop_assert_eq!(sum, if room == 0 { 0 } else { elect.get() });
        let chosen = found.undecided == Delegates::ZERO;
        let Some(by) = played(&rules, &unit, &mut sheet) else { return Ok(()) };
        for (group, count) in found.by.iter() {
            prop_assert!(chosen || count <= by.get(group).copied().unwrap_or_default());
        }
    }

    /// What a group is called makes no difference: turned sizes give the turned award, and that of
    /// the second implementation.
    #[test]
    fn order_of_groups_irrelevant((elect, room, mut sizes) in rooms(), turn in 0_usize..12) {
        let rules = Rules::iowa_2020();
        let unit = unit(elect);
        sizes.resize(12, 0);
        let mut turned = sizes.clone();
        turned.rotate_left(turn);
        let ids: Vec<&GroupId> = rules.groups().iter().map(|group| &group.id).collect();
        let here = in_these_words(&award(&rules, &unit, &sheet(&rules, room, &sizes, &[])));
        let there = in_these_words(&award(&rules, &unit, &sheet(&rules, room, &turned, &[])));
        let elect = delegates_to_elect(&rules, &unit, people(room)).get();
        prop_assert_eq!(&there, &outcome(IOWA, elect, room, &ids, &turned));
        let back = |group: &GroupId| {
            let place = ids.iter().position(|id| *id == group).unwrap();
            ids[(place + turn) % 12].clone()
        };
        let there = match there {
            Outcome::Split { certain, tied, winners } => Outcome::Split {
                certain: certain.iter().map(|(group, count)| (back(group), *count)).collect(),
                tied: tied.iter().map(back).collect(),
                winners,
            },
            same @ (Outcome::WholeRoom | Outcome::Nobody | Outcome::Nothing) => same,
        };
        prop_assert_eq!(here, there);
    }

    /// Sheets may be added in any order.
    #[test]
    fn totals_order_irrelevant(sheets in sheets(), seed in any::<u64>()) {
        let rules = Rules::iowa_2020();
        let forward = added(&rules, sheets.iter());
        let mut shuffled: Vec<_> = sheets.iter().collect();
        shuffled.sort_by_key(|(_, sheet)| seed.rotate_left(7).wrapping_mul(sheet.attendees.get() | 1));
        prop_assert_eq!(&forward, &added(&rules, shuffled.into_iter()));
        prop_assert_eq!(&forward, &added(&rules, sheets.iter().rev()));
        // Counties first and the contest from them gives what sheet by sheet gives.
        let all = sheets.iter().map(|(unit, sheet)| (unit, sheet, Standing::Received));
        let at_once = Totals::of(Basis::Reported, &rules, &roster(&sheets), all).unwrap();
        prop_assert_eq!(&forward, &at_once);
    }

    /// Adding a sheet and taking it away again leaves the totals as they were, to the last row.
    #[test]
    fn adding_then_removing_leaves_nothing(sheets in sheets(), which in any::<prop::sample::Index>()) {
        let rules = Rules::iowa_2020();
        let roster = roster(&sheets);
        let (unit, sheet) = which.get(&sheets);
        let mut without = sheets.clone();
        without.remove(which.index(sheets.len()));
        let mut totals = added(&rules, sheets.iter());
        take_away(&mut totals, &rules, &roster, unit, sheet);
        prop_assert_eq!(&totals, &added(&rules, without.iter()));
        for (unit, sheet) in &without {
            take_away(&mut totals, &rules, &roster, unit, sheet);
        }
        prop_assert_eq!(totals, Totals::default());
    }

    /// The statewide row is the sum of what every unit is worth, with pools moving as a whole.
    #[test]
    fn statewide_is_the_sum_of_the_units(sheets in sheets()) {
        let rules = Rules::iowa_2020();
        let roster = roster(&sheets);
        let totals = added(&rules, sheets.iter());
        let scale = Scale::of(roster.counties());
        let results = totals.results(Basis::Reported, roster.counties(), &rules, &scale).unwrap();
        let mut by_group = BTreeMap::new();
        for (unit, sheet) in &sheets {
            for (group, sde) in unit_sdes(unit, sheet, &totals, &roster, &rules) {
                let sum = by_group.entry(group).or_insert_with(caucus::Sde::zero);
                *sum = sum.plus(&sde);
            }
        }
        for row in &results.statewide {
            prop_assert_eq!(&row.sde, &by_group[&row.group]);
        }
        let of = |lists: Vec<&Vec<caucus::ResultRow>>, place: usize| {
            lists.iter().map(|rows| rows[place].sde.clone()).sum::<caucus::Sde>()
        };
        for (place, row) in results.statewide.iter().enumerate() {
            let parts = results.counties.values().chain(results.pools.values()).collect();
            prop_assert_eq!(&of(parts, place), &row.sde);
            let outside = results.pools.iter().filter(|(id, _)| rules.pool(id).unwrap().district.is_none());
            let outside = of(outside.map(|(_, rows)| rows).collect(), place);
            let districts = of(results.districts.values().collect(), place);
            prop_assert_eq!(&districts.plus(&outside), &row.sde);
        }
    }
}

/// A text with a few of its bytes exchanged, taken out, or doubled, and lines swapped.
fn damaged(text: &str, edits: &[(prop::sample::Index, u8, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (place, edit, byte) in edits {
        let place = place.index(bytes.len());
        match edit % 4 {
            0 => bytes[place] = *byte,
            1 => drop(bytes.remove(place)),
            2 => bytes.insert(place, bytes[place]),
            _ => {
                let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                let line = place % lines.len();
                let other = usize::from(*byte) % lines.len();
                lines.swap(line, other);
                bytes = lines.concat();
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    /// A file of any of the three grammars that is read at all is the text that is written: nothing
    /// has two spellings, and damage that is not refused is another content.
    #[test]
    fn whatever_text_is_read_is_the_text_that_is_written(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), b' '..=b'~'), 0..4),
    ) {
        let rules = damaged(&Rules::iowa_2020().to_string(), &edits);
        if let Ok(read) = Rules::parse(&rules) {
            prop_assert_eq!(read.to_string(), rules);
        }
        let roster = damaged(ROSTER, &edits);
        if let Ok(read) = Roster::parse(&roster) {
            prop_assert_eq!(read.to_string(), roster);
        }
        let roll = damaged(ROLL, &edits);
        if let Ok(read) = caucus::Roll::parse(&roll) {
            prop_assert_eq!(read.to_string(), roll);
        }
    }
}

const ROSTER: &str = "precinct-tally/roster/v1\n\
    county 19001 51 4 3 Adair\n\
    county 19153 1401 392 - Polk\n\
    unit 19001-1NW precinct 19001 4 Adair, 1 NW\n\
    unit 19153-DM-080 precinct 19153 9 DM-80\n\
    unit sat-1111 satellite OOS Tucson, AZ\n";

const ROLL: &str = "19-1 a e/19-1/a+04264856+ASZm\n\
    19-1 s e/19-1/s+04264858+ASZo\n\
    19-1 v 4j504IZbaQWUx0zb541TqKHpOdwbSVqD2juT6rwqr7o=\n\
    19-1 v R4zcT9qesFlCqO1Qx0kYGr9iLePe4orHzuJGbs5HxPY=\n\
    19-1.5 a e/19-1.5/a+04264859+ASZp\n";

/// Up to twenty units, a third of them satellites, in two counties and two pools.
fn sheets() -> impl Strategy<Value = Vec<(Unit, Worksheet)>> {
    let one = (
        0_u64..9,
        0_u64..300,
        proptest::collection::vec(0_u64..50, 12),
        proptest::collection::vec(0_u64..4, 12),
    );
    proptest::collection::vec(one, 1..20).prop_map(|rooms| {
        let rules = Rules::iowa_2020();
        let sheets = rooms
            .into_iter()
            .enumerate()
            .map(|(index, (kind, room, sizes, given))| {
                let line = match kind {
                    0 => format!("unit P-{index} satellite CD1 {index}"),
                    1 | 2 => format!("unit P-{index} satellite OOS {index}"),
                    n if n % 2 == 0 => format!("unit P-{index} precinct Adair {n} {index}"),
                    n => format!("unit P-{index} precinct Polk {n} {index}"),
                };
                (
                    Unit::parse_line(&line).unwrap(),
                    sheet(&rules, room, &sizes, &given),
                )
            });
        sheets.collect()
    })
}

fn roster(sheets: &[(Unit, Worksheet)]) -> Roster {
    let counties = ["county Adair 51 4 3 Adair", "county Polk 1401 392 3 Polk"];
    let counties = counties.map(|line| caucus::County::parse_line(line).unwrap());
    Roster::new(counties, sheets.iter().map(|(unit, _)| unit.clone())).unwrap()
}

fn added<'a>(rules: &Rules, sheets: impl Iterator<Item = &'a (Unit, Worksheet)>) -> Totals {
    let sheets: Vec<_> = sheets.cloned().collect();
    let roster = roster(&sheets);
    let mut totals = Totals::default();
    for (unit, sheet) in &sheets {
        put_in(&mut totals, rules, &roster, unit, sheet);
    }
    totals
}

fn put_in(totals: &mut Totals, rules: &Rules, roster: &Roster, unit: &Unit, sheet: &Worksheet) {
    let sheet = Basis::Reported.sheet(rules, unit, sheet, Standing::Received);
    let scale = Scale::of(roster.counties());
    totals
        .add(unit, &sheet.unwrap(), rules, roster, &scale)
        .unwrap();
}

fn take_away(totals: &mut Totals, rules: &Rules, roster: &Roster, unit: &Unit, sheet: &Worksheet) {
    let sheet = Basis::Reported.sheet(rules, unit, sheet, Standing::Received);
    let scale = Scale::of(roster.counties());
    totals
        .remove(unit, &sheet.unwrap(), rules, roster, &scale)
        .unwrap();
}

/// One corrected satellite moves every site of its pool, and no other pool.
#[test]
fn a_corrected_satellite_moves_its_whole_pool() {
    let rules = Rules::iowa_2020();
    let site = |name: &str, pool: &str| Unit {
        id: UnitId::parse(name).unwrap(),
        kind: Kind::Satellite {
            pool: PoolId::parse(pool).unwrap(),
        },
        name: name.to_owned(),
    };
    let (first, second, other) = (site("S-1", "CD1"), site("S-2", "CD1"), site("S-3", "CD4"));
    let sheet = |room| sheet(&rules, room, &[room], &[4]);
    let mut totals = Totals::default();
    let roster = Roster::new([], [first.clone(), second.clone(), other.clone()]).unwrap();
    for (unit, room) in [(&first, 20), (&second, 10), (&other, 5)] {
        put_in(&mut totals, &rules, &roster, unit, &sheet(room));
    }
    let worth = |totals: &Totals, unit: &Unit, room| {
        let sdes = unit_sdes(unit, &sheet(room), totals, &roster, &rules);
        sdes[&rules.groups()[0].id].exact()
    };
    // 6 * 20/30, 6 * 10/30, 4 * 5/5.
    assert_eq!(worth(&totals, &first, 20), "4/1");
    assert_eq!(worth(&totals, &second, 10), "2/1");
    assert_eq!(worth(&totals, &other, 5), "4/1");
    take_away(&mut totals, &rules, &roster, &second, &sheet(10));
    put_in(&mut totals, &rules, &roster, &second, &sheet(20));
    assert_eq!(worth(&totals, &first, 20), "3/1");
    assert_eq!(worth(&totals, &second, 20), "3/1");
    assert_eq!(worth(&totals, &other, 5), "4/1");
}
