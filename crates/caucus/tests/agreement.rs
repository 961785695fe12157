//! Two implementations of the award, which share no code, agree on every room.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod second;

use caucus::{
    Award, FirstAlignment, GroupId, People, Reported, Rules, TieKind, Unit, Worksheet, award,
};
use second::{IOWA, Numbers, Outcome, in_these_words, outcome};

/// Rules as a file and as the numbers that the second implementation takes.
struct Contest {
    rules: Rules,
    numbers: Numbers,
}

/// The rules of 2020, and rules that differ from them in a share, in the rounding of the threshold,
/// in where a half goes, in whether one delegate is elected by groups, and in all of them.
fn contests() -> [Contest; 6] {
    let contest = |changes: &[(&str, &str)], numbers| {
        let mut text = Rules::iowa_2020().to_string();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let rules = Rules::parse(&text).unwrap();
        Contest { rules, numbers }
    };
    let [_, two, three, more] = IOWA.shares;
    let groups_always = |share| [Some((1, 2)), two, three, Some(share)];
    let down = Numbers { up: false, ..IOWA };
    [
        contest(&[], IOWA),
        contest(&[("rounding up", "rounding down")], down),
        contest(&[("half up", "half down")], IOWA),
        contest(
            &[("viability 1 whole-room", "viability 1 1/2")],
            Numbers {
                shares: groups_always(more.unwrap()),
                up: true,
            },
        ),
        // A share of a fiftieth: a dozen groups are viable, and with few delegates most must realign.
        contest(
            &[("viability 4 15/100", "viability 4 1/50")],
            Numbers {
                shares: [None, two, three, Some((1, 50))],
                up: true,
            },
        ),
        contest(
            &[
                ("viability 1 whole-room", "viability 1 1/2"),
                ("viability 4 15/100", "viability 4 1/10"),
                ("rounding up", "rounding down"),
                ("half up", "half down"),
            ],
            Numbers {
                shares: groups_always((1, 10)),
                up: false,
            },
        ),
    ]
}

/// What was compared. Each of these is a way in which an award can go, and must have been seen.
#[derive(Debug, Default)]
struct Seen {
    rooms: u64,
    changed_rules: u64,
    whole_room: u64,
    nobody_viable: u64,
    nobody_came: u64,
    settled: u64,
    tied_for_one_more: u64,
    tied_to_give_up: u64,
    tied_to_realign: u64,
    merged: u64,
    for_several: u64,
    people_left: u64,
    more_than_signed_in: u64,
    largest_unit: u64,
}

impl Seen {
    fn all(&self) -> [u64; 14] {
        [
            self.rooms,
            self.changed_rules,
            self.whole_room,
            self.nobody_viable,
            self.nobody_came,
            self.settled,
            self.tied_for_one_more,
            self.tied_to_give_up,
            self.tied_to_realign,
            self.merged,
            self.for_several,
            self.people_left,
            self.more_than_signed_in,
            self.largest_unit,
        ]
    }

    fn add(&mut self, other: &Self) {
        self.rooms += other.rooms;
        self.changed_rules += other.changed_rules;
        self.whole_room += other.whole_room;
        self.nobody_viable += other.nobody_viable;
        self.nobody_came += other.nobody_came;
        self.settled += other.settled;
        self.tied_for_one_more += other.tied_for_one_more;
        self.tied_to_give_up += other.tied_to_give_up;
        self.tied_to_realign += other.tied_to_realign;
        self.merged += other.merged;
        self.for_several += other.for_several;
        self.people_left += other.people_left;
        self.more_than_signed_in += other.more_than_signed_in;
        self.largest_unit += other.largest_unit;
    }

    fn note(&mut self, answer: &Award) {
        match answer {
            Award::Settled { by, .. } => {
                self.settled += 1;
                // One each, and somebody smaller got none: the smallest had to realign.
                self.merged += u64::from(by.values().all(|count| count.get() == 1));
            }
            Award::TieToBreak(tie) => {
                self.for_several += u64::from(tie.prizes > 1);
                match tie.kind {
                    TieKind::Award => self.tied_for_one_more += 1,
                    TieKind::Reduce => self.tied_to_give_up += 1,
                    TieKind::Merge => self.tied_to_realign += 1,
                }
            }
            Award::OneDelegate { .. } => self.whole_room += 1,
            Award::NobodyViable { .. } => self.nobody_viable += 1,
            Award::Nothing => self.nobody_came += 1,
        }
    }
}

/// A fixed sequence of numbers (splitmix64), so that a case that fails is found again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// A satellite, and precincts that elect 1 to 36 delegates.
fn units() -> Vec<Unit> {
    let unit = |elect| {
        let line = match elect {
            0 => "unit P-1 satellite CD1 One".to_owned(),
            _ => format!("unit P-1 precinct C {elect} One"),
        };
        Unit::parse_line(&line).unwrap()
    };
    (0..=36).map(unit).collect()
}

/// Compares this many rooms.
fn compare(seed: u64, cases: u64) -> Seen {
    let contests = contests();
    let units = units();
    let ids: Vec<GroupId> = contests[0]
        .rules
        .groups()
        .iter()
        .map(|group| group.id.clone())
        .collect();
    let ids: Vec<&GroupId> = ids.iter().collect();
    let mut dice = Dice(seed);
    let mut seen = Seen::default();
    for case in 0..cases {
        // Half the rooms are under the rules of 2020; small units, where groups tie and merge, are
        // as frequent as all others together.
        let which = usize::try_from(dice.below(10).saturating_sub(4)).unwrap();
        let elect = match dice.below(10) {
            0 => 0,
            1..=4 => 1 + dice.below(5),
            _ => 1 + dice.below(36),
        };
        let sizes = sizes(&mut dice);
        let counted = sizes.iter().sum::<u64>();
        let gone = if dice.below(3) == 0 {
            dice.below(20)
        } else {
            0
        };
        let strays = if dice.below(20) == 0 {
            dice.below(8)
        } else {
            0
        };
        let room = (counted + gone).saturating_sub(strays);
        let Contest { rules, numbers } = &contests[which];
        let unit = &units[usize::try_from(elect).unwrap()];
        let answer = award(rules, unit, &sheet(&ids, room, &sizes));
        let elect = match elect {
            0 => 9.min(4 + room.saturating_sub(1) / 20),
            _ => elect,
        };
        let other = outcome(*numbers, elect, room, &ids, &sizes);
        assert_eq!(
            in_these_words(&answer),
            other,
            "seed {seed}, case {case}: {elect} delegates, {room} people, {sizes:?}, {numbers:?}"
        );
        if let Outcome::Split { tied, winners, .. } = &other {
            assert!(*winners < tied.len() || tied.is_empty());
        }
        seen.note(&answer);
        seen.rooms += 1;
        seen.changed_rules += u64::from(which > 0);
        seen.people_left += u64::from(counted < room);
        seen.more_than_signed_in += u64::from(counted > room);
        seen.largest_unit += u64::from(elect == 36);
    }
    seen
}

/// Up to twelve groups: of all sizes, all of one size, or of two sizes that differ by one.
fn sizes(dice: &mut Dice) -> Vec<u64> {
    let largest = [3, 12, 60, 250, 2000][usize::try_from(dice.below(5)).unwrap()];
    let groups = 1 + dice.below(12);
    let size = dice.below(largest);
    match dice.below(8) {
        0 => vec![size; usize::try_from(groups).unwrap()],
        1 => (0..groups).map(|_| size + dice.below(2)).collect(),
        _ => (0..groups).map(|_| dice.below(largest)).collect(),
    }
}

/// A sheet of which the award reads only the attendance and the final alignment.
fn sheet(ids: &[&GroupId], room: u64, sizes: &[u64]) -> Worksheet {
    let cells = ids.iter().zip(sizes);
    Worksheet {
        attendees: People::new(room).unwrap(),
        first: FirstAlignment::default(),
        last: cells
            .map(|(id, size)| ((*id).clone(), People::new(*size).unwrap()))
            .collect(),
        reported: Reported::default(),
        ties: Vec::new(),
    }
}

/// The two agree on what is certain, who ties and how many of them win: in a hundred thousand rooms,
/// and in ten million where `TALLY_NIGHTLY` is set.
///
/// How often each kind of award was met is printed and checked, so that a run that compared nothing
/// of one kind fails.
#[test]
fn two_implementations_agree_on_every_room() {
    let nightly = std::env::var_os("TALLY_NIGHTLY").is_some();
    let cases: u64 = if nightly { 10_000_000 } else { 100_000 };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = u64::try_from(threads).unwrap();
    let seen = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || compare(0x7461_6C6C_7920 + thread, cases.div_ceil(threads)))
            })
            .collect();
        let mut seen = Seen::default();
        for part in parts {
            seen.add(&part.join().unwrap());
        }
        seen
    });
    println!("{seen:?}");
    assert!(seen.rooms >= cases);
    for (place, count) in (0..).zip(seen.all()) {
        assert!(
            count >= cases / 1000,
            "kind {place} was met {count} times: {seen:?}"
        );
    }
}
