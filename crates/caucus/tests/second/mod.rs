//! A second award, written from the other form of the rules and sharing no code with the first.
//!
//! The first rounds every share and then puts the sum right, one delegate at a time. This one never
//! rounds. It gives every viable group the one delegate it is entitled to, writes down the claim of
//! each group to each further delegate (`share - delegates held before it`), sorts all claims, and
//! grants as many as there are delegates left: the method of largest remainders with a floor of one.
//! Where the last granted claim equals the first refused one, chance decides among the equal ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use caucus::{Award, GroupId, TieKind};

/// What the counts alone decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One delegate, no groups.
    WholeRoom,
    /// Nobody is viable.
    Nobody,
    /// Nobody came.
    Nothing,
    /// Every group's certain delegates; of `tied`, `winners` get one more.
    Split {
        certain: BTreeMap<GroupId, u64>,
        tied: BTreeSet<GroupId>,
        winners: usize,
    },
}

/// The 2020 rules by numbers: a site that elects `elect`, with `room` people signed in.
pub(crate) fn outcome(elect: u64, room: u64, sizes: &BTreeMap<GroupId, u64>) -> Outcome {
    if room == 0 {
        return Outcome::Nothing;
    }
    let share = match elect {
        1 => return Outcome::WholeRoom,
        2 => (1, 4),
        3 => (1, 6),
        _ => (15, 100),
    };
    let viable: BTreeMap<&GroupId, u64> = sizes
        .iter()
        .filter(|(_, size)| **size > 0 && *size * share.1 >= room * share.0)
        .map(|(group, size)| (group, *size))
        .collect();
    if viable.is_empty() {
        return Outcome::Nobody;
    }
    let seats = usize::try_from(elect).unwrap();
    let (floor, claims, granted) = if viable.len() > seats {
        // More groups than delegates: the claim to a first delegate is the group's size (R4).
        let claims = viable
            .iter()
            .map(|(group, size)| (i128::from(*size), *group));
        (0, claims.collect::<Vec<_>>(), seats)
    } else {
        let mut claims = Vec::new();
        for (group, size) in &viable {
            for held in 1..elect {
                let claim = i128::from(size * elect) - i128::from(held * room);
                claims.push((claim, *group));
            }
        }
        (1, claims, seats - viable.len())
    };
    grant(floor, claims, granted, viable.keys().copied())
}

fn grant<'a>(
    floor: u64,
    mut claims: Vec<(i128, &'a GroupId)>,
    granted: usize,
    groups: impl Iterator<Item = &'a GroupId>,
) -> Outcome {
    let mut certain: BTreeMap<GroupId, u64> = groups.map(|group| (group.clone(), floor)).collect();
    claims.sort_by_key(|(claim, _)| Reverse(*claim));
    let last = granted.checked_sub(1).map(|index| claims[index].0);
    let next = claims.get(granted).map(|claim| claim.0);
    let open = if last == next { last } else { None };
    let mut tied = BTreeSet::new();
    let mut winners = 0;
    for (index, (claim, group)) in claims.into_iter().enumerate() {
        if Some(claim) == open {
            tied.insert(group.clone());
            winners += usize::from(index < granted);
        } else if index < granted {
            *certain.get_mut(group).unwrap() += 1;
        }
    }
    certain.retain(|_, count| *count > 0);
    Outcome::Split {
        certain,
        tied,
        winners,
    }
}

/// The first implementation's answer in the words of the second.
pub(crate) fn in_these_words(award: &Award) -> Outcome {
    match award {
        Award::OneDelegate { .. } => Outcome::WholeRoom,
        Award::NobodyViable { .. } => Outcome::Nobody,
        Award::Nothing => Outcome::Nothing,
        Award::Settled { by, .. } => Outcome::Split {
            certain: by
                .iter()
                .map(|(group, count)| (group.clone(), count.get()))
                .collect(),
            tied: BTreeSet::new(),
            winners: 0,
        },
        Award::TieToBreak(tie) => {
            let prizes = usize::try_from(tie.prizes).unwrap();
            let tied: BTreeSet<GroupId> = tie.groups.iter().cloned().collect();
            let (lost, winners) = match tie.kind {
                TieKind::Award => (0, prizes),
                TieKind::Reduce | TieKind::Merge => (1, tied.len() - prizes),
            };
            let certain = tie.so_far.iter().map(|(group, count)| {
                let lost = if tied.contains(group) { lost } else { 0 };
                (group.clone(), count.get() - lost)
            });
            Outcome::Split {
                certain: certain.filter(|(_, count)| *count > 0).collect(),
                tied,
                winners,
            }
        }
    }
}
