//! The viable groups' shares while they are put right (R5, R6, R7).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Award, Notes, TieToBreak, after_chance};
use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::rules::Half;
use crate::steps::{Part, Step};
use crate::worksheet::TieKind;

/// The shares.
pub(super) struct Shares<'a> {
    rows: Vec<ShareRow<'a>>,
    elect: Delegates,
    attendees: People,
    notes: Notes,
}

struct ShareRow<'a> {
    group: &'a GroupId,
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

impl<'a> Shares<'a> {
    /// R5: each viable group's share, rounded, at least one.
    pub(super) fn round(
        viable: &[(&'a GroupId, People)],
        elect: Delegates,
        attendees: People,
        half: Half,
        mut notes: Notes,
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
            notes.add(|| Step::Rounded {
                group: (*group).clone(),
                size: *size,
                elect,
                below: attendees,
                half,
                to: delegates,
            });
            rows.push(ShareRow {
                group,
                above: i128::try_from(above).unwrap_or(i128::MAX),
                delegates,
            });
        }
        Self {
            rows,
            elect,
            attendees,
            notes,
        }
    }

    /// R6 and R7: takes from whoever has most above its share, or gives to whoever has most below
    /// it, one delegate at a time, until the sum is right.
    pub(super) fn put_right(mut self) -> Award {
        let elect = self.elect;
        let mut given = Delegates::sum(self.rows.iter().map(|row| row.delegates));
        if given != elect {
            self.notes.add(|| Step::Given { given, elect });
        }
        loop {
            let (direction, left) = match given.cmp(&elect) {
                core::cmp::Ordering::Equal => return self.settled(),
                core::cmp::Ordering::Greater => (Direction::Take, given.checked_sub(elect)),
                core::cmp::Ordering::Less => (Direction::Give, elect.checked_sub(given)),
            };
            let left = left.unwrap_or_default().get();
            let Some((claim, count)) = self.strongest(direction) else {
                // Not reached: there are at most as many groups as delegates, so a sum that is too
                // large has a group with more than one.
                return self.settled();
            };
            if count > left {
                return self.tied(direction, claim, left);
            }
            self.step(direction, claim);
            given = Delegates::sum(self.rows.iter().map(|row| row.delegates));
        }
    }

    /// A row's claim to the next step, times the attendance; none where it has no part in it.
    fn claim(&self, direction: Direction, row: &ShareRow<'_>) -> Option<i128> {
        let held = row.delegates.get();
        let rounded = i128::from(held).saturating_mul(i128::from(self.attendees.get()));
        match direction {
            // R6: a group that holds only one delegate keeps it.
            Direction::Take => (held > 1).then(|| rounded.saturating_sub(row.above)),
            Direction::Give => Some(row.above.saturating_sub(rounded)),
        }
    }

    /// The strongest claim to the next step, and how many groups have it.
    fn strongest(&self, direction: Direction) -> Option<(i128, u64)> {
        let mut strongest: Option<(i128, u64)> = None;
        for claim in self
            .rows
            .iter()
            .filter_map(|row| self.claim(direction, row))
        {
            strongest = match strongest {
                Some((most, count)) if claim == most => Some((most, count.saturating_add(1))),
                Some((most, count)) if claim < most => Some((most, count)),
                Some(_) | None => Some((claim, 1)),
            };
        }
        strongest
    }

    /// Takes from, or gives to, every group with this claim.
    fn step(&mut self, direction: Direction, claim: i128) {
        let part = Part {
            above: claim,
            below: self.attendees,
        };
        for index in 0..self.rows.len() {
            let moved = self.rows.get(index);
            if moved.and_then(|row| self.claim(direction, row)) != Some(claim) {
                continue;
            }
            let Some(row) = self.rows.get_mut(index) else {
                continue;
            };
            let kind = direction.kind();
            row.delegates = after_chance(row.delegates, kind).unwrap_or(row.delegates);
            let to = row.delegates;
            let group = row.group;
            self.notes.add(|| match direction {
                Direction::Take => Step::Reduced {
                    group: group.clone(),
                    over: part,
                    to,
                },
                Direction::Give => Step::Raised {
                    group: group.clone(),
                    under: part,
                    to,
                },
            });
        }
    }

    fn by(rows: Vec<ShareRow<'_>>) -> BTreeMap<GroupId, Delegates> {
        rows.into_iter()
            .map(|row| (row.group.clone(), row.delegates))
            .collect()
    }

    fn settled(self) -> Award {
        Award::Settled {
            by: Self::by(self.rows),
            steps: self.notes.into_steps(),
        }
    }

    fn tied(self, direction: Direction, claim: i128, prizes: u64) -> Award {
        let groups = self
            .rows
            .iter()
            .filter(|row| self.claim(direction, row) == Some(claim))
            .map(|row| row.group.clone())
            .collect();
        TieToBreak::due(
            direction.kind(),
            groups,
            prizes,
            Self::by(self.rows),
            self.notes,
        )
    }
}

impl Direction {
    /// What a game of chance is about where claims to this step are equal.
    const fn kind(self) -> TieKind {
        match self {
            Self::Take => TieKind::Reduce,
            Self::Give => TieKind::Award,
        }
    }
}
