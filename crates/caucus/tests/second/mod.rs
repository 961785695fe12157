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

/// The rules by numbers. Where exactly a half goes is not among them: here nothing is rounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// The share for one, two, three, and four or more delegates; none where the whole room elects.
    pub(crate) shares: [Option<(u64, u64)>; 4],
    /// Whether the threshold is rounded up.
    pub(crate) up: bool,
}

/// Those of 2020.
pub(crate) const IOWA: Numbers = Numbers {
    shares: [None, Some((1, 4)), Some((1, 6)), Some((15, 100))],
    up: true,
};

/// A site that elects `elect`, with `room` people signed in; `ids` and `sizes` go together.
pub(crate) fn outcome(
    numbers: Numbers,
    elect: u64,
    room: u64,
    ids: &[&GroupId],
    sizes: &[u64],
) -> Outcome {
    if room == 0 {
        return Outcome::Nothing;
    }
    let step = usize::try_from(elect.clamp(1, 4) - 1).unwrap();
    let Some((above, below)) = numbers.shares[step] else {
        return Outcome::WholeRoom;
    };
    // Rounded down, a group may lack less than one person of the share.
    let missing = if numbers.up { 0 } else { below - 1 };
    let viable: Vec<(usize, u64)> = (0..)
        .zip(sizes)
        .filter(|(_, size)| **size > 0 && *size * below + missing >= room * above)
        .map(|(index, size)| (index, *size))
        .collect();
    if viable.is_empty() {
        return Outcome::Nobody;
    }
    let seats = usize::try_from(elect).unwrap();
    let mut claims = Vec::new();
    let (floor, granted) = if viable.len() > seats {
        // More groups than delegates: the claim to a first delegate is the group's size (R4).
        claims.extend(
            viable
                .iter()
                .map(|(index, size)| (i128::from(*size), *index)),
        );
        (0, seats)
    } else {
        for (index, size) in &viable {
            for held in 1..elect {
                let claim = i128::from(size * elect) - i128::from(held * room);
                claims.push((claim, *index));
            }
        }
        (1, seats - viable.len())
    };
    grant(floor, claims, granted, &viable, ids)
}

fn grant(
    floor: u64,
    mut claims: Vec<(i128, usize)>,
    granted: usize,
    viable: &[(usize, u64)],
    ids: &[&GroupId],
) -> Outcome {
    let mut certain = vec![0; ids.len()];
    for (index, _) in viable {
        certain[*index] = floor;
    }
    claims.sort_unstable_by_key(|(claim, _)| Reverse(*claim));
    let last = granted.checked_sub(1).map(|index| claims[index].0);
    let next = claims.get(granted).map(|claim| claim.0);
    let open = if last == next { last } else { None };
    let mut tied = BTreeSet::new();
    let mut winners = 0;
    for (place, (claim, index)) in claims.into_iter().enumerate() {
        if Some(claim) == open {
            tied.insert(ids[index].clone());
            winners += usize::from(place < granted);
        } else if place < granted {
            certain[index] += 1;
        } else {
            break;
        }
    }
    let certain = ids.iter().zip(certain).filter(|(_, count)| *count > 0);
    Outcome::Split {
        certain: certain.map(|(id, count)| ((*id).clone(), count)).collect(),
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
