//! The award (R4 to R8): who gets how many of a unit's delegates.
//!
//! Shares are rounded first and put right afterwards (R5, R6, R7). All comparisons are between exact
//! fractions over the same denominator, the attendance, so only the numerators are compared. What the
//! arithmetic leaves open is a tie; a game of chance on the sheet settles it, and without one the
//! answer says what is to be played for.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::alignment::Reported;
use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::roster::{Kind, Unit};
use crate::rules::{Half, Rules};
use crate::steps::Step;
use crate::viability::{Threshold, Viability, threshold};
use crate::worksheet::{Tie, TieKind, Worksheet};

/// What the rules make of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Award {
    /// Every delegate has its group.
    Settled {
        /// Delegates by group; a group that is not listed gets none.
        by: BTreeMap<GroupId, Delegates>,
        /// How it came about.
        steps: Vec<Step>,
    },
    /// A game of chance is due that the sheet does not record.
    TieToBreak(TieToBreak),
    /// The whole room elects one delegate, and counts do not decide (R8).
    OneDelegate {
        /// The largest final groups: the likely, not the certain, winners.
        largest: Vec<GroupId>,
    },
    /// No group reached the threshold; somebody has to realign.
    NobodyViable {
        /// What a group needs.
        threshold: Threshold,
    },
    /// Nobody came: nothing is due.
    Nothing,
}

/// A tie that people must settle (R7a).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieToBreak {
    /// What it is about.
    pub kind: TieKind,
    /// The groups with equal claims, ascending: more than there are prizes.
    pub groups: Vec<GroupId>,
    /// How many of them win, lose or must realign: at least one.
    pub prizes: u64,
    /// Delegates by group before the tie is settled; for a merge, one for every group in it.
    pub so_far: BTreeMap<GroupId, Delegates>,
    /// How it came about.
    pub steps: Vec<Step>,
}

/// Delegates the unit elects with this attendance: a precinct's are fixed, a satellite's follow (R9).
pub fn delegates_to_elect(rules: &Rules, unit: &Unit, attendees: People) -> Delegates {
    match &unit.kind {
        Kind::Precinct { delegates, .. } => *delegates,
        Kind::Satellite { .. } => rules.satellite_delegates(attendees),
    }
}

/// The award the rules give for this sheet.
pub fn award(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Award {
    settle(open(rules, unit, worksheet), &worksheet.ties)
}

/// Whether the rules permit this award for the sheet's counts, whichever way a game of chance went.
///
/// Where the whole room elects (R8), any one group may have the delegate; where nobody is viable or
/// nobody came, only no delegates at all are permitted.
pub fn permitted(rules: &Rules, unit: &Unit, worksheet: &Worksheet, reported: &Reported) -> bool {
    match open(rules, unit, worksheet) {
        Award::Settled { by, .. } => {
            let given = |group: &GroupId| by.get(group).copied().unwrap_or_default();
            let mut groups = by.keys().chain(reported.groups());
            groups.all(|group| given(group) == reported.get(group))
        }
        Award::TieToBreak(tie) => tie.permits(reported),
        Award::OneDelegate { .. } => reported.total().get() == 1,
        Award::NobodyViable { .. } | Award::Nothing => reported.total() == Delegates::ZERO,
    }
}

impl TieToBreak {
    /// Whether some way of settling the tie leads to this award.
    fn permits(&self, reported: &Reported) -> bool {
        let so_far = |group: &GroupId| self.so_far.get(group).copied().unwrap_or_default();
        let moved = |group: &GroupId| {
            self.groups.contains(group)
                && after_chance(so_far(group), self.kind) == Some(reported.get(group))
        };
        let mut groups = self.so_far.keys().chain(reported.groups());
        let won = self.groups.iter().filter(|group| moved(group)).count();
        groups.all(|group| reported.get(group) == so_far(group) || moved(group))
            && u64::try_from(won) == Ok(self.prizes)
    }
}

/// Plays the games of chance that the sheet records, in their order, as long as they fit.
///
/// A record fits when it is of the tie's kind, is settled for one of the groups still in it, and
/// names either those groups or all that began it (straws are drawn once for several prizes).
fn settle(award: Award, recorded: &[Tie]) -> Award {
    let Award::TieToBreak(mut tie) = award else {
        return award;
    };
    let began = tie.groups.clone();
    for record in recorded {
        let fits = record.kind() == tie.kind
            && (record.groups() == tie.groups || record.groups() == began)
            && tie.groups.contains(record.settled_for());
        if !fits {
            continue;
        }
        let group = record.settled_for().clone();
        let before = tie.so_far.get(&group).copied().unwrap_or_default();
        let after = after_chance(before, tie.kind).unwrap_or(before);
        tie.so_far.insert(group.clone(), after);
        tie.groups.retain(|tied| *tied != group);
        tie.steps.push(Step::Settled {
            kind: tie.kind,
            group,
        });
        tie.prizes = tie.prizes.saturating_sub(1);
        if tie.prizes == 0 {
            tie.so_far.retain(|_, count| *count > Delegates::ZERO);
            return Award::Settled {
                by: tie.so_far,
                steps: tie.steps,
            };
        }
    }
    Award::TieToBreak(tie)
}

/// A group's delegates after the game of chance was settled for it.
fn after_chance(before: Delegates, kind: TieKind) -> Option<Delegates> {
    let one = Delegates::new(1)?;
    match kind {
        TieKind::Award => before.checked_add(one),
        TieKind::Reduce | TieKind::Merge => before.checked_sub(one),
    }
}

/// The award without looking at recorded games of chance.
fn open(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Award {
    let attendees = worksheet.attendees;
    if attendees == People::ZERO {
        return Award::Nothing;
    }
    let elect = delegates_to_elect(rules, unit, attendees);
    let threshold = threshold(rules, elect, attendees);
    if threshold == Threshold::WholeRoom {
        return Award::OneDelegate {
            largest: largest(worksheet),
        };
    }
    let viable: Vec<(GroupId, People)> = worksheet
        .last
        .iter()
        .filter(|(_, size)| threshold.viability(*size) == Viability::Viable)
        .map(|(group, size)| (group.clone(), size))
        .collect();
    if viable.is_empty() {
        return Award::NobodyViable { threshold };
    }
    let steps = alloc::vec![Step::Needed {
        threshold,
        attendees,
    }];
    let groups = u64::try_from(viable.len()).unwrap_or(u64::MAX);
    if groups > elect.get() {
        return merge(viable, groups.saturating_sub(elect.get()), steps);
    }
    Shares::round(&viable, elect, attendees, rules.half(), steps).put_right()
}

/// The groups with the largest final count above nothing.
fn largest(worksheet: &Worksheet) -> Vec<GroupId> {
    let most = worksheet.last.iter().map(|(_, size)| size).max();
    worksheet
        .last
        .iter()
        .filter(|(_, size)| Some(*size) == most && *size > People::ZERO)
        .map(|(group, _)| group.clone())
        .collect()
}

/// R4: `surplus` of the viable groups, the smallest, must realign; the others get one each, for
/// there are then as many groups as delegates and each is entitled to one.
fn merge(viable: Vec<(GroupId, People)>, surplus: u64, mut steps: Vec<Step>) -> Award {
    let one = Delegates::new(1).unwrap_or_default();
    let mut left = surplus;
    let mut remaining = viable;
    loop {
        let smallest = remaining.iter().map(|(_, size)| *size).min();
        let tied: Vec<GroupId> = remaining
            .iter()
            .filter(|(_, size)| Some(*size) == smallest)
            .map(|(group, _)| group.clone())
            .collect();
        let count = u64::try_from(tied.len()).unwrap_or(u64::MAX);
        if left == 0 || count > left || tied.is_empty() {
            let so_far = remaining
                .into_iter()
                .map(|(group, _)| (group, one))
                .collect();
            return if left == 0 {
                Award::Settled { by: so_far, steps }
            } else {
                Award::TieToBreak(TieToBreak {
                    kind: TieKind::Merge,
                    groups: tied,
                    prizes: left,
                    so_far,
                    steps,
                })
            };
        }
        remaining.retain(|(group, _)| !tied.contains(group));
        steps.extend(tied.into_iter().map(|group| Step::Merged { group }));
        left = left.saturating_sub(count);
    }
}

/// The viable groups' shares while they are put right.
struct Shares {
    rows: Vec<ShareRow>,
    elect: Delegates,
    attendees: People,
    steps: Vec<Step>,
}

struct ShareRow {
    group: GroupId,
    /// The exact share times the attendance: group size times delegates to elect.
    above: i128,
    delegates: Delegates,
}

/// Whether a delegate is taken or given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Take,
    Give,
}

impl Shares {
    /// R5: each viable group's share, rounded, at least one.
    fn round(
        viable: &[(GroupId, People)],
        elect: Delegates,
        attendees: People,
        half: Half,
        mut steps: Vec<Step>,
    ) -> Self {
        let below = u128::from(attendees.get());
        let mut rows = Vec::with_capacity(viable.len());
        for (group, size) in viable {
            // At most 2^53 people times 10,000 delegates.
            let above = u128::from(size.get()).saturating_mul(u128::from(elect.get()));
            // floor(x + 1/2) = floor((2 above + below) / (2 below)); one less above sends x.5 down.
            let half_up = above.saturating_mul(2).saturating_add(below);
            let doubled = match half {
                Half::Up => half_up,
                Half::Down => half_up.saturating_sub(1),
            };
            let whole = doubled.checked_div(below.saturating_mul(2)).unwrap_or(0);
            let to = u64::try_from(whole.max(1)).ok().and_then(Delegates::new);
            // Only a group larger than the room can have more than all delegates.
            let delegates = to.unwrap_or(elect).min(elect);
            steps.push(Step::Rounded {
                group: group.clone(),
                above,
                below: attendees,
                to: delegates,
            });
            rows.push(ShareRow {
                group: group.clone(),
                above: i128::try_from(above).unwrap_or(i128::MAX),
                delegates,
            });
        }
        Self {
            rows,
            elect,
            attendees,
            steps,
        }
    }

    /// R6 and R7: takes from whoever was rounded up furthest, or gives to whoever was rounded down
    /// furthest, one delegate at a time, until the sum is right.
    fn put_right(mut self) -> Award {
        loop {
            let given = Delegates::sum(self.rows.iter().map(|row| row.delegates)).get();
            let elect = self.elect.get();
            let (direction, left) = match given.cmp(&elect) {
                core::cmp::Ordering::Equal => return self.settled(),
                core::cmp::Ordering::Greater => (Direction::Take, given.saturating_sub(elect)),
                core::cmp::Ordering::Less => (Direction::Give, elect.saturating_sub(given)),
            };
            let first = self.first_in_line(direction);
            let count = u64::try_from(first.len()).unwrap_or(u64::MAX);
            if first.is_empty() {
                // Not reached: there are at most as many groups as delegates, so a sum that is too
                // large has a group with more than one.
                return self.settled();
            }
            if count > left {
                return self.tied(direction, &first, left);
            }
            self.step(direction, &first);
        }
    }

    /// The groups whose claim to the next step is the strongest; several where claims are equal.
    fn first_in_line(&self, direction: Direction) -> Vec<GroupId> {
        let attendance = i128::from(self.attendees.get());
        let claim = |row: &ShareRow| {
            let rounded = i128::from(row.delegates.get()).saturating_mul(attendance);
            match direction {
                Direction::Take => rounded.saturating_sub(row.above),
                Direction::Give => row.above.saturating_sub(rounded),
            }
        };
        // R6: a group that holds only one delegate keeps it.
        let open = |row: &&ShareRow| direction == Direction::Give || row.delegates.get() > 1;
        let strongest = self.rows.iter().filter(open).map(claim).max();
        self.rows
            .iter()
            .filter(open)
            .filter(|row| Some(claim(row)) == strongest)
            .map(|row| row.group.clone())
            .collect()
    }

    fn step(&mut self, direction: Direction, groups: &[GroupId]) {
        for row in &mut self.rows {
            if !groups.contains(&row.group) {
                continue;
            }
            let group = row.group.clone();
            let (kind, step) = match direction {
                Direction::Take => (TieKind::Reduce, Step::Reduced { group }),
                Direction::Give => (TieKind::Award, Step::Raised { group }),
            };
            row.delegates = after_chance(row.delegates, kind).unwrap_or(row.delegates);
            self.steps.push(step);
        }
    }

    fn by(rows: Vec<ShareRow>) -> BTreeMap<GroupId, Delegates> {
        rows.into_iter()
            .map(|row| (row.group, row.delegates))
            .collect()
    }

    fn settled(self) -> Award {
        Award::Settled {
            by: Self::by(self.rows),
            steps: self.steps,
        }
    }

    fn tied(self, direction: Direction, groups: &[GroupId], prizes: u64) -> Award {
        Award::TieToBreak(TieToBreak {
            kind: match direction {
                Direction::Take => TieKind::Reduce,
                Direction::Give => TieKind::Award,
            },
            groups: groups.to_vec(),
            prizes,
            so_far: Self::by(self.rows),
            steps: self.steps,
        })
    }
}
