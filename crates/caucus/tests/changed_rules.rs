//! Another contest needs another file and no other code: one rule of 2020 is changed at a time.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;

use caucus::{
    Award, Basis, Delegates, GroupId, People, Reported, Roster, Rules, Standing, Totals, Unit,
    Worksheet, award, permitted, unit_sdes,
};

/// The rules of 2020 with one line changed.
fn rules(from: &str, to: &str) -> Rules {
    let text = Rules::iowa_2020().to_string();
    assert!(text.contains(from), "{from}");
    Rules::parse(&text.replacen(from, to, 1)).unwrap()
}

fn group(id: &str) -> GroupId {
    GroupId::parse(id).unwrap()
}

fn given(counts: &[(&str, u64)]) -> Reported {
    let cell = |(id, count): &(&str, u64)| (group(id), Delegates::new(*count).unwrap());
    counts.iter().map(cell).collect()
}

fn sheet(attendees: u64, sizes: &[(&str, u64)]) -> Worksheet {
    let cell = |(id, size): &(&str, u64)| (group(id), People::new(*size).unwrap());
    Worksheet {
        attendees: People::new(attendees).unwrap(),
        first: sizes.iter().map(cell).collect(),
        last: sizes.iter().map(cell).collect(),
        reported: Reported::default(),
        ties: Vec::new(),
    }
}

fn precinct(delegates: u64) -> Unit {
    Unit::parse_line(&format!("unit P-1 precinct C {delegates} One")).unwrap()
}

fn split(rules: &Rules, delegates: u64, sheet: &Worksheet) -> BTreeMap<GroupId, u64> {
    let Award::Settled { by, .. } = award(rules, &precinct(delegates), sheet) else {
        panic!("nothing is tied here");
    };
    by.into_iter()
        .map(|(id, count)| (id, count.get()))
        .collect()
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<GroupId, u64> {
    counts.map(|(id, count)| (group(id), count)).into()
}

/// Fifteen of 106 are less than 15.9; they are more than a tenth, and enough for 15.9 rounded down.
#[test]
fn the_threshold_is_the_file_s() {
    let sheet = sheet(106, &[("biden", 15), ("sanders", 50), ("warren", 41)]);
    let strict = split(&Rules::iowa_2020(), 9, &sheet);
    assert_eq!(strict, counts([("sanders", 5), ("warren", 4)]));
    for rules in [
        rules("viability 4 15/100", "viability 4 1/10"),
        rules("rounding up", "rounding down"),
    ] {
        let loose = split(&rules, 9, &sheet);
        assert_eq!(loose, counts([("biden", 1), ("sanders", 4), ("warren", 4)]));
    }
}

/// At a tenth a group of 10 in 100 has 10*4/100 = 0.4 of four delegates: it counts as one all the
/// same (R5), and the two that were rounded up to two are left with it.
#[test]
fn a_viable_group_is_entitled_to_one_whatever_its_share() {
    let rules = rules("viability 4 15/100", "viability 4 1/10");
    let sheet = sheet(100, &[("biden", 10), ("sanders", 65), ("warren", 25)]);
    assert_eq!(
        split(&rules, 4, &sheet),
        counts([("biden", 1), ("sanders", 2), ("warren", 1)])
    );
}

/// 30*4/80 = 1.5 and 50*4/80 = 2.5: with halves up one of the two loses a coin, with halves down one
/// of them wins it.
#[test]
fn a_half_goes_where_the_file_says() {
    let sheet = sheet(80, &[("biden", 30), ("sanders", 50)]);
    for (half, kind) in [("half up", "reduce"), ("half down", "award")] {
        let Award::TieToBreak(tie) = award(&rules("half up", half), &precinct(4), &sheet) else {
            panic!("two equal halves tie");
        };
        assert_eq!((tie.kind.as_str(), tie.prizes), (kind, 1));
    }
}

/// With groups also where one delegate is elected, at one half of the room.
#[test]
fn one_delegate_may_be_elected_by_groups() {
    let rules = rules("viability 1 whole-room", "viability 1 1/2");
    let sheet = sheet(10, &[("biden", 4), ("sanders", 6)]);
    assert_eq!(split(&rules, 1, &sheet), counts([("sanders", 1)]));
    let room = Rules::iowa_2020();
    for (reported, either, groups) in [
        (given(&[("sanders", 1)]), true, true),
        (given(&[("biden", 1)]), true, false),
        (given(&[("biden", 1), ("sanders", 1)]), false, false),
        (given(&[]), false, false),
    ] {
        assert_eq!(permitted(&room, &precinct(1), &sheet, &reported), either);
        assert_eq!(permitted(&rules, &precinct(1), &sheet, &reported), groups);
    }
}

/// A satellite's delegates are the table's.
#[test]
fn the_satellite_table_is_the_file_s() {
    let rules = rules("satellite 1 4", "satellite 1 2");
    let unit = Unit::parse_line("unit S-1 satellite CD1 One").unwrap();
    let sheet = sheet(10, &[("biden", 10)]);
    let Award::Settled { by, .. } = award(&rules, &unit, &sheet) else {
        panic!("one group takes all");
    };
    assert_eq!(by.get(&group("biden")).expect("it is viable").get(), 2);
}

/// A pool's worth, and which pools there are, are the file's: alone in its pool, a site has all of it.
#[test]
fn the_pools_are_the_file_s() {
    for (rules, pool, worth) in [
        (rules("pool CD1 6 1", "pool CD1 7 1"), "CD1", "7/1"),
        (
            rules("pool OOS 4 - Satellites outside Iowa", "pool Sea 3 - Ships"),
            "Sea",
            "3/1",
        ),
    ] {
        let unit = Unit::parse_line(&format!("unit S-1 satellite {pool} One")).unwrap();
        let mut sheet = sheet(10, &[("biden", 10)]);
        sheet.reported = given(&[("biden", 4)]);
        let roster = Roster::new([], [unit.clone()]).unwrap();
        let reported = [(&unit, &sheet, Standing::Received)];
        let totals = Totals::of(Basis::Reported, &rules, &roster, reported).unwrap();
        let sdes = unit_sdes(&unit, &sheet, &totals, &roster, &rules);
        assert_eq!(sdes[&group("biden")].exact(), worth);
    }
}
