//! The award as the rules give it, beside the one that was reported (R13).
//!
//! It is what a sheet counts for where results are recomputed. The rules leave a delegate open where
//! a game of chance was due and nobody wrote down how it ended, where the whole room elects, and where
//! nobody is viable; such delegates are counted as undecided, never given out by code.

use alloc::collections::BTreeMap;

use crate::alignment::{RecomputedAward, Reported};
use crate::count::Delegates;
use crate::delegates::{Award, TieToBreak, delegates_to_elect, settled, unsettled};
use crate::id::GroupId;
use crate::roster::Unit;
use crate::rules::Rules;
use crate::worksheet::{TieKind, Worksheet};

/// What the rules give, and what they leave open.
///
/// INVARIANT: where anybody came, both together are the delegates the unit elects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recomputed {
    /// Delegates by group, as far as they are certain; a group that is not listed gets none.
    pub by: RecomputedAward,
    /// Delegates that no group is certain of.
    pub undecided: Delegates,
}

/// The award of the rules for this sheet.
///
/// Where chance had to decide and the sheet does not say how, the chair's award counts if chance
/// could have led to it; where the whole room elects (R8), it counts if it is one delegate.
pub fn recomputed(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Recomputed {
    let undecided = |undecided| Recomputed {
        by: RecomputedAward::default(),
        undecided,
    };
    match settled(unsettled(rules, unit, worksheet), worksheet) {
        Award::Settled { by, .. } => decided(by),
        Award::TieToBreak(tie) if tie.permits(&worksheet.reported) => {
            as_reported(&worksheet.reported)
        }
        Award::TieToBreak(tie) => certain(tie),
        Award::OneDelegate { .. } if worksheet.reported.total().get() == 1 => {
            as_reported(&worksheet.reported)
        }
        Award::OneDelegate { .. } | Award::NobodyViable { .. } => {
            undecided(delegates_to_elect(rules, unit, worksheet.attendees))
        }
        Award::Nothing => undecided(Delegates::ZERO),
    }
}

fn decided(by: BTreeMap<GroupId, Delegates>) -> Recomputed {
    Recomputed {
        by: RecomputedAward::new(by),
        undecided: Delegates::ZERO,
    }
}

fn as_reported(reported: &Reported) -> Recomputed {
    let given = reported
        .iter()
        .filter(|(_, count)| *count > Delegates::ZERO);
    decided(given.map(|(group, count)| (group.clone(), count)).collect())
}

/// What nobody can lose by the game of chance that is still to be played, and how many delegates it
/// is about. Of `groups` tied to give one up, or to realign, all but `prizes` keep theirs.
fn certain(tie: TieToBreak) -> Recomputed {
    let TieToBreak {
        kind,
        groups,
        prizes,
        so_far: mut by,
        ..
    } = tie;
    let undecided = match kind {
        TieKind::Award => prizes,
        TieKind::Reduce | TieKind::Merge => {
            for group in &groups {
                if let Some(count) = by.get_mut(group) {
                    *count = Delegates::of_sum(count.get().saturating_sub(1));
                }
            }
            let tied = u64::try_from(groups.len()).unwrap_or(u64::MAX);
            tied.saturating_sub(prizes)
        }
    };
    by.retain(|_, count| *count > Delegates::ZERO);
    Recomputed {
        by: RecomputedAward::new(by),
        undecided: Delegates::of_sum(undecided),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::People;
    use crate::worksheet::{Chance, Tie};
    use alloc::vec::Vec;

    /// Delegates of the unit, attendance, and rows of a group, its final size and its delegates.
    fn sheet(elect: u64, room: u64, rows: &[(&str, u64, u64)]) -> (Unit, Worksheet) {
        let line = alloc::format!("unit P-1 precinct C {elect} One");
        let group = |id: &str| GroupId::parse(id).unwrap();
        let size = |(id, size, _): &(&str, u64, u64)| (group(id), People::new(*size).unwrap());
        let given = |(id, _, n): &(&str, u64, u64)| (group(id), Delegates::new(*n).unwrap());
        let worksheet = Worksheet {
            attendees: People::new(room).unwrap(),
            first: rows.iter().map(size).collect(),
            last: rows.iter().map(size).collect(),
            reported: rows.iter().map(given).collect(),
            ties: Vec::new(),
        };
        (Unit::parse_line(&line).unwrap(), worksheet)
    }

    fn shown((unit, worksheet): &(Unit, Worksheet)) -> (Vec<(&'static str, u64)>, u64) {
        let Recomputed { by, undecided } = recomputed(&Rules::iowa_2020(), unit, worksheet);
        let names = ["biden", "sanders", "warren"];
        let given = by.iter().map(|(group, count)| {
            let name = names.iter().find(|name| **name == group.as_str());
            (*name.unwrap(), count.get())
        });
        (given.collect(), undecided.get())
    }

    /// 10*4/30 = 1.33 each: three are given, and the fourth is a matter of chance.
    const EVEN: [(&str, u64, u64); 3] = [("biden", 10, 2), ("sanders", 10, 1), ("warren", 10, 1)];

    #[test]
    fn what_the_rules_settle_counts_whatever_was_reported() {
        let settled = sheet(3, 30, &[("biden", 20, 1), ("sanders", 10, 2)]);
        assert_eq!(
            shown(&settled),
            (alloc::vec![("biden", 2), ("sanders", 1)], 0)
        );
    }

    #[test]
    fn an_award_that_chance_permits_counts_and_a_record_of_chance_goes_before_it() {
        let mut even = sheet(4, 30, &EVEN);
        let all = |biden, sanders, warren| {
            let row = [("biden", biden), ("sanders", sanders), ("warren", warren)];
            (Vec::from(row), 0)
        };
        assert_eq!(shown(&even), all(2, 1, 1));
        let groups = EVEN.map(|(id, ..)| GroupId::parse(id).unwrap());
        let [_, sanders, _] = groups.clone();
        let tie = Tie::new(TieKind::Award, groups.into(), sanders, Chance::Straws).unwrap();
        even.1.ties.push(tie);
        assert_eq!(shown(&even), all(1, 2, 1));
    }

    #[test]
    fn without_either_only_what_nobody_can_lose_counts() {
        let [_, sanders, warren] = EVEN;
        let three = sheet(4, 30, &[("biden", 10, 3), sanders, warren]);
        let each = alloc::vec![("biden", 1), ("sanders", 1), ("warren", 1)];
        assert_eq!(shown(&three), (each, 1));
        // 6*5/20 and 4*5/20 round up and 10*5/20 = 2.5 does: six of five, one of the larger two loses.
        let reduce = [("biden", 10, 0), ("sanders", 6, 0), ("warren", 4, 0)];
        let by = alloc::vec![("biden", 2), ("sanders", 1), ("warren", 1)];
        assert_eq!(shown(&sheet(5, 20, &reduce)), (by, 1));
        // Three equal groups for two delegates: one must realign, and it may be any.
        let merge = [("biden", 10, 0), ("sanders", 10, 0), ("warren", 10, 0)];
        assert_eq!(shown(&sheet(2, 30, &merge)), (Vec::new(), 2));
    }

    #[test]
    fn the_room_s_only_delegate_is_the_chair_s_if_one_was_given() {
        let one = |biden, sanders| sheet(1, 9, &[("biden", 4, biden), ("sanders", 5, sanders)]);
        assert_eq!(shown(&one(1, 0)), (alloc::vec![("biden", 1)], 0));
        assert_eq!(shown(&one(1, 1)), (Vec::new(), 1));
        assert_eq!(shown(&one(0, 0)), (Vec::new(), 1));
    }

    #[test]
    fn where_nobody_is_viable_all_is_open_and_where_nobody_came_nothing_is() {
        assert_eq!(shown(&sheet(4, 100, &[("biden", 10, 4)])), (Vec::new(), 4));
        assert_eq!(shown(&sheet(4, 0, &[])), (Vec::new(), 0));
    }
}
