//! The award (R4 to R8): who gets how many of a unit's delegates.
//!
//! Shares are rounded first and put right afterwards (R5, R6, R7). All comparisons are between exact
//! fractions over the same denominator, the attendance, so only the numerators are compared. What the
//! arithmetic leaves open is a tie; a game of chance on the sheet settles it, and without one the
//! answer says what is to be played for.

mod shares;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::alignment::Reported;
use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::roster::{Kind, Unit};
use crate::rules::Rules;
use crate::steps::Step;
use crate::viability::{Threshold, Viability, threshold};
use crate::worksheet::{Tie, TieKind, Worksheet};
use shares::Shares;

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
    settle(open(rules, unit, worksheet, Notes::kept()), &worksheet.ties)
}

/// The award with the games of chance that the sheet records, and without its steps, which cost more
/// than it does.
pub(crate) fn settled(award: Award, worksheet: &Worksheet) -> Award {
    settle(award, &worksheet.ties)
}

/// The award before any game of chance is settled, without its steps.
pub(crate) fn unsettled(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Award {
    open(rules, unit, worksheet, Notes::left_out())
}

/// Whether the rules permit this award for the sheet's counts, whichever way a game of chance went.
///
/// Where the whole room elects (R8), any one group may have the delegate; where nobody is viable or
/// nobody came, only no delegates at all are permitted.
pub fn permitted(rules: &Rules, unit: &Unit, worksheet: &Worksheet, reported: &Reported) -> bool {
    unsettled(rules, unit, worksheet).permits(reported)
}

impl Award {
    /// Whether this award, or some way of settling its tie, is the one reported.
    pub(crate) fn permits(&self, reported: &Reported) -> bool {
        match self {
            Self::Settled { by, .. } => {
                let given = |group: &GroupId| by.get(group).copied().unwrap_or_default();
                let all = by
                    .iter()
                    .all(|(group, count)| reported.get(group) == *count);
                all && reported.iter().all(|(group, count)| given(group) == count)
            }
            Self::TieToBreak(tie) => tie.permits(reported),
            Self::OneDelegate { .. } => reported.total().get() == 1,
            Self::NobodyViable { .. } | Self::Nothing => reported.total() == Delegates::ZERO,
        }
    }
}

/// The steps of an award as it is worked out, where they are wanted.
struct Notes(Option<Vec<Step>>);

impl Notes {
    const fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    const fn left_out() -> Self {
        Self(None)
    }

    fn add(&mut self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &mut self.0 {
            steps.push(step());
        }
    }

    fn into_steps(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }
}

impl TieToBreak {
    /// The award where this tie is due.
    fn due(
        kind: TieKind,
        groups: Vec<GroupId>,
        prizes: u64,
        so_far: BTreeMap<GroupId, Delegates>,
        mut notes: Notes,
    ) -> Award {
        notes.add(|| Step::Tied {
            kind,
            groups: groups.clone(),
            prizes,
        });
        Award::TieToBreak(Self {
            kind,
            groups,
            prizes,
            so_far,
            steps: notes.into_steps(),
        })
    }

    /// Whether some way of settling the tie leads to this award.
    pub(crate) fn permits(&self, reported: &Reported) -> bool {
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
            by: record.by(),
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
fn open(rules: &Rules, unit: &Unit, worksheet: &Worksheet, mut notes: Notes) -> Award {
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
    let viable: Vec<(&GroupId, People)> = worksheet
        .last
        .iter()
        .filter(|(_, size)| threshold.viability(*size) == Viability::Viable)
        .collect();
    if viable.is_empty() {
        return Award::NobodyViable { threshold };
    }
    notes.add(|| Step::Needed {
        threshold,
        rounding: rules.rounding(),
        attendees,
    });
    let groups = u64::try_from(viable.len()).unwrap_or(u64::MAX);
    if groups > elect.get() {
        notes.add(|| Step::TooManyGroups {
            viable: groups,
            elect,
        });
        return merge(viable, groups.saturating_sub(elect.get()), notes);
    }
    Shares::round(&viable, elect, attendees, rules.half(), notes).put_right()
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
fn merge(viable: Vec<(&GroupId, People)>, surplus: u64, mut notes: Notes) -> Award {
    let one = Delegates::new(1).unwrap_or_default();
    let mut left = surplus;
    let mut remaining = viable;
    loop {
        let smallest = remaining.iter().map(|(_, size)| *size).min();
        let is_smallest = |(_, size): &&(&GroupId, People)| Some(*size) == smallest;
        let tied = remaining.iter().filter(is_smallest).count();
        let count = u64::try_from(tied).unwrap_or(u64::MAX);
        if left == 0 || count > left || tied == 0 {
            let groups = remaining.iter().filter(is_smallest);
            let groups = groups.map(|(group, _)| (*group).clone()).collect();
            let so_far = remaining
                .iter()
                .map(|(group, _)| ((*group).clone(), one))
                .collect();
            return if left == 0 {
                Award::Settled {
                    by: so_far,
                    steps: notes.into_steps(),
                }
            } else {
                TieToBreak::due(TieKind::Merge, groups, left, so_far, notes)
            };
        }
        for (group, size) in remaining.iter().filter(is_smallest) {
            notes.add(|| Step::Merged {
                group: (*group).clone(),
                size: *size,
            });
        }
        remaining.retain(|(_, size)| Some(*size) != smallest);
        left = left.saturating_sub(count);
    }
}
