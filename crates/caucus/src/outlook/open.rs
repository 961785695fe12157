//! One open question: what its worst answer takes from a margin.

use alloc::vec::Vec;

use super::{Dispute, OpenKind, UnitState};
use crate::delegates::{Award, award, delegates_to_elect};
use crate::results::ResultRow;
use crate::roster::{Kind, Unit};
use crate::rules::{Pool, Rules};
use crate::sde::Sde;
use crate::standing::Standing;
use crate::worksheet::{TieKind, Worksheet};

/// A unit with an open question, its delegates by group in the order of the rules.
pub(super) struct OpenUnit<'a> {
    pub(super) unit: &'a Unit,
    pub(super) worksheet: Option<&'a Worksheet>,
    pub(super) kind: OpenKind,
    given: Vec<u64>,
    /// The most that its answer awards, all groups together.
    most: u64,
    /// What chance can leave each group, where that alone is open.
    chance: Option<Vec<(u64, u64)>>,
}

/// A pool with open questions.
pub(super) struct OpenPool<'a> {
    pub(super) pool: &'a Pool,
    pub(super) rows: Option<&'a [ResultRow]>,
    /// The most any group can have of it, where a site's attendance is open.
    pub(super) most: Sde,
    pub(super) units: Vec<OpenUnit<'a>>,
}

impl<'a> OpenUnit<'a> {
    /// The unit, if something is open about it.
    pub(super) fn of(rules: &Rules, state: &UnitState<'a>) -> Option<Self> {
        let UnitState {
            unit,
            worksheet,
            standing,
            dispute,
        } = *state;
        let groups = || rules.groups().iter().map(|group| &group.id);
        let given: Vec<u64> = groups()
            .map(|group| worksheet.map_or(0, |worksheet| worksheet.reported.get(group).get()))
            .collect();
        let (kind, chance) = match (standing, worksheet) {
            (Standing::Silent, _) | (_, None) => (OpenKind::Silent, None),
            (Standing::Held, Some(_)) => (OpenKind::Held, None),
            (Standing::Received | Standing::Verified, Some(worksheet)) => match dispute {
                Dispute::Open => (OpenKind::Disputed, None),
                Dispute::Settled => (OpenKind::Chance, Some(chance(rules, unit, worksheet)?)),
            },
        };
        let elect = match &unit.kind {
            Kind::Precinct { delegates, .. } => delegates.get(),
            Kind::Satellite { .. } => 0,
        };
        let sum = given.iter().copied().fold(0, u64::saturating_add);
        Some(Self {
            unit,
            worksheet,
            kind,
            given,
            most: elect.max(sum),
            chance,
        })
    }

    /// How many delegates the worst answer takes from the leader's margin over the rival.
    pub(super) fn swing(&self, leader: usize, rival: usize) -> u64 {
        let given = |place: usize| self.given.get(place).copied().unwrap_or(0);
        let (least, most) = match &self.chance {
            None => (0, self.most),
            Some(chance) => {
                let range = |place: usize| chance.get(place).copied();
                let least = range(leader).map_or_else(|| given(leader), |(least, _)| least);
                (
                    least,
                    range(rival).map_or_else(|| given(rival), |(_, most)| most),
                )
            }
        };
        let lost = given(leader).saturating_sub(least);
        lost.saturating_add(most.saturating_sub(given(rival)))
    }
}

impl OpenPool<'_> {
    /// The first reason for which a site's attendance is open, and with it the whole pool.
    pub(super) fn moves_whole(&self) -> Option<OpenKind> {
        let kinds = self.units.iter().map(|unit| unit.kind);
        kinds.filter(|kind| *kind != OpenKind::Chance).min()
    }

    /// What is left of the leader's margin in this pool when all of it is the rival's.
    pub(super) fn swing(&self, leader: usize, rival: usize) -> Sde {
        let now = |place: usize| {
            let row = self.rows.and_then(|rows| rows.get(place));
            row.map(|row| row.sde.clone()).unwrap_or_default()
        };
        let most = self.most.minus(&now(rival)).unwrap_or_default();
        most.plus(&now(leader))
    }
}

/// A pool's worth in the hands of one group if everybody were at this site: more than the pool is
/// worth if the site's sheet awards too many.
pub(super) fn most_of(rules: &Rules, pool: &Pool, state: &UnitState<'_>) -> Sde {
    let Some(worksheet) = state.worksheet else {
        return Sde::zero();
    };
    let elect = delegates_to_elect(rules, state.unit, worksheet.attendees);
    Sde::precinct(worksheet.reported.total(), pool.worth, elect)
}

/// What a game of chance that is due and not recorded can leave each group, in the order of the
/// rules; none if there is no such game.
fn chance(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Option<Vec<(u64, u64)>> {
    let Award::TieToBreak(tie) = award(rules, unit, worksheet) else {
        return None;
    };
    let ranges = rules.groups().iter().map(|group| {
        let so_far = tie.so_far.get(&group.id).map_or(0, |count| count.get());
        if !tie.groups.contains(&group.id) {
            return (so_far, so_far);
        }
        match tie.kind {
            TieKind::Award => (so_far, so_far.saturating_add(1)),
            TieKind::Reduce | TieKind::Merge => (so_far.saturating_sub(1), so_far),
        }
    });
    Some(ranges.collect())
}
