//! What happens in one room: people stand, some move, delegates are awarded, coins are tossed.

use std::collections::BTreeMap;

use caucus::{
    Award, Chance, Delegates, GroupId, People, Reported, Rules, Threshold, Tie, TieToBreak, Unit,
    Viability, Worksheet, award, delegates_to_elect, threshold,
};

use crate::random::Random;

/// How many of a thousand people stood first for whom in 2020.
const LEANINGS: [(&str, u64); 12] = [
    ("bennet", 1),
    ("biden", 150),
    ("bloomberg", 1),
    ("buttigieg", 213),
    ("gabbard", 2),
    ("klobuchar", 127),
    ("patrick", 1),
    ("sanders", 247),
    ("steyer", 17),
    ("uncommitted", 6),
    ("warren", 187),
    ("yang", 51),
];

/// Two rooms in five lose somebody between the counts; there one in twelve of those who may go does.
const ROOMS_THAT_LEAK_PER_MILLE: u64 = 400;
const LEAVERS_PER_MILLE: u64 = 80;

/// A sheet that obeys the rules, with every game of chance played and written down.
pub(crate) fn fill(
    random: &mut Random,
    rules: &Rules,
    unit: &Unit,
    attendees: People,
) -> Worksheet {
    let mut room = Room::seat(random, rules, attendees.get());
    let first = room.sizes.clone();
    let elect = delegates_to_elect(rules, unit, attendees);
    let threshold = threshold(rules, elect, attendees);
    if let Threshold::AtLeast { .. } = threshold {
        room.realign(random, threshold, elect);
    }
    let mut worksheet = Worksheet {
        attendees,
        first: first.into_iter().map(people).collect(),
        last: room.sizes.into_iter().map(people).collect(),
        reported: Reported::default(),
        ties: Vec::new(),
    };
    let by = play(random, rules, unit, &mut worksheet);
    let given = |group: &GroupId| by.get(group).copied().unwrap_or_default();
    worksheet.reported = rules
        .groups()
        .iter()
        .map(|group| (group.id.clone(), given(&group.id)))
        .collect();
    worksheet
}

fn people((group, size): (GroupId, u64)) -> (GroupId, People) {
    (group, People::new(size).expect("a room's size"))
}

/// The groups of a room.
struct Room {
    sizes: BTreeMap<GroupId, u64>,
    leanings: BTreeMap<GroupId, u64>,
}

impl Room {
    /// Everyone stands somewhere; each room leans its own way.
    fn seat(random: &mut Random, rules: &Rules, attendees: u64) -> Self {
        let leaning = |group: &GroupId| {
            let known = LEANINGS.iter().find(|(id, _)| *id == group.as_str());
            known.map_or(1, |(_, weight)| *weight)
        };
        let leanings: BTreeMap<GroupId, u64> = rules
            .groups()
            .iter()
            .map(|group| {
                (
                    group.id.clone(),
                    leaning(&group.id) * random.between(300, 1900),
                )
            })
            .collect();
        let mut room = Self {
            sizes: leanings.keys().map(|group| (group.clone(), 0)).collect(),
            leanings,
        };
        for _ in 0..attendees {
            let open: Vec<GroupId> = room.sizes.keys().cloned().collect();
            room.join(random, &open);
        }
        room
    }

    /// One person joins one of the open groups.
    fn join(&mut self, random: &mut Random, open: &[GroupId]) {
        let weights: Vec<u64> = open
            .iter()
            .map(|group| self.leanings.get(group).copied().unwrap_or(1))
            .collect();
        let group = random.weighted(&weights).and_then(|index| open.get(index));
        if let Some(size) = group.and_then(|group| self.sizes.get_mut(group)) {
            *size += 1;
        }
    }

    fn viable(&self, threshold: Threshold) -> Vec<GroupId> {
        let viable = |size: u64| {
            let size = People::new(size).unwrap_or_default();
            threshold.viability(size) == Viability::Viable
        };
        self.sizes
            .iter()
            .filter(|(_, size)| viable(**size))
            .map(|(group, _)| group.clone())
            .collect()
    }

    /// R3 and R4: viable groups are locked, the others move once; if there are more viable groups
    /// than delegates the smallest must move as well; if nobody is viable people gather behind the
    /// largest group until it is.
    fn realign(&mut self, random: &mut Random, threshold: Threshold, elect: Delegates) {
        let leak = random.chance(ROOMS_THAT_LEAK_PER_MILLE);
        let viable = self.viable(threshold);
        if viable.is_empty() {
            self.gather(threshold);
            return;
        }
        let movers: Vec<GroupId> = self
            .sizes
            .keys()
            .filter(|group| !viable.contains(group))
            .cloned()
            .collect();
        self.move_people(random, &movers, &viable, leak);
        let mut staying = viable;
        while u64::try_from(staying.len()).is_ok_and(|groups| groups > elect.get()) {
            let smallest = staying.iter().map(|group| self.size(group)).min();
            let tied: Vec<GroupId> = staying
                .iter()
                .filter(|group| Some(self.size(group)) == smallest)
                .cloned()
                .collect();
            let Some(goes) = random.pick(&tied).cloned() else {
                return;
            };
            staying.retain(|group| *group != goes);
            self.move_people(random, &[goes], &staying, leak);
        }
    }

    fn size(&self, group: &GroupId) -> u64 {
        self.sizes.get(group).copied().unwrap_or_default()
    }

    fn move_people(&mut self, random: &mut Random, from: &[GroupId], into: &[GroupId], leak: bool) {
        for group in from {
            let size = self.sizes.insert(group.clone(), 0).unwrap_or_default();
            for _ in 0..size {
                if !(leak && random.chance(LEAVERS_PER_MILLE)) {
                    self.join(random, into);
                }
            }
        }
    }

    /// The smaller groups go over to the largest, smallest first, until it is viable.
    fn gather(&mut self, threshold: Threshold) {
        while self.viable(threshold).is_empty() {
            let standing = || self.sizes.iter().filter(|(_, size)| **size > 0);
            let largest = standing()
                .max_by_key(|(_, size)| **size)
                .map(|(group, _)| group.clone());
            let smallest = standing()
                .filter(|(group, _)| Some(*group) != largest.as_ref())
                .min_by_key(|(_, size)| **size)
                .map(|(group, size)| (group.clone(), *size));
            let (Some(largest), Some((smallest, size))) = (largest, smallest) else {
                return;
            };
            self.sizes.insert(smallest, 0);
            *self.sizes.entry(largest).or_default() += size;
        }
    }
}

/// The award, with a coin tossed or straws drawn and written down wherever the rules ask for it.
fn play(
    random: &mut Random,
    rules: &Rules,
    unit: &Unit,
    worksheet: &mut Worksheet,
) -> BTreeMap<GroupId, Delegates> {
    loop {
        match award(rules, unit, worksheet) {
            Award::Settled { by, .. } => return by,
            Award::TieToBreak(tie) => worksheet.ties.push(toss(random, tie)),
            Award::OneDelegate { largest } => {
                let one = Delegates::new(1).expect("one is a number");
                let winner = random.pick(&largest).cloned();
                return winner.into_iter().map(|group| (group, one)).collect();
            }
            Award::NobodyViable { .. } | Award::Nothing => return BTreeMap::new(),
        }
    }
}

fn toss(random: &mut Random, tie: TieToBreak) -> Tie {
    let by = match tie.groups.len() {
        2 => Chance::Coin,
        _ => Chance::Straws,
    };
    let winner = random.pick(&tie.groups).cloned().expect("a tie has groups");
    Tie::new(tie.kind, tie.groups, winner, by).expect("a tie to break is a tie")
}
